"""Laws of time: integrals between two times, NumPy in, NumPy out, times in days."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import erf, erfc, gamma, gammainc

from xgamma.numerics.spectra import expm1_over, power_law_moment

__all__ = [
    "exp_decay_integral",
    "gaussian_integral",
    "general_gaussian",
    "general_gaussian_integral",
    "integrate_intervals",
    "linear_integral",
    "power_law_integral",
    "sine_integral",
]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
PANELS = 64


def linear_integral(
    start: np.ndarray, stop: np.ndarray, alpha: float, beta: float, t_ref: float
) -> np.ndarray:
    """Integrate ``alpha + beta (t - t_ref)``."""
    values: np.ndarray = (stop - start) * (alpha + beta * (0.5 * (start + stop) - t_ref))
    return values


def exp_decay_integral(start: np.ndarray, stop: np.ndarray, t0: float, t_ref: float) -> np.ndarray:
    """Integrate ``exp(-(t - t_ref) / t0)``, without loss of digits in short intervals."""
    width = stop - start
    values: np.ndarray = np.exp(-(start - t_ref) / t0) * width * expm1_over(-width / t0)
    return values


def gaussian_integral(
    start: np.ndarray, stop: np.ndarray, t_ref: float, sigma: float
) -> np.ndarray:
    """Integrate ``exp(-(t - t_ref)^2 / (2 sigma^2))``; the tails keep their digits."""
    low, high = ((t - t_ref) / (np.sqrt(2) * sigma) for t in (start, stop))
    before, after = high < 0, low > 0
    area = np.where(before, erfc(-high) - erfc(-low), erfc(low) - erfc(high))
    values: np.ndarray = (
        sigma * np.sqrt(np.pi / 2) * np.where(before | after, area, erf(high) - erf(low))
    )
    return values


def general_gaussian(
    t: np.ndarray, t_ref: float, t_rise: float, t_decay: float, eta: float
) -> np.ndarray:
    """Return ``exp(-(|t - t_ref| / tau)^(1/eta) / 2)``, tau that of the rise or of the decay."""
    tau = np.where(t < t_ref, t_rise, t_decay)
    return np.exp(-0.5 * (np.abs(t - t_ref) / tau) ** (1 / eta))


def general_gaussian_integral(
    start: np.ndarray,
    stop: np.ndarray,
    t_ref: float,
    t_rise: float,
    t_decay: float,
    eta: float,
) -> np.ndarray:
    """Integrate `general_gaussian`, by the incomplete gamma function."""

    def primitive(t: np.ndarray) -> np.ndarray:
        tau = np.where(t < t_ref, t_rise, t_decay)
        passed = gammainc(eta, 0.5 * (np.abs(t - t_ref) / tau) ** (1 / eta))
        values: np.ndarray = np.sign(t - t_ref) * tau * eta * 2**eta * gamma(eta) * passed
        return values

    values: np.ndarray = primitive(np.asarray(stop)) - primitive(np.asarray(start))
    return values


def power_law_integral(
    start: np.ndarray, stop: np.ndarray, alpha: float, t_ref: float, t0: float
) -> np.ndarray:
    """Integrate ``((t - t_ref) / t0)^alpha`` from times that are not before `t_ref`.

    There is no pole at ``alpha = -1``; from `t_ref` itself the integral of ``alpha <= -1`` is
    infinite.
    """
    low, high = (start - t_ref) / t0, (stop - t_ref) / t0
    positive = low > 0
    inside = power_law_moment(np.where(positive, low, 0.5 * high), high, 0, -alpha, 1.0, 1.0)
    from_zero = high ** (alpha + 1) / (alpha + 1) if alpha > -1 else np.full_like(high, np.inf)
    return t0 * np.where(positive, inside, from_zero)


def sine_integral(
    start: np.ndarray, stop: np.ndarray, amp: float, omega: float, t_ref: float
) -> np.ndarray:
    """Integrate ``1 + amp sin(omega (t - t_ref))``; there is no pole at ``omega = 0``."""
    width, middle = stop - start, 0.5 * (start + stop) - t_ref
    swing = np.sin(omega * middle) * np.sinc(omega * width / (2 * np.pi))
    values: np.ndarray = width * (1 + amp * swing)
    return values


def integrate_intervals(
    function: Callable[[np.ndarray], np.ndarray], start: np.ndarray, stop: np.ndarray
) -> np.ndarray:
    """Integrate a smooth function of time over each interval, by Gauss-Legendre panels.

    Parameters
    ----------
    function : callable
        Of an array of times.
    start, stop : ndarray
        Limits, one shape.

    Returns
    -------
    integral : ndarray
        Shape of `start`.
    """
    low, high = np.broadcast_arrays(np.asarray(start, float), np.asarray(stop, float))
    step = (high - low)[..., None] / PANELS
    total = np.zeros(low.shape)
    # One panel after the other: many intervals of many nodes would fill the memory.
    for i in range(PANELS):
        times = low[..., None] + step * (i + 0.5 * (1 + NODES))
        total += np.sum(function(times) * (0.5 * step * WEIGHTS), axis=-1)
    return total
