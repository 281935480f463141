"""Integrals of power laws between nodes, and gaps filled along energy."""

from __future__ import annotations

import numpy as np

__all__ = ["LogLogIntegral", "fill_gaps_log", "safe_log"]

# The smallest normal float32: responses are stored in single precision, so a rate below it
# is zero, and the logarithm of zero must stay finite to be interpolated.
TINY = float(np.finfo(np.float32).tiny)
# Steps of ln(E f) below this count as none.
FLAT = 1e-5


def safe_log(values: np.ndarray) -> np.ndarray:
    """Return the logarithm with zero and less taken as the smallest normal float32."""
    found: np.ndarray = np.log(np.maximum(np.asarray(values, dtype=float), TINY))
    return found


class LogLogIntegral:
    """The integral of a power law between neighbouring energies, for block after block of rows.

    It keeps its work arrays: fresh ones cost more than the arithmetic, as the system hands out
    each of their pages again.

    Parameters
    ----------
    log_energy : ndarray
        Logarithm of the energies, shape (n + 1,).
    rows : int
        The most rows of a block.

    References
    ----------
    ``∫ f dE = (E2 f2 - E1 f1) ln(E2/E1) / ln(E2 f2 / (E1 f1))``, exact for a power law.
    """

    def __init__(self, log_energy: np.ndarray, rows: int):
        # Nothing of the last column, which is a difference to the next row.
        self._width = np.append(np.diff(log_energy), 0.0)
        self._step = np.ones((rows, log_energy.size))
        self._rise = np.zeros((rows, log_energy.size))

    def __call__(self, log_product: np.ndarray, out: np.ndarray) -> None:
        """Integrate one block.

        Parameters
        ----------
        log_product : ndarray
            Logarithm of energy times differential rate, finite, shape (m, n + 1), contiguous;
            overwritten.
        out : ndarray
            Where to put the integrals, shape (m, n).
        """
        step, rise = (work[: len(log_product)] for work in (self._step, self._rise))
        # Along all rows at once, which is much faster than row by row.
        flat = log_product.reshape(-1)
        np.subtract(flat[1:], flat[:-1], out=step.reshape(-1)[:-1])
        product = np.exp(flat, out=flat)
        np.subtract(product[1:], product[:-1], out=rise.reshape(-1)[:-1])
        # For a flat E f the quotient loses its digits; the mean is then exact to second order.
        level = np.abs(step) < FLAT
        if level.any():
            mean = log_product.copy()
            mean[:, :-1] += log_product[:, 1:]
            rise[level] = 0.5 * mean[level]
            step[level] = 1.0
        rise /= step
        rise *= self._width
        out[...] = rise[:, :-1]


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
    filled: np.ndarray = np.nan_to_num(np.asarray(values, dtype=float), nan=0.0)
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
