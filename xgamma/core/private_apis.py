"""All private interfaces of other libraries that are used, in one place.

Each name says why there is no public way, and has a test (tests/core/test_private_apis.py) that
fails where a new version moves it. Nothing else in xgamma imports a private module.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

# The base of lazy arrays is public; the adapters around it are what xarray's page "How to add a
# new backend" tells backends to use, though they lie in `xarray.core`.
from xarray.backends import BackendArray

# Paths and addresses as the Zarr engine of xarray takes them; ours extends it.
from xarray.backends.common import _normalize_path as normalize_path

# xarray holds this lock while it reads values of NetCDF files. The library crashes when another
# thread enters it, so our own lock must hold it too; xarray offers no other handle.
# What reads the values, where bare errors about damaged files arise.
from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK, NetCDF4ArrayWrapper

# What reads a chunk, where zarr's bare errors about damaged ones arise.
from xarray.backends.zarr import ZarrArrayWrapper
from xarray.core import indexing

__all__ = [
    "NETCDF4_PYTHON_LOCK",
    "BackendArray",
    "NetCDF4ArrayWrapper",
    "ZarrArrayWrapper",
    "buffer_prototype",
    "ensure_open",
    "grown",
    "indexing",
    "naima_table",
    "normalize_path",
    "replace_array",
    "sync",
]

T = TypeVar("T")


def replace_array(variable: Any, kind: type, by: Callable[[Any], Any]) -> None:
    """Put a lazy Zarr array of our own into a variable that xarray has opened.

    The class of the array cannot be chosen through the engine.
    """
    inner: Any = getattr(variable._data, "array", None)
    found: bool = type(inner) is kind
    if found:
        variable._data.array = by(inner._array)


def grown(
    ds: Any, variables: Mapping[Any, Any], sizes: Mapping[Any, int], attrs: dict[Any, Any]
) -> Any:
    """Return a dataset with more data variables, of known sizes, and other attributes.

    ``Dataset.assign`` aligns and merges every coordinate again, in 3,500 calls of functions.
    """
    every = {**ds._variables, **variables}
    # Attributes belong to one dataset, values to all.
    own = {name: variable.copy(deep=False) for name, variable in every.items()}
    return ds._replace(variables=own, dims=dict(sizes), attrs=attrs)


def sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of a Zarr store to its end.

    The methods of stores are coroutines, and the loop in which zarr runs them is its own: one of
    another loop would hold connections that zarr's cannot use.
    """
    from zarr.core.sync import sync

    return sync(coroutine)


def buffer_prototype() -> Any:
    """Return what makes the buffers that Zarr stores take and give.

    ``Store.get`` needs one, and ``zarr.buffer`` has only the kinds for CPU and GPU, not the one
    that is configured.
    """
    from zarr.core.buffer import default_buffer_prototype

    return default_buffer_prototype()


def ensure_open(store: Any) -> None:
    """Open a Zarr store that is not: what zarr does before each use, but not before ``is_empty``."""
    sync(store._ensure_open())


def naima_table(table: Any) -> tuple[Any, Any]:
    """Return energies and values of a ``naima.models.TableModel``, which has no public ones."""
    return table._energy, table._values
