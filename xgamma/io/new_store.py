"""Where stores are written: a new folder or store that takes its place when it is whole."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xgamma.core.atomic import place_of, refuse_existing, replace_folder
from xgamma.core.extras import require_package
from xgamma.core.lazy import await_threads
from xgamma.core.write_errors import write_errors
from xgamma.errors import XGammaError
from xgamma.io.remote import is_remote, store_at

__all__ = ["refuse_taken"]


@contextmanager
def new_store(path: Any, overwrite: bool) -> Iterator[Any]:
    """Give an empty store to write: a temporary folder, or the place itself if it is remote."""
    require_package("zarr", "A Zarr store", "dask")
    if not is_remote(path):
        with atomic_folder(path, overwrite) as temporary:
            yield temporary
        return
    from xgamma.io.remote_writing import new_remote

    with new_remote(path, overwrite) as store:
        yield store


@contextmanager
def atomic_folder(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder to fill, which replaces `path` when the block succeeds.

    Parameters
    ----------
    path : path-like
        The folder to make.
    overwrite : bool
        Whether an existing Zarr store may be replaced; other folders never are.

    Yields
    ------
    temporary : `~pathlib.Path`
        Does not exist yet.

    Raises
    ------
    XGammaError
        If `path` exists and may not be replaced.
    MissingDataError
        If its parent does not exist.
    WriteError
        If the disk is full, the folder cannot be written to, or the like.
    """
    target = require_replaceable(path, overwrite)
    temporary = target.with_name(f".{secrets.token_hex(4)}-new-{target.name}")
    with write_errors(target):
        try:
            yield temporary
        except BaseException:
            await_threads()
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        try:
            replace_folder(temporary, target)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def refuse_taken(place: Any, overwrite: bool = False) -> None:
    """Raise an `XGammaError` that says how to proceed if a path, or what lies at a URL, must stay."""
    if is_remote(place):
        from xgamma.io.remote_writing import refuse

        refuse(place, store_at(place), overwrite)
    elif not overwrite:
        refuse_existing(place)


def require_replaceable(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """Return the place of a folder that `atomic_folder` may make; raise if it may not."""
    target = place_of(path)
    if not overwrite:
        refuse_existing(target)
    elif target.exists() and not is_zarr(target):
        raise XGammaError(
            f"'{target}' is not a Zarr store and is not overwritten: give another path."
        )
    return target


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr store."""
    return any((path / n).exists() for n in ("zarr.json", ".zgroup", ".zmetadata"))
