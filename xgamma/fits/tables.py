"""Binary tables of a FITS file, straight from its bytes.

Each column is a strided NumPy view into the one buffer of the file. What is rare
(variable-length columns) goes through `astropy.io.fits`.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from astropy.io import fits

from xgamma.errors import MissingDataError, XGammaError
from xgamma.fits.columns import Column, columns_of
from xgamma.fits.layout import check_columns, check_own_data, data_size

__all__ = ["Table"]


class Bytes(Protocol):
    """What a table needs of its file: the path, and the bytes."""

    path: Path

    @property
    def data(self) -> Any:
        """Buffer with the whole file."""


class Table:
    """A binary table extension of a FITS file.

    Attributes
    ----------
    header : dict
        Keyword to value.
    columns : dict of Column
        By upper-case name, in table order.
    nrows : int
        Number of rows.
    repeated : set of str
        Names that several columns have, none or several of them in capitals; the last one is in
        `columns`.
    """

    def __init__(self, file: Bytes, index: int, header: dict[str, Any], start: int) -> None:
        self.file = file
        self.index = index
        self.header = header
        self.start = start
        where = f"HDU {header.get('EXTNAME', index)!r} of {file.path}"
        columns = columns_of(header, where)
        width = columns[-1].offset + columns[-1].width if columns else 0
        check_columns(header, width, any(c.is_variable for c in columns), where)
        check_own_data(file.data, start, data_size(header, where), where)
        self.row_bytes, self.nrows = header["NAXIS1"], header["NAXIS2"]
        # FITS takes RA and ra for one name; of the two, that in capitals is GADF's (HAWC has both).
        spelt = {c.name for c in columns if c.name.isupper()}
        columns = [c for c in columns if c.name in spelt or c.name.upper() not in spelt]
        self.columns = {c.name.upper(): c for c in columns}
        names = [c.name.upper() for c in columns]
        self.repeated = {name for name in names if names.count(name) > 1}

    @property
    def name(self) -> str:
        """EXTNAME, or "" when there is none."""
        return str(self.header.get("EXTNAME") or "")

    def __repr__(self) -> str:
        return f"<Table {self.name!r}: {self.nrows} rows, columns {', '.join(self.columns)}>"

    def __getitem__(self, name: str) -> Column:
        try:
            return self.columns[name.upper()]
        except KeyError:
            raise MissingDataError(
                f"The HDU {self.name!r} of {self.file.path} has no column {name}: "
                f"it has {', '.join(self.columns) or 'none'}."
            ) from None

    def check_last_row(self) -> None:
        """Raise if the last of several rows is blank: it is padding, taken for a row.

        Raises
        ------
        XGammaError
            If it holds zeros only.
        """
        stop = self.start + self.nrows * self.row_bytes
        if self.nrows > 1 and not self.file.data[stop - self.row_bytes : stop].strip(b"\0"):
            raise XGammaError(
                f"The last row of the HDU {self.name!r} of {self.file.path} is blank, so "
                f"NAXIS2={self.nrows} counts rows that were never written: correct it, or "
                "download the file again."
            )

    def raw(self, name: str) -> np.ndarray:
        """Return a column as a read-only view into the file: shape (nrows, …), big-endian."""
        column = self[name]
        shape, dtype = (self.nrows, *column.shape), column.dtype
        if math.prod(shape) * dtype.itemsize == 0:
            return np.zeros(shape, dtype)
        inner = [dtype.itemsize] * len(column.shape)
        for axis in range(len(inner) - 2, -1, -1):
            inner[axis] = inner[axis + 1] * column.shape[axis + 1]
        return np.ndarray(
            shape, dtype, self.file.data, self.start + column.offset, (self.row_bytes, *inner)
        )

    def read(self, name: str) -> np.ndarray:
        """Return a column as native values, shape (nrows, …)."""
        column = self[name]
        if column.is_variable:
            return self._read_heap(column)
        raw = self.raw(name)
        values = column.convert(raw)
        if column.null is not None and values.dtype.kind in "iuf":
            blank = np.asarray(raw) == column.null
            if blank.any():
                values = np.where(blank, np.nan, values)
        return values

    def _read_heap(self, column: Column) -> np.ndarray:
        """Read a variable-length column through astropy; equal rows become one array."""
        with fits.open(io.BytesIO(self.file.data), memmap=False) as hdus:
            rows = [np.array(row) for row in hdus[self.index].data[column.name]]
        native = [row.astype(row.dtype.newbyteorder("=")) for row in rows]
        if native and len({row.shape for row in native}) == 1:
            return np.stack(native)
        ragged = np.empty(len(native), dtype=object)
        ragged[:] = native
        return ragged
