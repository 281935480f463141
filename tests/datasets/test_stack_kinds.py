"""What a stack takes: whatever holds data, and runs of which nothing is safe."""

import itertools

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.runs import simulated, template
from xgamma.datasets.mosaic import Mosaic

CIRCLE = "icrs;circle(83.63, 22.01, 0.11)"
PARTS = ("counts", "exposure", "background", "psf", "edisp")


@pytest.fixture(scope="module")
def runs():
    return [simulated(events=True, seed=i, obs_id=i, livetime="30 min") for i in (1, 2, 3)]


def empty_spectrum():
    energy = xg.energy_axis("0.5 TeV", "20 TeV", 6)
    return xg.create_spectrum(CIRCLE, energy, energy_true=template().energy_true, name="d")


def hidden(ds):
    """The same with nothing safe."""
    dims = [d for d in ("energy", "y", "x") if d in ds.dims]
    mask = np.zeros([ds.sizes[d] for d in dims], dtype=bool)
    return ds.assign(mask_safe=(dims, mask))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("empty", [template, empty_spectrum], ids=["map", "spectrum"])
def test_whatever_holds_one_variable_is_added(runs, part, empty):
    """The first dataset counts as data, or is empty: responses alone were taken for nothing."""
    if part == "psf" and empty is empty_spectrum:
        pytest.skip("no PSF axis")
    a, b = (empty().gamma.fill(obs, select=[part]) for obs in runs[:2])
    want = empty().gamma.stack(a, b)
    assert want.obs_id.values.tolist() == [1, 2]
    xr.testing.assert_identical(
        a.gamma.stack(b).drop_attrs(deep=False), want.drop_attrs(deep=False)
    )
    xr.testing.assert_identical(
        xg.stack([a, b]).drop_attrs(deep=False), want.drop_attrs(deep=False)
    )


def test_a_template_with_times_and_a_fit_range_is_no_data(runs):
    """Its mask would make every bin safe."""
    ds = empty_spectrum().gamma.fill(runs[0], select=["counts"])
    first = xg.create_spectrum(
        CIRCLE, ds.energy, energy_true=ds.energy_true, gti=([0.0], [9.0])
    ).assign(mask_fit=("energy", [True] * 6))
    assert not first.gamma.stack(hidden(ds)).mask_safe.any()


def spectra(runs):
    """On-off spectra of three runs, the second without an off region, as its maker leaves it."""
    parts = []
    for k, obs in enumerate(runs):
        ds = empty_spectrum().gamma.fill(obs, select=["counts", "exposure", "edisp"])
        if k != 1:
            ds = ds.gamma.reflected_background(obs)
        parts.append(hidden(ds) if k == 1 else ds)
    return parts


KINDS = {
    "no off counts": lambda ds: ds,
    "on-off without off counts": lambda ds: ds.gamma.to_onoff(0, 1, 0).drop_vars("counts_off"),
    "with a background": lambda ds: ds.assign(background=("energy", np.ones(6))),
    "without an exposure": lambda ds: ds.drop_vars("exposure"),
    "without a dispersion": lambda ds: ds.drop_vars(["edisp", "edisp_exposure"]),
    "counts only": lambda ds: ds.drop_vars(["exposure", "edisp", "edisp_exposure"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_which_nothing_is_safe_adds_its_row_only(runs, kind):
    """Whatever it has or lacks, in whatever order, and in partial sums."""
    one, two, three = spectra(runs)
    two = KINDS[kind](two)
    want = xg.stack([one, three], name="d")
    for order in itertools.permutations((one, two, three)):
        partial = Mosaic(empty_spectrum())
        for first, rest in ((order[:1], order[1:]), (order[:2], order[2:])):
            sums = [Mosaic(empty_spectrum()), Mosaic(empty_spectrum())]
            for mosaic, parts in zip(sums, (first, rest), strict=True):
                for ds in parts:
                    mosaic.add(ds)
            partial = sums[0]
            partial.merge(sums[1])
            check(partial.to_dataset(), want)
        total = xg.stack(order)
        check(total, want)
        assert sorted(total.obs_id.values.tolist()) == [1, 2, 3]


def check(got, want):
    """The same maps; what is not there for any run is not there."""
    names, mine = (
        {v for v in ds.data_vars if not {"obs", "gti"} & set(ds[v].dims)} for ds in (want, got)
    )
    assert mine == names
    for name in names:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-12, err_msg=name)
    assert got.gamma.kind == want.gamma.kind == "spectrum_onoff"


def test_nothing_is_safe_in_any(runs):
    """Zeros, of the variables that there are."""
    parts = [hidden(ds) for ds in spectra(runs)[::2]]
    total = xg.stack(parts)
    assert total.gamma.kind == "spectrum_onoff"
    assert not total.mask_safe.any()
    assert float(total.exposure.sum()) == int(total.counts.sum()) == 0


def test_the_reflected_maker_and_reduce(runs):
    """A run that points at the source has no off regions: it is masked, and reduced with the others."""
    on_axis = simulated(pointing=(83.63, 22.01), events=True, seed=9, obs_id=9)
    options = {"select": ["counts", "exposure", "edisp"], "background": "reflected"}
    for position in (0, 2):
        several = [runs[0], runs[2]]
        several.insert(position, on_axis)
        with pytest.warns(xg.XGammaWarning, match="Run 9: no off region was found"):
            total = xg.reduce(several, into=empty_spectrum(), **options)
        want = xg.reduce([runs[0], runs[2]], into=empty_spectrum(), **options)
        np.testing.assert_array_equal(total.counts_off, want.counts_off)
        np.testing.assert_allclose(total.gamma.background, want.gamma.background)
        assert total.sizes["obs"] == 3
        assert bool(np.isfinite(total.gamma.cumulative().excess_sum).all())


def test_what_is_safe_must_be_alike(runs):
    """The refusal stays where numbers would mix."""
    one, two, three = spectra(runs)
    with pytest.raises(xg.XGammaError, match="not on-off"):
        xg.stack([one, two.drop_vars("mask_safe"), three])
    with pytest.raises(xg.MissingDataError, match="'exposure'"):
        xg.stack([one, three.drop_vars("exposure")])


@pytest.mark.parametrize("mask_in_memory", [True, False])
def test_lazily(runs, mask_in_memory):
    pytest.importorskip("dask")
    one, two, three = spectra(runs)
    lazy = two.chunk()
    if mask_in_memory:
        lazy = lazy.assign(mask_safe=two.mask_safe)
        check(xg.stack([one.chunk(), lazy, three]).compute(), xg.stack([one, three]))
    else:
        with pytest.raises(xg.XGammaError, match="not on-off"):
            xg.stack([one.chunk(), lazy, three])
