"""``xg.open_store``: the runs of a folder, an index, a list of files or an archive."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from xgamma.core.bounds import require_regular
from xgamma.core.paths import file_path
from xgamma.core.reading import reader
from xgamma.dl3 import index as index_
from xgamma.dl3.archive import is_archive, open_archive
from xgamma.dl3.index_search import find_hdu_index, find_obs_index, fits_files
from xgamma.dl3.row_tables import group_of
from xgamma.dl3.store import Store
from xgamma.errors import MissingFileError
from xgamma.fits.bytes import GZIP_MAGIC
from xgamma.fits.files import map_fits
from xgamma.io.new_store import is_zarr

__all__ = ["holds_runs", "open_store"]

# What a FITS file begins with.
SIMPLE = b"SIMPLE"


def holds_runs(path: Path | str) -> bool:
    """Return whether a path is one of runs: an archive, a folder of files, or a FITS file with events.

    Parameters
    ----------
    path : Path or str
        A string is a URL.

    Returns
    -------
    holds : bool
        False where there is nothing.
    """
    if isinstance(path, str):
        return is_archive(path)
    path = file_path(path)
    if path.is_dir():
        return is_archive(path) if is_zarr(path) else True
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        if not stream.read(len(SIMPLE)).startswith((SIMPLE, GZIP_MAGIC)):
            return False
    return any(group_of(table) == "events" for table in map_fits(path).tables)


@reader
def open_store(
    path: str | Path | Sequence[str | Path],
    *,
    hdu_index: str | Path | None = None,
    obs_index: str | Path | None = None,
    hdu_table: int | str | None = None,
    caldb: str | Path | None = None,
) -> Store:
    """Open a store of DL3 observations.

    Parameters
    ----------
    path : str, Path or sequence of them
        A folder with a GADF index (``hdu-index.fits.gz``, ``obs-index.fits.gz``, gzipped or not, at
        its top or somewhere below), an index file, a folder of FITS files without index, one FITS
        file or a list of them. Without an index, the contents are taken from the headers of the
        files. Also an archive in Zarr (`xgamma.write_archive`), which may have a URL that fsspec
        knows.
    hdu_index, obs_index : str or Path, optional
        Index files with other names, relative to `path`.
    hdu_table : int or str, optional
        Table of an HDU index that holds several, as HAWC's has one for each bin of events: the number
        of its HDU or its name.
    caldb : str or Path, optional
        Root of a calibration database, for ``$CALDB`` in the index and for runs
        that name their responses by CALDB and IRF; the environment variable
        ``CALDB`` by default.

    Returns
    -------
    store : Store
        Observations are opened when they are accessed.

    Raises
    ------
    MissingDataError
        If the path does not exist or holds no FITS files.

    Examples
    --------
    >>> import xgamma as xg
    >>> store = xg.open_store("hess-dl3-dr1")  # doctest: +SKIP
    >>> store[23523].events.energy  # doctest: +SKIP
    """
    root = os.fspath(file_path(caldb, "caldb")) if caldb is not None else os.environ.get("CALDB")
    if not isinstance(path, (str, os.PathLike)):
        given = path if isinstance(path, Iterable) else [path]
        files = [file_path(p).absolute() for p in given]
        common = Path(os.path.commonpath([f.parent for f in files])) if files else Path()
        table, hdus = index_.from_files(files, root)
        return Store(table, hdus, common)
    if isinstance(path, str) and "://" in path:
        return open_archive(path)
    path = file_path(path)
    require_regular(path)
    if not path.exists():
        raise MissingFileError(
            f"The file or folder {path} does not exist: check the path of the store."
        )
    # Absolute, so that a pickled store opens its runs in another working directory.
    place = path.absolute()
    if (place / "zarr.json").exists():
        return open_archive(place)
    folder = place if place.is_dir() else place.parent
    if hdu_index is not None:
        hdu_file: Path | None = folder / file_path(hdu_index, "hdu_index")
    else:
        hdu_file = find_hdu_index(place)
    if hdu_file is None:
        files = fits_files(place)
        table, hdus = index_.from_files(files, root)
    else:
        named = None if obs_index is None else folder / file_path(obs_index, "obs_index")
        obs_file = named or find_obs_index(hdu_file)
        table, hdus = index_.from_index(hdu_file, obs_file, root, hdu_table)
    return Store(table, hdus, path)
