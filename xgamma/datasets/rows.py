"""The rows of stacked runs and the union of their good time intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.units import conversion, time_value
from xgamma.datasets.onoff import background_values, is_onoff, safe
from xgamma.datasets.placing import row_blocks, rows_first
from xgamma.errors import MissingDataError
from xgamma.fits.keywords import run_ids
from xgamma.model.schema import ONOFF, VARIABLES, variable_attrs
from xgamma.numerics.intervals import union_of_intervals

__all__ = [
    "good_times",
    "join_gtis",
    "join_rows",
    "row_of",
    "row_sums",
    "seconds_between",
    "sum_of_pixels",
]

OBS_VARIABLES = tuple(v.name for v in VARIABLES.values() if v.dims[:1] == ("obs",))
Row = dict[str, tuple[np.ndarray, dict[str, Any]]]


def row_of(ds: xr.Dataset, reference: str, sums: Mapping[str, np.ndarray] | None = None) -> Row:
    """Return the records of a dataset's runs, with times since one reference, and its sums.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    reference : str
        Reference time, ISO, TT.
    sums : mapping of str to ndarray, optional
        Its safe counts and background at each energy, where they are known.

    Returns
    -------
    row : dict of str to (ndarray, dict)
        Values, dims ``(obs, ...)``, and attributes; empty for a dataset without runs.
    """
    row: Row = {}
    # Files bring rows of their own (obs_mode, …) beside those of the data model.
    variables, coords = ds.variables, set(ds.coords)
    extra = [
        str(name)
        for name, variable in variables.items()
        if "obs" in variable.dims and name not in OBS_VARIABLES and name not in coords
    ]
    for name in (*OBS_VARIABLES, *extra):
        variable = variables.get(name)
        if variable is not None and "obs" in variable.dims:
            attrs = dict(variable.attrs)
            values = np.asarray(
                (variable if variable.ndim == 1 else variable.transpose("obs", ...)).values
            )
            if name.startswith("time"):
                values = values + seconds_between(attrs.get("reference_time"), reference)
                attrs["reference_time"] = reference
            row[name] = (values, attrs)
    if sums is None:
        return row | row_sums(ds)
    if ds.sizes.get("obs") != 1 or "counts" not in sums:
        return row
    named = {f"{name}_sum": values[np.newaxis] for name, values in sums.items()}
    return row | {key: (values, variable_attrs(key)) for key, values in named.items()}


def row_sums(ds: xr.Dataset) -> Row:
    """Return counts and background of one run, summed over its safe pixels, as a row of `obs`."""
    if ds.sizes.get("obs") != 1 or "counts" not in ds:
        return {}
    names = {"counts_sum": "counts"}
    if not is_onoff(ds):
        names["background_sum"] = "background"
    elif "counts_off" in ds:
        names["counts_off_sum"] = "counts_off"
    # Spatial dims first, where the makers leave them contiguous.
    dims = (*(d for d in ("y", "x") if d in ds.dims), "energy")
    mask = np.asarray(safe(ds).transpose(*dims).data)
    arrays = {
        key: rows_first(ds, name, dims) for key, name in names.items() if name in ds.variables
    }
    if all(name in ds for name in ONOFF):
        arrays["background_sum"] = np.moveaxis(background_values(ds), 0, -1)
    return {
        key: (_sum_under(values, mask)[np.newaxis], variable_attrs(key))
        for key, values in arrays.items()
    }


def _sum_under(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the sum of values under a mask over all axes but the last, float64."""
    if values.ndim > 2:
        total = np.zeros(values.shape[-1])
        for rows in row_blocks(values):
            total += sum_of_pixels(_finite_under(values[rows], mask[rows]))
        return total
    masked = _finite_under(values, mask).astype(float, copy=False)
    return masked if masked.ndim == 1 else masked.sum(axis=0)


def sum_of_pixels(values: np.ndarray) -> np.ndarray:
    """Return the sum over all axes but the last, float64."""
    if values.ndim < 2:
        return values.astype(float, copy=False)
    # One axis after the other: numpy sums long rows several times faster than short ones.
    lines: np.ndarray = values.reshape(values.shape[0], -1).sum(axis=0, dtype=float)
    total: np.ndarray = lines.reshape(-1, values.shape[-1]).sum(axis=0)
    return total


def _finite_under(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return values where a mask is True and they are finite, zero elsewhere."""
    finite = values.dtype.kind in "iub" or np.isfinite(values).all()
    return values * mask if finite else np.where(mask & np.isfinite(values), values, 0)


def seconds_between(source: str | None, target: str) -> float:
    """Return the offset in seconds between two reference times."""
    if source is None or str(source) == target:
        return 0.0
    return float((time_value(str(source)).tt - time_value(target).tt).sec)


def join_rows(rows: list[Row]) -> dict[str, xr.Variable]:
    """Return the concatenated rows of all inputs; missing values are blank or NaN."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    sizes = [next(iter(row.values()))[0].shape[0] for row in rows]
    out = {}
    for name in names:
        attrs = next(row[name][1] for row in rows if name in row)
        some = next(row[name][0] for row in rows if name in row)
        blank: Any = "" if some.dtype.kind in "UO" else np.nan
        parts = [
            row[name][0] if name in row else np.full((size, *some.shape[1:]), blank)
            for row, size in zip(rows, sizes, strict=True)
        ]
        dims = VARIABLES[name].dims if name in VARIABLES else ("obs",)
        dims = (*dims, *(f"{name}_{i}" for i in range(len(dims), some.ndim)))[: some.ndim]
        values = np.concatenate(parts)
        if name == "obs_id" and values.dtype.kind in "UO":
            # Runs of files that write numbers as text are the runs of those that do not.
            values = np.array(run_ids(values))
        out[name] = xr.Variable(dims, values, attrs)
    return out


def good_times(ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the union of the good time intervals of a dataset, seconds since its reference.

    Parameters
    ----------
    ds : Dataset
        With ``gti_start`` and ``gti_stop``.

    Returns
    -------
    start, stop : ndarray
        Sorted and disjoint: time that two intervals share counts once.
    """
    ends = gti_variables(ds)
    if ends is None:
        raise MissingDataError(
            f"The dataset {ds.attrs.get('name', '')!r} has no good time intervals: add gti_start and gti_stop."
        )
    return union_of_intervals(*(_in_seconds(end) for end in ends))


def gti_variables(ds: xr.Dataset) -> tuple[xr.Variable, xr.Variable] | None:
    """Return ``gti_start`` and ``gti_stop``, None for a dataset without good time.

    Raises
    ------
    MissingDataError
        If it has one of the two.
    """
    start, stop = (ds.variables.get(name) for name in ("gti_start", "gti_stop"))
    if start is None and stop is None:
        return None
    if start is None or stop is None:
        there, lost = ("gti_start", "gti_stop") if stop is None else ("gti_stop", "gti_start")
        raise MissingDataError(
            f"The dataset {ds.attrs.get('name', '')!r} has {there} but no {lost}, so its good time is "
            f"unknown: restore {lost}, or drop {there} too."
        )
    return start, stop


def _in_seconds(times: xr.Variable) -> np.ndarray:
    unit = str(times.attrs.get("units") or "s")
    return np.atleast_1d(times.values).astype(float) * conversion(unit, "s")


def join_gtis(gtis: list[tuple[np.ndarray, np.ndarray]], reference: str) -> dict[str, xr.Variable]:
    """Return the union of all good time intervals as variables."""
    start = np.concatenate([g[0] for g in gtis]) if gtis else np.empty(0)
    stop = np.concatenate([g[1] for g in gtis]) if gtis else np.empty(0)
    start, stop = union_of_intervals(start, stop)
    attrs = {"reference_time": reference}
    return {
        "gti_start": xr.Variable("gti", start, variable_attrs("gti_start", **attrs)),
        "gti_stop": xr.Variable("gti", stop, variable_attrs("gti_stop", **attrs)),
    }
