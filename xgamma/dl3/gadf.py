"""HDUs of GADF as labelled datasets: events, GTIs, pointing and responses.

Follows the "Data formats for gamma-ray astronomy" (GADF) 0.2 and 0.3.
"""

from __future__ import annotations

import xarray as xr

from xgamma.core.lazy_arrays import lazy_variable
from xgamma.dl3.row_tables import ROW_TABLES, group_of
from xgamma.errors import MissingDataError, XGammaError
from xgamma.fits.checks import require_once
from xgamma.fits.headers import header_attrs
from xgamma.fits.lazy_columns import LazyColumn
from xgamma.fits.tables import Table
from xgamma.fits.units import unit_and_factor
from xgamma.irf.reading import read_response
from xgamma.model.assembly import with_data

__all__ = ["check_rows", "read_hdu"]

# Columns that may hold whole numbers, of seconds; others would be floats read with the wrong TFORM.
WHOLE = ("TIME", "START", "STOP")


def read_hdu(table: Table, group: str | None = None, shared: bool = False) -> xr.Dataset:
    """Return one table as a labelled dataset whose variables load on first use.

    Parameters
    ----------
    table : Table
        A GADF table.
    group : str, optional
        Which of `xgamma.dl3.row_tables.all_groups` it is. By default, this is recognised.
    shared : bool
        Whether several observations will hold this dataset: its values are then
        read-only.

    Returns
    -------
    dataset : Dataset
        Dims and units as in the data model (see the page "DL3 files"); the
        HDU's keywords as attributes.

    Raises
    ------
    MissingDataError
        If a column is missing or the table is not a DL3 table.
    UnitError
        If a unit is of the wrong kind.
    AxisError
        If a response does not have the shape of its axes, or the bins of an axis are not finite,
        do not increase, have gaps, or lie beyond the range that is possible.
    """
    group = group or group_of(table)
    if group is None:
        raise MissingDataError(
            f"The HDU {table.name!r} of {table.file.path} is not a DL3 table: it cannot be "
            "identified by HDUCLAS1, its name or its columns."
        )
    read = _read_rows if group in ROW_TABLES else read_response
    dataset = read(table, group, shared)
    dataset.encoding["source"] = str(table.file.path)
    return dataset


def _read_rows(table: Table, group: str, shared: bool) -> xr.Dataset:
    """Return events, GTIs or pointings: one row, one label-less entry."""
    known = ROW_TABLES[group]
    check_rows(table, known.needed)
    variables = {}
    for name, column in table.columns.items():
        unit, factor = unit_and_factor(table, name, known.units.get(name))
        lazy = LazyColumn(table, name, factor=factor, frozen=shared)
        dims = (known.dim, *(f"{name.lower()}_{i}" for i in range(1, len(lazy.shape))))
        attrs = {"units": unit} if unit or column.unit is not None else {}
        variables[name.lower()] = lazy_variable(dims, lazy, attrs)
    return with_data(xr.Dataset(), variables, header_attrs(table.header))


def check_rows(table: Table, required: tuple[str, ...]) -> None:
    """Raise if a column is missing or has invalid contents, or if rows were never written.

    Parameters
    ----------
    table : Table
        Events, good time or pointings.
    required : tuple of str
        Columns that GADF asks for: a number a row.

    Raises
    ------
    MissingDataError
        If a column is missing.
    XGammaError
        If a column is there twice or is no number, or the last row is blank.
    """
    where = f"HDU {table.name!r} of {table.file.path}"
    for name in required:
        column = table[name]
        require_once(table, name, where)
        whole = column.code in "BIJK" and column.scale == 1 and column.zero == 0
        if column.shape or column.code not in "BIJKED" or (whole and name not in WHOLE):
            raise XGammaError(
                f"The column {name} of the {where} has the format {column.code!r}, cells "
                f"{column.shape}, but GADF requires one real number per row: correct TFORM, or "
                "download the file again."
            )
    table.check_last_row()
