"""Geometry on the sphere with unit vectors: separations, offset frames, solid angles."""

from __future__ import annotations

import numpy as np

__all__ = [
    "lonlat_to_vector",
    "offset_basis",
    "offset_coordinates",
    "quad_solid_angle",
    "separation",
    "vector_to_lonlat",
]


def lonlat_to_vector(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Return unit vectors, shape (3, ...), of positions in degrees."""
    lon, lat = np.deg2rad(lon), np.deg2rad(lat)
    cos_lat = np.cos(lat)
    return np.stack([cos_lat * np.cos(lon), cos_lat * np.sin(lon), np.sin(lat)])


def vector_to_lonlat(vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return longitude in 0 to 360 and latitude, in degrees, of vectors of shape (3, ...)."""
    x, y, z = vector
    lon = np.rad2deg(np.arctan2(y, x)) % 360.0
    return lon, np.rad2deg(np.arctan2(z, np.hypot(x, y)))


def separation(vectors: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Return the angle in degrees between vectors (3, ...) and one unit vector (3,).

    The chord form is exact for the small angles of a field of view, where the
    arc cosine of a dot product loses half of its digits.
    """
    shape = (3,) + (1,) * (vectors.ndim - 1)
    difference = vectors - center.reshape(shape)
    chord = np.sqrt(np.einsum("i...,i...->...", difference, difference))
    values: np.ndarray = np.rad2deg(2.0 * np.arcsin(np.minimum(0.5 * chord, 1.0)))
    return values


def offset_basis(lon: float, lat: float) -> np.ndarray:
    """Return the rows (towards the position, east, north), shape (3, 3), at a position in degrees."""
    a, d = np.deg2rad(lon), np.deg2rad(lat)
    sin_a, cos_a, sin_d, cos_d = np.sin(a), np.cos(a), np.sin(d), np.cos(d)
    return np.array(
        [
            [cos_d * cos_a, cos_d * sin_a, sin_d],
            [-sin_a, cos_a, 0.0],
            [-sin_d * cos_a, -sin_d * sin_a, cos_d],
        ]
    )


def offset_coordinates(vectors: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (eastward, northward) offset-frame coordinates in degrees.

    Parameters
    ----------
    vectors : ndarray
        Unit vectors, shape (3, ...).
    basis : ndarray
        From `offset_basis`, in the frame of the vectors.

    Returns
    -------
    east, north : ndarray
        Spherical coordinates whose origin is the first row of the basis.
    """
    # Written out: three products of long vectors are too small a task for BLAS threads.
    x, y, z = vectors
    ahead, east, north = (row[0] * x + row[1] * y + row[2] * z for row in basis)
    lon = np.rad2deg(np.arctan2(east, ahead))
    return lon, np.rad2deg(np.arcsin(np.clip(north, -1.0, 1.0)))


def _triangle_solid_angle(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Van Oosterom & Strackee (1983), eq. 8; the triple product by differences keeps its digits."""
    triple = np.einsum("i...,i...->...", a, np.cross(b - a, c - a, axis=0))
    ab, bc, ca = (np.einsum("i...,i...->...", p, q) for p, q in ((a, b), (b, c), (c, a)))
    values: np.ndarray = 2.0 * np.arctan2(triple, 1.0 + ab + bc + ca)
    return values


def quad_solid_angle(corners: np.ndarray) -> np.ndarray:
    """Return solid angles in steradian of the cells of a grid of corners.

    Parameters
    ----------
    corners : ndarray
        Unit vectors of the pixel corners, shape (3, ny + 1, nx + 1).

    Returns
    -------
    solid_angle : ndarray
        Shape (ny, nx), positive; each pixel is two spherical triangles.
    """
    a, b = corners[:, :-1, :-1], corners[:, :-1, 1:]
    c, d = corners[:, 1:, 1:], corners[:, 1:, :-1]
    solid_angle: np.ndarray = np.abs(
        _triangle_solid_angle(a, b, c) + _triangle_solid_angle(a, c, d)
    )
    return solid_angle
