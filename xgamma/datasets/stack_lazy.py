"""Stack dask-backed datasets: the template of the result, and the task that computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.lazy import hollow, is_lazy, postponed
from xgamma.datasets.mosaic import Mosaic
from xgamma.datasets.placing import COARSE, FINE, place
from xgamma.datasets.stack_blocks import summed_by_blocks

__all__ = ["added_up", "stack_lazily"]

TABLES = {"obs", "gti"}


def added_up(
    template: xr.Dataset, parts: Sequence[xr.Dataset], name: str | None = None
) -> xr.Dataset:
    """Return the sum of datasets on a template."""
    mosaic = Mosaic(template)
    for part in parts:
        mosaic.add(part)
    return mosaic.to_dataset(name)


def stack_lazily(
    template: xr.Dataset, parts: Sequence[xr.Dataset], name: str | None = None
) -> xr.Dataset:
    """Return a sum that is computed when it is asked for: maps of pixels by blocks, the rest as one task.

    Tables of runs and good times are small and decide on the sizes of the result, so they are
    read at once. The livetime of a dataset that is unsafe everywhere does not count, as in an
    eager sum, if its mask is in memory. What a dask-backed mask hides is not known before it is
    computed, while an attribute is a number now: there the livetime counts.

    Parameters
    ----------
    template : Dataset
        Labels and axes of the result.
    parts : sequence of Dataset
        As `xgamma.datasets.stack.stack`, at least one dask-backed.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        Dask-backed.
    """
    for part in parts:
        for dims in (FINE, COARSE):
            place(template, part, dims)
    first = _pixel(template)
    thin = added_up(first, [_outline(part, first) for part in parts], name)
    sizes: dict[Any, int] = {
        **thin.sizes,
        **{d: template.sizes[d] for d in (*FINE, *COARSE) if d in thin.dims},
    }
    maps = {
        n: (v.dims, hollow((sizes[d] for d in v.dims), v.dtype), v.attrs)
        for n, v in thin.data_vars.items()
        if set(v.dims) - TABLES
    }
    order = {n: maps[n] if n in maps else thin[n].variable for n in thin.data_vars}
    like = template.drop_vars(list(template.data_vars)).assign(order)
    like.attrs = thin.attrs
    blocks = summed_by_blocks(template, parts, like)
    rest = [str(n) for n in maps if n not in blocks]
    # Not `later`: several operations come here, and none was given just these parts.
    whole = postponed(like, added_up, template, list(parts), name, names=rest) if rest else like
    return whole.assign(blocks)


def _pixel(ds: xr.Dataset) -> xr.Dataset:
    """Return the first pixel of both grids."""
    return ds.isel({d: slice(0, 1) for d in (*FINE, *COARSE) if d in ds.dims})


def _outline(ds: xr.Dataset, first: xr.Dataset) -> xr.Dataset:
    """Return a dataset without values on a single pixel, its tables read.

    All of it is safe, unless the mask is in memory and nothing is.
    """
    one = _pixel(ds)
    mask = ds.variables.get("mask_safe")
    hidden = mask is not None and not is_lazy(mask) and not mask.values.any()
    one = one.assign_coords({d: first.coords[d] for d in (*FINE, *COARSE) if d in one.dims})
    values = {
        n: v.variable.copy(data=np.full(v.shape, v.dtype == bool and not hidden, dtype=v.dtype))
        for n, v in one.data_vars.items()
        if set(v.dims) - TABLES
    }
    return one.assign(values).load()
