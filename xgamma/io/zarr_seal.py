"""Zarr stores with all chunks present, each with a checksum, and the check on opening.

Zarr leaves out chunks of nothing but the fill value, and reads a chunk that is lost as just that:
a damaged folder looks like an empty sky. Here every chunk is written, with a CRC32C, and the root
lists the arrays (`xgamma.io.manifest`); a store with a missing array or chunk is refused, and a
chunk that was changed raises when it is read.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.atomic import atomic_path
from xgamma.core.extras import require_package
from xgamma.core.reading import said_of
from xgamma.errors import MissingDataError, XGammaError
from xgamma.io.manifest import (
    SEAL,
    manifest_of,
    require_listed,
    with_manifest,
    write_manifest,
)
from xgamma.io.remote import is_remote, read_root
from xgamma.io.zarr_broken import require_possible
from xgamma.io.zarr_documents import parsed, read_documents

__all__ = [
    "add_attrs",
    "all_chunks",
    "compressors",
    "list_contents",
    "read_sealed",
    "refuse_code",
    "require_folder_whole",
    "require_store_whole",
    "require_whole",
    "sealed",
    "write_sealed",
]

# What older stores say instead of a list: that no chunk of any array is left out.
ALL_CHUNKS = (SEAL[0], "crc32c")
# Codecs that run what is stored when they decode it.
RUNS_CODE = {"pickle"}


def compressors() -> list[Any]:
    """Return the codecs of each chunk: light compression, then a checksum."""
    codecs = require_package("zarr.codecs", "A Zarr store", "dask")
    return [codecs.ZstdCodec(level=0), codecs.Crc32cCodec()]


def all_chunks() -> AbstractContextManager[Any]:
    """Return a context in which zarr leaves out no chunk of the arrays that are made."""
    zarr = require_package("zarr", "A Zarr store", "dask")
    context: AbstractContextManager[Any] = zarr.config.set({"array.write_empty_chunks": True})
    return context


def sealed(ds: xr.Dataset) -> xr.Dataset:
    """Return the dataset of a root with the attribute that promises a list; see `list_contents`."""
    return ds.assign_attrs({SEAL[0]: SEAL[1]})


def list_contents(folder: Path) -> None:
    """Write the list of a store's contents into its root, after everything else."""
    write_manifest(folder, read_documents(folder, within=True))


def add_attrs(folder: Path, attrs: Mapping[str, Any]) -> None:
    """Add attributes to the root of a store that is finished; its list follows."""
    documents = read_documents(folder, within=True)
    root = documents[""]
    documents[""] = {**root, "attributes": {**root.get("attributes", {}), **attrs}}
    with atomic_path(folder / "zarr.json", overwrite=True) as temporary:
        temporary.write_text(json.dumps(with_manifest(documents)))


def refuse_code(documents: Iterable[Mapping[str, Any]], place: object) -> None:
    """Raise if an array is stored so that reading it runs code from the file.

    Parameters
    ----------
    documents : iterable of mapping
        Descriptions of arrays, of version 2 or 3.
    place : path-like or URL
        For the message.

    Raises
    ------
    XGammaError
        If a codec unpickles.

    Examples
    --------
    >>> refuse_code([{"filters": [{"id": "pickle"}]}], "a.zarr")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: 'a.zarr' contains an array with the codec 'pickle', which executes \
code from the file on reading: have it written again as numbers or strings.
    """
    for document in documents:
        codecs = [document.get("compressor")]
        for key in ("filters", "codecs"):
            several = document.get(key)
            codecs += several if isinstance(several, list) else [several]
        for codec in codecs:
            # A codec of another form is for zarr to refuse.
            fields = codec if isinstance(codec, dict) else {"name": codec}
            name = str(fields.get("id", fields.get("name", "")))
            if name.removeprefix("numcodecs.") in RUNS_CODE:
                raise XGammaError(
                    f"'{place}' contains an array with the codec '{name}', which executes code from the file on reading: have it written again as numbers or strings."
                )


def require_whole(
    root: Mapping[str, Any], arrays: Mapping[str, Any], names: Any, place: object
) -> None:
    """Raise if a store does not have a chunk of an array that was written whole.

    Parameters
    ----------
    root : mapping
        Description of the root.
    arrays : mapping of str to mapping
        Descriptions of the arrays by path.
    names : container of str
        Keys that are there: of a chunk, ``"counts/c/0/1"``.
    place : path-like or URL
        For the message.

    Raises
    ------
    XGammaError
        If a chunk is missing.
    """
    listed = manifest_of(root, place)
    if listed is None and root.get("attributes", {}).get(ALL_CHUNKS[0]) != ALL_CHUNKS[1]:
        return
    for path, document in arrays.items():
        # Others may have added arrays, or parts of them, and left out chunks as zarr does.
        if listed is not None and path not in listed:
            continue
        for chunk in _chunks({**document, "shape": listed[path][0]} if listed else document):
            if f"{path}/{chunk}" not in names:
                raise XGammaError(
                    f"'{place}' is damaged: a part of {path} is missing ('{path}/{chunk}'); restore it from a copy, or write it again."
                )


def _chunks(document: Mapping[str, Any]) -> Iterable[str]:
    """Return the keys of the chunks of an array, below that of the array."""
    grid = document["chunk_grid"]["configuration"]["chunk_shape"]
    counts = [math.ceil(n / size) for n, size in zip(document["shape"], grid, strict=True)]
    strides = [math.prod(counts[k + 1 :]) for k in range(len(counts))]
    # One after the other: a shape that is wrong may have more chunks than memory holds.
    for number in range(math.prod(counts)):
        keys = (number // step % n for step, n in zip(strides, counts, strict=True))
        yield "/".join(["c", *map(str, keys)])


class _Files:
    """The files of a folder, each looked for when it is asked for."""

    def __init__(self, folder: Path):
        self.folder = str(folder)

    def __contains__(self, name: str) -> bool:
        return os.path.isfile(f"{self.folder}/{name}")


def require_folder_whole(folder: Path, documents: Mapping[str, Any] | None = None) -> None:
    """Check a Zarr folder before it is read: its codecs, and that no chunk is lost.

    Parameters
    ----------
    folder : Path
        Of version 2 or 3; a description that cannot be read is left to zarr.
    documents : mapping of str to mapping, optional
        The descriptions in it by path, that of the root ``""``. By default, they are read.

    Raises
    ------
    XGammaError
        If a codec runs code, or a promised chunk is missing.
    """
    _require(read_documents(folder) if documents is None else documents, _Files(folder), folder)


def write_sealed(group: Any, name: str, values: np.ndarray, chunks: tuple[int, ...]) -> None:
    """Write an array into a group of zarr, all of its chunks, each with a checksum."""
    with all_chunks():
        group.create_array(name, data=values, chunks=chunks, compressors=compressors())


def read_sealed(folder: Path, name: str) -> np.ndarray:
    """Read an array that `write_sealed` wrote.

    Parameters
    ----------
    folder : Path
        Of the store.
    name : str
        Of the array.

    Returns
    -------
    values : ndarray
        Equal to those written, bit for bit.

    Raises
    ------
    MissingDataError
        If it is not there, or a chunk is lost or was changed.
    """
    zarr = require_package("zarr", "A Zarr store", "dask")
    try:
        array = zarr.open_array(folder, path=name, mode="r")
        document = array.metadata.to_dict()
        require_whole({"attributes": dict([ALL_CHUNKS])}, {name: document}, _Files(folder), folder)
        return np.asarray(array[...])
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise MissingDataError(
            f"'{folder}' is damaged: {name} cannot be read{said_of(error)}; remove it and start again."
        ) from None


def require_store_whole(place: Any) -> None:
    """Check a Zarr folder, a URL or a store object; see `require_folder_whole`.

    Of a store that is no folder the metadata of the root are read, which hold those of all arrays
    if it was written here, and the names of its objects are listed.
    """
    if not is_remote(place):
        require_folder_whole(Path(place))
        return
    text, names = read_root(place)
    root = parsed(text)
    inner = (root.get("consolidated_metadata") or {}).get("metadata") or {}
    # Without the metadata of all arrays in one object, what zarr reads of each later decides.
    _require({"": root, **inner} if inner else {}, names, place)


def _require(documents: Mapping[str, Any], names: Any, place: object) -> None:
    refuse_code(documents.values(), place)
    arrays = {p: d for p, d in documents.items() if d.get("node_type") == "array"}
    for path, document in arrays.items():
        require_possible(document, path, place)
    # A description of another form is for zarr to refuse.
    with contextlib.suppress(KeyError, TypeError, AttributeError):
        root = documents.get("", {})
        require_listed(manifest_of(root, place) or {}, documents, place)
        require_whole(root, arrays, names, place)
