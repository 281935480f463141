"""Find damaged chunks of a Zarr folder, and name them in the error when values are read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xgamma.core.bounds import bytes_of, require_room
from xgamma.errors import XGammaError

__all__ = ["broken_chunk", "read_errors", "require_possible", "same_version", "version_of"]

CHECKSUM = 4
LONGEST_TEXT = 2**22


def require_possible(document: Mapping[str, Any], path: str, place: object) -> None:
    """Raise if the sizes of an array are none, or one of its chunks would fill the memory.

    Parameters
    ----------
    document : mapping
        Its description, of version 3; of another form nothing is judged.
    path : str
        Of the array.
    place : path-like or URL
        Of the store.

    Raises
    ------
    XGammaError
        If a size is negative, a chunk empty or too large, or a text too long.
    """
    try:
        shape = document.get("shape", ())
        grid = document.get("chunk_grid", {}).get("configuration", {}).get("chunk_shape", shape)
        sizes = [*shape, *grid]
    except (AttributeError, TypeError):
        raise XGammaError(
            f"'{place}' is damaged: the shape or the chunks of {path} are not valid Zarr metadata; restore it from a copy, or write it again."
        ) from None
    if any(type(n) is not int or n < 0 for n in sizes) or (0 in grid and 0 not in shape):
        raise XGammaError(
            f"'{place}' is damaged: {path} has the shape {shape} in chunks of {grid}; restore it from a copy, or write it again."
        )
    kind = document.get("data_type")
    item = kind.get("configuration", {}).get("length_bytes", 8) if isinstance(kind, dict) else 8
    # Labels are read when a store is opened, other arrays a chunk at a time.
    label = document.get("dimension_names") == [path.rpartition("/")[2]]
    for size in (grid, shape) if label else (grid,):
        require_room(bytes_of(size, item), f"{path} of '{place}'", "it is damaged; restore it")
    if item > LONGEST_TEXT:
        raise XGammaError(
            f"'{place}' is damaged: {path} contains strings of {item} bytes; restore it."
        )


def broken_chunk(folder: Path, path: str, document: dict[str, Any]) -> str | None:
    """Return the first chunk of an array whose bytes do not have the checksum behind them.

    Parameters
    ----------
    folder : Path
        Of the store.
    path : str
        Of the array in it.
    document : dict
        Its description.

    Returns
    -------
    chunk : str or None
        Key, ``"counts/c/0/1"``; None if all are sound, or have no checksum.
    """
    codecs = [codec.get("name") for codec in document.get("codecs", ())]
    if not codecs or codecs[-1] != "crc32c":
        return None
    from google_crc32c import value

    for file in sorted((folder / path).rglob("*")):
        if file.name == "zarr.json" or not file.is_file():
            continue
        raw = file.read_bytes()
        if value(raw[:-CHECKSUM]).to_bytes(CHECKSUM, "little") != raw[-CHECKSUM:]:
            return file.relative_to(folder).as_posix()
    return None


def version_of(place: Any, path: str) -> tuple[int, ...] | None:
    """Return what tells an array of a folder from one that replaces it; None elsewhere."""
    if not isinstance(place, (str, Path)):
        return None
    try:
        status = os.stat(os.path.join(place, path, "zarr.json"))
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns


@contextmanager
def same_version(place: Any, path: str, seen: tuple[int, ...] | None) -> Iterator[None]:
    """Refuse values of a store that took the place of the one that was opened.

    Parameters
    ----------
    place : Path or object
        Folder of the store; others are not checked.
    path : str
        Of the array in it.
    seen : tuple or None
        `version_of` the array when it was opened.

    Raises
    ------
    XGammaError
        If it is another one before or after the block, whatever the block raises.
    """
    try:
        yield
    finally:
        if seen is not None and version_of(place, path) not in (seen, None):
            raise XGammaError(
                f"'{place}' was replaced by another version while it was in use ({path or 'its root'}): open it again."
            )


@contextmanager
def read_errors(array: Any) -> Iterator[None]:
    """Turn errors of zarr for an array that cannot be read into one sentence.

    Parameters
    ----------
    array : zarr.Array
        What the block reads.

    Raises
    ------
    XGammaError
        With the store, the array and, in a folder, the chunk.
    """
    try:
        yield
    except XGammaError:
        raise
    except (ValueError, RuntimeError, OSError, TypeError, KeyError, MemoryError) as error:
        place = getattr(array.store, "root", array.store)
        chunk = None
        if isinstance(place, Path):
            chunk = broken_chunk(place, array.path, array.metadata.to_dict())
        said = f"('{chunk}')" if chunk else f"({' '.join(str(error).split())})"
        raise XGammaError(
            f"'{place}' is damaged: a part of {array.path} cannot be read {said}; restore it from a copy, or write it again."
        ) from error
