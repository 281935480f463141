"""What lies near the pointing."""

from __future__ import annotations

import xarray as xr

from xgamma.core.defaults import SAFE_OFFSET
from xgamma.core.units import to_value
from xgamma.dl3 import observation
from xgamma.errors import XGammaError
from xgamma.makers.safe_masks.registry import SafeMaskRecord
from xgamma.model import sky
from xgamma.model.regions import region_center
from xgamma.numerics import sphere
from xgamma.typing import AngleLike

__all__ = ["OFFSET_MAX"]


def offset_max_mask(
    ds: xr.Dataset, obs: xr.DataTree, *, offset_max: AngleLike = SAFE_OFFSET
) -> xr.Variable:
    """Return the pixels, or the region, nearer to the pointing than an offset."""
    radius = _radius(offset_max)
    pointing = observation.pointing(obs)
    if "x" in ds.dims:
        center = sky.position_vector(ds, pointing)
        return xr.Variable(("y", "x"), sphere.separation(sky.pixel_vectors(ds), center) < radius)
    center = region_center(str(ds.coords["region"].values))
    return xr.Variable((), bool(pointing.separation(center).deg < radius))


def _radius(offset_max: AngleLike) -> float:
    """Return the largest offset in degrees; one that is absurd is refused."""
    radius = to_value(offset_max, "deg", "offset_max")
    if not 0 < radius <= 180:
        raise XGammaError(
            f"offset_max={offset_max!r} must be an angle between 0 and 180 deg, for example '2.5 deg'."
        )
    return float(radius)


OFFSET_MAX = SafeMaskRecord(
    "offset-max",
    "Offsets from the pointing position below offset_max.",
    offset_max_mask,
    needs_run=True,
    looks_at="run",
)
