"""How much a series of measurements varies beyond its errors: NumPy in, NumPy out.

All take one series, NaN where nothing was measured.

References
----------
Vaughan et al. 2003, MNRAS 345, 1271 (excess variance and its error, equations 8 to 11 and B2);
Edelson et al. 2002, ApJ 568, 610 (variation from point to point).
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "chi2_of_constant",
    "discrete_correlation",
    "doubling_time",
    "excess_variance",
    "point_to_point",
]


def excess_variance(values: np.ndarray, errors: np.ndarray) -> tuple[float, ...]:
    """Return what the variance exceeds that of the errors by, over the squared mean.

    Parameters
    ----------
    values, errors : ndarray
        Shape (n,), the same units.

    Returns
    -------
    excess, excess_err : float
        ``(S^2 - <err^2>) / mean^2``, which is negative where the values scatter less than their
        errors, and its error.
    fraction, fraction_err : float
        Square root of it (F_var) and its error; NaN where it is negative.

    Examples
    --------
    >>> excess_variance(np.array([1.0, 3.0, 2.0, 2.0]), np.full(4, 0.5))[0].round(4)
    np.float64(0.1042)
    """
    values, errors = _present(values, errors)
    if values.size < 2:
        return (np.nan,) * 4
    noise = np.mean(errors**2)
    return _relative(np.var(values, ddof=1), noise, values, 2.0, 4.0)


def point_to_point(values: np.ndarray, errors: np.ndarray) -> tuple[float, ...]:
    """Return the same of neighbours: half of their mean squared difference is the variance.

    For white noise it is that of `excess_variance`; what varies slowly adds less here.

    Parameters
    ----------
    values, errors : ndarray
        Shape (n,), in the order of time, the same units.

    Returns
    -------
    excess, excess_err, fraction, fraction_err : float
        See `excess_variance`; the fraction is F_pp.

    Examples
    --------
    >>> point_to_point(np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 0.5))[0].round(4)
    np.float64(0.04)
    """
    values, errors = _present(values, errors)
    if values.size < 2:
        return (np.nan,) * 4
    noise = np.mean(errors**2)
    variance = 0.5 * np.mean(np.diff(values) ** 2)
    # Differences that share a point are correlated: 3 and 6 stand for 2 and 4 (von Neumann 1941).
    return _relative(variance, noise, values, 3.0, 6.0)


def _relative(
    variance: float, noise: float, values: np.ndarray, of_noise: float, of_both: float
) -> tuple[float, ...]:
    """Return the excess over the squared mean, its square root, and their errors."""
    n, mean = values.size, np.mean(values)
    excess = (variance - noise) / mean**2
    relative = noise / mean**2
    error = np.sqrt((of_noise * relative**2 + of_both * relative * max(excess, 0.0)) / n)
    if not excess > 0:
        return excess, error, np.nan, np.nan
    fraction = np.sqrt(excess)
    return excess, error, fraction, error / (2 * fraction)


def doubling_time(
    times: np.ndarray, values: np.ndarray, errors: np.ndarray, sign: int = 1
) -> tuple[float, float, int]:
    """Return the shortest time in which neighbours would double (or halve).

    Parameters
    ----------
    times, values, errors : ndarray
        Shape (n,), in the order of time.
    sign : {1, -1}
        Double or halve.

    Returns
    -------
    time, error : float
        ``dt ln 2 / |ln(v2 / v1)|``, least of all pairs of neighbours that rise (fall), and its
        error from those of the pair, in units of the times. NaN where no pair does, or is positive.
    first : int
        Index of the first of the pair, -1 if there is none.

    Examples
    --------
    >>> times, flux = np.array([0.0, 1.0, 2.0]), np.array([1.0, 4.0, 2.0])
    >>> doubling_time(times, flux, 0.1 * flux)[0], doubling_time(times, flux, 0.1 * flux, -1)[0]
    (np.float64(0.5), np.float64(1.0))
    """
    at = np.flatnonzero(np.isfinite(values) & np.isfinite(errors))
    one, two = at[:-1], at[1:]
    both = (values[one] > 0) & (values[two] > 0) & (values[one] != values[two])
    one, two = one[both], two[both]
    rise = np.log(values[two] / values[one]) * sign
    one, two, rise = one[rise > 0], two[rise > 0], rise[rise > 0]
    if not rise.size:
        return np.nan, np.nan, -1
    needed = (times[two] - times[one]) * np.log(2) / rise
    best = int(np.argmin(needed))
    first, second = one[best], two[best]
    relative = np.hypot(errors[first] / values[first], errors[second] / values[second])
    return needed[best], needed[best] * relative / rise[best], int(first)


def chi2_of_constant(values: np.ndarray, errors: np.ndarray) -> tuple[float, int]:
    """Return chi2 of the best constant (the weighted mean), and its degrees of freedom.

    Examples
    --------
    >>> chi2_of_constant(np.array([1.0, 3.0, np.nan]), np.array([1.0, 1.0, 1.0]))
    (np.float64(2.0), 1)
    """
    values, errors = _present(values, errors)
    if values.size < 2:
        return np.nan, max(values.size - 1, 0)
    weights = 1 / errors**2
    mean = np.sum(weights * values) / np.sum(weights)
    return np.sum(weights * (values - mean) ** 2), values.size - 1


def _present(values: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values that were measured, with their errors."""
    good = np.isfinite(values) & (errors > 0)
    return values[good], errors[good]


def discrete_correlation(
    first: np.ndarray,
    first_err: np.ndarray,
    second: np.ndarray,
    second_err: np.ndarray,
    bins: np.ndarray,
    n_bins: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean product of normalised deviations of pairs in each bin, its error, and the pairs.

    Parameters
    ----------
    first, first_err : ndarray
        Shape (n,).
    second, second_err : ndarray
        Shape (m,).
    bins : ndarray of int
        Bin of each pair, shape (n, m).
    n_bins : int
        How many there are.

    Returns
    -------
    correlation, error, n_pairs : ndarray
        Shape (n_bins,). Edelson & Krolik 1988, ApJ 333, 646, equations 3 to 5.
    """
    deviations = []
    for values, errors in ((first, first_err), (second, second_err)):
        good = np.isfinite(values) & np.isfinite(errors)
        kept = values[good]
        scatter = np.var(kept) - np.mean(errors[good] ** 2) if kept.size else np.nan
        width = np.sqrt(scatter) if scatter > 0 else np.nan
        deviations.append(
            np.where(good, (values - kept.mean() if kept.size else values), np.nan) / width
        )
    products = np.multiply.outer(*deviations)
    used = np.isfinite(products)
    at, of_pairs = bins[used], products[used]
    n_pairs = np.bincount(at, minlength=n_bins)
    some, two = n_pairs > 0, n_pairs > 1
    empty = np.full(n_bins, np.nan)
    mean = np.divide(np.bincount(at, of_pairs, n_bins), n_pairs, out=empty.copy(), where=some)
    squares = np.bincount(at, (of_pairs - mean[at]) ** 2, n_bins)
    error = np.divide(np.sqrt(squares), n_pairs - 1, out=empty, where=two)
    return mean, error, n_pairs
