"""The loop of `reduce` in memory: runs into one sum, or one dataset each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Protocol

import numpy as np
import xarray as xr

from xgamma.datasets.mosaic import Mosaic
from xgamma.errors import MissingDataError
from xgamma.reduction.checkpoint import Checkpoint, ResumeLike, State, signature
from xgamma.reduction.cluster import Cluster, Tree
from xgamma.reduction.fold import Job, Partial
from xgamma.reduction.loop import loop, settle
from xgamma.reduction.places import Where, Work, place_for
from xgamma.reduction.progress import progress_bar
from xgamma.reduction.runs import TASK, Runs, RunsLike, Task
from xgamma.reduction.tile_files import TileFiles

__all__ = ["Sink", "Whole", "add_all", "each", "opened", "stacked"]


class Sink(Protocol):
    """Where finished tasks go."""

    done: list[int]

    def add(self, handle: Any, partial: Partial) -> None:
        """Add a finished task."""

    def write(self, files: TileFiles) -> State:
        """Write the sums that have changed, and return what the sum says of itself."""


@contextmanager
def opened(work: Work, gather: bool) -> Iterator[Where]:
    """Give a place where tasks run; what still runs there when the block fails is dropped."""
    place = place_for(work.scheduler, work.workers, gather)
    try:
        yield place
    except BaseException:
        place.close(failed=True)
        raise
    place.close()


def add_all(
    place: Where,
    job: Job,
    tasks: Iterable[Task],
    sink: Sink,
    kept: Checkpoint | None,
    progress: bool | None,
    number: int | None,
) -> None:
    """Reduce runs and add them up, and keep what is done.

    Parameters
    ----------
    place, job, tasks
        As in `loop`.
    sink : Sink
        Where they are added.
    kept : Checkpoint, optional
        Where the sum is kept, now and then, and when the session ends, however it does.
    progress : bool, optional
        As in `progress_bar`.
    number : int or None
        Of all runs, those included that are done already.

    Raises
    ------
    XGammaError
        If a run fails and the job says so.
    """
    whole = True
    try:
        with progress_bar(number, progress, done=len(sink.done)) as advance:
            for handle, partial in loop(place, job, tasks):
                whole = False
                sink.add(handle, partial)
                sink.done += partial.done
                whole = True
                if kept:
                    kept.save(sink.done, sink.write)
                advance(len(partial.done) + len(partial.failures))
                settle(partial, job)
                # Not held while the next one is waited for.
                del handle, partial
    except BaseException as error:
        # A run that was being added when the session ended is neither in nor out.
        if kept and whole:
            try:
                kept.save(sink.done, sink.write, now=True)
            except Exception as other:
                # Why the session ends matters more; the state before counts.
                error.add_note(f"What was done since the last state was not kept: {other}")
        raise
    if kept:
        kept.save(sink.done, sink.write, now=True)


class Whole:
    """A sum that is held whole.

    Parameters
    ----------
    into : Dataset
        Template.
    kept : Checkpoint, optional
        What to go on from.
    """

    def __init__(self, into: xr.Dataset, kept: Checkpoint | None = None) -> None:
        self.into = into
        self.mosaic: Mosaic | None = None
        self.done: list[int] = []
        if kept is not None and kept.done:
            self.done = kept.positions
            self.mosaic = _read(into, kept)

    def add(self, handle: object, partial: Partial) -> None:
        """Add a task: its datasets, or its sum, which is not to be used any more."""
        for ds in partial.datasets:
            self.mosaic = self.mosaic or Mosaic(self.into)
            self.mosaic.add(ds)
        if self.mosaic is None:
            self.mosaic = partial.mosaic
        elif partial.mosaic is not None:
            self.mosaic.merge(partial.mosaic)

    def write(self, files: TileFiles) -> State:
        """Write the sum as one tile."""
        assert self.mosaic is not None
        parts = self.mosaic.parts()
        files.write((0, 0), {name: part.values for name, part in parts.items()})
        forms = {n: [v.dims, v.shape, v.dtype.str, v.attrs] for n, v in parts.items()}
        return {"forms": forms, "runs": self.mosaic.runs()}


def _read(into: xr.Dataset, kept: Checkpoint) -> Mosaic:
    """Return the sum that is kept."""
    try:
        parts = {
            name: xr.Variable(dims, np.asarray(kept.files.read((0, 0), name)), attrs)
            for name, (dims, _, _, attrs) in kept.state["forms"].items()
        }
        return Mosaic(into).put_parts(parts).put_runs(kept.state["runs"])
    except (MissingDataError, KeyError, TypeError, ValueError) as error:
        raise MissingDataError(
            f"The partial results in '{kept.path}' are incomplete ({error}): remove the folder and start again."
        ) from None


def stacked(
    observations: RunsLike,
    job: Job,
    work: Work,
    resume: ResumeLike | None = None,
) -> Mosaic | None:
    """Reduce runs and add them up.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        Runs.
    job : Job
        What to do with each.
    work : Work
        How it is done.
    resume : path-like or True, optional
        As in `reduce`.

    Returns
    -------
    mosaic : Mosaic or None
        The sum; None if no run could be reduced.

    Raises
    ------
    XGammaError
        If a run fails and the job says so, or the partial results belong to something else.
    """
    runs = Runs(observations)
    with ExitStack() as stack:
        kept, todo = None, None
        if resume:
            kept = Checkpoint(resume, signature(job.into, job.options), runs)
            stack.enter_context(closing(kept))
            todo = kept.left(range(len(runs)))
        whole = Whole(job.into, kept)
        place = stack.enter_context(opened(work, gather=kept is not None))
        tasks = place.tasks(runs, todo, TASK)
        if isinstance(place, Cluster) and not place.gather:
            tree = Tree(place, job.into)
            add_all(place, job, tasks, tree, None, work.progress, runs.number)
            return tree.total().mosaic
        add_all(place, job, tasks, whole, kept, work.progress, runs.number)
    return whole.mosaic


def each(
    observations: RunsLike,
    job: Job,
    work: Work,
) -> Iterator[xr.Dataset]:
    """Yield the dataset of each run, in order, holding a few at a time.

    Parameters
    ----------
    observations, job, work
        As in `stacked`; the job does not stack.

    Yields
    ------
    ds : Dataset
        Of each run that could be reduced.
    """
    runs = Runs(observations)
    with (
        opened(work, gather=True) as place,
        progress_bar(runs.number, work.progress) as advance,
    ):
        for _, partial in loop(place, job, place.tasks(runs, None, 1)):
            advance(1)
            settle(partial, job)
            yield from partial.datasets
