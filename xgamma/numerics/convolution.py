"""Convolution with PSF kernels, and their place between pixels: NumPy in, NumPy out."""

from __future__ import annotations

import numpy as np
from scipy import fft

__all__ = [
    "bilinear",
    "convolve_full",
    "cubic_weights",
    "split_point",
]


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
    convolved: np.ndarray = fft.irfft2(spectrum, fast)[:, : shape[0], : shape[1]]
    return convolved


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


def cubic_weights(at: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return four neighbours on an axis and their weights, smooth in the position.

    Cubic convolution (Keys 1981, IEEE Trans. ASSP 29, 1153) reproduces quadratic functions
    and has a continuous derivative, which a fit of a position needs.

    Parameters
    ----------
    at : float
        Position in pixels, from 0; held at the border.
    size : int
        Number of pixels.

    Returns
    -------
    index, weights : ndarray
        Shape (4,) each; the weights sum to one.
    """
    held = min(max(at, 0.0), size - 1.0)
    low = int(held)
    t = held - low
    weights = np.array(
        [
            0.5 * t * (2 * t - t * t - 1),
            0.5 * (2 - 5 * t * t + 3 * t**3),
            0.5 * t * (1 + 4 * t - 3 * t * t),
            0.5 * t * t * (t - 1),
        ]
    )
    return np.clip(np.arange(low - 1, low + 3), 0, size - 1), weights
