"""Where the index files of a store are, or its FITS files if it has none."""

from __future__ import annotations

import re
from pathlib import Path

from xgamma.errors import MissingDataError
from xgamma.fits.bytes import is_fits_name

__all__ = ["find_hdu_index", "find_obs_index", "fits_files"]


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
            f"The folder {path} holds no FITS files (*.fits, *.fits.gz): check the path of the store."
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
        raise MissingDataError(f"The folder {path} holds several stores: open one of {folders}.")
    return found[0] if found else None


def find_obs_index(hdu_file: Path) -> Path | None:
    """Return the observation index beside an HDU index, or None."""
    found = _index_files(hdu_file.parent, "obs")
    return found[0] if found else None
