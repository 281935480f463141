"""Errors and limits of an excess, from the rise of a fit statistic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from xgamma.numerics.statistics import cash, wstat

__all__ = [
    "cash_excess_error",
    "cash_excess_limit",
    "excess_for_significance",
    "wstat_excess_error",
    "wstat_excess_limit",
]


def cash_excess_error(
    n_on: np.ndarray, mu_bkg: np.ndarray, n_sigma: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper error of the excess, where the statistic rises by ``n_sigma^2``.

    Parameters
    ----------
    n_on, mu_bkg : ndarray
        Counts and known background.
    n_sigma : float
        Level.

    Returns
    -------
    errn, errp : ndarray
        Positive lengths; `errn` ends where the prediction would be negative.
    """
    n, b = np.broadcast_arrays(np.asarray(n_on, float), np.asarray(mu_bkg, float))
    scale = n_sigma * np.sqrt(np.maximum(n, 0.25)) + n_sigma**2
    best = n - b
    errp = solve_rise(lambda s: cash(n, b + s), best, best + 3 * scale, n_sigma**2)
    # With no counts the statistic is linear and there is nothing below.
    errn = solve_rise(lambda s: cash(n, b + s), best, -b, n_sigma**2)
    return best - errn, errp - best


def cash_excess_limit(n_on: np.ndarray, mu_bkg: np.ndarray, n_sigma: float = 2.0) -> np.ndarray:
    """Return the excess above its best value (or zero) where the statistic rises by ``n_sigma^2``.

    Parameters
    ----------
    n_on, mu_bkg : ndarray
        Counts and known background.
    n_sigma : float
        2 for a limit at 97.7 % confidence.

    Returns
    -------
    limit : ndarray
        Upper limit of the excess.
    """
    n, b = np.broadcast_arrays(np.asarray(n_on, float), np.asarray(mu_bkg, float))
    start = np.maximum(n - b, 0.0)
    top = start + 3 * (n_sigma * np.sqrt(n + b + 1) + n_sigma**2)
    return solve_rise(lambda s: cash(n, b + s), start, top, n_sigma**2)


def wstat_excess_error(
    n_on: np.ndarray, n_off: np.ndarray, alpha: np.ndarray, n_sigma: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper error of the excess of an on-off measurement.

    Parameters
    ----------
    n_on, n_off, alpha : ndarray
        Counts and acceptance ratio.
    n_sigma : float
        Level.

    Returns
    -------
    errn, errp : ndarray
        Positive lengths.
    """
    n, m, a = np.broadcast_arrays(*(np.asarray(v, float) for v in (n_on, n_off, alpha)))
    best = n - a * m
    scale = wstat_reach(n, m, a, n_sigma)
    up = solve_rise(lambda s: wstat(n, m, a, s), best, best + scale, n_sigma**2)
    down = solve_rise(lambda s: wstat(n, m, a, s), best, best - scale, n_sigma**2)
    return best - down, up - best


def wstat_excess_limit(
    n_on: np.ndarray,
    n_off: np.ndarray,
    alpha: np.ndarray,
    n_sigma: float = 2.0,
    mu_sig: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Return the upper limit of the excess of an on-off measurement over a known signal.

    Parameters
    ----------
    n_on, n_off, alpha : ndarray
        Counts and acceptance ratio.
    n_sigma : float
        2 for a limit at 97.7 % confidence.
    mu_sig : ndarray
        Known signal in the on region, which is not part of the excess.

    Returns
    -------
    limit : ndarray
        Upper limit of the excess: where the statistic has risen by ``n_sigma^2`` above its
        least value for excesses that are not negative.
    """
    values = (np.asarray(v, float) for v in (n_on, n_off, alpha, mu_sig))
    n, m, a, s = np.broadcast_arrays(*values)
    start = np.maximum(n - a * m - s, 0.0)
    top = start + wstat_reach(n, m, a, n_sigma)
    return solve_rise(lambda e: wstat(n, m, a, s + e), start, top, n_sigma**2)


def wstat_reach(n: np.ndarray, m: np.ndarray, a: np.ndarray, n_sigma: float) -> np.ndarray:
    """Return a distance from the best excess at which the statistic has risen by ``n_sigma^2``.

    Three times the Gaussian error with a count more on either side; an off count that was not
    seen stands for `alpha` counts.
    """
    values: np.ndarray = 3 * (n_sigma * np.sqrt(n + 1 + a**2 * (m + 1)) + n_sigma**2 * (1 + a))
    return values


def solve_rise(
    function: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    stop: np.ndarray,
    rise: float,
    steps: int = 60,
) -> np.ndarray:
    """Find, by bisection in all elements at once, where a function has risen by `rise`.

    Parameters
    ----------
    function : callable
        Of an array shaped like `start`; it rises from `start` to `stop`.
    start, stop : ndarray
        Bracket of each element.
    rise : float
        How much.
    steps : int
        Halvings.

    Returns
    -------
    x : ndarray
        Where; `stop` if the function does not rise that much.
    """
    near, far = np.array(start, dtype=float), np.array(stop, dtype=float)
    target = function(near) + rise
    for _ in range(steps):
        middle = 0.5 * (near + far)
        below = function(middle) < target
        near, far = np.where(below, middle, near), np.where(below, far, middle)
    x: np.ndarray = 0.5 * (near + far)
    return x


def excess_for_significance(
    significance: Callable[[np.ndarray], np.ndarray], n_sigma: float, background: np.ndarray
) -> np.ndarray:
    """Find, by bisection in all elements at once, the excess that is `n_sigma` significant.

    Parameters
    ----------
    significance : callable
        Of an array of excesses; it rises.
    n_sigma : float
        Wanted level.
    background : ndarray
        Expected background, which sets the scale.

    Returns
    -------
    excess : ndarray
        Shape of `background`.
    """
    low = np.zeros_like(background, dtype=float)
    high = 4 * (n_sigma**2 + n_sigma * np.sqrt(background + 1)) + 10
    for _ in range(60):
        short = significance(high) < n_sigma
        if not short.any():
            break
        high = np.where(short, 2 * high, high)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = significance(middle) < n_sigma
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    excess: np.ndarray = 0.5 * (low + high)
    return excess
