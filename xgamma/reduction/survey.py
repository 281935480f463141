"""Stack runs into a Zarr mosaic that is larger than memory."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xgamma.core.defaults import MEMORY
from xgamma.core.extras import require_package
from xgamma.core.paths import file_path
from xgamma.datasets.mosaic import Mosaic
from xgamma.errors import XGammaError
from xgamma.io.cf import encoding_of, export, text_as
from xgamma.io.storage import atomic_folder
from xgamma.io.zarr_seal import all_chunks, compressors, sealed
from xgamma.model import sky
from xgamma.reduction.drive import drive, settle
from xgamma.reduction.fold import Job
from xgamma.reduction.kept_tiles import KeptTiles
from xgamma.reduction.pools import pool_for
from xgamma.reduction.run import progress_bar
from xgamma.reduction.runs import Runs
from xgamma.reduction.tiles import ONOFF_SUMS, TILE, TiledSums, TileFiles, all_sums

__all__ = ["memory_bytes", "reduce_survey"]

UNITS = {"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}
UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
# What the makers hold while they work on a run, in units of its sums (measured: 1.5 to 2.5).
WORK = 3.0
# Buffers of reading and compressing, and what modules imported on the way take (measured: 20 MB).
OVERHEAD = 32e6


def memory_bytes(memory: str | float) -> float:
    """Return a number of bytes from a text such as ``"2 GB"``.

    Parameters
    ----------
    memory : str or float
        Text with a unit (kB, MB, GB, TB, KiB, MiB, GiB, TiB), or bytes.

    Returns
    -------
    bytes : float
        Positive.

    Raises
    ------
    XGammaError
        If the text cannot be understood.

    Examples
    --------
    >>> memory_bytes("1.5 GB")
    1500000000.0
    """
    match = re.fullmatch(r"\s*([0-9.eE+-]+?)\s*([a-zA-Z]*)\s*", str(memory))
    try:
        assert match is not None
        value = float(match[1]) * UNITS[match[2].lower()]
        assert value > 0
    except (AssertionError, KeyError, ValueError):
        raise XGammaError(f"memory={memory!r} is no size: write it as '2 GB'.") from None
    return value


def reduce_survey(
    observations: Any,
    job: Job,
    out: str | os.PathLike[str],
    memory: str | float = MEMORY,
    scheduler: Any = None,
    workers: int | None = None,
    progress: bool | None = None,
    name: str | None = None,
    overwrite: bool = False,
    side: int | None = None,
    resume: str | os.PathLike[str] | bool | None = None,
) -> xr.Dataset:
    """Reduce runs and add them up in a Zarr store, tile by tile.

    Each run is reduced once, in the order of the sky, and added to the tiles that it touches.
    Tiles that are not in use wait in files of sums in double precision, beside the output or in
    the folder of `resume`; at the end each becomes a region of the output.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        Runs.
    job : Job
        What to do with each; its template is the whole mosaic.
    out : path-like
        Zarr store to make; it appears when it is complete.
    memory : str or float
        Bound on what is held beyond the libraries: tiles, runs at work and waiting.
    scheduler, workers, progress, name
        As in `reduce`.
    overwrite : bool
        Whether an existing store may be replaced.
    side : int, optional
        About the pixels along the side of a tile; 128 when absent.
    resume : path-like or True, optional
        Folder of partial results to go on from, as in `reduce`.

    Returns
    -------
    ds : Dataset
        The mosaic, opened lazily with dask.

    Raises
    ------
    XGammaError
        If `memory` does not suffice, if the template is no map, or if a run fails.
    """
    if "x" not in job.into.dims:
        raise XGammaError("out= makes a mosaic: give a template with a sky, from create_map.")
    if job.options.get("cutout_width") is None:
        raise XGammaError("out= adds cutouts of runs: give offset_max or cutout_width.")
    require_package("zarr", "out=", "dask")
    limit = memory_bytes(memory)
    place = file_path(out, "out")
    runs = Runs(observations)
    with atomic_folder(place, overwrite) as temporary:
        scratch = Path(tempfile.mkdtemp(prefix=".xgamma-sums-", dir=temporary.parent))
        try:
            side = side or TILE
            kept = KeptTiles(runs, job, resume, side) if resume else None
            files = kept.files if kept else TileFiles(scratch)
            rows = Mosaic(job.into)
            with closing(pool_for(scheduler, workers, gather=True)) as pool:
                tiled = _Bound(limit, side, pool.workers, job.into, files)
                sums = _added(runs, job, rows, tiled, pool, kept, progress)
            if sums is None:
                raise XGammaError(
                    "No run was reduced: the list is empty, or every run failed or missed the map."
                )
            _write(sums, rows, temporary, name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    from xgamma.io.opening import open as open_any

    return open_any(place, chunks={})


class _Bound(NamedTuple):
    """How much may be held, and by whom."""

    limit: float
    side: int
    workers: int
    into: xr.Dataset
    files: TileFiles

    def sums(self, run_bytes: float) -> TiledSums:
        """Return sums within what runs, and the sky's geometry, leave of the limit.

        A run takes room where it is at work, where it waits, and where it is added.
        """
        used = OVERHEAD + run_bytes * ((1.0 + WORK) * self.workers + 1.0)
        used += sky.geometry_bytes(self.into) * self.workers
        if used >= self.limit:
            raise XGammaError(
                f"memory={self.limit / 1e6:.0f} MB is too small: {self.workers} workers hold {used / 1e6:.0f} MB of runs, tiles come on top; allow more, use fewer workers or a smaller offset_max."
            )
        return TiledSums(self.into, self.files, self.limit - used, self.side)


def _added(
    runs: Runs,
    job: Job,
    rows: Mosaic,
    bound: _Bound,
    pool: Any,
    kept: KeptTiles | None,
    progress: bool | None,
) -> TiledSums | None:
    """Reduce all runs; put what belongs to runs in `rows`, and return the sums of the sky."""
    order = kept.positions if kept else []
    run_bytes = kept.run_bytes if kept else 0.0
    sums: TiledSums | None = None
    if kept and order:
        sums = bound.sums(run_bytes)
        kept.restore(sums, rows)
    whole = True
    try:
        with progress_bar(len(runs), progress, done=len(order)) as bar:
            for partial in _parts(pool, replace(job, local=True), runs, set(order)):
                bar(1)
                if partial.mosaic is None:
                    continue
                if sums is None:
                    run_bytes = sum(v.nbytes for v in all_sums(partial.mosaic).values())
                    sums = bound.sums(run_bytes)
                whole = False
                sums.add(partial.mosaic)
                _take_rows(rows, partial.mosaic)
                order += partial.done
                whole = True
                if kept:
                    kept.save(sums, rows, order, run_bytes)
    finally:
        # A run that was being added when the session ended is neither in nor out.
        if kept and sums is not None and whole:
            kept.save(sums, rows, order, run_bytes, now=True)
    rows.rows = [rows.rows[k] for k in np.argsort(order, kind="stable")] if rows.rows else []
    return sums


def _parts(pool: Any, job: Job, runs: Runs, done: set[int]) -> Iterator[Any]:
    from xgamma.reduction.front import report

    todo = [position for position in _along_the_sky(runs, job.into) if position not in done]
    for _, partial in drive(pool, job, runs, todo, 1, pool.workers):
        yield settle(partial, job, report)


def _along_the_sky(runs: Runs, into: xr.Dataset) -> list[int]:
    """Return the runs in an order in which neighbours follow each other.

    Columns as wide as a tile are gone through one after the other, so that few tiles are in use
    at a time.
    """
    from astropy.coordinates import SkyCoord

    table = runs.store.table if runs.store is not None else {}
    if "ra_pnt" not in table or "dec_pnt" not in table:
        return list(range(len(runs)))
    pointings = SkyCoord(table["ra_pnt"].values, table["dec_pnt"].values, unit="deg")
    x, y = (np.nan_to_num(v) for v in sky.world_to_pix(into, pointings))
    if into.sizes["y"] > into.sizes["x"]:
        x, y = y, x
    return [int(k) for k in np.lexsort((y, np.floor(x / TILE)))]


def _take_rows(rows: Mosaic, part: Mosaic) -> None:
    """Keep what a run says of itself: its row, its good time."""
    rows.rows += part.rows
    rows.gtis += part.gtis
    rows.livetime += part.livetime
    rows.count += part.count


def _write(sums: TiledSums, rows: Mosaic, folder: Path, name: str | None) -> None:
    """Write the mosaic: labels and rows first, then a region for each tile.

    Tiles that no run reaches are written too: zeros, rather than a gap that nobody could tell
    from a lost file.
    """
    import zarr

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


def _place(sums: TiledSums, key: tuple[int, int], dims: tuple[Any, ...]) -> tuple[slice, ...]:
    """Return where a tile lies in an array with these dims."""
    tile = sums.tiles.at(key)._asdict()
    return tuple(tile.get(str(d), slice(None)) for d in dims)


def _tile_dataset(sums: TiledSums, key: tuple[int, int], ratio: float | None) -> xr.Dataset:
    """Return the maps of a tile."""
    tile = sums.tiles.at(key)._asdict()
    template = sums.template.isel({d: w for d, w in tile.items() if d in sums.template.dims})
    mosaic = Mosaic(template)
    arrays = sums.take(key)
    mosaic.sums = {n: v for n, v in arrays.items() if not n.startswith("onoff_")}
    mosaic.dims = {n: form.dims for n, form in sums.forms.items()}
    mosaic.attrs = {n: form.attrs for n, form in sums.forms.items()}
    if ratio is not None:
        mosaic.onoff.used, mosaic.onoff.mean_ratio = True, ratio
        for part in ONOFF_SUMS:
            setattr(mosaic.onoff, part, arrays[f"onoff_{part}"])
    ds = mosaic.to_dataset()
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
    import dask.array

    maps: dict[Any, Any] = {}
    encoding: dict[str, dict[str, Any]] = {}
    for variable, array in part.data_vars.items():
        shape = tuple(sums.template.sizes.get(str(d), array.sizes[d]) for d in array.dims)
        tile = {d: sums.tiles.chunks(d) for d in ("y", "x", "y_irf", "x_irf")}
        chunks = tuple(tile.get(str(d), array.sizes[d]) for d in array.dims)
        attrs = dict(array.attrs)
        if variable == "exposure":
            attrs["livetime"] = rows.livetime
        data = dask.array.zeros(shape, dtype=array.dtype, chunks=chunks)
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
