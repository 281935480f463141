"""The whole loop: cut out, fill, mask, estimate the background, stack, run after run."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import xarray as xr

from xgamma.datasets.collection import collect
from xgamma.datasets.cutout import cutout
from xgamma.datasets.stack import Mosaic
from xgamma.dl3 import observation
from xgamma.errors import OutsideError, XGammaError, XGammaWarning
from xgamma.makers.fill import SELECTION, fill
from xgamma.makers.parallel import default_workers, in_order
from xgamma.makers.safe_mask import safe_mask as apply_safe_mask
from xgamma.units import to_value

__all__ = ["BACKGROUND_METHODS", "background_method", "reduce", "reduce_one"]

# Name to "module:function"; each takes (ds, obs, **options) or (ds, **options).
BACKGROUND_METHODS: dict[str, str] = {
    "fov": "xgamma.makers.fov:fov_background",
    "ring": "xgamma.makers.ring:ring_background",
    "adaptive_ring": "xgamma.makers.ring:adaptive_ring_background",
    "reflected": "xgamma.makers.reflected:reflected_background",
    "phase": "xgamma.makers.phase:phase_background",
}


def background_method(name: str) -> Callable[..., xr.Dataset]:
    """Return the function ``f(ds, obs, **options)`` of a background method.

    Parameters
    ----------
    name : str
        One of ``BACKGROUND_METHODS``.

    Returns
    -------
    method : callable
        Takes dataset, observation, and the options of the method.

    Raises
    ------
    XGammaError
        If there is no such method.
    """
    import importlib

    if name not in BACKGROUND_METHODS:
        known = ", ".join(sorted(BACKGROUND_METHODS)) or "none"
        raise XGammaError(f"The background method {name!r} is not known: choose from {known}.")
    module, _, function = BACKGROUND_METHODS[name].partition(":")
    return getattr(importlib.import_module(module), function)


def reduce_one(
    obs: xr.DataTree,
    into: xr.Dataset,
    cutout_width: Any = None,
    select: Iterable[str] = SELECTION,
    safe_mask: dict[str, Any] | None = None,
    background: dict[str, Any] | Callable[..., xr.Dataset] | None = None,
    fill_options: dict[str, Any] | None = None,
) -> xr.Dataset:
    """Reduce one observation: the body of the loop of `reduce`.

    Parameters
    ----------
    obs : DataTree
        Observation.
    into : Dataset
        Template.
    cutout_width, select, safe_mask, background, fill_options
        As in `reduce`.

    Returns
    -------
    ds : Dataset
        The filled, masked cutout, named after the run.

    Raises
    ------
    FrameError
        If the field of view does not touch the template.
    """
    part = into
    if cutout_width is not None and "x" in into.dims:
        part = cutout(into, observation.pointing(obs), cutout_width)
    options = dict(fill_options or {})
    if "x" in into.dims and safe_mask and "offset-max" in safe_mask.get("methods", ()):
        options.setdefault("offset_limit", safe_mask.get("offset_max", "3 deg"))
    ds = fill(part, obs, select, name=str(observation.obs_id(obs)), **options)
    if safe_mask is not None:
        ds = apply_safe_mask(ds, obs, **safe_mask)
    if callable(background):
        ds = background(ds, obs)
    elif background is not None:
        wanted = dict(background)
        ds = background_method(wanted.pop("method", "fov"))(ds, obs, **wanted)
    return ds


def _progress(runs: Iterable[Any], total: int | None, wanted: bool | None) -> Iterator[Any]:
    """Wrap the loop in a bar where somebody looks: a terminal or a notebook."""
    notebook = "ipykernel" in sys.modules
    if wanted is None:
        wanted = notebook or sys.stderr.isatty()
    if not wanted:
        return iter(runs)
    from tqdm.auto import tqdm

    return iter(tqdm(runs, total=total, desc="reduce", unit="run"))


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


def reduce(
    observations: Any,
    into: xr.Dataset,
    cutout_width: Any = None,
    offset_max: Any = None,
    select: Iterable[str] = SELECTION,
    safe_mask: Any = None,
    background: dict[str, Any] | Callable[..., xr.Dataset] | None = None,
    stack: bool = True,
    errors: str = "raise",
    progress: bool | None = None,
    name: str | None = None,
    workers: int | None = None,
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
        Largest offset from the pointing; adds ``"offset-max"`` to the safe-mask methods.
    select : iterable of str
        What to fill.
    safe_mask : dict, str or list of str, optional
        Options of `safe_mask`, or its methods.
    background : dict or callable, optional
        ``{"method": "fov", ...}`` with the options of that method, or ``f(ds, obs)``.
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
        Threads that work on runs; two (or one, on one processor) when absent.
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
    if errors not in {"raise", "warn"}:
        raise XGammaError(f"errors={errors!r} is not known: use 'raise' or 'warn'.")
    masks = _safe_options(safe_mask, offset_max)
    if cutout_width is None and offset_max is not None and "x" in into.dims:
        from xgamma.sky import pixel_scale

        cutout_width = 2.0 * to_value(offset_max, "deg", "offset_max") + max(pixel_scale(into))
    options = {
        "cutout_width": cutout_width,
        "select": select,
        "safe_mask": masks,
        "background": background,
        "fill_options": fill_options,
    }
    threads = default_workers() if workers is None else workers
    datasets = reduce_each(observations, into, options, errors, progress, threads)
    if not stack:
        return collect(datasets, name)
    mosaic = Mosaic(into)
    for ds in datasets:
        mosaic.add(ds)
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
        obs = observations[run] if runs is not observations else run
        return reduce_one(obs, into, **options)

    results: Iterable[tuple[Any, Callable[[], xr.Dataset]]]
    if workers == 1:
        results = ((run, partial(work, run)) for run in runs)
    else:
        results = in_order(work, runs, workers)
    for run, result in _progress(results, _length(runs), progress):
        try:
            ds = result()
        except Exception as error:
            report(run if runs is not observations else observation.obs_id(run), error, errors)
            continue
        yield ds


def report(obs_id: Any, error: Exception, errors: str) -> None:
    """Raise or warn about a run that failed, naming it.

    A run whose field misses the map is left out with a warning in either case.
    """
    named = f"Run {obs_id}"
    text = str(error) if str(error).startswith(named) else f"{named}: {error}"
    if isinstance(error, OutsideError):
        warnings.warn(f"{text} It is left out.", XGammaWarning, stacklevel=2)
        return
    if errors == "raise":
        if isinstance(error, XGammaError):
            raise type(error)(text) from error
        raise XGammaError(f"{text} ({type(error).__name__})") from error
    where = (
        "" if isinstance(error, XGammaError) else f"\n{''.join(traceback.format_exception(error))}"
    )
    warnings.warn(f"{text} The run is left out.{where}", XGammaWarning, stacklevel=2)
