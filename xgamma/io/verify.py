"""Whether files are as they were written: sums of FITS, checksums of chunks, lost parts."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import xarray as xr

from xgamma.core.arguments import choice
from xgamma.core.bounds import require_regular
from xgamma.core.reading import said_of
from xgamma.errors import MissingFileError, XGammaError
from xgamma.fits.bytes import BLOCK
from xgamma.fits.checksum import check_sums
from xgamma.fits.files import open_fits
from xgamma.io.manifest import SEAL, changed_attributes, manifest_of
from xgamma.io.netcdf import open_netcdf
from xgamma.io.netcdf_seal import sum_fault
from xgamma.io.new_store import is_zarr
from xgamma.io.remote import as_place, is_remote, joined
from xgamma.io.zarr_broken import broken_chunk
from xgamma.io.zarr_documents import read_documents
from xgamma.io.zarr_seal import require_folder_whole

__all__ = ["verify"]

FITS_ENDINGS = (".fits", ".fits.gz", ".fit", ".fit.gz")


def verify(
    source: str | os.PathLike[str] | xr.Dataset | xr.DataTree,
    errors: Literal["raise", "return"] = "raise",
) -> list[str]:
    """Read a file, store or archive completely, and report missing or damaged data.

    Parameters
    ----------
    source : path-like, Dataset or DataTree
        File or folder: FITS, NetCDF, Zarr, an archive of runs; or what was opened from one.
    errors : {"raise", "return"}
        Whether the first fault raises.

    Returns
    -------
    faults : list of str
        A sentence each; empty when all is as it was written.

    Raises
    ------
    MissingFileError
        If there is no such file, or the data were not opened from one.
    XGammaError
        The first fault, if `errors` is ``"raise"``.

    Notes
    -----
    FITS: DATASUM and CHECKSUM of each HDU that has them. Zarr: groups, arrays and
    attributes are those that the root lists, each chunk is there and has its CRC32C. NetCDF: the
    sum of the whole file, which stands behind its end, and in each chunk the checksum of its
    compression, or Fletcher's. Files written by others may have none of these: then what can be told is whether all of it can be read.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ds.gamma.to_netcdf(folder + "/a.nc")
    ...     verify(folder + "/a.nc")
    []
    """
    choice(errors, "errors", ("raise", "return"))
    place = _place_of(source)
    faults = []
    for fault in _faults(place):
        if errors == "raise":
            raise XGammaError(fault)
        faults.append(fault)
    return faults


def _place_of(source: object) -> Path:
    if isinstance(source, (xr.Dataset, xr.DataTree)):
        found = source.encoding.get("source")
        if not found:
            raise MissingFileError(
                "These data were not opened from a file, or have been changed since: pass the path to xg.verify."
            )
        source = str(found)
    place = as_place(source, "source")
    if is_remote(place):
        raise XGammaError(
            f"'{place}' is a URL, which cannot be verified: copy it to a local folder first."
        )
    if not Path(place).exists():
        raise MissingFileError(f"The file or folder '{place}' does not exist: check the path.")
    require_regular(place)
    return Path(place)


def _faults(place: Path) -> Iterator[str]:
    if place.is_dir() and is_zarr(place):
        yield from _of_zarr(place)
    elif place.is_dir():
        files = sorted(p for p in place.rglob("*") if p.name.lower().endswith(FITS_ENDINGS))
        if not files:
            yield f"The folder '{place}' contains neither Zarr nor FITS files: check the path."
        for file in files:
            yield from _of_fits(file)
    elif place.name.lower().endswith(FITS_ENDINGS):
        yield from _of_fits(place)
    else:
        yield from _of_netcdf(place)


def _of_fits(path: Path) -> Iterator[str]:
    try:
        file = open_fits(path)
    except XGammaError as error:
        yield str(error)
        return
    begin = 0
    for hdu in file.hdus:
        try:
            check_sums(hdu.header, file.data, begin, hdu.start, hdu.nbytes, hdu.where)
        except XGammaError as error:
            yield str(error)
        begin = hdu.start + math.ceil(hdu.nbytes / BLOCK) * BLOCK


def _of_netcdf(path: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # What is warned of is found again below.
            tree = open_netcdf(path)
    except XGammaError as error:
        yield str(error)
        return
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError) as error:
        yield f"'{path}' cannot be read{said_of(error)}: it is truncated or damaged."
        return
    fault = sum_fault(path, SEAL[0] in tree.attrs)
    if fault is not None:
        yield fault.sentence
    with tree:
        for node in tree.subtree:
            for name, variable in node.to_dataset(inherit=False).variables.items():
                try:
                    variable.load()
                except Exception as error:  # Whatever the library says of it.
                    said = " ".join(str(error).split())
                    yield f"'{path}' is damaged: {joined(Path(node.path), str(name))} cannot be read ({said}); restore it from a copy, or write it again."


def _of_zarr(folder: Path) -> Iterator[str]:
    stores = sorted(p.parent for p in folder.glob("**/zarr.json") if _is_root(p.parent))
    for store in stores or [folder]:
        try:
            require_folder_whole(store)
        except XGammaError as error:
            yield str(error)
            continue
        documents = read_documents(store)
        yield from _edited(store, documents)
        arrays = {p: d for p, d in documents.items() if d.get("node_type") == "array"}
        for path, document in arrays.items():
            chunk = broken_chunk(store, path, document)
            if chunk is not None:
                yield f"'{store}' is damaged: a part of {path} was changed ('{chunk}'); restore it from a copy, or write it again."


def _edited(store: Path, documents: dict[str, Any]) -> Iterator[str]:
    """Yield what was edited by hand or by another program."""
    root = documents.get("", {})
    if "" in documents and not root:
        yield f"'{store}' is damaged: the metadata of its root (zarr.json) cannot be read; restore it from a copy, or write it again."
    listed = manifest_of(root, store)
    if listed is None and root.get("attributes", {}).get(SEAL[0]) == SEAL[1]:
        yield f"'{store}' was written again by another program without a list of its contents: compare it with its source."
    for path in changed_attributes(listed or {}, documents):
        yield f"'{store}' differs from what was written: attributes or the size of {path or 'its root'} were changed; if that was intended, open it and write it again."


def _is_root(folder: Path) -> bool:
    """Tell whether a folder is a sealed store, perhaps of a run inside of an archive."""
    return '"xgamma_sealed"' in (folder / "zarr.json").read_text(errors="replace")
