"""The tangential plane around a point of the sky, in pixels, and figures on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xgamma.numerics import sphere

__all__ = ["Figure", "Plane"]

ARCSEC = 1.0 / 3600.0


@dataclass(frozen=True)
class Plane:
    """Gnomonic projection of the sky around a centre.

    Parameters
    ----------
    lon, lat : float
        Centre, degrees.
    step : float
        Pixel size, degrees.
    """

    lon: float
    lat: float
    step: float

    @property
    def basis(self) -> np.ndarray:
        """Rows towards the centre, east, north."""
        return sphere.offset_basis(self.lon, self.lat)

    def project(self, vectors: np.ndarray) -> np.ndarray:
        """Return positions on the plane.

        Parameters
        ----------
        vectors : ndarray
            Unit vectors, shape (3, ...).

        Returns
        -------
        z : ndarray of complex
            Pixels from the centre: the real part grows to the west, as columns of an image
            do, the imaginary part to the north. NaN more than a right angle away.
        """
        ahead, east, north = np.tensordot(self.basis, vectors, axes=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(ahead > 0, np.rad2deg(1.0) / (ahead * self.step), np.nan)
        return np.asarray((-east + 1j * north) * scale)

    def project_lonlat(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return positions on the plane of longitudes and latitudes in degrees."""
        return self.project(sphere.lonlat_to_vector(np.asarray(lon), np.asarray(lat)))

    def deproject(self, z: np.ndarray) -> np.ndarray:
        """Return unit vectors, shape (3, ...), of positions on the plane."""
        z = np.asarray(z)
        scale = np.deg2rad(self.step)
        ahead, east, north = self.basis.reshape(3, 3, *([1] * z.ndim))
        vectors = ahead - east * (z.real * scale) + north * (z.imag * scale)
        values: np.ndarray = vectors / np.sqrt((vectors**2).sum(axis=0))
        return values

    def scale_at(self, lon: float, lat: float) -> float:
        """Return pixels per degree at a position, towards the north."""
        step = ARCSEC if lat < 90.0 - 2 * ARCSEC else -ARCSEC
        here, there = self.project_lonlat(np.array([lon, lon]), np.array([lat, lat + step]))
        return float(abs(there - here)) / ARCSEC


@dataclass(frozen=True)
class Figure:
    """A region on a plane.

    Parameters
    ----------
    contains : callable
        Of complex positions; returns booleans.
    center : complex
        Middle.
    reach : float
        No point of the region is farther from the middle, pixels.
    radius : float or None
        Of a circle, pixels; 0 for a point.
    """

    contains: Callable[[np.ndarray], np.ndarray]
    center: complex
    reach: float
    radius: float | None = None

    @classmethod
    def circle(cls, center: complex, radius: float) -> Figure:
        """Return a disc without its rim."""
        return cls(lambda z: np.abs(z - center) < radius, center, radius, radius)
