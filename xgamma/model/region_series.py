"""Regions in a row: rings around a position, slices along a line."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from astropy.units import Quantity

from xgamma.core.arguments import scalar, whole
from xgamma.core.heavy import regions as rg
from xgamma.core.units import position as parse_position
from xgamma.core.units import to_value
from xgamma.errors import XGammaError, shown
from xgamma.typing import AngleLike, AnglesLike, PositionLike

__all__ = ["ring_regions", "slice_regions"]


def ring_regions(center: PositionLike, edges: AnglesLike) -> list[Any]:
    """Return rings around a position; the innermost is a circle if it begins at zero.

    Parameters
    ----------
    center : SkyCoord, str or (lon, lat)
        Position; texts and pairs are ICRS.
    edges : Quantity, list of str or array_like
        Increasing radii, as Quantity or number in degrees.

    Returns
    -------
    regions : list of SkyRegion
        One region between each pair of adjacent radii.

    Raises
    ------
    XGammaError
        If there are fewer than two radii, or they are negative or do not increase.

    Examples
    --------
    >>> [type(r).__name__ for r in ring_regions("83.63d 22.01d", [0, 0.1, 0.2])]
    ['CircleSkyRegion', 'CircleAnnulusSkyRegion']
    """
    radii = np.atleast_1d(to_value(edges, "deg", "edges"))
    if radii.size < 2 or not (np.diff(radii) > 0).all() or radii[0] < 0:
        raise XGammaError(
            f"edges={shown(edges)} must be at least two increasing radii, none negative."
        )
    middle = parse_position(center)
    found = []
    for low, high in itertools.pairwise(Quantity(radii, "deg")):
        made = (middle, low, high) if low > 0 else (middle, high)
        found.append((rg.CircleAnnulusSkyRegion if low > 0 else rg.CircleSkyRegion)(*made))
    return found


def slice_regions(start: PositionLike, stop: PositionLike, width: AngleLike, n: int) -> list[Any]:
    """Return adjacent rectangles along the great circle from one position to another.

    Parameters
    ----------
    start, stop : SkyCoord, str or (lon, lat)
        Start of the first and end of the last rectangle; strings and pairs are ICRS.
    width : Quantity, str or float
        Width across the line, as Quantity or number in degrees.
    n : int
        How many.

    Returns
    -------
    regions : list of RectangleSkyRegion
        From start to stop, equally long.

    Raises
    ------
    XGammaError
        If both positions are the same, or the width is not above zero.

    Examples
    --------
    >>> regions = slice_regions("83d 22d", "85d 22d", "0.5 deg", 4)
    >>> [round(float(r.center.ra.deg), 2) for r in regions]
    [83.25, 83.75, 84.25, 84.75]
    """
    first = parse_position(start)
    last = parse_position(stop).transform_to(first.frame)
    length, across = first.separation(last), Quantity(scalar(width, "deg", "width"), "deg")
    if not length.deg > 0:
        raise XGammaError("start= and stop= are the same position: give two different ones.")
    if not across > 0:
        raise XGammaError(f"width={shown(width)} must be an angle above 0.")
    step, direction = length / whole(n, "n"), first.position_angle(last)
    found = []
    for k in range(n):
        middle = first.directional_offset_by(direction, (k + 0.5) * step)
        # The width of a rectangle lies along the longitude, its angle turns towards the north.
        angle = middle.position_angle(last) - Quantity(90, "deg")
        found.append(rg.RectangleSkyRegion(middle, Quantity(step), across, Quantity(angle)))
    return found
