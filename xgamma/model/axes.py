"""Axes: centres are labels, edges are two coordinates.

An axis named ``energy`` is a 1-D coordinate of bin centres with ``units``,
``interp`` and ``long_name``, and beside it ``energy_lo`` and ``energy_hi``, the
edges of each bin, so that slicing, concatenating and writing keep them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.units import conversion
from xgamma.errors import AxisError
from xgamma.model.dimensions import long_name_of
from xgamma.model.sanity import issue_of_bins

__all__ = ["edges", "same_axis"]

# Edges agree when they differ by less than this fraction of their bin.
TOLERANCE = 1e-6
# The attribute ``node_type`` of an axis whose labels are nodes, not the middles of bins.
NODE = "center"


def bounds_between(centers: np.ndarray, interp: str) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds halfway between nodes, the outer ones by continuing the step."""
    log = interp == "log" and bool(np.all(centers > 0))
    nodes = np.log(centers) if log else centers
    if nodes.size == 1:
        step = np.log(10.0) if log else 1.0
        mid = np.array([nodes[0] - step / 2, nodes[0] + step / 2])
    else:
        inner = 0.5 * (nodes[1:] + nodes[:-1])
        mid = np.concatenate([[1.5 * nodes[0] - 0.5 * nodes[1]], inner])
        mid = np.append(mid, 1.5 * nodes[-1] - 0.5 * nodes[-2])
    bounds = np.exp(mid) if log else mid
    return bounds[:-1], bounds[1:]


def axis_coords_from_bounds(
    lo: np.ndarray, hi: np.ndarray, name: str, units: str, interp: str
) -> dict[str, Any]:
    """Return the three coordinates of an axis from lower and upper bin bounds.

    Parameters
    ----------
    lo, hi : ndarray
        Bin bounds, shape (n,).
    name : str
        Dimension name.
    units, interp : str
        Unit and scale (``"log"`` or ``"lin"``).

    Returns
    -------
    coords : dict
        ``{name, name_lo, name_hi}`` as ``(dim, values, attrs)`` tuples.
    """
    center = np.sqrt(lo * hi) if interp == "log" and np.all(lo > 0) else 0.5 * (lo + hi)
    return coords_of_bins(center, lo, hi, name, units, interp)


def coords_of_bins(
    center: np.ndarray, lo: np.ndarray, hi: np.ndarray, name: str, units: str, interp: str
) -> dict[str, Any]:
    """Return the three coordinates of an axis; see `axis_coords_from_bounds`."""
    long_name = long_name_of(name)
    return {
        name: (name, center, {"units": units, "interp": interp, "long_name": long_name}),
        f"{name}_lo": (name, lo, {"units": units, "long_name": f"lower edge of {long_name}"}),
        f"{name}_hi": (name, hi, {"units": units, "long_name": f"upper edge of {long_name}"}),
    }


def coords_from_edges(
    edge_values: np.ndarray, name: str, units: str, interp: str
) -> dict[str, Any]:
    """Return the three coordinates of an axis from its n+1 edges.

    Parameters
    ----------
    edge_values : ndarray
        Edges, shape (n + 1,).
    name, units, interp : str
        Dimension name, unit and scale.

    Returns
    -------
    coords : dict
        Centre, lower and upper edges, as returned by `axis_coords_from_bounds`.

    Examples
    --------
    >>> sorted(coords_from_edges(np.array([1.0, 4.0]), "energy", "TeV", "log"))
    ['energy', 'energy_hi', 'energy_lo']
    """
    values = np.asarray(edge_values, dtype=float)
    return axis_coords_from_bounds(values[:-1].copy(), values[1:].copy(), name, units, interp)


def coord_variable(obj: xr.Dataset | xr.DataArray, name: str) -> xr.Variable:
    """Return a coordinate as a bare variable, without the cost of a DataArray around it."""
    return obj.variables[name] if isinstance(obj, xr.Dataset) else obj.coords.variables[name]


def axis_coords(axis: xr.DataArray | xr.Dataset, dim: str | None = None) -> dict[str, xr.Variable]:
    """Return the three coordinate variables of one axis.

    Parameters
    ----------
    axis : DataArray or Dataset
        An object that has the axis.
    dim : str, optional
        Which dimension. By default, the array's name.

    Returns
    -------
    coords : dict of str to Variable
        ``dim``, ``dim_lo`` and ``dim_hi``.

    Raises
    ------
    AxisError
        If there is no such axis, or it has no edges.
    """
    name = str(dim or (axis.name if isinstance(axis, xr.DataArray) else ""))
    names = (name, f"{name}_lo", f"{name}_hi")
    # As bare variables, without the cost of a DataArray around each.
    coords = axis.coords
    missing = [n for n in names if n not in coords]
    if missing:
        raise AxisError(
            f"The axis {name!r} has no coordinate {missing[0]!r}: create axes with xg.energy_axis and related functions."
        )
    variables: Mapping[Any, xr.Variable]
    variables = axis.variables if isinstance(axis, xr.Dataset) else coords.variables
    return {n: variables[n] for n in names}


def edges(obj: xr.Dataset | xr.DataArray, dim: str) -> np.ndarray:
    """Return the n+1 edges of an axis.

    Parameters
    ----------
    obj : Dataset or DataArray
        An object that has the axis.
    dim : str
        Name of the dimension.

    Returns
    -------
    edges : ndarray
        Shape (n + 1,), in the unit of the axis.

    Raises
    ------
    AxisError
        If the axis is missing, or its bins have gaps or overlap (as after a bare ``coarsen``), do not
        increase, are not finite or lie beyond the range that is possible.

    Examples
    --------
    >>> from xgamma.model.make_axes import rad_axis
    >>> edges(rad_axis("0.3 deg", 3), "rad").round(2)
    array([0. , 0.1, 0.2, 0.3])
    """
    coords = axis_coords(obj, dim)
    lo = np.atleast_1d(np.asarray(coords[f"{dim}_lo"].values, dtype=float))
    hi = np.atleast_1d(np.asarray(coords[f"{dim}_hi"].values, dtype=float))
    if not lo.size:
        raise AxisError(f"The axis {dim!r} has no bins: an earlier selection left none.")
    units = str(coords[dim].attrs.get("units", ""))
    issue = issue_of_bins(dim, lo, hi, units, tolerance=TOLERANCE)
    if issue is not None:
        cure = "create the axis again with xg.energy_axis or a related function, or sort it"
        if "gaps" in issue:
            cure = "rebin with ds.gamma.downsample or resample_energy instead of coarsen or isel with a step"
        raise AxisError(f"The bins of the axis {dim!r} {issue}: {cure}.")
    return np.append(lo, hi[-1])


def centers(obj: xr.Dataset | xr.DataArray, dim: str) -> np.ndarray:
    """Return the bin centres of an axis as an array, shape (n,)."""
    return np.atleast_1d(np.asarray(axis_coords(obj, dim)[dim].values, dtype=float))


def units_of(obj: xr.Dataset | xr.DataArray, dim: str) -> str:
    """Return the unit of an axis."""
    return str(axis_coords(obj, dim)[dim].attrs.get("units", ""))


def edges_in(obj: xr.Dataset | xr.DataArray, dim: str, unit: str) -> np.ndarray:
    """Return the n+1 edges of an axis in a given unit."""
    return edges(obj, dim) * conversion(units_of(obj, dim), unit)


def centers_in(obj: xr.Dataset | xr.DataArray, dim: str, unit: str) -> np.ndarray:
    """Return the bin centres of an axis in a given unit."""
    return centers(obj, dim) * conversion(units_of(obj, dim), unit)


def same_axis(a: xr.Dataset | xr.DataArray, b: xr.Dataset | xr.DataArray, dim: str) -> bool:
    """Return whether two objects have the same bins along a dimension.

    Parameters
    ----------
    a, b : Dataset or DataArray
        Objects with the axis.
    dim : str
        Name of the dimension.

    Returns
    -------
    same : bool
        True if all edges agree to a millionth of their bin, units considered.

    Examples
    --------
    >>> from xgamma.model.make_axes import energy_axis
    >>> same_axis(
    ...     energy_axis("1 TeV", "10 TeV", 3), energy_axis("1000 GeV", "10000 GeV", 3), "energy"
    ... )
    True
    """
    if all(coord_variable(a, n) is coord_variable(b, n) for n in (f"{dim}_lo", f"{dim}_hi")):
        return True
    first = edges(a, dim)
    second = edges_in(b, dim, units_of(a, dim))
    return first.shape == second.shape and bool(
        np.all(np.abs(first - second)[:-1] <= TOLERANCE * np.diff(first))
        and abs(first[-1] - second[-1]) <= TOLERANCE * (first[-1] - first[-2])
    )


def require_same_axis(a: xr.Dataset | xr.DataArray, b: xr.Dataset | xr.DataArray, dim: str) -> None:
    """Raise an `AxisError` that names the difference unless the axes agree."""
    if same_axis(a, b, dim):
        return
    first, second = edges(a, dim), edges_in(b, dim, units_of(a, dim))
    unit = units_of(a, dim)
    raise AxisError(
        f"The axes {dim!r} differ ({first.size - 1} bins from {first[0]:.6g} to {first[-1]:.6g} "
        f"{unit} versus {second.size - 1} bins from {second[0]:.6g} to {second[-1]:.6g} "
        f"{unit}): create both with the same axis, or resample one of them first."
    )
