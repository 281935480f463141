"""Norm and tilt of a background template, from counts summed over each energy bin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xgamma.core.extras import require_package

if TYPE_CHECKING:
    from iminuit import Minuit

__all__ = ["NormFit", "fit_norm", "fit_norm_tilt", "norm_at"]


@dataclass(frozen=True)
class NormFit:
    """Best values with errors and covariance; `valid` tells whether the minimum and its errors are good."""

    norm: float
    norm_error: float
    tilt: float = 0.0
    tilt_error: float = 0.0
    covariance: float = 0.0
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
        Norm, tilt, their errors and covariance. If all background lies at one energy, the
        data say nothing of a tilt: it stays zero, its error NaN.
    """
    total = float(background.sum())
    pivot = float((background * log_energy).sum()) / total
    if not np.ptp(log_energy[background > 0]) > 0:
        fit = fit_norm(counts, background, signal)
        return replace(fit, tilt_error=float("nan"))
    # About the mean energy of the background, norm and tilt are nearly independent, so the fit
    # converges however far from E0 the bins lie.
    lever = log_energy - pivot

    def stat(norm: float, tilt: float) -> float:
        return _cash(counts, signal + norm * background * np.exp(-tilt * lever))

    start = max(float(counts.sum() - signal.sum()) / total, 1e-3)
    minuit = _minuit()(stat, norm=start, tilt=0.0)
    minuit.limits["norm"] = (0.0, None)
    minuit.limits["tilt"] = (-10.0, 10.0)
    return _at_reference(_run(minuit), pivot)


def _at_reference(fit: NormFit, pivot: float) -> NormFit:
    """Return a fit about ``E0 exp(pivot)`` as one about E0."""
    norm_error, covariance = _moved(fit, -pivot)
    factor = np.exp(fit.tilt * pivot)
    return replace(
        fit,
        norm=fit.norm * factor,
        norm_error=float(norm_error) * factor,
        covariance=float(covariance) * factor,
    )


def norm_at(fit: NormFit, log_energy: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor ``norm (E / E0)^-tilt`` at energies, and its error.

    Parameters
    ----------
    fit : NormFit
        Norm and tilt with their covariance.
    log_energy : ndarray
        ``ln(E / E0)``, shape (n,).

    Returns
    -------
    norm, error : ndarray
        Shape (n,); the error to first order, from both errors and their covariance.
    """
    factor = np.exp(-fit.tilt * log_energy)
    return fit.norm * factor, _moved(fit, log_energy)[0] * factor


def _moved(fit: NormFit, log_energy: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Return, over ``(E / E0)^-tilt``, the error of the factor and its covariance with the tilt."""
    tilt_error = np.nan_to_num(fit.tilt_error)
    slope = fit.norm * np.asarray(log_energy)
    variance = fit.norm_error**2 - 2.0 * slope * fit.covariance + (slope * tilt_error) ** 2
    return np.sqrt(np.maximum(variance, 0.0)), fit.covariance - slope * tilt_error**2


def _run(minuit: Minuit) -> NormFit:
    minuit.errordef = 1.0
    minuit.strategy = 1
    minuit.migrad()
    minuit.hesse()
    values, errors = minuit.values, minuit.errors
    tilt = {}
    if "tilt" in minuit.parameters:
        tilt = {"tilt": float(values["tilt"]), "tilt_error": float(errors["tilt"])}
        if minuit.covariance is not None:
            tilt["covariance"] = float(minuit.covariance["norm", "tilt"])
    valid = bool(minuit.valid and minuit.accurate)
    return NormFit(float(values["norm"]), float(errors["norm"]), valid=valid, **tilt)
