"""A response as labels: its values in a known order, and its axes as interpolation grids."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.units import conversion, to_value
from xgamma.errors import MissingDataError, XGammaError, warn
from xgamma.irf.registry import rule_of
from xgamma.model.dimensions import unit_of
from xgamma.model.responses import sound_coords
from xgamma.model.sanity import issue_of_values, issue_of_zeros
from xgamma.numerics.interpolation import Axis, apply_weights
from xgamma.typing import QuantityLike

__all__ = ["evaluate", "grid_axis", "values_of"]


def grid_axis(ds: xr.Dataset, dim: str) -> Axis:
    """Return one axis of a response as an interpolation grid, in TeV or degrees."""
    coords = sound_coords(ds, dim)
    factor = conversion(str(coords[dim].attrs.get("units", "")), unit_of(dim))
    nodes = np.atleast_1d(coords[dim].values).astype(float) * factor
    log = coords[dim].attrs.get("interp", "lin") == "log"
    low = float(np.atleast_1d(coords[f"{dim}_lo"].values)[0]) * factor
    high = float(np.atleast_1d(coords[f"{dim}_hi"].values)[-1]) * factor
    if high <= nodes[-1] and nodes.size > 1:
        # Some files give points, not bins (LO equals HI): the range then reaches half a step
        # beyond the outermost points.
        low, high = _half_steps_out(nodes, log)
    return Axis(nodes, low, high, log)


def _half_steps_out(nodes: np.ndarray, log: bool) -> tuple[float, float]:
    """Return the range that points stand for: half a step beyond the outermost ones."""
    scaled = np.log(nodes) if log else nodes
    low = scaled[0] - 0.5 * (scaled[1] - scaled[0])
    high = scaled[-1] + 0.5 * (scaled[-1] - scaled[-2])
    return (float(np.exp(low)), float(np.exp(high))) if log else (float(low), float(high))


def values_of(
    ds: xr.Dataset, name: str, dims: tuple[str, ...], unit: str | None = None
) -> np.ndarray:
    """Return the values of a response variable in the order of `dims`.

    Parameters
    ----------
    ds : Dataset
        A response.
    name : str
        Variable.
    dims : tuple of str
        Wanted order; all dimensions of the variable.
    unit : str, optional
        Unit to convert to.

    Returns
    -------
    values : ndarray
        float64.

    Raises
    ------
    MissingDataError
        If the variable is not there.
    XGammaError
        If a value is not finite, or negative where it cannot be.

    Warns
    -----
    XGammaWarning
        If all values are zero where that cannot be.
    """
    if name not in ds.variables:
        raise MissingDataError(
            f"The response {ds.attrs.get('EXTNAME', name)!r} has no column {name.upper()!r}: it has {', '.join(str(v) for v in ds.data_vars)}."
        )
    variable = ds.variables[name]
    ordered = variable if variable.dims == dims else variable.transpose(*dims)
    values = np.asarray(ordered.values, dtype=float)
    if unit is not None:
        values = values * conversion(str(variable.attrs.get("units", "")), unit)
    hdu = f"{name.upper()!r} in the HDU {ds.attrs.get('EXTNAME', name)!r}"
    rule = rule_of(ds, name)
    issue = issue_of_values(name, values, label=hdu, rule=rule)
    if issue is not None:
        raise XGammaError(
            f"Run {ds.attrs.get('OBS_ID', '')}: {issue}: leave the run out, or replace them, for example with obs['{name}'].ds.fillna(0) or clip(min=0)."
        )
    empty = issue_of_zeros(name, values, hdu, rule)
    if empty is not None:
        source = ds.encoding.get("source")
        warn(
            f"Run {ds.attrs.get('OBS_ID', '')}: {empty}{f' ({source})' if source else ''}: results based on this response are meaningless; leave the run out, or replace the response."
        )
    return values


def evaluate(ds: xr.Dataset, name: str | None = None, **coords: QuantityLike) -> xr.DataArray:
    """Interpolate a response along its axes, each in its own scale.

    Parameters
    ----------
    ds : Dataset
        A response: ``obs["aeff"].dataset`` and its siblings.
    name : str, optional
        Variable. By default, the only one.
    **coords : Quantity, str, or array_like
        Where to evaluate, by axis: scalars drop the axis, 1-D values replace it. Axes not
        named stay. Plain numbers are in TeV and degrees.

    Returns
    -------
    values : DataArray
        Linear between bin centres (logarithmic in energy), extrapolated through the outer
        half bins, zero beyond the edges, never negative.

    Raises
    ------
    MissingDataError
        If the response has no such variable or axis.
    """
    variable = name or str(next(iter(ds.data_vars)))
    array = ds[variable]
    dims = tuple(str(d) for d in array.dims)
    unknown = set(coords) - set(dims)
    if unknown:
        raise MissingDataError(
            f"{variable!r} has no axis {sorted(unknown)[0]!r}: it has {', '.join(dims)}."
        )
    values = values_of(ds, variable, dims)
    out_coords: dict[str, Any] = {}
    keep: list[str] = []
    for number, dim in enumerate(dims):
        if dim not in coords:
            out_coords[dim] = array.coords[dim]
            keep.append(dim)
            continue
        at = np.asarray(to_value(coords[dim], unit_of(dim), dim))
        weights = grid_axis(ds, dim).weights(np.atleast_1d(at))
        values = apply_weights(values, weights, number)
        attrs = {**array.coords[dim].attrs, "units": unit_of(dim)}
        if at.ndim:
            out_coords[dim] = (dim, at, attrs)
            keep.append(dim)
        else:
            out_coords[dim] = ((), float(at), attrs)
    shape = [n for n, d in zip(values.shape, dims, strict=True) if d in keep]
    return xr.DataArray(
        np.maximum(values, 0.0).reshape(shape),
        dims=keep,
        coords=out_coords,
        name=variable,
        attrs=array.attrs,
    )
