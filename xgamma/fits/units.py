"""Units of the columns of a table: as the file states them, as its format prescribes them."""

from __future__ import annotations

import functools

from xgamma.core.units import conversion, parse_unit
from xgamma.errors import UnitError, warn
from xgamma.fits.tables import Table

__all__ = ["column_unit", "unit_and_factor"]


def unit_and_factor(
    table: Table,
    name: str,
    expected: str | None,
    keep: bool = False,
    unitless: bool = False,
) -> tuple[str, float]:
    """Return the unit in which a column is given to the user and the factor to get there.

    Parameters
    ----------
    table : Table
        Table.
    name : str
        Column.
    expected : str, optional
        The unit that the format prescribes, which is that of the result. By default, that of the file.
    keep : bool
        Whether the result has the unit of the file, which must be of the kind of `expected`.
    unitless : bool
        Whether the format lets files leave out the unit of this column.

    Returns
    -------
    unit : str
        In FITS spelling. A missing unit is the prescribed one, with a warning; times take
        TIMEUNIT of the header first.
    factor : float
        What turns the numbers of the file into that unit.

    Raises
    ------
    UnitError
        If the unit is of another kind than the prescribed one.
    """
    text = table[name].unit
    if text is None or not text.strip():
        if expected is None:
            return "", 1.0
        if expected == "s":
            text = str(table.header.get("TIMEUNIT") or "")
        elif expected and not unitless:
            _warn_missing_unit(str(table.file.path.parent), table.name, name, expected)
        text = text or expected
    try:
        if expected is None:
            return _canonical(text), 1.0
        factor = conversion(text, expected)
        return (_canonical(text), 1.0) if keep else (expected, factor)
    except UnitError:
        if expected is None:
            return text, 1.0
        raise UnitError(
            f"The column {name} of the HDU {table.name!r} of {table.file.path} has the unit "
            f"{text!r}, which cannot be converted to {expected or 'a dimensionless number'}: "
            "correct TUNIT in the file."
        ) from None


@functools.lru_cache(maxsize=256)
def _canonical(text: str) -> str:
    """Return a unit in the spelling of the FITS standard."""
    unit = parse_unit(text)
    try:
        return str(unit.to_string("fits"))
    except ValueError:
        return str(unit.to_string())


@functools.lru_cache(maxsize=1024)
def _warn_missing_unit(folder: str, hdu: str, column: str, expected: str) -> None:
    """Warn once for a folder, not once for each of its thousand runs."""
    warn(
        f"The column {column} of the HDU {hdu!r} has no unit in the files of {folder}: assuming "
        f"{expected}, as prescribed by GADF."
    )


def column_unit(table: Table, name: str) -> str:
    """Return the unit of a column in FITS spelling, "" when it has none."""
    return unit_and_factor(table, name, None)[0]
