"""A dask cluster as a place where tasks run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import xarray as xr

from xgamma.errors import warn
from xgamma.reduction.fold import Job, Partial, fold_away, merge, summary
from xgamma.reduction.runs import Runs, Task

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Cluster", "ClusterHandle", "Tree"]

# Seconds until it is asked whether a cluster has workers at all.
PATIENCE = 60.0


class ClusterHandle(NamedTuple):
    """Futures of a task: of its sum, which stays where it is, and of what is wanted here."""

    leaf: Any
    light: Any


class Cluster:
    """Workers of a `distributed.Client`.

    Parameters
    ----------
    client : distributed.Client
        Connected to a cluster; it is left as it is.
    gather : bool
        Whether to bring each sum here, as partial results on disk need, instead of adding them
        up there.
    """

    def __init__(self, client: Client, gather: bool) -> None:
        self.client, self.gather = client, gather
        self.workers = max(1, sum(client.nthreads().values()))
        self.ahead = 2 * self.workers

    def tasks(self, runs: Runs, positions: Sequence[int] | None, most: int) -> Iterator[Task]:
        """Cut runs into tasks, each adding up some runs."""
        return runs.parts(range(len(runs)) if positions is None else positions, self.workers, most)

    def submit(self, job: Job, task: Task) -> ClusterHandle:
        """Start a task on the cluster."""
        leaf = self.client.submit(fold_away, job, task, pure=False)
        return ClusterHandle(
            leaf, leaf if self.gather else self.client.submit(summary, leaf, pure=False)
        )

    def result(self, handle: ClusterHandle) -> Partial:
        """Return what the task did, without its sum unless that is gathered."""
        return self.here(handle.light)

    def here(self, future: Any) -> Partial:
        """Wait for a future; say so if nobody is there to compute it: dask would wait for ever."""
        from distributed import wait

        while not future.done():
            try:
                wait(future, timeout=PATIENCE)
            except TimeoutError:
                if not self.client.nthreads():
                    warn(
                        "The dask cluster has no workers left: the reduction continues when one starts; start one, or interrupt it."
                    )
        partial: Partial = future.result()
        return partial

    def died(self, error: BaseException) -> bool:
        """Return whether the scheduler gave a task up because workers died over it."""
        from distributed.scheduler import KilledWorker

        return isinstance(error, KilledWorker)

    def recover(self) -> None:
        """Do nothing: the cluster starts workers itself."""

    def cancel(self, handles: list[ClusterHandle]) -> None:
        """Cancel tasks."""
        self.client.cancel([future for handle in handles for future in handle])

    def close(self, failed: bool = False) -> None:
        """Do nothing: the client is the caller's."""


class Tree:
    """A sum that stays on a cluster until it is whole.

    Sums of as many tasks each are merged as they come, so that the shape of the tree depends on
    the number of tasks only, and the result not on which worker is the faster.

    Parameters
    ----------
    cluster : Cluster
        It does not gather.
    into : Dataset
        Template.
    """

    def __init__(self, cluster: Cluster, into: xr.Dataset) -> None:
        self.cluster, self.into = cluster, into
        self.nodes: list[tuple[int, Any]] = []
        self.done: list[int] = []

    def add(self, handle: ClusterHandle | None, partial: Partial) -> None:
        """Add a finished task."""
        if handle is None:
            return
        self.nodes.append((0, handle.leaf))
        while len(self.nodes) > 1 and self.nodes[-1][0] == self.nodes[-2][0]:
            (level, left), (_, right) = self.nodes[-2:]
            self.nodes[-2:] = [(level + 1, self._merged(left, right))]

    def _merged(self, left: Any, right: Any) -> Any:
        return self.cluster.client.submit(merge, self.into, left, right, pure=False)

    def write(self, files: object) -> dict[str, Any]:
        """Refuse: what is to be kept is gathered."""
        raise NotImplementedError

    def total(self) -> Partial:
        """Return the sum of all, sent here once."""
        futures = [future for _, future in self.nodes]
        while len(futures) > 1:
            futures[-2:] = [self._merged(*futures[-2:])]
        return self.cluster.here(futures[0]) if futures else Partial()
