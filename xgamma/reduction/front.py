"""The whole loop: reduce run after run, and stack them."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import xarray as xr

from xgamma.background.registry import choose_background
from xgamma.core.arguments import choice
from xgamma.core.defaults import MEMORY
from xgamma.core.units import to_value
from xgamma.datasets.collection import collect
from xgamma.datasets.mosaic import Mosaic
from xgamma.dl3 import observation
from xgamma.errors import OutsideError, XGammaError, warn
from xgamma.makers.fill import SELECTION
from xgamma.makers.safe_mask import choose_safe_masks
from xgamma.model.check import require_dataset
from xgamma.model.operation import operation
from xgamma.reduction.fold import RETRIES, Job, tried
from xgamma.reduction.hidden import hidden_offset
from xgamma.reduction.one_run import reduce_one
from xgamma.reduction.run import progress_bar
from xgamma.reduction.threads import default_workers, in_order

__all__ = ["reduce", "reduce_each", "report"]


def _length(runs: Any) -> int | None:
    try:
        return len(runs)
    except TypeError:
        return None


def _safe_options(safe_mask: Any, offset_max: Any) -> dict[str, Any] | None:
    """Join the two ways to ask for a largest offset."""
    if isinstance(safe_mask, (str, list, tuple)):
        safe_mask = {"methods": [safe_mask] if isinstance(safe_mask, str) else list(safe_mask)}
    if offset_max is None:
        return safe_mask
    options = dict(safe_mask or {"methods": []})
    methods = list(options.get("methods", ["aeff-default"]))
    if "offset-max" not in methods:
        methods.append("offset-max")
    return options | {"methods": methods, "offset_max": offset_max}


@operation
def reduce(
    observations: Any,
    into: xr.Dataset,
    cutout_width: Any = None,
    offset_max: Any = None,
    select: Iterable[str] = SELECTION,
    safe_mask: Any = None,
    background: dict[str, Any] | str | Callable[..., xr.Dataset] | None = None,
    stack: bool = True,
    errors: str = "raise",
    progress: bool | None = None,
    name: str | None = None,
    workers: int | None = None,
    scheduler: Any = None,
    resume: str | os.PathLike[str] | bool | None = None,
    out: str | os.PathLike[str] | None = None,
    memory: str | float = MEMORY,
    overwrite: bool = False,
    **fill_options: Any,
) -> Any:
    """Reduce observations into one stacked dataset, or one dataset each.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        Runs; they are opened one at a time.
    into : Dataset
        Template, from `create_map` or `create_spectrum`.
    cutout_width : Quantity, str or float, optional
        Size of the cutout made around each pointing; twice `offset_max` (if that is given)
        and a pixel when absent, else the whole template.
    offset_max : Quantity, str or float, optional
        Largest offset from the pointing; adds ``"offset-max"`` to the safe-mask methods. With
        ``stack=False`` what lies beyond is masked, and can be looked at again with another mask;
        a stacked dataset does not hold it.
    select : iterable of str
        What to fill.
    safe_mask : dict, str or list of str, optional
        Options of `safe_mask`, or its methods (of `list_safe_masks`).
    background : dict, str or callable, optional
        ``{"name": "fov", ...}`` with the options of that method, its name alone (one of
        `list_backgrounds`), or ``f(ds, obs)``.
    stack : bool
        True for one stacked dataset, False for a `DataTree` with a child for each run.
    errors : {"raise", "warn"}
        Whether a run that cannot be reduced stops the loop, or is reported and left out. It
        is never stacked in part.
    progress : bool, optional
        Show a progress bar; on a terminal or in a notebook when absent.
    name : str, optional
        Name of the result.
    workers : int, optional
        Threads or processes that work on runs; two (or one, on one processor) when absent.
    scheduler : {None, "threads", "processes"}, Executor or distributed.Client, optional
        Where runs are reduced: threads of this process when absent, processes of this machine,
        any `concurrent.futures.Executor`, or a dask cluster. Processes and clusters add up
        some runs each, then the partial sums, in an order that timing does not change: counts
        equal those of threads exactly, other maps to the rounding of double precision.
    resume : path-like or True, optional
        Folder that keeps the sum of what is done (Zarr, written after each task): a session
        that starts again with the same template and options goes on from there. With True, a
        folder in the working directory named after these. With `out`, the tiles so far, written
        every half a minute and when the session ends with an error.
    out : path-like, optional
        Zarr store to stack into, tile by tile, for a mosaic larger than memory; the result is
        opened from there, lazily.
    memory : str or float
        With `out`: bound on what is held beyond the libraries themselves, ``"2 GB"`` or bytes.
    overwrite : bool
        With `out`: whether an existing store may be replaced.
    **fill_options
        Further options of `fill`.

    Returns
    -------
    result : Dataset or DataTree
        The stacked dataset, or the collection. Runs are added in the order given, so the
        result does not depend on timing.

    Raises
    ------
    XGammaError
        If a run fails and ``errors="raise"`` (the message names the run), or none is left.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> runs = [simulate_observation("83.63d 22.51d", seed=i, obs_id=i) for i in (1, 2)]
    >>> empty = xg.create_map("83.63d 22.01d", "4 deg", "0.2 deg", xg.energy_axis(1, 10, 4))
    >>> ds = reduce(runs, into=empty, offset_max="2 deg")
    >>> ds.obs_id.values
    array([1, 2])
    """
    choice(errors, "errors", ("raise", "warn"))
    require_dataset(into, "into")
    if isinstance(observations, xr.DataTree):
        # One run, or a tree of runs.
        one = "events" in observations.children or not observations.children
        observations = [observations] if one else list(observations.children.values())
    elif not isinstance(observations, Iterable):
        raise XGammaError(
            f"{type(observations).__name__} is no list of observations: open them with xg.open_store(folder)."
        )
    background = choose_background(background)
    masks = choose_safe_masks(_safe_options(safe_mask, offset_max))
    if cutout_width is None and offset_max is not None and "x" in into.dims:
        from xgamma.model.sky import pixel_scale

        cutout_width = 2.0 * to_value(offset_max, "deg", "offset_max") + max(pixel_scale(into))
    options = {
        "cutout_width": cutout_width,
        "select": select,
        "safe_mask": masks,
        "background": background,
        "fill_options": fill_options,
        "hidden_beyond": hidden_offset(into, masks, background) if stack else None,
    }
    datasets: Iterable[xr.Dataset]
    if out is not None:
        from xgamma.reduction.survey import reduce_survey

        if not stack:
            raise XGammaError("out= makes one mosaic: leave out stack=False.")
        job = Job(into, options, errors)
        return reduce_survey(
            observations,
            job,
            out,
            memory,
            scheduler,
            workers,
            progress,
            name,
            overwrite,
            resume=resume,
        )
    if resume and not stack:
        raise XGammaError("resume keeps a sum: with stack=False, reduce the missing runs only.")
    if not resume and (scheduler is None or _is_threads(scheduler)):
        threads = default_workers() if workers is None else workers
        datasets = reduce_each(observations, into, options, errors, progress, threads)
    elif stack:
        from xgamma.reduction.run import reduce_mosaic

        job = Job(into, options, errors)
        return _result(reduce_mosaic(observations, job, scheduler, workers, resume, progress), name)
    else:
        from xgamma.reduction.run import reduce_datasets

        job = Job(into, options, errors, stack=False)
        datasets = reduce_datasets(observations, job, scheduler, workers, progress)
    if not stack:
        return collect(datasets, name)
    mosaic = Mosaic(into)
    for ds in datasets:
        mosaic.add(ds)
    return _result(mosaic, name)


def _is_threads(scheduler: Any) -> bool:
    return isinstance(scheduler, str) and scheduler == "threads"


def _result(mosaic: Mosaic, name: str | None) -> xr.Dataset:
    if not mosaic.count:
        raise XGammaError(
            "No run was reduced: the list is empty, or every run failed or missed the map."
        )
    return mosaic.to_dataset(name)


def reduce_each(
    observations: Any,
    into: xr.Dataset,
    options: dict[str, Any],
    errors: str,
    progress: bool | None,
    workers: int = 1,
) -> Iterator[xr.Dataset]:
    """Yield the reduced dataset of each run in order, holding a few at a time.

    Parameters
    ----------
    observations, into, errors, progress, workers
        As in `reduce`.
    options : dict
        Keywords of `reduce_one`.

    Yields
    ------
    ds : Dataset
        Of each run that could be reduced; the others are reported.
    """
    runs = getattr(observations, "obs_ids", observations)

    def work(run: Any) -> xr.Dataset:
        # The ids of a store are opened where they are reduced, so that reading is shared too.
        def once() -> xr.Dataset:
            obs = observations[run] if runs is not observations else run
            return reduce_one(obs, into, **options)

        return tried(once, RETRIES)

    results: Iterable[tuple[Any, Callable[[], xr.Dataset]]]
    if workers == 1:
        results = ((run, partial(work, run)) for run in runs)
    else:
        results = in_order(work, runs, workers)
    with progress_bar(_length(runs), progress) as advance:
        for run, result in results:
            try:
                ds = result()
            except Exception as error:
                report(run if runs is not observations else observation.obs_id(run), error, errors)
                continue
            finally:
                advance(1)
            yield ds


def report(obs_id: Any, error: Exception, errors: str, trace: str = "") -> None:
    """Raise or warn about a run that failed, naming it.

    A run whose field misses the map is left out with a warning in either case.

    Parameters
    ----------
    obs_id : int or str
        The run.
    error : Exception
        Why.
    errors : {"raise", "warn"}
        What to do.
    trace : str
        The traceback where the error comes from another process.

    Raises
    ------
    XGammaError
        With "raise"; the traceback of another process is a note on it.
    """
    named = f"Run {obs_id}"
    text = str(error) if str(error).startswith(named) else f"{named}: {error}"
    if isinstance(error, OutsideError):
        warn(f"{text} It is left out.")
        return
    if errors == "raise":
        known = isinstance(error, XGammaError)
        raised = type(error)(text) if known else XGammaError(f"{text} ({type(error).__name__})")
        if trace:
            raised.add_note(f"In the worker:\n{trace}")
        raise raised from error
    where = trace or "".join(traceback.format_exception(error))
    where = "" if isinstance(error, XGammaError) else f"\n{where}"
    warn(f"{text} The run is left out.{where}")
