"""Lazy operations that look at a neighbourhood of each pixel: one task for each block of pixels."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import xarray as xr

from xgamma.model.operation import later

__all__ = ["later_by_blocks"]

PIXELS = ("y", "x")


def later_by_blocks(
    ds: xr.Dataset,
    like: xr.Dataset,
    needs: Iterable[str],
    reach: tuple[int, int] = (0, 0),
    **others: Any,
) -> xr.Dataset:
    """Return what the operation that is running will give, each block of pixels as one task.

    The task calls the operation again, on the pixels of the block and those within its reach; so a
    part of the result reads that part of the dataset. A map of one block is one task: see
    `xgamma.model.operation.later`.

    Parameters
    ----------
    ds : Dataset
        What the operation was given as ``ds``, dask-backed.
    like : Dataset
        The result, with its labels and attributes.
    needs : iterable of str
        Variables that the operation looks at; the others are not read.
    reach : (int, int)
        How many pixels along y and x it looks away.
    **others : DataArray or None
        Further arguments: those on the pixels of the dataset are cut like it.

    Returns
    -------
    result : Dataset
        As `like`, dask-backed.
    """
    wanted = set(needs)
    ds = ds.drop_vars([name for name in ds.data_vars if name not in wanted])
    edges = [_edges(ds, dim) for dim in PIXELS]
    if max(map(len, edges)) <= 2:
        return later(like, ds=ds, **others)
    rows = []
    for y in itertools.pairwise(edges[0]):
        row = []
        for x in itertools.pairwise(edges[1]):
            window, core = _window(ds, (y, x), reach)
            cut = {n: _cut(value, ds, window) for n, value in others.items()}
            whole = like.isel(window)
            made = later(whole, ds=ds.isel(window), **cut)
            row.append({str(n): made[n].variable.isel(core) for n in made.data_vars})
        rows.append(row)
    return like.assign({n: _joined(n, rows) for n in map(str, like.data_vars)})


def _edges(ds: xr.Dataset, dim: str) -> list[int]:
    """Return where blocks begin and end: those of the variable that is cut most."""
    chunks = [
        v.chunksizes[dim] for v in ds.variables.values() if v.chunks is not None and dim in v.dims
    ]
    most = max(chunks, key=len, default=(ds.sizes.get(dim, 0),))
    return [0, *np.cumsum(most).tolist()]


def _window(
    ds: xr.Dataset, block: tuple[tuple[int, int], ...], reach: tuple[int, int]
) -> tuple[dict[str, slice], dict[str, slice]]:
    """Return a block with what lies in its reach, and where the block is in that."""
    window, core = {}, {}
    for dim, (start, stop), margin in zip(PIXELS, block, reach, strict=True):
        low, high = max(start - margin, 0), min(stop + margin, ds.sizes[dim])
        window[dim], core[dim] = slice(low, high), slice(start - low, stop - low)
    return window, core


def _cut(value: Any, ds: xr.Dataset, window: dict[str, slice]) -> Any:
    """Return the part of a map on the pixels of the dataset; anything else as it is."""
    if isinstance(value, xr.DataArray) and all(
        d in value.dims and value.sizes[d] == ds.sizes[d] for d in PIXELS
    ):
        return value.isel(window)
    return value


def _joined(name: str, rows: list[list[dict[str, xr.Variable]]]) -> xr.Variable:
    """Return the blocks of a variable as one."""
    strips: Iterator[xr.Variable] = (
        xr.Variable.concat([cell[name] for cell in row], "x") for row in rows
    )
    whole: xr.Variable = xr.Variable.concat(list(strips), "y")
    return whole
