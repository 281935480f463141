"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from xgamma.core.arguments import file_path
from xgamma.errors import MissingDataError, XGammaError

__all__ = ["atomic_path", "refuse_existing", "replace_folder"]

# Constants of the system calls that exchange two names.
_AT_FDCWD, _RENAME_EXCHANGE, _RENAME_SWAP = -100, 2, 2


def refuse_existing(path: Path) -> None:
    """Raise an `XGammaError` that names the mend if the file exists."""
    if path.exists():
        raise XGammaError(f"'{path}' exists already: pass overwrite=True to replace it.")


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], overwrite: bool = True) -> Iterator[Path]:
    """Give a temporary file to write, which replaces `path` when the block succeeds.

    The temporary file lies in the same folder (so that the move is atomic) and keeps
    the suffixes of `path` (so that writers that look at them, for ``.gz`` say, do the
    same). A block that fails removes it and leaves an older file as it was.

    Parameters
    ----------
    path : path-like
        The file to make.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    temporary : `~pathlib.Path`
        The file to write; it does not exist yet.

    Raises
    ------
    XGammaError
        If `path` exists and `overwrite` is False, or is a folder.
    MissingDataError
        If the folder of `path` does not exist.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_path(Path(folder) / "note.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     (Path(folder) / "note.txt").read_text()
    'whole'
    """
    target = file_path(path)
    if not target.parent.is_dir():
        raise MissingDataError(f"The folder '{target.parent}' does not exist: create it first.")
    if target.is_dir():
        raise XGammaError(f"'{target}' is a folder: give the name of a file in it.")
    if not overwrite:
        refuse_existing(target)
    temporary = target.with_name(f".{secrets.token_hex(4)}-{target.name}")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(target.parent)


def replace_folder(new: Path, target: Path) -> None:
    """Move a complete folder to its place, and remove what was there.

    Parameters
    ----------
    new : Path
        The complete folder, beside `target`.
    target : Path
        Its place. Where the system can exchange two names (Linux, macOS), readers find the old
        version or the new one there at any moment; elsewhere the place is empty between two moves.

    Raises
    ------
    XGammaError
        If neither version can be moved to the place: both are kept, and the sentence says where.
    OSError
        If the folder cannot be moved; the old version is in its place then.
    """
    if not target.exists():
        new.rename(target)
        return
    if _exchanged(new, target):
        shutil.rmtree(new, ignore_errors=True)
        return
    old = target.with_name(f".{secrets.token_hex(4)}-old-{target.name}")
    target.rename(old)
    try:
        new.rename(target)
    except BaseException as error:
        try:
            old.rename(target)
        except OSError:
            raise XGammaError(
                f"'{target}' cannot be replaced ({error}): the old version is kept as '{old}', the new one as '{new}'; rename one of them."
            ) from error
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one step; False where the system cannot."""
    names = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return library.renamex_np(*names, _RENAME_SWAP) == 0
        first, second = names
        answer: bool = library.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) == 0
        return answer
    except (AttributeError, OSError, TypeError):
        return False


def _sync(path: Path) -> None:
    """Flush a file, or a folder's list of names, to the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders: the move is atomic there without it.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
