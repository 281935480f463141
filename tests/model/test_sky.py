"""The sky is a function of labels: positions, areas, and the index that guards the frame."""

import copy
import pickle

import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from xgamma.datasets.cutout import cutout
from xgamma.model import sky
from xgamma.model.frame import drop_frame, set_frame, wcs_of
from xgamma.model.frame_index import FrameIndex

PROJECTIONS = ["CAR", "TAN", "AIT", "ZEA", "SIN"]


def image(center=(83.63, 22.01), width="2 deg", binsz="0.1 deg", **options):
    """A template with an array of ones on it."""
    ds = xg.create_map(center, width, binsz, **options)
    dims = ("y", "x")
    return ds.assign(one=xr.Variable(dims, np.ones([ds.sizes[d] for d in dims])))


# --- positions ---------------------------------------------------------------------------


@pytest.mark.parametrize("frame", ["icrs", "galactic", "fk5"])
@pytest.mark.parametrize("proj", PROJECTIONS)
def test_lonlat_like_astropy(proj, frame):
    ds = image((83.63, 22.01), ("6 deg", "4 deg"), "0.5 deg", proj=proj, frame=frame)
    assert ds.gamma.frame == frame
    y, x = np.mgrid[: ds.sizes["y"], : ds.sizes["x"]]
    theirs = wcs_of(ds).pixel_to_world(x, y)
    lon, lat = ds.gamma.lonlat
    assert lon.dims == ("y", "x")
    assert lon.attrs["units"] == "deg"
    assert_allclose(lon, theirs.spherical.lon.deg, atol=1e-9)
    assert_allclose(lat, theirs.spherical.lat.deg, atol=1e-9)
    assert theirs.frame.name == frame


@pytest.mark.parametrize("frame", ["icrs", "galactic", "fk5"])
@pytest.mark.parametrize("proj", PROJECTIONS)
def test_round_trip_of_positions(proj, frame):
    ds = image((83.63, 22.01), "4 deg", "0.1 deg", proj=proj, frame=frame)
    at = sky.pix_to_world(ds, np.array([0.0, 3.5, 39.0]), np.array([1.0, 20.25, 39.0]))
    x, y = sky.world_to_pix(ds, at.icrs)
    assert_allclose(x, [0, 3.5, 39], atol=1e-7)
    assert_allclose(y, [1, 20.25, 39], atol=1e-7)


@pytest.mark.parametrize("frame", ["icrs", "galactic", "fk5"])
def test_separation_like_astropy(frame):
    ds = image((83.63, 22.01), "4 deg", "0.5 deg", frame=frame)
    lon, lat = ds.gamma.lonlat
    at = SkyCoord(83.0, 21.5, unit="deg")
    theirs = SkyCoord(lon.values, lat.values, unit="deg", frame=frame).icrs.separation(at).deg
    # FK5 and ICRS differ by a rotation of milliarcseconds, which is in both.
    assert_allclose(ds.gamma.separation(at), theirs, atol=1e-9)


def test_strings_are_in_the_frame_of_the_map():
    ds = image((0, 0), "1 deg", "1 deg", frame="galactic")
    assert float(ds.gamma.separation((0, 0)).squeeze()) == pytest.approx(0, abs=1e-12)
    assert float(ds.gamma.separation(SkyCoord(0, 0, unit="deg")).squeeze()) > 60


def test_center_and_scale():
    ds = image((83.63, 22.01), ("4 deg", "2 deg"), ("0.1 deg", "0.05 deg"), proj="TAN")
    assert ds.gamma.center.separation(SkyCoord(83.63, 22.01, unit="deg")).deg < 1e-9
    assert sky.pixel_scale(ds) == pytest.approx((0.1, 0.05))


# --- the edge of the sky -----------------------------------------------------------------


def test_corners_of_an_all_sky_map_are_not_on_the_sky():
    ds = image(width=None, binsz="2 deg", proj="AIT", frame="galactic")
    assert (ds.sizes["y"], ds.sizes["x"]) == (90, 180)
    lon, lat = ds.gamma.lonlat
    assert np.isnan(lon[0, 0])
    assert np.isnan(lat[-1, -1])
    assert np.isfinite(lon[45, 90])
    assert_array_equal(np.isnan(lon), np.isnan(lat))
    # The projection keeps areas: the sphere's 41253 square degrees in 360 x 180.
    assert float(np.isfinite(lon).mean()) == pytest.approx(2 / np.pi, rel=0.02)
    # Pixels cut by the border have no area; the rest is most of the sphere.
    assert 0.95 * 4 * np.pi < float(ds.gamma.solid_angle.sum()) <= 4 * np.pi


def test_all_sky_of_a_cylinder():
    ds = image(width=None, binsz="1 deg", frame="galactic")
    assert float(ds.gamma.solid_angle.sum()) == pytest.approx(4 * np.pi, rel=1e-9)
    assert np.isfinite(ds.gamma.lonlat[0]).all()


def test_cylinder_does_not_go_round_twice():
    """Beyond half a turn a pixel would be a copy of one on the other side."""
    ds = image((0, 0), ("400 deg", "10 deg"), "10 deg", frame="galactic")
    lon = ds.gamma.lonlat[0][0].values
    assert np.isnan(lon[[0, 1, -2, -1]]).all()
    inside = lon[2:-2]
    assert np.isfinite(inside).all()
    assert np.unique(inside.round(6)).size == inside.size == 36


# --- labels ------------------------------------------------------------------------------


def test_cutout_keeps_its_sky():
    ds = image()
    lon, lat = ds.gamma.lonlat
    part = ds.isel(x=slice(3, 9), y=slice(5, 8))
    assert_array_equal(part.x, np.arange(3, 9))
    assert_array_equal(part.gamma.lonlat[0], lon[5:8, 3:9])
    assert_array_equal(part.gamma.lonlat[1], lat[5:8, 3:9])
    assert_array_equal(part.gamma.solid_angle, ds.gamma.solid_angle[5:8, 3:9])


def test_cutout_beyond_the_cache_of_the_parent():
    """A parent too large to have its geometry computed whole gives the same sky."""
    big = xg.create_map((83.63, 22.01), "40 deg", "0.02 deg")
    assert big.sizes["x"] * big.sizes["y"] > sky.PARENT_CACHE_PIXELS
    part = cutout(big, (83.0, 22.0), "0.2 deg")
    y, x = np.meshgrid(part.y, part.x, indexing="ij")
    theirs = wcs_of(big).pixel_to_world(x, y)
    assert_allclose(part.gamma.lonlat[0], theirs.ra.deg, atol=1e-9)
    assert_allclose(part.gamma.lonlat[1], theirs.dec.deg, atol=1e-9)


def test_coarsened_labels_are_true():
    """coarsen averages the labels, and the same WCS still holds."""
    ds = image(binsz="0.1 deg", width="1 deg")
    coarse = ds.coarsen(x=5, y=5).sum()
    assert_array_equal(coarse.x, [2, 7])
    assert_allclose(coarse.gamma.lonlat[1].mean(), ds.gamma.lonlat[1].mean(), rtol=1e-5)
    assert_allclose(
        coarse.gamma.solid_angle, ds.gamma.solid_angle.coarsen(x=5, y=5).sum(), rtol=1e-5
    )
    assert sky.pixel_scale(coarse) == pytest.approx((0.5, 0.5))


def test_fine_map_at_coarse_labels():
    """The response grid is labelled in the same pixels, so interp places it."""
    ds = xg.create_map(
        (83.63, 22.01), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 1), energy_true="reco"
    )
    lon = sky.lonlat(ds)[0]
    at = lon.interp(x=ds.x_irf, y=ds.y_irf)
    assert_allclose(at, sky.lonlat(ds, irf=True)[0], atol=1e-9)


@pytest.mark.parametrize("proj", PROJECTIONS)
def test_pixel_areas_like_the_peer(proj, gammapy):
    from gammapy.maps import WcsGeom

    ds = image((83.63, 22.01), ("8 deg", "5 deg"), "0.1 deg", proj=proj)
    geom = WcsGeom.create(skydir=(83.63, 22.01), width=(8, 5), binsz=0.1, proj=proj, frame="icrs")
    # gammapy approximates a pixel by a parallelogram of its half widths.
    assert_allclose(ds.gamma.solid_angle, geom.solid_angle().to_value("sr"), rtol=1e-5)


# --- the guard ---------------------------------------------------------------------------


@pytest.fixture
def two():
    return image(), image((83.63, 22.5))


@pytest.mark.parametrize(
    "combine",
    [
        lambda a, b: a + b,
        lambda a, b: a.one + b.one,
        lambda a, b: a.one * b.one,
        lambda a, b: xr.align(a, b),
        lambda a, b: xr.concat([a.one, b.one], "run", join="outer"),
        lambda a, b: a.reindex_like(b),
        lambda a, b: a.one.where(b.one > 0),
    ],
)
def test_maps_of_different_frames_do_not_combine(two, combine):
    """Without the index they add silently."""
    with pytest.raises(xg.FrameError, match=r"Different sky frames \(CRVAL2 22.01 versus 22.5"):
        combine(*two)


@pytest.mark.parametrize("other", [{"proj": "TAN"}, {"frame": "galactic"}, {"binsz": "0.2 deg"}])
def test_every_keyword_counts(other):
    with pytest.raises(xg.FrameError, match="Different sky frames"):
        xr.align(image(), image(**other))


def test_rounding_of_keywords_does_not_count():
    a, b = image(), image((83.63 + 1e-10, 22.01))
    assert float((a + b).one.sum()) == 800


def test_cutout_falls_into_its_place():
    a = image()
    part = a.isel(x=slice(2, 6), y=slice(0, 3))
    assert (a.one + part.one).shape == (3, 4)
    both = xr.align(a.one, part.one, join="outer", fill_value=0.0)
    assert float((both[0] + both[1]).sum()) == 400 + 12
    with xr.set_options(arithmetic_join="exact"), pytest.raises(ValueError, match="align"):
        a.one + part.one


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.isel(x=3),
        lambda a: a.isel(x=slice(2, 4)),
        lambda a: a.sel(x=slice(2, 4)),
        lambda a: a.sum("x"),
        lambda a: a.copy(),
        lambda a: a.copy(deep=True),
        copy.copy,
        copy.deepcopy,
        lambda a: pickle.loads(pickle.dumps(a)),
        lambda a: a.transpose("x", "y", ...),
        lambda a: a + 1,
        lambda a: a.where(a.one > 0),
        lambda a: a.rename(one="two"),
        lambda a: a.reindex(x=np.arange(-1, 5)),
        lambda a: a.interp(x=[2.5, 3.5]),
        lambda a: xr.concat([a.isel(x=slice(0, 3)), a.isel(x=slice(3, 9))], "x"),
        lambda a: xr.combine_by_coords([a.isel(x=slice(0, 3)), a.isel(x=slice(3, 9))]),
        lambda a: xr.merge([a, a.rename(one="two")]),
        lambda a: a.expand_dims("run"),
        lambda a: a.groupby("x").mean(),
        lambda a: a.shift(x=1),
        lambda a: a.one.to_dataset(),
        lambda a: xr.DataTree(a).dataset,
    ],
)
def test_the_guard_lives_through(change):
    a = image()
    with xr.set_options(use_new_combine_kwarg_defaults=True):
        got = change(a)
    assert isinstance(got.xindexes["wcs"], FrameIndex)
    assert got.wcs.attrs == a.wcs.attrs
    assert got.gamma.frame == "icrs"


def test_coarsen_needs_the_guard_set_again():
    """xarray's coarsen drops any index on a scalar; the attributes stay, and validate says so."""
    coarse = image().coarsen(x=2).mean()
    if "wcs" not in coarse.xindexes:
        assert "set_frame" in " ".join(xg.validate(coarse, errors="return"))
    back = set_frame(coarse)
    assert back.xindexes["wcs"].equals(image().xindexes["wcs"])


def test_the_guard_lives_through_map_blocks():
    pytest.importorskip("dask")
    a = image().chunk(x=10)
    got = a.map_blocks(lambda part: part * 2, template=a)
    assert float(got.one.sum()) == 800
    assert isinstance(got.xindexes["wcs"], FrameIndex)


def test_selecting_by_the_frame_is_refused():
    with pytest.raises((xg.FrameError, KeyError)):
        image().sel(wcs=0)


def test_written_and_read(tmp_path):
    """The attributes are the file form; set_frame puts the guard back."""
    a = image()
    path = tmp_path / "map.nc"
    drop_frame(a).to_netcdf(path)
    with xr.open_dataset(path) as raw:
        back = set_frame(raw.load())
    assert back.xindexes["wcs"].equals(a.xindexes["wcs"])
    assert float((back + a).one.sum()) == 800
    assert set_frame(back) is back
    assert "wcs" not in drop_frame(a).xindexes


def test_no_frame():
    bare = xr.Dataset({"one": (("y", "x"), np.ones((2, 2)))})
    with pytest.raises(xg.FrameError, match="no coordinate 'wcs'"):
        sky.lonlat(bare)
    with pytest.raises(xg.FrameError, match="this is not a map"):
        sky.lonlat(
            xg.create_spectrum("icrs;circle(0, 0, 1)", xg.energy_axis(1, 10, 2), energy_true="reco")
        )


@pytest.mark.parametrize(("options", "word"), [({"proj": "XYZ"}, "XYZ"), ({"frame": "ecl"}, "ecl")])
def test_unknown_projection_or_frame(options, word):
    with pytest.raises(xg.FrameError, match=word):
        image(**options)


def test_repr():
    assert "FrameIndex(RA---CAR, DEC--CAR)" in repr(image())
