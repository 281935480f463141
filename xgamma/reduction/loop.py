"""The loop over runs: tasks handed out a few at a time, taken in order, done again if a worker dies."""

from __future__ import annotations

import pickle
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeAlias

from xgamma.errors import OutsideError, XGammaError, warn
from xgamma.reduction.fold import Failure, Job, Partial
from xgamma.reduction.runs import RunId, Task

__all__ = ["Place", "loop", "settle"]

DIED = (
    "the worker that reduced it died twice (killed, or out of memory): use fewer workers, "
    "or more memory"
)

HUNGRY = (
    "it needs more memory than there is where it is reduced: use fewer workers, larger pixels, or "
    "a smaller cutout_width"
)

#: What a place knows a task by: a future, or several.
Handle: TypeAlias = Any


class Place(Protocol):
    """What the loop asks of a place where tasks run."""

    @property
    def ahead(self) -> int:
        """Tasks under way or waiting at most."""

    def submit(self, job: Job, task: Task) -> Handle:
        """Start a task, and return a handle."""

    def result(self, handle: Handle) -> Partial:
        """Wait for a task and return what it did, its sum if that is here."""

    def died(self, error: BaseException) -> bool:
        """Return whether a worker is gone, rather than the task failed."""

    def recover(self) -> None:
        """Make the place usable after a worker is gone."""

    def cancel(self, handles: list[Handle]) -> None:
        """Drop tasks."""


def loop(place: Place, job: Job, tasks: Iterable[Task]) -> Iterator[tuple[Handle | None, Partial]]:
    """Yield the finished tasks in their order.

    A bounded number of tasks is under way or waiting, whatever their number. When a
    worker dies, the tasks that were under way run again, one at a time until the guilty one is
    found, that one run by run, so that the error names the run.

    Parameters
    ----------
    place : Place
        Where tasks run.
    job : Job
        What to do.
    tasks : iterable of Task
        Taken from one at a time.

    Yields
    ------
    handle : object
        Of the place; None of a run that is given up.
    partial : Partial
        What the task did.
    """
    flight = _Flight(place, job, tasks)
    try:
        while flight.launch():
            try:
                partial = place.result(flight.flying[0][1])
            except Exception as error:
                if not place.died(error):
                    raise _explained(error) from error
                guilty = flight.crashed()
                if guilty is not None:
                    yield None, Partial(failures=[guilty])
                continue
            yield flight.landed(), partial
            # A dataset that was added is not held while the next one is waited for.
            del partial
    finally:
        place.cancel(flight.handles())


class _Flight:
    """The tasks under way, those that wait, and the search for one that kills its workers."""

    def __init__(self, place: Place, job: Job, tasks: Iterable[Task]) -> None:
        self.place, self.job, self.tasks = place, job, iter(tasks)
        self.again: deque[Task] = deque()
        self.flying: deque[tuple[Task, Handle]] = deque()
        # Tasks that were under way when a worker died, and how often one of a single run did it.
        self.suspects, self.strikes = 0, 0

    def launch(self) -> bool:
        """Start tasks; False if none is left."""
        while len(self.flying) < (1 if self.suspects else self.place.ahead):
            task = self.again.popleft() if self.again else next(self.tasks, None)
            if task is None:
                break
            try:
                self.flying.append((task, self.place.submit(self.job, task)))
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise _explained(error) from error
        return bool(self.flying)

    def landed(self) -> Handle:
        """Take the first task off, which is done."""
        self.suspects, self.strikes = max(self.suspects - 1, 0), 0
        return self.flying.popleft()[1]

    def crashed(self) -> Failure | None:
        """Have all that was under way done again; return a run that is given up instead."""
        lost = [task for task, _ in self.flying]
        self.place.cancel(self.handles())
        self.flying.clear()
        self.place.recover()
        self.suspects = max(self.suspects, len(lost))
        if len(lost) > 1:
            self.strikes = 0
        elif len(lost[0].positions) > 1:
            lost = lost[0].singly()
            self.suspects, self.strikes = self.suspects + len(lost) - 1, 0
        else:
            self.strikes += 1
        if self.strikes == 2:
            self.suspects, self.strikes = self.suspects - 1, 0
            (task,) = lost
            return Failure(task.positions[0], task.runs.label(0), XGammaError(DIED))
        self.again.extendleft(reversed(lost))
        return None

    def handles(self) -> list[Handle]:
        """Return the handles of the tasks under way."""
        return [handle for _, handle in self.flying]


def _explained(error: Exception) -> Exception:
    """Return the error of a task itself, with a cure if it could not be sent."""
    # Python 3.13 words the AttributeError of a local function without the word pickle.
    words = ("pickle", "local object")
    if isinstance(error, pickle.PicklingError) or any(word in str(error) for word in words):
        return XGammaError(
            f"The options cannot be sent to another process ({error}): define the functions among them in a module, or use scheduler='threads'."
        )
    return error


def settle(partial: Partial, job: Job) -> Partial:
    """Give the warnings of a task here, and report its failures.

    Parameters
    ----------
    partial : Partial
        What the task did.
    job : Job
        Says whether failures are raised.

    Returns
    -------
    partial : Partial
        The same.

    Raises
    ------
    XGammaError
        If a run failed and the job says so; the traceback of another process is a note on it.
    """
    for text, category in partial.warnings:
        warn(text, category)
    for failure in partial.failures:
        _report(failure.label, failure.error, job.errors, failure.trace)
    return partial


def _report(obs_id: RunId, error: Exception, errors: str, trace: str) -> None:
    """Raise or warn about a run that failed, naming it.

    A run whose field misses the map is left out with a warning in either case.
    """
    known = isinstance(error, XGammaError)
    named = f"Run {obs_id}"
    if isinstance(error, MemoryError):
        error = XGammaError(HUNGRY)
    text = str(error) if str(error).startswith(named) else f"{named}: {error}"
    if not known:
        said = " ".join(str(error).split()).rstrip(".")
        said = f"{said} ({type(error).__name__})" if said else f"a {type(error).__name__}"
        text = f"{named}: {said} came up while it was reduced, which no check foresaw: if a function of yours raised it, correct that; else check its files with xg.verify, and report it."
    if isinstance(error, OutsideError):
        warn(f"{text} It is omitted.")
        return
    if errors == "raise":
        raised = type(error)(text) if known else XGammaError(text)
        if trace:
            raised.add_note(f"In the worker:\n{trace}")
        raise raised from error
    where = trace or "".join(traceback.format_exception(error))
    where = "" if known else f"\n{where}"
    warn(f"{text} The run is omitted.{where}")
