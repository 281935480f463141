"""Write groups to a Zarr folder, each made in memory first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

__all__ = ["write_files"]


def write_files(
    groups: Mapping[str, xr.Dataset], folder: Path, encoding: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write datasets as the groups of a new Zarr folder.

    A local store of zarr takes a thread, a temporary file and a move for each of the dozens of
    small files of a dataset. The folder is not in use yet, so here zarr writes a dataset to
    memory, and its files are written as they are.

    Parameters
    ----------
    groups : mapping of str to Dataset
        Path in the store to contents, without dask arrays.
    folder : Path
        Must not exist.
    encoding : mapping of str to mapping
        Encoding of the variables of each group.
    """
    from zarr.storage import MemoryStore

    folder.mkdir()
    for path, ds in groups.items():
        files: dict[str, Any] = {}
        options: dict[str, Any] = {"zarr_format": 3, "consolidated": False}
        ds.to_zarr(MemoryStore(files), encoding=encoding[path], **options)
        made: set[Path] = set()
        for key, content in files.items():
            file = folder / path.lstrip("/") / key
            if file.parent not in made:
                file.parent.mkdir(parents=True, exist_ok=True)
                made.add(file.parent)
            file.write_bytes(content.to_bytes())
