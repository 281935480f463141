"""Masks: energy ranges and regions as labelled booleans."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.axes import axis_coords, edges, units_of
from xgamma.units import to_value

__all__ = ["energy_mask"]


def energy_mask(
    obj: Any, min: Any = None, max: Any = None, dim: str = "energy", round_to_edge: bool = False
) -> xr.DataArray:
    """Return which energy bins lie wholly inside a range.

    Parameters
    ----------
    obj : Dataset or DataArray
        An object with an energy axis.
    min, max : Quantity, str or float, optional
        Range; plain numbers are in the unit of the axis. Open where absent.
    dim : str
        ``"energy"`` or ``"energy_true"``.
    round_to_edge : bool
        Whether the range is first moved to the nearest edges.

    Returns
    -------
    mask : DataArray
        Dims ``(dim,)``, bool.

    Examples
    --------
    >>> from xgamma.axes import energy_axis_from_edges
    >>> energy_mask(energy_axis_from_edges([1, 2, 5, 10]), "1 TeV", "5 TeV").values
    array([ True,  True, False])
    """
    values, unit = edges(obj, dim), units_of(obj, dim)
    low = -np.inf if min is None else to_value(min, unit, "min")
    high = np.inf if max is None else to_value(max, unit, "max")
    if round_to_edge:
        low, high = (
            values[np.argmin(np.abs(values - v))] if np.isfinite(v) else v for v in (low, high)
        )
    # An edge that a user names in another unit must not miss its bin by rounding.
    mask = (values[:-1] >= low * (1 - 1e-9)) & (values[1:] <= high * (1 + 1e-9))
    return xr.DataArray(mask, dims=dim, coords=axis_coords(obj, dim), name="energy_mask")
