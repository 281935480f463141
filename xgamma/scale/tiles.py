"""Running sums of a mosaic in tiles: some in memory, the others in a Zarr store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xgamma import sky
from xgamma.datasets.mosaic import COARSE, FINE, Mosaic, place
from xgamma.errors import XGammaError

__all__ = ["TILE", "Tile", "TiledSums", "Tiles"]

# Pixels along the side of a tile: the bytes of one are about those of a compressed chunk.
TILE = 128
ONOFF_SUMS = ("acceptance", "acceptance_off", "alpha_off")


class Tile(NamedTuple):
    """Where a tile lies: slices of the rows and columns of both grids."""

    y: slice
    x: slice
    y_irf: slice
    x_irf: slice


class Tiles:
    """How a template is cut into tiles.

    A pixel of the coarse grid of the responses belongs to the tile in which its centre lies;
    tiles are whole numbers of coarse pixels wide, where their ratio is whole, so that chunks of
    the store and tiles are the same thing.

    Parameters
    ----------
    template : Dataset
        A map.
    side : int
        About the pixels along the side of a tile.
    """

    def __init__(self, template: xr.Dataset, side: int = TILE):
        ratio = 1.0
        if "x_irf" in template.dims:
            ratio = sky.label_step(template, "x_irf") / sky.label_step(template, "x")
        self.side = max(1, round(max(1, round(side / ratio)) * ratio))
        self.cuts = {d: _cuts(template, d, self.side) for d in (*FINE, *COARSE)}
        self.shape = (len(self.cuts["y"]) - 1, len(self.cuts["x"]) - 1)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(np.ndindex(*self.shape))

    def at(self, key: tuple[int, int]) -> Tile:
        """Return where a tile lies."""
        return Tile(
            *(
                slice(self.cuts[d][k], self.cuts[d][k + 1])
                for d, k in zip((*FINE, *COARSE), key * 2, strict=True)
            )
        )

    def chunks(self, dim: str) -> int:
        """Return the size of a full tile along a dimension."""
        return max(1, int(np.diff(self.cuts[dim]).max()))


def _cuts(template: xr.Dataset, dim: str, side: int) -> list[int]:
    """Return the first pixel of each tile along a dimension, and the end."""
    fine = dim.removesuffix("_irf")
    size = template.sizes[fine]
    starts = list(range(0, size, side))
    if dim == fine:
        return [*starts, size]
    if dim not in template.dims:
        return [0] * (len(starts) + 1)
    labels, coarse = template[fine].values, template[dim].values
    step = sky.label_step(template, fine)
    inner = np.searchsorted(coarse, labels[starts[1:]] - step / 2.0)
    return [0, *(int(k) for k in inner), coarse.size]


class TiledSums:
    """The sums of a `Mosaic`, kept within a number of bytes.

    The tiles used last stay in memory; the others are written to a Zarr store, whose chunks are
    the tiles, and read back when they are needed again.

    Parameters
    ----------
    template : Dataset
        The whole map.
    folder : Path
        Of the store; must not exist.
    limit : float
        Bytes of the tiles held in memory.
    side : int
        As `Tiles`.
    """

    def __init__(self, template: xr.Dataset, folder: Path, limit: float, side: int = TILE):
        import zarr

        self.template, self.limit = template, limit
        self.tiles = Tiles(template, side)
        self.store = zarr.open_group(folder, mode="w-")
        self.arrays: dict[str, Any] = {}
        self.dims: dict[str, tuple[str, ...]] = {}
        self.dtypes: dict[str, Any] = {}
        self.attrs: dict[str, dict[str, Any]] = {}
        self.held: OrderedDict[tuple[int, int], dict[str, np.ndarray]] = OrderedDict()
        self.stored: set[tuple[int, int]] = set()
        self.spare: list[dict[str, np.ndarray]] = []
        self.bytes, self.peak, self.spilled = 0, 0, 0

    def add(self, part: Mosaic) -> None:
        """Add the sums of a cutout.

        Parameters
        ----------
        part : Mosaic
            Its template lies on the pixels of the whole.

        Raises
        ------
        XGammaError
            If the limit is below a single tile.
        """
        sums = all_sums(part)
        for name, values in sums.items():
            self._declare(part, name, values)
        origin = {
            dim: where.start
            for dims in (FINE, COARSE)
            for dim, where in zip(dims, place(self.template, part.template, dims), strict=False)
        }
        size = {dim: part.template.sizes.get(dim, 0) for dim in origin}
        for key in self._touched(origin, size):
            tile = self.tiles.at(key)._asdict()
            arrays = self.take(key)
            for name, values in sums.items():
                into, off = [], []
                for dim in self.dims[name][:2]:
                    low = max(origin[dim], tile[dim].start)
                    high = max(low, min(origin[dim] + size[dim], tile[dim].stop))
                    into.append(slice(low - tile[dim].start, high - tile[dim].start))
                    off.append(slice(low - origin[dim], high - origin[dim]))
                target = arrays[name][tuple(into)]
                operation = np.logical_or if target.dtype == bool else np.add
                operation(target, values[tuple(off)], out=target)

    def _declare(self, part: Mosaic, name: str, values: np.ndarray) -> None:
        """Make the array of a variable in the store, at its first use."""
        if name in self.dims:
            if not np.can_cast(values.dtype, self.dtypes[name], "same_kind"):
                raise XGammaError(
                    f"{name} is of {values.dtype} in one run and of {self.dtypes[name]} in another: reduce all with the same makers."
                )
            return
        spatial = tuple(d for d in (*FINE, *COARSE) if d in part.dims.get(name, FINE))
        dims = part.dims.get(name, (*FINE, "energy"))
        self.dims[name], self.dtypes[name] = dims, values.dtype
        self.attrs[name] = part.attrs.get(name, {})
        shape = tuple(self.template.sizes[d] for d in spatial) + values.shape[2:]
        chunks = tuple(self.tiles.chunks(d) for d in spatial) + values.shape[2:]
        self.arrays[name] = self.store.create_array(
            name, shape=shape, chunks=chunks, dtype=values.dtype, fill_value=0
        )

    def _touched(self, origin: dict[str, int], size: dict[str, int]) -> list[tuple[int, int]]:
        """Return the tiles that a cutout reaches on either grid."""
        keys = []
        for key in self.tiles:
            tile = self.tiles.at(key)._asdict()
            for y, x in (FINE, COARSE):
                if y in origin and all(
                    origin[d] < tile[d].stop and origin[d] + size[d] > tile[d].start for d in (y, x)
                ):
                    keys.append(key)
                    break
        return keys

    def take(self, key: tuple[int, int]) -> dict[str, np.ndarray]:
        """Return the sums of a tile, to be changed in place, and hold them in memory.

        Parameters
        ----------
        key : tuple of int
            Row and column of the tile.

        Returns
        -------
        arrays : dict of ndarray
            For each variable, spatial dims first.
        """
        if key in self.held:
            self.held.move_to_end(key)
            missing = [n for n in self.dims if n not in self.held[key]]
        else:
            self.held[key] = {}
            missing = list(self.dims)
        arrays = self.held[key]
        if len(self.held) > 1 and missing:
            self._shed(key, self.bytes_of_a_tile())
        spare = self.spare.pop() if self.spare and not arrays else {}
        for name in missing:
            where = self._where(key, name)
            whole = spare.get(name)
            if whole is None:
                whole = np.empty(self.arrays[name].chunks, self.dtypes[name])
            arrays[name] = whole[tuple(slice(s.stop - s.start) for s in where)]
            arrays[name][...] = self.arrays[name][where] if key in self.stored else 0
            self.bytes += whole.nbytes
        self.peak = max(self.peak, self.bytes)
        self._shed(key)
        return arrays

    def _where(self, key: tuple[int, int], name: str) -> tuple[slice, ...]:
        tile = self.tiles.at(key)._asdict()
        return tuple(tile[d] for d in self.dims[name][:2])

    def bytes_of_a_tile(self) -> int:
        """Return what the sums of one tile take."""
        return sum(
            int(np.prod(a.chunks)) * np.dtype(self.dtypes[n]).itemsize
            for n, a in self.arrays.items()
        )

    def _shed(self, wanted: tuple[int, int], room: int = 0) -> None:
        """Write the tiles that were not used for longest, until the rest and `room` fit.

        Their memory is used again for the next tiles: given back and asked for again, it
        would leave gaps.
        """
        while self.bytes + room > self.limit and len(self.held) > 1:
            key = next(k for k in self.held if k != wanted)
            spare: dict[str, np.ndarray] = {}
            for name, values in self.held.pop(key).items():
                self.arrays[name][self._where(key, name)] = values
                whole = values.base
                assert whole is not None
                spare[name] = whole
                self.bytes -= whole.nbytes
            self.spare = [spare]
            self.stored.add(key)
            self.spilled += 1
        if self.bytes > self.limit:
            raise XGammaError(
                f"One tile of the mosaic takes {self.bytes / 1e6:.0f} MB, more than the {self.limit / 1e6:.0f} MB left of memory=: allow more, or use fewer workers."
            )

    def touched(self) -> list[tuple[int, int]]:
        """Return the tiles that hold anything, in order."""
        return sorted(self.stored | set(self.held))

    def total(self, name: str) -> float:
        """Return the sum of a variable over the whole mosaic."""
        return sum(float(self.take(key)[name].sum()) for key in self.touched())


def all_sums(mosaic: Mosaic) -> dict[str, np.ndarray]:
    """Return the arrays of a mosaic by name, those of its on-off sums included."""
    sums = dict(mosaic.sums)
    if mosaic.onoff.used:
        sums |= {f"onoff_{name}": getattr(mosaic.onoff, name) for name in ONOFF_SUMS}
    return sums
