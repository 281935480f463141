"""Kernels of a PSF on pixels, and its image around a source between them. NumPy in, NumPy out."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse

from xgamma.numerics.point_images import PointImages, pixel_points
from xgamma.numerics.radial import smooth_rings, straight_rings

__all__ = [
    "CONTAINMENT",
    "KernelPlan",
    "kernel_half",
    "kernel_weights",
    "listed_radii",
]

# A kernel ends where it holds this fraction of the PSF, and is scaled to one.
CONTAINMENT = 0.999
# gammapy chooses radii among so many points a ring.
RADII = 20
# The points of an oversampled kernel lie at most this fraction of the 68 % radius apart.
POINTS_PER_RADIUS = 6.0
MAX_OVERSAMPLING = 10
MOST_POINTS = 200
# An image that moves with its source falls to zero over this many pixels, so that none jumps.
FADE = 1.5


class KernelPlan:
    """How the kernels of radial profiles are sampled: one plan serves many positions.

    Parameters
    ----------
    wide : ndarray
        Radius at which each kernel ends, shape (n,).
    core : ndarray
        68 % radius of each profile, which sets how finely its pixels are sampled.
    scale : (sy, sx)
        Size of a pixel, in the unit of the radii.
    rad_edges : ndarray
        Edges of the rings.
    points : float
        Points a pixel side for a core as wide as the pixel; at most ten are used.
    half : int, optional
        Pixels from the middle to the side of the kernels. By default, those of the widest.
    smooth : bool
        Whether profiles bend between their rings (see `smooth_rings`), or go straight.
    """

    def __init__(
        self,
        wide: np.ndarray,
        core: np.ndarray,
        scale: tuple[float, float],
        rad_edges: np.ndarray,
        points: float = POINTS_PER_RADIUS,
        half: int | None = None,
        smooth: bool = False,
    ) -> None:
        self.smooth = smooth
        self.scale, self.core = scale, core
        self.rad_max = float(rad_edges[-1])
        self.centers = 0.5 * (rad_edges[1:] + rad_edges[:-1])
        self.halves = kernel_half(wide, min(scale))
        self.half = int(self.halves.max()) if half is None else half
        self.outer = np.minimum((self.halves + 1.5) * min(scale), self.rad_max)
        self.fade = fade(self.centers, 0.9 * wide, self.outer, FADE * min(scale))
        wanted = np.ceil(points * max(scale) / core)
        self.factors = np.clip(wanted, 1, MAX_OVERSAMPLING).astype(int)
        # A small image of coarse pixels can afford more, and needs it to move smoothly.
        finest = max(MAX_OVERSAMPLING, MOST_POINTS // (2 * self.half + 4))
        # Gauss-Legendre points are worth twice as many at equal distances, but must see every ring:
        # two a pixel of two rings let the statistic jump by more than a minimiser bears.
        rings = max(scale) / float(np.diff(self.centers).mean()) if self.centers.size > 1 else 1.0
        least = min(int(np.ceil(rings - 1e-9)) + 1, 3)
        self.point_factor = int(np.clip(np.ceil((wanted + 1) / 2), least, finest).max())
        self._groups = [self._group(int(factor)) for factor in np.unique(self.factors)]

    def _group(self, factor: int) -> tuple[np.ndarray, int, sparse.csr_array]:
        """Return the profiles of one oversampling, their largest half, and their matrix."""
        which = np.flatnonzero(self.factors == factor)
        half = int(self.halves[which].max())
        return (
            which,
            half,
            kernel_weights(half, factor, self.scale, self.centers, self.rad_max, self.smooth),
        )

    def kernels(self, profile: np.ndarray) -> np.ndarray:
        """Return the kernels (n, k, k) of profiles (n, rad), each summing to one."""
        side = 2 * self.half + 1
        kernels = np.zeros((profile.shape[0], side, side))
        for which, half, weights in self._groups:
            images = (weights @ profile[which].T).T.reshape(which.size, 2 * half + 1, -1)
            gap = self.half - half
            inner = slice(gap, side - gap)
            kernels[which, inner, inner] = images
        return trim(kernels, self.half - self.halves)

    def point_image(self, profile: np.ndarray, ty: float, tx: float) -> np.ndarray:
        """Return the profiles of a source between pixels, (n, k + 3, k + 3), summing to one.

        Their first pixel is ``half + 1`` before the one that the source is in or just behind. They fade out around the source instead of ending at a border of pixels: a smooth function
        of the position.
        """
        return self._points(profile * self.fade, ty, tx)

    @cached_property
    def _points(self) -> PointImages:
        """The pixels and points of images of sources between pixels."""
        rings = np.diff(self.centers).max(initial=0.0)
        reach = max(float(self.outer.max()), float(self.centers[0])) + 2 * float(rings)
        return PointImages(
            self.centers,
            self.rad_max,
            reach,
            self.scale,
            self.half - self.halves,
            self.half + 1,
            self.point_factor,
        )


def fade(centers: np.ndarray, least: np.ndarray, outer: np.ndarray, width: float) -> np.ndarray:
    """Return factors on rings that fall smoothly from one to zero.

    Parameters
    ----------
    centers : ndarray
        Centres of the rings, shape (rad,).
    least : ndarray
        Radii, shape (n,), up to which the factors are one at least.
    outer : ndarray
        Radii from which on they are zero.
    width : float
        Length of the fall; two rings at least, since profiles are straight between them.

    Returns
    -------
    factors : ndarray
        Shape (n, rad).
    """
    step = float(np.diff(centers).max()) if centers.size > 1 else 0.0
    inner = np.maximum(outer - max(width, 2 * step), np.minimum(least, outer - step))
    length = np.maximum(outer - inner, np.finfo(float).tiny)[:, None]
    t = np.clip((centers - inner[:, None]) / length, 0.0, 1.0)
    # However narrow a profile is, its middle stays.
    t[:, 0] = 0.0
    return np.asarray(1.0 - t * t * (3.0 - 2.0 * t))


def kernel_half(radius: np.ndarray, pixel: float) -> np.ndarray:
    """Return how many pixels a kernel has from its middle to its side, to hold a radius."""
    return np.maximum(np.ceil(radius / pixel - 0.5 - 1e-9), 0).astype(int)


def trim(images: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Clear a border of each image, of its own width, and scale the rest to sum to one."""
    side = images.shape[1]
    for image, gap in zip(images, gaps, strict=True):
        if gap:
            image[:gap], image[side - gap :] = 0.0, 0.0
            image[:, :gap], image[:, side - gap :] = 0.0, 0.0
    total = images.sum(axis=(1, 2), keepdims=True)
    return images / np.where(total > 0, total, 1.0)


def kernel_weights(
    half: int,
    factor: int,
    scale: tuple[float, float],
    rad_centers: np.ndarray,
    rad_max: float,
    smooth: bool = False,
) -> sparse.csr_array:
    """Return the matrix that turns a radial profile into a kernel of pixels.

    A kernel is linear in its profile: each pixel is a mean over ``factor**2`` points of
    the profile, interpolated between the ring centres.

    Parameters
    ----------
    half : int
        The kernel has ``2 half + 1`` pixels a side.
    factor : int
        Points a side of each pixel.
    scale : (sy, sx)
        Size of a pixel, in the unit of the radii.
    rad_centers : ndarray
        Centres of the rings.
    rad_max : float
        Outer edge of the last ring, beyond which the profile is zero; if infinite, the profile
        goes on straight from its last two rings, also below zero.
    smooth : bool
        Whether to interpolate by cubic convolution and to average over Gauss-Legendre points, or
        linearly and over points at equal distances, whose images are narrower by up to a percent.

    Returns
    -------
    weights : sparse array
        Shape ((2 half + 1)**2, rad).
    """
    side = 2 * half + 1
    nodes, parts = pixel_points(factor, smooth)
    offsets = (np.arange(side)[:, None] - half + nodes).ravel()
    shares = np.tile(parts, side)
    radius = np.hypot(offsets[:, None] * scale[0], offsets[None, :] * scale[1])
    inside = radius <= rad_max
    pixel = np.arange(side * factor) // factor
    row = (pixel[:, None] * side + pixel[None, :])[inside]
    area = (shares[:, None] * shares[None, :])[inside]
    if smooth:
        around = smooth_rings(radius[inside], rad_centers)
    else:
        around = straight_rings(radius[inside], rad_centers, level=bool(np.isfinite(rad_max)))
    rings, weights = zip(*around, strict=True)
    values = np.concatenate([w * area for w in weights])
    shape = (side * side, rad_centers.size)
    return sparse.coo_array(
        (values, (np.tile(row, len(rings)), np.concatenate(rings))), shape=shape
    ).tocsr()


def listed_radii(
    profile: np.ndarray,
    centers: np.ndarray,
    edges: np.ndarray,
    nodes: bool,
    fractions: tuple[float, ...],
) -> list[np.ndarray]:
    """Return the radius of a list whose content is nearest to each fraction, as gammapy 2.1 does.

    Parameters
    ----------
    profile : ndarray
        PSF per steradian, shape (n, rad).
    centers, edges : ndarray
        Radii of the values and edges of their rings, radians.
    nodes : bool
        Whether the radii are nodes: the list then lies between them, else across the rings.
    fractions : tuple of float
        Contents.

    Returns
    -------
    radii : list of ndarray
        Radians, shape (n,), for each fraction.
    """
    inside = np.cumsum(2 * np.pi * centers * np.diff(edges) * profile, axis=1)
    ends = edges[1:]
    if nodes:
        at = np.linspace(0, centers.size - 1, (centers.size - 1) * RADII + 1)
        radii = np.interp(at, np.arange(centers.size), centers)
    else:
        parts = (np.arange(RADII) + 0.5) / RADII
        radii = (edges[:-1, None] + np.diff(edges)[:, None] * parts).ravel()
    i = np.clip(np.searchsorted(ends, radii) - 1, 0, ends.size - 2)
    t = (radii - ends[i]) / (ends[i + 1] - ends[i])
    content = (1 - t) * inside[:, i] + t * inside[:, i + 1]
    return [radii[np.argmin(np.abs(content - f), axis=1)] for f in fractions]
