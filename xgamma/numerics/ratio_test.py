"""Significance of a difference of fit statistics: numbers in, numbers out."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaincc, gammaln, ndtri_exp

__all__ = ["log_chance", "ts_significance"]

# Beyond this the chance is taken from the asymptotic series of the incomplete gamma function.
LARGE = 500.0


def log_chance(ts: float, dof: float) -> float:
    """Return the logarithm of the chance of a chi2 above `ts`, however small.

    Examples
    --------
    >>> round(log_chance(9.0, 1), 3), round(log_chance(5000.0, 1), 1)
    (-5.915, -2504.5)
    """
    ts = max(ts, 0.0)
    a, x = 0.5 * dof, 0.5 * ts
    if ts < LARGE + 10 * dof:
        return float(np.log(gammaincc(a, x)))
    terms = np.cumprod([1.0, *((a - k) / x for k in range(1, 8))])
    return float((a - 1) * np.log(x) - x - gammaln(a) + np.log(terms.sum()))


def ts_significance(ts: float, dof: float = 1) -> float:
    """Return the standard deviations of a Gaussian whose two tails are as unlikely as `ts`.

    Parameters
    ----------
    ts : float
        Difference of ``-2 ln L`` between two models of which one is a special case of the other.
    dof : float
        Parameters that one has more.

    Returns
    -------
    significance : float
        ``sqrt(ts)`` for one parameter (Wilks 1938); NaN of NaN, or without parameters.

    Examples
    --------
    >>> float(ts_significance(25.0)), round(float(ts_significance(25.0, 4)), 3)
    (5.0, 4.054)
    """
    if not np.isfinite(ts) or dof < 1:
        return float("nan")
    if dof == 1:
        return float(np.sqrt(max(ts, 0.0)))
    return float(max(-ndtri_exp(log_chance(ts, dof) - np.log(2)), 0.0))
