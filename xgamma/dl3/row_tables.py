"""Tables of an observation with one row per event, interval or time, as defined by GADF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from xgamma.fits.tables import Table
from xgamma.irf.registry import (
    group_of_class,
    group_of_columns,
    group_of_name,
    response_groups,
)

__all__ = ["ROW_TABLES", "RowTable", "all_groups", "group_of"]

_TIME_SYSTEM = ("MJDREFI", "MJDREFF", "TIMEUNIT", "TIMESYS", "TIMEREF")


class RowTable(NamedTuple):
    """What GADF says about one table of rows.

    Attributes
    ----------
    hduclas1 : str
        Its class, and the name of its HDU.
    dim : str
        Dimension of its rows.
    units : mapping of str to str
        Columns of which GADF prescribes a unit.
    needed : tuple of str
        Columns without which it cannot be read.
    written : tuple of str
        Columns that a file must have.
    run_keywords : tuple of str, optional
        Keywords of the run that its header repeats. By default, all.
    alias : str
        What else files call it.
    """

    hduclas1: str
    dim: str
    units: Mapping[str, str]
    needed: tuple[str, ...]
    written: tuple[str, ...]
    run_keywords: tuple[str, ...] | None = None
    alias: str = ""


ROW_TABLES = {
    "events": RowTable(
        "EVENTS",
        "event",
        {"TIME": "s", "RA": "deg", "DEC": "deg", "ENERGY": "TeV"},
        needed=("TIME", "RA", "DEC", "ENERGY"),
        written=("EVENT_ID", "TIME", "RA", "DEC", "ENERGY"),
    ),
    "gti": RowTable(
        "GTI",
        "gti",
        {"START": "s", "STOP": "s"},
        needed=("START", "STOP"),
        written=("START", "STOP"),
        run_keywords=(*_TIME_SYSTEM, "TSTART", "TSTOP", "OBS_ID"),
        alias="STDGTI",
    ),
    "pointing": RowTable(
        "POINTING",
        "pointing_time",
        {"TIME": "s", "RA_PNT": "deg", "DEC_PNT": "deg", "ALT_PNT": "deg", "AZ_PNT": "deg"},
        needed=("TIME",),
        written=("TIME", "RA_PNT", "DEC_PNT"),
        run_keywords=(*_TIME_SYSTEM, "GEOLON", "GEOLAT", "ALTITUDE", "OBS_ID"),
    ),
}


def all_groups() -> tuple[str, ...]:
    """Return the groups that an observation may have, in order.

    Examples
    --------
    >>> all_groups()
    ('events', 'gti', 'pointing', 'aeff', 'edisp', 'psf', 'bkg', 'rad_max')
    """
    return (*ROW_TABLES, *response_groups())


_BY_CLASS = {table.hduclas1: group for group, table in ROW_TABLES.items()}
_BY_NAME = _BY_CLASS | {table.alias: group for group, table in ROW_TABLES.items() if table.alias}


def group_of(table: Table) -> str | None:
    """Return the group that a table belongs to, or None when it is not a DL3 table.

    HDUCLAS1 and HDUCLAS2 decide, then EXTNAME, then the columns.
    """
    first = str(table.header.get("HDUCLAS1") or "").upper()
    # The bands of a map of RAD have the columns RAD_MIN and RAD_MAX, and describe no response.
    if first == "INDEX" or "AXCOLS1" in table.header:
        return None
    if first in _BY_CLASS:
        return _BY_CLASS[first]
    if first == "RESPONSE":
        group = group_of_class(str(table.header.get("HDUCLAS2") or ""))
        if group is not None:
            return group
    name = table.name.strip().upper()
    return _BY_NAME.get(name) or group_of_name(name) or _group_of_columns(set(table.columns))


def _group_of_columns(columns: set[str]) -> str | None:
    # A time alone, as pointings have it, is in too many tables to tell anything.
    for group in ("events", "gti"):
        if set(ROW_TABLES[group].needed) <= columns:
            return group
    return group_of_columns(columns)
