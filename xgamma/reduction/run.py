"""Reduce runs with processes or a cluster, or from where an earlier session stopped."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import xarray as xr

from xgamma.datasets.mosaic import Mosaic
from xgamma.reduction.drive import drive, settle
from xgamma.reduction.fold import Job, Partial
from xgamma.reduction.pools import pool_for
from xgamma.reduction.runs import TASK, Runs

__all__ = ["progress_bar", "reduce_datasets", "reduce_mosaic"]


def reduce_mosaic(
    observations: Any,
    job: Job,
    scheduler: Any = None,
    workers: int | None = None,
    resume: str | os.PathLike[str] | bool | None = None,
    progress: bool | None = None,
) -> Mosaic:
    """Reduce runs and add them up.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        Runs.
    job : Job
        What to do with each.
    scheduler, workers, resume, progress
        As in `reduce`.

    Returns
    -------
    mosaic : Mosaic
        The sum; empty if no run could be reduced.

    Raises
    ------
    XGammaError
        If a run fails and the job says so, or the partial results belong to something else.
    """
    from xgamma.reduction.front import report

    runs = Runs(observations)
    kept = _Kept(runs, job, resume) if resume else None
    todo = kept.todo if kept else list(range(len(runs)))
    pool = pool_for(scheduler, workers, gather=kept is not None)
    total: Any = kept.start if kept else None
    try:
        with progress_bar(len(runs), progress, done=len(runs) - len(todo)) as bar:
            for handle, partial in drive(pool, job, runs, todo, TASK):
                if handle is not None:
                    total = pool.add(job.into, total, handle, partial)
                if kept and partial.done:
                    kept.save(total)
                bar(len(partial.done) + len(partial.failures))
                settle(partial, job, report)
            return pool.total(job.into, total).mosaic or Mosaic(job.into)
    finally:
        pool.close()


def reduce_datasets(
    observations: Any, job: Job, scheduler: Any, workers: int | None, progress: bool | None
) -> Iterator[xr.Dataset]:
    """Yield the dataset of each run, in order.

    Parameters
    ----------
    observations, job, scheduler, workers, progress
        As in `reduce_mosaic`; the job does not stack.

    Yields
    ------
    ds : Dataset
        Of each run that could be reduced.
    """
    from xgamma.reduction.front import report

    runs = Runs(observations)
    pool = pool_for(scheduler, workers, gather=True)
    try:
        with progress_bar(len(runs), progress) as bar:
            for _, partial in drive(pool, job, runs, list(range(len(runs))), most=1):
                bar(1)
                settle(partial, job, report)
                yield from partial.datasets
    finally:
        pool.close()


class _Kept:
    """What an earlier session left, and where this one leaves its own."""

    def __init__(self, runs: Runs, job: Job, resume: Any):
        from xgamma.reduction.checkpoint import Checkpoint, folder_for, require_wanted, signature

        mark = signature(job.into, job.options)
        path = folder_for(resume, mark)
        self.keys = runs.keys()
        self.checkpoint = Checkpoint(path, mark)
        mosaic, self.done = self.checkpoint.load(job.into)
        require_wanted(path, self.done, self.keys)
        known = set(self.done)
        self.todo = [p for p, key in enumerate(self.keys) if key not in known]
        self.start = Partial(mosaic=mosaic) if mosaic is not None else None

    def save(self, total: Partial) -> None:
        """Write the sum with all its runs."""
        if total.mosaic is not None:
            self.checkpoint.save(total.mosaic, self.done + [self.keys[p] for p in total.done])


@contextlib.contextmanager
def progress_bar(
    total: int | None,
    wanted: bool | None,
    done: int = 0,
    desc: str = "reduce",
    unit: str = "run",
) -> Iterator[Any]:
    """Give a function that moves a bar on, shown where somebody looks.

    Parameters
    ----------
    total : int or None
        Number of runs.
    wanted : bool, optional
        Whether to show it; on a terminal or in a notebook when absent.
    done : int
        Where it starts.
    desc, unit : str
        What is done to what.

    Yields
    ------
    advance : callable
        Takes the number of runs that were done.
    """
    if wanted is None:
        wanted = "ipykernel" in sys.modules or sys.stderr.isatty()
    if not wanted:
        yield lambda number: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, initial=done, desc=desc, unit=unit) as bar:
        yield bar.update
