"""Profiles of maps: over the distance from a position, or along an axis."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.arguments import choice
from xgamma.core.lazy import hollow, is_lazy, postponed
from xgamma.core.units import to_value
from xgamma.datasets.smooth import PIXELS
from xgamma.errors import AxisError, shown
from xgamma.model import sky
from xgamma.model.axes import axis_coords
from xgamma.model.frame import without_frame
from xgamma.model.make_axes import axis_from_edges
from xgamma.model.operation import operation
from xgamma.numerics import sphere
from xgamma.typing import PositionLike, QuantityLike

__all__ = ["profile", "radial_profile"]


def _binned(array: xr.DataArray, position: np.ndarray, edges: np.ndarray, how: str) -> np.ndarray:
    """Sum or average the pixels of each bin of a position, last axis the bins."""
    values = np.asarray(array.transpose(..., *PIXELS).values, dtype=float)
    flat = values.reshape(*values.shape[:-2], -1)
    number = np.searchsorted(edges, position.ravel(), side="right") - 1
    good = (number >= 0) & (number < edges.size - 1)
    number, flat = number[good], flat[..., good]
    bins = edges.size - 1
    rest = flat.shape[:-1]
    rows = flat.reshape(int(np.prod(rest)), number.size)
    sums = np.array([np.bincount(number, row, bins) for row in rows]).reshape(*rest, bins)
    if how == "sum":
        return sums
    pixels = np.bincount(number, minlength=bins)
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums / pixels


def edges_of(edges: QuantityLike) -> np.ndarray:
    """Return the edges of a profile in degrees."""
    limits = np.atleast_1d(to_value(edges, "deg", "edges"))
    if limits.ndim != 1 or limits.size < 2:
        raise AxisError(f"edges={shown(edges)} must be at least two angles.")
    return limits


def _profile(
    array: xr.DataArray, position: np.ndarray, edges: QuantityLike, how: str, dim: str
) -> xr.DataArray:
    choice(how, "how", ("sum", "mean"))
    limits = edges_of(edges)
    axis = axis_from_edges(limits, dim, "deg")
    rest = [d for d in array.dims if d not in PIXELS]
    if is_lazy(array):
        shape = [*(array.sizes[d] for d in rest), limits.size - 1]
        values = hollow(shape)
    else:
        values = _binned(array, position, limits, how)
    coords = {k: v for k, v in without_frame(array.coords).items() if not set(v.dims) & set(PIXELS)}
    out = xr.DataArray(
        values,
        dims=(*rest, dim),
        coords={**coords, **axis_coords(axis)},
        attrs=array.attrs,
        name=array.name,
    )
    if is_lazy(array):
        # Not `later`: what is left to do is the same for rings and for slices.
        return postponed(out, _profile, array, position, edges, how, dim)
    return out


@operation
def radial_profile(
    array: xr.DataArray, center: PositionLike, edges: QuantityLike, how: str = "sum"
) -> xr.DataArray:
    """Sum or average a map over rings around a position.

    Parameters
    ----------
    array : DataArray
        Map; other dimensions stay.
    center : SkyCoord, str or (lon, lat)
        Centre of the rings.
    edges : Quantity, str list or array_like
        Radii, as Quantity or number in degrees.
    how : {"sum", "mean"}
        What to do with the pixels of a ring.

    Returns
    -------
    profile : DataArray
        Dims of the map without pixels, and ``offset``.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg")
    >>> one = ds.gamma.separation((0, 0)) >= 0
    >>> radial_profile(one, (0, 0), [0, 0.3, 0.6]).values
    array([32., 80.])
    """
    distance = np.asarray(sky.separation(array, center).values)
    return _profile(array, distance, edges, how, "offset")


@operation
def profile(
    array: xr.DataArray, edges: QuantityLike, along: str = "lon", how: str = "sum"
) -> xr.DataArray:
    """Sum or average a map over strips of longitude or latitude.

    Parameters
    ----------
    array : DataArray
        Map; other dimensions stay.
    edges : Quantity or array_like
        Edges of the strips in the frame of the map, as Quantity or number in degrees. Longitudes are
        taken on the side of the edges, so -2 to 2 works.
    along : {"lon", "lat"}
        Coordinate in which the strips are defined.
    how : {"sum", "mean"}
        What to do with the pixels of a strip.

    Returns
    -------
    profile : DataArray
        Dims of the map without pixels, and ``lon`` or ``lat``.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg")
    >>> one = ds.gamma.separation((0, 0)) >= 0
    >>> profile(one, [-1, 0, 1], "lon").values
    array([200., 200.])
    """
    choice(along, "along", ("lon", "lat"))
    vectors = sky.pixel_vectors(array)
    if along == "lat":
        position = sphere.vector_to_lonlat(vectors)[1]
    else:
        limits = edges_of(edges)
        middle = 0.5 * (limits[0] + limits[-1])
        lon = np.degrees(np.arctan2(vectors[1], vectors[0]))
        position = (lon - middle + 180.0) % 360.0 - 180.0 + middle
    return _profile(array, position, edges, how, along)
