"""FITS binary tables as bytes.

astropy makes the headers; the rows are one big-endian structured array, which is what a
FITS table is. (Its own table HDU takes ten times as long for the responses of a run.)
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from astropy import units
from astropy.io import fits

from xgamma.core.units import parse_unit
from xgamma.errors import XGammaError
from xgamma.fits.bytes import BLOCK
from xgamma.fits.codes import FORMATS, OFFSETS, flipped

__all__ = ["BinTable", "Column", "bin_table", "primary_bytes"]


class Column(NamedTuple):
    """A column: its name, values (rows first) and unit."""

    name: str
    values: np.ndarray
    unit: str = ""


class BinTable(NamedTuple):
    """A table HDU: its header, and its rows as bytes."""

    header: fits.Header
    rows: bytes

    @property
    def name(self) -> str:
        """EXTNAME of the table."""
        return str(self.header["EXTNAME"])

    def tobytes(self) -> bytes:
        """Return the HDU as it lies in a file."""
        padding = -len(self.rows) % BLOCK
        cards: bytes = self.header.tostring().encode("ascii")
        return cards + self.rows + bytes(padding)


def primary_bytes(extensions: int) -> bytes:
    """Return an empty primary HDU, which states how many HDUs follow."""
    header = fits.PrimaryHDU().header
    header["NEXTEND"] = extensions
    return bytes(header.tostring().encode("ascii"))


def bin_table(columns: list[Column], keywords: fits.Header, extname: str) -> BinTable:
    """Make a table HDU.

    Parameters
    ----------
    columns : list of Column
        Columns with equally many rows; further axes of their values go to ``TDIMn``.
    keywords : `~astropy.io.fits.Header`
        Cards that follow those of the table's structure.
    extname : str
        Name of the HDU.

    Returns
    -------
    table : BinTable
        The HDU.

    Raises
    ------
    XGammaError
        If a column's type is not one that FITS can hold.
    UnitError
        If a unit is not one that astropy can parse.

    Examples
    --------
    >>> from astropy.io import fits
    >>> table = bin_table([Column("ENERGY", np.array([1.0, 2.0]), "TeV")], fits.Header(), "EVENTS")
    >>> table.header["TFORM1"], len(table.tobytes())
    ('1D', 5760)
    """
    prepared = [(column, *_as_fits(column)) for column in columns]
    dtype = np.dtype([(c.name, v.dtype, v.shape[1:]) for c, v, _ in prepared])
    rows = np.empty(len(prepared[0][1]), dtype)
    cards: list[tuple[str, object]] = []
    for number, (column, values, code) in enumerate(prepared, start=1):
        rows[column.name] = values
        cards += _column_cards(number, column, values, code)
    header = fits.Header(
        [
            ("XTENSION", "BINTABLE", "binary table extension"),
            ("BITPIX", 8),
            ("NAXIS", 2),
            ("NAXIS1", dtype.itemsize),
            ("NAXIS2", len(rows)),
            ("PCOUNT", 0),
            ("GCOUNT", 1),
            ("TFIELDS", len(columns)),
            *cards,
            ("EXTNAME", extname),
        ]
    )
    header.update(keywords)
    return BinTable(header, rows.tobytes())


@functools.lru_cache(maxsize=128)
def fits_unit(text: str) -> str:
    """Return a unit as FITS spells it: the text itself where FITS can read it.

    Examples
    --------
    >>> fits_unit("1/s/MeV/sr"), fits_unit("s-1 MeV-1 sr-1")
    ('MeV-1 s-1 sr-1', 's-1 MeV-1 sr-1')
    """
    unit = parse_unit(text)
    try:
        units.Unit(text, format="fits")
    except ValueError:
        return str(unit.to_string("fits"))
    return text


def _column_cards(
    number: int, column: Column, values: np.ndarray, code: str
) -> list[tuple[str, object]]:
    shape = values.shape[1:]
    if code == "A" and shape:
        # The characters of a text are the fastest axis of its cell.
        shape = (*shape, max(values.dtype.itemsize, 1))
    repeat = max(values.dtype.itemsize, 1) if code == "A" and not shape else math.prod(shape)
    cards: list[tuple[str, object]] = [
        (f"TTYPE{number}", column.name),
        (f"TFORM{number}", f"{repeat}{code}"),
    ]
    if column.unit:
        cards.append((f"TUNIT{number}", fits_unit(column.unit)))
    zero = OFFSETS.get(column.values.dtype.str[1:])
    if zero:
        cards += [(f"TSCAL{number}", 1), (f"TZERO{number}", zero[1])]
    if len(shape) > 1:
        cards.append((f"TDIM{number}", f"({','.join(str(n) for n in reversed(shape))})"))
    return cards


def _as_fits(column: Column) -> tuple[np.ndarray, str]:
    """Return the values in the bytes of FITS, and the letter of their type."""
    values = np.asarray(column.values)
    if values.dtype.kind in "UO":
        try:
            values = np.char.encode(values.astype(str), "ascii")
        except UnicodeEncodeError:
            raise XGammaError(
                f"The column {column.name} has text that is not ASCII, which FITS cannot store."
            ) from None
    if values.dtype.kind == "S":
        return values, "A"
    if values.dtype.str[1:] in OFFSETS:
        values = flipped(values, np.dtype(OFFSETS[values.dtype.str[1:]][0]))
    code = FORMATS.get(values.dtype.str[1:])
    if code is None:
        raise XGammaError(
            f"The column {column.name} has the type {values.dtype}, which FITS cannot store: "
            "convert it first."
        )
    if code == "L":
        return np.where(values, b"T", b"F"), code
    return values.astype(values.dtype.newbyteorder(">"), copy=False), code
