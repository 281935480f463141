"""The NetCDF store of xarray, with readable errors for damaged files."""

from __future__ import annotations

from typing import Any

from xarray.backends import NetCDF4DataStore

from xgamma.core.private_apis import NetCDF4ArrayWrapper
from xgamma.core.reading import reading

__all__ = ["GuardedNetCDF"]


class _Array(NetCDF4ArrayWrapper):
    """An array that says in a sentence why it cannot be read."""

    def __getitem__(self, key: Any) -> Any:
        with reading(f"{self.variable_name} of {self.datastore._filename}"):
            return super().__getitem__(key)  # type: ignore[no-untyped-call,unused-ignore]


class GuardedNetCDF(NetCDF4DataStore):
    """A group whose arrays are guarded."""

    def open_store_variable(self, name: Any, var: Any) -> Any:
        """Return a variable that is read later."""
        variable = super().open_store_variable(name, var)  # type: ignore[no-untyped-call,unused-ignore]
        inner = getattr(variable._data, "array", None)
        if type(inner) is NetCDF4ArrayWrapper:
            variable._data.array = _Array(inner.variable_name, inner.datastore)  # type: ignore[no-untyped-call,unused-ignore]
        return variable
