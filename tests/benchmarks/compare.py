"""Compare two commits by ratios of processor time, of calls of Python functions and of peak memory.

Run as ``python -m tests.benchmarks.compare A B [jobs ...] [--repetitions 5] [--json FILE]``; ``.`` stands
for the files as they are. Both are measured by the benchmarks of this checkout, each measurement in a process
of its own, the two in turn, so that a change in the machine's speed hits both. The least is printed: whatever else runs only ever adds.
Nothing fails here: read the ratios (below one, B needs less). Calls do not vary; times vary by some percent.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.figures import JOBS
from tests.conftest import find_data

ROOT = Path(__file__).parents[2]
UNITS = {"processor": "s", "first": "s", "faults": "", "peak": "MB", "calls": ""}
Measured = dict[str, list[float]]


def checked_out(commit: str, folder: Path) -> Path:
    """Return a folder with the package as of a commit and the benchmarks of this checkout."""
    folder.mkdir()
    (folder / "tests").symlink_to(ROOT / "tests")
    if commit == ".":
        (folder / "xgamma").symlink_to(ROOT / "xgamma")
        return folder
    # With its slash: a branch cannot be mistaken for a path.
    command = ["git", "-C", str(ROOT), "archive", f"{commit}^{{commit}}", "xgamma"]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], check=True, input=archive)
    return folder


def measure(folder: Path, job: str, data: Path, *options: str) -> dict[str, float]:
    """Run one job with the package of a folder, in a new process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.figures", job, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "XGAMMA_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{job} failed with the package in {folder}:\n{done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def in_turn(
    folders: tuple[Path, Path], job: str, data: Path, repetitions: int
) -> tuple[Measured, Measured]:
    """Return what was measured of a job with either package."""
    found: tuple[Measured, Measured] = ({}, {})
    for _ in range(repetitions):
        for folder, figures in zip(folders, found, strict=True):
            for name, value in measure(folder, job, data).items():
                figures.setdefault(name, []).append(value)
    for folder, figures in zip(folders, found, strict=True):
        figures["calls"] = [measure(folder, job, data, "--calls")["calls"]]
    return found


def report(job: str, found: tuple[Measured, Measured]) -> dict[str, dict[str, float]]:
    """Print the least figures of a job, and return them."""
    kept = {}
    for name in found[0]:
        a, b = (min(figures[name]) for figures in found)
        ratio = b / a if a else float("nan")
        spread = max((max(f[name]) - min(f[name])) / min(f[name]) for f in found if any(f[name]))
        print(
            f"{job:12s} {name:10s} {a:12.5g} {b:12.5g} {UNITS[name]:3s} "
            f"B/A {ratio:5.3f}   spread {100 * spread:3.0f} %",
            flush=True,
        )
        kept[name] = {"A": a, "B": b, "ratio": ratio, "spread": spread}
    return kept


def main() -> None:
    """Compare two commits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commits", nargs=2, metavar="COMMIT", help="or . for the files as they are")
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"of {', '.join(JOBS)}; all of them")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", type=Path, help="a file to write the figures to")
    given = parser.parse_args()
    unknown = set(given.jobs) - set(JOBS)
    if unknown:
        parser.error(f"no job is called {unknown.pop()}: choose from {', '.join(JOBS)}")
    data = find_data()
    if data is None:
        raise SystemExit("no real data: set $XGAMMA_DATA")
    with tempfile.TemporaryDirectory(prefix="xgamma-") as work:
        a, b = (checked_out(c, Path(work) / n) for n, c in zip("AB", given.commits, strict=True))
        kept = {
            job: report(job, in_turn((a, b), job, data, given.repetitions))
            for job in given.jobs or JOBS
        }
    if given.json is not None:
        given.json.write_text(json.dumps({"commits": given.commits, "jobs": kept}, indent=1) + "\n")


if __name__ == "__main__":
    main()
