"""Bring datasets onto another sky grid: every variable by its own rule."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.defaults import REPROJECTION
from xgamma.datasets.grid import Interpolation, Reprojection, over_pixels
from xgamma.datasets.masks import safe, warn_of_lost_weights
from xgamma.datasets.rules import (
    COARSE,
    MASKS,
    PIXELS,
    SUMMED,
    background_of_off,
    rebuilt,
    set_off_acceptance,
)
from xgamma.errors import ArgumentTypeError, FrameError, OutsideError
from xgamma.model import sky
from xgamma.model.axes import require_same_axis
from xgamma.model.create import irf_labels, label_variables
from xgamma.model.frame import frame_attrs
from xgamma.model.frame_index import FrameIndex
from xgamma.model.operation import operation
from xgamma.model.schema import AXES, variable_attrs
from xgamma.typing import LabelledLike

__all__ = ["interp_to", "reproject_to"]


@operation
def interp_to(ds: xr.Dataset, template: LabelledLike, name: str | None = None) -> xr.Dataset:
    """Interpolate a map dataset bilinearly at the pixel centres of another.

    This is fast, and accurate if the pixels have similar sizes and the maps are smooth. Counts are
    spread over neighbouring pixels and their sum is only approximately preserved; `reproject_to`
    preserves it.

    Parameters
    ----------
    ds : Dataset
        Map, on-off or not.
    template : Dataset or DataArray
        Defines the frame and pixels, and the coarse grid of the responses (if it has none, a grid
        as coarse as that of `ds` is used). Its axes must match those of `ds`.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        Counts and background: their surface density, interpolated between safe pixels, times the
        solid angle of the new ones. Exposure: interpolated. Masks: the nearest pixel. Responses:
        interpolated on the coarse grid, weighted with their exposures. On-off: the off acceptance
        gives the interpolated background. Pixels that the map does not cover are not safe. Lazy
        input gives a lazy result.

    Raises
    ------
    FrameError
        If the dataset or the template has no pixels, or they do not overlap.
    AxisError
        If the axes differ, or a variable over the pixels has no rule.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> goal = xg.create_map(ds.gamma.center, "1 deg", "0.05 deg", frame="galactic")
    >>> there = interp_to(ds, goal)
    >>> there.gamma.frame, there.sizes["x"]
    ('galactic', 20)
    """
    _check(ds, template)
    grid = Interpolation(ds, template)
    _require_overlap(bool(grid.inside.any()))
    return _regrid(ds, template, grid, name)


@operation
def reproject_to(
    ds: xr.Dataset, template: LabelledLike, method: str = REPROJECTION, name: str | None = None
) -> xr.Dataset:
    """Reproject a map dataset onto the pixels of another by the overlap of pixels.

    Parameters
    ----------
    ds : Dataset
        Map, on-off or not.
    template : Dataset or DataArray
        As in `interp_to`.
    method : {"exact", "adaptive"}
        How the package reproject averages over pixels: by their overlap on the sphere, which
        keeps sums to 1e-8 but takes seconds for large maps, or the faster anti-aliased
        resampling, which loses what lies at the border.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        Counts and background under the safe mask, their sums kept; exposure: the mean over
        the part of a pixel that the map covers; masks: any pixel that is touched; the rest as
        in `interp_to`.

    Raises
    ------
    MissingDataError
        If the package reproject is not installed.
    FrameError, AxisError
        As in `interp_to`.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> goal = xg.create_map(ds.gamma.center, "4 deg", "0.1 deg", frame="galactic")
    >>> total = reproject_to(ds, goal).counts.sum()  # doctest: +SKIP
    >>> bool(np.isclose(total, ds.counts.sum()))  # doctest: +SKIP
    True
    """
    _check(ds, template)
    pairs = ((ds, template), (template, ds))
    _require_overlap(any(Interpolation(*pair).inside.any() for pair in pairs))
    return _regrid(ds, template, Reprojection(ds, template, method), name)


def _same_frame(a: LabelledLike, b: LabelledLike) -> bool:
    return FrameIndex(frame_attrs(a)).equals(FrameIndex(frame_attrs(b)))


def _check(ds: xr.Dataset, template: LabelledLike) -> None:
    """Refuse what cannot be brought onto the template."""
    if not isinstance(template, xr.Dataset | xr.DataArray):
        raise ArgumentTypeError(
            f"template= must be a dataset or a map, not {type(template).__name__}: create one with xg.create_map."
        )
    for obj, what in ((ds, "The dataset"), (template, "The template")):
        if not set(PIXELS) <= set(obj.dims):
            raise FrameError(f"{what} has no pixels: only a map can be resampled onto a map.")
    for dim in AXES:
        if dim in ds.dims and dim in template.dims:
            require_same_axis(ds, template, dim)


def _require_overlap(overlap: bool) -> None:
    if not overlap:
        raise OutsideError(
            "The template lies outside the map: strings and pairs are positions in the frame of the template; use a SkyCoord for other frames."
        )


def _coarse_grid(ds: xr.Dataset, template: LabelledLike) -> xr.Dataset | None:
    """Return where responses go: a dataset with a coarse grid, or None where they stay.

    That of the template, if it has one; in the same frame they need not move; else a grid as
    coarse as theirs over the template's pixels.
    """
    if not set(COARSE) <= set(ds.dims):
        return None
    frame = template.coords["wcs"].variable
    if set(COARSE) <= set(template.coords):
        labels = {d: template.coords[d].variable for d in COARSE}
    elif _same_frame(ds, template):
        return None
    else:
        (sx, sy), (cx, cy) = sky.pixel_scale(template), sky.pixel_scale(ds, irf=True)
        parts = {}
        for dim, scale, coarse in (("y", sy, cy), ("x", sx, cx)):
            first = float(np.atleast_1d(template.coords[dim].values)[0])
            step = sky.label_step(template, dim)
            size = template.sizes[dim]
            parts[dim] = first + step * irf_labels(size, scale, min(coarse, size * scale))
        step = sky.label_step(template, "x") * cx / sx
        labels = label_variables(parts["x"], parts["y"], "_irf", step)
    return xr.Dataset(coords={**labels, "wcs": frame})


def _regrid(
    ds: xr.Dataset, template: LabelledLike, grid: Interpolation | Reprojection, name: str | None
) -> xr.Dataset:
    used = safe(ds)
    before, after = (sky.solid_angle(o).variable for o in (ds, template))

    def shared(variable: xr.Variable) -> xr.Variable:
        masks = () if used is None else (used,)
        density = over_pixels(variable / before, grid.density, grid, float, *masks)
        out = density * after
        return xr.Variable(out.dims, out.data, variable.attrs).transpose(*variable.dims)

    new = {key: shared(ds.variables[key]) for key in SUMMED if key in ds}
    if "acceptance_off" in ds:
        new["acceptance_off"] = shared(ds.variables["acceptance_off"])
    alpha_off = background_of_off(ds)
    if alpha_off is not None:
        set_off_acceptance(new, shared(alpha_off))
    if "exposure" in ds:
        variable = ds.variables["exposure"]
        dtype = variable.dtype if variable.dtype.kind == "f" else np.dtype(float)
        new["exposure"] = over_pixels(variable, grid.mean, grid, dtype)
    new |= _masks(ds, grid)
    coords = {d: template.coords[d].variable for d in PIXELS}
    dims = set(PIXELS)
    coarse = _coarse_grid(ds, template)
    if coarse is not None:
        new |= _responses(ds, coarse)
        coords |= {d: coarse.coords[d].variable for d in COARSE}
        dims |= set(COARSE)
    wcs = {str(key): value for key, value in frame_attrs(template).items()}
    return rebuilt(ds, dims, new, coords, name, wcs)


def _masks(ds: xr.Dataset, grid: Interpolation | Reprojection) -> dict[str, xr.Variable]:
    """Return the masks on the new pixels; what the map does not cover is not safe."""
    new = {}
    warn_of_lost_weights(ds)
    for key in MASKS:
        mask = safe(ds, key)
        if mask is not None:
            moved = over_pixels(mask, grid.flag, grid, bool)
            new[key] = xr.Variable(moved.dims, moved.data, ds.variables[key].attrs)
    if "mask_safe" not in new:
        covered = grid.flag(np.ones([ds.sizes[d] for d in PIXELS], dtype=bool))
        if not covered.all():
            sizes = {d: ds.sizes[d] for d in ("energy",) if d in ds.dims}
            flags = np.broadcast_to(covered, (*sizes.values(), *covered.shape)).copy()
            attrs = variable_attrs("mask_safe")
            new["mask_safe"] = xr.Variable((*sizes, *PIXELS), flags, attrs)
    return new


def _responses(ds: xr.Dataset, coarse: xr.Dataset) -> dict[str, xr.Variable]:
    """Interpolate responses onto another coarse grid, weighted with their exposures."""
    keys = [str(v) for v in ds.data_vars if set(COARSE) <= set(ds.variables[v].dims)]
    grid = Interpolation(ds, coarse, irf=True)

    def mean(variable: xr.Variable) -> xr.Variable:
        return over_pixels(variable, grid.mean, grid, float)

    new = {}
    for key in keys:
        variable, weight = ds.variables[key], ds.variables.get(f"{key}_exposure")
        if weight is None:
            moved = mean(variable)
        else:
            total = mean(variable.astype(float) * weight)
            norm = mean(weight)
            moved = (total / norm.where(norm > 0, 1.0)).where(norm > 0, 0.0)
        dtype = variable.dtype if variable.dtype.kind == "f" else np.dtype(float)
        data = moved.transpose(*variable.dims).astype(dtype).data
        new[key] = xr.Variable(variable.dims, data, variable.attrs)
    return new
