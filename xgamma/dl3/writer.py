"""Write observations as GADF: one file a run, and a store with its two index tables."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.core.atomic import (
    atomic_path,
    place_of,
    put_file,
    refuse_existing,
)
from xgamma.core.folders import filled_folder
from xgamma.core.paths import file_path
from xgamma.core.write_errors import write_errors
from xgamma.dl3.hdus import row_hdu
from xgamma.dl3.index_tables import hdu_index, hdu_row, index_keywords, obs_index, obs_row
from xgamma.dl3.row_tables import ROW_TABLES
from xgamma.errors import MissingDataError, XGammaError
from xgamma.fits.bintable import BinTable, primary_bytes
from xgamma.fits.checksum import with_sums
from xgamma.irf.registry import response_groups
from xgamma.irf.writing import response_hdu

__all__ = ["write_observation", "write_store"]

# Bytes, not time, decide at this level: 9 takes four times as long for 1 % less.
GZIP_LEVEL = 5


def observation_hdus(obs: xr.DataTree) -> list[BinTable]:
    """Turn an observation into the HDUs of a GADF file.

    Parameters
    ----------
    obs : DataTree
        An observation: the run's keywords at the root, groups ``events``, ``gti`` and any
        of ``pointing``, ``aeff``, ``edisp``, ``psf``, ``bkg``, ``rad_max``.

    Returns
    -------
    hdus : list of BinTable
        EVENTS, GTI, POINTING (where it is a time series) and the responses.

    Raises
    ------
    MissingDataError
        If events, GTIs, ``OBS_ID`` or a mandatory variable is absent.
    """
    for name in ("events", "gti"):
        if name not in obs.children:
            raise MissingDataError(
                f"The observation has no group '{name}': add one, without rows if necessary."
            )
    if "OBS_ID" not in obs.attrs:
        raise MissingDataError("The observation has no attribute 'OBS_ID' at its root: set it.")
    rows = (row_hdu(obs[g].to_dataset(), g, obs.attrs) for g in ROW_TABLES if g in obs.children)
    hdus = [hdu for hdu in rows if hdu is not None]
    hdus += [response_hdu(obs[g].to_dataset(), g) for g in response_groups() if g in obs.children]
    return hdus


def write_observation(
    obs: xr.DataTree, path: str | os.PathLike[str], overwrite: bool = False
) -> Path:
    """Write an observation to one GADF file.

    All keywords in the attributes of root and groups that FITS can hold (upper case, at
    most 8 characters, text, integers, finite numbers) are kept; those that state the
    format (``HDUCLASS`` to ``HDUCLAS4``, ``HDUVERS``) are set to GADF 0.3. Numbers keep
    their type, so reading gives the same values bit for bit. The file appears when it is
    complete: a failure leaves an older one as it was.

    Parameters
    ----------
    obs : DataTree
        The observation; it is not changed.
    path : path-like
        The file, compressed when it ends in ``.gz``.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    path : `~pathlib.Path`
        The file.

    Raises
    ------
    XGammaError
        If the file exists and `overwrite` is False, or a response has no known class.
    MissingDataError
        If a group or variable that GADF asks for is absent, or the folder does not exist.
    AxisError
        If a response does not have the axes of its class.

    Notes
    -----
    Format: https://gamma-astro-data-formats.readthedocs.io, version 0.3. Axes of a response
    lie in the order that it recommends, and are named in ``CREFn``.

    Examples
    --------
    >>> import tempfile
    >>> from xgamma.simulate.observations import simulate_observation
    >>> obs = simulate_observation("83.63d 22.51d", events=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_observation(obs, Path(folder) / "run.fits.gz").name
    'run.fits.gz'
    """
    target = file_path(path)
    with atomic_path(target, overwrite) as temporary:
        _write_hdus(observation_hdus(obs), temporary)
    return target


def write_store(
    observations: Iterable[xr.DataTree] | xr.DataTree,
    path: str | os.PathLike[str],
    overwrite: bool = False,
    compress: bool = True,
) -> Path:
    """Write observations as a GADF store: data files, ``obs-index`` and ``hdu-index``.

    Observations are taken one by one, so a generator of thousands needs the memory of
    one. Files are first written to a temporary folder inside `path` and moved to their
    places, index tables last, when all are complete: a failure leaves an older store
    as it was.

    Parameters
    ----------
    observations : iterable of DataTree, or DataTree
        The observations, each with its own ``OBS_ID``, or one of them.
    path : path-like
        Folder of the store; made if need be.
    overwrite : bool
        Whether an existing store may be replaced. Files of runs that are not written
        again stay, but no index names them.
    compress : bool
        Whether data files are compressed (``.fits.gz``).

    Returns
    -------
    path : `~pathlib.Path`
        The folder.

    Raises
    ------
    XGammaError
        If there is a store and `overwrite` is False, or a run occurs twice.
    MissingDataError
        If there is no observation, or something that GADF requires is missing.

    Examples
    --------
    >>> import tempfile
    >>> from xgamma.simulate.observations import simulate_observation
    >>> runs = (simulate_observation("83.63d 22.51d", obs_id=n, events=False) for n in (1, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = write_store(runs, folder)
    ...     sorted(p.name for p in store.iterdir())
    ['data', 'hdu-index.fits.gz', 'obs-index.fits.gz']
    """
    folder = file_path(path)
    if not overwrite:
        refuse_existing(folder / "hdu-index.fits.gz")
        refuse_existing(folder / "obs-index.fits.gz")
    runs = [observations] if isinstance(observations, xr.DataTree) else observations
    suffix = ".fits.gz" if compress else ".fits"
    rows: list[dict[str, Any]] = []
    hdu_rows: list[tuple[Any, ...]] = []
    keywords: dict[str, Any] = {}
    with write_errors(folder), _staging(folder) as stage:
        for obs in runs:
            hdus = observation_hdus(obs)
            row = obs_row(obs)
            name = f"obs_{row['OBS_ID']:06d}{suffix}"
            if (stage / name).exists():
                raise XGammaError(
                    f"The run {row['OBS_ID']} occurs twice: give each observation its own OBS_ID."
                )
            _write_hdus(hdus, stage / name)
            size = (stage / name).stat().st_size
            hdu_rows += [hdu_row(row["OBS_ID"], hdu, name, size) for hdu in hdus]
            rows.append(row)
            keywords = keywords or index_keywords(obs)
        if not rows:
            raise MissingDataError("There are no observations to write: give at least one.")
        _write_hdus([obs_index(rows, keywords)], stage / "obs-index.fits.gz")
        _write_hdus([hdu_index(hdu_rows)], stage / "hdu-index.fits.gz")
        _commit(stage, folder)
    return folder


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Give a temporary folder on the same disk as `folder`; remove it whatever happens."""
    with filled_folder(folder) as place:
        stage = Path(tempfile.mkdtemp(prefix=".writing-", dir=place))
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def _commit(stage: Path, folder: Path) -> None:
    """Move data files, then the index tables that name them."""
    (folder / "data").mkdir(exist_ok=True)
    indices = ("obs-index.fits.gz", "hdu-index.fits.gz")
    for file in sorted(stage.iterdir()):
        if file.name not in indices:
            put_file(file, place_of(folder / "data" / file.name))
    for name in indices:
        put_file(stage / name, place_of(folder / name))


def _write_hdus(hdus: list[BinTable], path: Path) -> None:
    """Write and flush; equal contents give equal bytes (no time stamp in the gzip header)."""
    parts = [primary_bytes(len(hdus)), *(hdu.tobytes() for hdu in hdus)]
    content = b"".join(part for hdu in parts for part in with_sums(hdu))
    if path.name.endswith(".gz"):
        content = gzip.compress(content, compresslevel=GZIP_LEVEL, mtime=0)
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
