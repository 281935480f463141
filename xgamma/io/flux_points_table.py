"""Tables of flux points: a row an energy, an interval of time, or a region of a profile.

Format: https://gamma-astro-data-formats.readthedocs.io, "Flux points", and the generalisations in
which gammapy writes light curves (``time_min``, ``time_max``) and flux profiles (``x_ref``): there
a cell holds all energies, and behind them the norms of likelihood profiles, or the datasets.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from astropy import units as u
from astropy.table import Table
from astropy.time import Time

from xgamma.core.units import conversion, parse_unit
from xgamma.errors import AxisError, MissingDataError, XGammaError
from xgamma.fits.times import MissionTime
from xgamma.io.flux_points_checks import BY_DATASET, OLD_NAMES
from xgamma.model.axes import bounds_between

__all__ = ["TYPES", "from_table", "to_table"]

TYPES = ("dnde", "e2dnde", "flux", "eflux")
ENERGIES = {"e_ref": "energy", "e_min": "energy_lo", "e_max": "energy_hi"}
DISTANCES = {"x_ref": "distance", "x_min": "distance_lo", "x_max": "distance_hi"}
TIMES = ("time_min", "time_max")
# What all quantities of one kind begin with.
FAMILY = re.compile(r"(ref_)?(dnde|e2dnde|flux|eflux|norm)(_.*)?$")
SCANS = ("norm_scan", "stat_scan")
ROWS = ("time", "region")
HELD = {*ROWS, "energy", "norm_scan", "dataset", "gti"}
DAY_NS = 86_400_000_000_000


def from_table(table: Table, path: Path) -> xr.Dataset:
    """Return a table as a dataset, its columns as they are.

    Parameters
    ----------
    table : Table
        Flux points, a light curve or a flux profile.
    path : Path
        Where it is from, for messages.

    Returns
    -------
    points : Dataset
        Dim ``energy``, before it ``time`` or ``region``; behind it ``norm_scan`` or ``dataset``.
    """
    names = set(table.colnames)
    if "time_bin_start" in names:
        raise XGammaError(
            f"'{path}' is a light curve of one band without its energies: write it with "
            'format="lightcurve" in gammapy.'
        )
    row = "time" if "time_min" in names else "region" if {"x_ref", "x_min"} & names else None
    if row == "time" and "time_max" not in names:
        raise MissingDataError(f"'{path}' has a column time_min, but no time_max.")
    flat = all(table[c].ndim == 1 for c in ENERGIES if c in names)
    data: dict[str, Any] = {}
    for name in table.colnames:
        if name not in TIMES:
            key = {**ENERGIES, **(DISTANCES if row else {}), **OLD_NAMES}.get(name, name)
            data[key] = variable(table[name], key, row, flat)
    old_statistic(data, names)
    energies(data, row, path)
    norms(data)
    coords = {
        name: data.pop(name)
        for name in (
            *ENERGIES.values(),
            "norm_scan",
            *(DISTANCES.values() if row else ()),
            *(("region", "lon", "lat") if row == "region" else ()),
        )
        if name in data
    }
    coords |= times(table, path) if row == "time" else {}
    try:
        ds = xr.Dataset(data, coords)
    except ValueError:
        raise XGammaError(
            f"The columns of '{path}' have different numbers of energies, norms or datasets: "
            "the table is damaged."
        ) from None
    return ds.assign_attrs(time_scale="tt") if row == "time" else ds


def variable(column: Any, key: str, row: str | None, flat: bool) -> xr.Variable:
    """Return a column with its dims and unit."""
    values = np.ma.filled(column, np.nan) if column.dtype.kind == "f" else np.asarray(column)
    if values.dtype.kind in "OSU" and key in ("is_ul", "success"):
        values = np.char.lower(values.astype(str)) == "true"
    values = values.astype(values.dtype.newbyteorder("="))
    if key in ("mask_fit", "mask_safe") and values.size == len(values):
        values = values.reshape(-1).astype(bool)  # gammapy has images of one pixel.
    alone = key in (*DISTANCES.values(), "region", "lon", "lat")
    if row and flat and values.ndim == 1 and not alone:
        values = values[:, np.newaxis]
    dims: tuple[str, ...] = (row, "energy") if row else ("energy",)
    if values.ndim == len(dims) + 1:
        if row and key not in SCANS and values.shape[-1] == 1:
            values = values[..., 0]
        else:
            dims = (*dims, "norm_scan" if key in SCANS else "dataset")
    dims = (*dims, *(f"{key}_{i}" for i in range(len(dims), values.ndim)))[: values.ndim]
    if values.dtype.kind in "bUSO":
        return xr.Variable(dims, values)
    default = "TeV" if key.startswith("energy") else "deg" if key in DISTANCES.values() else ""
    return xr.Variable(dims, values, {"units": unit_text(column.unit) or default})


def unit_text(unit: object) -> str:
    """Return a unit without photons: they are counted, not measured."""
    if unit is None:
        return ""
    text = str(unit)
    for photon in ("photon", "ph"):
        text = text.replace(photon, "1") if text.strip().startswith(photon) else text
    return str(parse_unit(text).to_string())


def energies(data: dict[str, Any], row: str | None, path: Path) -> None:
    """Make the energies an axis: they must be those of all rows."""
    for name in ENERGIES.values():
        if row and name in data:
            found = data[name].values
            if not np.array_equal(found, np.broadcast_to(found[:1], found.shape)):
                raise XGammaError(
                    f"The energies of '{path}' differ between rows and have no common axis: "
                    "split the table into one for each axis."
                )
            data[name] = xr.Variable("energy", found[0], data[name].attrs)
    if len({"energy_lo", "energy_hi"} & set(data)) == 1:
        there, lost = ("e_min", "e_max") if "energy_lo" in data else ("e_max", "e_min")
        raise MissingDataError(f"'{path}' has a column {there}, but no {lost}.")
    if "energy" not in data:
        if not {"energy_lo", "energy_hi"} <= set(data):
            raise MissingDataError(f"'{path}' has neither e_ref nor e_min and e_max.")
        low, high = data["energy_lo"], data["energy_hi"]
        data["energy"] = xr.Variable("energy", np.sqrt(low.values * high.values), low.attrs)
    attrs = {"interp": "log", "long_name": "reference energy"}
    data["energy"] = data["energy"].copy()
    data["energy"].attrs |= attrs


def old_statistic(data: dict[str, Any], names: set[str]) -> None:
    """Turn log-likelihoods of version 0.1 into -2 ln L; some writers leave out their sign."""
    if "dloglike_scan" in names:
        # Its largest value, at the best norm, is zero.
        sign = -1 if np.nanmedian(data["stat_scan"].values) <= 0 else 1
        data["stat_scan"] = 2 * sign * data["stat_scan"]
    if "loglike" in names:
        better = data["stat"].values - data["stat_null"].values if "loglike_null" in names else 0
        sign = -1 if np.nanmedian(better) >= 0 else 1
        for old in ("loglike", "loglike_null"):
            if old in names:
                data[OLD_NAMES[old]] = 2 * sign * data[OLD_NAMES[old]]


def norms(data: dict[str, Any]) -> None:
    """Make the norms of the profiles an axis, if they are those of all points."""
    scan = data.pop("norm_scan", None)
    if scan is None:
        return
    each = scan.values.reshape(-1, scan.shape[-1])
    if scan.ndim > 1 and np.all(each == each[:1]):
        data["norm_scan"] = xr.Variable("norm_scan", each[0])
    else:
        data["norm_values"] = scan


def times(table: Table, path: Path) -> dict[str, Any]:
    """Return the intervals of a light curve, TT, and their middles."""
    edges = [in_tt(np.asarray(table[c], dtype=float), table.meta, c, path) for c in TIMES]
    low, high = edges
    middle = low + (high - low) / 2
    return {"time": middle, "time_lo": ("time", low), "time_hi": ("time", high)}


def in_tt(values: np.ndarray, meta: Any, name: str, path: Path) -> np.ndarray:
    """Return times of a column as TT: MJD in UTC where the header says nothing, as in gammapy."""
    if not np.isfinite(values).all():
        raise XGammaError(f"The column {name} of '{path}' contains times that are not finite.")
    header = {"MJDREFI": 0, "MJDREFF": 0.0, "TIMESYS": "utc", **dict(meta)}
    reference = MissionTime.from_header(header, f"'{path}'")
    assert reference is not None
    days = conversion(str(header.get("TIMEUNIT", "d")), "d")
    if days == 1 or reference.timesys != "utc":
        # Whole days apart, so that no digit of the fraction is lost.
        span = values * days
        whole = np.floor(span)
        mjd = (reference.mjdrefi + whole, reference.mjdreff + (span - whole))
        time = Time(*mjd, format="mjd", scale=reference.timesys)
    else:
        time = reference.reference + values * days * u.d
    return np.asarray(time.tt.datetime64.astype("datetime64[ns]"))


def to_table(points: xr.Dataset, sed_type: str) -> Table:
    """Return flux points as a table that gammapy reads.

    Parameters
    ----------
    points : Dataset
        Flux points, a light curve or a flux profile.
    sed_type : str
        What the table holds.

    Raises
    ------
    AxisError
        If the points have a dimension that such a table does not hold.
    MissingDataError
        If the points do not have what the type requires.
    """
    row = row_of(points)
    main = (row, "energy") if row else ("energy",)
    table = Table(meta={"SED_TYPE": sed_type})
    if "n_sigma_ul" in points.attrs:
        table.meta["UL_CONF"] = math.erf(float(points.attrs["n_sigma_ul"]) / math.sqrt(2))
    if row == "time":
        add_times(table, points)
    elif row == "region":
        add_regions(table, points)
    for column, name in ENERGIES.items():
        if name in points.coords:
            unit = str(points[name].attrs.get("units", "TeV"))
            shape = tuple(points.sizes.get(d, 1) for d in main)
            add(table, column, np.broadcast_to(points[name].values, shape), unit)
    for name in chosen_names(points, sed_type):
        array = points[name]
        dims = (*main, *(d for d in array.dims if d not in main))
        rest = [d for d in dims[len(main) :] if d not in ("norm_scan", "dataset")]
        lacking = [d for d in main if d not in array.dims and d in points.dims]
        if rest or (lacking and array.dims != (row,)):
            raise AxisError(
                f"The variable {name!r} over {array.dims} cannot be stored in a table of flux "
                "points: drop it with drop_vars, or write NetCDF."
            )
        if not lacking:
            array = array.expand_dims([d for d in main if d not in array.dims]).transpose(*dims)
        values = array.values
        if name in BY_DATASET and "dataset" not in dims:
            values = values[..., np.newaxis]
        add(table, name, values, str(array.attrs.get("units", "")))
    add_norms(table, points, main)
    return table


def row_of(points: xr.Dataset) -> str | None:
    """Return what a row is beside energies; raise if there is no table of such dims."""
    odd = [str(d) for d in points.dims if d not in HELD]
    rows = [name for name in ROWS if name in points.dims]
    if odd or len(rows) > 1:
        raise AxisError(
            f"The flux points have the dimension {(odd or rows)[-1]!r}, which cannot be stored "
            "in a table of flux points: select one with isel, or use points.to_netcdf()."
        )
    if "energy" not in points.coords:
        raise AxisError("Flux points must have the coordinate 'energy' (reference energies).")
    return rows[0] if rows else None


def chosen_names(points: xr.Dataset, sed_type: str) -> list[str]:
    """Return which variables a type takes: its own, and those of no type."""
    own = "norm" if sed_type == "likelihood" else sed_type
    for name in (own, *(("ref_dnde",) if own == "norm" else ())):
        if name not in points:
            raise MissingDataError(f"The flux points have no {name!r}: choose another sed_type.")
    references, values, others = [], [], []
    for name in map(str, points.data_vars):
        family = FAMILY.match(name)
        if name in ("gti_start", "gti_stop", "norm_values", "norm_scan", "stat_scan"):
            continue
        if family is None:
            others.append(name)
        elif family[1]:
            # Without its reference a likelihood profile would mean nothing.
            profile = family[2] in ("dnde", own) and "stat_scan" in points
            references += [name] if own == "norm" or profile else []
        elif family[2] == own:
            values.append(name)
    scan = ["stat_scan"] if "stat_scan" in points else []
    return references + values + others + scan


def add(table: Table, name: str, values: np.ndarray, unit: str) -> None:
    """Add a column."""
    table[name] = values
    if values.dtype.kind == "f":
        table[name].unit = parse_unit(unit)


def add_times(table: Table, points: xr.Dataset) -> None:
    """Add the intervals of a light curve: days since the midnight before the first."""
    if not {"time_lo", "time_hi"} <= set(points.coords):
        raise MissingDataError(
            "The light curve has no 'time_lo' and 'time_hi': add the intervals with assign_coords."
        )
    edges = [points[n].values.astype("datetime64[ns]") for n in ("time_lo", "time_hi")]
    first = edges[0].min().astype("datetime64[D]")
    table.meta |= {
        "MJDREFI": int(first.astype(int)) + 40587,
        "MJDREFF": 0.0,
        "TIMESYS": "tt",
        "TIMEUNIT": "d",
    }
    for name, edge in zip(TIMES, edges, strict=True):
        add(table, name, (edge - first).astype("int64") / DAY_NS, "d")


def add_regions(table: Table, points: xr.Dataset) -> None:
    """Add the distances of a flux profile, and its regions."""
    if "distance" not in points.coords:
        raise MissingDataError(
            "The flux profile has no 'distance': add that of each region with assign_coords."
        )
    middle = np.asarray(points["distance"].values, dtype=float)
    low = high = middle
    if {"distance_lo", "distance_hi"} <= set(points.coords):
        low, high = points["distance_lo"].values, points["distance_hi"].values
    elif middle.size > 1 and np.all(np.diff(middle) > 0):
        low, high = bounds_between(middle, "lin")
    unit = str(points["distance"].attrs.get("units", "deg"))
    for name, values in zip(("x_min", "x_max", "x_ref"), (low, high, middle), strict=True):
        add(table, name, np.asarray(values, dtype=float), unit)
    for name in ("region", "lon", "lat"):
        if name in points.coords:
            add(table, name, points[name].values, str(points[name].attrs.get("units", "")))


def add_norms(table: Table, points: xr.Dataset, main: tuple[str, ...]) -> None:
    """Add the norms of likelihood profiles, to each point."""
    if "norm_scan" not in points.dims:
        return
    name = "norm_values" if "norm_values" in points else "norm_scan"
    if name not in points.variables:
        raise MissingDataError(
            "The likelihood profiles have no 'norm_scan', the norms at which they were computed."
        )
    shape = tuple(points.sizes.get(d, 1) for d in (*main, "norm_scan"))
    array = points[name].transpose(*[d for d in (*main, "norm_scan") if d in points[name].dims])
    add(table, "norm_scan", np.broadcast_to(array.values, shape).copy(), "")
