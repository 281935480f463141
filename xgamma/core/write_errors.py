"""Turn errors of writers into one-sentence messages, and release files after failures."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from xgamma.errors import WriteError, XGammaError

__all__ = ["let_go", "write_errors"]

# What can be done about each cause.
CURES = {
    errno.ENOSPC: "the disk is full; free some space, or write elsewhere",
    errno.EDQUOT: "your disk quota is used up; free some space, or write elsewhere",
    errno.EFBIG: "the file exceeds the size limit; raise it (ulimit -f), or write elsewhere",
    errno.EROFS: "the disk is read-only; write elsewhere",
    errno.ENOENT: "its folder was removed, or does not accept files; write elsewhere",
    errno.EACCES: "no write permission in its folder; ask for it, or write elsewhere",
    errno.EPERM: "the operation is not permitted; ask for permission, or write elsewhere",
    errno.ENAMETOOLONG: "its name is too long; use a shorter one",
    errno.ENOTDIR: "a part of its path is a file; write elsewhere",
    errno.ELOOP: "its path is a circle of symbolic links; write elsewhere",
    errno.EMFILE: "too many files are open; close some, or raise the limit (ulimit -n)",
    errno.EIO: "the disk reported an error; write elsewhere",
    errno.ENOTEMPTY: "another file was given its name in the meantime; write again",
    errno.EXDEV: "its folder spans two disks; write elsewhere",
}
# How the NetCDF and HDF5 libraries begin to say that the system refused them.
LIBRARY = ("NetCDF:", "Unable to", "Can't ", "unable to")
# Files up to this many bytes are copied to memory when they are let go of.
COPIED = 2**28
# Below this many bytes a disk is full.
FULL = 2**20


@contextlib.contextmanager
def write_errors(target: Path) -> Iterator[None]:
    """Turn the errors of the system when a file cannot be written into one-sentence messages.

    Parameters
    ----------
    target : Path
        File or folder that the block writes; errors about others, which it may read, pass as
        they are.

    Raises
    ------
    WriteError
        With the cause and the cure, and the number of the system's error as ``errno``.
    """
    try:
        yield
    except XGammaError:
        raise
    except OSError as error:
        if not _is_ours(error, target):
            raise
        _refuse(target, error.errno, error.strerror or str(error), error)
    except RuntimeError as error:
        if not str(error).startswith(LIBRARY):
            raise
        _refuse(target, _likely(target), str(error), error)


def _is_ours(error: OSError, target: Path) -> bool:
    """Return whether an error is about what is written, rather than about a file that is read."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
        return True
    if not isinstance(error.filename, (str, bytes, os.PathLike)):
        return error.errno in CURES or str(error).startswith(LIBRARY)
    name, place = os.path.abspath(os.fsdecode(error.filename)), target.absolute()
    ours = name == str(place.parent) or f"-{place.name}" in name
    ours = ours or (name + os.sep).startswith(str(place) + os.sep)
    return error.errno in CURES and ours


def _likely(target: Path) -> int | None:
    """Return why a library that does not say could not write."""
    with contextlib.suppress(OSError, AttributeError):
        space = os.statvfs(target.absolute().parent)
        if space.f_bavail * space.f_frsize < FULL:
            return errno.ENOSPC
    return None


def _refuse(target: Path, number: int | None, said: str, error: BaseException) -> NoReturn:
    if number == errno.EACCES and os.access(target.absolute().parent, os.W_OK):
        number = _likely(target) or (number if os.path.isdir(target) else None)
    cure = CURES.get(
        number or 0, "the disk may be full, or a limit may be reached; write elsewhere"
    )
    said = " ".join(said.split())
    found = WriteError(f"'{target}' cannot be written ({said}): {cure}.")
    found.errno = number
    raise found from error


def _elsewhere(number: int, size: int) -> int:
    """Return an open file that stands for one of this size: its copy in memory, if it is small.

    A library may read what it wrote before it closes a file; one that it cannot close it takes
    for the next one that lies in the same place on the disk.
    """
    if size <= COPIED and hasattr(os, "memfd_create"):
        copy = os.memfd_create("xgamma")
        try:
            # Where files may not grow, neither may this one, and nothing could be closed.
            os.ftruncate(copy, size + COPIED)
            os.ftruncate(copy, 0)
            done = 0
            while done < size and (n := os.sendfile(copy, number, done, size - done)):
                done += n
            return copy
        except OSError:
            os.close(copy)
    return os.open(os.devnull, os.O_RDWR)


def let_go(file: Path) -> None:
    """Make whatever holds a file open that is to be removed write elsewhere instead.

    A library that could not write what it holds keeps the file open, and so its space on a full
    disk, for as long as the process lives; and tries again when it ends. Without effect on systems
    that do not tell which files are open.

    Parameters
    ----------
    file : Path
        Temporary file; one that is not there is no error.
    """
    opened = next((p for p in ("/proc/self/fd", "/dev/fd") if os.path.isdir(p)), None)
    try:
        wanted = os.stat(file)
    except OSError:
        return
    for name in os.listdir(opened) if opened and os.name == "posix" else ():
        with contextlib.suppress(OSError, ValueError):
            status = os.fstat(int(name))
            if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
                nowhere = _elsewhere(int(name), status.st_size)
                os.dup2(nowhere, int(name), inheritable=False)
                os.close(nowhere)
