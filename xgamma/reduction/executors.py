"""Executors of this process or of the caller as places where tasks run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from xgamma.errors import XGammaError
from xgamma.reduction.fold import Job, Partial, fold, fold_away
from xgamma.reduction.runs import Runs, Task

__all__ = ["Executed", "Here"]


class _Now(Executor):
    """Does what it is given at once, in the calling thread."""

    def submit(self, fn: Callable[..., Any], /, *args: object, **kwargs: object) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Here:
    """Threads of this process, or the calling one; each run is a task, added up by the caller.

    Parameters
    ----------
    workers : int
        Threads; no more runs than that are under way or waiting, and one at a time in the calling
        thread if it is 1.
    """

    def __init__(self, workers: int) -> None:
        self.workers = self.ahead = workers
        self.executor = ThreadPoolExecutor(workers, "xgamma") if workers > 1 else _Now()

    def tasks(self, runs: Runs, positions: Sequence[int] | None, most: int) -> Iterator[Task]:
        """Cut runs into tasks."""
        return runs.stream() if positions is None else runs.singly(positions)

    def submit(self, job: Job, task: Task) -> Future[Partial]:
        """Start a task; adding up sums of the whole map would take more than it saves."""
        return self.executor.submit(fold, replace(job, stack=job.local), task)

    def result(self, handle: Future[Partial]) -> Partial:
        """Return what the task did."""
        return handle.result()

    def died(self, error: BaseException) -> bool:
        """Tell that threads do not die."""
        return False

    def recover(self) -> None:
        """Do nothing."""

    def cancel(self, handles: list[Future[Partial]]) -> None:
        """Drop tasks that have not started."""
        for handle in handles:
            handle.cancel()

    def close(self, failed: bool = False) -> None:
        """Wait for the tasks under way and end the threads."""
        self.executor.shutdown(wait=True, cancel_futures=True)


class Executed:
    """An executor of the caller: it is left running.

    Parameters
    ----------
    executor : Executor
        Of the interface of `concurrent.futures`.
    workers : int
        So many tasks at least.
    """

    def __init__(self, executor: Executor, workers: int) -> None:
        self.executor, self.workers, self.ahead = executor, workers, 2 * workers

    def tasks(self, runs: Runs, positions: Sequence[int] | None, most: int) -> Iterator[Task]:
        """Cut runs into tasks, each adding up some runs."""
        return runs.parts(range(len(runs)) if positions is None else positions, self.workers, most)

    def submit(self, job: Job, task: Task) -> Future[Partial]:
        """Start a task."""
        return self._submitted(self.executor.submit, fold_away, job, task)

    @staticmethod
    def _submitted(submit: Callable[..., Future[Partial]], *args: object) -> Future[Partial]:
        """Submit; a pool that is broken already says so in the result."""
        try:
            return submit(*args)
        except BrokenExecutor as error:
            future: Future[Partial] = Future()
            future.set_exception(error)
            return future

    def result(self, handle: Future[Partial]) -> Partial:
        """Return the sum, sent here."""
        return handle.result()

    def died(self, error: BaseException) -> bool:
        """Return whether a process is gone: all the tasks of its pool are lost."""
        return isinstance(error, BrokenExecutor)

    def recover(self) -> None:
        """Refuse: the executor is the caller's."""
        raise XGammaError(
            "A worker of the executor died (killed, or out of memory): use fewer workers, or scheduler='processes', which starts new ones."
        )

    def cancel(self, handles: list[Future[Partial]]) -> None:
        """Drop tasks that have not started."""
        for handle in handles:
            handle.cancel()

    def close(self, failed: bool = False) -> None:
        """Leave the executor as it is."""
