"""The task that a worker does: reduce some runs and add them up."""

from __future__ import annotations

import functools
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from xgamma.datasets.mosaic import Mosaic
from xgamma.datasets.stack import covering
from xgamma.errors import OutsideError, XGammaError
from xgamma.reduction.runs import Runs

__all__ = ["Failure", "Job", "Partial", "extend", "fold", "merge", "summary", "tried"]

RETRIES = 1


@dataclass(frozen=True)
class Job:
    """What to do with each run.

    Attributes
    ----------
    into : Dataset
        Template.
    options : dict
        Keywords of `reduce_one`.
    errors : {"raise", "warn"}
        With "raise" a task ends at its first failure.
    stack : bool
        Whether to add runs up, or keep the dataset of each.
    local : bool
        Whether the sum is on the smallest grid that holds a run, not on the whole template.
    retries : int
        How often a run is tried again after an error that is not a plain fault of the data.
    """

    into: xr.Dataset
    options: dict[str, Any]
    errors: str = "raise"
    stack: bool = True
    local: bool = False
    retries: int = RETRIES


@dataclass
class Failure:
    """A run that could not be reduced: its position and id, the error and its traceback."""

    position: int
    label: Any
    error: Exception
    trace: str


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
        Message and category of the warnings given meanwhile.
    """

    mosaic: Mosaic | None = None
    datasets: list[xr.Dataset] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    warnings: list[tuple[str, type[Warning]]] = field(default_factory=list)


def fold(job: Job, runs: Runs, positions: list[int]) -> Partial:
    """Reduce runs one after the other and add them up.

    Parameters
    ----------
    job : Job
        What to do.
    runs : Runs
        These runs only, as many as positions.
    positions : list of int
        Where they are in the whole list.

    Returns
    -------
    partial : Partial
        Their sum. A run is in it whole or not at all.
    """
    out = Partial()
    with _recorded(out.warnings):
        for k, position in enumerate(positions):
            try:
                ds = tried(functools.partial(_reduced, job, runs, k), job.retries)
            except Exception as error:
                trace = "".join(traceback.format_exception(error))
                out.failures.append(Failure(position, runs.label(k), _sendable(error), trace))
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


def _reduced(job: Job, runs: Runs, k: int) -> xr.Dataset:
    from xgamma.reduction.one_run import reduce_one

    return reduce_one(runs.open(k), job.into, **job.options)


def tried(work: Callable[[], xr.Dataset], retries: int) -> xr.Dataset:
    """Do what may fail, again after an error that is not a plain fault of the data.

    Parameters
    ----------
    work : callable
        Without arguments.
    retries : int
        How often at most.

    Returns
    -------
    ds : Dataset
        What the work returns.
    """
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
    import pickle

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
    """Add partial sums in the order given; they stay as they were.

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
        out.datasets += partial.datasets
        out.done += partial.done
        out.failures += partial.failures
        out.warnings += partial.warnings
    return out


def extend(total: Partial | None, partial: Partial) -> Partial:
    """Add a partial sum to a running one, which is changed; both belong to the caller.

    Parameters
    ----------
    total : Partial or None
        Running sum.
    partial : Partial
        What comes next; not to be used any more.

    Returns
    -------
    total : Partial
        Of all the runs.
    """
    if total is None:
        return partial
    if total.mosaic is None:
        total.mosaic = partial.mosaic
    elif partial.mosaic is not None:
        total.mosaic.merge(partial.mosaic)
    total.datasets += partial.datasets
    total.done += partial.done
    return total
