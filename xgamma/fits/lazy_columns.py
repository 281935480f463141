"""Columns of a table as arrays that xarray loads on first use."""

from __future__ import annotations

from typing import Any

import numpy as np

from xgamma.core.lazy_arrays import LazyArray
from xgamma.fits.tables import Table

__all__ = ["LazyColumn"]


class LazyColumn(LazyArray):
    """A column that is read from the shared buffer when its values are asked for.

    Parameters
    ----------
    table : Table
        Where the column is.
    name : str
        Its name.
    row : int, optional
        Take this row alone (responses keep a whole array in one cell).
    shape : tuple of int, optional
        Shape of the cell when the file states none.
    order : tuple of int, optional
        Axes of the cell in the wanted order.
    factor : float
        Unit conversion to apply.
    frozen : bool
        Read once for all copies, which share the read-only values.
    """

    def __init__(
        self,
        table: Table,
        name: str,
        row: int | None = None,
        shape: tuple[int, ...] | None = None,
        order: tuple[int, ...] | None = None,
        factor: float = 1.0,
        frozen: bool = False,
    ) -> None:
        self.table, self.name, self.row = table, name, row
        self.cell, self.order, self.factor, self.frozen = shape, order, factor, frozen
        self._whole: np.ndarray | None = None
        column = table[name]
        # Heap columns and blanks decide their type by content, so these are read at once.
        self.values = table.read(name) if column.is_variable or column.null is not None else None
        if self.values is None:
            raw = self._arrange(table.raw(name))
            bits = column.code == "X"
            self.shape = (*raw.shape[:-1], column.bits) if bits else raw.shape
            self.dtype = column.native
        else:
            arranged = self._arrange(self.values)
            self.shape, self.dtype = arranged.shape, arranged.dtype
        if factor != 1.0 and self.dtype.kind != "f":
            self.dtype = np.dtype("f8")

    def _arrange(self, values: np.ndarray) -> np.ndarray:
        if self.row is not None:
            values = values[self.row]
        if self.cell is not None:
            values = values.reshape(self.cell)
        return values if self.order is None else values.transpose(self.order)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_whole": None}

    def read_part(self, key: tuple[Any, ...]) -> np.ndarray:
        """Return a part of the column, in its unit; all copies of a frozen one share its values."""
        if not self.frozen:
            return self._convert(key)
        if self._whole is None:
            self._whole = self._convert((...,))
            self._whole.flags.writeable = False
        return np.asarray(self._whole[key])

    def _convert(self, key: tuple[Any, ...]) -> np.ndarray:
        if self.values is not None:
            values = np.array(self._arrange(self.values)[key], order="C")
        else:
            column = self.table[self.name]
            raw = self._arrange(self.table.raw(self.name))
            # The bits of a byte can only be picked after they are unpacked.
            values = column.convert(raw)[key] if column.code == "X" else column.convert(raw[key])
        if self.factor != 1.0:
            values = (values * self.factor).astype(self.dtype, copy=False)
        return values
