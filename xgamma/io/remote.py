"""Zarr stores that are not folders: URLs of fsspec, and store objects of zarr."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xgamma.core.extras import require_package
from xgamma.core.paths import file_path
from xgamma.core.private_apis import buffer_prototype, sync
from xgamma.errors import MissingDataError

__all__ = [
    "as_place",
    "is_consolidated",
    "is_remote",
    "is_unfinished",
    "joined",
    "read_root",
    "store_at",
    "without_warning",
    "zarr_attrs",
    "zarr_options",
]

LOCAL = ("file://", "local://")
# The name of an object that is there as long as a store is being written.
UNFINISHED = ".xgamma-unfinished"


def is_remote(path: object) -> bool:
    """Return whether this is a URL or a store of zarr, rather than a path.

    Examples
    --------
    >>> is_remote("s3://survey/crab.zarr"), is_remote("crab.zarr")
    (True, False)
    """
    if isinstance(path, str):
        return "://" in path
    return hasattr(path, "supports_writes")


def as_place(value: object, role: str = "path") -> Path | str:
    """Return a URL as it is, anything else as a path.

    Examples
    --------
    >>> as_place("s3://survey/crab.zarr"), as_place("crab.zarr").suffix
    ('s3://survey/crab.zarr', '.zarr')
    """
    return value if isinstance(value, str) and is_remote(value) else file_path(value, role)


def joined(place: Any, *parts: str) -> Any:
    """Return a place within a folder or below a URL.

    Examples
    --------
    >>> joined("memory://survey", "runs", "7")
    'memory://survey/runs/7'
    """
    if is_remote(place):
        return "/".join([str(place).rstrip("/"), *parts])
    return place.joinpath(*parts)


def store_at(path: object) -> Any:
    """Return the store of a URL, or the object itself, for reading and writing by xarray.

    Parameters
    ----------
    path : str, path-like or zarr store
        Place.

    Returns
    -------
    store : path-like or zarr store
        Of a URL, an `~zarr.storage.FsspecStore`.

    Raises
    ------
    MissingDataError
        If the file system of the URL is not installed.
    """
    if not isinstance(path, str) or not is_remote(path):
        return path
    require_package("zarr", "A Zarr store", "dask")
    from zarr.storage import FsspecStore

    options = {"auto_mkdir": True} if path.startswith(LOCAL) else None
    try:
        return FsspecStore.from_url(path, storage_options=options)
    except (ImportError, ValueError) as error:
        raise MissingDataError(f"'{path}' cannot be opened: {error}.") from None


def zarr_options(store: object) -> dict[str, Any]:
    """Return how xarray is to write a store: a remote one with its metadata in one object.

    Each array of a remote store costs a request when it is opened without that. Folders are
    fast as they are, and can be added to by anybody.
    """
    remote = is_remote(store)
    return {"mode": "a" if remote else "w-", "zarr_format": 3, "consolidated": remote}


@contextmanager
def without_warning() -> Iterator[None]:
    """Keep zarr from warning of consolidated metadata: the arrays hold theirs as well."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata")
        yield


def is_consolidated(path: object) -> bool:
    """Return whether the root of a store contains the metadata of all its arrays.

    Raises
    ------
    FileNotFoundError
        If there is no store.
    """
    zarr = require_package("zarr", "A Zarr store", "dask")

    return zarr.open_group(store_at(path), mode="r").metadata.consolidated_metadata is not None


def is_unfinished(path: object) -> bool:
    """Return whether the writing of a remote store has begun and not ended."""
    if not is_remote(path):
        return False
    return bool(sync(store_at(path).exists(UNFINISHED)))


def read_root(path: object) -> tuple[bytes, set[str]]:
    """Return the description of the root of a store that is no folder, and the keys in it.

    Parameters
    ----------
    path : URL or zarr store
        Place; nothing need be there.

    Returns
    -------
    text : bytes
        JSON of version 3; empty where there is no such store.
    keys : set of str
        Names of the objects.
    """
    require_package("zarr", "A Zarr store", "dask")
    store = store_at(path)

    async def look() -> tuple[bytes, set[str]]:
        found = await store.get("zarr.json", buffer_prototype())
        if found is None:
            return b"", set()
        return found.to_bytes(), {key async for key in store.list()}

    result: tuple[bytes, set[str]] = sync(look())
    return result


def zarr_attrs(path: object) -> dict[str, Any]:
    """Return the attributes of the root of a store; none where there is no store."""
    zarr = require_package("zarr", "A Zarr store", "dask")

    try:
        return dict(zarr.open_group(store_at(path), mode="r").attrs)
    except OSError:
        return {}
