"""NetCDF files: their groups written in one go, and opened, with threads kept apart."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import CachingFileManager, NetCDF4DataStore

from xgamma.core.bounds import bytes_of, require_room
from xgamma.core.heavy import netCDF4
from xgamma.core.lazy import await_threads, is_lazy
from xgamma.core.write_errors import let_go
from xgamma.errors import MissingDataError
from xgamma.io.hdf5_lock import hdf5_lock
from xgamma.io.manifest import SEAL
from xgamma.io.netcdf_engine import GuardedNetCDF
from xgamma.io.netcdf_seal import SUMMED, add_sum, check_sum

__all__ = ["begin_file", "open_netcdf", "write_groups"]

# More than a file without values takes.
FIRST_BYTES = 2**16


def write_groups(
    groups: Mapping[str, xr.Dataset],
    path: Path,
    encoding: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write datasets as the groups of a new NetCDF file.

    The NetCDF library goes over all groups of a file when the first values follow a definition.
    `xarray.DataTree.to_netcdf` fills each variable as soon as it is defined, so its time grows as
    the square of the number of groups; here the library goes over them once.

    Parameters
    ----------
    groups : mapping of str to Dataset
        Path in the file to contents, the root's first.
    path : Path
        File to make.
    encoding : mapping of str to mapping
        Encoding of the variables of each group.
    """
    begin_file(path)
    groups = {**groups, "/": groups["/"].assign_attrs(dict([SUMMED]))}
    # Workers elsewhere take xarray's lock of the file, which holds across processes.
    lock = hdf5_lock() if _in_this_process() else None
    later = _Later()
    with lock or nullcontext():
        root = NetCDF4DataStore.open(path, mode="w", format="NETCDF4", lock=lock)
    try:
        with lock or nullcontext():
            for place, ds in groups.items():
                store = root if place == "/" else root.get_child_store(place)
                ds.dump_to_store(store, writer=later, encoding=encoding[place])
        later.write(root)
        with lock or nullcontext():
            # What does not fit on the disk is known here, while the file can still be closed.
            root.ds.sync()
    except BaseException:
        await_threads()
        let_go(path)
        # The library may miss what it wrote before; why the writing failed matters more.
        with suppress(OSError, RuntimeError):
            root.close()
        raise
    root.close()
    add_sum(path)


def begin_file(path: Path) -> None:
    """Make a new file with room for a first header, or fail before the libraries begin.

    HDF5 never lets go of a file whose first bytes it cannot write, and takes the next file in its
    place on the disk for the same one.

    Parameters
    ----------
    path : Path
        Temporary file.

    Raises
    ------
    OSError
        If there is no room.
    """
    path.write_bytes(bytes(FIRST_BYTES))


def open_netcdf(path: Path, **kwargs: Any) -> xr.DataTree:
    """Open a NetCDF file lazily, each of its groups under the lock of `hdf5_lock`.

    `xarray.open_datatree` takes a lock for the root only; those of the groups are xarray's own. And
    it opens a file as often as it is asked to, which the libraries below do not survive when one
    of the handles is closed: here all share one, which opens again when another closed it.

    Parameters
    ----------
    path : Path
        File.
    **kwargs
        Arguments of `xarray.open_dataset`; with ``group`` the tree starts there.

    Returns
    -------
    tree : DataTree
        A node for each group.
    """
    start = "/" + str(kwargs.pop("group", None) or "").strip("/")
    lock = kwargs.pop("lock", None) or hdf5_lock()
    with lock:
        status = os.stat(path)
        identity = f"{status.st_dev}-{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
        opener: Any = netCDF4.Dataset
        manager = CachingFileManager(
            opener, os.path.realpath(path), mode="r", lock=lock, manager_id=identity
        )
        root: Any = GuardedNetCDF(manager, mode="r", lock=lock)  # type: ignore[no-untyped-call,unused-ignore]
        try:
            check_sum(path, SEAL[0] in root.ds.ncattrs())
            nodes = {}
            for place in _groups(root.ds):
                if (place + "/").startswith(start.rstrip("/") + "/"):
                    _require_room(root.ds[place] if place != "/" else root.ds, path)
                    store = root if place == "/" else root.get_child_store(place)
                    inner = place.removeprefix(start.rstrip("/")) or "/"
                    nodes[inner] = xr.open_dataset(store, **kwargs)
                    nodes[inner].encoding["source"] = str(path)
            if not nodes:
                raise MissingDataError(f"'{path}' has no group '{start}': check its name.")
            tree = xr.DataTree.from_dict(nodes)
        except BaseException:
            root.close()
            raise
    tree.set_close(root.close)
    return tree


def _require_room(group: Any, path: Path) -> None:
    """Raise if labels or texts of a group, which are read when it is opened, fill the memory."""
    for name, variable in group.variables.items():
        text = variable.dtype is str or np.dtype(variable.dtype).kind == "S"
        if text or variable.dimensions == (name,):
            item = 8 if variable.dtype is str else np.dtype(variable.dtype).itemsize
            size = bytes_of(variable.shape, item)
            require_room(size, f"{name} of '{path}'", "the file is damaged; restore it")


def _groups(group: Any, path: str = "/") -> Iterator[str]:
    """Yield the paths of a group of netCDF4 and of all below, parents first."""
    yield path
    for name, inner in group.groups.items():
        yield from _groups(inner, f"{path.rstrip('/')}/{name}")


class _Later:
    """Takes the place of the writer of xarray, and keeps what it is given."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Any, Any]] = []

    def add(self, source: object, target: object, region: object = None) -> None:
        """Take values and where they belong; whole variables only, so there is no region."""
        self.pairs.append((source, target))

    def write(self, root: Any) -> None:
        """Write all of it, what is dask-backed in parallel."""
        lazy = []
        for source, target in self.pairs:
            if is_lazy(source):
                lazy.append((source, target))
            else:
                target[...] = source
        if not lazy:
            return
        from dask.array import store

        if not _in_this_process():
            # Workers open the file themselves, one at a time.
            for _, target in lazy:
                target.datastore.autoclose = True
            root.close()
        sources, targets = zip(*lazy, strict=True)
        store(list(sources), list(targets), lock=False)


def _in_this_process() -> bool:
    """Return whether dask computes in threads of this process, rather than elsewhere."""
    if "dask" not in sys.modules:
        return True
    from dask import local, threaded
    from dask.base import get_scheduler

    return get_scheduler() in (None, threaded.get, local.get_sync)
