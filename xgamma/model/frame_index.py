"""The index of the scalar coordinate ``wcs``: it compares frames wherever xarray aligns.

xarray's index API is experimental: it is used here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import pandas as pd
import xarray as xr
from xarray.indexes import Index

from xgamma.errors import FrameError
from xgamma.model.stamp import difference, header_key, same_key

__all__ = ["FrameIndex"]


class FrameIndex(Index):
    """Guard of the scalar coordinate ``wcs``: maps on different frames do not combine.

    xarray asks the index whenever two objects meet; it compares the keywords that place
    pixels on the sky. It lives at run time only: the attributes are the file form, and
    `set_frame` puts the index back after reading.
    """

    def __init__(self, attrs: Mapping[Any, Any]):
        self.attrs = dict(attrs)
        self._key = header_key(attrs)

    @classmethod
    def from_variables(
        cls, variables: Mapping[Any, xr.Variable], *, options: Mapping[str, Any]
    ) -> FrameIndex:
        """Build from the one scalar variable."""
        (variable,) = variables.values()
        return cls(variable.attrs)

    @classmethod
    def concat(
        cls,
        indexes: Iterable[FrameIndex],
        dim: Hashable,
        positions: Iterable[Iterable[int]] | None = None,
    ) -> FrameIndex:
        """Keep the common frame, or refuse."""
        first, *rest = indexes
        for other in rest:
            first.join(other)
        return first

    def create_variables(
        self, variables: Mapping[Any, xr.Variable] | None = None
    ) -> dict[Hashable, xr.Variable]:
        """Return the scalar variable with the keywords of this frame."""
        names = list(variables) if variables else ["wcs"]
        return {name: xr.Variable((), 0, attrs=self.attrs) for name in names}

    def equals(self, other: Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Return whether both place pixels alike (to a billionth of a degree)."""
        return isinstance(other, FrameIndex) and same_key(self._key, other._key)

    def join(self, other: FrameIndex, how: str = "inner") -> FrameIndex:
        """Return the common frame.

        Raises
        ------
        FrameError
            If the frames differ.
        """
        if not self.equals(other):
            raise FrameError(
                f"Different sky frames ({difference(self._key, other._key)}): reproject one of the maps first."
            )
        return self

    def reindex_like(self, other: FrameIndex, **_: object) -> dict[Hashable, Any]:
        """Nothing moves: a frame has no positions."""
        self.join(other)
        return {}

    def isel(self, indexers: Mapping[Any, Any]) -> FrameIndex:
        """A cutout has the frame of its mosaic."""
        return self

    def sel(self, labels: dict[Any, Any], **_: object) -> Any:
        """Refuse: the frame is not a label.

        Raises
        ------
        FrameError
            Always.
        """
        raise FrameError(
            "The coordinate 'wcs' stores the sky frame and cannot be used for selection."
        )

    def to_pandas_index(self) -> Any:
        """Return a one-element pandas index (xarray asks for it in some paths)."""
        return pd.Index([0], name="wcs")

    def rename(
        self, name_dict: Mapping[Any, Hashable], dims_dict: Mapping[Any, Hashable]
    ) -> FrameIndex:
        """A new name changes nothing in the frame."""
        return self

    def copy(self, deep: bool = True) -> FrameIndex:
        """Return itself: it is never changed."""
        return self

    def __copy__(self) -> FrameIndex:
        return self

    def __deepcopy__(self, memo: object = None) -> FrameIndex:
        return self

    def __repr__(self) -> str:
        values = dict(self._key)
        return f"FrameIndex({values.get('CTYPE1')}, {values.get('CTYPE2')})"

    def _repr_inline_(self, max_width: int) -> str:
        return repr(self)[:max_width]
