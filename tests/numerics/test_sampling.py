"""Kernels that draw random numbers: against closed forms and scipy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.interpolate import RegularGridInterpolator

from xgamma.numerics import sampling
from xgamma.numerics.sphere import (
    lonlat_to_vector,
    offset_basis,
    offset_coordinates,
    separation,
)


@pytest.fixture
def rng():
    return np.random.default_rng(20261121)


def test_multilinear_is_that_of_scipy(rng):
    nodes = [np.sort(rng.normal(size=n)) for n in (4, 3, 5)]
    values = rng.normal(size=(4, 3, 5))
    points = [rng.normal(scale=2, size=50) for _ in nodes]
    peer = RegularGridInterpolator(nodes, values, bounds_error=False, fill_value=None)
    assert_allclose(sampling.multilinear(nodes, values, points), peer(np.stack(points, axis=1)))


def test_multilinear_carries_axes_and_single_nodes(rng):
    nodes, values = [np.array([0.0, 1.0]), np.array([3.0])], rng.normal(size=(2, 1, 7))
    result = sampling.multilinear(nodes, values, [np.array([0.25]), np.array([9.0])])
    assert_allclose(result, 0.75 * values[0] + 0.25 * values[1])


def test_cell_maxima_bound_the_interpolation(rng):
    nodes = [np.arange(4.0), np.arange(5.0)]
    values = rng.normal(size=(4, 5))
    points = [rng.uniform(0, 3, 500), rng.uniform(0, 4, 500)]
    bound = sampling.cell_maxima(values)[tuple(p.astype(int) for p in points)]
    assert np.all(sampling.multilinear(nodes, values, points) <= bound)


def test_draw_cells(rng):
    expected = np.array([[0.0, 1000.0], [4000.0, 0.0]])
    cells = sampling.draw_cells(rng, expected)
    counts = np.zeros((2, 2))
    np.add.at(counts, cells, 1)
    assert_array_equal(counts == 0, expected == 0)
    assert_allclose(counts, expected, atol=4 * np.sqrt(4000))


@pytest.mark.parametrize("index", [0.0, 1.0, 1.0 + 1e-9, 2.63])
def test_power_law(rng, index):
    low, high = 0.5, 20.0
    grid = np.geomspace(low, high, 20001)
    total = np.trapezoid(grid**-index, grid)
    assert_allclose(sampling.power_law_integral(low, high, index), total, rtol=1e-6)
    values = sampling.sample_power_law(rng.random(3000), low, high, index)
    cdf = lambda x: sampling.power_law_integral(low, x, index) / total  # noqa: E731
    assert stats.kstest(values, cdf).pvalue > 0.01


def test_sample_rows(rng):
    edges, density = np.array([0.0, 1.0, 3.0, 4.0]), np.array([2.0, -1.0, 4.0])
    values = sampling.sample_rows(rng.random(5000), edges, np.tile(density, (5000, 1)))
    assert not np.any((values > 1) & (values < 3))
    assert abs(np.mean(values < 1) - 1 / 3) < 4 * np.sqrt(2 / 9 / 5000)
    assert np.isnan(sampling.sample_rows(np.array([0.5]), edges, np.zeros((1, 3)))).all()


def test_gaussian_mixture(rng):
    amplitudes, sigmas = np.array([1.0, 0.5]), np.array([1.0, 3.0])
    size = 4000
    radii = sampling.sample_gaussian_mixture(
        rng, np.tile(amplitudes, (size, 1)), np.tile(sigmas, (size, 1))
    )
    share = amplitudes * sigmas**2 / np.sum(amplitudes * sigmas**2)

    def cdf(r):
        return np.sum(share * -np.expm1(-0.5 * (np.atleast_1d(r)[:, None] / sigmas) ** 2), axis=1)

    assert stats.kstest(radii, cdf).pvalue > 0.01


@pytest.mark.parametrize("sigma", [0.2, 40.0])
def test_sphere_gaussian(rng, sigma):
    radii = np.deg2rad(sampling.sample_sphere_gaussian(rng, sigma, 4000))
    width = 1 - np.cos(np.deg2rad(sigma))

    def cdf(r):
        return np.expm1(-0.5 * (1 - np.cos(r)) / width) / np.expm1(-1 / width)

    if sigma < 10:
        assert stats.kstest(radii, cdf).pvalue > 0.01
    assert np.all(radii <= np.pi)
    assert np.all(sampling.sample_sphere_gaussian(rng, 0.0, 3) == 0)


def test_offset_by(rng):
    lon, lat = rng.uniform(0, 360, 50), rng.uniform(-89, 89, 50)
    angle, distance = rng.uniform(0, 360, 50), rng.uniform(0, 60, 50)
    there = lonlat_to_vector(*sampling.offset_by(lon, lat, angle, distance))
    for k in range(50):
        here = lonlat_to_vector(lon[k], lat[k])
        assert_allclose(separation(there[:, k], here), distance[k], atol=1e-10)
    lon, lat = sampling.offset_by(10.0, 89.5, 0.0, 1.0)
    assert_allclose([float(lon), float(lat)], [190.0, 89.5])


def test_offset_frame_there_and_back(rng):
    east, north = rng.uniform(-3, 3, (2, 50))
    lon, lat = sampling.offset_frame_to_sky(east, north, 359.9, -75.0)
    back = offset_coordinates(lonlat_to_vector(lon, lat), offset_basis(359.9, -75.0))
    assert_allclose(back, [east, north], atol=1e-12)


def test_nodes_with_edges():
    assert_array_equal(sampling.nodes_with_edges(np.array([1.0, 2.0]), 0.5, 2.5), [0.5, 1, 2, 2.5])
    # Archives that give points instead of bins have no outer halves.
    assert_array_equal(sampling.nodes_with_edges(np.array([0.0, 2.0]), 0.0, 2.0), [0, 2])
