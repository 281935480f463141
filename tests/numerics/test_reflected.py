import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xgamma.numerics.reflected import angular_size, pixel_grid, reflected_angles
from xgamma.numerics.tangent import Figure, Plane


@given(st.integers(2, 25), st.booleans(), st.floats(0, 30), st.floats(0, 20))
def test_pixels_of_an_annulus(half, even, low, width):
    line = np.arange(-half, half) + 0.5 if even else np.arange(-half, half + 1.0)
    z = (line[np.newaxis, :] + 1j * line[:, np.newaxis]).ravel()
    expected = z[(np.abs(z) >= low - 1e-9) & (np.abs(z) <= low + width + 1e-9)]
    sure = z[(np.abs(z) >= low + 1e-9) & (np.abs(z) <= low + width - 1e-9)]
    found = pixel_grid(half, even, low, low + width)
    assert len(set(found)) == found.size
    assert set(sure) <= set(found) <= set(expected)


def test_angular_size_goes_round():
    assert angular_size(np.array([-1 + 0.1j, -1 - 0.1j])) < 0.3


@given(st.floats(0.1, 6.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_places_keep_their_distance(size, apart, first):
    on = Figure.circle(-50j, 10.0)
    angles = reflected_angles(on, size, np.empty(0, dtype=complex), 0.1, apart, first, 100)
    steps = np.diff([0.0, *angles, 2 * np.pi])
    assert (steps[1:-1] >= size + apart - 1e-9).all()
    if angles:
        assert steps[0] >= size + apart + first - 1e-9
        assert steps[-1] >= size + apart + first - 1e-9


@given(st.floats(0, 360), st.floats(-89, 89), st.floats(0, 360), st.floats(0, 60))
def test_plane_there_and_back(lon, lat, angle, distance):
    from xgamma.numerics import sphere

    plane = Plane(lon, lat, 0.01)
    z = np.array([np.tan(np.deg2rad(distance)) * np.rad2deg(100) * np.exp(1j * np.deg2rad(angle))])
    vectors = plane.deproject(z)
    np.testing.assert_allclose(plane.project(vectors), z, atol=1e-6)
    center = sphere.lonlat_to_vector(np.array(lon), np.array(lat))
    np.testing.assert_allclose(sphere.separation(vectors, center), distance, atol=1e-6)


def test_plane_agrees_with_astropy():
    from xgamma.model.figure import wcs_of_plane

    plane = Plane(83.63, 22.01, 0.01)
    lon, lat = np.array([83.0, 84.5]), np.array([21.0, 22.5])
    x, y = wcs_of_plane(plane, "icrs").wcs_world2pix(lon, lat, 0)
    np.testing.assert_allclose(plane.project_lonlat(lon, lat), x + 1j * y, atol=1e-9)


def test_behind_the_plane_is_nowhere():
    assert np.isnan(Plane(0.0, 0.0, 1.0).project_lonlat(np.array([180.0]), np.array([0.0]))[0])
