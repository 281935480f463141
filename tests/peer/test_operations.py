"""Smoothing, masks and regridding beside the peer, on one random map."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import xgamma as xg

pytest.importorskip("gammapy", reason="the peer is not installed: pip install -e .[peer]")


@pytest.fixture(scope="module")
def maps():
    """A map of ours and the same map of the peer's."""
    from astropy.coordinates import SkyCoord
    from gammapy.maps import WcsGeom, WcsNDMap

    ds = xg.create_map((10, 5), ("6 deg", "4 deg"), "0.1 deg", frame="galactic")
    values = np.random.default_rng(0).poisson(3.0, (40, 60)).astype(float)
    ours = ds.assign(counts=(("y", "x"), values)).counts
    geom = WcsGeom.create(
        skydir=SkyCoord(10, 5, unit="deg", frame="galactic"),
        width=(6, 4),
        binsz=0.1,
        frame="galactic",
    )
    return ours, WcsNDMap(geom, values)


def test_gaussian_smoothing(maps):
    ours, theirs = maps
    expected = theirs.smooth("0.25 deg", kernel="gauss", mode="constant")
    assert_allclose(ours.gamma.smooth("0.25 deg").values, expected.data, rtol=1e-9)


def test_disk_smoothing(maps):
    # A radius between two rings of pixels: on a ring the peer drops four of them.
    ours, theirs = maps
    expected = theirs.smooth("0.25 deg", kernel="disk", mode="constant")
    assert_allclose(ours.gamma.smooth("0.25 deg", "disk").values, expected.data, rtol=1e-9)


@pytest.mark.parametrize("counts", [False, True])
def test_interpolation(maps, counts):
    from astropy.coordinates import SkyCoord
    from gammapy.maps import WcsGeom

    ours, theirs = maps
    template = xg.create_map((10, 5), ("3 deg", "2 deg"), "0.13 deg", frame="galactic", proj="TAN")
    geom = WcsGeom.create(
        skydir=SkyCoord(10, 5, unit="deg", frame="galactic"),
        width=(3, 2),
        binsz=0.13,
        frame="galactic",
        proj="TAN",
    )
    expected = theirs.interp_to_geom(geom, preserve_counts=counts)
    # The peer's solid angles are planar; at a tenth of a degree that is 1e-6.
    found = ours.gamma.interp_to(template, preserve_counts=counts)
    assert_allclose(found.values, expected.data, rtol=1e-5)


def test_reprojection_keeps_the_sum(maps):
    pytest.importorskip("reproject", reason="the package reproject is not installed")
    ours, _ = maps
    wide = xg.create_map((10, 5), ("9 deg", "7 deg"), "0.2 deg", frame="galactic", proj="TAN")
    found = ours.gamma.reproject_to(wide, preserve_counts=True)
    assert_allclose(float(found.sum()), float(ours.sum()), rtol=1e-3)
    mean = xg.create_map((10, 5), ("2 deg", "2 deg"), "0.2 deg", frame="galactic", proj="TAN")
    flat = ours * 0 + 2.0
    assert_allclose(flat.gamma.reproject_to(mean).values, 2.0, rtol=1e-6)
