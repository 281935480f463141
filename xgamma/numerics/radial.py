"""Radial profiles on rings: containment, shares in circles and interpolation. NumPy in, NumPy out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = [
    "containment_radius",
    "is_even",
    "ring_of",
    "share_in_circle",
    "smooth_rings",
    "straight_rings",
]

# Parts of a ring, for arcs inside a circle.
SPLIT = 100


def containment_radius(profile: np.ndarray, rad_edges: np.ndarray, fraction: float) -> np.ndarray:
    """Return the radius that holds a fraction of a radial profile.

    Parameters
    ----------
    profile : ndarray
        Surface brightness in rings, shape (..., rad).
    rad_edges : ndarray
        Edges of the rings, shape (rad + 1,).
    fraction : float
        Of the total inside the last edge.

    Returns
    -------
    radius : ndarray
        Shape (...), in the unit of the edges; zero for an empty profile.

    Notes
    -----
    Inside a ring the logarithm of what lies beyond a radius, ``ln(1 - P(<r))``, is linear in
    ``r**2``, as that of a Gaussian is everywhere; in the last ring ``P`` itself.
    """
    inside, total = _cumulative(profile, rad_edges)
    i = np.clip(np.sum(inside < fraction, axis=-1) - 1, 0, rad_edges.size - 2)[..., None]
    low, high = np.take_along_axis(inside, i, -1), np.take_along_axis(inside, i + 1, -1)
    step = np.where(high > low, high - low, 1.0)
    flat = (fraction - low) / step
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.log1p(-low) - np.log1p(-high)
        falling = (np.log1p(-low) - np.log1p(-fraction)) / depth
    gauss = np.isfinite(depth) & (depth > 0) & (high < 1.0) & (fraction < 1.0)
    t = np.clip(np.where(gauss, falling, flat), 0.0, 1.0)[..., 0]
    i = i[..., 0]
    area = rad_edges[i] ** 2 + t * (rad_edges[i + 1] ** 2 - rad_edges[i] ** 2)
    return np.where(total > 0, np.sqrt(area), 0.0)


def _cumulative(profile: np.ndarray, rad_edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the fraction inside each edge, and the total."""
    rings = np.maximum(profile, 0.0) * np.diff(rad_edges**2)
    inside = np.concatenate([np.zeros((*rings.shape[:-1], 1)), np.cumsum(rings, -1)], axis=-1)
    total = inside[..., -1:]
    return np.minimum(inside / np.where(total > 0, total, 1.0), 1.0), total[..., 0]


def smooth_rings(
    radius: np.ndarray, centers: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the four rings around each radius and their shares, by cubic convolution.

    The slope has no jumps, as that of straight pieces has at each centre; a profile is its own
    mirror image at radius zero (Keys 1981, IEEE ASSP 29, 1153). Between rings at unequal
    distances the pieces are straight.
    """
    if not is_even(centers):
        yield from straight_rings(radius, centers)
        return
    at = (radius - centers[0]) / (centers[1] - centers[0])
    low = np.floor(at).astype(np.intp)
    t = at - low
    shares = (
        t * (-0.5 + t * (1.0 - 0.5 * t)),
        1.0 + t * t * (-2.5 + 1.5 * t),
        t * (0.5 + t * (2.0 - 1.5 * t)),
        t * t * (-0.5 + 0.5 * t),
    )
    for shift, share in enumerate(shares, -1):
        ring = low + shift
        # The ring before the first is the first again, on the other side.
        yield np.minimum(np.where(ring < 0, -1 - ring, ring), centers.size - 1), share


def is_even(centers: np.ndarray) -> bool:
    """Return whether rings are enough, and at equal distances, for `smooth_rings`."""
    steps = np.diff(centers)
    return centers.size >= 4 and bool(steps.max() - steps.min() <= 1e-9 * steps[0])


def straight_rings(
    radius: np.ndarray, centers: np.ndarray, level: bool = True
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the two rings around each radius and their shares, linearly.

    Beyond the last centre the profile is level, or goes on straight.
    """
    low, t = ring_of(radius, centers)
    if not level:
        t = np.where(t < 1.0, t, (radius - centers[low]) / (centers[low + 1] - centers[low]))
    yield low, 1.0 - t
    yield low + 1, t


def ring_of(radius: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ring centre before each radius, and the share of the one after it.

    Before the first centre the profile goes on straight; after the last it is level.
    """
    steps = np.diff(centers)
    if steps.max() - steps.min() < 1e-9 * steps[0]:
        at = (radius - centers[0]) / steps[0]
        low = np.clip(at.astype(np.intp), 0, centers.size - 2)
        return low, np.minimum(at - low, 1.0)
    low = np.clip(np.searchsorted(centers, radius) - 1, 0, centers.size - 2)
    return low, np.minimum((radius - centers[low]) / steps[low], 1.0)


def share_in_circle(
    profile: np.ndarray, rad_edges: np.ndarray, distance: float, radius: float
) -> np.ndarray:
    """Return what of radial profiles falls into a circle whose centre is some distance away.

    Parameters
    ----------
    profile : ndarray
        Surface brightness in rings, shape (..., rad).
    rad_edges : ndarray
        Edges of the rings, radians, shape (rad + 1,).
    distance, radius : float
        Of the middle of the profiles from that of the circle, and of the circle, radians.

    Returns
    -------
    share : ndarray
        Integral over the circle, shape (...).

    Notes
    -----
    The arc of a ring of radius r inside the circle is ``arccos((d^2 + r^2 - R^2) / (2 d r)) / pi``
    of its length; rings are split into parts of one area.
    """
    parts = (np.arange(SPLIT) + 0.5) / SPLIT
    squares = rad_edges[:-1, None] ** 2 + np.diff(rad_edges**2)[:, None] * parts
    if distance <= 0:
        inside = np.clip((radius**2 - rad_edges[:-1] ** 2) / np.diff(rad_edges**2), 0.0, 1.0)
    else:
        cosine = (distance**2 + squares - radius**2) / (2 * distance * np.sqrt(squares))
        inside = np.mean(np.arccos(np.clip(cosine, -1.0, 1.0)) / np.pi, axis=1)
    return profile @ (np.pi * np.diff(rad_edges**2) * inside)
