"""Cutouts: which pixels, and what stays with them."""

import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import SkyCoord
from numpy.testing import assert_array_equal

import xgamma as xg
from tests.helpers.runs import simulated, template
from xgamma.model import sky


def test_labels_and_sky():
    ds = template("4 deg", "0.1 deg")
    part = ds.gamma.cutout("83.2d 22.3d", ("1 deg", "0.6 deg"))
    assert (part.sizes["x"], part.sizes["y"]) == (10, 6)
    assert part.gamma.center.separation(SkyCoord(83.2, 22.3, unit="deg")).deg < 0.08
    assert set(part.x.values) <= set(ds.x.values)
    assert_array_equal(part.gamma.lonlat[0], ds.gamma.lonlat[0].sel(x=part.x, y=part.y))
    assert part.sizes["x_irf"] == 5
    assert part.sizes["y_irf"] == 3


@pytest.mark.parametrize("position", [(83.63, 22.01), (83.2, 22.33), (82.0, 23.5), (85.3, 20.4)])
@pytest.mark.parametrize("width", ["1 deg", "0.33 deg", "2.7 deg", "9 deg"])
def test_pixels_like_the_peer(position, width, gammapy):
    """The same pixels of both grids, trimmed at the edge of the map."""
    from gammapy.datasets import MapDataset
    from gammapy.maps import MapAxis, WcsGeom

    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1)
    geom = WcsGeom.create(skydir=(83.63, 22.01), width=4, binsz=0.05, axes=[axis], frame="icrs")
    at = SkyCoord(*position, unit="deg")
    peer = MapDataset.create(geom).cutout(at, width)
    ds = xg.create_map(
        (83.63, 22.01), 4, 0.05, xg.energy_axis(1, 10, 1), energy_true="reco"
    ).gamma.cutout(at, width)
    coarse = peer.psf.psf_map.geom.to_image()
    for theirs, irf in ((peer.counts.geom.to_image(), False), (coarse, True)):
        lon, lat = sky.lonlat(ds, irf)
        coord = theirs.get_coord()
        assert lon.shape == theirs.data_shape
        np.testing.assert_allclose(lon, coord.lon.to_value("deg"), atol=1e-7)
        np.testing.assert_allclose(lat, coord.lat.to_value("deg"), atol=1e-7)


def test_small_cutout_keeps_three_coarse_pixels():
    part = template("4 deg", "0.02 deg").gamma.cutout("83.63d 22.01d", "0.1 deg")
    assert part.sizes["x"] == 5
    assert part.sizes["x_irf"] == part.sizes["y_irf"] == 3


def test_edges_of_the_map():
    ds = template("4 deg", "0.1 deg")
    corner = sky.pix_to_world(ds, 0.0, 0.0)
    part = ds.gamma.cutout(corner, "1 deg")
    assert part.x.values[0] == part.y.values[0] == 0
    assert part.sizes["x"] < 10
    with pytest.raises(xg.FrameError, match="beyond the edge of the map along 'x'"):
        ds.gamma.cutout(corner, "1 deg", mode="strict")
    with pytest.raises(xg.FrameError, match="outside the map"):
        ds.gamma.cutout("93d 22d", "1 deg")
    with pytest.raises(xg.FrameError, match="mode='cut'"):
        ds.gamma.cutout(corner, "1 deg", mode="cut")


def test_behind_the_projection():
    ds = xg.create_map((0, 0), "10 deg", "1 deg", proj="TAN")
    with pytest.raises(xg.FrameError, match="outside"):
        ds.gamma.cutout((180, 0), "1 deg")


def test_everything_of_a_dataset_stays():
    ds = template().gamma.fill(simulated())
    before = ds.copy(deep=True)
    part = ds.gamma.cutout("83.5d 22.3d", "1 deg", name="part")
    assert part.attrs["name"] == "part"
    for name in ds.data_vars:
        want = ds[name].isel(
            {
                d: ds.get_index(d).get_indexer(part[d])
                for d in ds[name].dims
                if d in ("x", "y", "x_irf", "y_irf")
            }
        )
        assert_array_equal(part[name], want)
    xr.testing.assert_identical(ds, before)
    assert xg.validate(part) == []


def test_arrays_and_cutouts_of_cutouts():
    ds = template("4 deg", "0.1 deg").gamma.fill_counts(simulated())
    part = ds.gamma.cutout("83.5d 22.3d", "2 deg")
    assert_array_equal(ds.counts.gamma.cutout("83.5d 22.3d", "2 deg"), part.counts)
    again = part.gamma.cutout("83.5d 22.3d", "1 deg")
    xr.testing.assert_identical(again.counts, ds.gamma.cutout("83.5d 22.3d", "1 deg").counts)


def test_lazy_stays_lazy():
    pytest.importorskip("dask")
    ds = template().gamma.fill_counts(simulated()).chunk()
    assert ds.gamma.cutout("83.5d 22.3d", "1 deg").counts.chunks is not None
