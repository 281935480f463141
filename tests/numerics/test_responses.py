"""Shapes of responses: normalised profiles, dispersion kernels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from xgamma.numerics.responses import (
    SR_PER_DEG2,
    cumulative_at,
    kernel_from_cumulative,
    king_profile,
    multi_gauss_profile,
    normalize_rad,
)

EDGES = np.linspace(0, 2, 2001)
RAD = 0.5 * (EDGES[1:] + EDGES[:-1])


@given(st.floats(0.02, 0.3))
def test_gauss_is_normalised(sigma):
    raw = multi_gauss_profile(RAD, np.array([[sigma]]), np.array([[1.0]]))
    values, integral = normalize_rad(raw, EDGES)
    assert integral[0] == pytest.approx(2 * np.pi * sigma**2 * SR_PER_DEG2, rel=1e-3)
    assert values[0, 0] == pytest.approx(1 / (2 * np.pi * sigma**2 * SR_PER_DEG2), rel=2e-3)
    ring = 2 * np.pi * RAD * np.diff(EDGES) * SR_PER_DEG2
    assert values[0] @ ring == pytest.approx(1, rel=1e-12)


def test_three_gauss_add_by_amplitude():
    """dP/dOmega = S (exp(-r2/2s1) + A2 exp(-r2/2s2) + A3 ...), GADF PSF_3GAUSS."""
    sigmas, amplitudes = np.array([[0.05], [0.1], [0.2]]), np.array([[1.0], [0.3], [0.1]])
    got = multi_gauss_profile(RAD, sigmas, amplitudes)[0]
    truth = sum(
        a[0] * np.exp(-0.5 * (RAD / s[0]) ** 2) for s, a in zip(sigmas, amplitudes, strict=True)
    )
    assert_allclose(got, truth, rtol=1e-12)


def test_unused_gauss_with_zero_width_is_left_out():
    got = multi_gauss_profile(RAD, np.array([[0.1], [0.0]]), np.array([[1.0], [0.0]]))
    assert np.isfinite(got).all()
    assert got[0, 0] == pytest.approx(1, rel=1e-4)


@given(st.floats(1.7, 5), st.floats(0.01, 0.1))
def test_king_integral(gamma, sigma):
    """Up to R the King profile holds 1 - (1 + R2 / 2 gamma sigma2)**(1 - gamma)."""
    raw = king_profile(RAD, np.array([gamma]), np.array([sigma]))
    _, integral = normalize_rad(raw * 1.0, EDGES)
    truth = 1 - (1 + EDGES[-1] ** 2 / (2 * gamma * sigma**2)) ** (1 - gamma)
    assert integral[0] / SR_PER_DEG2 == pytest.approx(truth, rel=1e-3)


def test_unusable_king_is_zero():
    assert_array_equal(king_profile(RAD, np.array([0.0, 2.0]), np.array([0.1, 0.0])), 0)


def test_empty_profile_stays_zero():
    values, integral = normalize_rad(np.zeros((2, RAD.size)), EDGES)
    assert_array_equal(values, 0)
    assert_array_equal(integral, 0)


def dispersion(n_true=3, n_migra=160, sigma=0.2):
    """A matrix of Gaussian migration around one, density at bin centres."""
    edges = np.linspace(0.2, 5, n_migra + 1)
    center = 0.5 * (edges[1:] + edges[:-1])
    row = np.exp(-0.5 * ((center - 1) / sigma) ** 2)
    return np.tile(row / (row * np.diff(edges)).sum(), (n_true, 1)), edges


@given(
    st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=40, unique=True),
)
def test_rows_inside_the_axis_sum_to_one_whatever_the_binning(logs):
    """#3578, #4648: the cumulative distribution is resampled, not point values."""
    matrix, migra_edges = dispersion()
    true = np.array([1.0, 3.0, 10.0])
    reco = np.unique(np.concatenate([[0.01], 10.0 ** np.array(logs), [100.0]]))
    cumulative = cumulative_at(matrix, migra_edges, reco / true[:, np.newaxis])
    kernel = kernel_from_cumulative(cumulative, axis=1)
    assert kernel.shape == (3, reco.size - 1)
    assert_allclose(kernel.sum(axis=1), 1, rtol=1e-6)
    assert kernel.min() >= 0


def test_mean_energy_from_fine_bins():
    """#2739, #5458: no shift by half a bin, and probabilities are not densities."""
    matrix, migra_edges = dispersion(1)
    reco = np.geomspace(0.1, 10, 2001)
    kernel = kernel_from_cumulative(cumulative_at(matrix, migra_edges, reco[np.newaxis]), 1)[0]
    mean = (kernel * np.sqrt(reco[1:] * reco[:-1])).sum()
    center = 0.5 * (migra_edges[1:] + migra_edges[:-1])
    truth = (matrix[0] * center * np.diff(migra_edges)).sum()
    assert mean == pytest.approx(truth, rel=1e-3)


def test_row_partly_outside_holds_the_rest():
    matrix, migra_edges = dispersion(1, sigma=0.1)
    kernel = kernel_from_cumulative(
        cumulative_at(matrix, migra_edges, np.array([[1.0, 2.0]])), axis=1
    )
    assert kernel[0, 0] == pytest.approx(0.5, abs=0.01)


def test_empty_row_and_small_values_are_zero():
    matrix, migra_edges = dispersion(2)
    matrix[0] = 0
    kernel = kernel_from_cumulative(
        cumulative_at(matrix, migra_edges, np.geomspace(0.1, 10, 50) * np.ones((2, 1))), axis=1
    )
    assert_array_equal(kernel[0], 0)
    assert ((kernel[1] == 0) | (kernel[1] >= 1e-8)).all()
    assert np.isfinite(kernel).all()
