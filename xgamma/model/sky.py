"""The sky: from pixel labels to positions and back.

``y`` and ``x`` are pixel numbers, counted from 0, in the frame of one parent WCS (see
`xgamma.model.frame`). Everything about the sky is computed from the labels, so cutouts and
coarsened maps stay right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from astropy.coordinates import (
    ICRS,
    SkyCoord,
    SphericalRepresentation,
    UnitSphericalRepresentation,
)

from xgamma.core.units import position as parse_position
from xgamma.core.units import to_value
from xgamma.errors import FrameError
from xgamma.model.axes import coord_variable
from xgamma.model.frame import (
    frame_attrs,
    frame_coords,
    frame_of,
    wcs_of,
)
from xgamma.model.geometry import WCS_LOCK, grid_solid_angle, grid_vectors, lonlat_at
from xgamma.model.stamp import header_key
from xgamma.numerics import sphere
from xgamma.typing import ArrayLike, LabelledLike, PositionLike, SizeLike

__all__ = [
    "center",
    "label_step",
    "lonlat",
    "lonlat_to_pix",
    "parse_width",
    "pix_to_world",
    "pixel_scale",
    "pixel_vectors",
    "position_vector",
    "rotation_from_icrs",
    "separation",
    "solid_angle",
    "world_to_pix",
]

# Parent grids up to this many pixels have their geometry computed once and sliced.
PARENT_CACHE_PIXELS = 2_000_000


def labels_of(obj: LabelledLike, irf: bool = False) -> tuple[np.ndarray, np.ndarray]:
    names = ("x_irf", "y_irf") if irf else ("x", "y")
    if names[0] not in obj.coords or names[1] not in obj.coords:
        raise FrameError(
            f"There are no coordinates {names[1]!r} and {names[0]!r}: this is not a map."
        )
    x, y = (np.atleast_1d(np.asarray(coord_variable(obj, n).values, dtype=float)) for n in names)
    return x, y


def label_step(obj: LabelledLike, dim: str) -> float:
    """Return the distance between neighbouring labels, in parent pixels."""
    variable = coord_variable(obj, dim)
    labels = np.atleast_1d(variable.values)
    if labels.size > 1:
        return float(labels[1] - labels[0])
    return float(variable.attrs.get("step", 1.0))


def geometry_bytes(obj: LabelledLike) -> int:
    """Return what the cached vectors and solid angles of a map and its cutouts take."""
    pixels = int(obj.sizes.get("x", 0) * obj.sizes.get("y", 0))
    return 4 * 8 * pixels if pixels <= PARENT_CACHE_PIXELS else 0


def _regular(labels: np.ndarray, step: float) -> tuple[float, float, int]:
    return float(labels[0]), step, labels.size


def _geometry(obj: LabelledLike, irf: bool, function: Callable[..., np.ndarray]) -> np.ndarray:
    """Evaluate a cached grid function on the labels of a map, by slicing its parent if small."""
    attrs = frame_attrs(obj)
    key = header_key(attrs)
    x, y = labels_of(obj, irf)
    dims = ("x_irf", "y_irf") if irf else ("x", "y")
    dx, dy = (label_step(obj, d) for d in dims)
    nx, ny = int(attrs.get("NAXIS1", 0)), int(attrs.get("NAXIS2", 0))
    inside = dx == dy == 1.0 and x[0] >= 0 and y[0] >= 0 and x[-1] < nx and y[-1] < ny
    whole = inside and float(x[0]).is_integer() and float(y[0]).is_integer()
    if whole and nx * ny <= PARENT_CACHE_PIXELS:
        parent = function(key, ((0.0, 1.0, nx), (0.0, 1.0, ny)))
        return parent[..., int(y[0]) : int(y[-1]) + 1, int(x[0]) : int(x[-1]) + 1]
    return function(key, (_regular(x, dx), _regular(y, dy)))


def pixel_vectors(obj: LabelledLike, irf: bool = False) -> np.ndarray:
    """Return unit vectors of the pixel centres, in the map's own frame.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    irf : bool
        Whether to use the coarse grid of the responses.

    Returns
    -------
    vectors : ndarray
        Shape (3, ny, nx), read-only; NaN where a pixel is not on the sky.
    """
    return _geometry(obj, irf, grid_vectors)


def lonlat(obj: LabelledLike, irf: bool = False) -> tuple[xr.DataArray, xr.DataArray]:
    """Return longitude and latitude of the pixel centres.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    irf : bool
        Whether to use the coarse grid of the responses.

    Returns
    -------
    lon, lat : DataArray
        Dims ``(y, x)``, degrees in the frame of the map; NaN off the sky.

    Examples
    --------
    >>> from xgamma.model.create import create_map
    >>> lon, lat = lonlat(create_map((83.5, 22), "1 deg", "0.5 deg"))
    >>> lat.values.round(2)[:, 0]
    array([21.75, 22.25])
    """
    lon, lat = sphere.vector_to_lonlat(pixel_vectors(obj, irf))
    return label_map(obj, lon, irf, "longitude", "deg"), label_map(obj, lat, irf, "latitude", "deg")


def label_map(
    obj: LabelledLike, values: np.ndarray, irf: bool, long_name: str, units: str
) -> xr.DataArray:
    dims = ("y_irf", "x_irf") if irf else ("y", "x")
    frame = frame_coords(frame_attrs(obj), None if irf else obj.coords["x"])
    labels = {d: obj.coords[d].variable for d in dims} | dict(frame.variables)
    # Indexes that are there already are taken over, for finding them again takes longer than
    # most of what is labelled.
    indexes = {d: obj.xindexes[d] for d in dims} | dict(frame.xindexes)
    return xr.DataArray(
        values,
        dims=dims,
        coords=xr.Coordinates(labels, indexes=indexes),
        attrs={"units": units, "long_name": long_name},
    )


def solid_angle(obj: LabelledLike, irf: bool = False) -> xr.DataArray:
    """Return the solid angle of each pixel.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    irf : bool
        Whether to use the coarse grid of the responses.

    Returns
    -------
    solid_angle : DataArray
        Dims ``(y, x)``, sr: each pixel as two spherical triangles (Van Oosterom & Strackee 1983).

    Examples
    --------
    >>> from xgamma.model.create import create_map
    >>> omega = solid_angle(create_map((0, 0), "1 deg", "1 deg"))
    >>> float(omega.sum().round(7))
    0.0003046
    """
    return label_map(obj, pixel_solid_angle(obj, irf), irf, "solid angle", "sr")


def pixel_solid_angle(obj: LabelledLike, irf: bool = False) -> np.ndarray:
    """Return the solid angle of each pixel as a bare array, shape (ny, nx), sr, read-only."""
    return _geometry(obj, irf, grid_solid_angle)


def degrees_of(at: SkyCoord) -> tuple[Any, Any]:
    """Return longitude and latitude of positions in their own frame, degrees."""
    # What a SkyCoord looks up by name takes it hundreds of calls.
    data = at.frame.data
    if not isinstance(data, (SphericalRepresentation, UnitSphericalRepresentation)):
        data = at.spherical
    return data.lon.deg, data.lat.deg


def position_vector(obj: LabelledLike, position: PositionLike) -> np.ndarray:
    """Return the unit vectors (3, ...) of positions in the map's frame."""
    frame = frame_of(obj)
    at = parse_position(position, frame)
    if at.frame.name not in {frame, "icrs"}:
        at = at.transform_to(frame)
    vector = sphere.lonlat_to_vector(*degrees_of(at))
    # astropy's way from ICRS to another fixed frame is this rotation too, in a hundred times
    # the time.
    return vector if at.frame.name == frame else rotation_from_icrs(frame) @ vector


def separation(obj: LabelledLike, position: PositionLike, irf: bool = False) -> xr.DataArray:
    """Return the angle between each pixel centre and a position.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    position : SkyCoord, str or (lon, lat)
        Position; strings and pairs are in the frame of the map.
    irf : bool
        Whether to use the coarse grid of the responses.

    Returns
    -------
    separation : DataArray
        Dims ``(y, x)``, degrees.

    Examples
    --------
    >>> from xgamma.model.create import create_map
    >>> float(separation(create_map((0, 0), "1 deg", "1 deg"), (1, 0))[0, 0].round(3))
    1.0
    """
    values = sphere.separation(pixel_vectors(obj, irf), position_vector(obj, position))
    return label_map(obj, values, irf, "separation", "deg")


def pixel_scale(obj: LabelledLike, irf: bool = False) -> tuple[float, float]:
    """Return the pixel size (x, y) in degrees at the reference point of the projection."""
    scale = np.abs(wcs_of(obj).wcs.get_cdelt())
    dims = ("x_irf", "y_irf") if irf else ("x", "y")
    return float(scale[0] * label_step(obj, dims[0])), float(scale[1] * label_step(obj, dims[1]))


def center(obj: LabelledLike, irf: bool = False) -> SkyCoord:
    """Return the position of the centre of the map, in its frame.

    Examples
    --------
    >>> from xgamma.model.create import create_map
    >>> center(create_map((83.5, 22), "1 deg", "0.5 deg")).to_string(precision=2)
    '83.50 22.00'
    """
    x, y = labels_of(obj, irf)
    return pix_to_world(obj, np.array(0.5 * (x[0] + x[-1])), np.array(0.5 * (y[0] + y[-1])))


def pix_to_world(obj: LabelledLike, x: ArrayLike, y: ArrayLike) -> SkyCoord:
    """Return positions of labels ``x``, ``y`` (parent pixel numbers) as a SkyCoord."""
    lon, lat = lonlat_at(wcs_of(obj), np.asarray(x, dtype=float), np.asarray(y, dtype=float))
    return SkyCoord(lon, lat, unit="deg", frame=frame_of(obj))


def world_to_pix(obj: LabelledLike, position: PositionLike) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (parent pixel numbers) of positions; NaN where they cannot be projected.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    position : SkyCoord, str or (lon, lat)
        One or many positions.

    Returns
    -------
    x, y : ndarray
        Labels, not limited to the map.
    """
    vectors = position_vector(obj, position)
    return lonlat_to_pix(obj, *sphere.vector_to_lonlat(vectors))


def lonlat_to_pix(
    obj: LabelledLike, lon: ArrayLike, lat: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels of longitudes and latitudes in degrees in the map's own frame."""
    lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    wcs = wcs_of(obj)
    with WCS_LOCK:
        x, y = wcs.wcs_world2pix(lon.ravel(), lat.ravel(), 0)
    return x.reshape(lon.shape), y.reshape(lon.shape)


@functools.lru_cache(maxsize=8)
def rotation_from_icrs(frame: str) -> np.ndarray:
    """Return the matrix (3, 3) that turns ICRS vectors into a frame's (bit for bit astropy's)."""
    if frame == "icrs":
        return np.eye(3)
    axes = SkyCoord([0, 90, 0], [0, 0, 90], unit="deg", frame=ICRS()).transform_to(frame)
    return np.asarray(axes.cartesian.xyz.value)


def parse_width(width: SizeLike, name: str = "width") -> tuple[float, float]:
    """Return (x, y) angular sizes in degrees from one value or a pair."""
    value = to_value(width, "deg", name)
    pair = np.broadcast_to(np.atleast_1d(value), (2,)) if np.size(value) in (1, 2) else None
    if pair is None:
        raise FrameError(f"{name}={width!r} must be one angle or a pair (longitude, latitude).")
    if not np.isfinite(pair).all():
        raise FrameError(f"{name}={width!r} must be a finite angle.")
    return float(pair[0]), float(pair[1])
