"""Hand out tasks a few at a time, take their results in order, survive workers that die."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from xgamma.errors import XGammaError, warn
from xgamma.reduction.fold import Failure, Job, Partial
from xgamma.reduction.pools import Pool
from xgamma.reduction.runs import Runs, split

__all__ = ["drive", "settle"]

DIED = (
    "the worker that reduced it died twice (killed, or out of memory): use fewer workers, "
    "or more memory"
)


def drive(
    pool: Pool,
    job: Job,
    runs: Runs,
    positions: list[int],
    most: int,
    ahead: int | None = None,
) -> Iterator[tuple[Any, Partial]]:
    """Yield the finished tasks in the order of the runs.

    A bounded number of tasks is under way or waiting, whatever the number of runs. When a
    worker dies, the tasks that were under way run again, one at a time until the guilty one is
    found, that one run by run, so that the error names the run.

    Parameters
    ----------
    pool : Pool
        Where tasks run.
    job : Job
        What to do.
    runs : Runs
        All of them.
    positions : list of int
        Those to reduce.
    most : int
        The largest number of runs in a task.
    ahead : int, optional
        Tasks under way or waiting; twice the number of workers when absent.

    Yields
    ------
    handle : object
        Of the pool.
    partial : Partial
        What the task did.
    """
    ahead = 2 * pool.workers if ahead is None else ahead
    todo = deque(split(positions, pool.workers, most))
    flying: deque[tuple[list[int], Any]] = deque()
    suspects, strikes = 0, 0
    try:
        while todo or flying:
            while todo and len(flying) < (1 if suspects else ahead):
                part = todo.popleft()
                flying.append((part, _submitted(pool, job, runs, part)))
            part, handle = flying[0]
            try:
                partial = pool.result(handle)
            except Exception as error:
                if not pool.died(error):
                    raise _explained(error) from error
                lost = [lost_part for lost_part, _ in flying]
                alone = len(lost) == 1
                pool.cancel([h for _, h in flying])
                flying.clear()
                pool.recover()
                suspects = max(suspects, len(lost))
                strikes = strikes + 1 if alone else 0
                if alone and len(part) > 1:
                    lost, suspects, strikes = [[p] for p in part], suspects + len(part) - 1, 0
                elif strikes == 2:
                    strikes, suspects = 0, suspects - 1
                    label = runs.label(part[0])
                    yield None, Partial(failures=[Failure(part[0], label, XGammaError(DIED), "")])
                    continue
                todo.extendleft(reversed(lost))
                continue
            flying.popleft()
            suspects, strikes = max(suspects - 1, 0), 0
            yield handle, partial
    finally:
        pool.cancel([handle for _, handle in flying])


def _explained(error: Exception) -> Exception:
    """Return the error of a task itself, with the mend where it could not be sent."""
    # Python 3.13 words the AttributeError of a local function without the word pickle.
    words = ("pickle", "local object")
    if isinstance(error, pickle.PicklingError) or any(word in str(error) for word in words):
        return XGammaError(
            f"The options cannot be sent to another process ({error}): define the functions among them in a module, or use scheduler='threads'."
        )
    return error


def _submitted(pool: Pool, job: Job, runs: Runs, part: list[int]) -> Any:
    part_runs = runs.part(part)
    try:
        return pool.submit(job, part_runs, part)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise _explained(error) from error


def settle(
    partial: Partial, job: Job, report: Callable[[Any, Exception, str, str], None]
) -> Partial:
    """Give the warnings of a task here, and report its failures."""
    for text, category in partial.warnings:
        warn(text, category)
    for failure in partial.failures:
        report(failure.label, failure.error, job.errors, failure.trace)
    return partial
