"""Group bins along one dimension: the one place where bins are summed, averaged or joined."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from xgamma.errors import AxisError
from xgamma.model.axes import axis_coords, coords_from_edges, edges, units_of
from xgamma.numerics.masked import under
from xgamma.typing import DTypeLike, LabelledLike

__all__ = ["group_axis", "group_edges", "group_variable", "mean_weighted"]

UFUNCS = {"sum": np.add, "mean": np.add, "any": np.logical_or}


def group_edges(obj: LabelledLike, dim: str, wanted: np.ndarray) -> np.ndarray:
    """Return the numbers of the edges of an axis that lie nearest to wanted ones.

    Parameters
    ----------
    obj : Dataset or DataArray
        With the axis.
    dim : str
        Its name.
    wanted : ndarray
        Increasing values in the unit of the axis.

    Returns
    -------
    numbers : ndarray of int
        Increasing; nearest in the scale of the axis.

    Raises
    ------
    AxisError
        If the wanted edges do not increase, or fewer than two of the axis are met.

    Examples
    --------
    >>> from xgamma.model.make_axes import energy_axis
    >>> group_edges(energy_axis(0.1, 10, 10), "energy", np.array([0.1, 0.3, 1, 3, 10]))
    array([ 0,  2,  5,  7, 10])
    """
    have = edges(obj, dim)
    if wanted.size < 2 or not np.all(np.diff(wanted) > 0):
        raise AxisError(f"The new edges of {dim!r} must be two or more increasing values.")
    log = axis_coords(obj, dim)[dim].attrs.get("interp") == "log" and have[0] > 0
    scaled, target = (
        (np.log(have), np.log(np.maximum(wanted, have[0] * 1e-6))) if log else (have, wanted)
    )
    numbers = np.unique(np.abs(scaled[:, np.newaxis] - target).argmin(axis=0))
    if numbers.size < 2:
        raise AxisError(
            f"The new edges of {dim!r} fall on the same edge of the axis: it runs from {have[0]:.4g} to {have[-1]:.4g} {units_of(obj, dim)}."
        )
    return numbers


def group_axis(obj: LabelledLike, dim: str, numbers: np.ndarray) -> dict[str, Any]:
    """Return the coordinates of an axis whose bins are joined between chosen edges."""
    attrs = axis_coords(obj, dim)[dim].attrs
    return coords_from_edges(
        edges(obj, dim)[numbers], dim, str(attrs.get("units", "")), str(attrs.get("interp", "lin"))
    )


def group_variable(
    variable: xr.Variable,
    dim: str,
    numbers: np.ndarray,
    how: str,
    used: xr.Variable | None = None,
    dtype: DTypeLike | None = None,
) -> xr.Variable:
    """Reduce groups of bins along one dimension.

    Parameters
    ----------
    variable : Variable
        With the dimension; a dask array stays lazy.
    dim : str
        Dimension.
    numbers : ndarray of int
        Edges of the groups, shape (groups + 1,).
    how : {"sum", "mean", "any"}
        What to do with a group.
    used : Variable, optional
        Mask over some of the dimensions: bins where it is False are left out, whatever they
        hold.
    dtype : dtype, optional
        Type of the result. By default, that of `variable`, but integers for sums of integers.

    Returns
    -------
    variable : Variable
        Same dims and attributes; sums are made in double precision (integers stay integers).
    """
    axis = variable.get_axis_num(dim)
    assert isinstance(axis, int)
    whole = numbers[0] == 0 and numbers[-1] == variable.sizes[dim]
    within = {} if whole else {dim: slice(int(numbers[0]), int(numbers[-1]))}
    arrays = [variable.isel(within) if within else variable]
    if used is not None:
        missing = {d: n for d, n in variable.sizes.items() if d not in used.dims}
        wide = used.set_dims({**missing, **used.sizes}) if missing else used
        wide = wide if wide.dims == variable.dims else wide.transpose(*variable.dims)
        arrays.append(wide.isel(within) if within else wide)
    inner = _sum_dtype(variable.dtype, how)
    result = _result_dtype(variable.dtype, how) if dtype is None else np.dtype(dtype)

    def reduce(
        block: np.ndarray, mask: np.ndarray | None = None, within: np.ndarray = numbers - numbers[0]
    ) -> np.ndarray:
        out = _accumulate(block, mask, within, axis, UFUNCS[how], inner)
        if how == "mean":
            shape = [1] * block.ndim
            shape[axis] = -1
            out = out / np.diff(within).reshape(shape)
        return out.astype(result, copy=False)

    if not any(hasattr(a.data, "dask") for a in arrays):
        return xr.Variable(
            variable.dims, reduce(*(np.asarray(a.data) for a in arrays)), variable.attrs
        )
    return xr.Variable(
        variable.dims, _by_chunks(reduce, arrays, dim, numbers - numbers[0], result), variable.attrs
    )


def _by_chunks(
    reduce: Callable[..., np.ndarray],
    arrays: list[xr.Variable],
    dim: str,
    numbers: np.ndarray,
    dtype: DTypeLike,
) -> Any:
    """Reduce dask arrays chunk by chunk; a chunk that ends within a group goes on to its end."""
    import dask.array

    axis = arrays[0].get_axis_num(dim)
    assert isinstance(axis, int)
    known = next((a.chunksizes[dim] for a in arrays if a.chunks is not None), ())
    ends = np.unique(np.searchsorted(numbers, np.cumsum(known)))
    bounds = np.append(0, ends[ends > 0])
    sizes = tuple(np.diff(numbers[bounds]).tolist())
    blocks = dask.array.broadcast_arrays(*(a.chunk({dim: sizes}).data for a in arrays))
    chunks = list(blocks[0].chunks)
    chunks[axis] = tuple(np.diff(bounds).tolist())

    def reduced(*parts: np.ndarray, block_info: Any = None) -> np.ndarray:
        at = block_info[0]["chunk-location"][axis]
        own = numbers[bounds[at] : bounds[at + 1] + 1]
        return reduce(parts[0], parts[1] if len(parts) > 1 else None, own - own[0])

    meta = np.empty([0] * len(chunks), dtype)
    return dask.array.map_blocks(reduced, *blocks, chunks=tuple(chunks), dtype=dtype, meta=meta)


def _accumulate(
    block: np.ndarray,
    mask: np.ndarray | None,
    numbers: np.ndarray,
    axis: int,
    ufunc: np.ufunc,
    dtype: DTypeLike,
) -> np.ndarray:
    """Reduce groups along an axis by adding whole slices: ``reduceat`` is slow on short groups."""
    if mask is not None and axis == 0 and ufunc is np.add:
        out = _sum_planes(block, mask, numbers, dtype)
        if out.dtype.kind != "f" or np.isfinite(out.sum()):
            return out
    if mask is not None:
        block = under(block, mask)
    sizes = np.diff(numbers)
    front: tuple[slice, ...] = (slice(None),) * axis
    if axis and (sizes == sizes[0]).all():
        step = int(sizes[0])
        out = block[(*front, slice(0, None, step))].astype(dtype)
        for k in range(1, step):
            ufunc(out, block[(*front, slice(k, None, step))], out=out)
        return out
    out = np.empty((*block.shape[:axis], sizes.size, *block.shape[axis + 1 :]), dtype)
    for group, (low, high) in enumerate(itertools.pairwise(numbers)):
        into = out[(*front, slice(group, group + 1))]
        into[...] = block[(*front, slice(int(low), int(low) + 1))]
        for k in range(int(low) + 1, int(high)):
            ufunc(into, block[(*front, slice(k, k + 1))], out=into)
    return out


def _sum_planes(
    block: np.ndarray, mask: np.ndarray, numbers: np.ndarray, dtype: DTypeLike
) -> np.ndarray:
    """Sum planes under a mask, each masked in the processor's cache; NaN is not kept out."""
    out = np.empty((numbers.size - 1, *block.shape[1:]), dtype)
    masked = np.empty((1, *block.shape[1:]), block.dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        for group, (low, high) in enumerate(itertools.pairwise(numbers)):
            into = out[group : group + 1]
            for k in range(int(low), int(high)):
                np.multiply(block[k : k + 1], mask[k : k + 1], out=masked)
                if k == low:
                    into[...] = masked
                else:
                    np.add(into, masked, out=into)
    return out


def _sum_dtype(dtype: np.dtype, how: str) -> Any:
    if how == "any":
        return bool
    return np.int64 if dtype.kind in "iub" and how == "sum" else np.float64


def _result_dtype(dtype: np.dtype, how: str) -> Any:
    """Return the dtype of a reduced variable: that of the input, but room for whole sums."""
    if how == "any":
        return bool
    if dtype.kind in "iub":
        return np.int64 if how == "sum" else np.float64
    return dtype


def mean_weighted(
    variable: xr.Variable, weight: xr.Variable, dim: str, numbers: np.ndarray
) -> xr.Variable:
    """Average groups of bins with weights; zero where the weights vanish.

    Parameters
    ----------
    variable, weight : Variable
        The weight need not have all dimensions of the variable.
    dim : str
        Dimension.
    numbers : ndarray of int
        Edges of the groups.

    Returns
    -------
    variable : Variable
        Same dims.
    """
    product = (variable.astype(float) * weight.astype(float)).transpose(*variable.dims)
    total = group_variable(product, dim, numbers, "sum")
    norm = group_variable(weight.astype(float), dim, numbers, "sum")
    safe = norm.where(norm > 0, 1.0)
    mean = (total / safe).where(norm > 0, 0.0).transpose(*variable.dims)
    return xr.Variable(variable.dims, mean.astype(variable.dtype).data, variable.attrs)
