"""Statistics against closed forms, limits and gammapy, over random inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xgamma.numerics import limits
from xgamma.numerics import statistics as stat

counts = st.integers(0, 1000)
rates = st.floats(1e-6, 1e4)
alphas = st.floats(1e-3, 10)


@given(counts, rates)
def test_cash_is_minus_two_log_poisson(n, mu):
    from scipy.stats import poisson

    constant = -2 * poisson.logpmf(n, max(n, 1e-300)) if n else 0.0
    assert stat.cstat(n, mu) == pytest.approx(-2 * poisson.logpmf(n, mu) - constant, abs=1e-6)


@given(rates)
def test_cash_without_counts_is_twice_the_prediction(mu):
    assert stat.cash(0, mu) == 2 * mu
    assert stat.cstat(0, mu) == 2 * mu


def test_cash_limits():
    assert stat.cash(0, 0.0) == 0
    assert stat.cash(0, -3.0) == 0
    assert np.isfinite(stat.cash(5, 0.0))
    assert stat.cash(5, 0.0) > stat.cash(5, 1e-10)


@given(counts, st.floats(1e-3, 1e3))
def test_cash_gradient(n, mu):
    step = 1e-5 * mu
    slope = (stat.cash(n, mu + step) - stat.cash(n, mu - step)) / (2 * step)
    assert slope == pytest.approx(2 * (1 - n / mu), rel=1e-4, abs=1e-4)


@given(counts, counts, alphas, st.floats(0, 1e3))
def test_wstat_background_is_the_best(n_on, n_off, alpha, mu_sig):
    """No other background has a smaller statistic."""
    best = float(stat.wstat_background(n_on, n_off, alpha, mu_sig))
    assert best >= 0

    def full(b):
        on = mu_sig + alpha * b
        return 2 * (on - stat.xlogy(n_on, on) + b - stat.xlogy(n_off, b))

    at_best = full(best)
    trial = best + np.concatenate([-best * np.geomspace(1e-4, 1, 20), np.geomspace(1e-4, 100, 20)])
    assert np.all(full(np.maximum(trial, 0)) >= at_best - 1e-6 * max(1, abs(at_best)))


@given(counts, counts, alphas)
def test_wstat_of_perfect_model_is_zero(n_on, n_off, alpha):
    mu_sig = n_on - alpha * n_off
    if mu_sig >= 0:
        assert stat.wstat(n_on, n_off, alpha, mu_sig) == pytest.approx(0, abs=1e-6)


@given(counts, alphas, st.floats(0, 1e3))
def test_wstat_without_off_counts(n_on, alpha, mu_sig):
    """The closed form of the XSPEC manual for no off counts."""
    if mu_sig < alpha * n_on / (1 + alpha):
        expected = -2 * (mu_sig / alpha + n_on * np.log(alpha / (1 + alpha)))
    else:
        expected = 2 * (mu_sig + stat.xlogy(n_on, n_on) - n_on - stat.xlogy(n_on, mu_sig))
    assert stat.wstat(n_on, 0, alpha, mu_sig) == pytest.approx(float(expected), rel=1e-6, abs=1e-6)


@given(counts, alphas, st.floats(0, 1e3))
def test_wstat_without_on_counts(n_off, alpha, mu_sig):
    expected = 2 * (mu_sig + n_off * np.log(1 + alpha))
    assert stat.wstat(0, n_off, alpha, mu_sig) == pytest.approx(expected, rel=1e-7, abs=1e-7)


def test_wstat_without_off_region_is_cstat():
    assert stat.wstat(7, 3, np.inf, 5.0) == pytest.approx(float(stat.cstat(7, 5.0)))
    assert stat.wstat(7, 3, np.nan, 5.0) == pytest.approx(float(stat.cstat(7, 5.0)))
    assert stat.wstat(7, 0, 0.0, 5.0) == pytest.approx(float(stat.cstat(7, 5.0)))


@pytest.mark.usefixtures("gammapy")
@settings(max_examples=200, deadline=None)
@given(counts, counts, alphas, st.floats(0, 1e3))
def test_against_peer(n_on, n_off, alpha, mu):
    from gammapy.stats import cash, cstat, wstat

    assert stat.cash(n_on, mu) == pytest.approx(float(cash(n_on, mu)), rel=1e-10, abs=1e-9)
    # gammapy's cstat replaces zero counts by 1e-25 as well.
    assert stat.cstat(n_on, mu) == pytest.approx(float(cstat(n_on, mu)), rel=1e-8, abs=1e-8)
    theirs = float(wstat(n_on, n_off, alpha, mu))
    if np.isfinite(theirs):
        assert stat.wstat(n_on, n_off, alpha, mu) == pytest.approx(theirs, rel=1e-6, abs=1e-6)


@pytest.mark.usefixtures("gammapy")
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200), st.integers(0, 200), st.floats(0.05, 1), st.floats(0.1, 100))
def test_significance_errors_and_limits_against_peer(n_on, n_off, alpha, background):
    from gammapy.stats import CashCountsStatistic, WStatCountsStatistic

    theirs = WStatCountsStatistic(n_on, n_off, alpha)
    assert stat.li_ma(n_on, n_off, alpha) == pytest.approx(float(theirs.sqrt_ts), abs=1e-5)
    errn, errp = limits.wstat_excess_error(n_on, n_off, alpha)
    assert errp == pytest.approx(float(theirs.compute_errp()), rel=1e-4)
    if n_on and n_off:
        assert errn == pytest.approx(float(theirs.compute_errn()), rel=1e-4)
        if n_on > alpha * n_off:
            limit = float(theirs.compute_upper_limit(n_sigma=2))
            assert limits.wstat_excess_limit(n_on, n_off, alpha) == pytest.approx(limit, rel=1e-4)
    theirs = CashCountsStatistic(n_on, background)
    assert stat.cash_significance(n_on, background) == pytest.approx(
        float(theirs.sqrt_ts), abs=1e-5
    )
    errn, errp = limits.cash_excess_error(n_on, background)
    assert errp == pytest.approx(float(theirs.compute_errp()), rel=1e-4)
    if n_on:
        assert errn == pytest.approx(float(theirs.compute_errn()), rel=1e-4)
    if n_on > background:
        limit = float(theirs.compute_upper_limit(n_sigma=2))
        assert limits.cash_excess_limit(n_on, background) == pytest.approx(limit, rel=1e-4)


def test_li_ma_published():
    """The example of Li & Ma 1983: a source with on, off and alpha at 5 sigma and more."""
    n_on, n_off, alpha = 1808.0, 2450.0, 0.6
    first = n_on * np.log((1 + alpha) / alpha * n_on / (n_on + n_off))
    second = n_off * np.log((1 + alpha) * n_off / (n_on + n_off))
    assert stat.li_ma(n_on, n_off, alpha) == pytest.approx(np.sqrt(2 * (first + second)))
    assert stat.li_ma(0, 10, 0.5) < 0
    assert np.isnan(stat.li_ma(5, 0, np.inf))


def test_null_significance_is_a_unit_normal():
    rng = np.random.default_rng(0)
    n_on, n_off = rng.poisson(50, 20000), rng.poisson(250, 20000)
    value = stat.li_ma(n_on, n_off, 0.2)
    assert np.mean(value) == pytest.approx(0, abs=0.03)
    assert np.std(value) == pytest.approx(1, abs=0.02)
