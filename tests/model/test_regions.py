"""Regions in and out, and the pixels inside."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.testing import assert_array_equal
from regions import (
    CircleAnnulusSkyRegion,
    CircleSkyRegion,
    EllipseSkyRegion,
    PointSkyRegion,
    PolygonSkyRegion,
    RectangleSkyRegion,
)

import xgamma as xg
from xgamma.model import regions

CRAB = SkyCoord(83.63, 22.01, unit="deg")
SHAPES = {
    "circle": CircleSkyRegion(CRAB, 0.5 * u.deg),
    "annulus": CircleAnnulusSkyRegion(CRAB, 0.3 * u.deg, 0.6 * u.deg),
    "ellipse": EllipseSkyRegion(CRAB, 1 * u.deg, 0.5 * u.deg, 30 * u.deg),
    "rectangle": RectangleSkyRegion(CRAB, 1 * u.deg, 0.5 * u.deg, 30 * u.deg),
    "polygon": PolygonSkyRegion(SkyCoord([83, 84, 83.5], [21.5, 21.7, 22.5], unit="deg")),
}


@pytest.fixture(scope="module")
def ds():
    return xg.create_map(CRAB, "3 deg", "0.05 deg")


@pytest.mark.parametrize("name", SHAPES)
def test_text_round_trip(name):
    region = SHAPES[name]
    (back,) = regions.parse_regions(regions.region_text(region))
    assert type(back) is type(region)
    assert regions.region_text(back) == regions.region_text(region)
    assert regions.region_center(region).separation(regions.region_center(back)).deg < 1e-7


@pytest.mark.parametrize("name", SHAPES)
def test_mask_like_the_peer(ds, name, gammapy):
    from gammapy.maps import WcsGeom

    geom = WcsGeom.create(skydir=CRAB, width=3, binsz=0.05, frame="icrs")
    for inside in (True, False):
        got = ds.gamma.region_mask(SHAPES[name], inside=inside)
        assert got.dtype == bool
        assert got.dims == ("y", "x")
        assert_array_equal(got, geom.region_mask([SHAPES[name]], inside=inside).data)


def test_area_of_a_circle(ds):
    mask = ds.gamma.region_mask(SHAPES["circle"])
    # In a plate carrée the circle is one of pixels at its centre, squeezed by cos(latitude).
    assert mask.sum() * 0.05**2 == pytest.approx(np.pi * 0.25, rel=0.02)


def test_union_and_complement(ds):
    far = CircleSkyRegion(SkyCoord(83, 21, unit="deg"), 0.2 * u.deg)
    both = ds.gamma.region_mask([SHAPES["circle"], far])
    alone = [ds.gamma.region_mask(r) for r in (SHAPES["circle"], far)]
    assert_array_equal(both, alone[0] | alone[1])
    assert_array_equal(ds.gamma.region_mask([SHAPES["circle"], far], inside=False), ~both)


def test_point_marks_its_pixel(ds):
    mask = ds.gamma.region_mask(PointSkyRegion(CRAB))
    assert 1 <= mask.sum() <= 4
    moved = PointSkyRegion(SkyCoord(83.64, 22.02, unit="deg"))
    assert ds.gamma.region_mask(moved).sum() == 1


def test_cutout_has_the_part_of_the_mask(ds):
    part = ds.gamma.cutout((83.3, 22.3), "1 deg")
    whole = ds.gamma.region_mask(SHAPES["ellipse"])
    assert_array_equal(part.gamma.region_mask(SHAPES["ellipse"]), whole.sel(x=part.x, y=part.y))


def test_other_frames(ds):
    galactic = regions.parse_regions("galactic;circle(184.55754, -5.78427, 0.5)")
    near = ds.gamma.region_mask(galactic) ^ ds.gamma.region_mask(
        CircleSkyRegion(galactic[0].center.icrs, 0.5 * u.deg)
    )
    assert near.sum() == 0


def test_files(ds, tmp_path):
    path = tmp_path / "exclude.reg"
    path.write_text(
        f"# Region file format: DS9\nicrs\n{regions.region_text(SHAPES['circle']).split(';')[1]}\n"
    )
    assert_array_equal(ds.gamma.region_mask(path), ds.gamma.region_mask(SHAPES["circle"]))
    assert_array_equal(ds.gamma.region_mask(str(path)), ds.gamma.region_mask(path))
    with pytest.raises(xg.XGammaError, match="does not exist"):
        ds.gamma.region_mask("nothing.reg")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, "int is not a region"),
        ("blob(1, 2)", "region"),
        ("", "region"),
        ([None], "not a region"),
    ],
)
def test_not_a_region(ds, value, message):
    with pytest.raises(xg.XGammaError, match=message):
        ds.gamma.region_mask(value)


def test_center_of_several():
    pair = "icrs;circle(10, 0, 0.1);circle(12, 0, 0.1)"
    assert regions.region_center(pair).ra.deg == pytest.approx(11)


def test_contains(ds):
    inside = regions.contains(
        ds, SHAPES["circle"], SkyCoord([83.63, 85], [22.01, 22.01], unit="deg")
    )
    assert_array_equal(inside, [True, False])
