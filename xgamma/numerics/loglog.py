"""Integrals of power laws between nodes, and gaps filled along energy."""

from __future__ import annotations

import numpy as np

__all__ = ["LOG_TINY", "fill_gaps_log", "integrate_loglog", "safe_log"]

# The smallest normal float32: responses are stored in single precision, so a rate below it
# is zero, and the logarithm of zero must stay finite to be interpolated.
TINY = float(np.finfo(np.float32).tiny)
LOG_TINY = float(np.log(TINY))


def safe_log(values: np.ndarray) -> np.ndarray:
    """Return the logarithm with zero and less taken as the smallest normal float32."""
    return np.log(np.maximum(np.asarray(values, dtype=float), TINY))


def integrate_loglog(log_rate: np.ndarray, log_energy: np.ndarray) -> np.ndarray:
    """Integrate a power law between each pair of neighbouring energies.

    Parameters
    ----------
    log_rate : ndarray
        Logarithm of the differential rate at the energies, finite, shape (..., n + 1).
    log_energy : ndarray
        Logarithm of the energies, shape (n + 1,).

    Returns
    -------
    integral : ndarray
        Shape (..., n). Exact for a power law in each bin:
        ``∫ f dE = (E2 f2 - E1 f1) ln(E2/E1) / ln(E2 f2 / (E1 f1))``.
    """
    log_product = log_rate + log_energy
    step = log_product[..., 1:] - log_product[..., :-1]
    product = np.exp(log_product, out=log_product)
    rise = product[..., 1:] - product[..., :-1]
    # For a flat E f the quotient loses its digits; the mean is then exact to second order.
    flat = np.abs(step) < 1e-5
    if flat.any():
        step[flat] = 1.0
        rise[flat] = 0.5 * (product[..., 1:] + product[..., :-1])[flat]
    rise /= step
    rise *= log_energy[1:] - log_energy[:-1]
    return rise


def fill_gaps_log(values: np.ndarray) -> np.ndarray:
    """Fill zeros and NaN along the first axis by logarithmic interpolation over the index.

    Parameters
    ----------
    values : ndarray
        Rates, shape (n, ...). Gaps before the first and after the last good value stay.

    Returns
    -------
    values : ndarray
        float64 copy without gaps; NaN that could not be filled become zero.
    """
    filled = np.nan_to_num(np.asarray(values, dtype=float), nan=0.0)
    good = filled > 0
    n = filled.shape[0]
    order = np.arange(n).reshape((-1,) + (1,) * (filled.ndim - 1))
    before = np.maximum.accumulate(np.where(good, order, -1), axis=0)
    after = np.flip(np.minimum.accumulate(np.flip(np.where(good, order, n), 0), axis=0), 0)
    gap = ~good & (before >= 0) & (after < n)
    if not gap.any():
        return filled
    logs = safe_log(filled)
    where = np.nonzero(gap)
    low, high, at = before[gap], after[gap], where[0]
    first = logs[(low, *where[1:])]
    last = logs[(high, *where[1:])]
    filled[gap] = np.exp(first + (last - first) * (at - low) / (high - low))
    return filled
