"""Position of a dataset in a mosaic, and its arrays and masks with the spatial dims first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from xgamma.datasets.masks import corner_pixels, safe
from xgamma.errors import FrameError
from xgamma.model import sky
from xgamma.model.axes import centers_in, edges_in
from xgamma.typing import DTypeLike, LabelledLike

__all__ = [
    "COARSE",
    "FINE",
    "coarse_pixels",
    "migration_mask",
    "place",
    "row_blocks",
    "rows_first",
    "safe_bins",
    "shown_blocks",
    "spatial_dims",
    "zeros_in_order_of",
]

FINE = ("y", "x")
COARSE = ("y_irf", "x_irf")

# Values worked on at once: what they become on the way to a sum stays in the processor's cache.
BLOCK = 2**17


def spatial_dims(obj: LabelledLike, dims: tuple[str, str]) -> tuple[str, ...]:
    """Return the dims, of a pair, that an object has."""
    return tuple(d for d in dims if d in obj.dims)


def rows_first(ds: xr.Dataset, name: str, dims: tuple[str, ...]) -> np.ndarray:
    """Return values with the spatial dims first, where the makers leave them contiguous."""
    variable = ds.variables[name]
    if variable.dims == dims:
        return np.asarray(variable.data)
    return np.asarray(variable.transpose(*dims).data)


def row_blocks(values: np.ndarray) -> Iterator[slice]:
    """Yield slices of the first axis, so that temporaries are small beside the whole.

    An array without axes, or whose first axis is not the slowest in memory, is one block.
    """
    if not values.ndim:
        yield slice(None)
        return
    step = values.shape[0]
    if values.size and abs(values.strides[0]) == max(map(abs, values.strides)):
        step = min(step, max(1, BLOCK * step // values.size))
    for start in range(0, values.shape[0], max(step, 1)):
        yield slice(start, start + step)


def shown_blocks(values: np.ndarray, image: np.ndarray) -> Iterator[tuple[slice, ...]]:
    """Yield blocks of rows, and of the columns in which a pixel of theirs is shown.

    What no pixel shows is neither read nor, in a sum, written: the corners around a field of view.

    Parameters
    ----------
    values : ndarray
        Spatial dims first.
    image : ndarray of bool
        Pixels that are shown, shape (y, x), or one number.
    """
    for rows in row_blocks(values):
        if image.ndim < 2:
            yield (rows,)
            continue
        seen = np.flatnonzero(image[rows].any(axis=0))
        if seen.size:
            yield rows, slice(int(seen[0]), int(seen[-1]) + 1)


def zeros_in_order_of(like: np.ndarray, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return zeros whose axes lie in memory as those of another array.

    The system gives their memory when they are first added to, unlike that of `numpy.zeros_like`.
    """
    order = sorted(range(like.ndim), key=lambda k: -abs(like.strides[k]))
    zeros = np.zeros([shape[k] for k in order], dtype)
    return zeros.transpose(np.argsort(order))


def place(template: xr.Dataset, ds: xr.Dataset, dims: tuple[str, str]) -> tuple[slice, ...]:
    """Return the position of a dataset's labels in a template.

    Parameters
    ----------
    template, ds : Dataset
        On one frame.
    dims : tuple of str
        Spatial dimensions, of one grid.

    Returns
    -------
    where : tuple of slice
        One for each of the dimensions that the dataset has.

    Raises
    ------
    FrameError
        If the pixels do not agree, or the dataset reaches beyond the template.
    """
    slices = []
    for dim in spatial_dims(ds, dims):
        step = sky.label_step(template, dim)
        labels, mine = ds.variables[dim].values, template.variables[dim].values
        start = (labels[0] - mine[0]) / step
        first = round(start)
        if abs(start - first) > 1e-3 or abs(sky.label_step(ds, dim) - step) > 1e-6 * step:
            raise FrameError(
                f"The pixels along {dim!r} are not aligned with those of the mosaic: create both from the same template, or reproject."
            )
        if first < 0 or first + labels.size > mine.size:
            raise FrameError(
                f"The dataset {ds.attrs.get('name', '')!r} extends beyond the mosaic along {dim!r}: cut it out first (ds.gamma.cutout), or use a larger template."
            )
        slices.append(slice(first, first + labels.size))
    return tuple(slices)


def safe_bins(ds: xr.Dataset) -> np.ndarray:
    """Return the safe mask (y, x, energy), true where there is none."""
    dims = (*spatial_dims(ds, FINE), "energy")
    used = safe(ds)
    if used is not None:
        return np.asarray(used.transpose(*dims).data)
    return np.ones([ds.sizes[d] for d in dims], dtype=bool)


def coarse_pixels(ds: xr.Dataset, mask: np.ndarray) -> np.ndarray:
    """Return a mask (y, x, energy) on the coarse grid; see `xgamma.datasets.masks.coarse_mask`."""
    if not spatial_dims(ds, COARSE):
        return mask
    (y0, y1), (x0, x1) = (corner_pixels(ds, dim) for dim in FINE)
    out: np.ndarray = mask[np.ix_(y0, x0)]
    for y, x in ((y0, x1), (y1, x0), (y1, x1)):
        out = out | mask[np.ix_(y, x)]
    return out


def migration_mask(ds: xr.Dataset, mask: np.ndarray) -> np.ndarray:
    """Return the mask over true energy and migration: reconstructed energy is their product."""
    energy = np.multiply.outer(centers_in(ds, "energy_true", "TeV"), ds["migra"].values)
    edges = edges_in(ds, "energy", "TeV")
    bins = np.clip(np.searchsorted(edges, energy, side="right") - 1, 0, edges.size - 2)
    outside = (energy < edges[0]) | (energy >= edges[-1])
    values: np.ndarray = mask[..., bins] | outside
    return values
