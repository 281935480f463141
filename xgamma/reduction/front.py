"""The whole loop: reduce run after run, and stack them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import xarray as xr

from xgamma.background.registry import choose_background
from xgamma.core.arguments import choice
from xgamma.core.defaults import MEMORY
from xgamma.core.ends import signals_clean_up
from xgamma.core.units import to_value
from xgamma.datasets.collection import collect
from xgamma.errors import XGammaError
from xgamma.makers.fill import SELECTION
from xgamma.makers.safe_mask import choose_safe_masks
from xgamma.model.check import require_dataset
from xgamma.model.operation import operation
from xgamma.model.sky import pixel_scale
from xgamma.reduction.checkpoint import ResumeLike
from xgamma.reduction.fold import Job
from xgamma.reduction.hidden import hidden_offset
from xgamma.reduction.places import SchedulerLike, Work
from xgamma.reduction.runs import RunsLike, runs_of
from xgamma.reduction.sums import each, stacked
from xgamma.reduction.survey import reduce_survey
from xgamma.typing import AngleLike, PathLike

__all__ = ["reduce"]

#: Options of `safe_mask`, or its methods.
SafeMaskLike: TypeAlias = "Mapping[str, Any] | str | Sequence[str] | None"
#: A background method with its options, its name, or a function ``f(ds, obs)``.
BackgroundLike: TypeAlias = "Mapping[str, Any] | str | Callable[..., xr.Dataset] | None"


@operation
def reduce(
    observations: RunsLike | xr.DataTree,
    into: xr.Dataset,
    cutout_width: AngleLike | None = None,
    offset_max: AngleLike | None = None,
    select: Iterable[str] = SELECTION,
    safe_mask: SafeMaskLike = None,
    background: BackgroundLike = None,
    background_model: xr.Dataset | None = None,
    stack: bool = True,
    errors: str = "raise",
    progress: bool | None = None,
    name: str | None = None,
    workers: int | None = None,
    scheduler: SchedulerLike = None,
    resume: ResumeLike | None = None,
    out: PathLike | None = None,
    memory: str | float = MEMORY,
    overwrite: bool = False,
    **fill_options: Any,
) -> Any:
    """Reduce observations into one stacked dataset, or one dataset each.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        Observations, opened one at a time.
    into : Dataset
        Template, from `create_map` or `create_spectrum`.
    cutout_width : Quantity, str or float, optional
        Size of the cutout made around each pointing. By default, twice `offset_max` plus a pixel if
        `offset_max` is given, otherwise the whole template.
    offset_max : Quantity, str or float, optional
        Largest offset from the pointing; adds ``"offset-max"`` to the safe-mask methods. With
        ``stack=False``, data beyond it are masked but kept, so that another mask can be applied; a
        stacked dataset does not contain them.
    select : iterable of str
        What to fill.
    safe_mask : dict, str or list of str, optional
        Options of `safe_mask`, or its methods (of `list_safe_masks`).
    background : dict, str or callable, optional
        ``{"name": "fov", ...}`` with the options of that method, its name alone (one of
        `list_backgrounds`), or ``f(ds, obs)``.
    background_model : Dataset, optional
        From `background_model`: used instead of the background response of each run, for its
        zenith angle and azimuth.
    stack : bool
        True for one stacked dataset, False for a `DataTree` with a child for each run.
    errors : {"raise", "warn"}
        Whether a run that cannot be reduced raises an error, or is skipped with a warning. It is
        never stacked partially.
    progress : bool, optional
        Whether to show a progress bar; by default, on a terminal or in a notebook.
    name : str, optional
        Name of the result.
    workers : int, optional
        Number of threads or processes; by default two, or one on a single processor.
    scheduler : {None, "threads", "processes"}, Executor or distributed.Client, optional
        Where runs are reduced: in threads of this process (the default), in processes of this
        machine, in any `concurrent.futures.Executor`, or on a dask cluster. Processes and clusters
        sum several runs each and then the partial sums, in an order that does not depend on timing:
        counts equal those of threads exactly, other maps within rounding in double precision.
    resume : path-like or True, optional
        Folder for the partial sum (with `out`, for the tiles), saved every half minute and when the
        session ends, unless it is killed. A session with the same template and options continues
        from it. If True, a folder in the working directory named after the template and options.
    out : path-like, optional
        Zarr store to stack into, tile by tile, for a mosaic larger than memory; the result is
        opened lazily from it.
    memory : str or float
        With `out`: memory budget, not counting the libraries themselves, ``"2 GB"`` or bytes.
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
        If a run fails and ``errors="raise"`` (the message names the run), or no run is left.

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
    runs = runs_of(observations)
    background = choose_background(background)
    masks = choose_safe_masks(_safe_options(safe_mask, offset_max))
    options = {
        "cutout_width": _cutout_width(into, cutout_width, offset_max),
        "select": select,
        "safe_mask": masks,
        "background": background,
        "fill_options": fill_options,
        "hidden_beyond": hidden_offset(into, masks, background) if stack else None,
    }
    if background_model is not None:
        options["background_model"] = background_model
    job = Job(into, options, errors, stack)
    work = Work(scheduler, workers, progress)
    with signals_clean_up():
        if not stack:
            _refuse_to_keep(out, resume)
            return collect(each(runs, job, work), name)
        if out is not None:
            return reduce_survey(
                runs, job, out, memory, work, name=name, overwrite=overwrite, resume=resume
            )
        mosaic = stacked(runs, job, work, resume)
    if mosaic is None:
        raise XGammaError(
            "No run was reduced: the list is empty, or every run failed or missed the map."
        )
    return mosaic.to_dataset(name, release=True)


def _cutout_width(
    into: xr.Dataset, width: AngleLike | None, offset_max: AngleLike | None
) -> AngleLike | None:
    """Return the width of the cutouts: by default, what the largest offset requires."""
    if width is None and offset_max is not None and "x" in into.dims:
        return float(2.0 * to_value(offset_max, "deg", "offset_max") + max(pixel_scale(into)))
    return width


def _refuse_to_keep(out: PathLike | None, resume: ResumeLike | None) -> None:
    """Raise if a sum is asked for that is not made."""
    if out is not None:
        raise XGammaError("out= creates a single mosaic: omit stack=False.")
    if resume:
        raise XGammaError(
            "resume= requires stack=True: with stack=False, reduce the missing runs only."
        )


def _safe_options(safe_mask: SafeMaskLike, offset_max: AngleLike | None) -> dict[str, Any] | None:
    """Join the two ways to ask for a largest offset."""
    if isinstance(safe_mask, str):
        safe_mask = [safe_mask]
    if safe_mask is not None and not isinstance(safe_mask, Mapping):
        if not isinstance(safe_mask, Iterable):
            choose_safe_masks(safe_mask)  # refuses it
        safe_mask = {"methods": list(safe_mask)}
    if offset_max is None:
        return None if safe_mask is None else dict(safe_mask)
    options = dict(safe_mask or {"methods": []})
    methods = list(options.get("methods", ["aeff-default"]))
    if "offset-max" not in methods:
        methods.append("offset-max")
    return options | {"methods": methods, "offset_max": offset_max}
