"""HEALPix maps brought onto the pixels of a WCS."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy import sparse

from xgamma.model import sky
from xgamma.model.cells import CELL, FRAME, IDS, Cells
from xgamma.model.frame import frame_attrs, frame_coords
from xgamma.typing import LabelledLike

__all__ = ["cells_to_pixels", "shared_cells"]

# A pixel of which less than this part has neighbouring cells is not covered.
COVERED = 0.5


def cells_to_pixels(
    array: xr.DataArray, template: LabelledLike, preserve_counts: bool = False
) -> xr.DataArray:
    """Interpolate a HEALPix map bilinearly, from the four nearest cells, at pixel centres.

    Parameters
    ----------
    array : DataArray
        Map with the dim ``cell``.
    template : Dataset or DataArray
        Defines the frame and pixels.
    preserve_counts : bool
        Whether the map holds counts per cell: then their surface density is interpolated.

    Returns
    -------
    array : DataArray
        On the pixels of the template, zero where cells are missing.
    """
    cells = Cells.of(array)
    matrix = cells.bilinear(template)
    if array.dtype == bool:
        return _labelled(array, _mean(matrix, array, COVERED) > COVERED, template)
    values = _mean(matrix, array, COVERED)
    if preserve_counts:
        values = values / cells.solid_angle * sky.pixel_solid_angle(template)
    return _labelled(array, values, template)


def shared_cells(
    array: xr.DataArray, template: LabelledLike, preserve_counts: bool = False
) -> xr.DataArray:
    """Share the cells of a HEALPix map among pixels by the parts of them that lie in each.

    Parameters
    ----------
    array : DataArray
        Map with the dim ``cell``.
    template : Dataset or DataArray
        Defines the frame and pixels.
    preserve_counts : bool
        Whether the map holds counts per cell, whose sum is then kept; otherwise its mean is.

    Returns
    -------
    array : DataArray
        On the pixels of the template, zero outside the map.
    """
    matrix = Cells.of(array).shares(template)
    if array.dtype == bool:
        return _labelled(array, _times(matrix, array) > 0, template)
    values = _times(matrix, array) if preserve_counts else _mean(matrix, array, 0.0)
    return _labelled(array, values, template)


def _rows(array: xr.DataArray) -> tuple[np.ndarray, tuple[int, ...]]:
    moved = array.transpose(..., CELL)
    return np.asarray(moved.values, dtype=float).reshape(-1, moved.sizes[CELL]), moved.shape[:-1]


def _times(matrix: sparse.csr_array, array: xr.DataArray) -> np.ndarray:
    """Sum over cells; those not seen (NaN) count as nothing."""
    rows, shape = _rows(array)
    return np.asarray((matrix @ np.nan_to_num(rows).T).T).reshape(*shape, -1)


def _mean(matrix: sparse.csr_array, array: xr.DataArray, least: float) -> np.ndarray:
    """Average over the cells that were seen; zero where they are too few."""
    rows, shape = _rows(array)
    seen = np.isfinite(rows)
    total = np.asarray((matrix @ np.where(seen, rows, 0.0).T).T)
    if seen.all():
        weight = np.broadcast_to(np.asarray(matrix.sum(axis=1)).ravel(), total.shape)
    else:
        weight = np.asarray((matrix @ seen.astype(float).T).T)
    good = weight > least
    mean: np.ndarray = np.divide(total, weight, out=np.zeros_like(total), where=good)
    return mean.reshape(*shape, -1)


def _labelled(array: xr.DataArray, values: np.ndarray, template: LabelledLike) -> xr.DataArray:
    """Label flat pixels with those of a template."""
    dims = [str(dim) for dim in array.dims if dim != CELL]
    shape = [array.sizes[dim] for dim in dims]
    cube = values.reshape(*shape, template.sizes["y"], template.sizes["x"])
    coords: dict[Any, Any] = {
        name: c.variable
        for name, c in array.coords.items()
        if CELL not in c.dims and name not in (FRAME, IDS)
    }
    coords |= {dim: template.coords[dim].variable for dim in ("y", "x")}
    out = xr.DataArray(
        xr.Variable((*dims, "y", "x"), cube, array.attrs), coords=coords, name=array.name
    )
    return out.assign_coords(frame_coords(frame_attrs(template), template.coords["x"]))
