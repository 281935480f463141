"""Write a mosaic in tiles as a Zarr store."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.core.extras import require_package
from xgamma.datasets.mosaic import Mosaic
from xgamma.io.cf import encoding_of, export, text_as
from xgamma.io.zarr_seal import all_chunks, compressors, list_contents, sealed
from xgamma.reduction.tile_files import Key
from xgamma.reduction.tiles import TiledSums

__all__ = ["write_mosaic"]


def write_mosaic(sums: TiledSums, rows: Mosaic, folder: Path, name: str | None) -> None:
    """Write the mosaic: labels and rows first, then a region for each tile.

    Tiles that no run reaches are written too: zeros, rather than a gap that nobody could tell
    from a lost file.

    Parameters
    ----------
    sums : TiledSums
        All maps.
    rows : Mosaic
        What the sum says of its runs.
    folder : Path
        Store to make.
    name : str, optional
        Of the dataset. By default, that of the template.
    """
    zarr = require_package("zarr", "out=", "dask")
    onoff = "onoff_acceptance" in sums.forms
    ratio = _mean_ratio(sums) if onoff else None
    header = rows.to_dataset(name)
    made: dict[str, Any] = {}
    touched = list(sums.touched())
    for key in touched:
        part = _tile_dataset(sums, key, ratio)
        if not made:
            _create(header, part, rows, sums, folder)
            with all_chunks():
                made = {
                    str(name): (zarr.open_array(folder, path=str(name), mode="r+"), array.dims)
                    for name, array in part.data_vars.items()
                }
        for name, (target, dims) in made.items():
            target[_place(sums, key, dims)] = part[name].values.astype(target.dtype)
    for key in set(sums.tiles) - set(touched) if made else ():
        for target, dims in made.values():
            target[_place(sums, key, dims)] = 0
    if made:
        list_contents(folder)


def _place(sums: TiledSums, key: Key, dims: tuple[Hashable, ...]) -> tuple[slice, ...]:
    """Return where a tile lies in an array with these dims."""
    tile = sums.tiles.at(key)._asdict()
    return tuple(tile.get(str(d), slice(None)) for d in dims)


def _tile_dataset(sums: TiledSums, key: Key, ratio: float | None) -> xr.Dataset:
    """Return the maps of a tile."""
    ds = sums.part(key, ratio).to_dataset()
    return ds[[v for v in ds.data_vars if set(ds[v].dims) & {"y", "y_irf"}]]


def _mean_ratio(sums: TiledSums) -> float | None:
    """Return the mean of off to on acceptance over the whole mosaic; see `OnOffSum`."""
    total = sums.total("onoff_alpha_off")
    counts = sums.total("counts_off") if "counts_off" in sums.forms else 0.0
    return counts / total if total > 0 else 0.0


def _create(
    header: xr.Dataset, part: xr.Dataset, rows: Mosaic, sums: TiledSums, folder: Path
) -> None:
    """Make the store with all its arrays, the maps still empty."""
    array_of = require_package("dask.array", "out=", "dask")
    maps: dict[Any, Any] = {}
    encoding: dict[str, dict[str, Any]] = {}
    for variable, array in part.data_vars.items():
        shape = tuple(sums.template.sizes.get(str(d), array.sizes[d]) for d in array.dims)
        tile = {d: sums.tiles.chunks(d) for d in ("y", "x", "y_irf", "x_irf")}
        chunks = tuple(tile.get(str(d), array.sizes[d]) for d in array.dims)
        attrs = dict(array.attrs)
        if variable == "exposure":
            attrs["livetime"] = rows.livetime
        data = array_of.zeros(shape, dtype=array.dtype, chunks=chunks)
        maps[variable] = (array.dims, data, attrs)
        encoding[str(variable)] = {
            "chunks": chunks,
            "fill_value": array.dtype.type(0),
            "compressors": compressors(),
        }
        if array.dtype.kind == "f":
            encoding[str(variable)]["_FillValue"] = None
    ds = sealed(text_as(export(header.assign(maps)), "U", object))
    encoding = {**encoding_of(ds.drop_vars(list(maps)), True), **encoding}
    with all_chunks():
        ds.to_zarr(folder, compute=False, zarr_format=3, consolidated=False, encoding=encoding)
