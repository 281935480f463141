"""Values of a labelled object as quantities of astropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from xgamma.core.units import parse_unit, quantity
from xgamma.model.axes import edges, units_of
from xgamma.model.schema import require

if TYPE_CHECKING:
    from astropy.units import Quantity

__all__ = ["edges_of", "values_of"]


def edges_of(obj: xr.Dataset | xr.DataArray, dim: str) -> Quantity:
    """Return the n+1 edges of an axis as a quantity.

    Parameters
    ----------
    obj : Dataset or DataArray
        An object that has the axis.
    dim : str
        Name of the dimension.

    Returns
    -------
    edges : `~astropy.units.Quantity`
        Shape (n + 1,), in the unit of the axis.

    Raises
    ------
    AxisError
        As ``xgamma.model.axes.edges``.

    Examples
    --------
    >>> import xgamma as xg
    >>> edges_of(xg.energy_axis("1 TeV", "100 TeV", 2), "energy")
    <Quantity [  1.,  10., 100.] TeV>
    """
    return edges(obj, dim) * parse_unit(units_of(obj, dim))


def values_of(ds: xr.Dataset, name: str) -> Quantity:
    """Return the values of a variable of a dataset as a quantity.

    Parameters
    ----------
    ds : Dataset
        Any dataset.
    name : str
        One of its variables.

    Returns
    -------
    values : `~astropy.units.Quantity`
        In the shape and unit of the variable; absent units mean dimensionless.

    Raises
    ------
    MissingDataError
        If there is no such variable.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> values_of(example_map(), "exposure").unit
    Unit("m2 s")
    """
    require(ds, name)
    return quantity(ds[name])
