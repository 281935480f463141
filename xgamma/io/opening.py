"""``xg.open``: datasets and collections from any file, told by its content; and their writing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.core.bounds import require_regular
from xgamma.core.extras import require_package
from xgamma.core.paths import file_path
from xgamma.core.reading import CURE, reading
from xgamma.errors import MissingFileError, XGammaError
from xgamma.io.groups import checked, checked_tree
from xgamma.io.registry import REGISTRY, FormatRecord, find_format
from xgamma.io.remote import is_remote

__all__ = ["format_of_name", "open", "write_dataset"]

# So many bytes are enough to tell a format.
HEAD = 512


def open(path: object, **kwargs: Any) -> Any:
    """Open a dataset or a collection from NetCDF, Zarr or FITS, lazily.

    Parameters
    ----------
    path : path-like, URL or zarr store
        NetCDF file, Zarr store, FITS file (a dataset, or OGIP spectrum), or a file in a format of
        `xgamma.list_formats`, recognised by its content; a Zarr store also by a URL that fsspec
        knows (``"s3://…"``), or as an object.
    **kwargs
        Passed to `xarray.open_dataset` (for example ``chunks={}`` for dask), or to the reader of
        another format.

    Returns
    -------
    data : Dataset or DataTree
        With the frame index, checked against the data model. A file with groups gives a
        DataTree.

    Raises
    ------
    MissingFileError
        If there is no such file, or a package for it is not installed.
    XGammaError
        If the file is truncated or damaged, was written with a newer data model, or has an unknown
        format.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ds.to_netcdf(Path(folder) / "bare.nc")
    ...     xg.open(Path(folder) / "bare.nc").load().identical(ds)
    True
    """
    if kwargs.get("chunks") is not None:
        require_package("dask", "chunks=", "dask")
    if is_remote(path):
        with reading(path):
            return find_format("zarr").open(path, kwargs)
    place = file_path(path)
    if not place.exists():
        raise MissingFileError(f"The file or folder '{place}' does not exist: check the path.")
    require_regular(place)
    options = ", ".join(f"{key}=" for key in kwargs)
    with reading(place, f"{CURE}, or omit {options}" if options else CURE):
        record = _format_of(place)
        data = record.open(place, kwargs)
        data.encoding.setdefault("source", str(place.absolute()))
        if record.checks:
            return data
        return checked_tree(data, place) if isinstance(data, xr.DataTree) else checked(data)


def _format_of(place: Path) -> FormatRecord:
    """Return the format of a file or folder, told by its content."""
    head = b""
    if not place.is_dir():
        with place.open("rb") as stream:
            head = stream.read(HEAD)
    general: list[FormatRecord] = []
    # Packages are asked when no format of xgamma alone explains the file.
    for records in (REGISTRY.own, lambda: REGISTRY.records(again=False)):
        found = [record for record in records().values() if record.sniff(place, head)]
        special = [record for record in found if not record.general]
        if len(special) > 1:
            names = " and ".join(repr(record.name) for record in special)
            raise XGammaError(f"'{place}' matches the formats {names}: uninstall one of them.")
        if special:
            return special[0]
        general = found
    if general:
        return general[0]
    if place.is_dir():
        raise XGammaError(
            f"The folder '{place}' is not a Zarr store: open archives of runs with xg.open_store."
        )
    raise XGammaError(
        f"'{place}' is not NetCDF, Zarr or FITS: its first bytes are {head[:8]!r}; it may be damaged."
    )


def format_of_name(place: Path | str) -> FormatRecord:
    """Return the format that the ending of a path names.

    Parameters
    ----------
    place : Path or URL
        Where to write.

    Returns
    -------
    record : FormatRecord
        The format.

    Raises
    ------
    XGammaError
        If the ending names none.

    Examples
    --------
    >>> format_of_name("crab.fits.gz").name
    'fits'
    """
    name = Path(place).name.lower()
    records = REGISTRY.records(again=False).values()
    found = next((r for r in records if name.endswith(tuple(r.suffixes))), None)
    if found is None:
        endings = [suffix for record in records for suffix in record.suffixes]
        known = ", ".join(endings[:-1]) + " or " + endings[-1]
        raise XGammaError(
            f"The ending of '{Path(place).name}' does not match any format: use {known}."
        )
    return found


def write_dataset(
    data: xr.Dataset | xr.DataTree, place: Path | str, overwrite: bool = False
) -> None:
    """Write a dataset or collection in the format that the ending of a path names.

    Parameters
    ----------
    data : Dataset or DataTree
        What to write.
    place : Path or URL
        Ends in ``.nc``, ``.zarr``, ``.fits`` or ``.fits.gz``, or as another format of
        `xgamma.list_formats`; a URL in ``.zarr``.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    XGammaError
        If the ending names no format, the format cannot hold it, or the file exists.
    """
    if is_remote(place) and not str(place).lower().endswith(".zarr"):
        raise XGammaError(f"URLs are supported for Zarr only: use the ending .zarr for '{place}'.")
    format_of_name(place).save(data, place, overwrite)
