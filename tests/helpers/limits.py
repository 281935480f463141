"""Code that runs in a process with little memory and time, or on a small disk."""

import contextlib
import resource
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def limited(code, *args, memory=2 * 2**30, seconds=60):
    """Run code in a process of its own, which ends where it would harm the machine."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=2 * seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


class _Disk(type(Path())):
    """Where a disk is mounted."""

    def read_only(self):
        """Have it refuse all changes."""
        subprocess.run(["mount", "-o", "remount,ro", str(self)], check=True)


@contextlib.contextmanager
def small_disk(folder, size):
    """Give a disk in memory of some bytes; skip the test where none can be made."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a disk can be mounted by root on Linux only")
    try:
        yield _Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
