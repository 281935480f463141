"""OGIP spectra (PHA, ARF, RMF, BKG): reading.

Formats: OGIP memos 92-007 (PHA) and CAL/GEN/92-002 (ARF and RMF).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.reading import reader
from xgamma.core.units import conversion
from xgamma.errors import AxisError, MissingDataError, XGammaError
from xgamma.fits.checks import require_channels
from xgamma.fits.files import FitsFile, map_fits
from xgamma.fits.keywords import run_id
from xgamma.fits.tables import Table
from xgamma.io.fits_axes import Axis
from xgamma.io.fits_regions import read_region
from xgamma.io.fits_tables import read_gti
from xgamma.io.ogip_response import (
    folded,
    read_bounds,
    read_exposure,
    read_response,
    require_values,
)
from xgamma.model.assembly import assemble
from xgamma.model.frame import without_frame
from xgamma.model.sanity import issue_of_keyword
from xgamma.model.schema import variable_attrs

__all__ = ["read_ogip"]

NO_FILE = {"", "none", "none.fits"}


@reader
def read_ogip(
    path: str | os.PathLike[str], name: str | None = None, grouped: bool = False
) -> xr.Dataset:
    """Read a spectrum from OGIP files.

    Parameters
    ----------
    path : path-like
        PHA file (type I); ANCRFILE, RESPFILE and BACKFILE in its header name the others,
        relative to its folder.
    name : str, optional
        Name of the dataset. By default, OBS_ID.
    grouped : bool
        Whether to merge channels according to the column GROUPING; otherwise it is kept as the
        variable ``grouping``.

    Returns
    -------
    ds : Dataset
        A spectrum dataset, or an on-off spectrum if there is a background file. ``acceptance`` is
        BACKSCAL x AREASCAL, ``acceptance_off`` that of the background times the ratio of the
        exposure times. ``exposure`` is the effective area times EXPOSURE, in m2 s. ``mask_safe`` is
        False where QUALITY is not 0 or, where there is no QUALITY, outside LO_THRES to HI_THRES.

    Raises
    ------
    MissingDataError
        If a file, HDU or column is absent.
    AxisError
        If the channels or energies of the files do not match.
    XGammaError
        If a file is truncated, or holds several spectra (type II); if EXPOSURE is missing, or it,
        a scale, count, area or matrix is NaN, or negative, or not positive where it must be.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.read_ogip("pha_obs23523.fits")  # doctest: +SKIP
    """
    file = map_fits(path)
    table = _spectrum(file)
    header = table.header
    livetime = _exposure_time(table)
    rmf = read_response(file, _linked(file, header, "RESPFILE"))
    energy = _ebounds(file, rmf)
    counts = _counts(table, livetime)
    if counts.size != energy.size:
        raise AxisError(
            f"The spectrum of {file.path} has {counts.size} channels, but its EBOUNDS table has table has {energy.size}."
        )
    arf = _linked(file, header, "ANCRFILE")
    if arf is None and rmf is None:
        raise MissingDataError(
            f"The header of {file.path} has neither ANCRFILE nor RESPFILE, but a spectrum requires a response."
        )
    exposure, true = read_exposure(arf, rmf, livetime)
    scale = _scale(table, "AREASCAL", counts.size)
    data = {
        "counts": xr.Variable("energy", counts, variable_attrs("counts")),
        "mask_safe": xr.Variable("energy", _mask(table, energy), variable_attrs("mask_safe")),
    }
    data |= _channel_flags(table)
    data |= _background(file, table, livetime, scale)
    data |= folded(exposure, livetime, rmf, scale, true)
    data |= read_gti(file) | _obs(header, livetime)
    coords: dict[str, Any] = energy.coords() | true.coords()
    frame = None
    if "REGION" in file:
        text, frame = read_region(file["REGION"])
        coords["region"] = xr.Variable((), text, {"long_name": "on region", "format": "ds9"})
    ds = assemble(coords, data, frame, name or _name(header, Path(path)))
    return group_channels(ds) if grouped else ds


def _spectrum(file: FitsFile) -> Table:
    for hdu in file.hdus:
        if hdu.is_table and (hdu.name == "SPECTRUM" or hdu.header.get("HDUCLAS1") == "SPECTRUM"):
            if hdu.header.get("HDUCLAS4") == "TYPE:II" or "SPEC_NUM" in hdu.table.columns:
                raise XGammaError(
                    f"{file.path} contains several spectra (PHA type II): split it into files of type I."
                )
            return hdu.table
    names = ", ".join(h.name for h in file.hdus)
    raise MissingDataError(
        f"The file {file.path} has no HDU 'SPECTRUM' (its HDUs are {names}): it is not a PHA file."
    )


def _linked(file: FitsFile, header: dict[str, Any], keyword: str) -> FitsFile | None:
    """Open the file that a keyword names, or return None."""
    named = str(header.get(keyword) or "").strip()
    if named.lower() in NO_FILE:
        return None
    beside = file.path.parent / named
    if not beside.is_file():
        raise MissingDataError(
            f"{keyword} of {file.path} refers to {named!r}, which is not in the same folder: put the file there."
        )
    return map_fits(beside)


def _counts(table: Table, livetime: float) -> np.ndarray:
    if "COUNTS" in table.columns:
        require_values(table, "COUNTS", "counts")
        counts = table.read("COUNTS")
        if counts.dtype.kind == "f" and np.all(counts == np.rint(counts)):
            return counts.astype("i8")
        return counts.astype("i8" if counts.dtype.kind in "iu" else "f8")
    if "RATE" in table.columns:
        return require_values(table, "RATE", "counts") * livetime
    raise MissingDataError(f"The spectrum of {table.file.path} has neither COUNTS nor RATE.")


def _exposure_time(table: Table) -> float:
    """Return EXPOSURE, which OGIP asks for, in seconds."""
    value: Any = table.header.get("EXPOSURE")
    problem = issue_of_keyword("EXPOSURE", value)
    if not isinstance(value, (int, float)):
        problem = (
            "has no EXPOSURE" if value is None else f"has EXPOSURE={value!r}, which is not a number"
        )
    elif problem is not None:
        problem = f"has {problem}"
    if problem is not None:
        raise XGammaError(
            f"The spectrum of {table.file.path} {problem}: set it to the exposure time in seconds."
        )
    return float(value)


def _scale(table: Table, name: str, n: int, default: float = 1.0) -> np.ndarray:
    """Return a column, or the keyword of that name, for each channel.

    A keyword must be positive; in a column, channels with nothing behind them may have zero.
    """
    if name in table.columns:
        values = require_values(table, name, "acceptance")
        if values.any():
            return values
        problem = f"{name} is zero in all channels"
    else:
        value: Any = table.header.get(name, default)
        problem = issue_of_keyword(name, value) or ""
        if not isinstance(value, (int, float)):
            problem = f"{name}={value!r} is not a number"
    if problem:
        raise XGammaError(f"In the spectrum of {table.file.path}, {problem}: correct the file.")
    return np.full(n, float(value))


def _mask(table: Table, energy: Axis) -> np.ndarray:
    header = table.header
    if "QUALITY" in table.columns:
        return np.asarray(table.read("QUALITY") == 0)
    mask = np.full(energy.size, int(header.get("QUALITY", 0) or 0) == 0)
    if "LO_THRES" in header and "HI_THRES" in header:
        # Thresholds are in TeV: the field's convention, no unit is stated.
        factor = conversion(energy.units, "TeV")
        low, high = (_threshold(table, key) for key in ("LO_THRES", "HI_THRES"))
        mask &= (energy.lo * factor >= low * (1 - 1e-9)) & (energy.hi * factor <= high * (1 + 1e-9))
    return mask


def _threshold(table: Table, key: str) -> float:
    value = table.header[key]
    problem = issue_of_keyword(key, value)
    if problem is not None or not isinstance(value, (int, float)):
        raise XGammaError(
            f"In the spectrum of {table.file.path}, {problem or f'{key}={value!r} is not a number'}: correct the header."
        )
    return float(value)


def _channel_flags(table: Table) -> dict[str, xr.Variable]:
    """Keep GROUPING, and QUALITY where it says more than good and bad."""
    found = {}
    if "GROUPING" in table.columns and np.any(table.read("GROUPING") != 0):
        values = table.read("GROUPING").astype("i2")
        found["grouping"] = xr.Variable("energy", values, {"long_name": "start of a group (1)"})
    # 1 and 5 both say bad, by software and by the user.
    if "QUALITY" in table.columns and not np.isin(table.read("QUALITY"), (0, 1, 5)).all():
        values = table.read("QUALITY").astype("i2")
        found["quality"] = xr.Variable("energy", values, {"long_name": "OGIP quality flag"})
    return found


def _background(
    file: FitsFile, on: Table, livetime: float, scale: np.ndarray
) -> dict[str, xr.Variable]:
    linked = _linked(file, on.header, "BACKFILE")
    if linked is None:
        return {}
    table = _spectrum(linked)
    require_channels(table)
    time = _exposure_time(table)
    counts = _counts(table, time)
    n = counts.size
    acceptance = _scale(on, "BACKSCAL", n) * scale
    off = _scale(table, "BACKSCAL", n) * _scale(table, "AREASCAL", n) * (time / livetime)
    if table.header.get("POISSERR") is False:
        # A background without Poisson errors is a model, scaled to the on region.
        values = counts * np.divide(acceptance, off, out=np.zeros(n), where=off != 0)
        return {"background": xr.Variable("energy", values, variable_attrs("background"))}
    values = {"counts_off": counts, "acceptance": acceptance, "acceptance_off": off}
    return {k: xr.Variable("energy", v, variable_attrs(k)) for k, v in values.items()}


def _name(header: dict[str, Any], path: Path) -> str:
    found = header.get("OBS_ID")
    return path.name.partition(".")[0] if found in (None, "") else str(found)


def _obs(header: dict[str, Any], livetime: float) -> dict[str, xr.Variable]:
    values: dict[str, Any] = {"obs_id": run_id(header.get("OBS_ID") or ""), "livetime": livetime}
    values["telescope"] = header.get("TELESCOP")
    return {
        name: xr.Variable("obs", [value], variable_attrs(name))
        for name, value in values.items()
        if value not in (None, "")
    }


def _ebounds(file: FitsFile, rmf: dict[str, Any] | None) -> Axis:
    if "EBOUNDS" in file:
        return read_bounds(file["EBOUNDS"].table, "E_MIN", "E_MAX", "energy")
    if rmf is not None and rmf["energy"] is not None:
        energy: Axis = rmf["energy"]
        return energy
    raise MissingDataError(
        f"Neither {file.path} nor its RMF has an HDU 'EBOUNDS': the channel energies are unknown."
    )


def group_channels(ds: xr.Dataset) -> xr.Dataset:
    """Merge the channels of a spectrum according to its variable ``grouping``.

    Counts and dispersion add up; acceptances are means; a group is safe if all its channels are.

    Parameters
    ----------
    ds : Dataset
        A spectrum from `read_ogip`.

    Returns
    -------
    ds : Dataset
        With fewer bins of ``energy``; the same where there is no ``grouping``.
    """
    if "grouping" not in ds:
        return ds
    starts = np.flatnonzero(ds["grouping"].values != -1)
    starts = starts if starts.size and starts[0] == 0 else np.append(0, starts)
    stops = np.append(starts[1:], ds.sizes["energy"]) - 1
    attrs = ds["energy"].attrs
    lo, hi = ds["energy_lo"].values[starts], ds["energy_hi"].values[stops]
    axis = Axis("energy", lo, hi, str(attrs["units"]), str(attrs["interp"]))
    size = stops - starts + 1
    data: dict[Any, xr.Variable] = {}
    for name in set(map(str, ds.data_vars)) - {"grouping", "quality"}:
        variable = ds.variables[name]
        if "energy" not in variable.dims:
            data[name] = variable
            continue
        along = variable.get_axis_num("energy")
        if variable.dtype == bool:
            values = np.logical_and.reduceat(variable.values, starts, axis=along)
        else:
            values = np.add.reduceat(variable.values, starts, axis=along)
        if name.startswith("acceptance"):
            values = values / size
        data[name] = xr.Variable(variable.dims, values, variable.attrs)
    kept = without_frame(ds.coords.variables)
    coords = {str(n): v for n, v in kept.items() if "energy" not in v.dims}
    frame = ds.variables["wcs"].attrs if "wcs" in ds.coords else None
    grouped = assemble({**coords, **axis.coords()}, data, frame)
    grouped.attrs = dict(ds.attrs)
    return grouped
