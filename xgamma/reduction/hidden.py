"""What a reduction need not compute: what a mask hides from everything that comes after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgamma.background.registry import looks_at_safe_bins_only
from xgamma.core.defaults import SAFE_OFFSET
from xgamma.core.units import position as parse_position
from xgamma.core.units import to_value
from xgamma.dl3 import observation
from xgamma.makers.safe_mask import DEFAULT
from xgamma.makers.safe_masks.registry import SafeMaskRecord, find_safe_masks
from xgamma.model import sky
from xgamma.model.frame import frame_of

__all__ = ["hidden_offset", "looks_within"]


def _methods(safe_mask: Mapping[str, Any] | None) -> tuple[SafeMaskRecord, ...]:
    """Return the methods that are asked for."""
    return find_safe_masks(safe_mask.get("methods", DEFAULT)) if safe_mask else ()


def hidden_offset(
    into: xr.Dataset, safe_mask: Mapping[str, Any] | None, background: object
) -> float | None:
    """Return the offset beyond which the masks of a stack hide everything for good.

    Parameters
    ----------
    into : Dataset
        Template.
    safe_mask : mapping, optional
        Options of `xgamma.makers.safe_mask.safe_mask`.
    background : mapping, str, callable or None
        As in `reduce`. A method says whether it looks at safe bins only; a function of the
        user's own may look anywhere.

    Returns
    -------
    offset : float or None
        Degrees; None where there is no such offset.
    """
    names = [record.name for record in _methods(safe_mask)]
    if safe_mask is None or "x" not in into.dims or "offset-max" not in names:
        return None
    if not looks_at_safe_bins_only(background):
        return None
    return float(to_value(safe_mask.get("offset_max", SAFE_OFFSET), "deg", "offset_max"))


def looks_within(
    ds: xr.Dataset, obs: xr.DataTree, safe_mask: Mapping[str, Any], limit: float
) -> bool:
    """Return whether the safe masks of a run look at its filled maps within an offset only.

    Parameters
    ----------
    ds : Dataset
        Template or cutout, not filled.
    obs : DataTree
        Run.
    safe_mask : mapping
        Options of `xgamma.makers.safe_mask.safe_mask`.
    limit : float
        Offset from the pointing, degrees.

    Returns
    -------
    within : bool
        False where a method may look beyond, or at the whole map.
    """
    irfs = safe_mask.get("irfs", "DL4")
    looking = {r.looks_at for r in _methods(safe_mask) if r.looks_at_maps(irfs)}
    if not looking:
        return True
    if "maps" in looking:
        return False
    if safe_mask.get("fixed_offset") is not None:
        distance = float(to_value(safe_mask["fixed_offset"], "deg", "fixed_offset"))
    else:
        position = safe_mask.get("position")
        at = sky.center(ds) if position is None else parse_position(position, frame_of(ds))
        distance = float(observation.pointing(obs).separation(at).deg)
    return bool(distance + np.hypot(*sky.pixel_scale(ds, irf=True)) < limit)
