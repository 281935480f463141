"""Stacking: sums under masks, weighted responses, and what it never does."""

import functools

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from tests.helpers.random_cutouts import ENERGY, RECO, TRUE, empty, made
from tests.helpers.runs import simulated, template
from xgamma.datasets.mosaic import Mosaic
from xgamma.model.frame import set_frame
from xgamma.numerics.intervals import union_of_intervals

SEEDS = st.lists(st.integers(0, 10_000), min_size=1, max_size=4, unique=True)
FAST = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def on_grid(array, ds, fill=0):
    """An array of a cutout on the whole grid."""
    dims = [d for d in ("y", "x", "y_irf", "x_irf") if d in array.dims]
    return array.reindex({d: ds[d] for d in dims}, fill_value=fill).values


@FAST
@given(SEEDS)
def test_counts_are_conserved_and_inputs_stay(seeds):
    parts = [made(s) for s in seeds]
    before = [p.copy(deep=True) for p in parts]
    grid = empty()
    kept = grid.copy(deep=True)
    total = grid.gamma.stack(*parts)
    assert int(total.counts.sum()) == sum(int(p.counts.where(p.mask_safe, 0).sum()) for p in parts)
    assert total.counts.dtype.kind == "i"
    for part, old in zip(parts, before, strict=True):
        xr.testing.assert_identical(part, old)
    xr.testing.assert_identical(grid, kept)
    assert xg.validate(total) == []


@FAST
@given(SEEDS)
def test_sums_and_masks(seeds):
    """Directly: every variable from its definition."""
    parts = [made(s) for s in seeds]
    grid = empty()
    total = grid.gamma.stack(*parts)
    mask = functools.reduce(np.logical_or, [on_grid(p.mask_safe, grid, False) for p in parts])
    assert_array_equal(total.mask_safe, mask)
    background = sum(on_grid(p.background.where(p.mask_safe, 0), grid) for p in parts)
    assert_allclose(total.background, background, rtol=1e-6)
    exposure = sum(on_grid(p.exposure.where(p.mask_safe.any("energy"), 0), grid) for p in parts)
    # Thresholds do not cut exposure: the image of the mask does. float32: seven digits.
    assert_allclose(total.exposure, exposure, rtol=1e-6)
    assert total.exposure.attrs["units"] == "m2 s"


def coarse_mask(ds):
    """Safe where any of the fine pixels around a coarse centre is, per energy."""
    mask = np.zeros((2, ds.sizes["y_irf"], ds.sizes["x_irf"]), bool)
    safe = ds.mask_safe.values
    for row, y in enumerate(ds.y_irf.values - ds.y.values[0]):
        for column, x in enumerate(ds.x_irf.values - ds.x.values[0]):
            ys = {min(max(int(f(y)), 0), ds.sizes["y"] - 1) for f in (np.floor, np.ceil)}
            xs = {min(max(int(f(x)), 0), ds.sizes["x"] - 1) for f in (np.floor, np.ceil)}
            mask[:, row, column] = np.any([safe[:, i, j] for i in ys for j in xs], axis=0)
    return mask


def test_responses_against_a_direct_computation():
    """Exposure-weighted means; reconstructed columns of the kernel under the mask."""
    parts, grid = [made(s, cut=False) for s in (1, 2, 3)], empty()
    total = grid.gamma.stack(*parts)
    masks = [coarse_mask(p) for p in parts]
    for name, second in (("psf", "rad"), ("edisp", "energy")):
        dims = ("energy_true", second, "y_irf", "x_irf")
        top, bottom = 0.0, 0.0
        for part, mask in zip(parts, masks, strict=True):
            weight = part[f"{name}_exposure"].values * mask.any(axis=0)
            columns = mask[np.newaxis] if name == "edisp" else 1.0
            top = top + part[name].transpose(*dims).values * weight[:, np.newaxis] * columns
            bottom = bottom + weight
        with np.errstate(invalid="ignore"):
            want = np.nan_to_num(top / bottom[:, np.newaxis])
        assert_allclose(total[name], want, rtol=1e-6, atol=1e-12)
        assert_allclose(total[f"{name}_exposure"], bottom, rtol=1e-6)


@FAST
@given(st.permutations([1, 2, 3, 4]))
def test_order_does_not_matter(order):
    """Counts and masks exactly; sums in double precision kept as float32, so to 2e-7."""
    first = empty().gamma.stack(*[made(s) for s in (1, 2, 3, 4)])
    other = empty().gamma.stack(*[made(s) for s in order])
    for name in ("counts", "mask_safe", "gti_start", "gti_stop"):
        assert_array_equal(first[name], other[name])
    for name in ("background", "exposure", "psf", "edisp", "psf_exposure", "edisp_exposure"):
        assert_allclose(first[name], other[name], rtol=2e-7)
    assert sorted(other.obs_id.values.tolist()) == [1, 2, 3, 4]


def test_in_steps_is_at_once():
    parts = [made(s) for s in (1, 2, 3)]
    once = empty().gamma.stack(*parts)
    steps = empty()
    for part in parts:
        steps = steps.gamma.stack(part)
    for name in ("counts", "mask_safe", "obs_id"):
        assert_array_equal(once[name], steps[name])
    for name in ("background", "exposure", "psf", "edisp"):
        assert_allclose(once[name], steps[name], rtol=1e-5)
    assert steps.exposure.attrs["livetime"] == once.exposure.attrs["livetime"] == 270


def test_template_three_times():
    """#4207, #4275: three datasets stacked into a new one kept one background, three counts."""
    one = made(5, cut=False, masked=False)
    ds = empty()
    for _ in range(3):
        ds = ds.gamma.stack(one)
    assert_array_equal(ds.counts, 3 * one.counts)
    assert_allclose(ds.background, 3 * one.background, rtol=1e-6)
    assert_allclose(ds.exposure, 3 * one.exposure, rtol=1e-6)
    assert_allclose(ds.psf, one.psf, rtol=1e-6)
    assert bool(ds.mask_safe.all())


def test_cutout_then_stack_is_stack_then_cutout():
    parts = [made(s, cut=False) for s in (1, 2)]
    position, width = "83.63d 22.01d", "0.6 deg"
    after = empty().gamma.stack(*parts).gamma.cutout(position, width)
    small = empty().gamma.cutout(position, width)
    before = small.gamma.stack(*[p.gamma.cutout(position, width) for p in parts])
    for name in ("counts", "background", "exposure", "mask_safe"):
        assert_array_equal(before[name], after[name])
    # Coarse pixels whose surroundings the cutout has too.
    inner = {"y_irf": slice(1, -1), "x_irf": slice(1, -1)}
    for name in ("psf", "edisp"):
        assert_allclose(before[name].isel(inner), after[name].isel(inner), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_a_number_under_a_mask(bad):
    """#3064: nan * False is nan. Masked values are left out, not multiplied."""
    part = made(3, cut=False)
    where = ~part.mask_safe
    spoiled = part.assign(
        background=part.background.where(part.mask_safe, bad),
        exposure=part.exposure.where(part.mask_safe.any("energy"), bad),
    )
    got, want = empty().gamma.stack(spoiled), empty().gamma.stack(part)
    assert bool(where.any())
    for name in ("counts", "background", "exposure"):
        assert_array_equal(got[name], want[name])


def test_masked_psf_may_hold_anything():
    part = made(3, cut=False, masked=False)
    nothing = part.assign(
        mask_safe=xr.zeros_like(part.counts, dtype=bool),
        psf=part.psf * np.nan,
        edisp=part.edisp * np.nan,
    )
    total = empty().gamma.stack(part, nothing)
    assert_allclose(total.psf, part.psf, rtol=1e-6)
    assert_allclose(total.edisp, part.edisp, rtol=1e-6)
    # #3903, #5742: a run that is masked whole adds no live time, but keeps its row.
    assert total.exposure.attrs["livetime"] == 90
    assert total.sizes["obs"] == 2


def test_without_masks():
    """#2717, #3983: no mask means all safe."""
    parts = [made(s, masked=False) for s in (1, 2)]
    total = empty().gamma.stack(*parts)
    assert int(total.counts.sum()) == sum(int(p.counts.sum()) for p in parts)


def test_counts_beyond_single_precision():
    """float32 counts stop at 2**24: 16777217 + 0."""
    one = made(1, cut=False, masked=False)
    big = one.assign(counts=one.counts * 0 + 2**24)
    more = one.assign(counts=one.counts * 0 + 1)
    assert int(empty().gamma.stack(big, more).counts.max()) == 2**24 + 1
    floats = [d.assign(counts=d.counts.astype("f8")) for d in (big, more, more)]
    total = Mosaic(empty())
    for d in floats:
        total.add(d)
    assert total.sums["counts"].max() == 2**24 + 2


def test_times():
    """Union of intervals, on the reference time of the first."""
    a, b, c = made(1, time=0.0), made(2, time=50.0), made(3, time=500.0)
    later = {"reference_time": "2000-01-01T00:01:00.000", "units": "s"}
    c = c.assign(gti_start=("gti", [440.0], later), gti_stop=("gti", [540.0], later))
    total = empty().gamma.stack(a, b, c)
    assert_allclose(total.gti_start, [0, 500])
    assert_allclose(total.gti_stop, [150, 600])
    assert total.gti_start.attrs["reference_time"].startswith("2000-01-01T00:00:00")


def test_empty_times():
    """Two empty tables of good time raised IndexError."""
    none = {"gti_start": ("gti", []), "gti_stop": ("gti", [])}
    total = empty().gamma.stack(made(1).assign(none), made(2).assign(none))
    assert total.sizes["gti"] == 0
    assert total.sizes["obs"] == 2


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), max_size=8))
def test_union_of_intervals(pairs):
    start = np.array([p[0] for p in pairs], float)
    stop = start + np.array([p[1] for p in pairs], float)
    low, high = union_of_intervals(start, stop)
    covered = {t for a, b in zip(start, stop, strict=True) for t in range(int(a), int(b))}
    assert (high - low).sum() == len(covered)
    assert (low[1:] > high[:-1]).all()


def test_rows_keep_what_each_run_was():
    """A row is a slice of a run, not an id: two slices of one run stay two."""
    total = empty().gamma.stack(made(4), made(4, time=200.0))
    assert total.obs_id.values.tolist() == [4, 4]
    assert total.livetime.values.tolist() == [90, 90]
    assert total.sizes["gti"] == 2


def test_migration_dispersion_keeps_the_threshold():
    """NUMERICS: gammapy stacks it under the image of the mask, and loses the threshold."""
    migra = xg.migra_axis(0.2, 3, 14)
    part = made(1, cut=False, masked=False, migra=migra)
    part = part.assign(edisp=part.edisp * 0 + 1.0)
    safe = xr.ones_like(part.counts, dtype=bool) & (part.energy_lo >= 2)
    total = empty(migra).gamma.stack(part.assign(mask_safe=safe))
    energy = total.energy_true * total.migra
    inside = (energy >= 1) & (energy < 2)
    at = total.edisp[:, :, 2, 2]
    assert bool(inside.any())
    assert_array_equal(at.where(inside, 0), 0)
    assert_array_equal(at.where(~inside, 1), 1)


def test_the_first_dataset_is_masked_too():
    """Wanted difference: gammapy's stack leaves the left dataset unmasked.

    What its mask hides then leaks into bins that the other makes safe.
    """
    a = made(1, cut=False)
    b = made(2, cut=False)
    total = a.gamma.stack(b)
    want = a.counts.where(a.mask_safe, 0) + b.counts.where(b.mask_safe, 0)
    assert_array_equal(total.counts, want)
    assert_array_equal(xg.stack([a, b]).counts, want)


def test_the_peer_leaves_the_first_unmasked(gammapy):
    from gammapy.datasets import MapDataset
    from gammapy.maps import Map, MapAxis, WcsGeom

    geom = WcsGeom.create(npix=1, axes=[MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1)])
    on, off = (Map.from_geom(geom, data=np.full((1, 1, 1), v)) for v in (True, False))
    five = Map.from_geom(geom, data=np.full((1, 1, 1), 5.0))
    left = MapDataset(counts=five.copy(), mask_safe=off)
    left.stack(MapDataset(counts=five.copy(), mask_safe=on))
    assert left.counts.data.sum() == 10


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (
            lambda: template("1.2 deg", "0.1 deg", energy=xg.energy_axis(1, 10, 5)),
            xg.AxisError,
            r"'energy' differ \(2 bins from 1 to 4 TeV versus 5 bins from 1 to 10 TeV\)",
        ),
        (
            lambda: template("1.2 deg", "0.1 deg", energy=ENERGY),
            xg.AxisError,
            "'energy_true' differ",
        ),
        (
            lambda: template(
                "1.2 deg", "0.1 deg", center=(83, 22), energy=ENERGY, energy_true=TRUE
            ),
            xg.FrameError,
            r"Different sky frames \(CRVAL1 83.63 versus 83.0",
        ),
        (lambda: empty(width="1.4 deg"), xg.FrameError, "Different sky frames|beyond"),
        (lambda: empty(migra=xg.migra_axis()), xg.AxisError, "has the axis 'migra'"),
    ],
)
def test_what_differs_is_named(other, error, message):
    ds = other()
    ds = ds.assign(counts=(RECO, np.zeros([ds.sizes[d] for d in RECO], int)))
    with pytest.raises(error, match=message):
        made(1, cut=False).gamma.stack(ds)


def test_beyond_the_mosaic():
    grid = empty()
    small = grid.gamma.cutout("83.63d 22.01d", "0.6 deg")
    with pytest.raises(xg.FrameError, match="extends beyond the mosaic along"):
        small.gamma.stack(made(1, cut=False))


def test_coarser_pixels_do_not_stack():
    coarse = set_frame(made(1, cut=False)[["counts"]].coarsen(x=2, y=2).sum())
    with pytest.raises(xg.FrameError, match="are not aligned with those of the mosaic"):
        empty().gamma.stack(coarse)


def test_map_and_spectrum_do_not_stack():
    spectrum = xg.create_spectrum("icrs;circle(83.63, 22.01, 0.2)", ENERGY, TRUE)
    spectrum = spectrum.assign(counts=("energy", [1, 2]))
    with pytest.raises(xg.FrameError):
        empty().gamma.stack(spectrum)


def test_psf_without_weight():
    with pytest.raises(xg.XGammaError, match="no psf_exposure"):
        empty().gamma.stack(made(1).drop_vars("psf_exposure"))


def test_partial_sums_merge():
    """As in a parallel reduction: two running sums give what one would."""
    parts = [made(s) for s in (1, 2, 3, 4)]
    one, left, right = Mosaic(empty()), Mosaic(empty()), Mosaic(empty())
    for number, part in enumerate(parts):
        one.add(part)
        (left if number < 2 else right).add(part)
    left.merge(right)
    a, b = one.to_dataset("a"), left.to_dataset("a")
    for name in a.data_vars:
        if a[name].dtype.kind == "f":
            assert_allclose(a[name], b[name], rtol=2e-7)
        else:
            assert_array_equal(a[name], b[name])


def test_real_runs_in_both_orders():
    runs = [simulated(events=True, obs_id=i, number=i, seed=i) for i in (1, 2)]
    filled = [empty().gamma.fill(r).gamma.safe_mask(r) for r in runs]
    a, b = empty().gamma.stack(*filled), empty().gamma.stack(*filled[::-1])
    assert_array_equal(a.counts, b.counts)
    assert float(a.livetime.sum()) == pytest.approx(1200)
    assert a.gti_start.size == 2


def test_rows_of_other_files_are_kept():
    empty = xg.create_map((0, 0), "1 deg", "0.5 deg", xg.energy_axis(1, 10, 1), energy_true="reco")
    one = empty.assign(
        counts=(("energy", "y", "x"), np.ones((1, 2, 2), dtype=int)),
        obs_id=("obs", [1]),
        obs_mode=("obs", ["WOBBLE"]),
    )
    two = one.assign(obs_id=("obs", [2])).drop_vars("obs_mode")
    stacked = one.gamma.stack(two)
    assert stacked.obs_id.values.tolist() == [1, 2]
    assert stacked.obs_mode.values.tolist() == ["WOBBLE", ""]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("exposure", "cm2 s"),
        ("psf", "deg-2"),
        ("psf_exposure", "cm2 s"),
        ("edisp_exposure", "km2 h"),
        ("livetime", "h"),
        ("time_start", "d"),
        ("pointing_lon", "rad"),
        ("gti_stop", "min"),
    ],
)
def test_units_may_differ(name, unit):
    """Variables in other units of their kind are converted, whichever comes first."""
    from xgamma.tutorial import example_map

    ds = example_map()
    other = ds.assign({name: ds[name].gamma.to_unit(unit)})
    assert xg.validate(other) == []
    want = xg.stack([ds, ds])
    for parts in ([ds, other], [other, ds], [other, other]):
        got = xg.stack(parts)
        for key in want.data_vars:
            if want[key].dtype.kind in "if":
                np.testing.assert_allclose(got[key], want[key], rtol=1e-5, err_msg=key)
                assert got[key].attrs.get("units") == want[key].attrs.get("units")
    info, plain = other.gamma.info_dict(), ds.gamma.info_dict()
    for key in ("exposure_min", "exposure_max", "livetime", "ontime", "counts_rate"):
        np.testing.assert_allclose(info[key], plain[key], rtol=1e-5)
    np.testing.assert_allclose(other.gamma.cumulative().livetime, ds.gamma.cumulative().livetime)


@pytest.mark.parametrize("name", ["counts", "background", "exposure"])
def test_what_only_some_have_is_not_summed(name):
    """Counts of two runs over the background of one gave an excess that nobody measured."""
    from xgamma.datasets.mosaic import Mosaic
    from xgamma.tutorial import example_map

    ds = example_map()
    less = ds.drop_vars(name)
    with pytest.raises(xg.MissingDataError, match=f"has no '{name}', but the preceding ones have"):
        xg.stack([ds, less])
    with pytest.raises(xg.MissingDataError, match=f"has '{name}', but the preceding ones have not"):
        xg.stack([less, ds])
    with pytest.raises(xg.MissingDataError, match=f"has no '{name}'"):
        xg.stack([ds.chunk(), less.chunk()]).compute()
    assert name not in xg.stack([less, less])
    one, other = Mosaic(ds), Mosaic(ds)
    one.add(ds)
    other.add(less)
    with pytest.raises(xg.MissingDataError, match=f"A part of the sum has no '{name}'"):
        one.merge(other)


@pytest.mark.parametrize("name", ["psf", "edisp"])
def test_a_response_that_only_some_have_is_told(name):
    from xgamma.tutorial import example_map

    ds = example_map()
    less = ds.drop_vars(name)
    for pair in ([ds, less], [less, ds]):
        with pytest.warns(xg.XGammaWarning, match=f"Only some of the datasets have '{name}'"):
            total = xg.stack(pair)
        assert total[name].equals(xg.stack([ds])[name])


def test_on_off_and_plain_are_not_mixed():
    from xgamma.tutorial import example_spectrum

    ds = example_spectrum()
    with pytest.raises(xg.XGammaError, match="is not on-off, but the preceding ones are on-off"):
        xg.stack([ds, ds.gamma.from_onoff()])
    with pytest.raises(xg.XGammaError, match="is on-off, but the preceding ones are not"):
        xg.stack([ds.gamma.from_onoff(), ds])
