"""Energies where the energy bias is small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from xgamma.core.defaults import BIAS_PERCENT, IRFS
from xgamma.makers import energy_threshold
from xgamma.makers.safe_masks.registry import SafeMaskRecord

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = ["EDISP_BIAS"]


def edisp_bias(
    ds: xr.Dataset,
    obs: xr.DataTree | None = None,
    *,
    bias_percent: float = BIAS_PERCENT,
    position: SkyCoord | None = None,
    fixed_offset: float | None = None,
    irfs: str = IRFS,
) -> xr.Variable:
    """Return the energies from where the energy bias has sunk to a level."""
    where = {"position": position, "fixed_offset": fixed_offset}
    return energy_threshold.edisp_bias(ds, obs, bias_percent, where, irfs)


EDISP_BIAS = SafeMaskRecord(
    "edisp-bias",
    "Energies above which the energy bias is below bias_percent.",
    edisp_bias,
    needs=("edisp",),
    looks_at="position",
)
