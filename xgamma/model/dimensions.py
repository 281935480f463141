"""The dimensions of datasets and responses: unit, scale, range and meaning, stated once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["DIMENSIONS", "Dimension", "long_name_of", "unit_of"]


class Dimension(NamedTuple):
    """What an axis of one name means.

    Attributes
    ----------
    unit : str
        Unit of numbers that are not a Quantity.
    interp : {"lin", "log"}
        Scale on which values are interpolated.
    low, high : float
        Range that its edges may have, in `unit`.
    long_name : str
        What it says in plots.
    """

    unit: str
    interp: str
    low: float
    high: float
    long_name: str


DIMENSIONS = {
    "energy": Dimension("TeV", "log", 0.0, np.inf, "reconstructed energy"),
    "energy_true": Dimension("TeV", "log", 0.0, np.inf, "true energy"),
    "migra": Dimension("", "lin", 0.0, np.inf, "reconstructed over true energy"),
    "rad": Dimension("deg", "lin", 0.0, 180.0, "offset from the source position"),
    "offset": Dimension("deg", "lin", 0.0, 180.0, "offset from the pointing position"),
    "detx": Dimension("deg", "lin", -180.0, 180.0, "field-of-view X"),
    "dety": Dimension("deg", "lin", -180.0, 180.0, "field-of-view Y"),
}


def long_name_of(dim: str) -> str:
    """Return what a dimension is called in plots: its name where it is not of the data model."""
    return DIMENSIONS[dim].long_name if dim in DIMENSIONS else dim


def unit_of(dim: str) -> str:
    """Return the unit assumed for numbers along a dimension that are not a Quantity."""
    return DIMENSIONS[dim].unit if dim in DIMENSIONS else ""
