"""Measurements in processes of their own, of xgamma and gammapy in turn.

In a process of its own, time and peak memory of one measurement are not mixed with another's; in
turn, a change in the machine's speed hits both. A benchmark ends with ``program(main, child)``,
where ``child(*arguments)`` returns what is measured, as numbers by name.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.conftest import find_data

Figures = dict[str, float]


def real_data() -> Path:
    """Return the folder of real data, or end the program."""
    data = find_data()
    if data is None:
        raise SystemExit("no real data: set $XGAMMA_DATA")
    return data


def program(main: Callable[..., None], child: Callable[..., Mapping[str, float]]) -> None:
    """Measure, if this process was started for it; else do what the program is for."""
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(dict(child(*sys.argv[2:]))))
    else:
        main(*(int(text) if text.isdecimal() else text for text in sys.argv[1:]))


def used(who: int = resource.RUSAGE_SELF) -> Figures:
    """Return the processor time in seconds and the peak memory in MB, until now."""
    usage = resource.getrusage(who)
    return {"processor": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss / 1024}


def timed(job: Callable[[], Mapping[str, float]]) -> Figures:
    """Return the seconds of a job, and what it found."""
    start = time.perf_counter()
    found = job()
    return {"seconds": time.perf_counter() - start, **found}


def measure(module: str, *arguments: object) -> Figures:
    """Return what the child of a benchmark measures in a new process.

    Parameters
    ----------
    module : str
        The benchmark: ``__spec__.name`` of the module that asks.
    *arguments
        Of its child.
    """
    command = [sys.executable, "-m", module, "--child", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def in_turn(
    module: str, libraries: Sequence[str], repetitions: int, *arguments: object
) -> dict[str, Figures]:
    """Measure libraries in turn, and return the medians by library.

    The program ends if they do not count the same.
    """
    results: dict[str, list[Figures]] = {name: [] for name in libraries}
    for _ in range(repetitions):
        for name, found in results.items():
            found.append(measure(module, name, *arguments))
    counts = {one["counts"] for found in results.values() for one in found}
    if len(counts) != 1:
        raise SystemExit(f"the libraries do not agree on the counts: {counts}")
    return {
        name: {key: sorted(one[key] for one in found)[repetitions // 2] for key in found[0]}
        for name, found in results.items()
    }
