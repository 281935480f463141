"""Running sums of a mosaic in tiles: some in memory, the others in files."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xgamma.datasets.mosaic import Mosaic
from xgamma.datasets.placing import COARSE, FINE, place
from xgamma.errors import XGammaError
from xgamma.model import sky
from xgamma.reduction.tile_files import Key, TileFiles

__all__ = ["TILE", "Form", "Tile", "TiledSums", "Tiles"]

# Pixels along the side of a tile: the bytes of one are about those of a compressed chunk.
TILE = 128


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

    def __iter__(self) -> Iterator[Key]:
        return iter(np.ndindex(*self.shape))

    def at(self, key: Key) -> Tile:
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


class Form(NamedTuple):
    """What the sums of a variable look like in a full tile, spatial dims first."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: dict[str, Any]


class TiledSums:
    """The sums of a `Mosaic`, kept within a number of bytes.

    The tiles used last stay in memory; the others are written to files, and read back when they
    are needed again.

    Parameters
    ----------
    template : Dataset
        The whole map.
    files : TileFiles
        Where tiles are that are not in memory.
    limit : float
        Bytes of the tiles held in memory.
    side : int
        Number of pixels along a side of a tile.
    """

    def __init__(self, template: xr.Dataset, files: TileFiles, limit: float, side: int = TILE):
        self.template, self.files, self.limit = template, files, limit
        self.tiles = Tiles(template, side)
        self.forms: dict[str, Form] = {}
        self.held: OrderedDict[Key, dict[str, np.ndarray]] = OrderedDict()
        self.changed: set[Key] = set()
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
        sums = part.parts()
        for name, values in sums.items():
            self._declare(name, values)
        origin = {
            dim: where.start
            for dims in (FINE, COARSE)
            for dim, where in zip(dims, place(self.template, part.template, dims), strict=False)
        }
        size = {dim: part.template.sizes.get(dim, 0) for dim in origin}
        for key in self._touched(origin, size):
            tile = self.tiles.at(key)._asdict()
            arrays = self.take(key)
            self.changed.add(key)
            for name, values in sums.items():
                into, off = [], []
                for dim in self.forms[name].dims[:2]:
                    low = max(origin[dim], tile[dim].start)
                    high = max(low, min(origin[dim] + size[dim], tile[dim].stop))
                    into.append(slice(low - tile[dim].start, high - tile[dim].start))
                    off.append(slice(low - origin[dim], high - origin[dim]))
                target = arrays[name][tuple(into)]
                operation = np.logical_or if target.dtype == bool else np.add
                operation(target, values.data[tuple(off)], out=target)

    def _declare(self, name: str, values: xr.Variable) -> None:
        """Say what the sums of a variable look like, at its first use."""
        if name in self.forms:
            if not np.can_cast(values.dtype, self.forms[name].dtype, "same_kind"):
                raise XGammaError(
                    f"{name} is of {values.dtype} in one run and of {self.forms[name].dtype} in another: reduce all with the same options."
                )
            return
        dims = tuple(map(str, values.dims))
        shape = tuple(self.tiles.chunks(d) for d in dims[:2]) + values.shape[2:]
        attrs = {str(key): value for key, value in values.attrs.items()}
        self.forms[name] = Form(dims, shape, values.dtype, attrs)

    def _touched(self, origin: dict[str, int], size: dict[str, int]) -> list[Key]:
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

    def take(self, key: Key) -> dict[str, np.ndarray]:
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
            missing = [n for n in self.forms if n not in self.held[key]]
        else:
            self.held[key] = {}
            missing = list(self.forms)
        arrays = self.held[key]
        if len(self.held) > 1 and missing:
            self._shed(key, self.bytes_of_a_tile())
        spare = self.spare.pop() if self.spare and not arrays else {}
        for name in missing:
            form = self.forms[name]
            tile = self.tiles.at(key)._asdict()
            whole = spare.get(name)
            if whole is None:
                whole = np.empty(form.shape, form.dtype)
            arrays[name] = whole[tuple(slice(tile[d].stop - tile[d].start) for d in form.dims[:2])]
            arrays[name][...] = self.files.read(key, name)
            self.bytes += whole.nbytes
        self.peak = max(self.peak, self.bytes)
        self._shed(key)
        return arrays

    def bytes_of_a_tile(self) -> int:
        """Return what the sums of one tile take."""
        return sum(int(np.prod(f.shape)) * np.dtype(f.dtype).itemsize for f in self.forms.values())

    def flush(self) -> None:
        """Write all tiles that differ from their files; they stay in memory."""
        for key in sorted(self.changed):
            self.files.write(key, self.held[key])
        self.changed.clear()

    def _shed(self, wanted: Key, room: int = 0) -> None:
        """Write the tiles that were not used for longest, until the rest and `room` fit.

        Their memory is used again for the next tiles: given back and asked for again, it
        would leave gaps.
        """
        while self.bytes + room > self.limit and len(self.held) > 1:
            key = next(k for k in self.held if k != wanted)
            spare: dict[str, np.ndarray] = {}
            arrays = self.held.pop(key)
            if key in self.changed:
                self.files.write(key, arrays)
                self.changed.discard(key)
                self.spilled += 1
            for name, values in arrays.items():
                whole = values.base
                assert whole is not None
                spare[name] = whole
                self.bytes -= whole.nbytes
            self.spare = [spare]
        if self.bytes > self.limit:
            raise XGammaError(
                f"One tile of the mosaic takes {self.bytes / 1e6:.0f} MB, more than the {self.limit / 1e6:.0f} MB left of memory=: allow more, or use fewer workers."
            )

    def touched(self) -> list[Key]:
        """Return the tiles that hold anything, in order."""
        return sorted(self.files.keys() | set(self.held))

    def part(self, key: Key, off_per_alpha_off: float | None = None) -> Mosaic:
        """Return the sum in a tile; see `Mosaic.put_parts`."""
        tile = self.tiles.at(key)._asdict()
        template = self.template.isel({d: w for d, w in tile.items() if d in self.template.dims})
        parts = {
            name: xr.Variable(self.forms[name].dims, values, self.forms[name].attrs)
            for name, values in self.take(key).items()
        }
        return Mosaic(template).put_parts(parts, off_per_alpha_off)

    def total(self, name: str) -> float:
        """Return the sum of a variable over the whole mosaic."""
        return sum(float(self.take(key)[name].sum()) for key in self.touched())
