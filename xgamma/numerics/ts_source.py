"""A source to be tried at each pixel of a map: NumPy in, NumPy out.

Its kernel may be another one in each tile of the map: that of the tile in which the source is,
not of the tile in which the counts are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve

from xgamma.numerics.statistics import FLOOR

__all__ = ["Source", "energy_sums", "least_norms", "source_sums"]


@dataclass(frozen=True)
class Source:
    """A source to be tried at each pixel.

    Attributes
    ----------
    kernels : ndarray
        Where its counts fall, for each tile, shape (tile, energy, k, k), k odd.
    exposure : ndarray
        Counts per unit of norm if the kernel were one, shape (energy, y, x).
    tiles : ndarray of int
        Tile of each pixel, shape (y, x); negative where nothing is tried.
    at_source : bool
        Whether the exposure is that of the pixel of the source, or that of each bin.
    """

    kernels: np.ndarray
    exposure: np.ndarray
    tiles: np.ndarray
    at_source: bool = False

    @classmethod
    def of(cls, kernels: np.ndarray, exposure: np.ndarray, at_source: bool = False) -> Source:
        """Return a source with one kernel (energy, k, k) for all of the map."""
        tiles = np.zeros(exposure.shape[1:], dtype=np.intp)
        return cls(kernels[np.newaxis], exposure, tiles, at_source)

    @property
    def half(self) -> int:
        """Pixels from the middle of the kernel to its border."""
        number: int = self.kernels.shape[-1] // 2
        return number

    @property
    def tile_side(self) -> int:
        """Pixels along the longest side of a tile."""
        number: int = max(b.stop - b.start for _, box, _, _ in self.places() for b in box)
        return number

    def places(self) -> Iterator[tuple[int, tuple[slice, slice], tuple[slice, slice], np.ndarray]]:
        """Yield each tile: its number, the box around it, the box in reach, its pixels in the box."""
        ny, nx = self.tiles.shape
        for tile in np.unique(self.tiles[self.tiles >= 0]):
            inside = self.tiles == tile
            ys, xs = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
            box = slice(ys[0], ys[-1] + 1), slice(xs[0], xs[-1] + 1)
            wide = tuple(
                slice(max(b.start - self.half, 0), min(b.stop + self.half, n))
                for b, n in zip(box, (ny, nx), strict=True)
            )
            yield int(tile), box, (wide[0], wide[1]), inside[box]

    def sums(self, mask: np.ndarray) -> np.ndarray:
        """Return the counts of a source at each pixel in the bins of a mask, shape (y, x)."""
        out = np.zeros(self.tiles.shape)
        for tile, box, wide, inside in self.places():
            inner = tuple(
                slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, wide, strict=True)
            )
            part = (slice(None), *wide)
            if self.at_source:
                each = energy_sums(mask[part].astype(float), self.kernels[tile])
                found = (each * self.exposure[part]).sum(0)
            else:
                weights = np.where(mask[part], self.exposure[part], 0.0)
                found = source_sums(weights, self.kernels[tile])
            out[box] = np.where(inside, found[inner], out[box])
        return out

    def least(self, background: np.ndarray, mask: np.ndarray, reached: np.ndarray) -> np.ndarray:
        """Return the least norm at which no bin of a mask is predicted negative.

        Minus infinity at pixels (y, x) that are not `reached`: no bin of the mask is in reach.
        """
        out = np.full(self.tiles.shape, -np.inf)
        for tile, box, wide, inside in self.places():
            inner = tuple(
                slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, wide, strict=True)
            )
            part = (slice(None), *wide)
            weight = np.where(mask[part], 1.0 if self.at_source else self.exposure[part], 0.0)
            scale = self.exposure[part] if self.at_source else None
            here = np.zeros(reached[wide].shape, dtype=bool)
            here[inner] = inside & reached[box]
            found = least_norms(background[part], weight, self.kernels[tile], scale, here)
            out[box] = np.where(inside, found[inner], out[box])
        return out


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
    sums: np.ndarray = energy_sums(weights, kernels).sum(axis=0)
    return sums


def energy_sums(weights: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Return `source_sums` of each energy, shape (energy, y, x)."""
    values: np.ndarray = fftconvolve(weights, kernels[:, ::-1, ::-1], mode="same", axes=(1, 2))
    return values


def least_norms(
    background: np.ndarray,
    weight: np.ndarray,
    kernels: np.ndarray,
    scale: np.ndarray | None = None,
    reached: np.ndarray | None = None,
) -> np.ndarray:
    """Return the least norm, at each pixel, at which no bin in reach is predicted negative.

    Parameters
    ----------
    background, weight : ndarray
        Background, and counts of a source whose kernel were one, shape (energy, y, x); bins
        without weight are out of reach.
    kernels : ndarray
        Shape (energy, k, k), k odd.
    scale : ndarray, optional
        Further factor of the counts of a source at each pixel, shape (energy, y, x).
    reached : ndarray of bool, optional
        Pixels (y, x) that are asked for, with bins in reach. By default, all such pixels.

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
    if scale is not None:
        largest = scale.max(axis=(1, 2))
        smallest = np.where(largest > 0, smallest / np.where(largest > 0, largest, 1.0), np.inf)
    shares = np.argwhere((kernels > 0) & np.isfinite(smallest)[:, np.newaxis, np.newaxis])
    bounds = smallest[shares[:, 0]] / kernels[tuple(shares.T)]
    order = np.argsort(bounds, kind="stable")
    if reached is None:
        reached = source_sums(used.astype(float), (kernels > 0).astype(float)) > 0.5
    if scale is not None:
        reached = reached & (scale > 0).all(axis=0)
    found = np.full((ny, nx), np.inf)
    # Most of a kernel is too faint to bound any pixel: the brightest first, the rest not at all.
    for i, (e, dy, dx) in enumerate(shares[order]):
        if i % 32 == 0 and bounds[order[i]] >= found.max(where=reached, initial=0.0):
            break
        part = ratio[e, dy : dy + ny, dx : dx + nx]
        if scale is not None:
            part = np.divide(part, scale[e], out=np.full((ny, nx), np.inf), where=scale[e] > 0)
        np.minimum(found, part / kernels[e, dy, dx], out=found)
    return -found
