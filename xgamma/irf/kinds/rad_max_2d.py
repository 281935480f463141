"""Radius of the on region against energy and offset (GADF RAD_MAX_2D)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.irf.kind import Column, ResponseKind
from xgamma.irf.response import grid_axis, values_of
from xgamma.model.sanity import ValueRule
from xgamma.numerics.interpolation import Axis

__all__ = ["RAD_MAX_2D", "radius_at"]

RAD_MAX_2D = ResponseKind(
    name="RAD_MAX_2D",
    summary="Radius of the on region of a point-like analysis, against energy and offset.",
    group="rad_max",
    rank=50,
    hduclas2="RAD_MAX",
    extname="RAD_MAX",
    dims=("energy", "offset"),
    columns=(Column("rad_max", ("RAD_MAX",), "deg", ValueRule(not_all_zero=True)),),
)


def radius_at(ds: xr.Dataset, energy: np.ndarray, offset: float) -> np.ndarray:
    """Return the radius of the on region at energies.

    Parameters
    ----------
    ds : Dataset
        Response RAD_MAX_2D.
    energy : ndarray
        Reconstructed energies, TeV.
    offset : float
        Offset of the region from the pointing, degrees.

    Returns
    -------
    radius : ndarray
        Degrees: the entry of the table whose bin centre is nearest; 0 outside the table.
    """
    table = values_of(ds, "rad_max", RAD_MAX_2D.dims, "deg")
    axis_e, axis_o = grid_axis(ds, "energy"), grid_axis(ds, "offset")
    column = table[:, int(_nearest(axis_o, np.array([offset]))[0])]
    if axis_o.high > axis_o.low and not axis_o.low <= offset <= axis_o.high:
        column = np.zeros_like(column)
    radius = column[np.minimum(_nearest(axis_e, energy), column.size - 1)]
    return np.where((energy >= axis_e.low) & (energy <= axis_e.high), radius, 0.0)


def _nearest(axis: Axis, x: np.ndarray) -> np.ndarray:
    """Return the nearest node of each position, on the scale of the axis."""
    if axis.nodes.size == 1:
        return np.zeros(np.shape(x), dtype=int)
    nodes = np.log(axis.nodes) if axis.log else axis.nodes
    at = np.log(x) if axis.log else np.asarray(x)
    middles = 0.5 * (nodes[1:] + nodes[:-1])
    return np.searchsorted(middles, at, side="left")
