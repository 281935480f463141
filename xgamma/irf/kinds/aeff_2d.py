"""Effective area against true energy and offset (GADF AEFF_2D)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.irf.kind import Column, ResponseKind
from xgamma.irf.response import grid_axis, values_of
from xgamma.model.sanity import ValueRule
from xgamma.numerics.interpolation import Weights, apply_weights

__all__ = ["AEFF_2D", "area_at"]

AEFF_2D = ResponseKind(
    name="AEFF_2D",
    summary="Effective area against true energy and offset.",
    group="aeff",
    rank=10,
    hduclas2="EFF_AREA",
    extname="AEFF",
    aliases=("EFFECTIVE AREA",),
    dims=("energy_true", "offset"),
    columns=(Column("aeff", ("EFFAREA",), "m2", ValueRule(not_all_zero=True)),),
)


def area_at(ds: xr.Dataset, energy: np.ndarray) -> tuple[np.ndarray, Weights]:
    """Return the effective area at energies and the nodes of its offset axis.

    Parameters
    ----------
    ds : Dataset
        Response AEFF_2D.
    energy : ndarray
        True energies, TeV.

    Returns
    -------
    area : ndarray
        m2, shape (n_offset, n_energy): linear in the logarithm of energy.
    weights : Weights
        Of the energies; `valid` tells which of them the table covers.
    """
    values = values_of(ds, "aeff", AEFF_2D.dims, "m2")
    weights = grid_axis(ds, "energy_true").weights(energy)
    return apply_weights(values, weights, 0).T, weights
