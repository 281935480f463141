"""The reduction of one observation: cut out, fill, mask, estimate the background."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import xarray as xr

from xgamma.acceptance.in_run import with_background
from xgamma.background.registry import choose_background
from xgamma.core.lazy import is_lazy
from xgamma.datasets.cutout import cutout
from xgamma.dl3 import observation
from xgamma.errors import OutsideError
from xgamma.makers.fill import SELECTION, fill
from xgamma.makers.safe_mask import safe_mask as apply_safe_mask
from xgamma.reduction.hidden import looks_within

__all__ = ["reduce_one"]


def reduce_one(
    obs: xr.DataTree,
    into: xr.Dataset,
    cutout_width: Any = None,
    select: Iterable[str] = SELECTION,
    safe_mask: dict[str, Any] | None = None,
    background: dict[str, Any] | str | Callable[..., xr.Dataset] | None = None,
    fill_options: dict[str, Any] | None = None,
    hidden_beyond: float | None = None,
    background_model: xr.Dataset | None = None,
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
    hidden_beyond : float, optional
        Offset from the pointing, in degrees, beyond which nobody will look at the maps after
        `safe_mask`; what lies there need not be computed.
    background_model : Dataset, optional
        As in `reduce`.

    Returns
    -------
    ds : Dataset
        The filled, masked cutout, named after the run.

    Raises
    ------
    OutsideError
        If the field of view does not touch the template.
    """
    if background_model is not None:
        obs = with_background(obs, background_model)
    part = into
    if cutout_width is not None and "x" in into.dims:
        part = cutout(into, observation.pointing(obs), cutout_width)
    options = dict(fill_options or {})
    if hidden_beyond is not None and looks_within(part, obs, safe_mask or {}, hidden_beyond):
        options.setdefault("offset_limit", hidden_beyond)
    ds = fill(part, obs, select, name=str(observation.obs_id(obs)), **options)
    _require_reach(ds)
    if safe_mask is not None:
        ds = apply_safe_mask(ds, obs, **safe_mask)
    estimate = choose_background(background)
    return ds if estimate is None else estimate(ds, obs)


def _require_reach(ds: xr.Dataset) -> None:
    """Raise an `OutsideError` for a run that sees nothing of the map: it would add its time only."""
    if is_lazy(ds) or not {"counts", "exposure", "livetime"} <= set(ds.data_vars):
        return
    if not ds.variables["livetime"].values.any() or ds.variables["counts"].values.any():
        return
    if not ds.variables["exposure"].values.any():
        what = "map" if "x" in ds.dims else "region"
        raise OutsideError(
            f"The {what} lies outside the field of view: its exposure is zero everywhere."
        )
