"""Tables of a FITS dataset of maps: good time intervals and observations."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import xarray as xr
from astropy.io import fits
from astropy.time import Time

from xgamma.core.units import conversion
from xgamma.errors import MissingDataError, UnitError, XGammaError
from xgamma.fits.bintable import BinTable, Column, bin_table
from xgamma.fits.checks import require_once
from xgamma.fits.files import FitsFile
from xgamma.fits.keywords import run_ids
from xgamma.fits.tables import Table
from xgamma.fits.times import MissionTime
from xgamma.model.livetime import reference_time_of
from xgamma.model.schema import VARIABLES, variable_attrs

__all__ = ["gti_table", "obs_tables", "read_gti", "read_obs"]

# META_TABLE is what gammapy knows of observations; OBS_ROWS is all of ours.
META_COLUMNS = {
    "TELESCOP": "telescope",
    "OBS_ID": "obs_id",
    "RA_PNT": "pointing_lon",
    "DEC_PNT": "pointing_lat",
    "LIVETIME": "livetime",
    "ONTIME": "ontime",
}
OBS_ROWS = "OBS_ROWS"


@functools.lru_cache(maxsize=64)
def reference_text(mjdrefi: float, mjdreff: float, timesys: str) -> str:
    """Return the reference of mission times as ISO text, scale TT.

    Examples
    --------
    >>> reference_text(51544, 0.5, "tt")
    '2000-01-01T12:00:00.000'
    """
    try:
        time = Time(mjdrefi, mjdreff, format="mjd", scale=timesys.strip().lower() or "tt").tt
    except ValueError:
        raise XGammaError(
            f"TIMESYS={timesys!r} is not a time scale supported by astropy."
        ) from None
    time.precision = 9
    text = str(time.isot)
    return text.removesuffix("000000")


@functools.lru_cache(maxsize=64)
def reference_mjd(text: str) -> tuple[int, float]:
    """Return MJDREFI and MJDREFF of an ISO text, scale TT."""
    time = Time(text, scale="tt", format="isot" if "T" in text else None)
    day = int(np.floor(time.mjd))
    return day, float((time.jd1 - 2400000.5 - day) + time.jd2)


def read_gti(file: FitsFile) -> dict[str, xr.Variable]:
    """Return ``gti_start`` and ``gti_stop``; empty where the file has no GTI."""
    if "GTI" not in file:
        return {}
    table = file["GTI"].table
    table.check_last_row()
    where = f"The HDU 'GTI' of {file.path}"
    reference = MissionTime.from_header(table.header, where)
    if reference is None:
        raise MissingDataError(
            f"{where} has no MJDREFI, so its times have no reference: add MJDREFI and MJDREFF."
        )
    start, stop = (_seconds(table, column, where) for column in ("START", "STOP"))
    if (stop < start).any():
        raise XGammaError(f"{where} has intervals that end before they start: correct the table.")
    text = reference_text(reference.mjdrefi, reference.mjdreff, reference.timesys)
    return {
        name: xr.Variable("gti", values, variable_attrs(name, reference_time=text))
        for name, values in (("gti_start", start), ("gti_stop", stop))
    }


def _seconds(table: Table, name: str, where: str) -> np.ndarray:
    """Return a column of times in seconds: TUNIT, else TIMEUNIT of the header, tells the unit."""
    unit = (table[name].unit or "").strip() or str(table.header.get("TIMEUNIT") or "s")
    try:
        factor = conversion(unit, "s")
    except UnitError as error:
        raise UnitError(f"{where}, column {name}: {error}") from None
    values = np.asarray(table.read(name))
    if values.dtype.kind not in "iuf" or values.shape != (table.nrows,):
        raise XGammaError(f"{where}: its column {name} must contain one number in each row.")
    if not np.isfinite(values).all():
        raise XGammaError(f"{where}: its column {name} contains values that are not finite.")
    return values.astype(float) * factor


def gti_table(ds: xr.Dataset) -> BinTable | None:
    """Return the good time intervals as a table HDU."""
    if "gti_start" not in ds or "gti_stop" not in ds:
        return None
    text = reference_time_of(ds)
    day, fraction = reference_mjd(text)
    header = fits.Header(
        [
            ("MJDREFI", day),
            ("MJDREFF", fraction),
            ("TIMESYS", "tt"),
            ("TIMEUNIT", "s"),
            ("HDUCLASS", "GADF"),
            ("HDUCLAS1", "GTI"),
        ]
    )
    columns = [
        Column(name, np.asarray(ds[variable].values, dtype=float), "s")
        for name, variable in (("START", "gti_start"), ("STOP", "gti_stop"))
    ]
    return bin_table(columns, header, "GTI")


def read_obs(file: FitsFile, known: dict[str, dict[str, Any]]) -> dict[str, xr.Variable]:
    """Return the variables on ``obs``.

    Parameters
    ----------
    file : FitsFile
        The file.
    known : dict
        Names and dimensions from the sidecar, empty for files of other origin.
    """
    found: dict[str, xr.Variable] = {}
    if OBS_ROWS in file:
        table = file[OBS_ROWS].table
        for key in table.repeated:
            require_once(table, key, f"HDU {OBS_ROWS} of {file.path}")
        names = {n.upper(): n for n in known}
        for key in table.columns:
            name = names.get(key, key.lower())
            dims = known.get(name, {}).get("dims", ["obs"])
            values = table.read(key)
            attrs = variable_attrs(name) if name in VARIABLES else {}
            found[name] = xr.Variable(dims, values.reshape((table.nrows, -1)[: len(dims)]), attrs)
        return found
    if "META_TABLE" not in file:
        return found
    table = file["META_TABLE"].table
    for key in table.columns:
        values = table.read(key)
        if values.dtype == object:
            continue
        name = META_COLUMNS.get(key, key.lower())
        # A stacked dataset has one row, whose cells hold a value for each observation.
        attrs = variable_attrs(name) if name in VARIABLES else {"long_name": name}
        values = values.reshape(-1)
        if name == "obs_id" and values.dtype.kind == "U":
            values = np.array(run_ids(values))
        found[name] = xr.Variable("obs", values, attrs)
    sizes = [v.size for v in found.values()]
    common = max(set(sizes), key=sizes.count) if sizes else 0
    return {n: v for n, v in found.items() if v.size == common}


def on_obs(ds: xr.Dataset) -> list[str]:
    """Return the names of variables that are rows of observations."""
    return [
        str(n)
        for n, v in ds.variables.items()
        if v.dims in (("obs",), ("obs", "energy")) and n != "obs" and v.dtype.kind in "biufUO"
    ]


def _column(name: str, variable: xr.Variable) -> Column:
    values = np.asarray(variable.values)
    if values.dtype == object:
        values = values.astype(str)
    if values.dtype.kind == "U" and values.dtype.itemsize == 0:
        values = values.astype("U1")
    return Column(name.upper(), values, str(variable.attrs.get("units", "")))


def obs_tables(ds: xr.Dataset) -> list[BinTable]:
    """Return META_TABLE, as gammapy stacks it, and OBS_ROWS, with all there is."""
    names = [n for n in on_obs(ds) if _is_ascii(ds.variables[n])]
    if not names or ds.sizes.get("obs", 0) == 0:
        return []
    meta = []
    for key, name in META_COLUMNS.items():
        if name in names:
            column = _column(key, ds.variables[name])
            meta.append(Column(key, column.values[np.newaxis], column.unit))
    tables = [bin_table(meta, fits.Header(), "META_TABLE")] if meta else []
    rows = [_column(n, ds.variables[n]) for n in names]
    return [*tables, bin_table(rows, fits.Header(), OBS_ROWS)]


def _is_ascii(variable: xr.Variable) -> bool:
    if variable.dtype.kind not in "UO":
        return True
    return all(str(v).isascii() and str(v) == str(v).rstrip() for v in variable.values.ravel())


def table_names(ds: xr.Dataset) -> set[str]:
    """Return the names of the variables in the tables."""
    names: set[Any] = {n for n in on_obs(ds) if _is_ascii(ds.variables[n])}
    if ds.sizes.get("obs", 0) == 0:
        names = set()
    if "gti_start" in ds and "gti_stop" in ds:
        names |= {"gti_start", "gti_stop"}
    return {str(n) for n in names}
