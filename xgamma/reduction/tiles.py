"""Running sums of a mosaic in tiles: some in memory, the others in files."""

from __future__ import annotations

import secrets
import shutil
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xgamma.datasets.mosaic import Mosaic
from xgamma.datasets.placing import COARSE, FINE, place
from xgamma.errors import MissingDataError, XGammaError
from xgamma.io.zarr_seal import read_sealed, write_sealed
from xgamma.model import sky

__all__ = ["TILE", "Form", "Tile", "TileFiles", "TiledSums", "Tiles"]

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


class Form(NamedTuple):
    """What the sums of a variable look like in a full tile, spatial dims first."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: Any
    attrs: dict[str, Any]


class TileFiles:
    """The sums of tiles in a folder, a Zarr group each.

    A tile that is written again gets another file: what was written once is never changed.

    Parameters
    ----------
    folder : Path
        Made if need be.
    names : dict of (int, int) to str
        Files of tiles that are there.
    """

    def __init__(self, folder: Path, names: dict[tuple[int, int], str] | None = None):
        self.folder, self.names = folder, dict(names or {})
        self.kept = frozenset(self.names.values())
        folder.mkdir(parents=True, exist_ok=True)

    def keys(self) -> set[tuple[int, int]]:
        """Return the tiles that have a file."""
        return set(self.names)

    def write(self, key: tuple[int, int], arrays: dict[str, np.ndarray]) -> None:
        """Write the sums of a tile, and remove its older file, if that is not to be kept."""
        import zarr

        name = f"tile-{key[0]}-{key[1]}-{secrets.token_hex(4)}.zarr"
        group = zarr.open_group(self.folder / name, mode="w-")
        for variable, values in arrays.items():
            write_sealed(group, variable, values, values.shape)
        group.attrs["variables"] = list(arrays)
        old = self.names.get(key)
        self.names[key] = name
        if old is not None and old not in self.kept:
            shutil.rmtree(self.folder / old, ignore_errors=True)

    def read(self, key: tuple[int, int], variable: str) -> Any:
        """Return the sum of a variable in a tile; 0 where it was not written.

        Raises
        ------
        MissingDataError
            If it was written and cannot be read.
        """
        if key not in self.names:
            return 0
        file = self.folder / self.names[key]
        if not (file / variable).exists() and variable not in _variables(file):
            return 0
        return read_sealed(file, variable)

    def keep(self) -> None:
        """Keep the files that count now, whatever is written later, and remove the others."""
        self.kept = frozenset(self.names.values())
        for file in self.folder.glob("tile-*.zarr"):
            if file.name not in self.kept:
                shutil.rmtree(file, ignore_errors=True)


def _variables(file: Path) -> list[str]:
    """Return what was written of a tile."""
    import zarr

    try:
        names: Any = zarr.open_group(file, mode="r").attrs["variables"]
        return list(names)
    except (OSError, KeyError, ValueError) as error:
        raise MissingDataError(
            f"The tile '{file}' cannot be read ({type(error).__name__}): remove its folder and start again."
        ) from None


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
        As `Tiles`.
    """

    def __init__(self, template: xr.Dataset, files: TileFiles, limit: float, side: int = TILE):
        self.template, self.files, self.limit = template, files, limit
        self.tiles = Tiles(template, side)
        self.forms: dict[str, Form] = {}
        self.held: OrderedDict[tuple[int, int], dict[str, np.ndarray]] = OrderedDict()
        self.changed: set[tuple[int, int]] = set()
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
                operation(target, values[tuple(off)], out=target)

    def _declare(self, part: Mosaic, name: str, values: np.ndarray) -> None:
        """Say what the sums of a variable look like, at its first use."""
        if name in self.forms:
            if not np.can_cast(values.dtype, self.forms[name].dtype, "same_kind"):
                raise XGammaError(
                    f"{name} is of {values.dtype} in one run and of {self.forms[name].dtype} in another: reduce all with the same makers."
                )
            return
        dims = part.dims.get(name, (*FINE, "energy"))
        rest = tuple(self.tiles.chunks(d) for d in dims[:2]) + values.shape[2:]
        self.forms[name] = Form(dims, rest, values.dtype, part.attrs.get(name, {}))

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

    def _shed(self, wanted: tuple[int, int], room: int = 0) -> None:
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

    def touched(self) -> list[tuple[int, int]]:
        """Return the tiles that hold anything, in order."""
        return sorted(self.files.keys() | set(self.held))

    def total(self, name: str) -> float:
        """Return the sum of a variable over the whole mosaic."""
        return sum(float(self.take(key)[name].sum()) for key in self.touched())


def all_sums(mosaic: Mosaic) -> dict[str, np.ndarray]:
    """Return the arrays of a mosaic by name, those of its on-off sums included."""
    sums = dict(mosaic.sums)
    if mosaic.onoff.used:
        sums |= {f"onoff_{name}": getattr(mosaic.onoff, name) for name in ONOFF_SUMS}
    return sums
