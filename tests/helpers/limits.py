"""Code that runs in a process with little memory and time."""

import resource
import subprocess
import sys
import textwrap


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
