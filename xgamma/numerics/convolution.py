"""PSF kernels on a pixel grid and convolution with them: NumPy in, NumPy out."""

from __future__ import annotations

import numpy as np
from scipy import fft, sparse

__all__ = [
    "bilinear",
    "containment_radius",
    "convolve_full",
    "kernel_weights",
    "sampled_point",
    "split_point",
]


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
    """
    rings = np.maximum(profile, 0.0) * np.diff(rad_edges**2)
    inside = np.concatenate([np.zeros((*rings.shape[:-1], 1)), np.cumsum(rings, -1)], axis=-1)
    target = fraction * inside[..., -1:]
    i = np.clip(np.sum(inside < target, axis=-1) - 1, 0, rad_edges.size - 2)[..., None]
    low, high = np.take_along_axis(inside, i, -1), np.take_along_axis(inside, i + 1, -1)
    step = np.where(high > low, high - low, 1.0)
    t = np.clip((target - low) / step, 0.0, 1.0)[..., 0]
    i = i[..., 0]
    area = rad_edges[i] ** 2 + t * (rad_edges[i + 1] ** 2 - rad_edges[i] ** 2)
    return np.where(inside[..., -1] > 0, np.sqrt(area), 0.0)


def kernel_weights(
    half: int, factor: int, scale: tuple[float, float], rad_centers: np.ndarray, rad_max: float
) -> sparse.csr_array:
    """Return the matrix that turns a radial profile into a kernel of pixels.

    A kernel is linear in its profile: each pixel is the mean over ``factor**2`` points of
    the profile, interpolated linearly between the ring centres.

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
    i, t = ring_of(radius[inside], rad_centers)
    values = np.concatenate([1 - t, t]) / factor**2
    shape = (side * side, rad_centers.size)
    return sparse.coo_array(
        (values, (np.concatenate([row, row]), np.concatenate([i, i + 1]))), shape=shape
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
        Points a side of each pixel.
    ty, tx : float
        Position beyond the centre of that pixel, from 0 to 1.

    Returns
    -------
    image : ndarray
        Shape (n, 2 half + 2, 2 half + 2).
    """
    side = 2 * half + 2
    steps = (np.arange(side * factor) + 0.5) / factor - 0.5 - half
    radius = np.hypot((steps[:, None] - ty) * scale[0], (steps[None, :] - tx) * scale[1])
    inside = radius <= rad_max
    pixel = np.arange(side * factor) // factor
    row = (pixel[:, None] * side + pixel[None, :])[inside]
    low, t = ring_of(radius[inside], rad_centers)
    # Every pixel is a weighted sum of rings: one small matrix serves all profiles.
    size = rad_centers.size
    at = row * size + low
    weights = np.bincount(at, 1 - t, side * side * size) + np.bincount(
        at + 1, t, side * side * size
    )
    image = profile @ weights.reshape(side * side, size).T
    return np.maximum(image.reshape(-1, side, side), 0.0) / factor**2


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


def split_point(kernels: np.ndarray, ty: float, tx: float) -> np.ndarray:
    """Place kernels between pixels: shared by four neighbours so that the centroid is kept.

    Parameters
    ----------
    kernels : ndarray
        Shape (n, k, k).
    ty, tx : float
        Position beyond the centre of the central pixel, from 0 to 1.

    Returns
    -------
    image : ndarray
        Shape (n, k + 1, k + 1).
    """
    n, ky, kx = kernels.shape
    rows = np.zeros((n, ky + 1, kx))
    rows[:, :-1] = (1 - ty) * kernels
    rows[:, 1:] += ty * kernels
    image = np.zeros((n, ky + 1, kx + 1))
    image[:, :, :-1] = (1 - tx) * rows
    image[:, :, 1:] += tx * rows
    return image


def convolve_full(images: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Convolve images (1 or n, y, x) with kernels (n, k, k) by FFT, edges included.

    Parameters
    ----------
    images : ndarray
        One image for all kernels, or one each.
    kernels : ndarray
        Kernels.

    Returns
    -------
    convolved : ndarray
        Shape (n, y + k - 1, x + k - 1).
    """
    shape = [images.shape[i] + kernels.shape[i] - 1 for i in (1, 2)]
    fast = [fft.next_fast_len(s, real=True) for s in shape]
    spectrum = fft.rfft2(images, fast) * fft.rfft2(kernels, fast)
    return fft.irfft2(spectrum, fast)[:, : shape[0], : shape[1]]


def bilinear(
    y: float,
    x: float,
    labels_y: np.ndarray,
    labels_x: np.ndarray,
    valid: np.ndarray | None,
    nearest: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the grid nodes around a point and their weights.

    Parameters
    ----------
    y, x : float
        Point, in the unit of the labels; held at the border of the grid.
    labels_y, labels_x : ndarray
        Regular labels of the nodes.
    valid : ndarray of bool, optional
        Which nodes hold anything, shape (y, x). The others get no weight; if all four
        around are empty the nearest that is not takes over.
    nearest : bool
        Whether to take the nearest node alone.

    Returns
    -------
    iy, ix, weights : ndarray
        Shape (4,) each, or (1,).
    """
    if nearest:
        node = [nearest_node(y, labels_y), nearest_node(x, labels_x)]
        if valid is None or valid[node[0], node[1]]:
            return np.array(node[:1]), np.array(node[1:]), np.ones(1)
    lows, highs, parts = [], [], []
    for value, labels in ((y, labels_y), (x, labels_x)):
        step = labels[1] - labels[0] if labels.size > 1 else 1.0
        at = float(np.clip((value - labels[0]) / step, 0, labels.size - 1))
        low = min(int(at), max(labels.size - 2, 0))
        lows.append(low)
        highs.append(min(low + 1, labels.size - 1))
        parts.append(at - low)
    (ty, tx), (y0, x0), (y1, x1) = parts, lows, highs
    iy, ix = np.array([y0, y0, y1, y1]), np.array([x0, x1, x0, x1])
    weights = np.array([(1 - ty) * (1 - tx), (1 - ty) * tx, ty * (1 - tx), ty * tx])
    if valid is None:
        return iy, ix, weights
    weights = weights * valid[iy, ix]
    if weights.sum() > 0:
        return iy, ix, weights / weights.sum()
    good = np.argwhere(valid)
    if not good.size:
        return iy, ix, np.zeros(4)
    distance = (labels_y[good[:, 0]] - y) ** 2 + (labels_x[good[:, 1]] - x) ** 2
    best = good[np.argmin(distance)]
    return best[:1], best[1:], np.ones(1)


def nearest_node(value: float, labels: np.ndarray) -> int:
    """Return the number of the regular label nearest to a value."""
    step = labels[1] - labels[0] if labels.size > 1 else 1.0
    # Halfway between two nodes rounds up, whatever the last digit of the position.
    return int(np.clip(np.floor((value - labels[0]) / step + 0.5 + 1e-6), 0, labels.size - 1))
