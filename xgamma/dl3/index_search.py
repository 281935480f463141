"""Where the index files of a store are, or its FITS files if it has none."""

from __future__ import annotations

import re
from pathlib import Path

from xgamma.errors import ArgumentTypeError, MissingDataError, shown
from xgamma.fits.bytes import is_fits_name
from xgamma.fits.files import open_fits
from xgamma.fits.tables import Table

__all__ = ["chosen_table", "find_hdu_index", "find_obs_index", "first_table", "fits_files"]


def fits_files(path: Path) -> list[Path]:
    """Return the FITS files of a folder and the folders below it, sorted; a file is itself.

    Raises
    ------
    MissingDataError
        If there are none.
    """
    if path.is_file():
        return [path]
    files = sorted(p for p in path.rglob("*") if is_fits_name(p))
    if not files:
        raise MissingDataError(
            f"The folder {path} contains no FITS files (*.fits, *.fits.gz): check the path of the store."
        )
    return files


def _index_files(folder: Path, kind: str, deep: bool = False) -> list[Path]:
    pattern = re.compile(rf"{kind}[-_]index.*\.fits?(\.gz)?$", re.IGNORECASE)
    candidates = folder.rglob("*") if deep else folder.iterdir()
    return sorted(p for p in candidates if pattern.match(p.name))


def find_hdu_index(path: Path) -> Path | None:
    """Return the HDU index of a folder (or of a folder below it), or None.

    Raises
    ------
    MissingDataError
        If there are several below and none at the top.
    """
    if path.is_file():
        return path if re.match(r"hdu[-_]index", path.name, re.IGNORECASE) else None
    found = _index_files(path, "hdu") or _index_files(path, "hdu", deep=True)
    # An index at the top wins; gzipped and plain twins are the same index.
    if len({p.parent for p in found}) > 1:
        folders = ", ".join(str(p.parent) for p in found)
        raise MissingDataError(f"The folder {path} contains several stores: open one of {folders}.")
    return found[0] if found else None


def find_obs_index(hdu_file: Path) -> Path | None:
    """Return the observation index next to an HDU index, or None."""
    found = _index_files(hdu_file.parent, "obs")
    return found[0] if found else None


def first_table(path: Path) -> Table:
    """Return the first table of an index file."""
    tables = open_fits(path).tables
    if not tables:
        raise MissingDataError(f"The index {path} contains no table.")
    return tables[0]


def chosen_table(path: Path, which: int | str | None) -> Table:
    """Return the table of an HDU index file, of several the one that is asked for.

    Parameters
    ----------
    path : Path
        Index file.
    which : int or str, optional
        Number of its HDU, the primary one being 0, or its EXTNAME; needed where there are several.

    Raises
    ------
    MissingDataError
        If there are several tables and none was chosen, or there is no such table.
    """
    hdus = [hdu for hdu in open_fits(path).hdus if hdu.is_table]
    if which is None:
        found = [hdu for hdu in hdus if {"OBS_ID", "FILE_NAME"} <= set(hdu.table.columns)]
        if len(found) < 2:
            return first_table(path)
        raise MissingDataError(
            f"The HDU index {path} holds {len(found)} tables: choose one, hdu_table={found[0].index} "
            f"to {found[-1].index}, or its name."
        )
    if isinstance(which, bool) or not isinstance(which, (int, str)):
        raise ArgumentTypeError(
            f"hdu_table={shown(which)} must be the number or the name of an HDU."
        )
    for hdu in hdus:
        if which in (hdu.index, hdu.name) or (
            isinstance(which, str) and which.upper() == hdu.name != ""
        ):
            return hdu.table
    known = ", ".join(f"{hdu.index} {hdu.name}".strip() for hdu in hdus) or "none"
    raise MissingDataError(f"The HDU index {path} has no table {which!r}: there are {known}.")
