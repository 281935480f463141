"""Locations of the HDUs of each run: from GADF index files, or from the files themselves."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma.dl3.index_search import chosen_table, first_table
from xgamma.dl3.index_tables import warn_of_columns
from xgamma.dl3.row_tables import ROW_TABLES, all_groups, group_of
from xgamma.dl3.zenith import zenith_angles
from xgamma.errors import MissingDataError, XGammaError, warn
from xgamma.fits.files import open_fits
from xgamma.fits.headers import header_attrs
from xgamma.fits.keywords import run_id, run_ids
from xgamma.fits.tables import Table
from xgamma.fits.units import column_unit

__all__ = ["Hdus", "from_files", "from_index"]

# Run -> group -> (file, HDU name).
Hdus = dict[Any, dict[str, tuple[Path, str]]]

# EVENTS keywords that make a row where there is no observation index.
_ROW_KEYWORDS = {
    "TELESCOP": ("", ""),
    "OBJECT": ("", ""),
    "RA_PNT": (np.nan, "deg"),
    "DEC_PNT": (np.nan, "deg"),
    "ALT_PNT": (np.nan, "deg"),
    "AZ_PNT": (np.nan, "deg"),
    "RA_OBJ": (np.nan, "deg"),
    "DEC_OBJ": (np.nan, "deg"),
    "TSTART": (np.nan, "s"),
    "TSTOP": (np.nan, "s"),
    "ONTIME": (np.nan, "s"),
    "LIVETIME": (np.nan, "s"),
    "DEADC": (np.nan, ""),
    "CALDB": ("", ""),
    "IRF": ("", ""),
}


@functools.cache
def _group_pattern() -> re.Pattern[str]:
    """Return what finds the group in HDU_TYPE ('psf') and in HDU_CLASS ('psf_table')."""
    return re.compile("|".join(sorted(all_groups(), key=len, reverse=True)))


def read_columns(table: Table) -> xr.Dataset:
    """Return a table on dim ``obs``: lower-case names, ``-`` as ``_``, units as attributes."""
    variables = {}
    for name in table.columns:
        values = table.read(name)
        dims = ("obs", *(f"{name.lower()}_{i}" for i in range(1, values.ndim)))
        unit = column_unit(table, name)
        variables[name.lower().replace("-", "_")] = (dims, values, {"units": unit} if unit else {})
    return xr.Dataset(variables, attrs=header_attrs(table.header))


def from_index(
    hdu_file: Path, obs_file: Path | None, caldb: str | None, which: int | str | None = None
) -> tuple[xr.Dataset, Hdus]:
    """Read a GADF index.

    Parameters
    ----------
    hdu_file : Path
        HDU index.
    obs_file : Path, optional
        Observation index; the headers of the events stand in for it.
    caldb : str, optional
        Root of the calibration database.
    which : int or str, optional
        Table of an HDU index that holds several: number of its HDU, or its name.

    Returns
    -------
    table : Dataset
        Observation index on dim ``obs``, for the runs that have HDUs.
    hdus : dict
        Run -> group -> (file, HDU name).
    """
    index = chosen_table(hdu_file, which)
    columns = {name: index.read(name) for name in index.columns}
    for name in ("OBS_ID", "FILE_NAME", "HDU_NAME"):
        index[name]
    kinds = [columns[n] for n in ("HDU_TYPE", "HDU_CLASS") if n in columns]
    empty = np.full(index.nrows, "")
    base = str(index.header.get("BASE_DIR") or "")
    hdus: Hdus = {}
    known: dict[Any, int] = {}
    for row, obs_id in enumerate(run_ids(columns["OBS_ID"].tolist())):
        match = next(
            (m for kind in kinds if (m := _group_pattern().match(str(kind[row]).strip().lower()))),
            None,
        )
        if match is None:
            continue
        parts = (
            str(columns.get("BASE_DIR", empty)[row]) or base,
            str(columns.get("FILE_DIR", empty)[row]),
            str(columns["FILE_NAME"][row]),
        )
        path = _resolve(hdu_file.parent, parts, caldb)
        where = (path, str(columns["HDU_NAME"][row]))
        if hdus.setdefault(obs_id, {}).setdefault(match[0], where) != where:
            _refuse_second(hdu_file, obs_id, match[0], kinds, known[obs_id, match[0]], row)
        known.setdefault((obs_id, match[0]), row)
    if obs_file is None:
        table = _table_of_rows([_event_row(obs_id, groups) for obs_id, groups in hdus.items()])
    else:
        runs = first_table(obs_file)
        warn_of_columns(runs)
        table = read_columns(runs)
        if "obs_id" not in table:
            raise MissingDataError(f"The observation index {obs_file} has no column OBS_ID.")
        hdus, table = _same_ids(hdus, table)
        _require_shared(hdu_file, obs_file, list(hdus), table["obs_id"].values.tolist())
        table = table.isel(
            obs=[i for i, o in enumerate(table["obs_id"].values.tolist()) if o in hdus]
        )
        table = _once(obs_file, table).set_coords("obs_id")
        hdus = {obs_id: hdus[obs_id] for obs_id in table["obs_id"].values.tolist()}
    _add_caldb(table, hdus, caldb)
    return table, hdus


def from_files(files: Iterable[Path], caldb: str | None) -> tuple[xr.Dataset, Hdus]:
    """Create an index from the headers of event files.

    Parameters
    ----------
    files : iterable of Path
        FITS files; those without events are passed over.
    caldb : str, optional
        Root of the calibration database.

    Returns
    -------
    table : Dataset
        A row for each file with events.
    hdus : dict
        Run -> group -> (file, HDU name).

    Raises
    ------
    MissingDataError
        If no file holds events, or two hold the same run.
    """
    files = list(files)
    hdus: Hdus = {}
    rows = []
    for path in files:
        groups: dict[str, Table] = {}
        for hdu in open_fits(path).tables:
            group = group_of(hdu)
            if group is not None:
                groups.setdefault(group, hdu)
        if "events" not in groups:
            continue
        obs_id = run_id(groups["events"].header.get("OBS_ID", path.name.partition(".fit")[0]))
        if obs_id in hdus:
            first = hdus[obs_id]["events"][0]
            raise MissingDataError(
                f"The run {obs_id!r} is in {first} and in {path}: write an HDU index that "
                "selects one, or give a list of files."
            )
        hdus[obs_id] = {group: (path, hdu.name) for group, hdu in groups.items()}
        rows.append(_header_row(obs_id, groups["events"]))
    if not rows:
        raise MissingDataError(
            f"None of the {len(files)} FITS files contains an EVENTS table: for responses only, "
            "use xr.open_datatree(file, engine='gadf')."
        )
    hdus, table = _same_ids(hdus, _table_of_rows(rows))
    _add_caldb(table, hdus, caldb)
    return table, hdus


def _same_ids(hdus: Hdus, table: xr.Dataset) -> tuple[Hdus, xr.Dataset]:
    """Return HDUs and table with run numbers of one kind, so that each finds the other."""
    own = table["obs_id"].values.tolist()
    if not own:
        return dict(zip(run_ids(hdus), hdus.values(), strict=True)), table
    ids = run_ids([*hdus, *own])
    named = dict(zip(ids[: len(hdus)], hdus.values(), strict=True))
    obs_id = ("obs", np.array(ids[len(hdus) :]), table["obs_id"].attrs)
    if "obs_id" in table.coords:
        return named, table.assign_coords(obs_id=obs_id)
    return named, table.assign(obs_id=obs_id)


def _require_shared(hdu_file: Path, obs_file: Path, hdus: list[Any], runs: list[Any]) -> None:
    """Refuse two indices that share no run: the store would be empty without a word."""
    if hdus and runs and not set(hdus) & set(runs):
        raise MissingDataError(
            f"The indices {hdu_file} and {obs_file.name} have no OBS_ID in common: the first "
            f"has {', '.join(map(str, hdus[:3]))}, the second {', '.join(map(str, runs[:3]))}: "
            "correct one of them."
        )


def _once(file: Path, table: xr.Dataset) -> xr.Dataset:
    """Return an observation index without rows that repeat another; refuse two that differ."""
    first: dict[Any, int] = {}
    repeated = []
    for row, obs_id in enumerate(table["obs_id"].values.tolist()):
        if first.setdefault(obs_id, row) != row:
            if not table.isel(obs=row).equals(table.isel(obs=first[obs_id])):
                raise XGammaError(
                    f"The observation index {file} has two different rows for the run {obs_id}: "
                    "keep one of them."
                )
            repeated.append(obs_id)
    if not repeated:
        return table
    warn(
        f"The observation index {file} lists {', '.join(map(str, repeated[:5]))} more than "
        "once: each run is used once."
    )
    return table.isel(obs=list(first.values()))


def _refuse_second(
    file: Path, obs_id: object, group: str, kinds: list[np.ndarray], first: int, row: int
) -> None:
    """Raise where two HDUs of a run are of the same kind; of several kinds of PSF the first is taken."""
    if group not in ROW_TABLES and any(k[first] != k[row] for k in kinds):
        return
    raise XGammaError(
        f"The HDU index {file} lists two HDUs {group!r} for the run {obs_id} (rows {first} and "
        f"{row}): keep the one to use."
    )


def _resolve(folder: Path, parts: tuple[str, ...], caldb: str | None) -> Path:
    """Join base, folder and name of a file; ``$CALDB`` and other variables are expanded."""
    expanded = []
    for part in parts:
        part = part.strip()
        if caldb:
            part = re.sub(r"\$CALDB\b|\$\{CALDB\}", lambda _: caldb, part)
        expanded.append(os.path.expandvars(part))
    # An absolute part replaces what stands before it, as GADF wants for BASE_DIR.
    return Path(os.path.normpath(folder.joinpath(*expanded)))


def _header_row(obs_id: object, events: Table) -> dict[str, Any]:
    row = {"obs_id": obs_id, "event_count": events.nrows}
    for key, (default, _) in _ROW_KEYWORDS.items():
        value = events.header.get(key, default)
        text = isinstance(default, str)
        try:
            row[key.lower()] = str(value) if text else float(value)
        except (TypeError, ValueError):
            row[key.lower()] = default
    return row | {"header": events.header}


def _event_row(obs_id: object, groups: dict[str, tuple[Path, str]]) -> dict[str, Any]:
    if "events" not in groups:
        return {"obs_id": obs_id, "event_count": 0}
    path, name = groups["events"]
    return _header_row(obs_id, open_fits(path).table(name))


def _table_of_rows(rows: list[dict[str, Any]]) -> xr.Dataset:
    """Return the table that an observation index would be."""
    units = {key.lower(): unit for key, (_, unit) in _ROW_KEYWORDS.items()}
    defaults = {key.lower(): default for key, (default, _) in _ROW_KEYWORDS.items()}
    table = xr.Dataset(coords={"obs_id": ("obs", [row["obs_id"] for row in rows])})
    for name in ("event_count", *defaults):
        values = [row.get(name, defaults.get(name)) for row in rows]
        attrs = {"units": units[name]} if units.get(name) else {}
        table[name] = ("obs", np.array(values), attrs)
    headers = [row.get("header", {}) for row in rows]
    table["zen_pnt"] = ("obs", zenith_angles(headers), {"units": "deg"})
    references = {tuple(h.get(k) for k in ("MJDREFI", "MJDREFF", "TIMESYS")) for h in headers}
    if len(references) == 1:
        (reference,) = references
        pairs = zip(("MJDREFI", "MJDREFF", "TIMESYS"), reference, strict=True)
        table.attrs.update({k: v for k, v in pairs if v is not None})
    return table


def _add_caldb(table: xr.Dataset, hdus: Hdus, caldb: str | None) -> None:
    """Give runs without responses those that CALDB and IRF name (the layout of CTA's 1DC)."""
    if not caldb or "caldb" not in table or "irf" not in table:
        return
    known: dict[Path, dict[str, tuple[Path, str]]] = {}
    names = zip(
        table["obs_id"].values.tolist(), table["caldb"].values, table["irf"].values, strict=True
    )
    for obs_id, version, irf in names:
        if "aeff" in hdus[obs_id] or not str(irf).strip():
            continue
        path = Path(caldb, "data", "cta", str(version), "bcf", str(irf), "irf_file.fits")
        if path not in known:
            tables = open_fits(path).tables if path.exists() else []
            found = {group_of(t): (path, t.name) for t in reversed(tables)}
            known[path] = {g: where for g, where in found.items() if g is not None}
        for group, where in known[path].items():
            hdus[obs_id].setdefault(group, where)
