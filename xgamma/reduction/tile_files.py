"""Sums in files: for each tile of a sum, or for the whole of it, a Zarr group."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from xgamma.core.extras import require_package
from xgamma.core.lazy import await_threads
from xgamma.core.write_errors import write_errors
from xgamma.errors import MissingDataError
from xgamma.io.zarr_seal import read_sealed, write_sealed

__all__ = ["Key", "TileFiles"]

#: Row and column of a tile.
Key: TypeAlias = tuple[int, int]

# Bytes of a chunk; tiles are mostly smaller.
CHUNK = 2**24


class TileFiles:
    """The sums of tiles in a folder.

    A tile that is written again gets another file: what was written once is never changed.

    Parameters
    ----------
    folder : Path
        Made if need be.
    names : dict of (int, int) to str
        Files of tiles that are there.
    target : Path, optional
        What is said to fail when a tile cannot be written. By default, the folder.
    """

    def __init__(
        self, folder: Path, names: Mapping[Key, str] | None = None, target: Path | None = None
    ) -> None:
        self.folder, self.names, self.target = folder, dict(names or {}), target or folder
        self.kept = frozenset(self.names.values())
        folder.mkdir(parents=True, exist_ok=True)

    def keys(self) -> set[Key]:
        """Return the tiles that have a file."""
        return set(self.names)

    def write(self, key: Key, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the sums of a tile, and remove its older file, if that is not to be kept.

        Raises
        ------
        WriteError
            If the disk is full, or the like: the older file counts on.
        """
        name = f"tile-{key[0]}-{key[1]}-{secrets.token_hex(4)}.zarr"
        with write_errors(self.target):
            try:
                self._write(self.folder / name, arrays)
            except BaseException:
                await_threads()
                shutil.rmtree(self.folder / name, ignore_errors=True)
                raise
        old = self.names.get(key)
        self.names[key] = name
        if old is not None and old not in self.kept:
            shutil.rmtree(self.folder / old, ignore_errors=True)

    @staticmethod
    def _write(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
        zarr = require_package("zarr", "A Zarr store", "dask")
        group = zarr.open_group(file, mode="w-")
        for variable, values in arrays.items():
            # Half of a mosaic may be zeros: light compression writes faster than none.
            write_sealed(group, variable, values, _chunks(values))
        group.attrs["variables"] = list(arrays)

    def read(self, key: Key, variable: str) -> np.ndarray | int:
        """Return the sum of a variable in a tile; 0 where it was not written.

        Raises
        ------
        MissingDataError
            If it was written and cannot be read.
        """
        if key not in self.names:
            return 0
        file = self.folder / self.names[key]
        if not (file / variable).exists() and variable not in _variables(file):
            return 0
        return read_sealed(file, variable)

    def keep(self) -> None:
        """Keep the files that count now, whatever is written later, and remove the others."""
        self.kept = frozenset(self.names.values())
        for file in self.folder.glob("tile-*.zarr"):
            if file.name not in self.kept:
                shutil.rmtree(file, ignore_errors=True)


def _chunks(values: np.ndarray) -> tuple[int, ...]:
    """Return chunks of a bounded size, cut along the first axis."""
    row = max(values[:1].nbytes, 1)
    return (max(1, min(len(values), CHUNK // row)), *values.shape[1:])


def _variables(file: Path) -> list[str]:
    """Return what was written of a tile."""
    zarr = require_package("zarr", "A Zarr store", "dask")
    try:
        names: Any = zarr.open_group(file, mode="r").attrs["variables"]
        return list(names)
    except (OSError, KeyError, ValueError, TypeError, AttributeError):
        raise MissingDataError(
            f"The tile '{file}' cannot be read: it is damaged; remove its folder and start again."
        ) from None
