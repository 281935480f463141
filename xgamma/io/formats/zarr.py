"""Zarr, in folders and at URLs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.io.groups import checked_tree, open_engine
from xgamma.io.new_store import is_zarr
from xgamma.io.registry import FormatRecord
from xgamma.io.remote import is_remote
from xgamma.io.storage import grown, to_zarr, tree_to_zarr
from xgamma.io.zarr_broken import same_version, version_of
from xgamma.io.zarr_groups import open_groups
from xgamma.io.zarr_seal import require_folder_whole, require_store_whole

__all__ = ["ZARR"]


def _sniff(path: Path, head: bytes) -> bool:
    return path.is_dir() and is_zarr(path)


def _read(path: Path | str, **kwargs: Any) -> xr.Dataset | xr.DataTree:
    if is_remote(path):
        require_store_whole(path)
        return open_engine(path, "zarr", kwargs)
    # Descriptions and labels are read one after the other: all of one version.
    with same_version(path, "", version_of(path, "")):
        return _read_folder(path, kwargs)


def _read_folder(path: Path | str, kwargs: dict[str, Any]) -> xr.Dataset | xr.DataTree:
    if kwargs:
        require_folder_whole(Path(path))
    nodes = None if kwargs else open_groups(Path(path))
    if nodes is not None:
        return checked_tree(grown(nodes), path)
    return open_engine(path, "zarr", kwargs)


def _write(data: xr.Dataset | xr.DataTree, path: Path | str, overwrite: bool = False) -> None:
    if isinstance(data, xr.DataTree):
        tree_to_zarr(data, path, overwrite=overwrite)
    else:
        to_zarr(data, path, overwrite=overwrite)


ZARR = FormatRecord(
    "zarr",
    "Datasets and collections in Zarr, chunked and sealed; also at URLs.",
    suffixes=(".zarr",),
    sniff=_sniff,
    read=_read,
    write=_write,
    collections=True,
    checks=True,
)
