"""Energies above the peak of the background."""

from __future__ import annotations

import xarray as xr

from xgamma.core.defaults import IRFS
from xgamma.makers import energy_threshold
from xgamma.makers.safe_masks.registry import SafeMaskRecord

__all__ = ["BKG_PEAK"]


def bkg_peak(ds: xr.Dataset, obs: xr.DataTree | None = None, *, irfs: str = IRFS) -> xr.Variable:
    """Return the energies from the bin with the largest background rate on."""
    return energy_threshold.bkg_peak(ds, obs, irfs)


BKG_PEAK = SafeMaskRecord(
    "bkg-peak",
    "Energies above the lower edge of the bin with the largest background rate.",
    bkg_peak,
    needs=("background",),
)
