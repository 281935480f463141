"""Fingerprints that distinguish the data of a run from other data with the same number."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from xgamma.errors import MissingFileError

__all__ = ["of_files", "of_observation"]


def of_files(places: Iterable[str | os.PathLike[str]]) -> str:
    """Return a text that differs when one of these files was moved, changed or replaced.

    Parameters
    ----------
    places : iterable of path-like or URL
        Files; of a folder, all that lie in it.

    Returns
    -------
    fingerprint : str
        Hexadecimal digits made of path, size and time of change: nothing is read.

    Raises
    ------
    MissingDataError
        If a file is not there.
    """
    digest = hashlib.sha256()
    for place in places:
        try:
            states = sorted(_remote(str(place)) if "://" in str(place) else _local(Path(place)))
        except FileNotFoundError:
            raise MissingFileError(
                f"The file {place} does not exist: check the index, or the folder of the archive."
            ) from None
        digest.update(repr(states).encode())
    return digest.hexdigest()[:32]


def _local(place: Path) -> Iterator[tuple[str, ...]]:
    files = [place] if not place.is_dir() else [f for f in place.rglob("*") if f.is_file()]
    for file in files:
        state = file.stat()
        yield str(file.resolve()), str(state.st_size), str(state.st_mtime_ns)


def _remote(url: str) -> Iterator[tuple[str, ...]]:
    """Yield what the file system behind a URL says of each object, as far as it says it."""
    from fsspec.core import url_to_fs

    system, root = url_to_fs(url)
    told = ("size", "ETag", "etag", "mtime", "LastModified", "last_modified", "created", "md5")
    for name, info in system.find(root, detail=True).items():
        yield str(name), *(str(info.get(key)) for key in told)


def of_observation(obs: xr.DataTree) -> str:
    """Return a text that differs when a value or a keyword of an observation does.

    Parameters
    ----------
    obs : DataTree
        The observation; all of it is read.

    Returns
    -------
    fingerprint : str
        Hexadecimal digits.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> runs = [simulate_observation("83.63d 22.51d", events=False, seed=1) for _ in range(2)]
    >>> of_observation(runs[0]) == of_observation(runs[1])
    True
    """
    digest = hashlib.sha256()
    for node in obs.subtree:
        ds = node.to_dataset(inherit=False)
        digest.update(repr((node.path, sorted(map(repr, ds.attrs.items())))).encode())
        for name in sorted(ds.variables, key=str):
            variable = ds.variables[name]
            values = np.ascontiguousarray(variable.values)
            digest.update(repr((name, variable.dims, values.dtype.str, values.shape)).encode())
            plain = values.dtype.kind != "O"
            digest.update(values.tobytes() if plain else repr(values.tolist()).encode())
    return digest.hexdigest()[:32]
