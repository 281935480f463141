"""What a worker does: reduce some runs, and add them up if that saves sending."""

from __future__ import annotations

import functools
import pickle
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from xgamma.core.options import options as limits
from xgamma.core.options import set_options
from xgamma.datasets.mosaic import Mosaic
from xgamma.datasets.stack import covering
from xgamma.errors import OutsideError, XGammaError
from xgamma.reduction.one_run import reduce_one
from xgamma.reduction.runs import RunId, Task

__all__ = ["Failure", "Job", "Partial", "fold", "fold_away", "merge", "summary"]

RETRIES = 1


@dataclass(frozen=True)
class Job:
    """What to do with each run.

    Attributes
    ----------
    into : Dataset
        Template.
    options : dict
        Keywords of `function`.
    errors : {"raise", "warn"}
        With "raise" a task ends at its first failure.
    stack : bool
        Whether a worker adds runs up, or gives the dataset of each.
    local : bool
        Whether the sum is on the smallest grid that holds a run, not on the whole template.
    retries : int
        How often a run is tried again after an error that is not a plain fault of the data.
    function : callable
        Of a run, the template and the options: returns a dataset.
    limits : dict
        Options of the library (`set_options`) where the job was made; they hold in workers too.
    """

    into: xr.Dataset
    options: dict[str, Any]
    errors: str = "raise"
    stack: bool = True
    local: bool = False
    retries: int = RETRIES
    function: Callable[..., xr.Dataset] = reduce_one
    limits: dict[str, Any] = field(default_factory=lambda: dict(limits))


@dataclass
class Failure:
    """A run that could not be reduced: its position and id, the error, another process's traceback."""

    position: int
    label: RunId
    error: Exception
    trace: str = ""


@dataclass
class Partial:
    """What a task gives back.

    Attributes
    ----------
    mosaic : Mosaic or None
        Sum of the runs, None if there is none.
    datasets : list of Dataset
        Instead of the sum, if the job does not stack.
    done : list of int
        Positions of the runs in it, in order.
    failures : list of Failure
        The others.
    warnings : list of tuple
        Message and category of the warnings given meanwhile in another process.
    """

    mosaic: Mosaic | None = None
    datasets: list[xr.Dataset] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    warnings: list[tuple[str, type[Warning]]] = field(default_factory=list)


def fold(job: Job, task: Task) -> Partial:
    """Reduce runs one after the other.

    Parameters
    ----------
    job : Job
        What to do.
    task : Task
        The runs.

    Returns
    -------
    partial : Partial
        Their sum, or their datasets. A run is in it whole or not at all.
    """
    out = Partial()
    for k, position in enumerate(task.positions):
        try:
            ds = _tried(functools.partial(_reduced, job, task, k), job.retries)
        except Exception as error:
            out.failures.append(Failure(position, task.runs.label(k), error))
            if job.errors == "raise" and not isinstance(error, OutsideError):
                break
            continue
        if job.stack:
            out.mosaic = out.mosaic or Mosaic(covering([ds]) if job.local else job.into)
            out.mosaic.add(ds)
        else:
            out.datasets.append(ds)
        out.done.append(position)
    return out


def fold_away(job: Job, task: Task) -> Partial:
    """Do `fold` in another process: warnings and errors come back in a form that can be sent."""
    warned: list[tuple[str, type[Warning]]] = []
    with set_options(**job.limits), _recorded(warned):
        out = fold(job, task)
    out.warnings = warned
    for failure in out.failures:
        failure.trace = "".join(traceback.format_exception(failure.error))
        failure.error = _sendable(failure.error)
    return out


def _reduced(job: Job, task: Task, k: int) -> xr.Dataset:
    return job.function(task.runs.open(k), job.into, **job.options)


def _tried(work: Callable[[], xr.Dataset], retries: int) -> xr.Dataset:
    """Do what may fail, again after an error that is not a plain fault of the data."""
    for attempt in range(retries):
        try:
            return work()
        except XGammaError:
            raise
        except Exception:
            # A file server that stumbles is the usual cause.
            time.sleep(0.1 * 2**attempt)
    return work()


def _sendable(error: Exception) -> Exception:
    """Return an exception that survives pickling: some of other libraries do not."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return XGammaError(f"{type(error).__name__}: {error}")
    return error


@contextmanager
def _recorded(into: list[tuple[str, type[Warning]]]) -> Iterator[None]:
    """Keep warnings for the caller; in a thread they go where the worker's log goes.

    `warnings.catch_warnings` changes the filters of the process, so it is left alone in threads.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    into += [(str(w.message), w.category) for w in caught]


def summary(partial: Partial) -> Partial:
    """Return all but the sum: what the client of a cluster needs to go on."""
    return Partial(done=partial.done, failures=partial.failures, warnings=partial.warnings)


def merge(into: xr.Dataset, *partials: Partial) -> Partial:
    """Add sums in the order given; they stay as they were.

    Parameters
    ----------
    into : Dataset
        Template.
    *partials : Partial
        Sums.

    Returns
    -------
    partial : Partial
        Of all the runs.
    """
    out = Partial()
    for partial in partials:
        if partial.mosaic is not None:
            out.mosaic = out.mosaic or Mosaic(into)
            out.mosaic.merge(partial.mosaic)
        out.done += partial.done
    return out
