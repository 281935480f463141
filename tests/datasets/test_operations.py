"""Cutting, rebinning and collapsing in cases whose answer is known."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from tests.helpers.random_maps import filled, on_off


def under(ds: xr.Dataset, name: str) -> xr.DataArray:
    """A variable under the safe mask, by plain xarray."""
    return ds[name].where(ds.mask_safe, 0) if "mask_safe" in ds else ds[name]


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.filterwarnings("ignore:The safe mask excludes:xgamma.errors.XGammaWarning")
def test_downsampling_pixels_is_plain_coarsening_under_the_mask(masked):
    # 2717, 3983: nothing crashes where no mask is set.
    ds = filled(masked=masked)
    small = ds.gamma.downsample(2)
    expected = under(ds, "counts").coarsen(y=2, x=2).sum()
    assert_array_equal(small.counts.values, expected.values)
    assert_allclose(small.x.values, expected.x.values)
    assert_allclose(small.exposure.values, ds.exposure.coarsen(y=2, x=2).mean().values)
    assert_allclose(small.psf.values, ds.psf.values)
    lon, lat = small.gamma.lonlat
    mean = ds.gamma.lonlat[1].coarsen(y=2, x=2).mean()
    assert_allclose(lat.values, mean.values, atol=1e-5)
    assert lon.shape == (4, 6)


def test_bare_coarsening_of_energy_is_noticed():
    with pytest.raises(xg.AxisError, match="have gaps"):
        filled().isel(energy=[0, 2]).gamma.edges("energy")
    with pytest.raises(xg.AxisError, match="multiple of 3"):
        filled().gamma.downsample(3)


def test_nan_under_the_mask_does_not_spread():
    # 3064: nan * False is nan; masked bins are chosen away.
    ds = filled()
    spoilt = ds.assign(background=ds.background.where(ds.mask_safe))
    image = spoilt.gamma.to_image()
    assert np.isfinite(image.background).all()
    assert_allclose(image.background, ds.gamma.to_image().background)


def test_whole_counts_stay_whole():
    # 2**24 + 1 is the first whole number that single precision cannot hold.
    ds = filled().assign(mask_safe=xr.ones_like(filled().mask_safe))
    counts = xr.full_like(ds.counts, 2**24 + 1)
    image = ds.assign(counts=counts).gamma.to_image()
    assert image.counts.dtype.kind == "i"
    assert int(image.counts[0, 0, 0]) == 4 * (2**24 + 1)


def test_dispersion_is_summed_over_reconstructed_bins():
    ds = filled(masked=False)
    image = ds.gamma.to_image()
    assert_allclose(image.edisp.values[:, 0], ds.edisp.sum("energy").values)


@pytest.mark.filterwarnings("ignore:The safe mask excludes:xgamma.errors.XGammaWarning")
@pytest.mark.parametrize("operation", ["to_image", "downsample", "to_spectrum"])
@pytest.mark.parametrize("masked", [True, False])
def test_on_off_background_and_excess_are_conserved(operation, masked):
    ds = on_off(masked=masked)
    small = {
        "to_image": lambda: ds.gamma.to_image(),
        "downsample": lambda: ds.gamma.downsample(2),
        "to_spectrum": lambda: ds.gamma.to_spectrum("icrs;circle(10, 20, 0.3)"),
    }[operation]()
    inside = True
    if operation == "to_spectrum":
        inside = ds.gamma.region_mask("icrs;circle(10, 20, 0.3)")
    safe = ds.mask_safe if masked else True
    assert_allclose(
        float(small.gamma.background.sum()),
        float(ds.gamma.background.where(safe).where(inside).sum()),
    )
    assert int(small.counts_off.sum()) == int(ds.counts_off.where(safe, 0).where(inside, 0).sum())


def test_true_energy_and_rad_are_downsampled():
    # 6739: gammapy cannot.
    ds = filled()
    small = ds.gamma.downsample(energy_true=2)
    weight = ds.psf_exposure
    expected = (ds.psf * weight).isel(energy_true=slice(0, 2)).sum("energy_true")
    expected = expected / weight.isel(energy_true=slice(0, 2)).sum("energy_true")
    assert_allclose(
        small.psf.isel(energy_true=0).values, expected.transpose(*small.psf.dims[1:]).values
    )
    rings = ds.gamma.downsample(rad=2)
    area = np.diff(ds.gamma.edges("rad").value ** 2)
    mean = (ds.psf.values[:, :2] * area[:2, None, None]).sum(axis=1) / area[:2].sum()
    assert_allclose(rings.psf.values[:, 0], mean)


@given(seed=st.integers(0, 1000), factor=st.sampled_from([1, 2, 4]))
@settings(max_examples=15, deadline=None)
@pytest.mark.filterwarnings("ignore:The safe mask excludes:xgamma.errors.XGammaWarning")
def test_counts_are_conserved_and_inputs_stay(seed, factor):
    ds = filled(seed)
    before = ds.copy(deep=True)
    total = int(under(ds, "counts").sum())
    assert int(ds.gamma.downsample(factor).counts.sum()) == total
    assert int(ds.gamma.downsample(energy=factor).counts.sum()) == total
    assert int(ds.gamma.to_masked().counts.sum()) == total
    assert ds.identical(before)


@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
@pytest.mark.filterwarnings("ignore:The safe mask excludes:xgamma.errors.XGammaWarning")
def test_orders_that_do_not_matter(seed):
    ds = filled(seed)
    one = ds.gamma.slice_energy(1, 8).gamma.to_image()
    two = ds.isel(energy=slice(0, 3)).gamma.to_image()
    xr.testing.assert_allclose(one, two)
    turned = ds.transpose("x", "energy", "y", ...).gamma.downsample(2)
    for name, array in ds.gamma.downsample(2).data_vars.items():
        xr.testing.assert_allclose(turned[name].transpose(*array.dims), array)
    first = ds.gamma.downsample(2).gamma.to_image()
    second = ds.gamma.to_image().gamma.downsample(2)
    # Masks are joined in one order or the other, so that only what is safe throughout agrees.
    assert int(first.counts.sum()) == int(second.counts.sum())


def test_collapsing_over_a_region():
    ds = filled(masked=False)
    inside = ds.gamma.region_mask("icrs;circle(10, 20, 0.3)")
    spectrum = ds.gamma.to_spectrum("icrs;circle(10, 20, 0.3)")
    assert spectrum.gamma.kind == "spectrum"
    assert_array_equal(spectrum.counts, ds.counts.where(inside, 0).sum(("y", "x")))
    assert_allclose(spectrum.exposure, ds.exposure.where(inside).mean(("y", "x")))
    assert "psf" not in spectrum
    assert "psf" in ds.gamma.to_region("icrs;circle(10, 20, 0.3)")
    assert spectrum.gamma.validate() == []


@pytest.mark.parametrize(
    ("region", "options", "sentence"),
    [
        ("icrs;circle(50, 20, 0.3)", {}, "contains no pixel centre"),
        ("icrs;box(10, 20, 0.5, 0.5, 0)", {"containment_correction": True}, "single circle only"),
    ],
)
def test_regions_that_cannot_be_collapsed(region, options, sentence):
    with pytest.raises(xg.XGammaError, match=sentence):
        filled().gamma.to_spectrum(region, **options)


def test_containment_correction():
    ds = filled(masked=False)
    corrected = ds.gamma.to_spectrum("icrs;circle(10, 20, 0.2)", containment_correction=True)
    plain = ds.gamma.to_spectrum("icrs;circle(10, 20, 0.2)")
    share = (corrected.exposure / plain.exposure).values
    assert ((share > 0.1) & (share < 0.5)).all()  # exactly: test_collapse_prediction.py


def test_padding():
    ds = filled()
    wide = ds.gamma.pad(2)
    assert wide.sizes["x"] == 16
    assert int(wide.counts.sum()) == int(ds.counts.sum())
    assert not wide.mask_safe.isel(x=0).any()
    back = wide.isel(x=slice(2, -2), y=slice(2, -2))
    xr.testing.assert_allclose(back.gamma.lonlat[0], ds.gamma.lonlat[0])


def test_collections():
    a, b = filled(1), filled(2, nbin=2)
    b.attrs["name"] = "other"
    tree = xg.collect([a, b])
    assert tree.gamma.names == ["filled", "other"]
    assert tree.gamma.dataset(1).sizes["energy"] == 2
    assert tree.gamma.dataset("filled").identical(a)
    assert tree.gamma.remove("filled").gamma.names == ["other"]
    assert tree.gamma.add(a).gamma.names == ["filled", "other", "filled-2"]
    assert tree.gamma.map(lambda ds: ds.gamma.to_image())["other"].sizes["energy"] == 1
    ranges = tree.gamma.energy_ranges
    assert_allclose(ranges.energy_max, [16, 16])
    assert tree.gamma.slice_energy(1, 4).gamma.dataset("other").sizes["energy"] == 1
    with pytest.raises(xg.MissingDataError, match="has no dataset 'nothing'"):
        tree.gamma.dataset("nothing")


@pytest.mark.parametrize("make", [filled, on_off])
def test_info_sums_everything_under_the_same_mask(make):
    """Predicted counts, exposures and alpha are of the safe bins, as counts and background."""
    ds = make()
    # A column of pixels without a safe bin, of exposures that no other pixel has.
    ds["mask_safe"] = ds.mask_safe & (ds.x > 0)
    ds["exposure"] = ds.exposure.where(ds.x > 0, ds.exposure + 100)
    info, whole = ds.gamma.info_dict(), ds.gamma.info_dict(in_safe_range=False)
    predicted = ds.gamma.npred_background()
    assert_allclose(info["npred"], float(predicted.where(ds.mask_safe).sum()))
    assert_allclose(whole["npred"], float(predicted.sum()))
    assert info["exposure_max"] < 2 < float(ds.exposure.max())
    if make is on_off:
        assert_allclose(info["alpha"] * info["counts_off"], info["background"])
    ds = ds.assign(mask_safe=ds.mask_safe & False)
    assert ds.gamma.info_dict()["npred"] == 0


def test_info_table():
    a, b = filled(1), filled(2)
    b.attrs["name"] = "other"
    tree = xg.collect([a, b])
    table = tree.gamma.info_table()
    assert table["name"].tolist() == ["filled", "other"]
    total = tree.gamma.info_table(cumulative=True)["counts"]
    assert total.iloc[-1] == table["counts"].sum()
    assert_allclose(tree.gamma.stack_reduce().counts.sum(), table["counts"].sum())


def test_migra_dispersion_gives_a_kernel():
    ds = filled(masked=False)
    migra = xg.migra_axis(0.2, 5, 480)
    width = np.diff(migra.gamma.edges("migra").value)
    density = np.exp(-0.5 * ((migra.values - 1) / 0.1) ** 2)
    density /= (density * width).sum()
    shape = (ds.sizes["energy_true"], 480, ds.sizes["y_irf"], ds.sizes["x_irf"])
    over = ("energy_true", "migra", "y_irf", "x_irf")
    ds = ds.drop_vars("edisp").assign_coords({n: migra.coords[n] for n in migra.coords})
    ds = ds.assign(edisp=(over, np.broadcast_to(density[:, None, None], shape)))
    kernel = ds.gamma.edisp_kernel()
    assert kernel.dims == ("energy_true", "energy")
    # Rows that lie inside the axis sum to one.
    assert_allclose(kernel.isel(energy_true=[1, 2]).sum("energy"), 1, atol=1e-6)


def test_rebinning_keeps_how_the_background_was_scaled():
    from xgamma.tutorial import example_map

    one = example_map().gamma.fov_background("icrs;circle(83.63, 22.01, 0.3)")
    image = one.gamma.to_image()
    assert image.background_norm.item() == one.background_norm[0, 0]
    each = example_map().gamma.fov_background(energy_groups="each", min_counts=1)
    pairs = each.gamma.downsample(energy=2)
    assert np.isnan(pairs.background_norm).all()
    assert pairs.background.sum() == pytest.approx(float(each.background.sum()))
