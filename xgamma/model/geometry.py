"""Directions and solid angles of grids of pixels, computed once for each parent frame."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from xgamma.model.frame import (
    wcs_from_key,
)
from xgamma.numerics import sphere

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["BLOCK_PIXELS", "WCS_LOCK", "Grid", "grid_solid_angle", "grid_vectors", "lonlat_at"]

BLOCK_PIXELS = 200_000


# WCS objects are shared between threads, and wcslib keeps its state in them.
WCS_LOCK = threading.Lock()


Grid = tuple[tuple[float, float, int], tuple[float, float, int]]


@functools.lru_cache(maxsize=8)
def grid_vectors(key: tuple[tuple[str, Any], ...], grid: Grid) -> np.ndarray:
    """Return read-only unit vectors (3, ny, nx) of a regular grid of labels; NaN off the sky."""
    (x0, dx, nx), (y0, dy, ny) = grid
    vectors = np.empty((3, ny, nx))
    for rows in _row_blocks(nx, ny):
        x, y = np.meshgrid(x0 + dx * np.arange(nx), y0 + dy * np.arange(rows.start, rows.stop))
        lon, lat = lonlat_at(wcs_from_key(key), x, y)
        vectors[:, rows] = sphere.lonlat_to_vector(lon, lat)
    vectors.setflags(write=False)
    return vectors


def _row_blocks(nx: int, ny: int) -> Iterator[slice]:
    """Cut the rows of a grid into blocks: what is held on the way is many times the result."""
    height = max(1, BLOCK_PIXELS // max(nx, 1))
    for start in range(0, ny, height):
        yield slice(start, min(start + height, ny))


@functools.lru_cache(maxsize=8)
def grid_solid_angle(key: tuple[tuple[str, Any], ...], grid: Grid) -> np.ndarray:
    """Return solid angles (ny, nx) in sr of a regular grid of labels."""
    (x0, dx, nx), (y0, dy, ny) = grid
    omega = np.empty((ny, nx))
    for rows in _row_blocks(nx, ny):
        y = (y0 - dy / 2 + dy * rows.start, dy, rows.stop - rows.start + 1)
        corners = grid_vectors.__wrapped__(key, ((x0 - dx / 2, dx, nx + 1), y))
        omega[rows] = sphere.quad_solid_angle(corners)
    omega.setflags(write=False)
    return omega


def lonlat_at(wcs: WCS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return longitudes and latitudes in degrees at pixels; NaN beyond the sky."""
    with WCS_LOCK:
        lon, lat = wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
    lon, lat = lon.reshape(x.shape), lat.reshape(x.shape)
    # A cylindrical projection goes round and round: beyond half a turn from its centre a
    # pixel would be a copy of one on the other side.
    cylindrical = wcs.wcs.ctype[0][-3:] in {"CAR", "CEA", "MER", "CYP"}
    if cylindrical:
        turn = 360.0 / abs(wcs.wcs.get_cdelt()[0])
        lon = np.where(np.abs(x + 1 - wcs.wcs.crpix[0]) <= turn / 2 + 1e-6, lon, np.nan)
    return lon, np.where(np.isnan(lon), np.nan, lat)
