"""Radial profiles on pixels: containment radii, and the kernels of a PSF. NumPy in, NumPy out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

__all__ = [
    "CONTAINMENT",
    "KernelPlan",
    "containment",
    "containment_radius",
    "kernel_weights",
    "sampled_point",
    "share_in_circle",
]

# A kernel ends where it holds this fraction of the PSF, and is scaled to one.
CONTAINMENT = 0.999
# The points of an oversampled kernel lie at most this fraction of the 68 % radius apart.
POINTS_PER_RADIUS = 6.0
MAX_OVERSAMPLING = 10
# Parts of a ring, for arcs inside a circle.
SPLIT = 100
MOST_POINTS = 200
# An image that moves with its source falls to zero over this many pixels, so that none jumps.
FADE = 1.5


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


def containment(profile: np.ndarray, rad_edges: np.ndarray, radius: float) -> np.ndarray:
    """Return the fraction of a radial profile inside a radius: inverse to `containment_radius`.

    Parameters
    ----------
    profile : ndarray
        Surface brightness in rings, shape (..., rad).
    rad_edges : ndarray
        Edges of the rings, shape (rad + 1,).
    radius : float
        In the unit of the edges.

    Returns
    -------
    fraction : ndarray
        Shape (...): of the total inside the last edge; zero for an empty profile.
    """
    inside, total = _cumulative(profile, rad_edges)
    i = int(np.clip(np.searchsorted(rad_edges, radius, side="right") - 1, 0, rad_edges.size - 2))
    square = np.minimum(radius, rad_edges[-1]) ** 2
    t = (square - rad_edges[i] ** 2) / (rad_edges[i + 1] ** 2 - rad_edges[i] ** 2)
    low, high = inside[..., i], inside[..., i + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        falling = -np.expm1((1 - t) * np.log1p(-low) + t * np.log1p(-high))
    return np.where(total > 0, np.where(high < 1.0, falling, low + t * (high - low)), 0.0)


def _cumulative(profile: np.ndarray, rad_edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the fraction inside each edge, and the total."""
    rings = np.maximum(profile, 0.0) * np.diff(rad_edges**2)
    inside = np.concatenate([np.zeros((*rings.shape[:-1], 1)), np.cumsum(rings, -1)], axis=-1)
    total = inside[..., -1:]
    return np.minimum(inside / np.where(total > 0, total, 1.0), 1.0), total[..., 0]


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
        Pixels from the middle to the side of the kernels; those of the widest when absent.
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
        outer = np.minimum((self.halves + 1.5) * min(scale), self.rad_max)
        self.fade = fade(self.centers, 0.9 * wide, outer, FADE * min(scale))
        wanted = np.ceil(points * max(scale) / core)
        self.factors = np.clip(wanted, 1, MAX_OVERSAMPLING).astype(int)
        # A small image of coarse pixels can afford more, and needs it to move smoothly.
        finest = max(MAX_OVERSAMPLING, MOST_POINTS // (2 * self.half + 4))
        # Gauss-Legendre points are worth twice as many at equal distances.
        self.point_factor = int(np.clip(np.ceil((wanted + 1) / 2), 1, finest).max())
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
        image = sampled_point(
            profile * self.fade,
            self.centers,
            self.rad_max,
            self.scale,
            self.half + 1,
            self.point_factor,
            ty,
            tx,
        )
        return trim(image, self.half - self.halves)


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

    A kernel is linear in its profile: each pixel is the mean over ``factor**2`` points of
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
        Outer edge of the last ring; the profile is zero beyond.
    smooth : bool
        Whether to interpolate by cubic convolution, or linearly.

    Returns
    -------
    weights : sparse array
        Shape ((2 half + 1)**2, rad).
    """
    side = 2 * half + 1
    offsets = (np.arange(side * factor) + 0.5) / factor - 0.5 - half
    radius = np.hypot(offsets[:, None] * scale[0], offsets[None, :] * scale[1])
    inside = radius <= rad_max
    pixel = np.arange(side * factor) // factor
    row = (pixel[:, None] * side + pixel[None, :])[inside]
    around = smooth_rings if smooth else straight_rings
    rings, shares = zip(*around(radius[inside], rad_centers), strict=True)
    values = np.concatenate(shares) / factor**2
    shape = (side * side, rad_centers.size)
    return sparse.coo_array(
        (values, (np.tile(row, len(rings)), np.concatenate(rings))), shape=shape
    ).tocsr()


def sampled_point(
    profile: np.ndarray,
    rad_centers: np.ndarray,
    rad_max: float,
    scale: tuple[float, float],
    half: int,
    factor: int,
    ty: float,
    tx: float,
) -> np.ndarray:
    """Average radial profiles over pixels, the source anywhere between two of them.

    Parameters
    ----------
    profile : ndarray
        Shape (n, rad).
    rad_centers, rad_max
        Centres of the rings and the edge of the last.
    scale : (sy, sx)
        Size of a pixel, in the unit of the radii.
    half : int
        Pixels before the one that the source is in.
    factor : int
        Gauss-Legendre points a side of each pixel.
    ty, tx : float
        Position beyond the centre of that pixel, from 0 to 1.

    Returns
    -------
    image : ndarray
        Shape (n, 2 half + 2, 2 half + 2).
    """
    side = 2 * half + 2
    nodes, parts = np.polynomial.legendre.leggauss(factor)
    steps = (np.arange(side)[:, None] - half + 0.5 * nodes).ravel()
    shares = np.tile(0.5 * parts, side)
    radius = np.hypot((steps[:, None] - ty) * scale[0], (steps[None, :] - tx) * scale[1])
    inside = radius <= rad_max
    pixel = np.arange(side * factor) // factor
    row = (pixel[:, None] * side + pixel[None, :])[inside]
    area = (shares[:, None] * shares[None, :])[inside]
    # Every pixel is a weighted sum of rings: one small matrix serves all profiles.
    size = rad_centers.size
    weights = np.zeros(side * side * size)
    for ring, share in smooth_rings(radius[inside], rad_centers):
        weights += np.bincount(row * size + ring, share * area, weights.size)
    image = profile @ weights.reshape(side * side, size).T
    return np.maximum(image.reshape(-1, side, side), 0.0)


def smooth_rings(
    radius: np.ndarray, centers: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the four rings around each radius and their shares, by cubic convolution.

    The slope has no jumps, as that of straight pieces has at each centre; a profile is its own
    mirror image at radius zero (Keys 1981, IEEE ASSP 29, 1153). Between rings at unequal
    distances the pieces are straight.
    """
    steps = np.diff(centers)
    if centers.size < 4 or steps.max() - steps.min() > 1e-9 * steps[0]:
        yield from straight_rings(radius, centers)
        return
    at = (radius - centers[0]) / steps[0]
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


def straight_rings(
    radius: np.ndarray, centers: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the two rings around each radius and their shares, linearly."""
    low, t = ring_of(radius, centers)
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
