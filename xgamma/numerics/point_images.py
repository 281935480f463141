"""Image of a source that moves between pixels: radial profiles averaged over each. NumPy in, NumPy out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from xgamma.numerics.radial import is_even, straight_rings

__all__ = ["PointImages", "pixel_points"]


@lru_cache(maxsize=64)
def pixel_points(number: int, smooth: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return points along a pixel from -0.5 to 0.5 and their shares, of Gauss-Legendre or even ones."""
    if not smooth:
        return (np.arange(number) + 0.5) / number - 0.5, np.full(number, 1.0 / number)
    nodes, weights = np.polynomial.legendre.leggauss(number)
    return 0.5 * nodes, 0.5 * weights


class PointImages:
    """Images of radial profiles around a source anywhere between two pixels.

    What stays when the source moves is found once: the pixels in reach, and the points in them.

    Parameters
    ----------
    rad_centers : ndarray
        Centres of the rings.
    rad_max, reach : float
        Edge of the last ring, and the radius from which on all profiles are zero.
    scale : (sy, sx)
        Size of a pixel, in the unit of the radii.
    gaps : ndarray
        Pixels at the border of each image that are cleared, shape (n,).
    half : int
        Pixels before the one that the source is in.
    factor : int
        Gauss-Legendre points a side of each pixel.
    """

    def __init__(
        self,
        rad_centers: np.ndarray,
        rad_max: float,
        reach: float,
        scale: tuple[float, float],
        gaps: np.ndarray,
        half: int,
        factor: int,
    ) -> None:
        self.centers, self.rad_max, self.scale = rad_centers, rad_max, scale
        self.side = 2 * half + 2
        steps = np.arange(self.side) - half
        # The least distance of a pixel from a source that is up to one pixel beyond the middle.
        least = np.maximum(np.maximum(steps - 1.5, -0.5 - steps), 0.0)
        near = np.hypot(least[:, None] * scale[0], least * scale[1]) <= min(reach, rad_max)
        border = np.minimum(np.arange(self.side), np.arange(self.side)[::-1])
        kept = np.minimum(border[:, None], border) >= gaps[:, None, None]
        near &= kept.any(axis=0)
        self.pixels = np.flatnonzero(near)
        self.kept = kept[:, near].astype(float)
        rows, columns = np.nonzero(near)
        nodes, parts = pixel_points(factor, True)
        around = (self.pixels.size, factor, factor)
        self.y = self._points((steps[rows, None] + nodes)[:, :, None] * scale[0], around)
        self.x = self._points((steps[columns, None] + nodes)[:, None, :] * scale[1], around)
        self.area = self._points(parts[:, None] * parts, around)
        self._prepare_rings(factor**2)

    @staticmethod
    def _points(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return np.broadcast_to(values, shape).ravel()

    def _prepare_rings(self, points: int) -> None:
        """Find the rings that a profile is padded with, so that none is looked for beyond its ends."""
        size = self.centers.size
        self.smooth = is_even(self.centers)
        self.rings = np.arange(size)
        if self.smooth:
            self.step = float(self.centers[1] - self.centers[0])
            before = int(np.ceil(self.centers[0] / self.step)) + 1
            rings = np.arange(-before, size + 2)
            # A profile is its own mirror image at radius zero, and level after its last ring.
            self.rings = np.minimum(np.where(rings < 0, -1 - rings, rings), size - 1)
            self.shift = before - float(self.centers[0]) / self.step
        self.first = np.repeat(np.arange(self.pixels.size) * self.rings.size, points)

    def __call__(self, profile: np.ndarray, ty: float, tx: float) -> np.ndarray:
        """Return the images of profiles (n, rad), each summing to one.

        Parameters
        ----------
        profile : ndarray
            Shape (n, rad).
        ty, tx : float
            Position beyond the centre of the pixel that the source is in, from 0 to 1.

        Returns
        -------
        image : ndarray
            Shape (n, 2 half + 2, 2 half + 2).
        """
        square = (self.y - ty * self.scale[0]) ** 2
        square += (self.x - tx * self.scale[1]) ** 2
        radius = np.sqrt(square, out=square)
        area = self.area
        if radius.size and radius.max() > self.rad_max:
            area = np.where(radius <= self.rad_max, area, 0.0)
            np.minimum(radius, self.rad_max, out=radius)
        place, share = self._smooth(radius) if self.smooth else self._straight(radius)
        share *= area
        # Every pixel is a weighted sum of rings: one small matrix serves all profiles.
        size = self.rings.size
        weights = np.bincount(place.ravel(), share.ravel(), self.pixels.size * size)
        seen: np.ndarray = profile[:, self.rings] @ weights.reshape(-1, size).T
        np.maximum(seen, 0.0, out=seen)
        seen *= self.kept
        total = seen.sum(axis=1, keepdims=True)
        seen /= np.where(total > 0, total, 1.0)
        image = np.zeros((profile.shape[0], self.side**2))
        image[:, self.pixels] = seen
        return image.reshape(-1, self.side, self.side)

    def _smooth(self, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where four rings stand in the matrix, and their shares (see `smooth_rings`)."""
        at = radius / self.step
        at += self.shift
        low = at.astype(np.intp)
        t = at - low
        low += self.first
        place = low + np.arange(-1, 3)[:, None]
        share = np.empty((4, t.size))
        share[0] = t * (t * (1.0 - 0.5 * t) - 0.5)
        share[2] = t * (t * (2.0 - 1.5 * t) + 0.5)
        share[3] = t * t * (0.5 * t - 0.5)
        np.subtract(1.0, share[0], out=share[1])
        share[1] -= share[2]
        share[1] -= share[3]
        return place, share

    def _straight(self, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where two rings stand in the matrix, and their shares."""
        rings, shares = zip(*straight_rings(radius, self.centers), strict=True)
        return np.stack(rings) + self.first, np.stack(shares)
