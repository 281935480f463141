"""Writing a Zarr store in place so that an incomplete one is recognised."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import zarr
from zarr.storage import WrapperStore

from xgamma.core.private_apis import buffer_prototype, ensure_open, sync
from xgamma.errors import WriteError, XGammaError
from xgamma.io.manifest import with_manifest
from xgamma.io.remote import UNFINISHED, store_at

__all__ = ["NewStore", "new_remote"]

ROOT = "zarr.json"


class NewStore(WrapperStore[Any]):
    """A store that is being written: its root comes last, its metadata are not read back.

    Chunks and the metadata of arrays go to their place at once, the root's metadata with
    `finish`: without a root, nothing opens. What zarr asks of the metadata meanwhile is
    answered from memory, as nobody else writes here.
    """

    def __init__(self, store: Any):
        super().__init__(store)
        self.metadata: dict[str, Any] = {}

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Give metadata from memory, chunks from the store."""
        if is_metadata(key):
            return self.metadata.get(key)
        return await super().get(key, prototype, byte_range)

    async def exists(self, key: str) -> bool:
        """Return whether there is a key."""
        return key in self.metadata if is_metadata(key) else await super().exists(key)

    async def set(self, key: str, value: Any) -> None:
        """Keep metadata, and write everything but the root."""
        if is_metadata(key):
            self.metadata[key] = value
        if key != ROOT:
            await super().set(key, value)

    async def set_if_not_exists(self, key: str, value: Any) -> None:
        """Write what is not there."""
        if not await self.exists(key):
            await self.set(key, value)

    async def delete(self, key: str) -> None:
        """Take a key away."""
        self.metadata.pop(key, None)
        await super().delete(key)

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """List what is there, without the mark that it is unfinished."""
        async for name in super().list_dir(prefix):
            if name != UNFINISHED:
                yield name

    def finish(self) -> None:
        """Write the root, with the list of its contents."""
        documents = {
            key.removesuffix(ROOT).rstrip("/"): json.loads(value.to_bytes())
            for key, value in self.metadata.items()
            if key.endswith(ROOT)
        }
        root = json.dumps(with_manifest(documents)).encode()
        sync(self._store.set(ROOT, buffer_prototype().buffer.from_bytes(root)))


def is_metadata(key: str) -> bool:
    """Return whether a key holds metadata, of any version of Zarr."""
    name = key.rpartition("/")[2]
    return name == ROOT or name.startswith(".z")


@contextmanager
def new_remote(path: object, overwrite: bool = False) -> Iterator[NewStore]:
    """Give an empty store to write, which opens after the block only.

    Parameters
    ----------
    path : URL or zarr store
        Place.
    overwrite : bool
        Whether an existing store, or an unfinished one, may be replaced.

    Yields
    ------
    store : NewStore
        A group without members.

    Raises
    ------
    XGammaError
        If something is there that may not be replaced.
    WriteError
        If the file system refuses.
    """
    with _write_errors(path):
        place = store_at(path)
        refuse(path, place, overwrite)
        store = NewStore(place)
        zarr.open_group(store, mode="w", zarr_format=3)
        mark = buffer_prototype().buffer.from_bytes(b"")
        sync(place.set(UNFINISHED, mark))
        yield store
        store.finish()
        sync(place.delete(UNFINISHED))


@contextmanager
def _write_errors(path: object) -> Iterator[None]:
    """Turn what a file system says when it refuses into one sentence."""
    try:
        yield
    except XGammaError:
        raise
    except (OSError, NotImplementedError) as error:
        file = getattr(error, "filename", None)
        if file is not None and os.path.isabs(str(file)) and not str(path).endswith(str(file)):
            raise  # About a file that is read meanwhile.
        said = f"{type(error).__name__}: {error}".strip(": ")
        found = WriteError(
            f"'{path}' cannot be written ({' '.join(said.split())}): check the address and your permissions there, or write elsewhere."
        )
        found.errno = getattr(error, "errno", None)
        raise found from error


def refuse(path: Any, place: Any, overwrite: bool) -> None:
    """Raise an `XGammaError` that says how to proceed if a place may not be written."""
    ensure_open(place)
    if sync(place.is_empty("")):
        return
    here = [name for name in (ROOT, ".zgroup", UNFINISHED) if sync(place.exists(name))]
    if not here:
        raise XGammaError(
            f"'{path}' is not a Zarr store and is not overwritten: give another path."
        )
    if not overwrite:
        state = "exists but is incomplete" if here == [UNFINISHED] else "already exists"
        raise XGammaError(f"'{path}' {state}: pass overwrite=True to replace it.")
