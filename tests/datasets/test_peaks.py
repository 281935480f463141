"""Peaks of an image, against brute force and gammapy."""

import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import SkyCoord

import xgamma as xg
from tests.helpers.random_maps import filled


def image(values, **kwargs):
    ny, nx = values.shape
    ds = xg.create_map((10, 20), npix=(nx, ny), binsz="0.1 deg", **kwargs)
    return xr.zeros_like(ds.gamma.solid_angle).copy(data=values).assign_attrs(units="")


@pytest.fixture(scope="module")
def noise():
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(1)
    return image(20 * gaussian_filter(rng.normal(size=(40, 50)), 1.5))


def brute(array, threshold):
    """Pixels higher than their eight neighbours."""
    padded = np.pad(np.nan_to_num(array.values, nan=-np.inf), 1, constant_values=-np.inf)
    found = []
    for j, i in np.ndindex(array.shape):
        square = padded[j : j + 3, i : i + 3].copy()
        here, square[1, 1] = square[1, 1], -np.inf
        if here > threshold and here > square.max():
            found.append((float(here), float(array.x[i]), float(array.y[j])))
    return sorted(found, reverse=True)


def test_peaks_are_those_of_brute_force(noise):
    peaks = xg.find_peaks(noise, 1.0)
    assert peaks.sizes["peak"] > 20
    found = list(zip(peaks.value.values, peaks.x.values, peaks.y.values, strict=True))
    assert found == brute(noise, 1.0)
    at = noise.sel(x=peaks.x, y=peaks.y)
    np.testing.assert_array_equal(at, peaks.value)


def test_peaks_are_those_of_gammapy(noise):
    """Default distance: the same pixels, values and positions (1e-9 deg)."""
    maps = pytest.importorskip("gammapy.maps", reason="gammapy is not installed")
    from gammapy.estimators.utils import find_peaks

    peer = maps.WcsNDMap.create(npix=(50, 40), binsz=0.1, skydir=(10, 20), frame="icrs")
    peer.data = noise.values.copy()
    table, peaks = find_peaks(peer, threshold=2.0), noise.gamma.find_peaks(2.0)
    np.testing.assert_array_equal(table["value"], peaks.value)
    np.testing.assert_array_equal(table["x"], peaks.x)
    np.testing.assert_allclose(table["ra"], peaks.lon, atol=1e-9)
    np.testing.assert_allclose(table["dec"], peaks.lat, atol=1e-9)


def test_of_two_close_peaks_the_higher_is_kept(noise):
    every, few = xg.find_peaks(noise, 0.0), xg.find_peaks(noise, 0.0, "0.6 deg")
    kept = []
    for lon, lat in zip(every.lon.values, every.lat.values, strict=True):
        here = SkyCoord(lon, lat, unit="deg")
        if all(here.separation(other).deg >= 0.6 for other in kept):
            kept.append(here)
    np.testing.assert_allclose(few.lon, [p.ra.deg for p in kept])
    assert 1 < few.sizes["peak"] < every.sizes["peak"]


def test_a_plateau_is_one_peak_and_a_flat_map_none():
    values = np.zeros((9, 12))
    values[3:6, 3:6] = 7.0  # a plateau, whose middle is (4, 4)
    values[7, 8:11] = 2.0
    values[7, 11] = 3.0  # the plateau of 2 leads up to this
    peaks = xg.find_peaks(image(values), -1.0)
    assert list(peaks.value) == [7.0, 3.0]
    assert (float(peaks.x[0]), float(peaks.y[0])) == (4.0, 4.0)
    assert xg.find_peaks(image(np.full((5, 5), 3.0)), 0).sizes["peak"] == 0
    assert xg.find_peaks(image(np.full((5, 5), np.nan)), 0).sizes["peak"] == 0


def test_nan_is_no_peak_and_borders_are():
    values = np.full((6, 6), np.nan)
    values[0, 0], values[0, 1], values[3, 3] = -1.0, -2.0, -5.0
    peaks = xg.find_peaks(image(values), -10.0)
    assert list(peaks.value) == [-1.0, -5.0]


def test_threshold_of_each_pixel(noise):
    level = xr.where(noise.x < 25, 1e9, 1.0) * xr.ones_like(noise)
    peaks = xg.find_peaks(noise, level)
    assert peaks.sizes["peak"]
    assert (peaks.x >= 25).all()
    with pytest.raises(xg.FrameError):
        xg.find_peaks(noise, level.isel(x=slice(1, None)))


def test_positions_are_in_the_frame_of_the_map():
    values = np.zeros((5, 5))
    values[1, 3] = 9.0
    one = image(values, frame="galactic")
    peaks = one.gamma.find_peaks()
    lon, lat = one.gamma.lonlat
    assert peaks.attrs["frame"] == "galactic"
    assert float(peaks.lon[0]) == float(lon[1, 3])
    assert float(peaks.lat[0]) == float(lat[1, 3])


def test_what_cannot_be_searched_is_refused():
    ds = filled(1)
    with pytest.raises(xg.AxisError, match="a single image"):
        ds.counts.gamma.find_peaks(1)
    with pytest.raises(xg.AxisError, match="no pixels"):
        xg.find_peaks(ds.counts.sum("x"), 1)
    with pytest.raises(xg.XGammaError, match="min_distance"):
        xg.find_peaks(ds.counts.isel(energy=0), 1, -1)
    with pytest.raises(xg.XGammaError, match="threshold"):
        xg.find_peaks(ds.counts.isel(energy=0), "5 sigma")
    assert xg.find_peaks(ds.counts.isel(energy=[0]), 1).sizes["peak"] > 0
