"""Folders to write into, made if need be, that go again if nothing is written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from xgamma.core.atomic import end_of_links
from xgamma.core.write_errors import write_errors
from xgamma.errors import XGammaError

__all__ = ["drop_empty", "filled_folder", "make_folder"]


@contextlib.contextmanager
def filled_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a folder to write into, made if need be; one that was made and is empty goes after a failure.

    Parameters
    ----------
    path : path-like
        Folder; folders above it are made, too.

    Yields
    ------
    folder : `~pathlib.Path`
        Where a link points to.

    Raises
    ------
    XGammaError
        If there is a file, a device or a pipe.
    WriteError
        If it cannot be made.

    Examples
    --------
    >>> with filled_folder("/dev/null"):
    ...     pass
    Traceback (most recent call last):
    xgamma.errors.XGammaError: '/dev/null' is a file, a device or a pipe: give a folder.
    """
    target, made = make_folder(path)
    try:
        yield target
    except BaseException:
        drop_empty(made)
        raise


def make_folder(path: str | os.PathLike[str]) -> tuple[Path, list[Path]]:
    """Make a folder and those above it; return where it is, and which were made, the lowest last.

    Parameters
    ----------
    path : path-like
        Folder, which may be there; a link leads to it, or to where it is made.

    Returns
    -------
    folder : Path
        The folder.
    made : list of Path
        Folders that were not there.

    Raises
    ------
    XGammaError
        If there is a file, a device or a pipe.
    WriteError
        If it cannot be made.
    """
    target = end_of_links(path)
    made: list[Path] = []
    try:
        with write_errors(target):
            if target.exists() and not target.is_dir():
                raise XGammaError(f"'{target}' is a file, a device or a pipe: give a folder.")
            missing = [p for p in (target, *target.parents) if not p.exists()]
        for folder in reversed(missing):
            with write_errors(folder):
                folder.mkdir(exist_ok=True)
            made.append(folder)
    except BaseException:
        drop_empty(made)
        raise
    return target, made


def drop_empty(folders: list[Path]) -> None:
    """Remove folders in which there is nothing, the last first."""
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()
