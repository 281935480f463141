"""Keep dask-backed datasets lazy: an operation on whole maps becomes one task of the graph."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from xgamma.typing import DTypeLike

__all__ = ["await_threads", "hollow", "is_lazy", "labels_of", "postponed"]

Obj = TypeVar("Obj", xr.Dataset, xr.DataArray)


def is_lazy(*objects: object) -> bool:
    """Return whether any of these is, or holds, a dask array; dask is not imported for that.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> is_lazy(ds), is_lazy(ds.counts.chunk(), 3)
    (False, True)
    """
    for item in objects:
        if isinstance(item, xr.Dataset):
            if any(is_lazy(v) for v in item.variables.values()):
                return True
        elif hasattr(getattr(item, "data", item), "dask"):
            return True
    return False


def await_threads(seconds: float = 10.0) -> None:
    """Wait until the threads of dask have ended what they are at.

    When a task fails, dask raises at once; those that run beside it go on, and write what nobody
    wants any more.

    Parameters
    ----------
    seconds : float
        Longest time to wait.
    """
    if "dask.threaded" not in sys.modules:
        return
    from dask import config, threaded

    own = threaded.pools.get(threading.current_thread(), {})
    for pool in (config.get("pool", None), threaded.default_pool, *own.values()):
        if not isinstance(pool, ThreadPoolExecutor):
            continue
        # Each thread comes to the barrier once it has nothing else to do.
        barrier = threading.Barrier(pool._max_workers + 1)
        for _ in range(pool._max_workers):
            pool.submit(barrier.wait, seconds)
        try:
            barrier.wait(seconds)
        except threading.BrokenBarrierError:
            continue


def hollow(shape: Iterable[int], dtype: DTypeLike = float) -> np.ndarray:
    """Return zeros that take no memory: they say what an array will look like."""
    return np.broadcast_to(np.zeros((), dtype=dtype), tuple(shape))


def labels_of(
    ds: xr.Dataset, name: str, attrs: dict[str, Any], dtype: DTypeLike = float
) -> xr.DataArray:
    """Return a hollow array with the dims and coordinates of the counts.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    name : str
        Of the array.
    attrs : dict
        Its attributes.
    dtype : dtype
        Its type.

    Returns
    -------
    array : DataArray
        Zeros without memory.
    """
    dims = tuple(d for d in ("energy", "y", "x") if d in ds.dims)
    variable = xr.Variable(dims, hollow((ds.sizes[d] for d in dims), dtype), attrs)
    return ds.drop_vars(list(ds.data_vars)).assign({name: variable})[name]


def postponed(
    like: Obj,
    function: Callable[..., Any],
    *args: object,
    names: Iterable[str] | None = None,
    **kwargs: Any,
) -> Obj:
    """Return what a function will return, to be computed as one task.

    Parameters
    ----------
    like : Dataset or DataArray
        The result, with its labels and attributes; the values of what is postponed do not
        matter.
    function : callable
        Takes the arguments, computed.
    *args, **kwargs
        Its arguments; datasets and arrays among them may be dask-backed.
    names : iterable of str, optional
        Variables of a dataset to postpone. By default, all.

    Returns
    -------
    result : Dataset or DataArray
        As `like`, dask-backed.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> counts = example_map().counts
    >>> twice = postponed(counts, lambda array: 2 * array, counts.chunk())
    >>> int(twice.sum()) == 2 * int(counts.sum())
    True
    """
    from dask.array import from_delayed
    from dask.delayed import delayed

    if isinstance(like, xr.DataArray):
        whole = xr.Dataset({"array": like.variable})
        data = postponed(whole, _as_dataset, function, *args, **kwargs)["array"].data
        return like.copy(data=data)
    wanted = list(like.data_vars if names is None else names)
    forms = [(n, like[n].dims, like[n].dtype) for n in wanted]
    task = delayed(_values, pure=False, nout=len(forms))(function, forms, *args, **kwargs)
    variables = {
        n: (like[n].dims, from_delayed(task[k], like[n].shape, like[n].dtype), like[n].attrs)
        for k, n in enumerate(wanted)
    }
    return like.assign(variables)


def _as_dataset(function: Callable[..., Any], *args: object, **kwargs: object) -> xr.Dataset:
    return xr.Dataset({"array": function(*args, **kwargs).variable})


def _values(
    function: Callable[..., Any], forms: list[Any], *args: object, **kwargs: object
) -> list[np.ndarray]:
    """Do the task: the values of each variable, in the dims and type that were promised."""
    result = function(*args, **kwargs)
    out = []
    for name, dims, dtype in forms:
        values = np.asarray(result[name].variable.transpose(*dims).data)
        out.append(values if values.dtype == dtype else values.astype(dtype))
    return out
