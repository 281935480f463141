"""Geometry on the sphere against closed formulas and astropy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from xgamma.numerics import sphere

LON = st.floats(0, 359.99)
LAT = st.floats(-89.9, 89.9)


@given(LON, LAT)
def test_lonlat_round_trip(lon, lat):
    back = sphere.vector_to_lonlat(sphere.lonlat_to_vector(np.array(lon), np.array(lat)))
    assert (back[0] - lon + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)
    assert back[1] == pytest.approx(lat, abs=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "angle"),
    [
        ((0, 0), (90, 0), 90),
        ((0, 0), (180, 0), 180),
        ((12, 90), (200, -90), 180),
        ((359.5, 0), (0.5, 0), 1),
        ((30, 60), (30, 60), 0),
        ((30, 60), (30, 60 + 1e-7), 1e-7),
    ],
)
def test_separation_of_known_points(a, b, angle):
    one, other = (sphere.lonlat_to_vector(*map(np.array, p)) for p in (a, b))
    assert float(sphere.separation(one, other)) == pytest.approx(angle, rel=1e-7, abs=1e-13)


@given(LON, LAT, LON, LAT)
def test_separation_like_astropy(lon1, lat1, lon2, lat2):
    from astropy.coordinates import angular_separation

    a, b = (
        sphere.lonlat_to_vector(np.array(x), np.array(y)) for x, y in ((lon1, lat1), (lon2, lat2))
    )
    theirs = np.rad2deg(angular_separation(*np.deg2rad([lon1, lat1, lon2, lat2])))
    # Near half a turn the arc sine of the half chord keeps half of its digits only.
    assert float(sphere.separation(a, b)) == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("center", [(83.63, 22.01), (329.7, -30.2), (0.0, 89.0)])
def test_offset_frame_like_astropy(center):
    """East and north are astropy's SkyOffsetFrame, for positions near and far."""
    from astropy.coordinates import SkyCoord

    rng = np.random.default_rng(1)
    at = SkyCoord(*center, unit="deg")
    sky = at.directional_offset_by(
        rng.uniform(0, 360, 50) * 1.0 * _deg(), rng.uniform(0, 100, 50) * _deg()
    )
    theirs = sky.transform_to(at.skyoffset_frame())
    basis = sphere.offset_basis(*center)
    east, north = sphere.offset_coordinates(sphere.lonlat_to_vector(sky.ra.deg, sky.dec.deg), basis)
    assert_allclose(east, theirs.lon.wrap_at("180d").deg, atol=1e-9)
    assert_allclose(north, theirs.lat.deg, atol=1e-9)
    assert_allclose(basis @ basis.T, np.eye(3), atol=1e-15)


def _deg():
    from astropy import units as u

    return u.deg


def corner_grid(lon, lat):
    return sphere.lonlat_to_vector(*np.meshgrid(lon, lat))


def test_solid_angle_of_an_octant():
    corners = corner_grid(np.array([0.0, 90.0]), np.array([0.0, 90.0]))
    assert float(sphere.quad_solid_angle(corners)[0, 0]) == pytest.approx(np.pi / 2, rel=1e-12)


def test_solid_angles_sum_to_the_sphere():
    """Quads between great circles fill the sphere without gaps, down to the poles."""
    omega = sphere.quad_solid_angle(corner_grid(np.linspace(0, 360, 73), np.linspace(-90, 90, 37)))
    assert omega.min() > 0
    assert omega.sum() == pytest.approx(4 * np.pi, rel=1e-12)


def test_solid_angle_of_a_band():
    """Fine cells approach 2 pi (sin b2 - sin b1): great circles and parallels then agree."""
    omega = sphere.quad_solid_angle(corner_grid(np.linspace(0, 360, 3601), np.linspace(20, 50, 31)))
    truth = 2 * np.pi * (np.sin(np.deg2rad(50)) - np.sin(np.deg2rad(20)))
    assert omega.sum() == pytest.approx(truth, rel=1e-5)


def test_solid_angle_of_small_pixels_keeps_its_digits():
    step = 1e-4
    omega = sphere.quad_solid_angle(
        corner_grid(10 + step * np.arange(3), -step / 2 + step * np.arange(2))
    )
    assert_allclose(omega, np.deg2rad(step) ** 2, rtol=1e-9)
