"""Paths of users: one that cannot be is refused in one sentence that names it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from xgamma.errors import (
    ArgumentTypeError,
    MissingDataError,
    MissingFileError,
    XGammaError,
    shown,
)

__all__ = ["file_path", "first_bytes", "part_name"]

# Bytes of a name, on all the usual file systems.
LONGEST = 255
VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})")


def file_path(value: object, role: str = "path") -> Path:
    """Return a path with ``~`` and environment variables expanded: all that are given go through it.

    Raises
    ------
    ArgumentTypeError
        If something else was given.
    MissingDataError
        If a variable is not set, or a name is too long for any file.

    Examples
    --------
    >>> file_path(None)
    Traceback (most recent call last):
    xgamma.errors.ArgumentTypeError: path=None must be the path of a file or folder, as a string or pathlib.Path.
    >>> file_path("$GAMMAPY_DATA_NOT_SET/map.fits")
    Traceback (most recent call last):
    xgamma.errors.MissingDataError: path='$GAMMAPY_DATA_NOT_SET/map.fits' refers to an environment variable that is not set: set it, or give the full path.
    """
    if isinstance(value, str) and "://" in value:
        raise XGammaError(
            f"{role}={shown(value)} is a URL: only ds.gamma.to_zarr, xg.write_archive, xg.open, xg.open_store and xg.convert accept URLs (of Zarr stores); give a local path."
        )
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise ArgumentTypeError(
            f"{role}={shown(value)} must be the path of a file or folder, as a string or pathlib.Path."
        )
    text = os.fspath(value)
    odd = [part for part in Path(text).parts if "\0" in part or len(os.fsencode(part)) > LONGEST]
    if odd:
        raise MissingFileError(
            f"{role}: the name {odd[0][:40] + '…'!r} is too long, or has a zero byte; no file has it: give another name."
        )
    if "$" not in text and not text.startswith("~"):
        return Path(text)
    # A name that is there as it is written is that file.
    if Path(text).exists():
        return Path(text)
    expanded = os.path.expanduser(os.path.expandvars(text))
    if VARIABLE.search(expanded) and not Path(expanded).exists():
        raise MissingDataError(
            f"{role}={text!r} refers to an environment variable that is not set: set it, or give the full path."
        )
    return Path(expanded)


def first_bytes(value: Any, size: int) -> bytes:
    """Return the first bytes of a file; none if it is not a file.

    Parameters
    ----------
    value : path-like or object
        What might be the path of a file.
    size : int
        The most bytes to read.

    Returns
    -------
    head : bytes
        Empty where there is no file that can be read.

    Examples
    --------
    >>> first_bytes(object(), 8), first_bytes("/", 8)
    (b'', b'')
    """
    try:
        path = Path(value)
        if not path.is_file():  # Opening a pipe waits for ever.
            return b""
        with path.open("rb") as stream:
            return stream.read(size)
    except (OSError, TypeError, ValueError):
        return b""


def part_name(value: object, role: str) -> str:
    r"""Return the name of a file or group inside a store, or raise an `XGammaError`.

    A name that a file system takes for a path (``".."``, one with a slash) would leave the store,
    and ``"."`` would be the store itself.

    Examples
    --------
    >>> part_name(23523, "OBS_ID")
    '23523'
    >>> part_name("..", "OBS_ID")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: OBS_ID='..' cannot be the name of a group or variable: use a name without '/', '\' and control characters.
    """
    name = str(value)
    if name.strip() in {"", ".", ".."} or any(c in "/\\" or not c.isprintable() for c in name):
        raise XGammaError(
            f"{role}={shown(value)} cannot be the name of a group or variable: use a name without '/', '\\' and control characters."
        )
    return name
