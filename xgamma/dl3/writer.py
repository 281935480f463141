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

import numpy as np
import xarray as xr

from xgamma.dl3.hdus import (
    GADF_KEYWORDS,
    IRF_LAYOUTS,
    event_hdu,
    gti_hdu,
    irf_hdu,
    pointing_hdu,
)
from xgamma.errors import MissingDataError, XGammaError
from xgamma.io.atomic import atomic_path, refuse_existing
from xgamma.io.bintable import BinTable, Column, bin_table, primary_bytes

__all__ = ["write_observation", "write_store"]

IRF_GROUPS = tuple(dict.fromkeys(layout.group for layout in IRF_LAYOUTS.values()))
# Bytes, not time, decide at this level: 9 takes four times as long for 1 % less.
GZIP_LEVEL = 5

# Columns of the observation index: name, unit, FITS format; text is as wide as its longest value.
OBS_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("OBS_ID", "", "K"),
    ("OBJECT", "", "A"),
    ("RA_PNT", "deg", "D"),
    ("DEC_PNT", "deg", "D"),
    ("GLON_PNT", "deg", "D"),
    ("GLAT_PNT", "deg", "D"),
    ("ZEN_PNT", "deg", "D"),
    ("ALT_PNT", "deg", "D"),
    ("AZ_PNT", "deg", "D"),
    ("RA_OBJ", "deg", "D"),
    ("DEC_OBJ", "deg", "D"),
    ("ONTIME", "s", "D"),
    ("LIVETIME", "s", "D"),
    ("DEADC", "", "D"),
    ("TSTART", "s", "D"),
    ("TSTOP", "s", "D"),
    ("DATE-OBS", "", "A"),
    ("TIME-OBS", "", "A"),
    ("DATE-END", "", "A"),
    ("TIME-END", "", "A"),
    ("N_TELS", "", "K"),
    ("TELLIST", "", "A"),
    ("QUALITY", "", "K"),
    ("MUONEFF", "", "D"),
    ("EVENT_COUNT", "", "K"),
    ("INSTRUME", "", "A"),
    ("TELESCOP", "", "A"),
)
DTYPES = {"A": np.str_, "K": np.int64, "D": np.float64}
MISSING = {"A": "", "K": 0, "D": np.nan}
INDEX_KEYWORDS = (
    "TELESCOP",
    "MJDREFI",
    "MJDREFF",
    "TIMEUNIT",
    "TIMESYS",
    "TIMEREF",
    "GEOLON",
    "GEOLAT",
    "ALTITUDE",
)


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
                f"The observation has no group '{name}': add one, if need be without rows."
            )
    if "OBS_ID" not in obs.attrs:
        raise MissingDataError("The observation has no attribute 'OBS_ID' at its root: set it.")
    hdus = [
        event_hdu(obs["events"].to_dataset(), obs.attrs),
        gti_hdu(obs["gti"].to_dataset(), obs.attrs),
    ]
    if "pointing" in obs.children:
        table = pointing_hdu(obs["pointing"].to_dataset(), obs.attrs)
        hdus += [] if table is None else [table]
    hdus += [irf_hdu(obs[g].to_dataset(), g) for g in IRF_GROUPS if g in obs.children]
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
    >>> from xgamma.dl3.simulate import simulate_observation
    >>> obs = simulate_observation("83.63d 22.51d", events=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_observation(obs, Path(folder) / "run.fits.gz").name
    'run.fits.gz'
    """
    target = Path(path)
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
        If there is no observation, or one lacks what GADF asks for.

    Examples
    --------
    >>> import tempfile
    >>> from xgamma.dl3.simulate import simulate_observation
    >>> runs = (simulate_observation("83.63d 22.51d", obs_id=n, events=False) for n in (1, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = write_store(runs, folder)
    ...     sorted(p.name for p in store.iterdir())
    ['data', 'hdu-index.fits.gz', 'obs-index.fits.gz']
    """
    folder = Path(path)
    if not overwrite:
        refuse_existing(folder / "hdu-index.fits.gz")
        refuse_existing(folder / "obs-index.fits.gz")
    runs = [observations] if isinstance(observations, xr.DataTree) else observations
    suffix = ".fits.gz" if compress else ".fits"
    rows: list[dict[str, Any]] = []
    hdu_rows: list[tuple[Any, ...]] = []
    keywords: dict[str, Any] = {}
    with _staging(folder) as stage:
        for obs in runs:
            hdus = observation_hdus(obs)
            row = _obs_row(obs)
            name = f"obs_{row['OBS_ID']:06d}{suffix}"
            if (stage / name).exists():
                raise XGammaError(
                    f"The run {row['OBS_ID']} occurs twice: give each observation its own OBS_ID."
                )
            _write_hdus(hdus, stage / name)
            size = (stage / name).stat().st_size
            hdu_rows += [_hdu_row(row["OBS_ID"], hdu, name, size) for hdu in hdus]
            rows.append(row)
            if not keywords:
                keywords = {k: obs.attrs[k] for k in INDEX_KEYWORDS if k in obs.attrs}
        if not rows:
            raise MissingDataError("There is no observation to write: give at least one.")
        _write_hdus(_index(_obs_index(rows), "OBS", keywords), stage / "obs-index.fits.gz")
        _write_hdus(_index(_hdu_index(hdu_rows), "HDU", {}), stage / "hdu-index.fits.gz")
        _commit(stage, folder)
    return folder


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Give a temporary folder on the same disk as `folder`; remove it whatever happens."""
    folder.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
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
            os.replace(file, folder / "data" / file.name)
    for name in indices:
        os.replace(stage / name, folder / name)


def _write_hdus(hdus: list[BinTable], path: Path) -> None:
    """Write and flush; equal contents give equal bytes (no time stamp in the gzip header)."""
    content = b"".join([primary_bytes(), *(hdu.tobytes() for hdu in hdus)])
    if path.name.endswith(".gz"):
        content = gzip.compress(content, compresslevel=GZIP_LEVEL, mtime=0)
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _obs_row(obs: xr.DataTree) -> dict[str, Any]:
    """Collect the run's row of the observation index from its keywords."""
    row = {name: obs.attrs[name] for name, _, _ in OBS_COLUMNS if name in obs.attrs}
    row["OBS_ID"] = int(obs.attrs["OBS_ID"])
    row["EVENT_COUNT"] = obs["events"].sizes.get("event", 0)
    row.setdefault("QUALITY", 0)
    if "ALT_PNT" in row:
        row.setdefault("ZEN_PNT", 90.0 - float(row["ALT_PNT"]))
    return row


def _obs_index(rows: list[dict[str, Any]]) -> list[Column]:
    """Make the columns of the observation index that at least one run has a value for."""
    columns = []
    for name, unit, code in OBS_COLUMNS:
        if not any(name in row for row in rows):
            continue
        values = [row.get(name, MISSING[code]) for row in rows]
        columns.append(Column(name, np.array(values, dtype=DTYPES[code]), unit))
    return columns


def _hdu_row(obs_id: int, hdu: BinTable, name: str, size: int) -> tuple[Any, ...]:
    header = hdu.header
    kind = hdu.name.lower()
    return obs_id, kind, header.get("HDUCLAS4", kind).lower(), "data", name, hdu.name, size


def _hdu_index(rows: list[tuple[Any, ...]]) -> list[Column]:

    names = ("OBS_ID", "HDU_TYPE", "HDU_CLASS", "FILE_DIR", "FILE_NAME", "HDU_NAME", "SIZE")
    columns = []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        columns.append(Column(name, np.array(values), "byte" if name == "SIZE" else ""))
    return columns


def _index(columns: list[Column], kind: str, keywords: dict[str, Any]) -> list[BinTable]:
    from astropy.io import fits

    header = fits.Header(keywords)
    header.update({**GADF_KEYWORDS, "HDUCLAS1": "INDEX", "HDUCLAS2": kind})
    table = bin_table(columns, header, f"{kind}_INDEX")
    return [table]
