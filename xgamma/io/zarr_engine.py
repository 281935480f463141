"""The Zarr engine of xarray, with readable errors for damaged chunks."""

from __future__ import annotations

from typing import Any

import xarray as xr
from xarray.backends import StoreBackendEntrypoint, ZarrBackendEntrypoint, ZarrStore

from xgamma.core.private_apis import ZarrArrayWrapper, normalize_path, replace_array
from xgamma.io.zarr_broken import read_errors, same_version, version_of

__all__ = ["GuardedZarr"]

# Arguments of `xarray.open_dataset` that are about the store; the others are about decoding.
OF_STORE = ("mode", "consolidated", "storage_options", "zarr_format")


class _Array(ZarrArrayWrapper):
    """An array that says in a sentence why it cannot be read."""

    __slots__ = ("seen",)

    def __init__(self, array: Any) -> None:
        super().__init__(array)  # type: ignore[no-untyped-call]
        self.seen = version_of(getattr(array.store, "root", None), array.path)

    def __getitem__(self, key: Any) -> Any:
        place = getattr(self._array.store, "root", None)
        with same_version(place, self._array.path, self.seen), read_errors(self._array):
            return super().__getitem__(key)  # type: ignore[no-untyped-call]


class _Store(ZarrStore):
    """A group whose arrays are guarded."""

    def open_store_variable(self, name: object) -> Any:
        """Return a variable that is read later."""
        variable = super().open_store_variable(name)  # type: ignore[no-untyped-call]
        replace_array(variable, ZarrArrayWrapper, _Array)
        return variable


class GuardedZarr(ZarrBackendEntrypoint):
    """For ``engine=`` of `xarray.open_dataset` and `xarray.open_datatree`."""

    def open_dataset(self, filename_or_obj: Any, **kwargs: Any) -> xr.Dataset:
        """Open one group."""
        if kwargs.get("store") is None:
            own = {key: kwargs.pop(key) for key in OF_STORE if key in kwargs}
            kwargs["store"] = _Store.open_group(
                normalize_path(filename_or_obj),
                group=kwargs.pop("group", None),
                consolidate_on_close=False,
                **{"mode": "r", **own},
            )
        return super().open_dataset(filename_or_obj, **kwargs)

    def open_groups_as_dict(self, filename_or_obj: object, **kwargs: Any) -> dict[str, xr.Dataset]:
        """Open a group and all below it."""
        own = {key: kwargs.pop(key) for key in OF_STORE if key in kwargs}
        start = "/" + str(kwargs.pop("group", None) or "").strip("/")
        stores = _Store.open_store(
            normalize_path(filename_or_obj),
            group=start,
            consolidate_on_close=False,
            **{"mode": "r", **own},
        )
        reader = StoreBackendEntrypoint()
        opened = {path: reader.open_dataset(store, **kwargs) for path, store in stores.items()}
        return {path.removeprefix(start.rstrip("/")) or "/": ds for path, ds in opened.items()}
