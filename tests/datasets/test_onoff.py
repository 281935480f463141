import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xgamma as xg
from xgamma.datasets.mosaic import Mosaic
from xgamma.datasets.onoff import alpha, background, excess, from_onoff, to_onoff
from xgamma.errors import MissingDataError, XGammaError

CIRCLE = "icrs;circle(0, 0, 0.1)"
N = 4


def spectrum(seed, off_mean=3.0, safe=None, obs_id=1):
    """A random on-off spectrum of one run."""
    rng = np.random.default_rng(seed)
    ds = xg.create_spectrum(CIRCLE, xg.energy_axis(1, 10, N), energy_true="reco")
    ds = ds.assign(counts=("energy", rng.poisson(2.0, N)))
    ds = to_onoff(ds, rng.poisson(off_mean, N), rng.integers(1, 4, N), rng.integers(1, 30, N))
    ds = ds.assign(obs_id=("obs", [obs_id]), livetime=("obs", [100.0], {"units": "s"}))
    return ds if safe is None else ds.assign(mask_safe=("energy", np.array(safe)))


def image(seed, where=slice(None)):
    """A random on-off map, or a cutout of it."""
    rng = np.random.default_rng(seed)
    empty = xg.create_map((0, 0), "1 deg", "0.1 deg", xg.energy_axis(1, 10, 2), energy_true="reco")
    shape = (2, 10, 10)
    ds = empty.assign(
        counts=(("energy", "y", "x"), rng.poisson(1.0, shape)),
        mask_safe=(("energy", "y", "x"), rng.random(shape) > 0.3),
    )
    ds = to_onoff(ds, rng.poisson(5.0, shape), rng.random(shape), 20 * rng.random(shape) + 1)
    return ds.isel(x=where)


def under_mask(values, ds):
    return np.where(ds.mask_safe, values, 0.0) if "mask_safe" in ds else values


# --- alpha, excess, conversions ---------------------------------------------------------


def test_definitions():
    ds = spectrum(0)
    np.testing.assert_allclose(alpha(ds), ds.acceptance / ds.acceptance_off)
    np.testing.assert_allclose(background(ds), alpha(ds) * ds.counts_off)
    np.testing.assert_allclose(excess(ds), ds.counts - background(ds))
    assert alpha(ds).dims == ("energy",)
    assert background(ds).attrs["units"] == ""
    xr.testing.assert_identical(ds.gamma.alpha, alpha(ds))
    xr.testing.assert_identical(ds.gamma.excess, excess(ds))


def test_no_off_acceptance_is_finite():
    ds = spectrum(0).assign(acceptance_off=("energy", np.zeros(N)))
    for function in (alpha, background, excess):
        assert np.isfinite(function(ds)).all()
    assert (alpha(ds) == 0).all()


def test_map_and_plain_datasets_have_a_background_too():
    ds = image(1)
    assert background(ds).dims == ("energy", "y", "x")
    plain = from_onoff(ds)
    assert plain.gamma.kind == "map"
    np.testing.assert_array_equal(background(plain), background(ds))
    np.testing.assert_allclose(excess(plain), excess(ds))
    assert "counts_off" not in plain
    back = to_onoff(plain, ds.counts_off, ds.acceptance, ds.acceptance_off)
    assert back.gamma.kind == "map_onoff"
    assert "background" not in back
    xr.testing.assert_allclose(back.counts_off, ds.counts_off)
    assert ds.gamma.validate() == plain.gamma.validate() == []


def test_dims_in_any_order():
    ds = image(2)
    turned = ds.transpose("x", "energy", "y", ...)
    xr.testing.assert_allclose(background(turned), background(ds))


def test_what_is_missing_or_wrong_is_named():
    empty = xg.create_spectrum(CIRCLE, xg.energy_axis(1, 10, N), energy_true="reco")
    with pytest.raises(MissingDataError, match="has no background"):
        background(empty)
    with pytest.raises(MissingDataError, match="acceptance_off"):
        alpha(spectrum(0).drop_vars("acceptance_off"))
    with pytest.raises(XGammaError, match="counts_off must be finite"):
        to_onoff(empty, np.nan, 1, 1)
    with pytest.raises(XGammaError, match="acceptance must be finite and not negative"):
        to_onoff(empty, 1, -1, 1)


# --- stacking ---------------------------------------------------------------------------

masks = st.lists(st.booleans(), min_size=N, max_size=N)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 9999), st.sampled_from([0.0, 0.2, 5.0]), masks),
        min_size=1,
        max_size=5,
    )
)
def test_a_stack_has_the_summed_excess_and_background(parts):
    datasets = [spectrum(seed, off, safe) for seed, off, safe in parts]
    before = [ds.copy(deep=True) for ds in datasets]
    stacked = datasets[0].gamma.stack(*datasets[1:])
    for function in (background, excess):
        expected = sum(under_mask(function(ds), ds) for ds in datasets)
        np.testing.assert_allclose(function(stacked), expected, rtol=1e-9, atol=1e-9)
    for name in ("counts", "counts_off", "acceptance"):
        expected = sum(under_mask(ds[name].values, ds) for ds in datasets)
        np.testing.assert_allclose(stacked[name], expected)
    assert np.isfinite(stacked.acceptance_off).all()
    assert np.isfinite(alpha(stacked)).all()
    low = np.min([alpha(ds) for ds in datasets], axis=0)
    high = np.max([alpha(ds) for ds in datasets], axis=0)
    some = (stacked.counts_off > 0).values
    assert (alpha(stacked).values[some] >= low[some] * (1 - 1e-9)).all()
    assert (alpha(stacked).values[some] <= high[some] * (1 + 1e-9)).all()
    for ds, copy in zip(datasets, before, strict=True):
        xr.testing.assert_identical(ds, copy)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(4)))
def test_order_does_not_matter(order):
    datasets = [spectrum(i) for i in range(4)]
    first = datasets[0].gamma.stack(*datasets[1:])
    again = xg.stack([datasets[i] for i in order])
    for name in ("counts", "counts_off", "acceptance", "acceptance_off"):
        np.testing.assert_allclose(again[name], first[name], rtol=1e-12)


def test_a_stack_of_cutouts():
    whole = image(0)
    left, right = image(1, slice(0, 6)), image(2, slice(4, 10))
    template = whole.drop_vars([v for v in whole.data_vars if not str(v).startswith("gti")])
    stacked = template.gamma.stack(left, right)
    expected = np.zeros((2, 10, 10))
    expected[..., 0:6] += under_mask(background(left), left)
    expected[..., 4:10] += under_mask(background(right), right)
    np.testing.assert_allclose(background(stacked), expected, rtol=1e-5, atol=1e-6)


def test_bins_without_off_counts_take_the_mean_alpha():
    one = to_onoff(spectrum(0), [4, 0, 0, 0], 1, 10)
    two = to_onoff(spectrum(1), [1, 0, 0, 0], 1, 5)
    stacked = one.gamma.stack(two)
    mean = (4 / 10 + 1 / 5) / 5
    np.testing.assert_allclose(alpha(stacked), mean)


def test_no_off_counts_at_all():
    stacked = to_onoff(spectrum(0), 0, 1, 10).gamma.stack(to_onoff(spectrum(1), 0, 1, 30))
    np.testing.assert_allclose(alpha(stacked), 2 / 40)
    assert float(background(stacked).sum()) == 0.0


def test_merged_mosaics_equal_one():
    datasets = [image(i) for i in range(4)]
    parts = [Mosaic(datasets[0]) for _ in range(2)]
    whole = Mosaic(datasets[0])
    for i, ds in enumerate(datasets):
        parts[i // 2].add(ds)
        whole.add(ds)
    parts[0].merge(parts[1])
    xr.testing.assert_allclose(parts[0].to_dataset(), whole.to_dataset(), rtol=1e-6)


def test_rows_of_runs_are_kept():
    datasets = [spectrum(i, safe=[True, i > 0, True, True], obs_id=i) for i in range(3)]
    datasets[1] = datasets[1].assign(off_regions=("obs", ["icrs;circle(0, 1, 0.1)"]))
    stacked = datasets[0].gamma.stack(*datasets[1:])
    assert stacked.obs_id.values.tolist() == [0, 1, 2]
    assert stacked.off_regions.values.tolist() == ["", "icrs;circle(0, 1, 0.1)", ""]
    assert stacked.counts_sum.shape == (3, N)
    np.testing.assert_allclose(stacked.counts_sum.sum("obs"), stacked.counts)
    np.testing.assert_allclose(stacked.background_sum.sum("obs"), background(stacked))
    assert stacked.gamma.validate() == []


# --- cumulative -------------------------------------------------------------------------


def test_cumulative_of_tree_and_stack_agree():
    datasets = [spectrum(i, obs_id=i).assign_attrs(name=f"run{i}") for i in range(5)]
    tree = xr.DataTree(children={ds.attrs["name"]: xr.DataTree(ds) for ds in datasets})
    table = tree.gamma.cumulative()
    stacked = xg.stack(datasets)
    xr.testing.assert_allclose(stacked.gamma.cumulative(), table)
    np.testing.assert_allclose(table.excess, [float(excess(ds).sum()) for ds in datasets])
    np.testing.assert_allclose(table.livetime_sum, 100.0 * np.arange(1, 6))
    np.testing.assert_allclose(table.excess_sum[-1], float(excess(stacked).sum()))
    assert table.livetime.attrs["units"] == "s"
    assert np.isfinite(table.significance_sum).all()
    from xgamma.numerics.statistics import li_ma

    n_off = float(stacked.counts_off.sum())
    expected = li_ma(float(stacked.counts.sum()), n_off, float(background(stacked).sum()) / n_off)
    np.testing.assert_allclose(table.significance_sum[-1], expected)


def test_cumulative_after_slicing_energies():
    datasets = [spectrum(i, obs_id=i) for i in range(3)]
    part = xg.stack(datasets).isel(energy=slice(0, 2))
    expected = [float(ds.counts[:2].sum()) for ds in datasets]
    np.testing.assert_allclose(part.gamma.cumulative().counts, expected)


def test_cumulative_of_maps_in_a_region():
    rows = {"obs_id": ("obs", [1]), "livetime": ("obs", [60.0])}
    ds = from_onoff(image(0)).assign(rows)
    tree = xr.DataTree(children={"a": xr.DataTree(ds)})
    region = "icrs;circle(0, 0, 0.3)"
    table = tree.gamma.cumulative(region)
    inside = ds.gamma.region_mask(region) & ds.mask_safe
    assert float(table.counts[0]) == float(ds.counts.where(inside, 0).sum())
    assert float(table.counts[0]) < float(tree.gamma.cumulative().counts[0])
    np.testing.assert_allclose(table.background, float(ds.background.where(inside, 0).sum()))


def test_cumulative_says_what_it_needs():
    ds = xg.create_spectrum(CIRCLE, xg.energy_axis(1, 10, N), energy_true="reco")
    with pytest.raises(MissingDataError, match="has no record of the counts"):
        ds.gamma.cumulative()
    with pytest.raises(MissingDataError, match="empty"):
        xr.DataTree().gamma.cumulative()
    with pytest.raises(XGammaError, match="maps of single runs"):
        spectrum(0).assign(counts=("energy", np.ones(N))).pipe(
            lambda d: xr.DataTree(children={"a": xr.DataTree(d)})
        ).gamma.cumulative(CIRCLE)


def run_image(seed):
    return image(seed).assign(obs_id=("obs", [seed]), livetime=("obs", [100.0], {"units": "s"}))


@pytest.mark.parametrize("change", ["cut", "counts"])
def test_cumulative_does_not_report_sums_of_before(change):
    """The sums of the runs are those of the stack as it was made: a cut must not keep them."""
    stacked = xg.stack([run_image(i) for i in range(2)])
    assert stacked.gamma.cumulative().sizes["obs"] == 2
    changed = (
        stacked.isel(x=slice(0, 2))
        if change == "cut"
        else stacked.assign(counts=stacked.counts + 1)
    )
    with pytest.raises(xg.MissingDataError, match=r"counts of the dataset .* sum to .* runs to"):
        changed.gamma.cumulative()


def test_cumulative_of_one_run_follows_its_data():
    """One run can always be summed anew, also after it was stacked."""
    one = xg.stack([run_image(3)])
    cut = one.isel(x=slice(0, 2))
    assert "counts_sum" in cut
    assert float(cut.gamma.cumulative().counts[0]) == float(cut.counts.sum())
    both = xg.stack([cut, xg.stack([run_image(4)]).isel(x=slice(0, 2))])
    assert float(both.gamma.cumulative().counts_sum[-1]) == float(both.counts.sum())
