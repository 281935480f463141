"""Contents of a Zarr store: names, shapes, types and checksums of attributes, listed in its root.

A store whose folders are lost in part looks like a smaller store, and an edited description like
any other. So the root lists what was written. The list is an attribute that xarray hides: what a
program that knows nothing of it copies, does not inherit a promise that nobody kept.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xgamma.errors import XGammaError

__all__ = [
    "MANIFEST",
    "SEAL",
    "changed_attributes",
    "manifest_of",
    "require_listed",
    "with_manifest",
    "write_manifest",
]

# Attribute of the root that anybody sees: how what was written can be checked.
SEAL = ("xgamma_sealed", "manifest")
# The list; xarray keeps attributes that begin so to itself.
MANIFEST = "_nc_xgamma_manifest"
CURE = "restore it from a copy, or write it again"


def with_manifest(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the metadata of a root with the list of the store's contents.

    Parameters
    ----------
    documents : mapping of str to mapping
        Descriptions by path, that of the root ``""``. Those below a root with a list of its own
        are not needed: its sum holds them.

    Returns
    -------
    root : dict
        A new description; the same one if the root does not promise a list.
    """
    root = dict(documents[""])
    if root.get("attributes", {}).get(SEAL[0]) == SEAL[1]:
        listed = {path: _entry(path, document) for path, document in documents.items()}
        root["attributes"] = {**root["attributes"], MANIFEST: listed}
    return root


def write_manifest(folder: Path, documents: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the list into the root of a folder that is being written; see `with_manifest`."""
    (folder / "zarr.json").write_text(json.dumps(with_manifest(documents)))


def manifest_of(root: Mapping[str, Any], place: object) -> dict[str, Any] | None:
    """Return the list in the description of a root; None if it has none.

    Raises
    ------
    XGammaError
        If it is not a list of this form.
    """
    attrs = root.get("attributes")
    found = attrs.get(MANIFEST) if isinstance(attrs, dict) else None
    if found is None:
        return None
    entries = found.values() if isinstance(found, dict) else [None]
    if not all(isinstance(e, list) and len(e) == 4 and isinstance(e[0], list) for e in entries):
        raise XGammaError(f"'{place}' is damaged: the list of its contents was changed; {CURE}.")
    return dict(found)


def require_listed(
    listed: Mapping[str, Any], documents: Mapping[str, Mapping[str, Any]], place: object
) -> None:
    """Raise if something that was written is lost, or described otherwise.

    What other programs added is not listed, and may be there; they may also append to an array.

    Parameters
    ----------
    listed : mapping
        From `manifest_of`.
    documents : mapping of str to mapping
        Descriptions by path.
    place : path-like or URL
        For the message.

    Raises
    ------
    XGammaError
        With the first group or array that is lost or was changed.
    """
    sums: dict[int, int] = {}
    for path, (shape, dtype, form, _) in listed.items():
        document = documents.get(path)
        if document is None:
            raise XGammaError(f"'{place}' is damaged: {path or 'its root'} is missing; {CURE}.")
        now = document.get("shape") or []
        if len(now) != len(shape) or any(n < m for n, m in zip(now, shape, strict=True)):
            raise XGammaError(
                f"'{place}' is damaged: {path} has the shape {now}, but was written with {shape}; {CURE}."
            )
        # Datasets that are alike share descriptions.
        if id(document) not in sums:
            sums[id(document)] = _sum(_form(document))
        if sums[id(document)] != form:
            kind = document.get("data_type")
            said = (
                f"its type is {kind}, but was {dtype}" if kind != dtype else "its metadata changed"
            )
            raise XGammaError(
                f"'{place}' is damaged: the metadata of {path or 'its root'} differ from those written ({said}); {CURE}."
            )


def changed_attributes(
    listed: Mapping[str, Any], documents: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Yield the paths of groups and arrays with other attributes, or sizes, than were written."""
    for path, (shape, _, _, attrs) in listed.items():
        document = documents.get(path, {})
        if _sum(_attrs(document, path)) != attrs or list(document.get("shape") or []) != shape:
            yield path


def _entry(path: str, document: Mapping[str, Any]) -> list[Any]:
    """Return shape, type, and the sums of form and attributes."""
    shape, dtype = list(document.get("shape") or []), document.get("data_type")
    return [shape, dtype, _sum(_form(document)), _sum(_attrs(document, path))]


def _form(document: Mapping[str, Any]) -> list[Any]:
    """Return what makes values of bytes, in a form that releases of zarr have in common."""
    codecs = [
        [codec.get("name"), (codec.get("configuration") or {}).get("endian")]
        for codec in document.get("codecs") or ()
    ]
    keys = ("node_type", "data_type", "chunk_grid", "dimension_names")
    return [*(document.get(key) for key in keys), codecs]


def _attrs(document: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return attributes, those of the root without the list itself."""
    attrs = dict(document.get("attributes") or {})
    return attrs if path else {k: v for k, v in attrs.items() if k != MANIFEST}


def _sum(value: object) -> int:
    """Return the sum of a value; that of one nested beyond what Python follows is of no text."""
    try:
        return zlib.crc32(json.dumps(value, sort_keys=True).encode())
    except RecursionError:
        return -1
