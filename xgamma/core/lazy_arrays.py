"""Arrays that xarray reads when their values are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.private_apis import BackendArray, indexing

__all__ = ["LazyArray", "lazy_data", "lazy_variable"]


class LazyArray(BackendArray):  # type: ignore[misc,unused-ignore]
    """Base of arrays that are read when their values are asked for.

    A subclass sets ``shape`` and ``dtype``, and reads a part in `read_part`. It is told of slices
    and integers; one that sets ``outer`` also of an array of numbers for an axis.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    outer = False

    def read_part(self, key: tuple[Any, ...]) -> Any:
        """Return the values of a part."""
        raise NotImplementedError

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        whole = slice(None)
        if all(type(part) is slice and part == whole for part in key.tuple):
            return self.read_part((whole,) * len(self.shape))
        support = indexing.IndexingSupport
        return indexing.explicit_indexing_adapter(
            key, self.shape, support.OUTER if self.outer else support.BASIC, self.read_part
        )


def lazy_data(array: LazyArray) -> Any:
    """Return what a variable holds: read once, on first use, and copied before it is changed."""
    lazy: Any = indexing.LazilyIndexedArray(array)
    return indexing.MemoryCachedArray(indexing.CopyOnWriteArray(lazy))


def lazy_variable(dims: tuple[str, ...], array: LazyArray, attrs: Mapping[str, Any]) -> xr.Variable:
    """Return a variable that reads its array once, on first use."""
    return xr.Variable(dims, lazy_data(array), dict(attrs))
