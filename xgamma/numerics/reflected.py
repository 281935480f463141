"""Where a region may be turned to around a point so that it meets nothing excluded."""

from __future__ import annotations

import numpy as np

from xgamma.numerics.tangent import Figure

__all__ = [
    "angular_size",
    "pixel_grid",
    "reflected_angles",
    "shared_area",
    "turned",
    "union_area",
    "whole_size",
    "wobble_angles",
]

TURN = 2.0 * np.pi
SAMPLES = 200  # along a side of the square around a figure whose area is measured


def pixel_grid(half: int, even: bool, low: float, high: float) -> np.ndarray:
    """Return the centres of a square grid of pixels that lie in an annulus.

    Parameters
    ----------
    half : int
        Half the number of pixels along a side.
    even : bool
        Whether the number of pixels is even, so that centres lie at half numbers.
    low, high : float
        Radii of the annulus, pixels.

    Returns
    -------
    z : ndarray of complex
        Positions from the middle.
    """
    shift = 0.5 if even else 0.0
    limit = half - 1 if even else half
    rows = np.arange(-half, limit + 1) + shift
    rows = rows[np.abs(rows) <= high]
    # A row crosses the annulus in two pieces, or, beside the hole, in one.
    outer = np.sqrt(np.maximum(high**2 - rows**2, 0.0))
    hole = max(low, 0.0) ** 2 - rows**2
    inner = np.where(hole > 0, np.sqrt(np.maximum(hole, 0.0)), 0.0)
    right_stop = np.minimum(np.floor(outer - shift), limit).astype(int)
    right_start = np.where(hole > 0, np.ceil(inner - shift), 0).astype(int)
    columns, lines = _ranges(right_start, right_stop, rows)
    left_start = np.maximum(np.ceil(-outer - shift), -half).astype(int)
    left_stop = np.where(hole > 0, np.floor(-inner - shift), -1).astype(int)
    more, beside = _ranges(left_start, left_stop, rows)
    x = np.concatenate([columns, more]) + shift
    return x + 1j * np.concatenate([lines, beside])


def _ranges(start: np.ndarray, stop: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the whole numbers from start to stop, both included, of each row, and the rows."""
    length = np.maximum(stop - start + 1, 0)
    first = np.cumsum(length) - length
    count = np.arange(length.sum()) - np.repeat(first, length)
    return count + np.repeat(start, length), np.repeat(rows, length)


def angular_size(z: np.ndarray) -> float:
    """Return the angle under which a set of positions is seen from the origin, radians.

    Examples
    --------
    >>> float(round(angular_size(np.array([1 + 1j, 1 - 1j])), 3))
    1.571
    """
    angles = np.angle(z)
    size = float(angles.max() - angles.min())
    if size > np.pi:
        angles = angles % TURN
        size = float(angles.max() - angles.min())
    return size


def turned(z: np.ndarray, angle: float) -> np.ndarray:
    """Return positions turned back by an angle, counter-clockwise on the image, radians."""
    values: np.ndarray = z * np.exp(-1j * angle)
    return values


def _samples(figure: Figure) -> np.ndarray:
    """Return a fine grid of positions in a figure."""
    line = ((np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5) * 2.0 * np.sqrt(2.0) * figure.reach
    # Askew, so that no side of a box runs along a row, which would be in or out as a whole.
    z = figure.center + (line[np.newaxis, :] + 1j * line[:, np.newaxis]) * np.exp(0.61j)
    values: np.ndarray = z[figure.contains(z)]
    return values


def whole_size(figure: Figure) -> float:
    """Return the angle under which all of a figure is seen from the origin, radians.

    Examples
    --------
    >>> round(whole_size(Figure.circle(2 + 0j, 1.0)), 3)
    1.047
    """
    if figure.radius is not None:
        return 2.0 * float(np.arcsin(min(figure.radius / abs(figure.center), 1.0)))
    inside = _samples(figure)
    rim = 2.0 * np.sqrt(2.0) * figure.reach / SAMPLES
    return angular_size(inside) + 2.0 * rim / float(np.abs(inside).min()) if inside.size else 0.0


def shared_area(figure: Figure, gaps: np.ndarray) -> np.ndarray:
    """Return the part of a figure that it shares with itself turned around the origin.

    Parameters
    ----------
    figure : Figure
        On region, on a plane around the pointing position.
    gaps : ndarray
        Angles by which it is turned, radians, shape (n,).

    Returns
    -------
    share : ndarray
        Shape (n,): exact for a circle, else from a grid of 200 x 200 points.
    """
    if figure.radius is None:
        inside = _samples(figure)
        shares = [figure.contains(turned(inside, gap)).mean() for gap in gaps]
        return np.array(shares, dtype=float)
    if figure.radius == 0:
        return np.zeros(np.shape(gaps))
    half = abs(figure.center) * np.sin(0.5 * np.minimum(gaps, np.pi)) / figure.radius
    half = np.minimum(half, 1.0)
    share: np.ndarray = (2.0 / np.pi) * (np.arccos(half) - half * np.sqrt(1.0 - half**2))
    return share


def union_area(figure: Figure, angles: list[float]) -> float:
    """Return the area that turned figures cover together, in units of one of them.

    Parameters
    ----------
    figure : Figure
        On region, on a plane around the pointing position.
    angles : list of float
        Radians, increasing; so far apart that only neighbours overlap.

    Returns
    -------
    area : float
        The number of figures, if none overlap.

    Examples
    --------
    >>> disc = Figure.circle(2 + 0j, 1.0)
    >>> union_area(disc, [2.0, 4.0]), round(union_area(disc, [2.0, 3.0]), 3)
    (2.0, 1.99)
    """
    gaps, number = np.unique(np.diff(angles).round(9), return_counts=True)
    if not gaps.size:
        return float(len(angles))
    return float(len(angles) - number @ shared_area(figure, gaps))


def _near(excluded: np.ndarray, figure: Figure) -> np.ndarray:
    """Return the excluded positions that a turned figure can reach at all."""
    distance, radius = np.abs(excluded), abs(figure.center)
    values: np.ndarray = excluded[np.abs(distance - radius) <= figure.reach + 1.0]
    return values


def reflected_angles(
    figure: Figure,
    size: float,
    excluded: np.ndarray,
    increment: float,
    min_distance: float,
    min_distance_input: float,
    max_number: int,
) -> list[float]:
    """Return angles that turn a figure to places next to each other, free of exclusions.

    Parameters
    ----------
    figure : Figure
        On region, on a plane around the pointing position.
    size : float
        Angle under which it is seen from there, radians.
    excluded : ndarray of complex
        Positions that an off region must not contain.
    increment : float
        Step when a place is not free, radians.
    min_distance, min_distance_input : float
        Additional angles between off regions, and next to the on region, radians.
    max_number : int
        Largest number of regions.

    Returns
    -------
    angles : list of float
        Radians, increasing; the first place is the nearest to the on region.
    """
    near = _near(excluded, figure)
    step = size + min_distance
    end = TURN - step - min_distance_input
    angles: list[float] = []
    angle = step + min_distance_input
    while angle < end and len(angles) < max_number:
        if near.size and figure.contains(turned(near, angle)).any():
            angle += increment
        else:
            angles.append(angle)
            angle += step
    return angles


def wobble_angles(figure: Figure, excluded: np.ndarray, number: int) -> list[float]:
    """Return the angles of regions placed evenly on the circle through the on region.

    Parameters
    ----------
    figure : Figure
        On region.
    excluded : ndarray of complex
        Positions that an off region must not contain (or lie next to, for a point).
    number : int
        Regions besides the on region.

    Returns
    -------
    angles : list of float
        Radians; those with exclusions left out.
    """
    near = _near(excluded, figure)
    angles = []
    for k in range(1, number + 1):
        angle = k * TURN / (number + 1)
        back = turned(near, angle)
        inside = np.abs(back - figure.center) < 1.0 if figure.radius == 0 else figure.contains(back)
        if not inside.any():
            angles.append(angle)
    return angles
