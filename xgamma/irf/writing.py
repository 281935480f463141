"""Responses as tables of GADF 0.3: any kind that the registry knows."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.errors import AxisError, MissingDataError, XGammaError
from xgamma.fits.bintable import BinTable, Column, bin_table
from xgamma.fits.headers import header_of
from xgamma.irf.gadf import ENCLOSURES, GADF_KEYWORDS, axis_column
from xgamma.irf.kind import ResponseKind
from xgamma.irf.registry import kinds_of_group

__all__ = ["response_hdu"]


def response_hdu(ds: xr.Dataset, group: str) -> BinTable:
    """Make the HDU of a response.

    Parameters
    ----------
    ds : Dataset
        A response as the observation schema has it, with ``HDUCLAS4`` in its attributes.
    group : str
        Name of the group: ``aeff``, ``edisp``, ``psf``, ``bkg`` or ``rad_max``.

    Returns
    -------
    hdu : `BinTable`
        One row with the axes' edges, then the values, the axis named first in GADF the fastest.

    Raises
    ------
    XGammaError
        If the class is not known.
    MissingDataError
        If a variable of that class is absent.
    AxisError
        If its dimensions or the edges of an axis are not those of that class.
    """
    kind = _stated_kind(ds, group)
    columns = [column for dim in kind.table_axes for column in _edge_columns(ds, group, dim)]
    columns += [_value_column(ds, group, c.name, c.names[0], kind) for c in kind.columns]
    enclosure = str(ds.attrs.get("HDUCLAS3", ENCLOSURES[0]))
    header = header_of(GADF_KEYWORDS, dict(ds.attrs), kind.keywords(enclosure))
    prefixes = [axis_column(dim) for dim in kind.table_axes]
    spans = ",".join(f"{prefix}_LO:{prefix}_HI" for prefix in prefixes)
    first = 2 * len(prefixes) + 1
    for number in range(first, first + len(kind.columns)):
        header[f"CREF{number}"] = f"({spans})"
    return bin_table(columns, header, kind.extname)


def _stated_kind(ds: xr.Dataset, group: str) -> ResponseKind:
    """Return the kind that HDUCLAS4 of a response states."""
    stated = str(ds.attrs.get("HDUCLAS4", "")).upper()
    known = {kind.name: kind for kind in kinds_of_group(group)}
    if stated not in known:
        raise XGammaError(
            f"The group '{group}' has HDUCLAS4={stated!r}: set its attribute to one of "
            f"{', '.join(known)}."
        )
    return known[stated]


def _edge_columns(ds: xr.Dataset, group: str, dim: str) -> list[Column]:
    if dim not in ds.dims:
        raise AxisError(f"The group '{group}' has no dimension '{dim}', which its class requires.")
    units = ds[dim].attrs.get("units", "") if dim in ds.coords else ""
    columns = []
    for edge in ("lo", "hi"):
        if f"{dim}_{edge}" not in ds.coords:
            raise AxisError(
                f"The group '{group}' has no edges '{dim}_{edge}': create its axes with edges."
            )
        values = np.atleast_1d(ds[f"{dim}_{edge}"].values)
        columns.append(Column(f"{axis_column(dim)}_{edge.upper()}", values[np.newaxis], units))
    return columns


def _value_column(
    ds: xr.Dataset, group: str, variable: str, column: str, kind: ResponseKind
) -> Column:
    if variable not in ds:
        raise MissingDataError(
            f"The group '{group}' has no variable '{variable}', which GADF requires: add it."
        )
    array = ds[variable]
    if set(array.dims) != set(kind.dims):
        raise AxisError(
            f"The variable '{variable}' has the dimensions {array.dims}, not {kind.table_axes}: "
            "its HDUCLAS4 does not describe it."
        )
    values = array.transpose(*reversed(kind.table_axes)).values
    return Column(column, values[np.newaxis], str(array.attrs.get("units", "")))
