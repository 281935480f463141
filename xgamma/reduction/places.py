"""Where tasks run, as ``scheduler=`` says."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from xgamma.errors import XGammaError
from xgamma.reduction.cluster import Cluster
from xgamma.reduction.executors import Executed, Here
from xgamma.reduction.processes import Processes

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["PLAIN", "SchedulerLike", "Where", "Work", "place_for"]

#: What ``scheduler=`` takes.
SchedulerLike: TypeAlias = "str | Executor | Client | None"

Where: TypeAlias = Here | Executed | Cluster


class Work(NamedTuple):
    """How the work is done: arguments of `reduce`."""

    scheduler: SchedulerLike = None
    workers: int | None = None
    progress: bool | None = None


#: Two threads, a bar on a terminal.
PLAIN = Work()


def default_workers() -> int:
    """Return the number of workers when none is asked for: the processors, two at most.

    The makers spend about half of their time in Python, which threads share, so that more than
    two gain nothing.
    """
    return min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)


def place_for(scheduler: SchedulerLike, workers: int | None, gather: bool) -> Where:
    """Return the place that a `scheduler` argument means.

    Parameters
    ----------
    scheduler : None, str, Executor or distributed.Client
        As in `reduce`.
    workers : int, optional
        Number of threads or processes.
    gather : bool
        Whether each sum is wanted here.

    Returns
    -------
    place : Place
        To be closed.

    Raises
    ------
    XGammaError
        If the scheduler is not known, or there is less than one worker.

    Examples
    --------
    >>> place_for("thread", None, False)
    Traceback (most recent call last):
    xgamma.errors.XGammaError: scheduler='thread' is not recognised: use None, 'threads', ...
    """
    number = default_workers() if workers is None else workers
    if number < 1:
        raise XGammaError(f"workers={workers} must be a positive whole number.")
    if scheduler is None or (isinstance(scheduler, str) and scheduler == "threads"):
        return Here(number)
    if isinstance(scheduler, str) and scheduler == "processes":
        return Processes(number)
    if isinstance(scheduler, Executor):
        known = getattr(scheduler, "_max_workers", number) if workers is None else number
        return Executed(scheduler, known)
    if (
        not isinstance(scheduler, str)
        and hasattr(scheduler, "submit")
        and hasattr(scheduler, "nthreads")
    ):
        return Cluster(scheduler, gather)
    raise XGammaError(
        f"scheduler={scheduler!r} is not recognised: use None, 'threads', 'processes', a concurrent.futures executor or a distributed.Client."
    )
