"""Smooth maps, grow and shrink masks, and average maps over rings and strips."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import xarray as xr

from xgamma.core.arguments import scalar
from xgamma.errors import AxisError, XGammaError
from xgamma.model import sky
from xgamma.model.axes import require_same_axis
from xgamma.model.operation import operation
from xgamma.numerics.convolve import convolve_same, convolve_separable, disk_kernel, kernel_sum
from xgamma.typing import AngleLike, ArrayLike, DTypeLike, LabelledLike

__all__ = ["boundary_mask", "convolve", "dilate", "erode", "smooth"]

PIXELS = ("y", "x")
KERNEL = ("y_kernel", "x_kernel")


def _over_pixels(
    array: xr.DataArray,
    function: Callable[..., np.ndarray],
    dtype: DTypeLike,
    *kernel: xr.DataArray,
    reach: tuple[int, int] | None = None,
) -> xr.DataArray:
    """Apply a function of the last two axes to the pixels; dask-backed maps stay lazy.

    `reach` says how many pixels along y and x the function looks away: chunks are kept then.
    """
    lazy = hasattr(array.data, "dask")
    if lazy and reach is not None and not kernel:
        return _over_blocks(array, function, dtype, reach)
    source = array.chunk(dict.fromkeys(PIXELS, -1)) if lazy else array
    out: xr.DataArray = xr.apply_ufunc(
        function,
        source,
        *kernel,
        input_core_dims=[list(PIXELS), *([*KERNEL] for _ in kernel)],
        output_core_dims=[list(PIXELS)],
        dask="parallelized",
        output_dtypes=[dtype],
    )
    # Even a transpose that changes nothing takes a millisecond of looking at coordinates.
    out = out if out.dims == array.dims else out.transpose(*array.dims)
    out.attrs = dict(array.attrs)
    return out


def _over_blocks(
    array: xr.DataArray,
    function: Callable[..., np.ndarray],
    dtype: DTypeLike,
    reach: tuple[int, int],
) -> xr.DataArray:
    """Apply a function to each chunk and what lies within its reach; nothing beyond the edge."""
    from dask.array import map_overlap

    source = array.variable.transpose(..., *PIXELS)
    # Chunks thinner than the reach would be joined with their neighbours anyway, one by one.
    depth = {source.ndim - 2: reach[0], source.ndim - 1: reach[1]}
    data = map_overlap(
        function, source.data, depth=depth, boundary=0, dtype=dtype, meta=np.empty(0, dtype)
    )
    out = xr.Variable(source.dims, data, dict(array.attrs)).transpose(*array.dims)
    return array.copy(data=out.data)


def _halves(kernel: np.ndarray) -> tuple[int, int]:
    """Return how far a kernel of odd sides reaches."""
    height, width = kernel.shape
    return height // 2, width // 2


def _require_pixels(array: LabelledLike) -> None:
    missing = [d for d in PIXELS if d not in array.dims]
    if missing:
        raise AxisError(f"{array.name or 'The array'} has no pixels along {missing[0]!r}.")


def _pixels(array: LabelledLike, width: AngleLike, name: str) -> tuple[float, float]:
    """Return an angle in pixels along y and x."""
    _require_pixels(array)
    angle = scalar(width, "deg", name)
    if not 0 < angle < 180:
        raise XGammaError(f"{name}={width!r} must be an angle between 0 and 180 deg.")
    dx, dy = sky.pixel_scale(array)
    return angle / dy, angle / dx


@operation
def smooth(
    array: xr.DataArray, width: AngleLike = "0.1 deg", kernel: str = "gauss"
) -> xr.DataArray:
    """Smooth a map with a kernel of unit sum.

    Parameters
    ----------
    array : DataArray
        Map; other dimensions are smoothed bin by bin.
    width : Quantity, str or float
        Standard deviation of the Gaussian, radius of the disc, or side of the box, as Quantity or number
        in degrees.
    kernel : {"gauss", "disk", "box"}
        Shape.

    Returns
    -------
    array : DataArray
        Same dims, float64; the map is taken as zero beyond its edge.

    Raises
    ------
    XGammaError
        For an unknown kernel or a width that is not an angle.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg")
    >>> point = ds.gamma.region_mask("icrs;circle(0.05, 0.05, 0.06)").astype(float)
    >>> float(smooth(point, "0.2 deg").sum().round(6)) == float(point.sum())
    True
    """
    size = _pixels(array, width, "width")
    if kernel == "gauss":
        along_y, along_x = (_gaussian(s) for s in size)
        reach = along_y.size // 2, along_x.size // 2
        blur = functools.partial(convolve_separable, along_y=along_y, along_x=along_x)
        return _over_pixels(array, blur, float, reach=reach)
    if kernel == "disk":
        weights = disk_kernel((size[1], size[0]))
    elif kernel == "box":
        weights = np.ones([2 * round((s - 1) / 2) + 1 for s in size])
    else:
        raise XGammaError(f"kernel={kernel!r} is not recognised: use 'gauss', 'disk' or 'box'.")
    return convolve(array, weights / weights.sum())


def _gaussian(sigma: float) -> np.ndarray:
    """Return a Gaussian on pixels, four standard deviations to each side."""
    half = int(4.0 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    values: np.ndarray = weights / weights.sum()
    return values


@operation
def convolve(array: xr.DataArray, kernel: ArrayLike | xr.DataArray) -> xr.DataArray:
    """Convolve a map with a kernel of pixels.

    Parameters
    ----------
    array : DataArray
        Map; other dimensions are convolved bin by bin.
    kernel : array_like or DataArray
        Weights, shape (odd, odd), on the pixels of the map. A labelled kernel may have other
        dimensions of the map too, such as those of `xgamma.irf.kernels.psf_kernel`: each bin
        is convolved with its own.

    Returns
    -------
    array : DataArray
        Same dims and pixels, float64; the map is taken as zero beyond its edge.

    Raises
    ------
    XGammaError
        If the kernel has an even side.
    AxisError
        If the kernel has a dimension that is not in the map, or different bins.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.1 deg")
    >>> point = ds.gamma.region_mask("icrs;point(0.05, 0.05)").astype(float)
    >>> float(convolve(point, np.ones((3, 3))).sum().round(9))
    9.0
    """
    _require_pixels(array)
    weights = _weights(array, kernel)
    if weights.ndim == 2 and hasattr(array.data, "dask"):
        one = weights.values
        return _over_pixels(
            array, functools.partial(convolve_same, kernels=one), float, reach=_halves(one)
        )
    return _over_pixels(array, convolve_same, float, weights)


def _weights(array: xr.DataArray, kernel: ArrayLike | xr.DataArray) -> xr.DataArray:
    """Return a kernel with dimensions of its own for the pixels, checked against a map."""
    rest: list[str] = []
    weights: ArrayLike | xr.DataArray = kernel
    labelled = isinstance(kernel, xr.DataArray) and set(PIXELS) <= set(kernel.dims)
    if isinstance(kernel, xr.DataArray) and labelled:
        rest = [str(d) for d in kernel.dims if d not in PIXELS]
        for dim in rest:
            if dim not in array.dims:
                raise AxisError(f"The kernel has the dimension {dim!r}, but the map has not.")
            require_same_axis(array, kernel, dim)
        weights = kernel.variable.transpose(*rest, *PIXELS).values
    try:
        values = np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        raise XGammaError(
            f"The kernel must be an array of numbers, not {type(kernel).__name__}."
        ) from None
    sides = values.shape[-2:] if labelled else values.shape
    if len(sides) != 2 or any(n % 2 == 0 for n in sides):
        raise XGammaError(
            f"The kernel must have an odd number of pixels along each side, not the shape {sides}."
        )
    # Only numbers go on: the axes agree, to a tolerance that xarray's alignment has not.
    return xr.DataArray(values, dims=(*rest, *KERNEL))


def _structure(mask: xr.DataArray, width: AngleLike, kernel: str) -> np.ndarray:
    if mask.dtype != bool:
        raise XGammaError(f"{mask.name or 'The array'} is not a mask: use .astype(bool).")
    size = _pixels(mask, width, "width")
    if kernel == "disk":
        return disk_kernel((size[1], size[0]))
    if kernel == "box":
        return np.ones([2 * round(s) + 1 for s in size])
    raise XGammaError(f"kernel={kernel!r} is not recognised: use 'disk' or 'box'.")


@operation
def dilate(mask: xr.DataArray, width: AngleLike, kernel: str = "disk") -> xr.DataArray:
    """Grow a mask by a margin.

    Parameters
    ----------
    mask : DataArray
        Map of booleans.
    width : Quantity, str or float
        Margin, as Quantity or number in degrees.
    kernel : {"disk", "box"}
        Shape of the margin.

    Returns
    -------
    mask : DataArray
        True within the margin of a True pixel.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.1 deg")
    >>> point = ds.gamma.region_mask("icrs;point(0.05, 0.05)")
    >>> int(dilate(point, "0.1 deg").sum())
    5
    """
    structure = _structure(mask, width, kernel)
    return _over_pixels(
        mask, lambda v: kernel_sum(v, [structure])[0] > 0, bool, reach=_halves(structure)
    )


@operation
def erode(mask: xr.DataArray, width: AngleLike, kernel: str = "disk") -> xr.DataArray:
    """Shrink a mask by a margin; the edge of the map counts as outside.

    Parameters
    ----------
    mask, width, kernel
        As in `dilate`.

    Returns
    -------
    mask : DataArray
        True where the whole margin around a pixel is True.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.1 deg")
    >>> int(erode(ds.gamma.separation((0, 0)) < 10, "0.1 deg").sum())
    64
    """
    structure = _structure(mask, width, kernel)
    total = int(structure.sum())
    return _over_pixels(
        mask, lambda v: kernel_sum(v, [structure])[0] == total, bool, reach=_halves(structure)
    )


@operation
def boundary_mask(obj: LabelledLike, width: AngleLike) -> xr.DataArray:
    """Return a mask of the pixels farther than a margin from the edge of the map.

    Parameters
    ----------
    obj : Dataset or DataArray
        Map.
    width : Quantity, str or float
        Margin, as Quantity or number in degrees.

    Returns
    -------
    mask : DataArray
        Dims ``(y, x)``, bool.

    Examples
    --------
    >>> import xgamma as xg
    >>> int(boundary_mask(xg.create_map((0, 0), "1 deg", "0.1 deg"), "0.2 deg").sum())
    36
    """
    sizes = [obj.sizes[d] for d in PIXELS]
    margin = [round(n) for n in _pixels(obj, width, "width")]
    rows, columns = (
        (np.arange(n) >= m) & (np.arange(n) < n - m) for n, m in zip(sizes, margin, strict=True)
    )
    inside = rows[:, np.newaxis] & columns
    mask = sky.label_map(obj, inside, False, "", "")
    mask.attrs = {}
    return mask
