"""Labels and units of the results of model components."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from astropy.units import Quantity

from xgamma.core.units import parse_unit

__all__ = ["labelled"]


def labelled(values: np.ndarray, like: object, unit: str) -> Any:
    """Give values the labels of a DataArray and a unit, or make them a Quantity."""
    if isinstance(like, xr.DataArray):
        return like.copy(data=values).rename(None).assign_attrs(units=unit)
    return Quantity(values, parse_unit(unit))
