"""Resample maps onto another sky grid: by interpolation, or conserving their sum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import whole
from xgamma.core.bounds import require_room
from xgamma.core.defaults import REPROJECTION
from xgamma.core.lazy import is_lazy
from xgamma.datasets.grid import Interpolation, Reprojection, over_pixels
from xgamma.datasets.healpix import cells_to_pixels, shared_cells
from xgamma.errors import AxisError
from xgamma.model import sky
from xgamma.model.cells import has_cells
from xgamma.model.frame import frame_attrs, frame_coords, without_frame
from xgamma.model.operation import operation
from xgamma.typing import Labelled, LabelledLike

__all__ = ["interp_to", "reproject_to", "upsample"]

PIXELS = ("y", "x")


def _require_pixels(array: xr.DataArray) -> None:
    missing = [d for d in PIXELS if d not in array.dims]
    if missing:
        raise AxisError(f"{array.name or 'The array'} has no pixels along {missing[0]!r}.")


def _on_template(array: xr.DataArray, values: xr.Variable, template: LabelledLike) -> xr.DataArray:
    """Label values with the pixels of a template."""
    coords = _off_pixels(array) | {d: template.coords[d].variable for d in PIXELS}
    out = xr.DataArray(
        xr.Variable(values.dims, values.data, array.attrs), coords=coords, name=array.name
    )
    return out.assign_coords(frame_coords(frame_attrs(template), template.coords["x"]))


def _off_pixels(array: xr.DataArray) -> dict[Any, Any]:
    """Return the coordinates that do not lie on the pixels, and do not say where they lie."""
    kept = without_frame(array.coords)
    return {name: v for name, v in kept.items() if not set(v.dims) & set(PIXELS)}


@operation
def interp_to(
    array: xr.DataArray, template: LabelledLike, preserve_counts: bool = False
) -> xr.DataArray:
    """Interpolate a map bilinearly at the pixel centres of another.

    Parameters
    ----------
    array : DataArray
        Map, of pixels or of HEALPix cells; other dimensions stay.
    template : Dataset or DataArray
        Defines the frame and pixels.
    preserve_counts : bool
        Whether the map holds counts per pixel: then their surface density is interpolated.

    Returns
    -------
    array : DataArray
        On the pixels of the template, zero (False) outside the map; a mask takes the nearest
        pixel. Dask-backed maps stay lazy.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg")
    >>> other = xg.create_map((0, 0), "1 deg", "0.1 deg", frame="galactic", proj="TAN")
    >>> interp_to(ds.gamma.separation((0, 0)), other).shape
    (10, 10)
    """
    if has_cells(array):
        return cells_to_pixels(array, template, preserve_counts)
    _require_pixels(array)
    grid = Interpolation(array, template)
    if array.dtype == bool:
        return _on_template(array, over_pixels(array.variable, grid.flag, grid, bool), template)
    source = array / sky.solid_angle(array) if preserve_counts else array
    out = over_pixels(source.variable, grid.mean, grid, float)
    if preserve_counts:
        out = out * sky.solid_angle(template).variable
    return _on_template(array, out, template)


@operation
def reproject_to(
    array: xr.DataArray,
    template: LabelledLike,
    preserve_counts: bool = False,
    method: str = REPROJECTION,
) -> xr.DataArray:
    """Reproject a map onto the pixels of another by the overlap of pixels.

    Parameters
    ----------
    array : DataArray
        Map, of pixels or of HEALPix cells; other dimensions stay.
    template : Dataset or DataArray
        Defines the frame and pixels.
    preserve_counts : bool
        Whether the map holds counts per pixel, whose sum is then kept; otherwise its mean is. The
        counts of a HEALPix cell are shared among pixels by the parts of the cell that lie in them.
    method : {"exact", "adaptive"}
        Spherical overlap of pixels, or the faster anti-aliased resampling.

    Returns
    -------
    array : DataArray
        On the pixels of the template, zero outside the map; of a mask, which pixels touch one
        that is True. Dask-backed maps stay lazy.

    Raises
    ------
    MissingDataError
        If the package reproject is not installed.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> import xgamma as xg
    >>> ds = example_map()
    >>> template = xg.create_map(ds.gamma.center, "2 deg", "0.1 deg", frame="galactic")
    >>> reproject_to(ds.background, template).gamma.frame  # doctest: +SKIP
    'galactic'
    """
    if has_cells(array):
        return shared_cells(array, template, preserve_counts)
    _require_pixels(array)
    grid = Reprojection(array, template, method)
    if array.dtype == bool:
        return _on_template(array, over_pixels(array.variable, grid.flag, grid, bool), template)
    if not preserve_counts:
        return _on_template(array, over_pixels(array.variable, grid.mean, grid, float), template)
    source = array / sky.solid_angle(array)
    out = over_pixels(source.variable, grid.density, grid, float)
    return _on_template(array, out * sky.solid_angle(template).variable, template)


@operation
def upsample(array: xr.DataArray, factor: int, preserve_counts: bool = True) -> xr.DataArray:
    """Split each pixel of a map into smaller ones.

    Parameters
    ----------
    array : DataArray
        Map; other dimensions stay.
    factor : int
        Parts along ``y`` and ``x``.
    preserve_counts : bool
        Whether the value of a pixel is shared among its parts, or repeated.

    Returns
    -------
    array : DataArray
        Same frame and area, labels between the old ones.

    Raises
    ------
    XGammaError
        If the factor is not a positive whole number.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.5 deg")
    >>> fine = upsample((ds.gamma.separation((0, 0)) >= 0).astype(float), 2)
    >>> fine.shape, float(fine.sum()), fine.x.values
    ((4, 4), 4.0, array([-0.25,  0.25,  0.75,  1.25]))
    """
    _require_pixels(array)
    factor = whole(factor, "factor")
    variable = repeated(array.variable, dict.fromkeys(PIXELS, factor))
    coords = {dim: split_labels(array, dim, factor) for dim in PIXELS}
    if preserve_counts and array.dtype != bool:
        variable = variable / factor**2
    out = xr.DataArray(
        xr.Variable(variable.dims, variable.data, array.attrs),
        coords=_off_pixels(array) | coords,
        name=array.name,
    )
    return out.assign_coords(frame_coords(frame_attrs(array), coords["x"]))


def repeated(variable: xr.Variable, factors: dict[str, int]) -> xr.Variable:
    """Return a variable with each bin along some dims repeated; dask arrays stay lazy.

    Raises
    ------
    XGammaError
        If it would exceed the memory allowed.
    """
    size = 8 * sum(variable.sizes[d] * n for d, n in factors.items())
    if not is_lazy(variable):
        size += variable.size * math.prod(factors.values()) * variable.dtype.itemsize
    require_room(size, "The upsampled map", "use a smaller factor, or chunks of dask")
    return variable.isel(
        {d: np.repeat(np.arange(variable.sizes[d]), n) for d, n in factors.items()}
    )


def split_labels(obj: Labelled, dim: str, factor: int) -> xr.Variable:
    """Return the labels of pixels split into parts."""
    step = sky.label_step(obj, dim) / factor
    labels = np.atleast_1d(obj.coords[dim].values)
    shifts = (np.arange(factor) - (factor - 1) / 2) * step
    grid = (labels[:, np.newaxis] + shifts).ravel()
    return xr.Variable(dim, grid, {**obj.coords[dim].attrs, "step": step})
