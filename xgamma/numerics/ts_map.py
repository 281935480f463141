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

from xgamma.numerics.statistics import FLOOR
from xgamma.numerics.ts_source import Source

__all__ = ["ts_map"]

CLOSE = 1e-6
ERRORS = ("norm_errn", "norm_errp", "norm_ul")
PAIRS_AT_ONCE = 2_000_000
MAX_STEPS = 40


def ts_map(
    counts: np.ndarray,
    background: np.ndarray,
    source: Source,
    mask: np.ndarray,
    pixels: np.ndarray,
    rtol: float = 0.05,
    rises: tuple[float, float] | None = None,
) -> dict[str, np.ndarray]:
    """Fit the norm of a source at each pixel over a fixed background.

    Parameters
    ----------
    counts, background : ndarray
        Shape (energy, y, x).
    source : Source
        What is tried.
    mask : ndarray of bool
        Bins to use, shape (energy, y, x).
    pixels : ndarray of bool
        Pixels to do, shape (y, x).
    rtol : float
        A pixel is done when its step is below this fraction of the error: Newton's method
        squares it in the next step, so the norm is far closer than that.
    rises : tuple of float, optional
        How far -2 ln L rises to the ends of the errors, and to the upper limit: adds ``norm_errn``,
        ``norm_errp`` and ``norm_ul``.

    Returns
    -------
    maps : dict of ndarray
        ``norm``, ``norm_err``, ``ts``, ``counts`` (of the source at norm one, in the bins to use) and
        ``n_steps``, shape (y, x); NaN where no bin is in reach,
        or nothing was to be done. Without counts in reach the norm is the least that predicts
        none below zero, and has no error (NaN).
    """
    total = source.sums(mask)
    least = source.least(background, mask, total > 1e-9 * total.max(initial=0.0))
    shape = counts.shape[1:]
    names = ("norm", "norm_err", "ts") + (ERRORS if rises else ())
    out = {k: np.full(shape, np.nan) for k in names}
    out["n_steps"] = np.zeros(shape)
    out["counts"] = total
    where = np.nonzero(mask & (counts > 0))
    rows = row_chunks(where[1], shape[0], 2 * source.half + 1)
    for first, last in rows:
        if pixels[first:last].any():
            pairs = Pairs(first, last, where, counts, background, source)
            solve_rows(pairs, slice(first, last), total, least, pixels, rtol, rises, out)
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
    pairs: Pairs,
    rows: slice,
    total: np.ndarray,
    least: np.ndarray,
    pixels: np.ndarray,
    rtol: float,
    rises: tuple[float, float] | None,
    out: dict[str, np.ndarray],
) -> None:
    """Solve some rows of the map and fill them into `out`."""
    big = pairs.pad(total[rows])
    lowest = pairs.pad(least[rows])
    todo = pairs.pad(pixels[rows]).astype(bool) & (big > 0) & np.isfinite(lowest)
    solved = todo & pairs.reached
    norm, curvature, steps = newton(pairs, np.where(solved, big, 1.0), solved, rtol)
    low = solved & (norm < lowest)
    norm = np.where(todo & (low | ~pairs.reached), lowest, norm)
    if low.any():
        curvature = np.where(low, pairs.slopes(norm)[1], curvature)
    ts = 2 * (pairs.gain(norm) - norm * big)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(pairs.reached, 1 / np.sqrt(curvature), np.nan)
    found = {"norm": norm, "norm_err": error, "ts": ts, "n_steps": steps}
    if rises:
        found |= errors(pairs, big, lowest, norm, todo, rises)
    for name, values in found.items():
        inner = np.where(todo, values, np.nan).reshape(pairs.shape)
        out[name][rows] = inner[:, pairs.half : pairs.shape[1] - pairs.half]


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
        where: tuple[np.ndarray, ...],
        counts: np.ndarray,
        background: np.ndarray,
        source: Source,
    ) -> None:
        self.half, self.side = source.half, source.kernels.shape[-1]
        half = self.half
        near = (where[1] >= first - half) & (where[1] < last + half)
        if not source.at_source:
            near &= source.exposure[where] > 0
        e, y, x = (w[near] for w in where)
        row = y[:, None] - np.arange(-half, half + 1)
        at, offset = np.nonzero((row >= first) & (row < last))
        self.width = counts.shape[2] + 2 * half
        self.shape = (last - first, self.width)
        self.row, self.x = row[at, offset] - first, x[at]
        start = self.row * self.width + self.x
        self.target = (start[:, None] + np.arange(self.side)).ravel()
        flipped = np.maximum(source.kernels[..., ::-1], 0.0)
        if len(flipped) == 1:
            share = flipped[0][e[at], offset]
        else:
            tiles = self.at_pairs(self.pad(source.tiles[first:last])).astype(np.intp)
            energy, line = e[at][:, None], offset[:, None]
            share = flipped[tiles, energy, line, np.arange(self.side)]
        if source.at_source:
            padded = np.pad(source.exposure[:, first:last], ((0, 0), (0, 0), (half, half)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, self.side, axis=2)
            share = share * windows[e[at], self.row, self.x]
        scale = np.maximum(background[e, y, x], FLOOR)
        if not source.at_source:
            scale = scale / source.exposure[e, y, x]
        with np.errstate(divide="ignore"):
            # Background over source: infinite where the kernel is zero, and adds nothing.
            self.ratio = scale[at, None] / share
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
        found: np.ndarray = windows[self.row, self.x]
        return found

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


def errors(
    pairs: Pairs,
    big: np.ndarray,
    lowest: np.ndarray,
    norm: np.ndarray,
    todo: np.ndarray,
    rises: tuple[float, float],
) -> dict[str, np.ndarray]:
    """Return errors and limits from where the statistic has risen; limits count from no excess."""
    from_zero = np.maximum(norm, 0.0)
    low = risen(pairs, big, lowest, norm, todo, rises[0], upwards=False)
    return {
        "norm_errn": norm - low,
        "norm_errp": risen(pairs, big, lowest, norm, todo, rises[0]) - norm,
        "norm_ul": risen(pairs, big, lowest, from_zero, todo, rises[1]),
    }


def risen(
    pairs: Pairs,
    big: np.ndarray,
    lowest: np.ndarray,
    start: np.ndarray,
    todo: np.ndarray,
    rise: float,
    upwards: bool = True,
) -> np.ndarray:
    """Return norms above or below a start at which -2 ln L is higher by `rise`.

    -2 ln L is convex: Newton's method comes from outside and never passes the root. NaN where the
    statistic has not risen at the least norm.
    """
    safe_big = np.where(todo, big, 1.0)
    start = np.where(todo, start, 0.0)
    # At the least norm a bin with counts may have no prediction: stay off it.
    floor = np.where(todo, lowest, 0.0)
    floor = floor + CLOSE * (start - floor)
    base = start * safe_big - pairs.gain(start)
    curvature = pairs.slopes(start)[1]
    # As far as without any counts, and as with the curvature alone.
    step = 0.5 * rise / safe_big
    step = step + np.sqrt(np.divide(rise, curvature, out=np.zeros(step.shape), where=curvature > 0))
    norm = start + step if upwards else np.maximum(start - step, floor)
    active = todo.copy()
    for _ in range(MAX_STEPS):
        missing = rise - 2 * (norm * safe_big - pairs.gain(norm) - base)
        slope = 2 * (safe_big - pairs.slopes(norm)[0])
        good = (slope > 0) if upwards else (slope < 0)
        move = np.where(active & good, missing / np.where(good, slope, 1.0), 0.0)
        norm = norm + move if upwards else np.clip(norm + move, floor, start)
        active &= np.abs(missing) > 1e-6 * rise
        if not active.any():
            break
    return norm if upwards else np.where(active & (norm <= floor), np.nan, norm)
