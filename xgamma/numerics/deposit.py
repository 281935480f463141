"""Points shared between the pixels around them, smoothly as they move: NumPy in, NumPy out."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import spline_filter1d

__all__ = ["block_sum", "ramp_deposit", "spline_coefficients", "spline_deposit"]


def _add_up(
    shape: tuple[int, int],
    low: tuple[np.ndarray, np.ndarray],
    shares: tuple[list[np.ndarray], list[np.ndarray]],
    weights: np.ndarray,
) -> np.ndarray:
    """Add products of shares to the pixels from `low` on; every index must be inside."""
    total = np.zeros(shape[0] * shape[1])
    first = low[0] * shape[1] + low[1]
    for dy, along_y in enumerate(shares[0]):
        row = along_y * weights
        for dx, along_x in enumerate(shares[1]):
            total += np.bincount(first + (dy * shape[1] + dx), row * along_x, total.size)
    return total.reshape(shape)


def spline_deposit(
    y: np.ndarray, x: np.ndarray, weights: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Share points among the 4 x 4 pixels around each by cubic B-splines.

    Sum and centroid stay. Convolved with a kernel after `spline_coefficients` this is the sum
    of the kernel at every point, interpolated by cubic splines (Unser 1999).

    Parameters
    ----------
    y, x : ndarray
        Pixels, at least two from the borders.
    weights : ndarray
        What each point holds.
    shape : (int, int)
        Size of the image.

    Returns
    -------
    image : ndarray
        Shape `shape`.
    """
    low, shares = [], []
    for at in (y, x):
        i = np.floor(at).astype(np.intp)
        t = at - i
        u = 1.0 - t
        low.append(i - 1)
        shares.append(
            [
                u**3 / 6,
                (4 - 6 * t**2 + 3 * t**3) / 6,
                (4 - 6 * u**2 + 3 * u**3) / 6,
                t**3 / 6,
            ]
        )
    return _add_up(shape, (low[0], low[1]), (shares[0], shares[1]), weights)


def spline_coefficients(images: np.ndarray) -> np.ndarray:
    """Undo the blur of `spline_deposit`, which is that of a B-spline, along y and x; sums stay."""
    rows = spline_filter1d(images, 3, axis=-2, mode="mirror")
    found = np.asarray(spline_filter1d(rows, 3, axis=-1, mode="mirror"))
    total = found.sum(axis=(-2, -1), keepdims=True)
    wanted = images.sum(axis=(-2, -1), keepdims=True)
    values: np.ndarray = found * np.divide(wanted, total, out=np.ones_like(total), where=total != 0)
    return values


def ramp_deposit(
    y: np.ndarray, x: np.ndarray, weights: np.ndarray, shape: tuple[int, int], ramp: float
) -> np.ndarray:
    """Give points to the pixel they are in, shared with the next within a ramp at its border.

    Parameters
    ----------
    y, x : ndarray
        Pixels, at least one from the borders.
    weights : ndarray
        What each point holds.
    shape : (int, int)
        Size of the image.
    ramp : float
        Width of the ramp in pixels, up to one: then each point is shared by four pixels so that
        the centroid stays.

    Returns
    -------
    image : ndarray
        Shape `shape`.
    """
    low, shares = [], []
    for at in (y, x):
        i = np.floor(at).astype(np.intp)
        after = np.clip((at - i - 0.5) / ramp + 0.5, 0.0, 1.0)
        low.append(i)
        shares.append([1.0 - after, after])
    return _add_up(shape, (low[0], low[1]), (shares[0], shares[1]), weights)


def block_sum(images: np.ndarray, factor: int, before: tuple[int, int]) -> np.ndarray:
    """Sum blocks of pixels, after so many empty rows and columns; the last may be filled up."""
    if factor == 1:
        return images
    n, ny, nx = images.shape
    rows, columns = (-(-(s + b) // factor) for s, b in zip((ny, nx), before, strict=True))
    padded = np.zeros((n, rows * factor, columns * factor))
    padded[:, before[0] : before[0] + ny, before[1] : before[1] + nx] = images
    return np.asarray(padded.reshape(n, rows, factor, columns, factor).sum(axis=(2, 4)))
