"""HEALPix cells: which they are, where they lie, and what lies between them.

A HEALPix map has the dimension ``cell`` and along it the coordinate ``cell_ids``, whose attributes
(``grid_name``, ``level``, ``indexing_scheme``) are those that `xdggs <https://xdggs.readthedocs.io>`_
decodes; the scalar coordinate ``sky_frame`` names the frame. Górski et al. 2005, ApJ 622, 759.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy import sparse

from xgamma.core.bounds import require_room
from xgamma.core.extras import require_package
from xgamma.errors import FrameError, shown
from xgamma.model import sky
from xgamma.model.frame import frame_of, require_frame
from xgamma.numerics import sphere
from xgamma.typing import LabelledLike

__all__ = ["CELL", "Cells", "cell_coords", "has_cells"]

CELL, IDS, FRAME = "cell", "cell_ids", "sky_frame"
SCHEMES = ("ring", "nested")
MAX_LEVEL = 29
# Pixels of a map are sampled by so many parts of a cell along each side, at least.
PARTS = 2


def has_cells(obj: LabelledLike) -> bool:
    """Tell whether an object lies on HEALPix cells."""
    return CELL in obj.dims


def cell_coords(ids: np.ndarray, level: int, scheme: str, frame: str) -> dict[str, Any]:
    """Return the coordinates of a HEALPix map.

    Parameters
    ----------
    ids : ndarray
        Numbers of the cells.
    level : int
        Binary logarithm of NSIDE.
    scheme : {"ring", "nested"}
        How they are numbered.
    frame : str
        Celestial frame.

    Returns
    -------
    coords : dict
        ``cell_ids`` and ``sky_frame``.
    """
    attrs = {
        "grid_name": "healpix",
        "level": int(level),
        "indexing_scheme": scheme,
    }
    return {IDS: xr.Variable(CELL, ids, attrs), FRAME: xr.Variable((), frame)}


@dataclass(frozen=True)
class Cells:
    """The cells of a HEALPix map.

    Parameters
    ----------
    ids : ndarray
        Numbers of the cells, shape (n,), each once.
    level : int
        Binary logarithm of NSIDE.
    nested : bool
        Whether they are numbered in nested order, else in rings.
    frame : str
        Celestial frame.
    """

    ids: np.ndarray
    level: int
    nested: bool
    frame: str

    @classmethod
    def of(cls, obj: LabelledLike) -> Cells:
        """Return the cells of a map.

        Raises
        ------
        FrameError
            If its coordinates do not say which cells they are.
        """
        if IDS not in obj.coords:
            raise FrameError(
                f"The HEALPix map has no coordinate {IDS!r}: keep it when you rebuild a map."
            )
        attrs, ids = obj.coords[IDS].attrs, np.atleast_1d(obj.coords[IDS].values)
        level, scheme = attrs.get("level"), attrs.get("indexing_scheme")
        if attrs.get("grid_name") != "healpix" or scheme not in SCHEMES or level is None:
            raise FrameError(
                f"The coordinate {IDS!r} must say grid_name='healpix', level= and indexing_scheme= 'ring' or "
                f"'nested' in its attributes, not {shown(dict(attrs))}."
            )
        frame = str(obj.coords[FRAME].values) if FRAME in obj.coords else "icrs"
        require_frame(frame)
        return cls(ids.astype(np.int64), int(level), scheme == "nested", frame)

    @property
    def nside(self) -> int:
        """Parts of a side of one of the twelve base cells."""
        return int(2**self.level)

    @property
    def width(self) -> float:
        """Square root of the solid angle of a cell, degrees."""
        return float(np.degrees(np.sqrt(np.pi / 3) / self.nside))

    @property
    def solid_angle(self) -> float:
        """Solid angle of each cell, sr."""
        return float(np.pi / (3 * self.nside**2))

    @property
    def _package(self) -> Any:
        """Functions that take and return plain arrays, as those of healpy do."""
        return require_package("astropy_healpix.healpy", "A HEALPix map", "healpix")

    def lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        """Return longitude and latitude of the middle of each cell, degrees, in their frame."""
        lon, lat = self._package.pix2ang(self.nside, self.ids, nest=self.nested, lonlat=True)
        return np.asarray(lon), np.asarray(lat)

    def bilinear(self, target: LabelledLike) -> sparse.csr_array:
        """Return the weights of cells at the pixel centres of a map.

        Parameters
        ----------
        target : Dataset or DataArray
            Map with pixels ``y`` and ``x``.

        Returns
        -------
        weights : csr_array
            Shape (pixels, cells); rows sum to one, or less where cells are missing.
        """
        lon, lat = self._positions(target)
        good = np.isfinite(lon) & np.isfinite(lat)
        cells, weights = self._package.get_interp_weights(
            self.nside, lon[good], lat[good], nest=self.nested, lonlat=True
        )
        rows = np.broadcast_to(np.flatnonzero(good), cells.shape).ravel()
        column, known = self._find(cells.ravel())
        entries = (np.asarray(weights).ravel()[known], (rows[known], column[known]))
        return sparse.csr_array(entries, shape=(lon.size, self.ids.size))

    def shares(self, target: LabelledLike) -> sparse.csr_array:
        """Return which part of each cell lies in each pixel of a map, from small parts of cells.

        Parameters
        ----------
        target : Dataset or DataArray
            Map with pixels ``y`` and ``x``.

        Returns
        -------
        shares : csr_array
            Shape (pixels, cells); the columns of cells that lie within the map sum to one.
        """
        scale = min(sky.pixel_scale(target))
        depth = max(int(np.ceil(np.log2(PARTS * max(self.width / scale, 1.0)))), 1)
        depth = min(depth, MAX_LEVEL - self.level)
        near = self._near(target)
        require_room(80.0 * near.size * 4**depth, "The parts of cells", "use larger pixels")
        nested = self.ids[near] if self.nested else self._to_nested(self.ids[near])
        parts = (nested[:, None] * 4**depth + np.arange(4**depth)).ravel()
        children = Cells(parts, self.level + depth, True, self.frame)
        pixel = children.pixels(target)
        inside = pixel >= 0
        columns = np.repeat(near, 4**depth)[inside]
        entries = (np.full(columns.size, 4.0**-depth), (pixel[inside], columns))
        shape = (target.sizes["y"] * target.sizes["x"], self.ids.size)
        return sparse.csr_array(entries, shape=shape)

    def pixels(self, target: LabelledLike) -> np.ndarray:
        """Return the flat number of the pixel in which each cell's middle lies; -1 outside."""
        turn = sky.rotation_from_icrs(frame_of(target))
        turn = turn @ sky.rotation_from_icrs(self.frame).T
        lon, lat = sphere.vector_to_lonlat(turn @ sphere.lonlat_to_vector(*self.lonlat()))
        x, y = sky.lonlat_to_pix(target, lon, lat)
        flat = np.zeros(lon.size, dtype=np.int64)
        inside = np.ones(lon.size, dtype=bool)
        for dim, at in (("y", y), ("x", x)):
            place = (at - float(target.coords[dim].values[0])) / sky.label_step(target, dim)
            inside &= (place >= -0.5) & (place < target.sizes[dim] - 0.5)
            number = np.where(inside, np.floor(place + 0.5), 0).astype(np.int64)
            flat = flat * target.sizes[dim] + number
        return np.where(inside, flat, -1)

    def _near(self, target: LabelledLike) -> np.ndarray:
        """Return the cells that may touch a map."""
        lon, lat = self._positions(target)
        pixels = sphere.lonlat_to_vector(lon, lat)[:, np.isfinite(lon)]
        middle = pixels.mean(axis=1)
        length = float(np.linalg.norm(middle))
        if length < 1e-3:
            return np.arange(self.ids.size)
        middle /= length
        reach = np.degrees(np.arccos(np.clip((middle @ pixels).min(), -1, 1)))
        reach += 2 * self.width + max(sky.pixel_scale(target))
        own = sphere.lonlat_to_vector(*self.lonlat())
        return np.flatnonzero(np.degrees(np.arccos(np.clip(middle @ own, -1, 1))) <= reach)

    def _positions(self, target: LabelledLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixel centres of a map in the frame of the cells, degrees."""
        turn = sky.rotation_from_icrs(self.frame)
        turn = turn @ sky.rotation_from_icrs(frame_of(target)).T
        lon, lat = sphere.vector_to_lonlat(turn @ sky.pixel_vectors(target).reshape(3, -1))
        return np.asarray(lon), np.asarray(lat)

    def _to_nested(self, ids: np.ndarray) -> np.ndarray:
        return np.asarray(self._package.ring2nest(self.nside, ids))

    def _find(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where cells stand in the map, and whether they do."""
        order = np.argsort(self.ids)
        place = np.searchsorted(self.ids, ids, sorter=order)
        place = np.minimum(place, self.ids.size - 1)
        return order[place], self.ids[order[place]] == ids
