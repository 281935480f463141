"""Point spread function as a sum of three Gaussians (GADF PSF_3GAUSS)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.irf.kind import Column, PSFKind
from xgamma.irf.psf_parameters import DIMS, PARAMETER, WIDTH, parameter
from xgamma.irf.sampling import parameter_at
from xgamma.numerics import sampling
from xgamma.numerics.responses import multi_gauss_profile

__all__ = ["PSF_3GAUSS"]


def _parameters(
    ds: xr.Dataset, energy: np.ndarray, offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return widths (degrees) and relative heights, shape (3, n_offset, n_energy)."""
    sigma = [parameter(ds, f"sigma_{i}", energy, offset) for i in (1, 2, 3)]
    height = [parameter(ds, f"ampl_{i}", energy, offset) for i in (2, 3)]
    return np.stack(sigma), np.stack([np.ones_like(height[0]), *height])


def _profiles(
    ds: xr.Dataset, energy: np.ndarray, rad: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    return multi_gauss_profile(rad, *_parameters(ds, energy, offset))


def _containment(
    ds: xr.Dataset, energy: np.ndarray, radius: float, offset: np.ndarray
) -> np.ndarray:
    sigma, height = _parameters(ds, energy, offset)
    norm = height[:, 0] * sigma[:, 0] ** 2
    inside = norm * -np.expm1(-0.5 * (radius / np.maximum(sigma[:, 0], 1e-12)) ** 2)
    total = norm.sum(axis=0)
    return np.where(total > 0, inside.sum(axis=0) / np.where(total > 0, total, 1.0), 0.0)


def _draw_radius(
    rng: np.random.Generator, ds: xr.Dataset, energy: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    heights = [parameter_at(ds, f"ampl_{i}", "", energy, offset) for i in (2, 3)]
    widths = [parameter_at(ds, f"sigma_{i}", "deg", energy, offset) for i in (1, 2, 3)]
    relative = np.stack([np.ones_like(energy), *heights], axis=1)
    return sampling.sample_gaussian_mixture(rng, relative, np.stack(widths, axis=1))


PSF_3GAUSS = PSFKind(
    name="PSF_3GAUSS",
    summary="Three Gaussians, whose widths and heights depend on true energy and offset.",
    dims=DIMS,
    columns=(
        # GADF gives SCALE no unit, though it is a density: sr-1.
        Column("scale", ("SCALE",), "sr-1", PARAMETER, unitless=True),
        Column("sigma_1", ("SIGMA_1",), "deg", WIDTH),
        Column("ampl_2", ("AMPL_2",), "", PARAMETER),
        Column("sigma_2", ("SIGMA_2",), "deg", PARAMETER),
        Column("ampl_3", ("AMPL_3",), "", PARAMETER),
        Column("sigma_3", ("SIGMA_3",), "deg", PARAMETER),
    ),
    marks=frozenset({"SIGMA_1"}),
    profiles=_profiles,
    containment=_containment,
    draw_radius=_draw_radius,
)
