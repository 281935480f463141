"""Energies where the effective area can be trusted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import xarray as xr

from xgamma.core.defaults import AEFF_PERCENT, IRFS
from xgamma.errors import MissingDataError
from xgamma.makers import energy_threshold
from xgamma.makers.safe_masks.registry import SafeMaskRecord

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = ["AEFF_DEFAULT", "AEFF_MAX"]


def _to_reco(
    obs: xr.DataTree | None,
    fold: bool,
    position: SkyCoord | None,
    fixed_offset: float | None,
) -> energy_threshold.Fold:
    """Return what turns a threshold in true energy into one in reconstructed energy."""
    if not fold:
        return float
    if obs is None:
        raise MissingDataError("fold=True requires the observation: safe_mask(obs, ...).")
    offset = energy_threshold.offset_of(obs, position, fixed_offset)
    return partial(energy_threshold.folded_energy, obs, offset=offset)


def aeff_default(
    ds: xr.Dataset,
    obs: xr.DataTree,
    *,
    position: SkyCoord | None = None,
    fixed_offset: float | None = None,
    fold: bool = False,
) -> xr.Variable:
    """Return the energies between LO_THRES and HI_THRES."""
    return energy_threshold.aeff_default(ds, obs, _to_reco(obs, fold, position, fixed_offset))


def aeff_max(
    ds: xr.Dataset,
    obs: xr.DataTree | None = None,
    *,
    aeff_percent: float = AEFF_PERCENT,
    position: SkyCoord | None = None,
    fixed_offset: float | None = None,
    irfs: str = IRFS,
    fold: bool = False,
) -> xr.Variable:
    """Return the energies from where the effective area exceeds a fraction of its maximum."""
    where = {"position": position, "fixed_offset": fixed_offset}
    to_reco = _to_reco(obs, fold, position, fixed_offset)
    return energy_threshold.aeff_max(ds, obs, aeff_percent, where, irfs, to_reco)


AEFF_DEFAULT = SafeMaskRecord(
    "aeff-default",
    "Energies between LO_THRES and HI_THRES of the effective area.",
    aeff_default,
    needs_run=True,
    looks_at="run",
)
AEFF_MAX = SafeMaskRecord(
    "aeff-max",
    "Energies above which the effective area exceeds aeff_percent of its maximum.",
    aeff_max,
    needs=("exposure",),
    looks_at="position",
)
