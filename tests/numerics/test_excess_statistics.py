"""Errors and limits of an excess against brute force, with counts from none to many."""

import itertools

import numpy as np
import pytest

from xgamma.numerics import limits
from xgamma.numerics import statistics as stats

CASES = list(itertools.product((0, 1, 3, 40), (0, 1, 5, 300), (0.05, 0.5, 1.0, 10.0, 100.0)))


def wstat_by_hand(n_on, n_off, alpha, signal):
    """Minimise over the background on a grid: 2 (mu - n ln mu) of on and off counts."""
    least = max(0.0, -signal / alpha)
    b = least + np.concatenate([[0.0], np.geomspace(1e-7, 1e5, 400_001)])
    on = signal + alpha * b
    with np.errstate(divide="ignore"):
        log_on = n_on * np.log(on) if n_on else 0.0
        log_off = n_off * np.log(b) if n_off else 0.0
    return float(np.min(2 * (on - log_on + b - log_off)))


@pytest.mark.parametrize(("n_on", "n_off", "alpha"), CASES)
def test_wstat_errors_rise_by_one(n_on, n_off, alpha):
    """At both errors the statistic is one above its minimum, for any alpha (before, up to 6 wide)."""
    best = n_on - alpha * n_off
    errn, errp = limits.wstat_excess_error(n_on, n_off, alpha)
    at_best = stats.wstat(n_on, n_off, alpha, best)
    for s in (best - errn, best + errp):
        assert float(stats.wstat(n_on, n_off, alpha, s) - at_best) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("n_on", "n_off", "alpha"), CASES[::7])
@pytest.mark.parametrize("signal", [0.0, 7.5])
def test_wstat_limit_over_a_signal_against_a_grid(n_on, n_off, alpha, signal):
    limit = float(limits.wstat_excess_limit(n_on, n_off, alpha, 2.0, signal))
    start = max(n_on - alpha * n_off - signal, 0.0)
    rise = wstat_by_hand(n_on, n_off, alpha, signal + limit)
    rise -= wstat_by_hand(n_on, n_off, alpha, signal + start)
    # The grid of backgrounds is a few 1e-5 wide in its logarithm: its minimum is that exact.
    assert rise == pytest.approx(4, abs=1e-3)


@pytest.mark.parametrize("n_on", [0, 1, 3, 40, 5000])
@pytest.mark.parametrize("background", [0.0, 0.3, 20.0, 5000.0])
def test_cash_errors_and_limits(n_on, background):
    errn, errp = limits.cash_excess_error(n_on, background)
    best = n_on - background
    at_best = stats.cash(n_on, n_on)
    assert float(stats.cash(n_on, n_on + errp) - at_best) == pytest.approx(1, abs=1e-6)
    down = float(stats.cash(n_on, n_on - errn) - at_best)
    assert down == pytest.approx(1, abs=1e-6) if n_on else errn == 0
    start = max(best, 0.0)
    limit = limits.cash_excess_limit(n_on, background)
    rise = stats.cash(n_on, background + limit) - stats.cash(n_on, background + start)
    assert float(rise) == pytest.approx(4, abs=1e-6)
