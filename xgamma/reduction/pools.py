"""Where tasks run: processes of this machine, any executor, or a dask cluster."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
import threading
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from typing import Any, Protocol

import xarray as xr

from xgamma.errors import XGammaError, warn
from xgamma.reduction.fold import Job, Partial, extend, fold, merge, summary
from xgamma.reduction.runs import Runs
from xgamma.reduction.threads import default_workers
from xgamma.reduction.transport import Exchange, fold_to_file

__all__ = ["Cluster", "Pool", "Processes", "pool_for"]

# Seconds until it is asked whether a cluster has workers at all.
PATIENCE = 60.0
# Imported once, by the server that processes are forked from, where there are other threads.
PRELOADED = (
    "xgamma.reduction.front",
    "xgamma.makers.safe_mask",
    "xgamma.background.fov",
    "xgamma.dl3.store",
    "astropy.coordinates",
    "astropy.time",
    "astropy.wcs",
    "dask.array",
    "scipy.special",
)


class Pool(Protocol):
    """What `xgamma.reduction.drive` asks of a place where tasks run."""

    workers: int

    def submit(self, job: Job, runs: Runs, positions: list[int]) -> Any:
        """Start `fold`, and return a handle."""

    def result(self, handle: Any) -> Partial:
        """Wait for a task and return what it did, its sum if that is here."""

    def died(self, error: BaseException) -> bool:
        """Tell whether a worker is gone, rather than the task failed."""

    def add(self, into: xr.Dataset, total: Any, handle: Any, partial: Partial) -> Any:
        """Add a finished task to a running total, None at first."""

    def total(self, into: xr.Dataset, total: Any) -> Partial:
        """Return the sum of all."""

    def recover(self) -> None:
        """Make the pool usable after a worker is gone."""

    def cancel(self, handles: list[Any]) -> None:
        """Drop tasks."""

    def close(self) -> None:
        """End what this object started."""


class Processes:
    """Worker processes of this machine, or an executor of the caller.

    Parameters
    ----------
    workers : int
        Processes.
    executor : Executor, optional
        Used instead, and left running.
    """

    def __init__(self, workers: int, executor: Executor | None = None):
        self.workers = workers
        self.mine = executor is None
        self.exchange = Exchange() if self.mine else None
        self.executor = executor or self._started()

    def _started(self) -> Executor:
        return ProcessPoolExecutor(self.workers, mp_context=_context())

    def submit(self, job: Job, runs: Runs, positions: list[int]) -> Future[Any]:
        """Start `fold` in a process; a pool that is broken already says so in the result."""
        try:
            if self.exchange is None:
                return self.executor.submit(fold, job, runs, positions)
            task = pickle.dumps((job, runs, positions), protocol=5)
            return self.executor.submit(fold_to_file, self.exchange.folder, task)
        except BrokenExecutor as error:
            future: Future[Any] = Future()
            future.set_exception(error)
            return future

    def result(self, handle: Future[Any]) -> Partial:
        """Return the sum, sent here."""
        value = handle.result()
        return value if self.exchange is None else self.exchange.read(value)

    def died(self, error: BaseException) -> bool:
        """Tell whether a process is gone: all the tasks of its pool are lost."""
        return isinstance(error, BrokenExecutor)

    def add(self, into: xr.Dataset, total: Any, handle: Any, partial: Partial) -> Partial:
        """Add in order, in this process: one sum is held, however many tasks there are."""
        return extend(total, partial)

    def total(self, into: xr.Dataset, total: Any) -> Partial:
        """Return the sum of all."""
        return total or Partial()

    def recover(self) -> None:
        """Start new processes in place of a broken pool."""
        if not self.mine:
            raise XGammaError(
                "A worker of the executor died (killed, or out of memory): use fewer workers, or scheduler='processes', which starts new ones."
            )
        self.executor.shutdown(wait=True, cancel_futures=True)
        self.executor = self._started()

    def cancel(self, handles: list[Any]) -> None:
        """Drop tasks that have not started."""
        for handle in handles:
            handle.cancel()

    def close(self) -> None:
        """End the processes, unless they are the caller's."""
        if self.exchange is not None:
            self.executor.shutdown(wait=True, cancel_futures=True)
            self.exchange.close()


def _context() -> Any:
    """Return how to start processes: by fork where that is safe, since it costs nothing.

    A fork copies locks that other threads hold, so it is used only where there is none.
    """
    if sys.platform == "linux" and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    if "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(PRELOADED))
        return context
    return multiprocessing.get_context("spawn")


class Cluster:
    """Workers of a `distributed.Client`; sums stay there until the last.

    Sums are merged as a tree whose shape depends on the number of tasks only, so the result
    does not depend on which worker is the faster.

    Parameters
    ----------
    client : distributed.Client
        Connected to a cluster.
    gather : bool
        Whether to bring each sum here, as restarting from partial results needs.
    """

    def __init__(self, client: Any, gather: bool = False):
        self.client = client
        self.gather = gather
        self.workers = max(1, sum(client.nthreads().values()))

    def submit(self, job: Job, runs: Runs, positions: list[int]) -> Any:
        """Start `fold` on the cluster, and ask for its summary."""
        leaf = self.client.submit(fold, job, runs, positions, pure=False)
        # Without stacking the datasets themselves are wanted here.
        light = leaf if self.gather or not job.stack else self.client.submit(summary, leaf)
        return leaf, light

    def result(self, handle: Any) -> Partial:
        """Return what the task did, without its sum unless that is gathered."""
        self._wait(handle[1])
        return handle[1].result()

    def _wait(self, future: Any) -> None:
        """Wait for a future; say so if nobody is there to compute it, as dask would wait for ever."""
        from distributed import wait

        while not future.done():
            try:
                wait(future, timeout=PATIENCE)
            except TimeoutError:
                if not self.client.nthreads():
                    warn(
                        "The dask cluster has no worker left: the work goes on when one starts; interrupt it, or start one."
                    )

    def died(self, error: BaseException) -> bool:
        """Tell whether the scheduler gave a task up because workers died over it."""
        from distributed.scheduler import KilledWorker

        return isinstance(error, KilledWorker)

    def add(self, into: xr.Dataset, total: Any, handle: Any, partial: Partial) -> Any:
        """Add to a tree: sums of as many tasks each are merged as they come, on the cluster."""
        if self.gather:
            return extend(total, partial)
        nodes: list[tuple[int, Any]] = [*(total or []), (0, handle[0])]
        while len(nodes) > 1 and nodes[-1][0] == nodes[-2][0]:
            (level, left), (_, right) = nodes[-2:]
            merged = self.client.submit(merge, into, left, right, pure=False)
            nodes[-2:] = [(level + 1, merged)]
        return nodes

    def total(self, into: xr.Dataset, total: Any) -> Partial:
        """Return the sum of all, sent here once."""
        if self.gather or not total:
            return total or Partial()
        futures = [future for _, future in total]
        while len(futures) > 1:
            futures[-2:] = [self.client.submit(merge, into, *futures[-2:], pure=False)]
        self._wait(futures[0])
        return futures[0].result()

    def recover(self) -> None:
        """Do nothing: the cluster starts workers itself."""

    def cancel(self, handles: list[Any]) -> None:
        """Cancel tasks."""
        self.client.cancel([future for handle in handles for future in handle])

    def close(self) -> None:
        """Do nothing: the client is the caller's."""


def pool_for(scheduler: Any, workers: int | None, gather: bool) -> Pool:
    """Return the pool that a `scheduler` argument means.

    Parameters
    ----------
    scheduler : None, str, Executor or distributed.Client
        As in `reduce`.
    workers : int, optional
        Number of processes.
    gather : bool
        Whether each sum is wanted here.

    Returns
    -------
    pool : Pool
        To be closed.

    Raises
    ------
    XGammaError
        If the scheduler is not known, or there is less than one worker.

    Examples
    --------
    >>> pool_for("thread", None, False)
    Traceback (most recent call last):
    xgamma.errors.XGammaError: scheduler='thread' is not known: use None, 'threads', ...
    """
    number = default_workers() if workers is None else workers
    if number < 1:
        raise XGammaError(f"workers={workers} must be a positive whole number.")
    if isinstance(scheduler, str) and scheduler == "processes":
        return Processes(number)
    if scheduler is None or (isinstance(scheduler, str) and scheduler == "threads"):
        return Processes(number, ThreadPoolExecutor(number, "xgamma"))
    if isinstance(scheduler, Executor):
        known = getattr(scheduler, "_max_workers", number) if workers is None else number
        return Processes(known, scheduler)
    if hasattr(scheduler, "submit") and hasattr(scheduler, "nthreads"):
        return Cluster(scheduler, gather)
    raise XGammaError(
        f"scheduler={scheduler!r} is not known: use None, 'threads', 'processes', a concurrent.futures executor or a distributed.Client."
    )
