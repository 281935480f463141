"""The metadata documents of a Zarr folder, read as bytes, each parsed once."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xgamma.io.manifest import MANIFEST

__all__ = [
    "TEXTS",
    "Array",
    "Documents",
    "Group",
    "UnusualError",
    "parsed",
    "read",
    "read_documents",
    "stored",
    "values_of",
    "walk",
]

# Of version 3, and of arrays of version 2.
DOCUMENTS = ("zarr.json", ".zarray")
NUMBERS = {f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)}
TEXTS = {"string", "fixed_length_utf32"}
TYPES = NUMBERS | TEXTS | {"bool"}
# Attributes by which xarray decodes values, or tells coordinates from data.
DECODING = {"missing_value", "scale_factor", "add_offset", "calendar", "_Unsigned", "_Encoding"}
DECODING |= {"_ARRAY_DIMENSIONS"}
LINKS = ("_FillValue", "dtype", "coordinates", "grid_mapping", "bounds", "units")
# How xarray writes that NaN stands for what is missing: reading changes no value then.
NAN = "AAAAAAAA+H8="
PACKINGS = {(), ("zstd",), ("zstd", "crc32c")}
LITTLE = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "bytes"}]


class UnusualError(Exception):
    """The store has a form that is for xarray to judge."""


class Group(NamedTuple):
    """The description of a group, and those of its arrays, by name."""

    document: bytes
    arrays: dict[str, bytes]


class Array(NamedTuple):
    """What the description of an array says.

    Arrays of one make differ in sizes and in free attributes only. What is plain is stored as it
    is used: nothing to be decoded. Of raw bytes, ``zstd`` tells whether they are compressed; it
    is None where zarr is needed to make numbers of them.
    """

    make: str
    plain: bool
    kind: str
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dims: tuple[str, ...]
    packing: tuple[str, ...] | None
    attrs: dict[str, Any]

    @property
    def whole(self) -> bool:
        """Whether all values lie in one chunk."""
        return all(n <= m for n, m in zip(self.shape, self.chunks, strict=True))


class Documents:
    """Parsed descriptions, by their text."""

    def __init__(self) -> None:
        self._parsed: dict[bytes, dict[str, Any]] = {}
        self._arrays: dict[bytes, Array] = {}

    def parse(self, text: bytes) -> dict[str, Any]:
        """Return a description."""
        if text not in self._parsed:
            found = json.loads(text)
            if found.get("zarr_format") != 3:
                raise UnusualError
            self._parsed[text] = found
        return self._parsed[text]

    def array(self, text: bytes) -> Array:
        """Return what the description of an array says."""
        if text not in self._arrays:
            self._arrays[text] = _array(self.parse(text))
        return self._arrays[text]


def _array(document: dict[str, Any]) -> Array:
    rest = dict(document)
    attrs = rest.pop("attributes", {})
    shape, grid = rest.pop("shape"), rest.pop("chunk_grid")
    kind, codecs = rest["data_type"], rest["codecs"]
    name = kind if isinstance(kind, str) else str(kind.get("name"))
    units = str(attrs.get("units", ""))
    plain = (
        name in TYPES
        and grid["name"] == "regular"
        and rest["chunk_key_encoding"] == {"name": "default", "configuration": {"separator": "/"}}
        and not any(codec["name"] == "sharding_indexed" for codec in codecs)
        and not rest.get("storage_transformers")
        and not DECODING & set(attrs)
        and attrs.get("_FillValue", NAN) == NAN
        # Masks, as older releases of xarray write them.
        and (attrs.get("dtype"), name) in {(None, name), ("bool", "int8")}
        and " since " not in units
        and not units.endswith(("days", "hours", "minutes", "seconds"))
        and (not shape or rest.get("dimension_names") is not None)
    )
    packing = tuple(codec["name"] for codec in codecs[1:])
    direct = name in NUMBERS | {"bool"} and codecs[0] in LITTLE and packing in PACKINGS
    chunks = tuple(grid["configuration"]["chunk_shape"])
    links = {key: attrs.get(key) for key in LINKS}
    return Array(
        json.dumps([rest, links, list(attrs)], sort_keys=True),
        plain,
        name,
        tuple(shape),
        chunks,
        tuple(rest.get("dimension_names") or ()),
        packing if direct and tuple(shape) == chunks else None,
        attrs,
    )


def stored(
    place: Path, parse: Callable[[bytes], dict[str, Any]], within: bool = False
) -> Iterator[tuple[str, bytes | None, dict[str, Any]]]:
    """Yield the descriptions in a store, without a look among the chunks.

    Parameters
    ----------
    place : Path
        Folder.
    parse : callable
        Turns the text of a description into a dict.
    within : bool
        Whether to leave out what lies in a store in this one, such as a run in an archive, which
        has a list of its own.

    Yields
    ------
    path, text, description
        Parents first; the path of the root is ``""``. Of a folder without a description the text
        is None. A link that leads around in a circle is passed over.
    """
    todo = [("", str(place), frozenset([os.path.realpath(place)]))]
    while todo:
        path, folder, seen = todo.pop()
        texts = (read(f"{folder}/{name}") for name in DOCUMENTS)
        text = next((text for text in texts if text is not None), None)
        document = {} if text is None else parse(text)
        yield path, text, document
        inner = within and path and MANIFEST in (document.get("attributes") or {})
        if inner or document.get("node_type") == "array":
            continue
        for name, target in _folders(folder):
            if target not in seen:
                below = (f"{path}/{name}".lstrip("/"), f"{folder}/{name}")
                todo.append((*below, seen | {target} if target else seen))


def _folders(folder: str) -> Iterator[tuple[str, str]]:
    """Yield the folders in a folder, last name first, and what those that are links lead to."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name, reverse=True):
            if entry.is_dir():
                yield entry.name, os.path.realpath(entry.path) if entry.is_symlink() else ""


def read_documents(folder: Path, within: bool = False) -> dict[str, Any]:
    """Return the descriptions in a folder by path, of version 2 or 3; see `stored`.

    One that cannot be read as JSON is empty.
    """
    if not folder.is_dir():
        return {}
    return {path: found for path, text, found in stored(folder, parsed, within) if text is not None}


def parsed(text: bytes) -> dict[str, Any]:
    """Return a description; an empty one for what is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def walk(place: Path, documents: Documents) -> tuple[dict[str, Group], dict[str, dict[str, Any]]]:
    """Read all descriptions in a store.

    Parameters
    ----------
    place : Path
        Folder.
    documents : Documents
        Parses them.

    Returns
    -------
    groups : dict of str to Group
        By path, parents first; that of the root is ``"/"``.
    described : dict of str to dict
        Descriptions of groups and arrays by path, that of the root ``""``.

    Raises
    ------
    UnusualError
        If there is anything but groups and arrays of version 3.
    """
    groups: dict[str, Group] = {}
    described: dict[str, dict[str, Any]] = {}
    for path, text, document in stored(place, documents.parse):
        if text is None:
            raise UnusualError
        described[path] = document
        if document["node_type"] == "array":
            group, _, name = path.rpartition("/")
            groups[f"/{group}"].arrays[name] = text
        else:
            groups[f"/{path}"] = Group(text, {})
    return groups, described


def read(file: str) -> bytes | None:
    """Return the contents of a file; None if it is not there."""
    try:
        with open(file, "rb", buffering=0) as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def values_of(array: Array, raw: bytes) -> np.ndarray:
    """Return the values in the bytes of the one chunk of an array whose ``packing`` is known.

    Raises
    ------
    ValueError
        If the bytes are not those that were written.
    """
    packing = array.packing or ()
    dtype = np.dtype(array.kind).newbyteorder("<")
    if "crc32c" in packing:
        from google_crc32c import value

        raw, checksum = raw[:-4], raw[-4:]
        if value(raw).to_bytes(4, "little") != checksum:
            raise ValueError("the checksum of a chunk does not match its bytes")
    if "zstd" in packing:
        from numcodecs import Zstd

        # What unpacks to more than the array holds is stopped there.
        room = np.empty(math.prod(array.shape) * dtype.itemsize, "u1")
        raw = Zstd().decode(raw, out=room)
    return np.frombuffer(raw, dtype).astype(np.dtype(array.kind)).reshape(array.shape)
