"""One lock around the NetCDF and HDF5 libraries, which crash when two threads enter them.

xarray locks the reading and writing of values, but not that of the attributes and types that it
asks for when a file is opened or defined. This lock is held during all of these, by one thread at
a time, as often as it likes. With it xarray's own lock is held, so that values which a file opened
by plain xarray reads in another thread wait too.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

from xgamma.core.private_apis import NETCDF4_PYTHON_LOCK

__all__ = ["HDF5Lock", "hdf5_lock"]


class HDF5Lock:
    """A lock that its holder may take again; pickled, it becomes the lock of the other process."""

    def __init__(self) -> None:
        self._own = threading.RLock()
        self._depth = 0

    def acquire(self, blocking: bool = True) -> bool:
        """Take the lock.

        Parameters
        ----------
        blocking : bool
            Whether to wait for another thread.

        Returns
        -------
        taken : bool
            False if it is held, by whichever thread, and `blocking` is False: so asks a file
            that is collected, perhaps while its thread is between two steps of another file.
        """
        if not self._own.acquire(blocking=blocking):
            return False
        if self._depth and not blocking:
            self._own.release()
            return False
        if self._depth == 0 and not NETCDF4_PYTHON_LOCK.acquire(blocking):
            self._own.release()
            return False
        self._depth += 1
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._depth -= 1
        if self._depth == 0:
            NETCDF4_PYTHON_LOCK.release()
        self._own.release()

    def __enter__(self) -> HDF5Lock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return hdf5_lock, ()


_LOCK = HDF5Lock()


def _forked() -> None:
    """Make the locks again in a forked process: whoever held them did not come along."""
    _LOCK._own, _LOCK._depth = threading.RLock(), 0
    with suppress(RuntimeError, AttributeError):
        if not NETCDF4_PYTHON_LOCK.acquire(blocking=False):
            NETCDF4_PYTHON_LOCK.release()
            return
        NETCDF4_PYTHON_LOCK.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def hdf5_lock() -> HDF5Lock:
    """Return the lock of this process."""
    return _LOCK
