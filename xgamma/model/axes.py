"""Axes: centres are labels, edges are two coordinates.

An axis named ``energy`` is a 1-D coordinate of bin centres with ``units``,
``interp`` and ``long_name``, and beside it ``energy_lo`` and ``energy_hi``, the
edges of each bin, so that slicing, concatenating and writing keep them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from astropy.units import Quantity

from xgamma.core.arguments import number, scalar, whole
from xgamma.core.bounds import require_room
from xgamma.core.units import conversion, to_value
from xgamma.errors import AxisError
from xgamma.model.dimensions import long_name_of
from xgamma.model.sanity import issue_of_bins
from xgamma.typing import AngleLike, EnergiesLike, EnergyLike, QuantityLike

__all__ = [
    "axis_from_edges",
    "edges",
    "energy_axis",
    "energy_axis_from_edges",
    "migra_axis",
    "rad_axis",
    "same_axis",
]

# Edges agree when they differ by less than this fraction of their bin.
TOLERANCE = 1e-6
# The attribute ``node_type`` of an axis whose labels are nodes, not the middles of bins.
NODE = "center"


def bin_centers(edge_values: np.ndarray, interp: str) -> np.ndarray:
    """Return bin centres: geometric for ``log``, arithmetic for ``lin``."""
    lo, hi = edge_values[:-1], edge_values[1:]
    if interp == "log" and lo[0] > 0:
        values: np.ndarray = np.sqrt(lo * hi)
        return values
    values = 0.5 * (lo + hi)
    return values


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
        As `axis_coords_from_bounds`.

    Examples
    --------
    >>> sorted(coords_from_edges(np.array([1.0, 4.0]), "energy", "TeV", "log"))
    ['energy', 'energy_hi', 'energy_lo']
    """
    values = np.asarray(edge_values, dtype=float)
    return axis_coords_from_bounds(values[:-1].copy(), values[1:].copy(), name, units, interp)


def axis_from_edges(
    edge_values: QuantityLike, name: str, units: str | None = None, interp: str = "lin"
) -> xr.DataArray:
    """Make an axis from edges.

    Parameters
    ----------
    edge_values : array_like or Quantity
        Strictly increasing edges, shape (n + 1,), plain numbers in `units`.
    name : str
        Name of the dimension.
    units : str, optional
        Unit of the axis; by default, that of the quantity.
    interp : {"lin", "log"}
        Scale in which the centres lie halfway between the edges.

    Returns
    -------
    axis : DataArray
        Dims ``(name,)``: bin centres, with the coordinates ``name``, ``name_lo`` and ``name_hi``.

    Raises
    ------
    AxisError
        If the edges do not increase, are not finite, or are fewer than two.

    Examples
    --------
    >>> axis_from_edges([0, 1, 2], "offset", "deg").values
    array([0.5, 1.5])
    """
    if units is None:
        units = str(getattr(edge_values, "unit", ""))
    values = np.atleast_1d(to_value(edge_values, units, name))
    if values.ndim != 1 or values.size < 2:
        raise AxisError(f"The axis {name!r} needs at least two edges, not {values.size}.")
    if not np.all(np.isfinite(values)) or not np.all(np.diff(values) > 0):
        raise AxisError(
            f"The edges of the axis {name!r} must be finite and increase from one to the next."
        )
    if interp not in {"lin", "log"}:
        raise AxisError(f"interp={interp!r} is not known: use 'lin' or 'log'.")
    coords = coords_from_edges(values, name, units, interp)
    return xr.DataArray(
        coords[name][1], dims=name, coords=coords, name=name, attrs=dict(coords[name][2])
    )


def energy_axis_from_edges(
    edges: EnergiesLike, name: str = "energy", interp: str = "log"
) -> xr.DataArray:
    """Make an energy axis from edges.

    Parameters
    ----------
    edges : Quantity, list of str, or array_like
        Strictly increasing energies; plain numbers are TeV.
    name : str
        ``"energy"`` (reconstructed) or ``"energy_true"``.
    interp : {"log", "lin"}
        Scale.

    Returns
    -------
    axis : DataArray
        Dims ``(name,)``, units of the edges (TeV for plain numbers).

    Raises
    ------
    AxisError
        If the edges do not increase or are not positive on a logarithmic axis.
    UnitError
        If the unit is not an energy.

    Examples
    --------
    >>> energy_axis_from_edges([0.1, 1, 10]).values.round(3)
    array([0.316, 3.162])
    """
    first = edges[0] if isinstance(edges, (list, tuple)) and edges else edges
    if isinstance(first, str):
        first = Quantity(first)
    units = str(getattr(first, "unit", "TeV"))
    conversion(units, "TeV")
    values = np.atleast_1d(to_value(edges, units, name))
    if interp == "log" and np.any(values <= 0):
        raise AxisError(f"The edges of the logarithmic axis {name!r} must be positive.")
    return axis_from_edges(values, name, units, interp)


def energy_axis(
    min: EnergyLike, max: EnergyLike, nbin: int, per_decade: bool = False, name: str = "energy"
) -> xr.DataArray:
    """Make a logarithmic energy axis.

    Parameters
    ----------
    min, max : Quantity, str or float
        First and last edge; plain numbers are TeV.
    nbin : int
        Number of bins, or of bins per decade.
    per_decade : bool
        Whether `nbin` counts bins per decade; the number of bins is rounded up so that
        the axis ends exactly at `max`.
    name : str
        ``"energy"`` (reconstructed) or ``"energy_true"``.

    Returns
    -------
    axis : DataArray
        Dims ``(name,)``, in the unit of `min`.

    Raises
    ------
    AxisError
        If the range is empty or `nbin` is less than one.

    Examples
    --------
    >>> energy_axis("1 TeV", "10 TeV", nbin=2).energy_lo.values.round(3)
    array([1.   , 3.162])
    >>> energy_axis("0.1 TeV", "100 TeV", nbin=11, per_decade=True).size
    33
    """
    units = str(Quantity(min).unit) if isinstance(min, str) else str(getattr(min, "unit", "TeV"))
    conversion(units, "TeV")
    low, high = scalar(min, units, "min"), scalar(max, units, "max")
    if not 0 < low < high:
        raise AxisError(f"The axis {name!r} needs 0 < min < max, not {min} to {max}.")
    if not high < np.inf:
        raise AxisError(f"The axis {name!r} needs 0 < min < max, both finite, not {min} to {max}.")
    nbin = nbin if per_decade else whole(nbin, "nbin", 0)
    if not number(nbin, "nbin") > 0:
        raise AxisError(f"The axis {name!r} needs at least one bin, not nbin={nbin}.")
    if per_decade:
        # The tolerance keeps an exact number of decades from gaining a bin by rounding.
        nbin = np.ceil(np.log10(high / low) * nbin - 1e-9)
    return axis_from_edges(np.geomspace(low, high, _edge_count(nbin, name)), name, units, "log")


def _edge_count(nbin: object, name: str) -> int:
    """Return the number of edges of so many bins, or raise if they would fill the memory."""
    count = number(nbin, "nbin")
    # Centres and both edges, and the edges that they are made of.
    require_room(4 * 8 * count, f"The axis {name!r} of {count:.3g} bins", "ask for fewer bins")
    return whole(count, "nbin") + 1


def rad_axis(max: AngleLike = "0.66 deg", nbin: int = 66, min: AngleLike = "0 deg") -> xr.DataArray:
    """Make the axis of angular offsets from the source for a point spread function.

    Parameters
    ----------
    max, min : Quantity, str or float
        Range; plain numbers are degrees.
    nbin : int
        Number of bins.

    Returns
    -------
    axis : DataArray
        Dims ``(rad,)``, degrees.

    Examples
    --------
    >>> rad_axis().sizes["rad"]
    66
    """
    low, high = to_value(min, "deg", "min"), to_value(max, "deg", "max")
    return axis_from_edges(np.linspace(low, high, _edge_count(nbin, "rad")), "rad", "deg", "lin")


def migra_axis(min: float = 0.2, max: float = 5.0, nbin: int = 48) -> xr.DataArray:
    """Make an axis of energy migration (reconstructed over true energy).

    Parameters
    ----------
    min, max : float
        Range.
    nbin : int
        Number of bins.

    Returns
    -------
    axis : DataArray
        Dims ``(migra,)``, dimensionless.

    Examples
    --------
    >>> migra_axis().sizes["migra"]
    48
    """
    return axis_from_edges(np.linspace(min, max, _edge_count(nbin, "migra")), "migra", "", "lin")


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
        Which dimension; the array's name when absent.

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
    missing = [n for n in names if n not in axis.coords]
    if missing:
        raise AxisError(
            f"The axis {name!r} lacks the coordinate {missing[0]!r}: make axes with energy_axis and its siblings."
        )
    return {n: coord_variable(axis, n) for n in names}


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
        If the axis is missing, or its bins gape or overlap (as after a bare ``coarsen``), do not
        increase, are not finite or lie beyond the range that is possible.

    Examples
    --------
    >>> edges(rad_axis("0.3 deg", 3), "rad").round(2)
    array([0. , 0.1, 0.2, 0.3])
    """
    coords = axis_coords(obj, dim)
    lo = np.atleast_1d(np.asarray(coords[f"{dim}_lo"].values, dtype=float))
    hi = np.atleast_1d(np.asarray(coords[f"{dim}_hi"].values, dtype=float))
    if not lo.size:
        raise AxisError(f"The axis {dim!r} has no bins: nothing was left by a selection before.")
    units = str(coords[dim].attrs.get("units", ""))
    issue = issue_of_bins(dim, lo, hi, units, tolerance=TOLERANCE)
    if issue is not None:
        cure = "make the axis anew with xg.energy_axis and its siblings, or sort it"
        if "gape" in issue:
            cure = "rebin with ds.gamma.downsample or resample_energy, not with bare coarsen or isel steps"
        raise AxisError(f"The bins of the axis {dim!r} {issue}: {cure}.")
    return np.append(lo, hi[-1])


def centers(obj: xr.Dataset | xr.DataArray, dim: str) -> np.ndarray:
    """Return the bin centres of an axis as plain numbers, shape (n,)."""
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


def rename_axis(axis: xr.DataArray, name: str) -> xr.DataArray:
    """Return the same axis under another name.

    Parameters
    ----------
    axis : DataArray
        An axis.
    name : str
        Its new name.

    Returns
    -------
    axis : DataArray
        A new axis.

    Examples
    --------
    >>> rename_axis(energy_axis(1, 10, 2), "energy_true").dims
    ('energy_true',)
    """
    old = str(axis.name)
    attrs = axis.coords[old].attrs
    return axis_from_edges(
        edges(axis, old), name, attrs.get("units", ""), attrs.get("interp", "lin")
    )


def same_axis(a: xr.Dataset | xr.DataArray, b: xr.Dataset | xr.DataArray, dim: str) -> bool:
    """Tell whether two objects have the same bins along a dimension.

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
        f"The axes {dim!r} differ ({first.size - 1} bins from {first[0]:.6g} to {first[-1]:.6g} {unit} "
        f"against {second.size - 1} bins from {second[0]:.6g} to {second[-1]:.6g} {unit}): "
        "make both with one axis, or resample one first."
    )
