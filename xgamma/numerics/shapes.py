"""Surface-brightness kernels on the sphere: NumPy in, NumPy out, angles in radians, per sr.

Points are unit vectors: the squared chord between two of them, ``2 (1 - cos(separation))``,
costs no trigonometry and loses no digits at small separations.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erf, erfc, gamma

__all__ = [
    "chord2",
    "disk",
    "edge_area",
    "gaussian",
    "general_gaussian",
    "position_angle",
    "separation",
    "shell",
    "tangent_frame",
    "unit_vectors",
]

# erf(x) goes from -0.9 to 0.9 (95 % to 5 % of the disk) over this width.
EDGE_95 = 2.326174307353347


def unit_vectors(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Return unit vectors, shape (3, ...), of longitudes and latitudes in radians."""
    cos_lat = np.cos(lat)
    return np.stack([cos_lat * np.cos(lon), cos_lat * np.sin(lon), np.sin(lat) + 0 * lon])


def tangent_frame(lon: float, lat: float) -> np.ndarray:
    """Return the vectors to a point, and to the east and north at it, shape (3 vectors, 3)."""
    sin_lon, cos_lon, sin_lat, cos_lat = np.sin(lon), np.cos(lon), np.sin(lat), np.cos(lat)
    return np.array(
        [
            [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
            [-sin_lon, cos_lon, 0.0],
            [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
        ]
    )


def chord2(points: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Return the squared chord between unit vectors (3, ...) and one unit vector (3,)."""
    dx, dy, dz = points[0] - center[0], points[1] - center[1], points[2] - center[2]
    values: np.ndarray = dx * dx + dy * dy + dz * dz
    return values


def separation(squared_chord: np.ndarray) -> np.ndarray:
    """Return the angle that belongs to a squared chord."""
    values: np.ndarray = 2 * np.arcsin(np.minimum(0.5 * np.sqrt(squared_chord), 1.0))
    return values


def position_angle(points: np.ndarray, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Return the angle from north over east at which points lie as seen from the centre."""
    return np.arctan2(np.tensordot(east, points, 1), np.tensordot(north, points, 1))


def effective_radius(angle: np.ndarray, major: float, e: float, phi: float) -> np.ndarray:
    """Return the radius of an ellipse in the direction of a position angle."""
    minor = major * np.sqrt(1 - e**2)
    values: np.ndarray = (
        major
        * minor
        / np.sqrt((major * np.sin(angle - phi)) ** 2 + (minor * np.cos(angle - phi)) ** 2)
    )
    return values


def gaussian(
    squared_chord: np.ndarray, angle: np.ndarray | None, sigma: float, e: float, phi: float
) -> np.ndarray:
    """Return a Gaussian on the sphere (von Mises-Fisher for ``e = 0``), that integrates to one."""
    if e == 0 or angle is None:
        a = 2 * np.sin(0.5 * sigma) ** 2
        norm = 1 / (4 * np.pi * a * -np.expm1(-1 / a))
        values: np.ndarray = norm * np.exp(squared_chord * (-0.25 / a))
        return values
    a = 2 * np.sin(0.5 * effective_radius(angle, sigma, e, phi)) ** 2
    norm = 1 / (2 * np.pi * sigma**2 * np.sqrt(1 - e**2))
    values = norm * np.exp(-0.25 * squared_chord / a)
    return values


def general_gaussian(
    squared_chord: np.ndarray,
    angle: np.ndarray | None,
    r_0: float,
    eta: float,
    e: float,
    phi: float,
) -> np.ndarray:
    """Return ``exp(-(r / r_0)^(1 / eta))``: a disk, a Gaussian or a Laplacian as `eta` grows."""
    radius = r_0 if e == 0 or angle is None else effective_radius(angle, r_0, e, phi)
    norm = 1 / (2 * np.pi * r_0**2 * np.sqrt(1 - e**2) * eta * gamma(2 * eta))
    values: np.ndarray = norm * np.exp(-((separation(squared_chord) / radius) ** (1 / eta)))
    return values


def ellipse_solid_angle(r_0: float, e: float) -> float:
    """Return the solid angle within an ellipse of semi-major axis `r_0` on the sphere."""
    if e == 0:
        value: float = 4 * np.pi * np.sin(0.5 * r_0) ** 2
        return value
    minor = r_0 * np.sqrt(1 - e**2)
    # A mean over a whole period converges faster than any power of the number of points.
    cos2 = np.cos(np.arange(512) * (2 * np.pi / 512)) ** 2
    inverse = 1 / np.sin(minor) ** 2 + (1 / np.sin(r_0) ** 2 - 1 / np.sin(minor) ** 2) * cos2
    return float(2 * np.pi * np.mean(1 - np.sqrt(1 - 1 / inverse)))


def edge_area(edge_width: float) -> float:
    r"""Return the area of a disc whose edge is `edge_width` wide over that of a sharp one.

    :math:`\int_0^\infty r\,\mathrm{erfc}((r - 1) / w)\,dr` with ``w = edge_width / EDGE_95``,
    which is ``1 + w**2 / 2`` for narrow edges.
    """
    if edge_width == 0:
        return 1.0
    w = edge_width / EDGE_95
    inner = 0.5 * (1 + 0.5 * w**2) * erfc(-1 / w)
    return float(inner + 0.5 * w / np.sqrt(np.pi) * np.exp(-(w**-2)))


def disk(
    squared_chord: np.ndarray,
    angle: np.ndarray | None,
    r_0: float,
    e: float,
    phi: float,
    edge_width: float,
) -> np.ndarray:
    """Return a uniform ellipse whose edge falls from 95 % to 5 % over ``edge_width r_0``.

    It integrates to one for any width, to the curvature of the sky.
    """
    radius = r_0 if e == 0 or angle is None else effective_radius(angle, r_0, e, phi)
    sep = separation(squared_chord)
    norm = 1 / ellipse_solid_angle(r_0, e)
    if edge_width == 0:
        return norm * (sep <= radius)
    norm /= edge_area(edge_width)
    values: np.ndarray = norm * 0.5 * (1 - erf(EDGE_95 * (sep - radius) / (radius * edge_width)))
    return values


def shell(squared_chord: np.ndarray, inner: float, outer: float) -> np.ndarray:
    """Return the projection of a uniformly bright shell between two radii."""
    sep2 = separation(squared_chord) ** 2
    norm = 3 / (2 * np.pi * (outer**3 - inner**3))
    thickness = np.sqrt(np.maximum(outer**2 - sep2, 0)) - np.sqrt(np.maximum(inner**2 - sep2, 0))
    return norm * thickness
