"""Best norm and test statistic of a source kernel at every pixel: NumPy in, NumPy out.

The norm at a pixel solves ``S(x) = sum n g / (b + x g) = G``, with g the counts of the
source at norm one and G their sum. Newton's method is applied to ``1/S - 1/G``, which is
increasing and concave: from the left of the root it never overshoots, and for a single
bin one step is exact. The lower bound ``max(n/G - b/g)`` (Stewart 2009, A&A 495, 989) is
where it starts. Only bins with counts enter S.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from xgamma.numerics.statistics import FLOOR

__all__ = ["source_sums", "ts_map"]

PAIRS_AT_ONCE = 4_000_000
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


def ts_map(
    counts: np.ndarray,
    background: np.ndarray,
    exposure: np.ndarray,
    kernels: np.ndarray,
    mask: np.ndarray,
    pixels: np.ndarray,
    rtol: float = 1e-2,
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
        ``norm``, ``norm_err``, ``ts``, ``stat_null`` and ``n_steps``, shape (y, x); NaN where no
        bin with counts is in reach, or nothing was to be done.
    """
    weight = np.where(mask, exposure, 0.0)
    total = source_sums(weight, kernels)
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
    pixels: np.ndarray,
    rtol: float,
    out: dict[str, np.ndarray],
) -> None:
    """Solve the rows from `first` to `last` of the map and fill them into `out`."""
    near = (where[1] >= first - half) & (where[1] < last + half)
    e, y, x = (w[near] for w in where)
    offset = np.arange(-half, half + 1)
    nx = counts.shape[2]
    py, px = y[:, None] - offset, x[:, None] - offset
    good = ((py >= first) & (py < last))[:, :, None] & ((px >= 0) & (px < nx))[:, None, :]
    target = ((py - first)[:, :, None] * nx + px[:, None, :])[good]
    good_pixel = pixels[first:last].ravel()
    g = (kernels[e] * weight[e, y, x][:, None, None])[good]
    source = np.broadcast_to(np.arange(e.size)[:, None, None], good.shape)[good]
    keep = (g > 0) & good_pixel[target]
    target, g, source = target[keep], g[keep], source[keep]
    n = counts[e, y, x][source].astype(float)
    b = np.maximum(background[e, y, x].astype(float), FLOOR)[source]
    size = good_pixel.size
    big = total[first:last].ravel()
    reached = np.bincount(target, minlength=size) > 0
    todo = reached & good_pixel & (big > 0)
    big = np.where(todo, big, 1.0)
    norm = np.full(size, -np.inf)
    np.maximum.at(norm, target, n / big[target] - b / g)
    norm = np.where(todo, norm, 0.0)
    norm, curvature, steps = newton(norm, target, n, b, g, big, todo, rtol)
    gain = np.bincount(target, n * np.log1p(norm[target] * g / b), minlength=size)
    ts = 2 * (gain - norm * big)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = 1 / np.sqrt(curvature)
    rows = slice(first, last)
    view = (last - first, nx)
    for name, values in (("norm", norm), ("norm_err", error), ("ts", ts), ("n_steps", steps)):
        out[name][rows] = np.where(todo, values, np.nan).reshape(view)


def newton(
    norm: np.ndarray,
    target: np.ndarray,
    n: np.ndarray,
    b: np.ndarray,
    g: np.ndarray,
    big: np.ndarray,
    todo: np.ndarray,
    rtol: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Step all pixels to their root together; return norm, curvature and number of steps."""
    size = norm.size
    steps: np.ndarray = np.zeros(size)
    curvature: np.ndarray = np.zeros(size)
    # b / g and n: S is the sum of n / (b / g + x), so g drops out.
    ratio = b / g
    active = todo.copy()
    for _ in range(MAX_STEPS):
        inverse = 1.0 / (ratio + norm[target])
        part = n * inverse
        s1 = np.bincount(target, part, minlength=size)
        curvature = np.bincount(target, part * inverse, minlength=size)
        safe = np.where(curvature > 0, curvature, 1.0)
        step = np.where(active, s1 * (s1 - big) / (big * safe), 0.0)
        norm = norm + step
        steps = steps + active
        active &= np.abs(step) * np.sqrt(safe) > rtol
        if not active.any():
            break
    return norm, curvature, steps
