"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from xgamma.core.paths import file_path
from xgamma.core.write_errors import let_go, write_errors
from xgamma.errors import MissingDataError, XGammaError

__all__ = [
    "atomic_path",
    "end_of_links",
    "place_of",
    "put_file",
    "refuse_existing",
    "replace_folder",
    "together",
]

# Constants of the system calls that exchange two names.
_AT_FDCWD, _RENAME_EXCHANGE, _RENAME_SWAP = -100, 2, 2
# Files that wait for others, and their places.
_TOGETHER: ContextVar[list[tuple[Path, Path]] | None] = ContextVar("together", default=None)


def refuse_existing(path: Path) -> None:
    """Raise an `XGammaError` that says how to proceed if the file exists."""
    if path.exists():
        raise XGammaError(f"'{path}' already exists: pass overwrite=True to replace it.")


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], overwrite: bool = True) -> Iterator[Path]:
    """Give a temporary file to write, which replaces `path` when the block succeeds.

    The temporary file lies in the same folder (so that the move is atomic) and keeps
    the suffixes of `path` (so that writers that look at them, for ``.gz`` say, do the
    same). A block that fails removes it and leaves an older file as it was. A link stays a
    link: what it points to is replaced. The new file has the permissions of the older one.

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
        If `path` exists and `overwrite` is False, or is a folder, a device or a pipe.
    MissingDataError
        If the folder of `path` does not exist.
    WriteError
        If the disk is full, the folder cannot be written to, or the like.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_path(Path(folder) / "note.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     (Path(folder) / "note.txt").read_text()
    'whole'
    """
    target = place_of(path)
    if target.is_dir():
        raise XGammaError(f"'{target}' is a folder: give the path of a file.")
    if target.exists() and not target.is_file():
        raise XGammaError(
            f"'{target}' is a device or a pipe, not a regular file: give another path."
        )
    if not overwrite:
        refuse_existing(target)
    temporary = target.with_name(f".{secrets.token_hex(4)}-{target.name}")
    with write_errors(target):
        try:
            yield temporary
            _sync(temporary)
            waiting = _TOGETHER.get()
            if waiting is not None:
                waiting.append((temporary, target))
                return
            put_file(temporary, target)
        except BaseException:
            let_go(temporary)
            temporary.unlink(missing_ok=True)
            raise
        _sync(target.parent)


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Have all files that the block writes with `atomic_path` take their places at its end, or none.

    Raises
    ------
    WriteError
        If one of them cannot take its place: the others are as they were.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with together(), atomic_path(Path(folder) / "a") as one:
    ...         _ = one.write_text("whole")
    ...     [p.name for p in Path(folder).iterdir()]
    ['a']
    """
    if _TOGETHER.get() is not None:
        yield
        return
    waiting: list[tuple[Path, Path]] = []
    token = _TOGETHER.set(waiting)
    try:
        try:
            yield
        finally:
            _TOGETHER.reset(token)
        _put_all(waiting)
    finally:
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)


def _put_all(waiting: list[tuple[Path, Path]]) -> None:
    """Move complete files to their places; if one cannot be, undo what was done before."""
    done: list[tuple[Path, Path]] = []
    try:
        for temporary, target in waiting:
            old = target.with_name(f".{secrets.token_hex(4)}-old-{target.name}")
            with write_errors(target):
                with contextlib.suppress(OSError):  # Not there, or a disk without links.
                    os.link(target, old)
                done.append((target, old))
                put_file(temporary, target)
                _sync(target.parent)
    except BaseException:
        for target, old in reversed(done[:-1]):
            if old.exists():
                os.replace(old, target)
            else:
                target.unlink(missing_ok=True)
        raise
    finally:
        for _, old in done:
            old.unlink(missing_ok=True)


def place_of(path: str | os.PathLike[str]) -> Path:
    """Return where something is to be written: where a link points to.

    Parameters
    ----------
    path : path-like
        File or folder, which need not exist.

    Returns
    -------
    target : Path
        The same path, or the end of a chain of links.

    Raises
    ------
    MissingDataError
        If the folder that is to hold it does not exist.
    XGammaError
        If links go round in a circle.
    """
    target = end_of_links(path)
    if not target.absolute().parent.is_dir():
        raise MissingDataError(f"The folder '{target.parent}' does not exist: create it first.")
    return target


def end_of_links(path: str | os.PathLike[str]) -> Path:
    """Return where a chain of links ends, or the path itself."""
    given = file_path(path)
    try:
        # Strict resolution of a link alone: what it names may not exist yet.
        target = given.resolve() if given.is_symlink() else given
        target.absolute().parent.is_dir()
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno != errno.ELOOP:
            with write_errors(given):
                raise
        raise XGammaError(f"'{given}' is a symbolic link to itself: remove it.") from None
    if target.is_symlink():
        raise XGammaError(f"'{given}' is a symbolic link to itself: remove it.")
    return target


def put_file(new: Path, target: Path) -> None:
    """Move a complete file to its place, with the permissions of the one that it replaces.

    Parameters
    ----------
    new : Path
        The complete file, on the same disk.
    target : Path
        Its place.
    """
    with contextlib.suppress(FileNotFoundError, PermissionError):
        os.chmod(new, stat.S_IMODE(target.stat().st_mode))
    os.replace(new, target)


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
    with contextlib.suppress(PermissionError):
        new.chmod(stat.S_IMODE(target.stat().st_mode))
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
                f"'{target}' cannot be replaced ({error}): the old version was kept as '{old}' and the new one as '{new}'; rename the one you need."
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
