"""Bring maps onto another sky grid: by interpolation, or with what they hold kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma import sky
from xgamma.deferred import hollow, is_lazy, postponed
from xgamma.errors import MissingDataError, XGammaError
from xgamma.frame import FrameIndex, frame_attrs, header_key, wcs_from_key

__all__ = ["interp_to", "reproject_to", "upsample"]

PIXELS = ("y", "x")


def _on_template(array: xr.DataArray, values: np.ndarray, template: Any) -> xr.DataArray:
    """Label values of shape (..., ny, nx) with the pixels of a template."""
    rest = [d for d in array.dims if d not in PIXELS]
    coords = {k: v for k, v in array.coords.items() if not set(v.dims) & set(PIXELS) and k != "wcs"}
    coords |= {d: template.coords[d].variable for d in PIXELS}
    out = xr.DataArray(
        values, dims=(*rest, *PIXELS), coords=coords, attrs=array.attrs, name=array.name
    )
    keywords = dict(frame_attrs(template))
    index = xr.Coordinates(
        {"wcs": xr.Variable((), 0, keywords)}, indexes={"wcs": FrameIndex(keywords)}
    )
    return out.assign_coords(index)


def _pixels_of(template: Any) -> xr.Dataset:
    """Return the pixels and the frame of a template, without its maps."""
    return xr.Dataset(coords=template.coords)


def _hollow(array: xr.DataArray, template: Any) -> xr.DataArray:
    """Return what a map will look like on the pixels of a template."""
    shape = [array.sizes[d] for d in array.dims if d not in PIXELS]
    shape += [template.sizes[d] for d in PIXELS]
    return _on_template(array, hollow(shape, bool if array.dtype == bool else float), template)


def interp_to(array: xr.DataArray, template: Any, preserve_counts: bool = False) -> xr.DataArray:
    """Interpolate a map bilinearly at the pixel centres of another.

    Parameters
    ----------
    array : DataArray
        Map; other dimensions stay.
    template : Dataset or DataArray
        Gives frame and pixels.
    preserve_counts : bool
        Whether the map holds counts per pixel: then their surface density is interpolated.

    Returns
    -------
    array : DataArray
        On the pixels of the template, zero (False) outside the map; a mask takes the nearest
        pixel.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg")
    >>> other = xg.create_map((0, 0), "1 deg", "0.1 deg", frame="galactic", proj="TAN")
    >>> interp_to(ds.gamma.separation((0, 0)), other).shape
    (10, 10)
    """
    if is_lazy(array):
        like = _hollow(array, template)
        return postponed(like, interp_to, array, _pixels_of(template), preserve_counts)
    from scipy.ndimage import map_coordinates

    vectors = sky.pixel_vectors(template)
    rotation = (
        sky.rotation_from_icrs(sky.frame_of(array))
        @ sky.rotation_from_icrs(sky.frame_of(template)).T
    )
    there = np.tensordot(rotation, vectors, axes=1)
    lon, lat = sky.sphere.vector_to_lonlat(there)
    x, y = sky.lonlat_to_pix(array, lon, lat)
    at = []
    for dim, value in (("y", y), ("x", x)):
        labels = np.atleast_1d(array.coords[dim].values)
        at.append((value - labels[0]) / sky.label_step(array, dim))
    shape = [array.sizes[d] for d in PIXELS]
    inside = np.all([(a >= -0.5) & (a <= n - 0.5) for a, n in zip(at, shape, strict=True)], axis=0)
    source = array / sky.solid_angle(array) if preserve_counts else array
    flag = array.dtype == bool
    stack = np.asarray(source.transpose(..., *PIXELS).values, dtype=float)
    flat = stack.reshape(-1, *stack.shape[-2:])
    out = np.stack([map_coordinates(v, at, order=0 if flag else 1, mode="nearest") for v in flat])
    out = np.where(inside, out, 0.0).reshape(*stack.shape[:-2], *inside.shape)
    if preserve_counts:
        out = out * sky.solid_angle(template).values
    return _on_template(array, out.astype(bool) if flag else out, template)


def reproject_to(
    array: xr.DataArray, template: Any, preserve_counts: bool = False, method: str = "exact"
) -> xr.DataArray:
    """Reproject a map onto the pixels of another, every bit of area where it belongs.

    Parameters
    ----------
    array : DataArray
        Map; other dimensions stay.
    template : Dataset or DataArray
        Gives frame and pixels.
    preserve_counts : bool
        Whether the map holds counts per pixel, whose sum is then kept; otherwise its mean is.
    method : {"exact", "adaptive"}
        Spherical overlap of pixels, or the faster anti-aliased resampling.

    Returns
    -------
    array : DataArray
        On the pixels of the template, zero outside the map.

    Raises
    ------
    MissingDataError
        If the package reproject is not installed.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> import xgamma as xg
    >>> ds = example_map()
    >>> template = xg.create_map("83.63d 22.01d", "2 deg", "0.1 deg", frame="galactic")
    >>> reproject_to(ds.background, template).gamma.frame  # doctest: +SKIP
    """
    try:
        from reproject import reproject_adaptive, reproject_exact
    except ImportError:
        raise MissingDataError(
            "Reprojection needs the package reproject: pip install reproject."
        ) from None
    from xgamma.io.fits_frame import image_keywords

    methods = {"exact": reproject_exact, "adaptive": reproject_adaptive}
    if method not in methods:
        raise XGammaError(f"method={method!r} is not known: use 'exact' or 'adaptive'.")
    if is_lazy(array):
        like = _hollow(array, template)
        return postponed(like, reproject_to, array, _pixels_of(template), preserve_counts, method)
    source = array / sky.solid_angle(array) if preserve_counts else array
    wcs, goal = (wcs_from_key(header_key(image_keywords(o))) for o in (array, template))
    shape = tuple(template.sizes[d] for d in PIXELS)
    stack = np.asarray(source.transpose(..., *PIXELS).values, dtype=float)
    flat = stack.reshape(-1, *stack.shape[-2:])
    parts = []
    for image in flat:
        values, footprint = methods[method]((image, wcs), goal, shape_out=shape)
        # The mean is over the part of a pixel that the map covers; counts are in that part only.
        parts.append(np.nan_to_num(values * footprint if preserve_counts else values))
    out = np.stack(parts).reshape(*stack.shape[:-2], *shape)
    if preserve_counts:
        out = out * sky.solid_angle(template).values
    return _on_template(array, out, template)


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
    if int(factor) != factor or factor < 1:
        raise XGammaError(f"factor={factor!r} must be a positive whole number.")
    factor = int(factor)
    variable = array.variable
    coords = {}
    for dim in PIXELS:
        number = np.repeat(np.arange(array.sizes[dim]), factor)
        variable = variable.isel({dim: number})
        step = sky.label_step(array, dim) / factor
        labels = np.atleast_1d(array.coords[dim].values)
        shifts = (np.arange(factor) - (factor - 1) / 2) * step
        grid = (labels[:, np.newaxis] + shifts).ravel()
        coords[dim] = (dim, grid, {**array.coords[dim].attrs, "step": step})
    if preserve_counts and array.dtype != bool:
        variable = variable / factor**2
    kept = {k: v for k, v in array.coords.items() if not set(v.dims) & set(PIXELS) and k != "wcs"}
    out = xr.DataArray(
        xr.Variable(variable.dims, variable.data, array.attrs),
        coords=kept | coords,
        name=array.name,
    )
    return out.assign_coords(
        xr.Coordinates(
            {"wcs": array.coords["wcs"].variable}, indexes={"wcs": FrameIndex(frame_attrs(array))}
        )
    )
