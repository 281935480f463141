"""Parameters of a PSF that is a formula, over true energy and offset."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.irf.response import grid_axis, values_of
from xgamma.model.sanity import ValueRule
from xgamma.numerics.interpolation import apply_weights

__all__ = ["DIMS", "PARAMETER", "WIDTH", "parameter"]

DIMS = ("energy_true", "offset")
PARAMETER = ValueRule()
# A PSF whose first width, or slope, is zero everywhere is none.
WIDTH = ValueRule(not_all_zero=True)


def parameter(ds: xr.Dataset, name: str, energy: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return a parameter, extrapolated beyond the axes, shape (n_offset, n_energy)."""
    unit = "deg" if name.startswith("sigma") else None
    values = values_of(ds, name, DIMS, unit)
    if name.startswith("sigma"):
        # A width of zero marks an unused component in some files; its amplitude is zero too.
        values = np.where(values == 0, 1.0, values)
    for number, (dim, at) in enumerate(zip(DIMS, (energy, offset), strict=True)):
        axis = grid_axis(ds, dim)
        free = type(axis)(axis.nodes, -np.inf, np.inf, axis.log)
        values = apply_weights(values, free.weights(np.nan_to_num(at, nan=axis.high)), number)
    return np.asarray(np.maximum(values, 0.0).T)
