"""All groups of a NetCDF file in one go: defined first, then filled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.deferred import is_lazy

__all__ = ["write_groups"]


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
    from xarray.backends import NetCDF4DataStore

    root = NetCDF4DataStore.open(path, mode="w", format="NETCDF4")
    later = _Later()
    try:
        for place, ds in groups.items():
            store = root if place == "/" else root.get_child_store(place)
            ds.dump_to_store(store, writer=later, encoding=encoding[place])
        later.write(root)
    finally:
        root.close()


class _Later:
    """Takes the place of the writer of xarray, and keeps what it is given."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Any, Any]] = []

    def add(self, source: Any, target: Any, region: Any = None) -> None:
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
    """Tell whether dask computes in threads of this process, rather than elsewhere."""
    from dask import local, threaded
    from dask.base import get_scheduler

    return get_scheduler() in (None, threaded.get, local.get_sync)
