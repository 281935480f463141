"""Cutouts: a part of a mosaic by position and width, at its own labels."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.arguments import choice
from xgamma.errors import FrameError, OutsideError
from xgamma.model import sky
from xgamma.model.assembly import named
from xgamma.model.axes import coord_variable
from xgamma.model.operation import operation
from xgamma.model.schema import IRF_MIN_PIXELS
from xgamma.typing import Labelled, LabelledLike, PositionLike, SizeLike

__all__ = ["cutout"]


def _overlap(at: float, n: int, size: int, mode: str, dim: str) -> slice:
    """Return the slice of `n` pixels around the fractional index `at`, trimmed to the map."""
    start = int(np.ceil(at - n / 2.0))
    stop = start + n
    if stop <= 0 or start >= size:
        raise OutsideError(
            f"The cutout lies outside the map along {dim!r}: choose a position inside, or a larger width."
        )
    if mode == "strict" and (start < 0 or stop > size):
        raise FrameError(
            f"The cutout extends beyond the edge of the map along {dim!r}: use mode='trim' or a smaller width."
        )
    return slice(max(start, 0), min(stop, size))


def _slices(
    obj: LabelledLike, position: PositionLike, width: tuple[float, float], mode: str, irf: bool
) -> dict[str, slice]:
    """Return index slices along the two spatial dims of one grid."""
    x, y = sky.world_to_pix(obj, position)
    if not (np.isfinite(x) and np.isfinite(y)):
        raise OutsideError("The position cannot be projected onto this map: it lies outside.")
    dims = ("x_irf", "y_irf") if irf else ("x", "y")
    least = IRF_MIN_PIXELS if irf else 1
    out = {}
    scales = sky.pixel_scale(obj, irf)
    for dim, at, size, scale in zip(dims, (x, y), width, scales, strict=True):
        step = sky.label_step(obj, dim)
        index = (float(at) - float(coord_variable(obj, dim).values[0])) / step
        n = int(np.round(max(size / scale, least)))
        out[dim] = _overlap(index, n, obj.sizes[dim], mode if not irf else "trim", dim)
    return out


def cutout_slices(
    obj: LabelledLike, position: PositionLike, width: SizeLike, mode: str = "trim"
) -> dict[str, slice]:
    """Return the index slices of a cutout, fine and coarse grids together.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    position, width, mode
        As in `cutout`.

    Returns
    -------
    slices : dict of str to slice
        For each spatial dimension that the object has.
    """
    choice(mode, "mode", ("trim", "strict"), FrameError)
    size = sky.parse_width(width)
    if min(size) <= 0:
        raise FrameError(f"width={width!r} must be positive.")
    slices: dict[str, slice] = {}
    if "x" in obj.dims:
        slices |= _slices(obj, position, size, mode, irf=False)
    if "x_irf" in obj.dims:
        slices |= _slices(obj, position, size, mode, irf=True)
    return slices


@operation
def cutout(
    obj: Labelled,
    position: PositionLike,
    width: SizeLike,
    mode: str = "trim",
    name: str | None = None,
) -> Labelled:
    """Cut out a part of a map, including its coarse response grids.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    position : SkyCoord, str or (lon, lat)
        Centre of the cutout; strings and pairs are in the frame of the map.
    width : Quantity, str, float or pair
        Angular size (longitude, latitude), as Quantity or number in degrees.
    mode : {"trim", "strict"}
        At the edge of the map, trim the cutout or raise an error.
    name : str, optional
        Name of the new dataset.

    Returns
    -------
    cutout : same type as `obj`
        Pixel labels are kept, so that `stack` and xarray's alignment place it correctly. The coarse
        grids keep at least three pixels.

    Raises
    ------
    FrameError
        If the cutout lies outside the map, or over its edge with ``mode="strict"``.

    Examples
    --------
    >>> from xgamma.model.create import create_map
    >>> ds = create_map((0, 0), "4 deg", "0.1 deg")
    >>> dict(cutout(ds, (1, 0), "1 deg").sizes)["x"]
    10
    """
    part = obj.isel(cutout_slices(obj, position, width, mode))
    return named(part, name) if isinstance(part, xr.Dataset) else part
