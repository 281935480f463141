"""Fit statistics and significances: NumPy in, NumPy out.

A statistic is -2 ln L up to a constant of the data.  Every limit at zero counts, zero
background or zero prediction is exact, not a clipped logarithm.

References
----------
Cash 1979, ApJ 228, 939; Li & Ma 1983, ApJ 272, 317; Arnaud et al., XSPEC manual,
appendix B (W statistic: Poisson data with Poisson background).
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "cash",
    "cash_significance",
    "chi2",
    "cstat",
    "li_ma",
    "wstat",
    "wstat_background",
    "wstat_goodness",
    "xlogy",
]

# Counts in a bin predicted to have none: the logarithm is taken here, so that the penalty
# is large but finite and an optimiser finds its way back.  The same figure as gammapy's.
FLOOR = 1e-25


def xlogy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ``x ln y``, which is zero where `x` is."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    return x * np.log(np.where(x == 0, 1.0, np.maximum(y, FLOOR)))


def cash(counts: np.ndarray, npred: np.ndarray) -> np.ndarray:
    """Return ``2 (mu - n ln mu)``.

    Parameters
    ----------
    counts, npred : ndarray
        Observed and predicted counts. A prediction below zero counts as none.

    Returns
    -------
    stat : ndarray
        Statistic of each bin; ``2 mu`` where there are no counts.

    Examples
    --------
    >>> cash(np.array([0, 2]), np.array([0.5, 1.0]))
    array([1., 2.])
    """
    mu = np.maximum(npred, 0.0)
    stat: np.ndarray = 2 * (mu - xlogy(counts, mu))
    return stat


def cstat(counts: np.ndarray, npred: np.ndarray) -> np.ndarray:
    """Return ``2 (mu - n + n ln(n / mu))``: Cash with a constant that makes it zero at ``mu = n``.

    Parameters
    ----------
    counts, npred : ndarray
        Observed and predicted counts.

    Returns
    -------
    stat : ndarray
        Statistic of each bin.

    Examples
    --------
    >>> cstat(np.array([0, 3]), np.array([1.0, 3.0]))
    array([2., 0.])
    """
    n = np.asarray(counts, dtype=float)
    stat: np.ndarray = cash(n, npred) - 2 * (n - xlogy(n, n))
    return stat


def wstat_background(
    n_on: np.ndarray, n_off: np.ndarray, alpha: np.ndarray, mu_sig: np.ndarray
) -> np.ndarray:
    """Return the background in the off region that is most likely for a given signal.

    The positive root of the quadratic equation, in the form that does not cancel.

    Parameters
    ----------
    n_on, n_off : ndarray
        Counts in the on and off region.
    alpha : ndarray
        Ratio of on to off acceptance.
    mu_sig : ndarray
        Signal predicted in the on region.

    Returns
    -------
    mu_bkg : ndarray
        Expected counts in the off region.
    """
    n_on, n_off, alpha, mu_sig = (np.asarray(v, dtype=float) for v in (n_on, n_off, alpha, mu_sig))
    b = alpha * (n_on + n_off) - (1 + alpha) * mu_sig
    product = 4 * alpha * (1 + alpha) * n_off * mu_sig
    root = np.sqrt(np.maximum(b**2 + product, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = (b + root) / (2 * alpha * (1 + alpha))
        stable = 2 * n_off * mu_sig / (root - b)
    mu_bkg: np.ndarray = np.maximum(np.where((b < 0) & (root - b > 0), stable, plain), 0.0)
    return mu_bkg


def wstat(
    n_on: np.ndarray,
    n_off: np.ndarray,
    alpha: np.ndarray,
    mu_sig: np.ndarray,
    goodness: bool = True,
) -> np.ndarray:
    """Return the on-off statistic with the background profiled out.

    Parameters
    ----------
    n_on, n_off : ndarray
        Counts in the on and off region.
    alpha : ndarray
        Ratio of on to off acceptance.
    mu_sig : ndarray
        Signal predicted in the on region.
    goodness : bool
        Whether to add the terms that make it zero for a perfect model.

    Returns
    -------
    stat : ndarray
        Statistic of each bin. Without off region (``alpha`` not finite or zero) it is that
        of a signal without background.

    Examples
    --------
    >>> float(wstat(0, 0, 0.5, 1.5))
    3.0
    """
    n_on, n_off, alpha, mu_sig = np.broadcast_arrays(
        *(np.asarray(v, dtype=float) for v in (n_on, n_off, alpha, mu_sig))
    )
    has_off = np.isfinite(alpha) & (alpha > 0)
    ratio = np.where(has_off, alpha, 1.0)
    off = np.where(has_off, n_off, 0.0)
    background = np.where(has_off, wstat_background(n_on, off, ratio, mu_sig), 0.0)
    on = mu_sig + ratio * background
    stat = 2 * (on - xlogy(n_on, on) + background - xlogy(off, background))
    values: np.ndarray = stat + wstat_goodness(n_on, off) if goodness else stat
    return values


def wstat_goodness(n_on: np.ndarray, n_off: np.ndarray) -> np.ndarray:
    """Return the terms of the data alone: ``2 (n_on ln n_on - n_on + the same of n_off)``."""
    n_on, n_off = np.asarray(n_on, dtype=float), np.asarray(n_off, dtype=float)
    values: np.ndarray = 2 * (xlogy(n_on, n_on) - n_on + xlogy(n_off, n_off) - n_off)
    return values


def chi2(data: np.ndarray, model: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return ``((data - model) / error)^2``."""
    values: np.ndarray = ((data - model) / error) ** 2
    return values


def li_ma(n_on: np.ndarray, n_off: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the significance of an excess, equation 17 of Li & Ma, with the sign of the excess.

    Parameters
    ----------
    n_on, n_off : ndarray
        Counts.
    alpha : ndarray
        Ratio of on to off acceptance.

    Returns
    -------
    significance : ndarray
        In standard deviations; NaN where there is no off region.

    Examples
    --------
    >>> round(float(li_ma(15, 10, 0.5)), 3)
    2.723
    """
    n_on, n_off, alpha = (np.asarray(v, dtype=float) for v in (n_on, n_off, alpha))
    ok = np.isfinite(alpha) & (alpha > 0)
    a = np.where(ok, alpha, 1.0)
    stat = wstat(n_on, n_off, a, np.zeros_like(n_on * a))
    value = np.sign(n_on - a * n_off) * np.sqrt(np.maximum(stat, 0.0))
    return np.where(ok, value, np.nan)[()]


def cash_significance(n_on: np.ndarray, mu_bkg: np.ndarray) -> np.ndarray:
    """Return the significance of an excess over a known background, with its sign.

    Parameters
    ----------
    n_on : ndarray
        Counts.
    mu_bkg : ndarray
        Expected background.

    Returns
    -------
    significance : ndarray
        In standard deviations.

    Examples
    --------
    >>> round(float(cash_significance(10, 4)), 3)
    2.515
    """
    n_on, mu_bkg = np.asarray(n_on, dtype=float), np.asarray(mu_bkg, dtype=float)
    significance: np.ndarray = (
        np.sign(n_on - mu_bkg) * np.sqrt(np.maximum(cstat(n_on, mu_bkg), 0.0))
    )[()]
    return significance
