"""Binary tables of a FITS file, straight from its bytes.

A DL3 file is read (and decompressed) once; its headers are walked, and each
column becomes a strided NumPy view into that one buffer. The FITS standard 4.0
(Pence et al. 2010, A&A 524, A42, and its 2016 update) defines the layout. What
is rare (variable-length columns) goes through `astropy.io.fits`.
"""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from xgamma.errors import MissingDataError, XGammaError
from xgamma.fits.bytes import BLOCK, parse_header, read_bytes
from xgamma.fits.layout import (
    check_columns,
    check_own_data,
    check_padding,
    check_tdim,
    data_size,
    has_hdu,
    whole_keyword,
)

__all__ = ["Column", "FitsFile", "Table", "open_fits"]

_TFORM = re.compile(r"(\d*)([LXBIJKAEDCMPQ])(\d*)")
_NUMPY = {
    "L": "u1",
    "X": "u1",
    "B": "u1",
    "I": ">i2",
    "J": ">i4",
    "K": ">i8",
    "E": ">f4",
    "D": ">f8",
    "C": ">c8",
    "M": ">c16",
    "P": ">i4",
    "Q": ">i8",
}
# Characters of a text: more are not a word in a table, and NumPy keeps four bytes for each.
LONGEST_TEXT = 2**20
# Offsets by which FITS stores unsigned (and signed byte) integers, and what they stand for.
_UNSIGNED = {("I", 2**15): "u2", ("J", 2**31): "u4", ("K", 2**63): "u8", ("B", -128): "i1"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: where its bytes lie in a row and what they mean."""

    name: str
    code: str
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    unit: str | None
    scale: float
    zero: float
    null: int | None
    bits: int

    @property
    def width(self) -> int:
        """Bytes of a cell in the table, without the heap."""
        if self.code in "PQ":
            return 2 * self.dtype.itemsize if self.bits else 0
        if self.code == "A":
            return self.bits
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_variable(self) -> bool:
        """Whether rows differ in length (a heap column)."""
        return self.code in "PQ"

    @property
    def native(self) -> np.dtype:
        """The dtype of the converted values."""
        if self.code in "LX":
            return np.dtype(bool)
        if self.code == "A":
            return np.dtype(f"U{self.dtype.itemsize}")
        if self.scale != 1 or self.zero != 0:
            unsigned = _UNSIGNED.get((self.code, int(self.zero)))
            if unsigned and self.scale == 1:
                return np.dtype(unsigned)
            return np.dtype("f4") if self.code == "E" else np.dtype("f8")
        return self.dtype.newbyteorder("=")

    def convert(self, raw: np.ndarray) -> np.ndarray:
        """Turn raw big-endian values into native ones, scaled, in a new array."""
        if self.code == "L":
            return np.asarray(raw == ord("T"))
        if self.code == "X":
            return np.unpackbits(raw, axis=-1, count=self.bits).astype(bool)
        if self.code == "A":
            text = np.char.rstrip(np.char.decode(raw, "latin-1"))
            return np.asarray(text).astype(self.native)
        if self.scale == 1 and self.zero == 0:
            return np.array(raw, dtype=self.native, order="C")
        if self.native.kind in "ui":
            # Two's complement: adding half the range is flipping the top bit, exact at 64 bits too.
            shift = np.array(int(abs(self.zero)), dtype=f"u{self.native.itemsize}")
            bits = np.array(raw, dtype=raw.dtype.newbyteorder("="), order="C")
            return np.asarray((bits.view(shift.dtype) ^ shift).view(self.native))
        return np.asarray(raw * self.scale + self.zero, dtype=self.native)


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
        Names that several columns have; the last one is in `columns`.
    """

    def __init__(self, file: FitsFile, index: int, header: dict[str, Any], start: int) -> None:
        self.file = file
        self.index = index
        self.header = header
        self.start = start
        where = f"HDU {header.get('EXTNAME', index)!r} of {file.path}"
        columns = _columns(header, where)
        width = columns[-1].offset + columns[-1].width if columns else 0
        check_columns(header, width, any(c.is_variable for c in columns), where)
        check_own_data(file.data, start, data_size(header, where), where)
        self.row_bytes, self.nrows = header["NAXIS1"], header["NAXIS2"]
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
                f"NAXIS2={self.nrows} counts rows that were never written: correct it, or fetch the "
                f"file again."
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


class FitsFile:
    """The binary tables of one FITS file over one decompressed buffer.

    A pickled file holds its path only and reads itself again when needed.

    Attributes
    ----------
    path : Path
        Where it came from.
    tables : list of Table
        Binary tables in file order; images and ASCII tables are left out.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.__dict__["data"] = data
        self.tables = self._walk(data)

    @cached_property
    def data(self) -> bytes:
        """The decompressed content."""
        return read_bytes(self.path)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "data"}

    def __repr__(self) -> str:
        return f"<FitsFile {self.path}: {', '.join(t.name for t in self.tables) or 'no tables'}>"

    def _walk(self, data: bytes) -> list[Table]:
        if not data.startswith(b"SIMPLE"):
            raise XGammaError(f"The file {self.path} is not a FITS file: it lacks the SIMPLE card.")
        tables: list[Table] = []
        position = index = 0
        where = f"file {self.path}"
        while has_hdu(data, position, where):
            header, start = parse_header(data, position, self.path)
            where = f"HDU {header.get('EXTNAME', index)!r} of {self.path}"
            size = data_size(header, where)
            if start + size > len(data):
                raise XGammaError(
                    f"The file {self.path} is truncated: its HDU {header.get('EXTNAME', index)!r} ends "
                    f"at byte {start + size}, the file at {len(data)}; fetch it again."
                )
            check_padding(data, start, size, where)
            if header.get("XTENSION") == "BINTABLE" and not header.get("ZIMAGE"):
                tables.append(Table(self, index, header, start))
            position = start + math.ceil(size / BLOCK) * BLOCK
            index += 1
        return tables

    def table(self, name: str) -> Table:
        """Return the first table with this EXTNAME, in any case.

        Raises
        ------
        MissingDataError
            If there is none.
        """
        wanted = name.strip().upper()
        for table in self.tables:
            if table.name.upper() == wanted:
                return table
        names = ", ".join(repr(t.name) for t in self.tables) or "none"
        raise MissingDataError(f"The file {self.path} has no HDU {name!r}: it has {names}.")


def open_fits(path: str | Path) -> FitsFile:
    """Read a FITS file and walk its headers.

    Parameters
    ----------
    path : str or Path
        Plain or gzipped FITS file.

    Returns
    -------
    file : FitsFile
        Its binary tables, over one buffer.

    Raises
    ------
    MissingDataError
        If there is no such file.
    XGammaError
        If it is truncated, damaged or no FITS file.
    """
    # Absolute, so that an observation can be unpickled in another working directory.
    path = Path(path).absolute()
    return FitsFile(path, read_bytes(path))


def _columns(header: dict[str, Any], where: str) -> list[Column]:
    """Return the columns that a table header declares, with their byte offsets."""
    columns = []
    offset = 0
    for number in range(1, whole_keyword(header, "TFIELDS", where, 0) + 1):
        form = str(header.get(f"TFORM{number}", ""))
        match = _TFORM.match(form.strip())
        if match is None:
            raise XGammaError(
                f"The {where} is damaged: its column {number} has the format {form!r}, which FITS "
                f"does not know."
            )
        repeat = int(match[1] or 1)
        code = match[2]
        tdim = check_tdim(header.get(f"TDIM{number}"), repeat, f"column {number} of the {where}")
        dtype, shape = _layout(code, repeat, match[3], tdim if code not in "PQ" else ())
        unit = header.get(f"TUNIT{number}")
        columns.append(
            Column(
                name=str(header.get(f"TTYPE{number}") or f"COL{number}"),
                code=code,
                dtype=dtype,
                shape=shape,
                offset=offset,
                unit=str(unit).strip() if unit is not None else None,
                scale=_factor(header, f"TSCAL{number}", 1, where) or 1,
                zero=_factor(header, f"TZERO{number}", 0, where),
                null=header.get(f"TNULL{number}"),
                bits=repeat,
            )
        )
        offset += columns[-1].width
    return columns


def _factor(header: dict[str, Any], key: str, default: float, where: str) -> float:
    """Return TSCAL or TZERO, which must be a number."""
    value = header.get(key)
    if value is None:
        return default
    if isinstance(value, (bool, str)) or not math.isfinite(value):
        raise XGammaError(f"The {where} is damaged: {key}={value!r} is not a number.")
    return value


def _layout(
    code: str, repeat: int, width: str, dims: tuple[int, ...]
) -> tuple[np.dtype, tuple[int, ...]]:
    """Return dtype and C-order shape of one cell."""
    if code == "A":
        length = dims[-1] if dims else int(width or repeat)
        if length > LONGEST_TEXT:
            raise XGammaError(f"A column has texts of {length} characters: its TFORM is damaged.")
        count = repeat // length if length else 1
        shape = dims[:-1] if dims else ((count,) if count > 1 else ())
        return np.dtype(f"S{length}"), shape
    if code in "PQ":
        return np.dtype(_NUMPY[code]), (2,)
    if code == "X":
        return np.dtype("u1"), (math.ceil(repeat / 8),)
    return np.dtype(_NUMPY[code]), dims or (() if repeat == 1 else (repeat,))
