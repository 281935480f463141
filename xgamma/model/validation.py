"""The check of a dataset against the data model."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import choice
from xgamma.core.units import parse_unit
from xgamma.errors import AxisError, MissingDataError, UnitError, XGammaError
from xgamma.model import sky
from xgamma.model.axes import edges
from xgamma.model.sanity import issue_of_values
from xgamma.model.schema import (
    AXES,
    MODEL_VERSION,
    RECO,
    ROW,
    SPATIAL,
    VARIABLES,
    in_own_units,
    is_flux_points,
    issue_of_dims,
    issue_of_pixels,
)
from xgamma.model.stamp import issue_of_stamps

__all__ = ["validate_dataset"]


def _issues_of_points(ds: xr.Dataset) -> list[str]:
    """Return what is wrong with the variables of flux points."""
    found = []
    for name in ds.data_vars:
        key = str(name)
        if key.startswith(("dnde", "ref_dnde")):
            text = str(ds[key].attrs.get("units", ""))
            # Photons are counted, not measured: ph in a unit is one.
            unit = text.replace("photon", "").replace("ph", "").strip()
            unit = f"1 {unit}" if unit.startswith("/") else unit
            try:
                same = parse_unit(unit).is_equivalent(parse_unit("TeV-1 s-1 cm-2"))
            except XGammaError:
                same = False
            if not same:
                found.append(
                    f"{key} has the units {text!r}, but is a differential flux, in for example TeV-1 s-1 cm-2: set attrs['units']."
                )
        weights = key == "mask_fit" and ds[key].dtype.kind == "f"
        flags = key in ("is_ul", "success", "mask_safe", "mask_fit") and not weights
        if flags and ds[key].dtype != bool:
            found.append(f"{key} has dtype {ds[key].dtype}, but is a mask: use .astype(bool).")
        if key.endswith(("_err", "_errn", "_errp")) and bool((ds[key] < 0).any()):
            found.append(f"{key} has negative values, but errors cannot be negative.")
    if (
        "is_ul" in ds
        and bool(ds["is_ul"].any())
        and not any(n in ds for n in ("dnde_ul", "norm_ul"))
    ):
        found.append("is_ul flags upper limits, but there is no dnde_ul: add it.")
    return found


def _issues_of_axes(ds: xr.Dataset) -> list[str]:
    found = []
    for dim in AXES:
        if dim not in ds.dims and dim not in ds.coords:
            continue
        try:
            edges(ds, dim)
        except (AxisError, MissingDataError) as error:
            found.append(str(error))
            continue
        units = str(ds[dim].attrs.get("units", ""))
        try:
            parse_unit(units)
        except XGammaError as error:
            found.append(f"The axis {dim!r}: {error}")
        found += _issues_of_edges(ds, dim, units)
    return found


def _issues_of_edges(ds: xr.Dataset, dim: str, units: str) -> list[str]:
    """Return where edges are not those of the labels: in another unit, or not around them."""
    low, high = ds[f"{dim}_lo"], ds[f"{dim}_hi"]
    found = [
        f"{edge.name} has the units {edge.attrs['units']!r}, the axis {dim!r} {units!r}: set attrs['units']."
        for edge in (low, high)
        if units and str(edge.attrs.get("units", units)) != units
    ]
    at, slack = ds[dim].values, 1e-6 * (high.values - low.values)
    if not np.all((low.values - slack <= at) & (at <= high.values + slack)):
        found.append(
            f"Labels of the axis {dim!r} lie outside their bins: create the axis again with xg.energy_axis or a related function."
        )
    return found


def _issues_of_variable(ds: xr.Dataset, name: str) -> list[str]:
    spec, variable = VARIABLES[name], ds.variables[name]
    issue = issue_of_dims(ds, name)
    found = [] if issue is None else [issue]
    if spec.dtype == "number" and variable.dtype.kind not in "iuf":
        found.append(f"{name} has dtype {variable.dtype}, but must be numeric: convert it.")
    if spec.units:
        text = str(variable.attrs.get("units", ""))
        try:
            if not parse_unit(text).is_equivalent(parse_unit(spec.units)):
                found.append(
                    f"{name} has the units {text!r}, but is a quantity in {spec.units!r}: set attrs['units']."
                )
        except XGammaError as error:
            found.append(f"{name}: {error}")
    return found


def _issues_of_frame(ds: xr.Dataset) -> list[str]:
    spatial = [d for d in SPATIAL if d in ds.dims]
    if not spatial:
        return []
    if "wcs" not in ds.coords:
        return [
            "There is no coordinate 'wcs', and hence no sky frame: create maps with xg.create_map."
        ]
    if "wcs" not in ds.xindexes:
        return [
            "The coordinate 'wcs' has no FrameIndex: open files with xg.open, or call xgamma.model.frame.set_frame(ds)."
        ]
    found = [
        f"The dimension {d!r} has no pixel labels: keep the coordinate {d!r} when you rebuild a map."
        for d in spatial
        if d not in ds.coords
    ]
    issues = (*(issue_of_pixels(ds, d) for d in spatial), issue_of_stamps(ds))
    return found + [issue for issue in issues if issue is not None]


def _used(ds: xr.Dataset, name: str) -> np.ndarray | None:
    """Return where the values of a variable count, in its dims; everywhere is None."""
    spec, variable = VARIABLES[name], ds.variables[name]
    used: Any = None
    if spec.dims == RECO:
        used = ds.get("mask_safe")
    elif name == "exposure":
        used = ds.get("mask_safe")
        if used is not None:
            used = used.any([d for d in used.dims if d not in variable.dims])
        if {"y", "x"} <= set(variable.dims) and "wcs" in ds.coords:
            on_sky = xr.DataArray(np.isfinite(sky.pixel_solid_angle(ds)), dims=("y", "x"))
            used = on_sky if used is None else on_sky & used.drop_vars(list(used.coords))
    elif f"{name}_exposure" in ds:
        used = ds[f"{name}_exposure"] > 0
    if used is None:
        return None
    sizes = {str(d): n for d, n in variable.sizes.items()}
    return np.asarray(used.variable.set_dims(sizes).transpose(*variable.dims).data)


def _issues_of_values(ds: xr.Dataset) -> list[str]:
    """Return which values cannot be: under the safe mask, on the sky, where there is exposure."""
    found = []
    try:
        ds = in_own_units(ds)
    except UnitError as error:
        return [str(error)]
    for name in map(str, ds.data_vars):
        spec = VARIABLES.get(name)
        if spec is None or spec.dtype != "number" or spec.dims == ROW:
            continue
        values = np.asarray(ds.variables[name].data)
        # Where they count is asked only when something is wrong somewhere.
        if issue_of_values(name, values) is None:
            continue
        issue = issue_of_values(name, values, _used(ds, name))
        if issue is not None:
            found.append(f"{issue}: exclude these bins in mask_safe, or correct them.")
    if "gti_start" in ds and "gti_stop" in ds:
        start, stop = (ds.variables[n].values for n in ("gti_start", "gti_stop"))
        if not (stop >= start).all():
            found.append(
                "A good time interval is NaN or ends before it starts: correct gti_start and gti_stop."
            )
    return found


def validate_dataset(ds: xr.Dataset, errors: str = "raise", values: bool = True) -> list[str]:
    """Check a dataset against the data model; `xgamma.validate` takes observations too.

    Parameters
    ----------
    ds : Dataset
        A dataset.
    errors, values
        As of `xgamma.validate`.

    Returns
    -------
    issues : list of str
        Sentences that name the variable and the remedy; empty if there are no issues.

    Examples
    --------
    >>> from xgamma.model.make_axes import energy_axis
    >>> from xgamma.model.create import create_map
    >>> validate_dataset(create_map((83.6, 22.0), "5 deg", "0.1 deg", energy_axis(1, 10, 5)))
    []
    """
    choice(errors, "errors", ("raise", "return"))
    points = is_flux_points(ds)
    # Bins of points may have gaps, and their counts are of several datasets.
    found = _issues_of_points(ds) if points else _issues_of_frame(ds) + _issues_of_axes(ds)
    for name in ds.variables:
        if name in VARIABLES and not points:
            found += _issues_of_variable(ds, str(name))
    if values and not found:
        found += _issues_of_values(ds)
    version = ds.attrs.get("model_version", MODEL_VERSION)
    if int(version) > MODEL_VERSION:
        found.append(
            f"The dataset follows data model {version}, newer than the supported {MODEL_VERSION}: update xgamma."
        )
    if found and errors == "raise":
        raise XGammaError("This dataset does not follow the data model:\n- " + "\n- ".join(found))
    return found
