"""Norm and tilt of a background template, from counts summed over each energy bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xgamma.extras import require_package

__all__ = ["NormFit", "fit_norm", "fit_norm_tilt"]


@dataclass(frozen=True)
class NormFit:
    """Best values with errors; `valid` tells whether the minimum and its errors are good."""

    norm: float
    norm_error: float
    tilt: float = 0.0
    tilt_error: float = 0.0
    valid: bool = True


def _minuit() -> type:
    package = require_package("iminuit", "method='fit'", "fit", "use method='scale'")
    minuit: type = package.Minuit
    return minuit


def _cash(counts: np.ndarray, npred: np.ndarray) -> float:
    """Return ``2 Σ (μ - n ln μ)``; the pattern on the sky drops out of a sum over pixels."""
    used = counts > 0
    logs = np.log(np.maximum(npred[used], 1e-300))
    return float(2.0 * (npred.sum() - (counts[used] * logs).sum()))


def fit_norm(counts: np.ndarray, background: np.ndarray, signal: np.ndarray) -> NormFit:
    """Fit ``signal + norm x background`` to counts (Cash).

    Parameters
    ----------
    counts, background, signal : ndarray
        Sums of each energy bin, shape (n,).

    Returns
    -------
    fit : NormFit
        Norm and its error.
    """

    def stat(norm: float) -> float:
        return _cash(counts, signal + norm * background)

    start = max(float(counts.sum() - signal.sum()) / float(background.sum()), 1e-3)
    minuit = _minuit()(stat, norm=start)
    minuit.limits["norm"] = (0.0, None)
    return _run(minuit)


def fit_norm_tilt(
    counts: np.ndarray, background: np.ndarray, signal: np.ndarray, log_energy: np.ndarray
) -> NormFit:
    """Fit ``signal + norm (E / E0)^-tilt background`` to counts (Cash).

    Parameters
    ----------
    counts, background, signal : ndarray
        Sums of each energy bin, shape (n,).
    log_energy : ndarray
        ``ln(E / E0)`` of each bin.

    Returns
    -------
    fit : NormFit
        Norm, tilt and their errors.
    """

    def stat(norm: float, tilt: float) -> float:
        return _cash(counts, signal + norm * background * np.exp(-tilt * log_energy))

    start = max(float(counts.sum() - signal.sum()) / float(background.sum()), 1e-3)
    minuit = _minuit()(stat, norm=start, tilt=0.0)
    minuit.limits["norm"] = (0.0, None)
    minuit.limits["tilt"] = (-10.0, 10.0)
    return _run(minuit)


def _run(minuit: Any) -> NormFit:
    minuit.errordef = 1.0
    minuit.strategy = 1
    minuit.migrad()
    minuit.hesse()
    values, errors = minuit.values, minuit.errors
    tilt = {}
    if "tilt" in minuit.parameters:
        tilt = {"tilt": float(values["tilt"]), "tilt_error": float(errors["tilt"])}
    valid = bool(minuit.valid and minuit.accurate)
    return NormFit(float(values["norm"]), float(errors["norm"]), valid=valid, **tilt)
