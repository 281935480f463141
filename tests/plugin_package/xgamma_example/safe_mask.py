"""A safe-mask method: energies at which something was seen."""

import xgamma as xg


def enough_counts(ds, obs=None, *, least: int = 1):
    """Return the energy bins with so many counts."""
    return ds.counts.sum([dim for dim in ("y", "x") if dim in ds.dims]) >= least


ENOUGH_COUNTS = xg.SafeMaskRecord(
    "enough-counts",
    "Energies with at least so many counts (least).",
    enough_counts,
    needs=("counts",),
)
