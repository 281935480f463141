"""Integrals of power laws between nodes, and gaps along energy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tests.helpers.loglog import integrate_loglog
from xgamma.numerics.loglog import TINY, fill_gaps_log, safe_log


def power_law_integral(index, low, high):
    """The integral of E**-index."""
    power, ratio = 1.0 - index, np.log(high / low)
    return ratio if power == 0 else low**power * np.expm1(power * ratio) / power


@given(st.floats(-3, 6), st.integers(1, 30))
def test_exact_for_a_power_law_whatever_the_binning(index, n):
    edges = np.geomspace(0.1, 100, n + 1)
    got = integrate_loglog(np.log(edges**-index), np.log(edges)).sum()
    assert got == pytest.approx(power_law_integral(index, 0.1, 100.0), rel=1e-7)


@pytest.mark.parametrize("index", [1.0, 1 + 1e-12, 1 - 1e-7, 1 + 1e-6, 1 + 3e-5])
def test_flat_energy_times_rate(index):
    """Index one: numerator and denominator vanish together."""
    edges = np.geomspace(0.1, 100, 11)
    got = integrate_loglog(np.log(edges**-index), np.log(edges))
    truth = power_law_integral(index, edges[:-1], edges[1:])
    assert_allclose(got, truth, rtol=1e-9)


def test_many_rows_at_once():
    edges = np.geomspace(1, 10, 4)
    indices = np.array([[0.5, 2.0], [1.0, 3.0]])
    logs = -indices[..., np.newaxis] * np.log(edges)
    got = integrate_loglog(logs, np.log(edges))
    assert got.shape == (2, 2, 3)
    assert_allclose(got.sum(-1), np.vectorize(power_law_integral)(indices, 1.0, 10.0), rtol=1e-9)


def test_zero_rate_gives_nothing():
    edges = np.geomspace(1, 10, 4)
    assert integrate_loglog(np.full(4, np.log(TINY)), np.log(edges)).sum() < 1e-36
    assert_array_equal(safe_log(np.array([0.0, -1.0, 1.0])), [np.log(TINY), np.log(TINY), 0.0])


def test_gaps_are_filled_in_the_logarithm():
    values = np.array([[0.0, 1.0], [1.0, 0.0], [np.nan, 0.0], [100.0, 1000.0], [0.0, 0.0]])
    before = values.copy()
    filled = fill_gaps_log(values)
    assert_allclose(filled[:, 0], [0, 1, 10, 100, 0])
    assert_allclose(filled[:, 1], [1, 10, 100, 1000, 0])
    assert_array_equal(values, before)


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_all_empty_or_all_good_stay(fill):
    assert_array_equal(fill_gaps_log(np.full((3, 2), fill)), 0)
    good = np.arange(1.0, 7.0).reshape(3, 2)
    assert_array_equal(fill_gaps_log(good), good)
