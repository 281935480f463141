"""Point spread function as a King profile (GADF PSF_KING)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.irf.kind import Column, PSFKind
from xgamma.irf.psf_parameters import DIMS, WIDTH, parameter
from xgamma.irf.sampling import parameter_at
from xgamma.numerics import sampling
from xgamma.numerics.responses import king_profile

__all__ = ["PSF_KING"]


def _parameters(
    ds: xr.Dataset, energy: np.ndarray, offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return parameter(ds, "gamma", energy, offset), parameter(ds, "sigma", energy, offset)


def _profiles(
    ds: xr.Dataset, energy: np.ndarray, rad: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    return king_profile(rad, *_parameters(ds, energy, offset))


def _containment(
    ds: xr.Dataset, energy: np.ndarray, radius: float, offset: np.ndarray
) -> np.ndarray:
    gamma, sigma = (values[0] for values in _parameters(ds, energy, offset))
    ok = (gamma > 1) & (sigma > 0)
    gamma, sigma = np.where(ok, gamma, 2.0), np.where(ok, sigma, 1.0)
    inside = 1.0 - (1.0 + radius**2 / (2.0 * gamma * sigma**2)) ** (1.0 - gamma)
    return np.where(ok, inside, 0.0)


def _draw_radius(
    rng: np.random.Generator, ds: xr.Dataset, energy: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    uniform = rng.random(len(energy))
    gamma = parameter_at(ds, "gamma", "", energy, offset)
    return sampling.sample_king(uniform, gamma, parameter_at(ds, "sigma", "deg", energy, offset))


PSF_KING = PSFKind(
    name="PSF_KING",
    summary="A King profile, whose width and slope depend on true energy and offset.",
    dims=DIMS,
    columns=(
        Column("gamma", ("GAMMA",), "", WIDTH),
        Column("sigma", ("SIGMA",), "deg", WIDTH),
    ),
    marks=frozenset({"GAMMA", "SIGMA"}),
    profiles=_profiles,
    containment=_containment,
    draw_radius=_draw_radius,
)
