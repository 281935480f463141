"""Datasets on other sky grids, and split bins, in cases whose answer is known."""

import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from tests.helpers.random_maps import DIMS, TRUE, filled, on_off

CENTER = SkyCoord(10, 20, unit="deg")


def smooth_map(masked: bool = True) -> xr.Dataset:
    """A map whose densities are planes on the sky, so that interpolation knows the truth."""
    ds = filled(masked=False)
    lon, lat = ds.gamma.lonlat
    plane = 3 + (lat - 20) + 0.5 * (lon - 10)
    omega = ds.gamma.solid_angle
    shape = xr.ones_like(ds.background)
    ds = ds.assign(
        counts=(shape * plane * omega * 1e6).transpose(*DIMS).assign_attrs(units=""),
        background=(shape * plane * omega * 2e6).transpose(*DIMS).assign_attrs(units=""),
        exposure=(xr.ones_like(ds.exposure) * plane).transpose(*TRUE).assign_attrs(units="m2 s"),
    )
    if masked:
        ds["mask_safe"] = (shape > 0) & (lat > 19.85)
    return ds


def goal(width: str = "0.5 deg", binsz: str = "0.06 deg", **kwargs: object) -> xr.Dataset:
    """Other pixels, turned against those of the map."""
    return xg.create_map(CENTER, width, binsz, frame="galactic", proj="TAN", **kwargs)


def spectrum_of(ds: xr.Dataset) -> xr.Dataset:
    """A spectrum: it has no pixels."""
    return ds.drop_vars("mask_safe").gamma.to_spectrum("icrs;circle(10, 20, 0.3)")


def plane_on(template: xr.Dataset) -> xr.DataArray:
    """The plane of `smooth_map` on other pixels."""
    lon, lat = template.gamma.lonlat
    at = SkyCoord(lon.values, lat.values, unit="deg", frame=template.gamma.frame).icrs
    return lon.copy(data=3 + (at.dec.deg - 20) + 0.5 * (at.ra.deg - 10))


def test_interpolation_of_planes():
    ds, template = smooth_map(masked=False), goal()
    found = ds.gamma.interp_to(template, name="there")
    truth = plane_on(template)
    assert found.attrs["name"] == "there"
    assert found.gamma.frame == "galactic"
    assert found.gamma.validate() == []
    assert_allclose(found.exposure, np.broadcast_to(truth, found.exposure.shape), rtol=1e-4)
    density = found.counts / template.gamma.solid_angle / 1e6
    assert_allclose(density, np.broadcast_to(truth, density.shape), rtol=1e-4)
    assert_allclose(found.background, 2 * found.counts, rtol=1e-12)
    assert "mask_safe" not in found


@pytest.mark.parametrize("spoil", [0.0, np.nan, 1e9])
def test_what_the_mask_hides_does_not_come_in(spoil):
    ds, template = smooth_map(), goal()
    spoilt = ds.assign(counts=ds.counts.where(ds.mask_safe, spoil))
    found = spoilt.gamma.interp_to(template)
    assert 0 < found.mask_safe.mean() < 1
    # The nearest pixel decides; what is safe is interpolated from safe pixels alone.
    density = (found.counts / template.gamma.solid_angle / 1e6).where(found.mask_safe)
    truth = plane_on(template).where(found.mask_safe)
    assert_allclose(density, truth.transpose(*density.dims), rtol=0.02)
    assert float(found.counts.where(~found.mask_safe).max()) == 0
    pytest.importorskip("reproject", reason="the package reproject is not installed")
    wide = goal("1.6 deg", "0.2 deg")
    moved = spoilt.gamma.reproject_to(wide)
    assert_allclose(moved.counts.sum(), ds.counts.where(ds.mask_safe).sum(), rtol=1e-7)


@pytest.mark.parametrize("binsz", ["0.06 deg", "0.2 deg"])
def test_reprojection_keeps_sums_and_means(binsz):
    pytest.importorskip("reproject", reason="the package reproject is not installed")
    ds, wide = filled(), goal("1.8 deg", binsz)
    found = ds.gamma.reproject_to(wide)
    for name in ("counts", "background"):
        total = ds[name].where(ds.mask_safe).sum(("y", "x"))
        assert_allclose(found[name].sum(("y", "x")), total, rtol=1e-7)
    assert found.gamma.validate() == []
    flat = ds.assign(exposure=xr.full_like(ds.exposure, 5.0)).gamma.reproject_to(wide)
    covered = flat.exposure > 0
    assert_allclose(flat.exposure.where(covered, 5.0), 5.0, rtol=1e-9)
    # Every pixel with counts is safe, and no other one.
    assert_array_equal((found.background > 1e-5), found.mask_safe & (found.background > 1e-5))


def test_onto_its_own_pixels():
    pytest.importorskip("reproject", reason="the package reproject is not installed")
    ds = filled()
    for found in (ds.gamma.interp_to(ds), ds.gamma.reproject_to(ds)):
        for name in ("counts", "background"):
            assert_allclose(found[name], ds[name].where(ds.mask_safe, 0), atol=1e-5)
        for name in ("exposure", "psf", "edisp", "psf_exposure"):
            assert_allclose(found[name], ds[name], rtol=1e-6)
        assert_array_equal(found.mask_safe, ds.mask_safe)
        assert_array_equal(found.x, ds.x)


@pytest.mark.parametrize("way", ["interp_to", "reproject_to"])
def test_beyond_the_map_is_not_safe(way):
    pytest.importorskip("reproject", reason="the package reproject is not installed")
    found = getattr(filled(masked=False).gamma, way)(goal("3 deg", "0.1 deg"))
    assert found.mask_safe.dims == DIMS
    assert 0 < found.mask_safe.mean() < 0.3
    for name in ("counts", "background", "exposure"):
        assert float(found[name].isel(y=0).max()) == 0
    assert not found.mask_safe.isel(x=0).any()


@pytest.mark.parametrize("way", ["interp_to", "reproject_to"])
def test_on_off_background(way):
    pytest.importorskip("reproject", reason="the package reproject is not installed")
    ds, template = on_off(), goal("2 deg", "0.1 deg")
    found = getattr(ds.gamma, way)(template)
    plain = ds.drop_vars(["counts_off", "acceptance", "acceptance_off"])
    plain = plain.assign(background=ds.gamma.background)
    expected = getattr(plain.gamma, way)(template).background
    assert_allclose(found.gamma.background, expected, atol=1e-9)
    assert found.gamma.kind == "map_onoff"


def test_responses_keep_their_weights():
    ds = filled(masked=False)
    flat = ds.assign(
        psf=xr.ones_like(ds.psf) * ds.rad, edisp=xr.full_like(ds.edisp, 0.25)
    ).transpose(..., "x_irf", "y_irf")
    # The template's own coarse grid; one as coarse as that of the dataset; the one it has.
    axes = {"energy": xg.energy_axis(1, 16, 4), "energy_true": "reco"}
    own = goal("0.6 deg", "0.1 deg", binsz_irf="0.3 deg", **axes)
    own = own.drop_dims("rad", errors="ignore")
    for template, size in ((own, 2), (goal("0.8 deg", "0.1 deg"), 2)):
        found = flat.gamma.interp_to(template)
        assert found.sizes["x_irf"] == size
        rings = xr.ones_like(found.psf) * found.rad
        assert_allclose(found.psf, rings.transpose(*found.psf.dims))
        assert_allclose(found.edisp, 0.25)
        assert float(found.psf_exposure.min()) > 0.9
    same = xg.create_map((10, 20), ("1.2 deg", "0.8 deg"), "0.1 deg").isel(x=slice(2, 9))
    stayed = flat.gamma.interp_to(same)
    xr.testing.assert_equal(stayed.psf, flat.psf)
    array = flat.counts.gamma.interp_to(goal())
    assert_allclose(flat.gamma.interp_to(array).exposure, flat.gamma.interp_to(goal()).exposure)


@pytest.mark.parametrize("way", ["interp_to", "reproject_to"])
def test_lazy_stays_lazy(way):
    pytest.importorskip("reproject", reason="the package reproject is not installed")
    ds, template = filled(), goal()
    lazy = getattr(ds.chunk(energy=2, y=4, energy_true=3).gamma, way)(template)
    assert all(hasattr(lazy[v].data, "dask") for v in ("counts", "exposure", "mask_safe"))
    xr.testing.assert_allclose(lazy.compute(), getattr(ds.gamma, way)(template))


def test_inputs_stay():
    ds, template = filled(), goal()
    before = ds.copy(deep=True), template.copy(deep=True)
    ds.gamma.interp_to(template)
    ds.gamma.upsample(2, energy=2)
    assert ds.identical(before[0])
    assert template.identical(before[1])


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda d: spectrum_of(d).gamma.interp_to(goal()),
            xg.FrameError,
            "has no pixels",
        ),
        (
            lambda d: d.gamma.interp_to(spectrum_of(d)),
            xg.FrameError,
            "template has no pixels",
        ),
        (
            lambda d: d.gamma.interp_to(goal(energy=xg.energy_axis(1, 16, 5))),
            xg.AxisError,
            "resample one of them first",
        ),
        (
            lambda d: d.assign(other=d.background).gamma.interp_to(goal()),
            xg.AxisError,
            "'other' is not supported by",
        ),
        (
            lambda d: d.gamma.reproject_to(goal(), method="wild"),
            xg.XGammaError,
            "is not recognised",
        ),
        (lambda d: d.gamma.upsample(1.5), xg.XGammaError, "positive whole number"),
        (lambda d: d.gamma.upsample(gti=2), xg.AxisError, "'gti' cannot be upsampled"),
        (lambda d: d.gamma.upsample(migra=2), xg.AxisError, "no dimension 'migra'"),
        (
            lambda d: d.assign(other=d.background).gamma.upsample(2),
            xg.AxisError,
            "'other' is not supported by",
        ),
        (
            lambda d: d.gamma.interp_to(xg.create_map((100, 0), "1 deg", "0.1 deg")),
            xg.FrameError,
            "outside",
        ),
        (lambda d: d.psf.gamma.interp_to(goal()), xg.AxisError, "no pixels"),
    ],
)
def test_what_cannot_be_done(call, error, sentence):
    pytest.importorskip("reproject", reason="the package reproject is not installed")
    with pytest.raises(error, match=sentence):
        call(filled())


@pytest.mark.parametrize("make", [filled, on_off])
@pytest.mark.parametrize(
    "factors", [{"factor": 2}, {"energy": 3}, {"energy_true": 2}, {"factor": 3, "energy": 2}]
)
def test_upsampling_and_downsampling_are_inverse(make, factors):
    ds = make(masked=False)
    back = ds.gamma.upsample(**factors).gamma.downsample(**factors)
    for name in ds.data_vars:
        assert_allclose(back[name], ds[name], rtol=1e-12, err_msg=str(name))
    for name in ("x", "energy", "energy_lo", "energy_true_hi"):
        assert_allclose(back[name], ds[name], rtol=1e-12)
    assert back.gamma.validate() == []


def test_upsampled_values():
    ds = filled()
    fine = ds.gamma.upsample(2, name="fine")
    assert fine.attrs["name"] == "fine"
    assert fine.gamma.validate() == []
    assert_allclose(fine.counts.isel(x=slice(1, None, 2), y=slice(0, None, 2)) * 4, ds.counts)
    assert_array_equal(fine.mask_safe.isel(x=slice(1, None, 2), y=slice(1, None, 2)), ds.mask_safe)
    assert_allclose(fine.exposure.isel(x=slice(0, None, 2), y=slice(0, None, 2)), ds.exposure)
    assert_allclose(fine.gamma.center.ra.deg, ds.gamma.center.ra.deg)
    energy = ds.gamma.upsample(energy=2)
    assert_allclose(energy.gamma.edges("energy").value, 2 ** np.arange(0, 4.1, 0.5), rtol=1e-12)
    assert_allclose(energy.edisp.sum("energy"), ds.edisp.sum("energy"))
    lazy = ds.chunk(y=4).gamma.upsample(2, energy=2)
    assert hasattr(lazy.counts.data, "dask")


def test_upsampling_keeps_the_records_of_runs():
    from xgamma.tutorial import example_map

    ds = example_map().gamma.fov_background("icrs;circle(83.63, 22.01, 0.3)")
    fine = ds.gamma.upsample(energy=2)
    assert_allclose(fine.background_norm.isel(energy=slice(0, None, 2)), ds.background_norm)
    assert_allclose(fine.gamma.downsample(energy=2).background_norm, ds.background_norm)


@pytest.mark.parametrize("which", ["", "_safe", "_fit"])
def test_energy_range_total(which):
    ds = filled(masked=False)
    ds["mask_safe"] = ds.gamma.energy_mask(2, None) & ds.gamma.region_mask(
        "icrs;circle(10, 20, 0.3)"
    )
    ds["mask_fit"] = ds.gamma.energy_mask(None, 8)
    low, high = getattr(ds.gamma, f"energy_range_total{which}")
    expected = {"": (2, 8), "_safe": (2, 16), "_fit": (1, 8)}[which]
    assert_allclose([float(low), float(high)], expected)
    assert low.attrs["units"] == "TeV"
