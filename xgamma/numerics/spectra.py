"""Spectral kernels: NumPy in, NumPy out, energies in TeV, fluxes per cm2 s TeV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from scipy.special import erf

__all__ = [
    "broken_power_law",
    "exp_cutoff_power_law",
    "integrate_between",
    "integrate_log_energy",
    "line_moment",
    "log_parabola",
    "log_parabola_2",
    "loglog_moment",
    "loglog_table",
    "power_law",
    "power_law_moment",
    "smooth_broken_power_law",
    "super_exp_cutoff_4fgl",
    "super_exp_cutoff_4fgl_dr3",
]

# Panels of a quarter decade with 8 nodes integrate every smooth spectrum here to 1e-8 and less.
PANEL = 0.25 * np.log(10)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)


def expm1_over(t: np.ndarray) -> np.ndarray:
    """Return ``(exp(t) - 1) / t``, which is 1 at zero, without loss of digits."""
    t = np.asarray(t, dtype=float)
    safe = np.where(t == 0, 1.0, t)
    return np.where(np.abs(t) < 1e-12, 1.0 + 0.5 * t, np.expm1(safe) / safe)


def power_law(energy: np.ndarray, index: float, amplitude: float, reference: float) -> np.ndarray:
    """Return ``amplitude (E / reference)^-index``."""
    return amplitude * np.power(energy / reference, -index)


def power_law_moment(
    emin: np.ndarray,
    emax: np.ndarray,
    power: int,
    index: float,
    amplitude: float,
    reference: float,
) -> np.ndarray:
    """Integrate ``E^power`` times a power law from `emin` to `emax`.

    Written with ``expm1`` it has no pole at ``index = power + 1``.
    """
    width = np.log(emax / emin)
    slope = power + 1 - index
    start = power_law(emin, index, amplitude, reference) * emin ** (power + 1)
    values: np.ndarray = start * width * expm1_over(slope * width)
    return values


def exp_cutoff_power_law(
    energy: np.ndarray,
    index: float,
    amplitude: float,
    reference: float,
    lambda_: float,
    alpha: float,
) -> np.ndarray:
    """Return a power law times ``exp(-(lambda E)^alpha)``."""
    return power_law(energy, index, amplitude, reference) * np.exp(
        -np.power(energy * lambda_, alpha)
    )


def broken_power_law(
    energy: np.ndarray, index1: float, index2: float, amplitude: float, ebreak: float
) -> np.ndarray:
    """Return a power law whose index changes from `index1` to `index2` at `ebreak`."""
    ratio = energy / ebreak
    return amplitude * np.where(ratio < 1, ratio**-index1, ratio**-index2)


def smooth_broken_power_law(
    energy: np.ndarray,
    index1: float,
    index2: float,
    amplitude: float,
    ebreak: float,
    reference: float,
    beta: float,
) -> np.ndarray:
    """Return a power law that bends from `index1` to `index2` over a width set by `beta`."""
    if index1 == index2:
        values: np.ndarray = power_law(energy, index1, amplitude, reference) * 2.0**-beta
        return values
    bend = beta * np.sign(index2 - index1)
    # logaddexp keeps the bend finite however sharp it is.
    log_bend = np.logaddexp(0.0, (index2 - index1) / bend * np.log(energy / ebreak))
    values = power_law(energy, index1, amplitude, reference) * np.exp(-bend * log_bend)
    return values


def log_parabola(
    energy: np.ndarray, amplitude: float, reference: float, alpha: float, beta: float
) -> np.ndarray:
    """Return ``amplitude x^(-alpha - beta ln x)`` with ``x = E / reference``."""
    log_x = np.log(energy / reference)
    return amplitude * np.exp(-(alpha + beta * log_x) * log_x)


def log_parabola_2(
    energy: np.ndarray,
    amplitude: float,
    reference: float,
    alpha: float,
    beta: float,
    escale: float,
) -> np.ndarray:
    """Return ``amplitude (E / reference)^(-alpha - beta ln(E / escale))``."""
    exponent = alpha + beta * np.log(energy / escale)
    return amplitude * np.exp(-exponent * np.log(energy / reference))


def super_exp_cutoff_4fgl(
    energy: np.ndarray,
    amplitude: float,
    reference: float,
    expfactor: float,
    index_1: float,
    index_2: float,
) -> np.ndarray:
    """Return the super-exponential cutoff of the 4FGL catalogue (its energies are in MeV)."""
    cutoff = expfactor * ((1e6 * reference) ** index_2 - (1e6 * energy) ** index_2)
    values: np.ndarray = power_law(energy, index_1, amplitude, reference) * np.exp(cutoff)
    return values


def super_exp_cutoff_4fgl_dr3(
    energy: np.ndarray,
    amplitude: float,
    reference: float,
    expfactor: float,
    index_1: float,
    index_2: float,
) -> np.ndarray:
    """Return the super-exponential cutoff of 4FGL-DR3, with its limit at ``index_2 = 0``."""
    log_x = np.log(energy / reference)
    t = index_2 * log_x
    # (1 + t - exp(t)) / t^2, by its series where the difference would cancel.
    small = np.abs(t) < 1e-2
    safe = np.where(small, 1.0, t)
    exact = (1 + safe - np.exp(safe)) / safe**2
    series = -(0.5 + t / 6 + t**2 / 24 + t**3 / 120)
    exponent = expfactor * log_x**2 * np.where(small, series, exact)
    return power_law(energy, index_1, amplitude, reference) * np.exp(exponent)


def loglog_segments(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Integrate along the last axis of `y` over each step of `x`, a power law per step.

    A step with a value that is not positive is a plain trapezoid.
    """
    left, right = y[..., :-1], y[..., 1:]
    width = np.log(x[..., 1:] / x[..., :-1])
    good = (left > 0) & (right > 0)
    ratio = np.where(good, right, 1.0) / np.where(good, left, 1.0)
    power = left * x[..., :-1] * width * expm1_over(np.log(ratio) + width)
    values: np.ndarray = np.where(good, power, 0.5 * (left + right) * (x[..., 1:] - x[..., :-1]))
    return values


def integrate_log_energy(
    function: Callable[[np.ndarray], np.ndarray],
    emin: np.ndarray,
    emax: np.ndarray,
    power: int = 0,
) -> np.ndarray:
    """Integrate ``E^power function(E)`` over E, by Gauss-Legendre panels in the logarithm of E.

    Parameters
    ----------
    function : callable
        Of an array of energies, smooth.
    emin, emax : ndarray
        Limits, one shape.
    power : int
        0 for a flux, 1 for an energy flux.

    Returns
    -------
    integral : ndarray
        Shape of `emin`.
    """
    low, high = np.broadcast_arrays(np.log(emin), np.log(emax))
    width = (high - low)[..., None]
    panels = max(int(np.ceil(np.max(width, initial=0.0) / PANEL)), 1)
    nodes = ((np.arange(panels)[:, None] + 0.5 * (1 + NODES)) / panels).ravel()
    weights = np.tile(0.5 * WEIGHTS / panels, panels)
    x = np.exp(low[..., None] + width * nodes)
    integral: np.ndarray = np.sum(function(x) * x ** (power + 1) * width * weights, axis=-1)
    return integral


def integrate_between(
    function: Callable[[np.ndarray], np.ndarray],
    emin: np.ndarray,
    emax: np.ndarray,
    corners: Sequence[float],
    power: int = 0,
) -> np.ndarray:
    """Integrate as `integrate_log_energy` a function that is smooth between corners only."""
    low, high = np.broadcast_arrays(np.asarray(emin, float), np.asarray(emax, float))
    total = np.zeros(low.shape)
    for first, last in pairwise([0.0, *sorted(corners), np.inf]):
        start, stop = np.clip(low, first, last), np.clip(high, first, last)
        part = start != stop
        if part.any():
            total[part] += integrate_log_energy(function, start[part], stop[part], power)
    return total


def loglog_table(energy: np.ndarray, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate a table linearly in log energy and log value, and extrapolate its ends.

    Where a node's value is not positive the interpolation is linear in the value.
    """
    if nodes.size == 1:
        return np.full(np.shape(energy), values[0], dtype=float)
    x, log_nodes = np.log(energy), np.log(nodes)
    i = np.clip(np.searchsorted(log_nodes, x) - 1, 0, nodes.size - 2)
    t = (x - log_nodes[i]) / (log_nodes[i + 1] - log_nodes[i])
    left, right = values[i], values[i + 1]
    good = (left > 0) & (right > 0)
    ratio = np.where(good, right, 1.0) / np.where(good, left, 1.0)
    linear = np.maximum(left + t * (right - left), 0.0)
    found: np.ndarray = np.where(good, left * np.power(ratio, t), linear)
    return found


def loglog_moment(
    emin: np.ndarray, emax: np.ndarray, nodes: np.ndarray, values: np.ndarray, power: int
) -> np.ndarray:
    """Integrate ``E^power`` times `loglog_table` exactly, over the range of its nodes."""
    segments = loglog_segments(values * nodes**power, nodes)
    cumulative = np.concatenate([[0.0], np.cumsum(segments)])

    def primitive(energy: np.ndarray) -> np.ndarray:
        x = np.clip(energy, nodes[0], nodes[-1])
        i = np.clip(np.searchsorted(nodes, x) - 1, 0, nodes.size - 2)
        pair_x = np.stack([nodes[i], np.maximum(x, nodes[i])], axis=-1)
        pair_y = loglog_table(pair_x, nodes, values) * pair_x**power
        found: np.ndarray = cumulative[i] + loglog_segments(pair_y, pair_x)[..., 0]
        return found

    found: np.ndarray = primitive(np.asarray(emax, dtype=float)) - primitive(
        np.asarray(emin, dtype=float)
    )
    return found


def line_moment(
    emin: np.ndarray, emax: np.ndarray, power: int, amplitude: float, mean: float, sigma: float
) -> np.ndarray:
    """Integrate ``E^power`` (0 or 1) times a gaussian line exactly."""
    low, high = (emin - mean) / sigma, (emax - mean) / sigma
    area: np.ndarray = 0.5 * amplitude * (erf(high / np.sqrt(2)) - erf(low / np.sqrt(2)))
    if power == 0:
        return area
    slope = amplitude * sigma / np.sqrt(2 * np.pi)
    values: np.ndarray = mean * area - slope * (np.exp(-0.5 * high**2) - np.exp(-0.5 * low**2))
    return values
