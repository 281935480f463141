"""Lazy sums of maps pixel block by pixel block: a part of the sum reads those parts of its terms."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import xarray as xr

from xgamma.core.lazy import postponed
from xgamma.datasets.mosaic import Mosaic
from xgamma.datasets.onoff import is_onoff
from xgamma.datasets.placing import FINE, place
from xgamma.model.schema import VARIABLES

__all__ = ["BLOCKWISE", "summed_by_blocks"]

# Sums in which a pixel depends on the same pixel of each dataset, and on its safe mask, alone.
BLOCKWISE = ("counts", "background", "exposure", "mask_safe")
Window = tuple[slice, ...]


def summed_by_blocks(
    template: xr.Dataset, parts: Sequence[xr.Dataset], like: xr.Dataset
) -> dict[str, xr.Variable]:
    """Return those variables of a sum that can be made block by block.

    Parameters
    ----------
    template : Dataset
        Labels of the sum.
    parts : sequence of Dataset
        What is summed; at least one dask-backed.
    like : Dataset
        The sum, with its dims, types and attributes; the values do not matter.

    Returns
    -------
    variables : dict of str to Variable
        Dask-backed, each in the blocks of the parts; none of an on-off sum (its acceptances need
        the sums over the whole map) or of spectra.
    """
    if "x" not in template.dims or any(is_onoff(part) for part in parts):
        return {}
    edges = [_edges(template, parts, dim) for dim in FINE]
    if max(map(len, edges)) <= 2:
        return {}
    bare = template.drop_vars(list(template.data_vars))
    places = [place(template, part, FINE) for part in parts]
    found = {}
    for name in BLOCKWISE:
        if name not in like:
            continue
        cut = [part.drop_vars(set(part.data_vars) - {name, "mask_safe"}) for part in parts]
        strips = []
        for y in itertools.pairwise(edges[0]):
            row = [
                _block(bare, cut, places, like[[name]], (slice(*y), slice(*x)))
                for x in itertools.pairwise(edges[1])
            ]
            strips.append(xr.Variable.concat(row, "x"))
        whole = xr.Variable.concat(strips, "y").transpose(*like[name].dims)
        found[name] = xr.Variable(whole.dims, whole.data, like[name].attrs)
    return found


def _edges(template: xr.Dataset, parts: Sequence[xr.Dataset], dim: str) -> list[int]:
    """Return where blocks begin and end: as the chunks of the largest part, on and on."""
    chunks = [
        variable.chunksizes[dim]
        for part in parts
        for variable in part.variables.values()
        if variable.chunks is not None and dim in variable.dims
    ]
    total = template.sizes[dim]
    best = max(chunks, key=lambda c: (sum(c), len(c)), default=(total,))
    if sum(best) == total:
        return [0, *np.cumsum(best).tolist()]
    return [*range(0, total, max(best)), total]


def _block(
    template: xr.Dataset,
    parts: Sequence[xr.Dataset],
    places: Sequence[Window],
    like: xr.Dataset,
    block: Window,
) -> xr.Variable:
    """Return one variable of the sum on a block of pixels."""
    window = dict(zip(FINE, block, strict=True))
    (name,) = map(str, like.data_vars)
    inside = []
    for part, where in zip(parts, places, strict=True):
        own = {
            dim: slice(max(b.start - w.start, 0), min(b.stop, w.stop) - w.start)
            for dim, b, w in zip(FINE, block, where, strict=True)
        }
        if all(s.start < s.stop for s in own.values()):
            inside.append(part.isel(own))
    here = like.isel(window)
    if not inside:
        from dask.array import zeros

        variable = here[name].variable
        return variable.copy(data=zeros(variable.shape, dtype=variable.dtype))
    made = postponed(here, _sum, template.isel(window), inside, name)
    return made[name].variable


def _sum(template: xr.Dataset, parts: Sequence[xr.Dataset], name: str) -> xr.Dataset:
    """Do the task; where nothing has the variable, the sum is zero."""
    mosaic = Mosaic(template)
    for part in parts:
        mosaic.add(part)
    made = mosaic.to_dataset()
    if name in made:
        return made
    dims = [d for d in VARIABLES[name].dims if d in template.dims]
    return made.assign({name: (dims, np.zeros([template.sizes[d] for d in dims]))})
