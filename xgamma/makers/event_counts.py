"""Counts of the events of a run on whatever a dataset is: the pixels of a map, or a region."""

from __future__ import annotations

import xarray as xr

from xgamma.makers import counts as counts_
from xgamma.makers.field import Field
from xgamma.makers.region_field import RegionField
from xgamma.makers.spectrum import region_counts

__all__ = ["event_counts", "field_of"]


def field_of(ds: xr.Dataset, obs: xr.DataTree) -> Field:
    """Return the geometry of a run on a map or a spectrum."""
    return Field(ds, obs) if "x" in ds.dims else RegionField(ds, obs)


def event_counts(ds: xr.Dataset, obs: xr.DataTree) -> xr.Variable:
    """Return the counts of a run.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum, whose values do not matter.
    obs : DataTree
        Run.

    Returns
    -------
    counts : Variable
        Dims ``(energy, y, x)`` or ``(energy,)``.
    """
    field = field_of(ds, obs)
    if isinstance(field, RegionField):
        return xr.Variable("energy", region_counts(field))
    return counts_.counts(field)
