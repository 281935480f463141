"""Background methods that fail, to be sent to workers."""

import errno
import os
import resource
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kill:
    """Kill the worker that reduces a run, once if there is a marker file to make."""

    run: int
    marker: Path | None = None

    def __call__(self, ds, obs):
        if int(ds.attrs["name"]) == self.run and not (self.marker and self.marker.exists()):
            if self.marker:
                self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return ds


@dataclass(frozen=True)
class Fail:
    """Fail on a run, always or only the first time."""

    run: int
    marker: Path | None = None

    def __call__(self, ds, obs):
        if int(ds.attrs["name"]) == self.run and not (self.marker and self.marker.exists()):
            if self.marker:
                self.marker.touch()
            raise OSError("the disk is on fire")
        return ds


@dataclass(frozen=True)
class Full:
    """Meet a full disk or the end of the memory on a run."""

    run: int
    fault: str

    def __call__(self, ds, obs):
        if int(ds.attrs["name"]) == self.run:
            if self.fault == "disk":
                raise OSError(errno.ENOSPC, "No space left on device", "/scratch/a")
            if self.fault == "file":
                with tempfile.TemporaryDirectory() as folder:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
                    try:
                        ds.gamma.to_netcdf(Path(folder) / "a.nc")
                    finally:
                        limits = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            raise MemoryError
        return ds


class Interrupted(BaseException):
    """What a user who leaves raises."""


@dataclass(frozen=True)
class Leave:
    """Leave when a run comes up for the first time, as a session that ends does."""

    run: int
    marker: Path

    def __call__(self, ds, obs):
        if int(ds.attrs["name"]) == self.run and not self.marker.exists():
            self.marker.touch()
            raise Interrupted
        return ds


@dataclass(frozen=True)
class Wait:
    """Wait at a run until a file is there, a minute at most."""

    run: int
    marker: Path

    def __call__(self, ds, obs):
        deadline = time.monotonic() + 60
        while int(ds.attrs["name"]) == self.run and not self.marker.exists():
            time.sleep(0.05)
            assert time.monotonic() < deadline
        return ds
