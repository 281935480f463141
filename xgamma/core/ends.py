"""Clean up at the end of a session: signals clean up first, and folders record their owner."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

__all__ = ["Ended", "end_with_parent", "locked", "own_folder", "release", "signals_clean_up"]

# Seconds after which a worker notices that its parent is gone.
WATCH = 0.5


class Ended(KeyboardInterrupt):
    """The process was asked to end (SIGTERM, SIGHUP)."""


@contextlib.contextmanager
def signals_clean_up() -> Iterator[None]:
    """Have SIGTERM and SIGHUP unwind the block, as Ctrl-C does, before they end the process.

    Signals that the program handles or ignores, and threads other than the main one, are left
    alone. A second signal ends the process at once.

    Examples
    --------
    >>> import signal
    >>> with signals_clean_up():
    ...     signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    False
    >>> signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    True
    """
    names = ("SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    mine = [n for n in numbers if signal.getsignal(n) == signal.SIG_DFL]
    seen: list[int] = []

    def leave(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        signal.signal(number, signal.SIG_DFL)
        raise Ended(signal.Signals(number).name)

    for number in mine:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)
        if seen:
            sys.stdout.flush()
            sys.stderr.flush()
            os.kill(os.getpid(), seen[0])


def locked(folder: Path) -> int | None:
    """Lock a folder for as long as this process lives.

    Parameters
    ----------
    folder : Path
        It exists.

    Returns
    -------
    descriptor : int or None
        For `release`; None if another process holds the lock or removed the folder, -1 where there
        are not locks.
    """
    if sys.platform == "win32":
        return -1
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:  # some network file systems have none
        os.close(descriptor)
        return -1
    return descriptor


def release(descriptor: int | None) -> None:
    """Give up what `locked` returned."""
    if descriptor is not None and descriptor >= 0:
        os.close(descriptor)


@contextlib.contextmanager
def own_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a private folder that is removed at the end, by the next one if this process is killed.

    Parameters
    ----------
    parent : Path
        Where.
    prefix : str
        How its name starts; folders of the same prefix whose owner is gone are removed.

    Yields
    ------
    folder : Path
        Of an unpredictable name, readable by its owner only.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as place, own_folder(Path(place), "mine-") as folder:
    ...     folder.name[:5], oct(folder.stat().st_mode)[-3:]
    ('mine-', '700')
    """
    for other in parent.glob(f"{prefix}*"):
        _remove_if_stale(other)
    lock = None
    while lock is None:
        # Another process that sweeps may be faster than the lock.
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        lock = locked(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        release(lock)


def _remove_if_stale(folder: Path) -> None:
    """Remove a folder of this user that no living process holds."""
    with contextlib.suppress(OSError):
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
            return
        lock = locked(folder)
        if lock is not None and lock >= 0:
            shutil.rmtree(folder, ignore_errors=True)
            release(lock)


def end_with_parent(parent: int, folder: Path) -> None:
    """End this process soon after its parent did, and remove a folder of the parent's.

    Parameters
    ----------
    parent : int
        Its process id.
    folder : Path
        What the parent cannot remove any more.
    """
    # Ctrl-C in a terminal reaches all processes: the parent decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        never = threading.Event()
        while os.getppid() == parent:
            never.wait(WATCH)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    if sys.platform != "win32":
        threading.Thread(target=watch, name="xgamma-parent", daemon=True).start()
