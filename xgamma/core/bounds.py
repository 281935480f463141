"""Bounds on memory, asked before anything is allocated, and on what kinds of files are read.

A number in a header, a configuration or a call may be any number. What would take more than
``set_options(max_bytes=...)`` is refused in a sentence that says what it is.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.core.options import options
from xgamma.errors import MissingFileError, XGammaError

__all__ = [
    "allowed_bytes",
    "bytes_of",
    "check_size",
    "read_text",
    "require_regular",
    "require_room",
]

_DIMS = {
    "counts": ("energy", "y", "x"),
    "background": ("energy", "y", "x"),
    "exposure": ("energy_true", "y", "x"),
    "psf": ("energy_true", "rad", "y_irf", "x_irf"),
    "edisp": ("energy_true", "energy", "y_irf", "x_irf"),
}


def allowed_bytes() -> int:
    """Return the maximum number of bytes of one object: the option ``max_bytes``, or what the machine has.

    Examples
    --------
    >>> allowed_bytes() <= 8e9
    True
    """
    allowed = options["max_bytes"]
    with contextlib.suppress(AttributeError, OSError, ValueError):
        allowed = min(allowed, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return int(allowed)


def require_room(size: float, what: str, cure: str) -> None:
    """Raise if something would take more memory than allowed.

    Parameters
    ----------
    size : float
        Bytes; infinite and NaN are too many.
    what : str
        What would take them, as a sentence begins.
    cure : str
        What can be done instead of allowing it.

    Raises
    ------
    XGammaError
        If it is too large.

    Examples
    --------
    >>> require_room(1e3, "The axis 'energy'", "use fewer bins")
    >>> require_room(8e11, "The axis 'energy'", "use fewer bins")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: The axis 'energy' would take 800.0 GB: use fewer bins, or allow it \
with xg.set_options(max_bytes=8e+11).
    """
    if size <= allowed_bytes():
        return
    if not math.isfinite(size):
        raise XGammaError(f"{what} would exceed any available memory: {cure}.")
    raise XGammaError(
        f"{what} would take {size / 1e9:.1f} GB: {cure}, or allow it with xg.set_options(max_bytes={size:.2g})."
    )


def check_size(ds: xr.Dataset, select: Iterable[str]) -> None:
    """Raise if filling a map would take more memory than allowed, with the size in the message."""
    names = list(select)
    total = 0
    for name in names:
        size = 4
        for dim in _DIMS[name]:
            size *= ds.sizes.get(dim, ds.sizes.get("migra", 1) if dim == "energy" else 1)
        total += size
    cure = "cut out a smaller map first (ds.gamma.cutout), use larger pixels"
    require_room(total, f"Filling {', '.join(names)}", cure)


def require_regular(path: str | os.PathLike[str]) -> None:
    """Raise if a path is a device, a pipe or a socket, which may have no end.

    Parameters
    ----------
    path : path-like
        What is not there passes.

    Raises
    ------
    XGammaError
        If it is there, and neither a file nor a folder.

    Examples
    --------
    >>> require_regular("/dev/null")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: '/dev/null' is a device or a pipe, not a regular file: copy its contents to a file first.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise XGammaError(
            f"'{os.fspath(path)}' is a device or a pipe, not a regular file: copy its contents to a file first."
        )


def read_text(path: Path) -> str:
    """Read a text file of a size that a person or a program may have written.

    Parameters
    ----------
    path : Path
        File.

    Returns
    -------
    text : str
        Its content, decoded as UTF-8.

    Raises
    ------
    MissingFileError
        If there is no such file.
    XGammaError
        If it is not a file, not text, or larger than the option ``max_text_bytes``.

    Examples
    --------
    >>> read_text(Path(__file__)).startswith("Bounds", 3)
    True
    """
    require_regular(path)
    limit = int(options["max_text_bytes"])
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except FileNotFoundError:
        raise MissingFileError(f"The file '{path}' does not exist: check the path.") from None
    except OSError as error:
        raise XGammaError(f"The file '{path}' cannot be read: {error.strerror}.") from None
    if len(content) > limit:
        raise XGammaError(
            f"'{path}' is larger than {limit / 1e6:g} MB, the limit for text files: check the path, or raise the limit with xg.set_options(max_text_bytes={path.stat().st_size:.2g})."
        )
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise XGammaError(
            f"'{path}' is not a text file: byte {error.start} is not valid UTF-8; give another file."
        ) from None


def bytes_of(shape: Iterable[Any], itemsize: int) -> int:
    """Return the size of an array, of any length, without overflow."""
    return math.prod(int(n) for n in shape) * int(itemsize)
