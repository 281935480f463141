"""Zarr stores that are no folders: URLs of fsspec, and store objects of zarr."""

from __future__ import annotations

from typing import Any

from xgamma.errors import MissingDataError, XGammaError

__all__ = ["is_remote", "joined", "store_at", "zarr_attrs"]

LOCAL = ("file://", "local://")


def is_remote(path: Any) -> bool:
    """Tell whether this is a URL or a store of zarr, rather than a path.

    Examples
    --------
    >>> is_remote("s3://survey/crab.zarr"), is_remote("crab.zarr")
    (True, False)
    """
    if isinstance(path, str):
        return "://" in path
    return hasattr(path, "supports_writes")


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


def store_at(path: Any) -> Any:
    """Return what xarray reads and writes: the store of a URL, the object itself otherwise.

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
    from zarr.storage import FsspecStore

    options = {"auto_mkdir": True} if path.startswith(LOCAL) else None
    try:
        return FsspecStore.from_url(path, storage_options=options)
    except (ImportError, ValueError) as error:
        raise MissingDataError(f"'{path}' cannot be opened: {error}.") from None


def zarr_attrs(path: Any) -> dict[str, Any]:
    """Return the attributes of the root of a store; none where there is no store."""
    import zarr

    try:
        return dict(zarr.open_group(store_at(path), mode="r").attrs)
    except OSError:
        return {}


def refuse_existing(path: Any) -> None:
    """Raise an `XGammaError` that names the mend if there is a store."""
    import zarr

    try:
        zarr.open_group(store_at(path), mode="r")
    except OSError:
        return
    raise XGammaError(f"'{path}' exists already: pass overwrite=True to replace it.")
