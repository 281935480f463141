"""Forked children that try one mutant after the other, under limits of time and memory."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tests.fuzz.judge import answer, judged
from tests.fuzz.mutant import Mutant
from tests.fuzz.products import PRODUCTS

__all__ = ["run_pool"]

LIMIT = 6 * 2**30
# Seconds that a mutant may take: of this process alone, and in all on a busy machine.
TIMEOUT, PATIENCE = 20.0, 240.0
# A result of more is memory that a small product cannot need.
GROWTH = 2 * 2**30

Job = tuple[int, str, Mutant]


def _serve(pipe: Connection, sources: dict[str, Path]) -> None:
    """Try what is asked for, until nothing more is."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    expected: dict[str, Any] = {}
    while (job := pipe.recv()) is not None:
        number, name, mutant = job
        product = PRODUCTS[name]
        with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
            folder = Path(scratch) / f"m{number}"
            if name not in expected:
                expected[name] = _expected(name, sources[name], folder)
            shutil.copytree(sources[name], folder)
            pipe.send("go")
            try:
                mutant.apply(folder)
            except Exception as error:
                pipe.send((number, "not made", repr(error)))
                continue
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            outcome, text = judged(product, folder, expected[name], mutant.meant)
            grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
            if grown > GROWTH:
                outcome, text = "memory", f"{grown / 2**30:.1f} GiB; {outcome}: {text}"
        pipe.send((number, outcome, text))
        gc.collect(0)


def _expected(name: str, source: Path, folder: Path) -> Any:
    """Return what the whole product gives; the child that is first leaves it for the others."""
    kept = source.with_suffix(".pickle")
    if not kept.exists():
        shutil.copytree(source, folder)
        found = answer(PRODUCTS[name], folder)
        shutil.rmtree(folder)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_bytes(pickle.dumps(found))
        part.replace(kept)
    return pickle.loads(kept.read_bytes())


class _Child:
    """A child, and what it does."""

    def __init__(self, sources: dict[str, Path]) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, sources), daemon=True)
        self.process.start()
        theirs.close()
        self.job: Job | None = None
        self.since, self.before = 0.0, 0.0

    def used(self) -> float:
        """Return the processor time that the child has used, in seconds; 0 where nobody tells."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def give(self, job: Job | None) -> None:
        """Hand over a job, or the end."""
        self.job, self.since = job, time.monotonic()
        self.pipe.send(job)


def run_pool(
    jobs: list[Job], sources: dict[str, Path], workers: int
) -> Iterator[tuple[Job, str, str]]:
    """Yield each job with its outcome and what there is to say."""
    left = list(reversed(jobs))
    children = [_Child(sources) for _ in range(min(workers, len(jobs)))]
    for child in children:
        child.give(left.pop())
    while children:
        wait([c.pipe for c in children], timeout=1.0)
        for child in list(children):
            result = _result(child)
            if result is None:
                continue
            yield result
            if not child.process.is_alive():
                children.remove(child)
                if left:
                    children.append(child := _Child(sources))
            if left:
                child.give(left.pop())
            elif child in children:
                child.give(None)
                children.remove(child)
                child.process.join()


def _result(child: _Child) -> tuple[Job, str, str] | None:
    """Return the outcome of a child's job, if there is one: also if it died or hangs."""
    job = child.job
    assert job is not None
    try:
        while child.pipe.poll():
            message = child.pipe.recv()
            if message != "go":
                return job, message[1], message[2]
            child.since, child.before = time.monotonic(), child.used()
    except EOFError:
        child.process.join()
        return job, "bare traceback", f"the process died: {child.process.exitcode}"
    waited = time.monotonic() - child.since
    if waited > PATIENCE or (waited > TIMEOUT and child.used() - child.before > TIMEOUT):
        child.process.kill()
        child.process.join()
        return job, "hang", f"more than {TIMEOUT:g} s"
    return None
