"""Rates of background from counts and exposures in bins of the field of view."""

from __future__ import annotations

import numpy as np

__all__ = ["center_values", "run_norms", "shared_shape"]

# Run norms are found by turns; two turns differ by less than this at the end.
TOLERANCE = 1e-8
MAX_TURNS = 200


def run_norms(counts: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """Return the background of each run relative to the mean of all.

    Parameters
    ----------
    counts : ndarray
        Counts of each run in bins of the field of view, shape (n_runs, n_bins).
    exposure : ndarray
        Time times solid angle outside the exclusions, same shape.

    Returns
    -------
    norms : ndarray
        Shape (n_runs,), with a mean of 1, weighted by exposure; 1 for a run without exposure.

    Notes
    -----
    The maximum of the Poisson likelihood of ``norm[run] * rate[bin] * exposure[run, bin]`` fulfils

        rate = sum_run counts / sum_run (norm * exposure)
        norm = sum_bin counts / sum_bin (rate * exposure)

    which are solved in turns (iterative proportional fitting).

    Examples
    --------
    >>> run_norms(np.array([[10, 20], [30, 60]]), np.ones((2, 2)))
    array([0.5, 1.5])
    """
    norms = np.ones(counts.shape[0])
    if counts.shape[0] < 2:
        return norms
    weights = exposure.sum(axis=1)
    total, own = counts.sum(axis=0), counts.sum(axis=1)
    for _ in range(MAX_TURNS):
        before = norms
        scaled = norms @ exposure
        rate = np.divide(total, scaled, out=np.zeros(scaled.shape), where=scaled > 0)
        expected = exposure @ rate
        norms = np.divide(own, expected, out=np.ones(own.shape), where=expected > 0)
        norms = norms * weights.sum() / (norms @ weights) if (norms @ weights) > 0 else before
        if np.abs(norms - before).max() < TOLERANCE:
            break
    return norms


def shared_shape(
    counts: np.ndarray, exposure: np.ndarray, min_counts: float, gain: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return rates whose dependence on the field is shared between energies where counts are few.

    Parameters
    ----------
    counts : ndarray
        Shape (n_energy, n_bins).
    exposure : ndarray
        Shape (n_bins,); the same at all energies.
    min_counts : float
        Mean number of counts in a bin of the field that a shape needs. An energy with fewer takes
        the shape from a window of energies around it that is just wide enough.
    gain : float
        Variance of `counts` relative to that of a Poisson variable: below 1 where they have been
        smoothed along the field.

    Returns
    -------
    rate : ndarray
        Counts per exposure, shape (n_energy, n_bins). Its sum over the field, times exposure,
        is the number of counts of each energy.
    error : ndarray
        Its statistical error.

    Notes
    -----
    In a window the rate is treated as a spectrum times a shape. The likelihood is then largest for
    ``shape = sum_E counts / exposure`` and the spectrum ``sum_bin counts / sum_bin (shape *
    exposure)``. The relative variance is that of the shape, ``1 / N_window``, plus that of the
    spectrum, ``1 / N_energy``, less what both have in common, the counts of the energy itself.
    """
    n_energy, n_bins = counts.shape
    rate, error = np.zeros(counts.shape), np.zeros(counts.shape)
    seen = exposure > 0
    cumulative = np.concatenate([np.zeros((1, n_bins)), np.cumsum(counts, axis=0, dtype=float)])
    for k in range(n_energy):
        low, high = k, k + 1
        own = counts[k].sum(dtype=float)
        if own == 0:
            continue
        while high - low < n_energy:
            mean = (cumulative[high] - cumulative[low])[seen].mean()
            if mean >= min_counts:
                break
            low, high = max(low - 1, 0), min(high + 1, n_energy)
        window = cumulative[high] - cumulative[low]
        shape = np.divide(window, exposure, out=np.zeros(n_bins), where=seen)
        rate[k] = shape * own / (shape @ exposure)
        share = own / window.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = gain / window + (1.0 - share * gain) / own
            error[k] = np.where(window > 0, rate[k] * np.sqrt(variance), 0.0)
    return rate, error


def center_values(rate: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return what a rate is at the logarithmic centres of energy bins, given its mean in each.

    Parameters
    ----------
    rate : ndarray
        Mean rate per energy in each bin, energies first.
    edges : ndarray
        Energy edges.

    Returns
    -------
    values : ndarray
        The rate at the centres. A power law through the neighbours stands for the rate in a bin.

    Notes
    -----
    The mean of ``(E / E_c)^-g`` between ``E_c / sqrt(r)`` and ``E_c * sqrt(r)`` is
    ``sinh((1 - g) L) / ((1 - g) sinh(L))`` with ``L = ln(r) / 2``.

    Examples
    --------
    >>> edges = np.array([1.0, 2.0, 4.0, 8.0])
    >>> mean = (edges[:-1] ** -2 - edges[1:] ** -2) / 2 / np.diff(edges)  # of E^-3
    >>> (center_values(mean, edges) * (edges[1:] * edges[:-1]) ** 1.5).round(3)
    array([1., 1., 1.])
    """
    logs = np.log(edges)
    half, center = 0.5 * np.diff(logs), 0.5 * (logs[1:] + logs[:-1])
    means = np.asarray(rate, dtype=float).reshape(half.size, -1)
    values = means.copy()
    for mean, value in zip(means.T, values.T, strict=True):
        good = np.flatnonzero(mean > 0)
        if good.size < 2:
            continue
        for _ in range(2):  # bins of unequal width need the slope of the values, not of the means
            slope = 1.0 + np.gradient(np.log(value[good]), center[good])
            slope[np.abs(slope) < 1e-6] = 1e-6
            factor = np.sinh(slope * half[good]) / (slope * np.sinh(half[good]))
            value[good] = mean[good] / factor
    return values.reshape(np.shape(rate))
