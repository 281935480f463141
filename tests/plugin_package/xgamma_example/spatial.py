"""A spatial model."""

import xgamma as xg


def king(separation, core):
    """King profile, on any scale: it is normalised within its extent."""
    return (1 + (separation / core) ** 2) ** -2


KING = xg.ModelRecord(
    "spatial",
    "KingSpatialModel",
    king,
    (xg.Parameter("core", 0.1, "deg", min=0.001),),
    extent=lambda core: 10 * core,
)
