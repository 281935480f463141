"""Shapes of responses on a grid: normalised PSF profiles and dispersion kernels."""

from __future__ import annotations

import numpy as np

__all__ = [
    "cumulative_at",
    "kernel_from_cumulative",
    "king_profile",
    "multi_gauss_profile",
    "normalize_rad",
]

SR_PER_DEG2 = np.deg2rad(1.0) ** 2


def normalize_rad(profile: np.ndarray, rad_edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale radial profiles to unit integral over the solid angle of their axis.

    Parameters
    ----------
    profile : ndarray
        Values at bin centres in any unit per solid angle, shape (..., n_rad).
    rad_edges : ndarray
        Edges in degrees, shape (n_rad + 1,).

    Returns
    -------
    profile : ndarray
        In sr-1; zero where the integral was not positive.
    integral : ndarray
        Integral before scaling, in steradian times the unit of the profile, shape (...).
    """
    center = 0.5 * (rad_edges[1:] + rad_edges[:-1])
    ring = 2.0 * np.pi * center * np.diff(rad_edges) * SR_PER_DEG2
    # Not a BLAS product: its threads wait for each other, and for those of the makers, longer
    # than this short sum takes.
    integral = np.einsum("...r,r->...", profile, ring.astype(profile.dtype, copy=False))
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(integral > 0, 1.0 / integral, 0.0).astype(profile.dtype, copy=False)
    return profile * scale[..., np.newaxis], integral


def multi_gauss_profile(rad: np.ndarray, sigmas: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """Return a sum of Gaussians over a radial axis, not normalised.

    Parameters
    ----------
    rad : ndarray
        Degrees, shape (n_rad,).
    sigmas, amplitudes : ndarray
        Widths in degrees and relative amplitudes, shape (n_gauss, ...).

    Returns
    -------
    profile : ndarray
        Shape (..., n_rad).

    References
    ----------
    GADF, "PSF_3GAUSS": dP/dΩ = S (exp(-r²/2σ1²) + A2 exp(-r²/2σ2²) + A3 exp(-r²/2σ3²)).
    """
    half_square = -0.5 * rad**2
    total = np.zeros((*sigmas.shape[1:], rad.size))
    for sigma, amplitude in zip(sigmas, amplitudes, strict=True):
        used = (sigma > 0) & (amplitude != 0)
        if not used.any():
            continue
        inverse = 1.0 / sigma[used] ** 2
        total[used] += amplitude[used][:, np.newaxis] * np.exp(inverse[:, np.newaxis] * half_square)
    return total


def king_profile(rad: np.ndarray, gamma: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return King profiles over a radial axis.

    Parameters
    ----------
    rad : ndarray
        Degrees, shape (n_rad,).
    gamma, sigma : ndarray
        Shape parameter, and width in degrees, shape (...).

    Returns
    -------
    profile : ndarray
        In deg-2, shape (..., n_rad); zero where sigma or gamma are not usable.

    References
    ----------
    GADF, "PSF_KING": (1 - 1/γ) / (2πσ²) (1 + r² / (2γσ²))^-γ.
    """
    ok = (sigma > 0) & (gamma > 0)
    gamma = np.where(ok, gamma, 2.0)[..., np.newaxis]
    sigma = np.where(ok, sigma, 1.0)[..., np.newaxis]
    value = (1.0 - 1.0 / gamma) / (2.0 * np.pi * sigma**2)
    value = value * (1.0 + rad**2 / (2.0 * gamma * sigma**2)) ** (-gamma)
    return np.where(ok[..., np.newaxis], value, 0.0)


def cumulative_at(matrix: np.ndarray, migra_edges: np.ndarray, migra: np.ndarray) -> np.ndarray:
    """Return the cumulative migration distribution at given migrations.

    Parameters
    ----------
    matrix : ndarray
        Probability density in migration at bin centres, shape (n_true, n_migra, ...).
    migra_edges : ndarray
        Shape (n_migra + 1,).
    migra : ndarray
        Where to evaluate, for each true energy, shape (n_true, n_at).

    Returns
    -------
    cumulative : ndarray
        Shape (n_true, n_at + 1, ...): the last entry is the total. Linear between edges,
        constant beyond them.
    """
    width = np.diff(migra_edges)
    n_true, n_migra = matrix.shape[:2]
    rest = matrix.shape[2:]
    steps = matrix.reshape(n_true, n_migra, -1) * width[:, np.newaxis]
    cumulative = np.zeros((n_true, n_migra + 1, steps.shape[-1]))
    np.cumsum(steps, axis=1, out=cumulative[:, 1:])
    position = np.clip(migra, migra_edges[0], migra_edges[-1])
    index = np.clip(np.searchsorted(migra_edges, position, side="right") - 1, 0, n_migra - 1)
    weight = (position - migra_edges[index]) / width[index]
    rows = np.arange(n_true)[:, np.newaxis]
    low, high = cumulative[rows, index], cumulative[rows, index + 1]
    at = low + (high - low) * weight[..., np.newaxis]
    both = np.concatenate([at, cumulative[:, -1:]], axis=1)
    return both.reshape(n_true, both.shape[1], *rest)


def kernel_from_cumulative(
    cumulative: np.ndarray, axis: int, threshold: float = 1e-8
) -> np.ndarray:
    """Return probabilities per reconstructed-energy bin from `cumulative_at`.

    Parameters
    ----------
    cumulative : ndarray
        Cumulative distribution at the edges of reconstructed energy, then the total, along `axis`.
    axis : int
        Which axis.
    threshold : float
        Smaller probabilities are set to zero.

    Returns
    -------
    kernel : ndarray
        One entry fewer than there were edges; zero where the total is not positive.
    """
    moved = np.moveaxis(cumulative, axis, 0)
    total = moved[-1]
    kernel = np.diff(moved[:-1], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        kernel *= np.where(total > 0, 1.0 / total, 0.0)
    kernel[kernel < threshold] = 0.0
    return np.moveaxis(kernel, 0, axis)
