"""Processes of this machine as a place where tasks run."""

from __future__ import annotations

import os
from concurrent.futures import Executor, Future
from pathlib import Path

from xgamma.core.ends import end_with_parent
from xgamma.core.extras import require_package
from xgamma.reduction.executors import Executed
from xgamma.reduction.fold import Job, Partial, fold_away
from xgamma.reduction.runs import Task
from xgamma.reduction.transport import Exchange, leave

__all__ = ["Processes"]


class Processes(Executed):
    """Worker processes of this machine, started again by loky and ended with this object.

    They start the same way everywhere (a new interpreter that does not run the script again), so
    that a script needs no ``if __name__ == "__main__"``, and functions of a script or notebook can
    be sent. They end when this process does, whatever ends it.

    Parameters
    ----------
    workers : int
        Processes.
    """

    def __init__(self, workers: int) -> None:
        self.exchange = Exchange()
        super().__init__(self._started(workers), workers)

    def _started(self, workers: int) -> Executor:
        loky = require_package("loky.process_executor", "scheduler='processes'", "dask")
        mine = (os.getpid(), self.exchange.folder)
        executor: Executor = loky.ProcessPoolExecutor(
            workers, initializer=end_with_parent, initargs=mine
        )
        return executor

    def submit(self, job: Job, task: Task) -> Future[Partial]:
        """Start a task in a process."""
        return self._submitted(self.executor.submit, _fold_to_file, self.exchange.folder, job, task)

    def result(self, handle: Future[Path | Partial]) -> Partial:  # type: ignore[override]
        """Return the sum, sent here."""
        value = handle.result()
        if isinstance(value, Partial):
            return value
        partial: Partial = self.exchange.read(value)
        return partial

    def recover(self) -> None:
        """Start new processes in place of a broken pool."""
        self._shut(kill=True)
        self.executor = self._started(self.workers)

    def close(self, failed: bool = False) -> None:
        """End the processes, at once if nobody waits for what they do."""
        self._shut(kill=failed)
        self.exchange.close()

    def _shut(self, kill: bool) -> None:
        self.executor.shutdown(wait=True, kill_workers=kill)  # type: ignore[call-arg]


def _fold_to_file(folder: Path, job: Job, task: Task) -> Path | Partial:
    """Do `fold_away` and leave the result in a file; send it where there is no room for one."""
    partial = fold_away(job, task)
    return leave(partial, folder) or partial
