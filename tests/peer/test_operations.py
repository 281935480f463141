"""Smoothing, masks and regridding beside gammapy, on one random map."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import xgamma as xg

pytest.importorskip("gammapy", reason="gammapy is not installed: pip install -e .[peer]")


@pytest.fixture(scope="module")
def maps():
    """A map of ours and the same map of gammapy's."""
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
    # A radius between two rings of pixels: on a ring gammapy drops four of them.
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
    # gammapy's solid angles are planar; at a tenth of a degree that is 1e-6.
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


def test_upsampling(maps):
    ours, theirs = maps
    expected = theirs.upsample(3, order=0, preserve_counts=True)
    # gammapy shares by the solid angle of the parts, which differ by 2e-5.
    assert_allclose(ours.gamma.upsample(3).values, expected.data, rtol=3e-5)


def test_upsampling_along_energy(both):
    ours, theirs = both
    expected = theirs.background.upsample(2, order=0, preserve_counts=True, axis_name="energy")
    found = ours.gamma.upsample(energy=2)
    # gammapy shares by the widths of the parts (46 to 54 % here), as of a flat dN/dE; here
    # the parts are equal, as of a spectrum with index 1.
    width = np.diff(found.gamma.edges("energy").value)
    share = 2 * width / np.repeat(width.reshape(-1, 2).sum(axis=1), 2)
    assert_allclose(found.background * share[:, None, None], expected.data, rtol=1e-5)
    np.testing.assert_array_less(np.abs(share - 1), 0.13)
    edges = expected.geom.axes["energy"].edges.value
    assert_allclose(found.gamma.edges("energy").value, edges, rtol=1e-9)


def test_padding(both):
    ours, theirs = both
    expected, found = theirs.pad(3), ours.gamma.pad(3)
    for name in ("counts", "background", "exposure", "mask_safe"):
        assert_allclose(found[name], getattr(expected, name).data)


def test_dataset_onto_other_pixels(both):
    from gammapy.maps import WcsGeom

    ours, theirs = both
    template = xg.create_map((0.3, 0.2), "2 deg", "0.05 deg", frame="galactic", proj="TAN")
    geom = WcsGeom.create(skydir=(0.3, 0.2), width=2, binsz=0.05, frame="galactic", proj="TAN")
    found = ours.gamma.interp_to(template)
    for name, counts in (("exposure", False), ("background", True)):
        cube = getattr(theirs, name)
        expected = cube.interp_to_geom(geom.to_cube(cube.geom.axes), preserve_counts=counts)
        # Beside pixels that are not safe gammapy mixes what they hold in.
        inner = ours.mask_safe.all("energy").gamma.erode("0.1 deg")
        good = inner.gamma.interp_to(template).values
        assert_allclose(found[name].values[:, good], expected.data[:, good], rtol=2e-5)
        assert good.mean() > 0.5


def test_total_energy_range(both):
    ours, theirs = both
    low, high = theirs.energy_range_total
    found = ours.gamma.energy_range_total
    assert_allclose([float(e) for e in found], [low.to_value("TeV"), high.to_value("TeV")])
