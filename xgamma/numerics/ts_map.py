"""Best norm and test statistic of a source kernel at every pixel: NumPy in, NumPy out.

The norm at a pixel solves ``S(x) = sum n g / (b + x g) = G``, with g the counts of the
source at norm one and G their sum. Newton's method is applied to ``1/S - 1/G``, which is
increasing and concave: from the left of the root it never overshoots, and for a single
bin one step is exact. It never goes below ``max(n/G - b/g)``, which is left of the root
(Stewart 2009, A&A 495, 989). Only bins with counts enter S. The norm stays where no bin, with
or without counts, has a negative prediction: ``x >= -min(b/g)``, so that a hole in the counts
cannot be worth more than the background that is missing there.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from xgamma.numerics.statistics import FLOOR

__all__ = ["source_sums", "ts_map"]

PAIRS_AT_ONCE = 2_000_000
MAX_STEPS = 40


def source_sums(weights: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Return, for a source at each pixel, a sum over its bins of the kernel times weights.

    Parameters
    ----------
    weights : ndarray
        Shape (energy, y, x).
    kernels : ndarray
        Shape (energy, k, k), k odd.

    Returns
    -------
    sums : ndarray
        Shape (y, x).
    """
    flipped = kernels[:, ::-1, ::-1]
    return fftconvolve(weights, flipped, mode="same", axes=(1, 2)).sum(axis=0)


def least_norms(background: np.ndarray, weight: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Return the least norm, at each pixel, at which no bin in reach is predicted negative.

    Parameters
    ----------
    background, weight : ndarray
        Background, and counts of a source whose kernel were one, shape (energy, y, x); bins
        without weight are out of reach.
    kernels : ndarray
        Shape (energy, k, k), k odd.

    Returns
    -------
    norms : ndarray
        ``-min(b/g)`` over the bins in reach, shape (y, x); minus infinity where there is none.
    """
    half = kernels.shape[1] // 2
    ny, nx = weight.shape[1:]
    used = weight > 0
    ratio = np.where(used, np.maximum(background, FLOOR) / np.where(used, weight, 1.0), np.inf)
    ratio = np.pad(ratio, ((0, 0), (half, half), (half, half)), constant_values=np.inf)
    smallest = ratio.min(axis=(1, 2))
    shares = np.argwhere((kernels > 0) & np.isfinite(smallest)[:, np.newaxis, np.newaxis])
    bounds = smallest[shares[:, 0]] / kernels[tuple(shares.T)]
    order = np.argsort(bounds, kind="stable")
    reached = source_sums(used.astype(float), (kernels > 0).astype(float)) > 0.5
    found = np.full((ny, nx), np.inf)
    # Most of a kernel is too faint to bound any pixel: the brightest first, the rest not at all.
    for i, (e, dy, dx) in enumerate(shares[order]):
        if i % 32 == 0 and bounds[order[i]] >= found.max(where=reached, initial=0.0):
            break
        part = ratio[e, dy : dy + ny, dx : dx + nx]
        np.minimum(found, part / kernels[e, dy, dx], out=found)
    return -found


def ts_map(
    counts: np.ndarray,
    background: np.ndarray,
    exposure: np.ndarray,
    kernels: np.ndarray,
    mask: np.ndarray,
    pixels: np.ndarray,
    rtol: float = 0.05,
) -> dict[str, np.ndarray]:
    """Fit the norm of a source at each pixel over a fixed background.

    Parameters
    ----------
    counts, background : ndarray
        Shape (energy, y, x).
    exposure : ndarray
        Counts per unit of norm of a source whose kernel were one there, shape (energy, y, x).
    kernels : ndarray
        Shape (energy, k, k), k odd.
    mask : ndarray of bool
        Bins to use, shape (energy, y, x).
    pixels : ndarray of bool
        Pixels to do, shape (y, x).
    rtol : float
        A pixel is done when its step is below this fraction of the error: Newton's method
        squares it in the next step, so the norm is far closer than that.

    Returns
    -------
    maps : dict of ndarray
        ``norm``, ``norm_err``, ``ts`` and ``n_steps``, shape (y, x); NaN where no bin is in reach,
        or nothing was to be done. Without counts in reach the norm is the least that predicts
        none below zero, and has no error (NaN).
    """
    weight = np.where(mask, exposure, 0.0)
    total = source_sums(weight, kernels)
    least = least_norms(background, weight, kernels)
    shape = counts.shape[1:]
    out = {k: np.full(shape, np.nan) for k in ("norm", "norm_err", "ts")}
    out["n_steps"] = np.zeros(shape)
    half = kernels.shape[1] // 2
    where = np.nonzero(mask & (counts > 0))
    rows = row_chunks(where[1], shape[0], kernels.shape[1])
    for first, last in rows:
        if pixels[first:last].any():
            solve_rows(
                first,
                last,
                half,
                where,
                counts,
                background,
                weight,
                kernels,
                total,
                least,
                pixels,
                rtol,
                out,
            )
    return out


def row_chunks(bin_rows: np.ndarray, n_rows: int, side: int) -> list[tuple[int, int]]:
    """Cut the rows into pieces whose pairs of pixel and bin fit in memory."""
    per_row = np.convolve(np.bincount(bin_rows, minlength=n_rows), np.ones(side), mode="same")
    pairs = np.cumsum(per_row * side)
    pieces, first = [], 0
    while first < n_rows:
        done = pairs[first - 1] if first else 0.0
        last = int(np.searchsorted(pairs, done + PAIRS_AT_ONCE, side="right"))
        last = min(max(last, first + 1), n_rows)
        pieces.append((first, last))
        first = last
    return pieces


def solve_rows(
    first: int,
    last: int,
    half: int,
    where: tuple[np.ndarray, ...],
    counts: np.ndarray,
    background: np.ndarray,
    weight: np.ndarray,
    kernels: np.ndarray,
    total: np.ndarray,
    least: np.ndarray,
    pixels: np.ndarray,
    rtol: float,
    out: dict[str, np.ndarray],
) -> None:
    """Solve the rows from `first` to `last` of the map and fill them into `out`."""
    pairs = Pairs(first, last, half, where, counts, background, weight, kernels)
    view = (last - first, counts.shape[2])
    big = pairs.pad(total[first:last])
    lowest = pairs.pad(least[first:last])
    todo = pairs.pad(pixels[first:last]).astype(bool) & (big > 0) & np.isfinite(lowest)
    solved = todo & pairs.reached
    norm, curvature, steps = newton(pairs, np.where(solved, big, 1.0), solved, rtol)
    low = solved & (norm < lowest)
    norm = np.where(todo & (low | ~pairs.reached), lowest, norm)
    if low.any():
        curvature = np.where(low, pairs.slopes(norm)[1], curvature)
    ts = 2 * (pairs.gain(norm) - norm * big)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(pairs.reached, 1 / np.sqrt(curvature), np.nan)
    for name, values in (("norm", norm), ("norm_err", error), ("ts", ts), ("n_steps", steps)):
        inner = np.where(todo, values, np.nan).reshape(view[0], -1)
        out[name][first:last] = inner[:, half : half + view[1]]


class Pairs:
    """All pairs of a bin with counts and a pixel whose source reaches it, for some rows.

    A row of the arrays is one bin with one row of pixels: the pixels follow each other, so
    they are read in one go. The map is padded by half a kernel at both sides, where pixels
    are solved for nothing and thrown away.
    """

    def __init__(
        self,
        first: int,
        last: int,
        half: int,
        where: tuple[np.ndarray, ...],
        counts: np.ndarray,
        background: np.ndarray,
        weight: np.ndarray,
        kernels: np.ndarray,
    ) -> None:
        self.half, self.side = half, kernels.shape[2]
        near = (where[1] >= first - half) & (where[1] < last + half)
        near &= weight[where] > 0
        e, y, x = (w[near] for w in where)
        row = y[:, None] - np.arange(-half, half + 1)
        at, offset = np.nonzero((row >= first) & (row < last))
        self.width = counts.shape[2] + 2 * half
        self.shape = (last - first, self.width)
        self.row, self.x = row[at, offset] - first, x[at]
        start = self.row * self.width + self.x
        self.target = (start[:, None] + np.arange(self.side)).ravel()
        scale = np.maximum(background[e, y, x], FLOOR) / weight[e, y, x]
        flipped = np.maximum(kernels[:, :, ::-1], 0.0)
        with np.errstate(divide="ignore"):
            # Background over source: infinite where the kernel is zero, and adds nothing.
            self.ratio = scale[at, None] / flipped[e[at], offset]
        self.n = counts[e, y, x].astype(float)[at, None]
        self.reached = self.sums(np.isfinite(self.ratio).astype(float)) > 0

    def pad(self, image: np.ndarray) -> np.ndarray:
        """Flatten an image of the rows, with its padding."""
        return np.pad(image.astype(float), ((0, 0), (self.half, self.half))).ravel()

    def at_pairs(self, values: np.ndarray) -> np.ndarray:
        """Return the value of each pair's pixel."""
        windows = np.lib.stride_tricks.sliding_window_view(
            values.reshape(self.shape), self.side, axis=1
        )
        return windows[self.row, self.x]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum over the pairs of each pixel."""
        return np.bincount(self.target, values.ravel(), self.shape[0] * self.width)

    def lower_bound(self, big: np.ndarray) -> np.ndarray:
        """Return the largest norm that is surely not above the root."""
        bound = np.full(self.shape[0] * self.width, -np.inf)
        np.maximum.at(bound, self.target, (self.n / self.at_pairs(big) - self.ratio).ravel())
        return bound

    def slopes(self, norm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums of ``n / (b/g + x)`` and of ``n / (b/g + x)^2``."""
        inverse = self.at_pairs(norm)
        inverse += self.ratio
        np.reciprocal(inverse, out=inverse)
        part = self.n * inverse
        first = self.sums(part)
        part *= inverse
        return first, self.sums(part)

    def gain(self, norm: np.ndarray) -> np.ndarray:
        """Return the sum of ``n ln(1 + x g/b)``."""
        share = self.at_pairs(norm)
        share /= self.ratio
        np.log1p(share, out=share)
        return self.sums(self.n * share)


def newton(
    pairs: Pairs, big: np.ndarray, todo: np.ndarray, rtol: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Step all pixels to their root together; return norm, curvature and number of steps."""
    bound = np.where(todo, pairs.lower_bound(big), 0.0)
    # Without a source is near the root almost everywhere, and left of it where one is.
    norm = np.maximum(bound, 0.0)
    steps: np.ndarray = np.zeros(norm.size)
    curvature: np.ndarray = np.zeros(norm.size)
    active = todo.copy()
    for _ in range(MAX_STEPS):
        slope, curvature = pairs.slopes(norm)
        safe = np.where(curvature > 0, curvature, 1.0)
        moved = np.maximum(norm + slope * (slope - big) / (big * safe), bound)
        step = np.where(active, moved - norm, 0.0)
        norm = norm + step
        steps = steps + active
        active &= np.abs(step) * np.sqrt(safe) > rtol
        if not active.any():
            break
    return norm, curvature, steps
