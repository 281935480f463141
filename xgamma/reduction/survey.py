"""Stack runs into a Zarr mosaic that is larger than memory."""

from __future__ import annotations

import re
from contextlib import ExitStack, closing
from dataclasses import replace

import numpy as np
import xarray as xr
from astropy.coordinates import SkyCoord

from xgamma.core.defaults import MEMORY
from xgamma.core.ends import own_folder
from xgamma.core.extras import require_package
from xgamma.core.paths import file_path
from xgamma.core.write_errors import write_errors
from xgamma.datasets.mosaic import Mosaic
from xgamma.errors import XGammaError
from xgamma.io.new_store import atomic_folder, require_replaceable
from xgamma.io.opening import open as open_any
from xgamma.model import sky
from xgamma.reduction.checkpoint import Checkpoint, ResumeLike, State, signature
from xgamma.reduction.fold import Job, Partial
from xgamma.reduction.places import PLAIN, Work
from xgamma.reduction.runs import Runs, RunsLike
from xgamma.reduction.sums import add_all, opened
from xgamma.reduction.survey_store import write_mosaic
from xgamma.reduction.tile_files import TileFiles
from xgamma.reduction.tiles import TILE, Form, TiledSums
from xgamma.typing import PathLike

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
        raise XGammaError(f"memory={memory!r} is not a size: use for example '2 GB'.") from None
    return value


def reduce_survey(
    observations: RunsLike,
    job: Job,
    out: PathLike,
    memory: str | float = MEMORY,
    work: Work = PLAIN,
    name: str | None = None,
    overwrite: bool = False,
    side: int | None = None,
    resume: ResumeLike | None = None,
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
    work : Work
        How it is done.
    name : str, optional
        Of the result.
    overwrite : bool
        Whether an existing store may be replaced.
    side : int, optional
        About the pixels along the side of a tile. By default, 128.
    resume : path-like or True, optional
        Folder of partial results to go on from, as in `reduce`.

    Returns
    -------
    ds : Dataset
        The mosaic, opened lazily with dask.

    Raises
    ------
    XGammaError
        If `memory` does not suffice, if the template is not a map, or if a run fails.
    """
    if "x" not in job.into.dims:
        raise XGammaError("out= creates a mosaic: give a sky map from xg.create_map as template.")
    if job.options.get("cutout_width") is None:
        raise XGammaError("out= stacks cutouts of runs: give offset_max or cutout_width.")
    require_package("zarr", "out=", "dask")
    place = file_path(out, "out")
    tiled = _Tiled(job.into, memory_bytes(memory), side or TILE)
    target = require_replaceable(place, overwrite).absolute()
    with write_errors(place), own_folder(target.parent, f".xgamma-{target.name}-") as scratch:
        spilled = TileFiles(scratch / "sums", target=place)
        _add_runs(Runs(observations), job, tiled, spilled, work, resume)
        if tiled.sums is None:
            raise XGammaError(
                "No run was reduced: the list is empty, or every run failed or missed the map."
            )
        tiled.rows.sort_runs(tiled.done)
        write_mosaic(tiled.sums, tiled.rows, scratch / "new.zarr", name)
        with atomic_folder(place, overwrite) as temporary:
            (scratch / "new.zarr").rename(temporary)
    found: xr.Dataset = open_any(place, chunks={})
    return found


def _add_runs(
    runs: Runs,
    job: Job,
    tiled: _Tiled,
    spilled: TileFiles,
    work: Work,
    resume: ResumeLike | None,
) -> None:
    """Reduce all runs that are not done yet, and add them up."""
    todo = _along_the_sky(runs, job.into)
    with ExitStack() as stack:
        kept = None
        if resume:
            mark = signature(job.into, {**job.options, "tiles": tiled.side})
            kept = stack.enter_context(closing(Checkpoint(resume, mark, runs)))
            todo = kept.left(todo)
        place = stack.enter_context(opened(work, gather=True))
        tiled.use(kept.files if kept else spilled, place.workers, kept)
        # A run more than there are workers would wait in memory.
        place.ahead = place.workers
        tasks = place.tasks(runs, todo, 1)
        add_all(place, replace(job, local=True), tasks, tiled, kept, work.progress, len(runs))


class _Tiled:
    """A sum in tiles within a bound, and what it says of its runs.

    Parameters
    ----------
    into : Dataset
        Template.
    limit : float
        Bytes.
    side : int
        About the pixels along the side of a tile.
    """

    def __init__(self, into: xr.Dataset, limit: float, side: int) -> None:
        self.into, self.limit, self.side = into, limit, side
        self.rows = Mosaic(into)
        self.sums: TiledSums | None = None
        self.done: list[int] = []
        self.run_bytes = 0.0

    def use(self, files: TileFiles, workers: int, kept: Checkpoint | None) -> None:
        """Take files for tiles that are not in use, and go on from what is kept."""
        self.files, self.workers = files, workers
        if kept is None or not kept.done:
            return
        self.done = kept.positions
        self.run_bytes = float(kept.state["run_bytes"])
        self.rows.put_runs(kept.state["runs"])
        self.sums = self._bounded()
        self.sums.forms = {
            name: Form(tuple(dims), tuple(shape), np.dtype(dtype), attrs)
            for name, (dims, shape, dtype, attrs) in kept.state["forms"].items()
        }

    def add(self, handle: object, partial: Partial) -> None:
        """Add a run."""
        if partial.mosaic is None:
            return
        if self.sums is None:
            self.run_bytes = sum(v.nbytes for v in partial.mosaic.parts().values())
            self.sums = self._bounded()
        self.sums.add(partial.mosaic)
        self.rows.add_runs(partial.mosaic)

    def write(self, files: TileFiles) -> State:
        """Write the tiles that have changed, and return what the sum says of itself."""
        assert self.sums is not None
        self.sums.flush()
        forms = {n: [f.dims, f.shape, f.dtype.str, f.attrs] for n, f in self.sums.forms.items()}
        return {"forms": forms, "runs": self.rows.runs(), "run_bytes": self.run_bytes}

    def _bounded(self) -> TiledSums:
        """Return sums within what runs, and the sky's geometry, leave of the limit.

        A run takes room where it is at work, where it waits, and where it is added.
        """
        used = OVERHEAD + self.run_bytes * ((1.0 + WORK) * self.workers + 1.0)
        used += sky.geometry_bytes(self.into) * self.workers
        if used >= self.limit:
            raise XGammaError(
                f"memory={self.limit / 1e6:.0f} MB is too small: {self.workers} workers use {used / 1e6:.0f} MB for runs, plus the tiles; allow more, or use fewer workers or a smaller offset_max."
            )
        return TiledSums(self.into, self.files, self.limit - used, self.side)


def _along_the_sky(runs: Runs, into: xr.Dataset) -> list[int]:
    """Return the runs in an order in which neighbours follow each other.

    Columns as wide as a tile are gone through one after the other, so that few tiles are in use
    at a time.
    """
    table = runs.store.table if runs.store is not None else xr.Dataset()
    if "ra_pnt" not in table or "dec_pnt" not in table:
        return list(range(len(runs)))
    pointings = SkyCoord(table["ra_pnt"].values, table["dec_pnt"].values, unit="deg")
    x, y = (np.nan_to_num(v) for v in sky.world_to_pix(into, pointings))
    if into.sizes["y"] > into.sizes["x"]:
        x, y = y, x
    return [int(k) for k in np.lexsort((y, np.floor(x / TILE)))]
