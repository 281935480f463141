"""The descriptions in a Zarr folder (version 3), read as bytes, each text parsed once."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "TEXTS",
    "Array",
    "Documents",
    "Group",
    "UnusualError",
    "described",
    "read",
    "values_of",
    "walk",
]

DOCUMENT = "zarr.json"
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


def walk(place: Path, documents: Documents) -> dict[str, Group]:
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
        By path, parents first.

    Raises
    ------
    UnusualError
        If there is anything but groups and arrays of version 3.
    """
    found: dict[str, Group] = {}
    todo = [("/", str(place))]
    while todo:
        path, folder = todo.pop()
        arrays: dict[str, bytes] = {}
        inner = []
        for name in sorted(os.listdir(folder)):
            if name == DOCUMENT:
                continue
            text = read(f"{folder}/{name}/{DOCUMENT}")
            if text is None:
                raise UnusualError
            if documents.parse(text)["node_type"] == "array":
                arrays[name] = text
            else:
                inner.append((f"{path.rstrip('/')}/{name}", f"{folder}/{name}"))
        text = read(f"{folder}/{DOCUMENT}")
        if text is None:
            raise UnusualError
        documents.parse(text)
        found[path] = Group(text, arrays)
        todo += reversed(inner)
    return found


def described(groups: dict[str, Group], documents: Documents) -> dict[str, dict[str, Any]]:
    """Return the descriptions of groups and arrays by path, that of the root ``""``."""
    found: dict[str, dict[str, Any]] = {}
    for path, group in groups.items():
        found[path.lstrip("/")] = documents.parse(group.document)
        for name, text in group.arrays.items():
            found[f"{path}/{name}".lstrip("/")] = documents.parse(text)
    return found


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
            raise ValueError("the checksum of a chunk is not that of its bytes")
    if "zstd" in packing:
        from numcodecs import Zstd

        # What unpacks to more than the array holds is stopped there.
        room = np.empty(math.prod(array.shape) * dtype.itemsize, "u1")
        raw = Zstd().decode(raw, out=room)
    return np.frombuffer(raw, dtype).astype(np.dtype(array.kind)).reshape(array.shape)
