"""The two index tables of a GADF store: observations, and locations of their HDUs."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from astropy.io import fits

from xgamma.core.units import conversion
from xgamma.dl3.pointings import pointing_altaz
from xgamma.errors import MissingDataError, UnitError, XGammaError, warn
from xgamma.fits.bintable import BinTable, Column, bin_table
from xgamma.fits.keywords import number
from xgamma.fits.tables import Table
from xgamma.irf.gadf import GADF_KEYWORDS

__all__ = ["hdu_index", "hdu_row", "index_keywords", "obs_index", "obs_row", "warn_of_columns"]

# Columns of the observation index: name, unit, FITS format; text is as wide as its longest value.
OBS_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("OBS_ID", "", "K"),
    ("OBJECT", "", "A"),
    ("RA_PNT", "deg", "D"),
    ("DEC_PNT", "deg", "D"),
    ("GLON_PNT", "deg", "D"),
    ("GLAT_PNT", "deg", "D"),
    ("ZEN_PNT", "deg", "D"),
    ("ALT_PNT", "deg", "D"),
    ("AZ_PNT", "deg", "D"),
    ("RA_OBJ", "deg", "D"),
    ("DEC_OBJ", "deg", "D"),
    ("ONTIME", "s", "D"),
    ("LIVETIME", "s", "D"),
    ("DEADC", "", "D"),
    ("TSTART", "s", "D"),
    ("TSTOP", "s", "D"),
    ("DATE-OBS", "", "A"),
    ("TIME-OBS", "", "A"),
    ("DATE-END", "", "A"),
    ("TIME-END", "", "A"),
    ("N_TELS", "", "K"),
    ("TELLIST", "", "A"),
    ("QUALITY", "", "K"),
    ("MUONEFF", "", "D"),
    ("EVENT_COUNT", "", "K"),
    ("INSTRUME", "", "A"),
    ("TELESCOP", "", "A"),
)


def warn_of_columns(table: Table) -> None:
    """Warn of columns of an observation index that are twice there, or are not what GADF says.

    Runs are still found by their numbers; what such a column says of them cannot be relied upon.
    """
    where = f"the observation index {table.file.path}"
    for name in sorted(table.repeated):
        warn(f"The column {name} is twice in {where}: the last one is read; rename the other.")
    for name, unit, code in OBS_COLUMNS:
        column = table.columns.get(name)
        if column is None or code == "A":
            continue
        # Numbers of runs may be text.
        if column.code not in "BIJKED" and name != "OBS_ID":
            warn(f"The column {name} of {where} contains no numbers: correct its format (TFORM).")
        stated = (column.unit or "").strip()
        if stated and not same_kind(stated, unit):
            warn(
                f"The column {name} of {where} is in {stated!r}, not in {unit or 'numbers'}: correct its unit."
            )


def same_kind(one: str, other: str) -> bool:
    """Tell whether a unit can be turned into another one."""
    try:
        conversion(one, other)
    except UnitError:
        return False
    return True


DTYPES = {"A": np.str_, "K": np.int64, "D": np.float64}
MISSING = {"A": "", "K": 0, "D": np.nan}
INDEX_KEYWORDS = (
    "TELESCOP",
    "MJDREFI",
    "MJDREFF",
    "TIMEUNIT",
    "TIMESYS",
    "TIMEREF",
    "GEOLON",
    "GEOLAT",
    "ALTITUDE",
)


def obs_row(obs: xr.DataTree) -> dict[str, Any]:
    """Collect the run's row of the observation index from its keywords."""
    row = {name: obs.attrs[name] for name, _, _ in OBS_COLUMNS if name in obs.attrs}
    try:
        row["OBS_ID"] = int(obs.attrs["OBS_ID"])
    except ValueError:
        raise XGammaError(
            f"OBS_ID={obs.attrs['OBS_ID']!r} is not an integer, as an index requires: set one."
        ) from None
    row["EVENT_COUNT"] = obs["events"].sizes.get("event", 0)
    row.setdefault("QUALITY", 0)
    return row | _altaz(obs)


def _altaz(obs: xr.DataTree) -> dict[str, float]:
    """Return altitude, azimuth and zenith angle at mid-time; ALT_PNT counts where they are not known."""
    try:
        position = pointing_altaz(obs)
    except MissingDataError:
        altitude = number(obs.attrs.get("ALT_PNT"))
        return {"ZEN_PNT": 90.0 - altitude} if np.isfinite(altitude) else {}
    return {
        "ALT_PNT": float(position.alt.deg),
        "AZ_PNT": float(position.az.deg),
        "ZEN_PNT": 90.0 - float(position.alt.deg),
    }


def index_keywords(obs: xr.DataTree) -> dict[str, Any]:
    """Return the keywords of time system and site that the observation index repeats."""
    return {name: obs.attrs[name] for name in INDEX_KEYWORDS if name in obs.attrs}


def obs_index(rows: list[dict[str, Any]], keywords: dict[str, Any]) -> BinTable:
    """Make the observation index, with the columns that at least one run has a value for."""
    columns = []
    for name, unit, code in OBS_COLUMNS:
        if not any(name in row for row in rows):
            continue
        values = [row.get(name, MISSING[code]) for row in rows]
        columns.append(Column(name, np.array(values, dtype=DTYPES[code]), unit))
    return _table("OBS", columns, keywords)


def hdu_row(obs_id: int, hdu: BinTable, name: str, size: int) -> tuple[Any, ...]:
    """Return the row of the HDU index of one HDU in the data file of that name and size."""
    kind = hdu.name.lower()
    hdu_class = str(hdu.header.get("HDUCLAS4", kind)).lower()
    return obs_id, kind, hdu_class, "data", name, hdu.name, size


def hdu_index(rows: list[tuple[Any, ...]]) -> BinTable:
    """Make the HDU index from the rows that `hdu_row` gives."""
    names = ("OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME", "SIZE")
    columns = [
        Column(name, np.array(values), "byte" if name == "SIZE" else "")
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
    ]
    return _table("HDU", columns, {})


def _table(kind: str, columns: list[Column], keywords: dict[str, Any]) -> BinTable:
    header = fits.Header(keywords)
    header.update({**GADF_KEYWORDS, "HDUCLAS1": "INDEX", "HDUCLAS2": kind})
    return bin_table(columns, header, f"{kind}_INDEX")
