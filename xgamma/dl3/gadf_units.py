"""Units of the columns of GADF tables: as the file states them, as GADF prescribes them."""

from __future__ import annotations

import functools

from xgamma.core.units import conversion, parse_unit
from xgamma.errors import UnitError, warn
from xgamma.fits.tables import Table

__all__ = ["column_unit", "unit_and_factor"]


def unit_and_factor(table: Table, name: str, expected: str | None) -> tuple[str, float]:
    """Return the unit in which a column is given to the user and the factor to get there.

    Columns with a unit fixed by GADF come in that unit, except background rates
    (per TeV or per MeV), which keep theirs. A missing unit is GADF's, with a warning;
    times take TIMEUNIT of the header first, which is what GADF says of them.
    """
    text = table[name].unit
    if text is None or not text.strip():
        if expected is None:
            return "", 1.0
        if expected == "s":
            text = str(table.header.get("TIMEUNIT") or "")
        elif expected and name != "SCALE":
            # GADF gives SCALE of PSF_3GAUSS no unit, though it is a density: sr-1.
            _warn_missing_unit(str(table.file.path.parent), table.name, name, expected)
        text = text or expected
    try:
        if expected is None:
            return _canonical(text), 1.0
        if name in ("BKG", "BGD"):
            conversion(text, expected)
            return _canonical(text), 1.0
        return expected, conversion(text, expected)
    except UnitError:
        if expected is None:
            return text, 1.0
        raise UnitError(
            f"The column {name} of the HDU {table.name!r} of {table.file.path} has the unit {text!r}, "
            f"which cannot be turned into {expected or 'a plain number'}: mend TUNIT in the file."
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
        f"The column {column} of the HDU {hdu!r} has no unit in files of {folder}: "
        f"{expected}, which GADF prescribes, is assumed."
    )


def column_unit(table: Table, name: str) -> str:
    """Return the unit of a column in FITS spelling, "" when it has none."""
    return unit_and_factor(table, name, None)[0]
