"""Figures of a benchmark, kept in a file, and the jobs whose figures two commits are compared by.

Where ``$XGAMMA_FIGURES`` names a file, every benchmark adds to it what it measured, as JSON. Run as
``python -m tests.benchmarks.figures JOB [--calls]``, this is one job in one process: its processor time
and peak memory, or the number of calls of Python functions, which no other work on the machine changes.
"""

import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.conftest import find_data

VARIABLE = "XGAMMA_FIGURES"


def keep(benchmark: str, figures: Mapping[str, Any]) -> None:
    """Add figures of a benchmark to the file that `$XGAMMA_FIGURES` names, if it does."""
    named = os.environ.get(VARIABLE)
    if not named:
        return
    path = Path(named)
    known = json.loads(path.read_text()) if path.exists() else {}
    known.setdefault(benchmark, {}).update(figures)
    path.write_text(json.dumps(known, indent=1) + "\n")


def _reduce(data: Path) -> Callable[[], Any]:
    from tests.benchmarks.reduce import run_xgamma

    return lambda: run_xgamma(data)


def _reduce_cta(data: Path) -> Callable[[], Any]:
    from tests.benchmarks.reduce_cta import run_xgamma

    return lambda: run_xgamma(data)


def _ring(data: Path) -> Callable[[], Any]:
    from tests.benchmarks.background import ring_xgamma

    return ring_xgamma(data / "hess-dl3-dr1")


def _reflected(data: Path) -> Callable[[], Any]:
    from tests.benchmarks.background import reflected_xgamma

    return reflected_xgamma(data / "hess-dl3-dr1")


def _source() -> Any:
    import xgamma as xg

    source = xg.SkyModel(
        xg.PowerLaw(index=2.3, amplitude="2e-12 cm-2 s-1 TeV-1"),
        xg.PointSource(lon=0.02, lat=0.01, frame="galactic"),
        name="source",
    )
    return xg.Models([source, xg.FoVBackground("gc")])


def _fit(data: Path) -> Callable[[], Any]:
    import xgamma as xg

    ds = xg.read_fits(data / "dl4/cta-1dc-gc.fits.gz", name="gc").load()
    return lambda: xg.fit(ds, _source())


def _ts_map(data: Path) -> Callable[[], Any]:
    import xgamma as xg

    ds = xg.read_fits(data / "dl4/cta-1dc-gc.fits.gz", name="gc").load()
    part = ds.gamma.cutout((0, 0), "2.5 deg")
    test = xg.SkyModel(xg.PowerLaw(index=2.2), xg.PointSource(frame="galactic"), name="test")
    return lambda: part.gamma.ts_map(test, kernel_width="0.5 deg")


def _operations(data: Path) -> Callable[[], Any]:
    from tests.benchmarks.operations import Both, groups

    both = Both(data / "dl4/cta-1dc-gc.fits.gz")
    cases = [ours for cases in groups(both) for _, ours in cases.values()]

    def run() -> None:
        for ours in cases:
            ours()

    return run


# Jobs, and how often each is run in its process: short ones would vanish in the start-up.
JOBS: dict[str, tuple[Callable[[Path], Callable[[], Any]], int]] = {
    "reduce": (_reduce, 1),
    "reduce_cta": (_reduce_cta, 1),
    "ring": (_ring, 3),
    "reflected": (_reflected, 3),
    "fit": (_fit, 10),
    "ts_map": (_ts_map, 3),
    "operations": (_operations, 5),
}


def _calls(function: Callable[[], Any]) -> int:
    """Return how often Python functions are called, in this thread and those it starts."""
    import threading

    number = [0]

    def count(frame: Any, event: str, argument: Any) -> None:
        if event == "call":
            number[0] += 1

    threading.setprofile(count)
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return number[0]


def measured(job: str, data: Path, calls: bool) -> dict[str, float]:
    """Run a job here, after a first time that imports what it needs, and return its figures."""
    warnings.simplefilter("ignore")
    prepare, repetitions = JOBS[job]
    function = prepare(data)
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.process_time()
    function()
    first = time.process_time() - start
    once = resource.getrusage(resource.RUSAGE_SELF)
    if calls:
        return {"calls": _calls(function)}
    start = time.process_time()
    for _ in range(repetitions):
        function()
    again = (time.process_time() - start) / repetitions
    return {
        "processor": again,
        "first": first,
        "faults": once.ru_minflt - before.ru_minflt,
        "peak": once.ru_maxrss / 1024,
    }


def main(job: str, *options: str) -> None:
    """Print the figures of one job as a line of JSON."""
    data = find_data()
    if data is None:
        raise SystemExit("no real data: set $XGAMMA_DATA")
    print(json.dumps(measured(job, data, "--calls" in options)))


if __name__ == "__main__":
    main(*sys.argv[1:])
