"""What a reduction need not compute: what a mask hides from everything that comes after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgamma.background.registry import looks_at_safe_bins_only
from xgamma.core.units import position as parse_position
from xgamma.core.units import to_value
from xgamma.dl3 import observation
from xgamma.model import sky

__all__ = ["hidden_offset", "looks_within"]

# Safe masks that look at the pointing and at the run's own responses, never at filled maps.
BLIND = {"offset-max", "aeff-default"}
# Safe masks that look at the maps at one position, and so far from it as a coarse pixel reaches.
LOCAL = {"aeff-max", "edisp-bias"}


def _methods(safe_mask: Mapping[str, Any] | None) -> set[str]:
    """Return the methods that are asked for; whether there are such methods is for `safe_mask` to say."""
    if not safe_mask:
        return set()
    methods = safe_mask.get("methods", ("aeff-default",))
    return {methods} if isinstance(methods, str) else set(methods)


def hidden_offset(
    into: xr.Dataset, safe_mask: Mapping[str, Any] | None, background: Any
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
    if safe_mask is None or "x" not in into.dims or "offset-max" not in _methods(safe_mask):
        return None
    if not looks_at_safe_bins_only(background):
        return None
    return float(to_value(safe_mask.get("offset_max", "3 deg"), "deg", "offset_max"))


def looks_within(
    ds: xr.Dataset, obs: xr.DataTree, safe_mask: Mapping[str, Any], limit: float
) -> bool:
    """Tell whether the safe masks of a run look at its filled maps within an offset only.

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
    looking = _methods(safe_mask) - BLIND
    if not looking or safe_mask.get("irfs") == "DL3":
        return True
    if not looking <= LOCAL:
        return False
    if safe_mask.get("fixed_offset") is not None:
        distance = float(to_value(safe_mask["fixed_offset"], "deg", "fixed_offset"))
    else:
        position = safe_mask.get("position")
        at = sky.center(ds) if position is None else parse_position(position, sky.frame_of(ds))
        distance = float(observation.pointing(obs).separation(at).deg)
    return bool(distance + np.hypot(*sky.pixel_scale(ds, irf=True)) < limit)
