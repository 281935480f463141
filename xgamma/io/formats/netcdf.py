"""NetCDF-4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.io.groups import open_engine
from xgamma.io.registry import FormatRecord
from xgamma.io.storage import to_netcdf, tree_to_netcdf

__all__ = ["NETCDF"]


def _sniff(path: Path, head: bytes) -> bool:
    return head.startswith((b"\x89HDF", b"CDF"))


def _read(path: Path, **kwargs: Any) -> xr.Dataset | xr.DataTree:
    return open_engine(path, "netcdf4", kwargs)


def _write(data: xr.Dataset | xr.DataTree, path: Path, overwrite: bool = False) -> None:
    if isinstance(data, xr.DataTree):
        tree_to_netcdf(data, path, overwrite=overwrite)
    else:
        to_netcdf(data, path, overwrite=overwrite)


NETCDF = FormatRecord(
    "netcdf",
    "Datasets and collections in NetCDF-4, with CF attributes.",
    suffixes=(".nc", ".nc4"),
    sniff=_sniff,
    read=_read,
    write=_write,
    collections=True,
    checks=True,
)
