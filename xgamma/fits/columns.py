"""Columns of a binary table: where their bytes lie and what they mean.

The FITS standard 4.0 (Pence et al. 2010, A&A 524, A42, and its 2016 update) defines the layout.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from xgamma.errors import XGammaError
from xgamma.fits.codes import TYPES, flipped, is_offset, offset_type
from xgamma.fits.layout import check_tdim, whole_keyword

__all__ = ["Column", "columns_of"]

# Characters of a text: more are not a word in a table, and NumPy keeps four bytes for each.
LONGEST_TEXT = 2**20
_TFORM = re.compile(r"(\d*)([LXBIJKAEDCMPQ])(\d*)")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: where its bytes lie in a row and what they mean."""

    name: str
    code: str
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    unit: str | None
    scale: float
    zero: float
    null: int | None
    bits: int

    @property
    def width(self) -> int:
        """Bytes of a cell in the table, without the heap."""
        if self.code in "PQ":
            return 2 * self.dtype.itemsize if self.bits else 0
        if self.code == "A":
            return self.bits
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_variable(self) -> bool:
        """Whether rows differ in length (a heap column)."""
        return self.code in "PQ"

    @property
    def native(self) -> np.dtype:
        """The dtype of the converted values."""
        if self.code in "LX":
            return np.dtype(bool)
        if self.code == "A":
            return np.dtype(f"U{self.dtype.itemsize}")
        if self.scale != 1 or self.zero != 0:
            if is_offset(self.dtype, self.scale, self.zero):
                return offset_type(self.dtype, self.zero)
            return np.dtype("f4") if self.code == "E" else np.dtype("f8")
        return self.dtype.newbyteorder("=")

    def convert(self, raw: np.ndarray) -> np.ndarray:
        """Turn raw big-endian values into native ones, scaled, in a new array."""
        if self.code == "L":
            return np.asarray(raw == ord("T"))
        if self.code == "X":
            return np.unpackbits(raw, axis=-1, count=self.bits).astype(bool)
        if self.code == "A":
            text = np.char.rstrip(np.char.decode(raw, "latin-1"))
            return np.asarray(text).astype(self.native)
        if self.scale == 1 and self.zero == 0:
            return np.array(raw, dtype=self.native, order="C")
        if self.native.kind in "ui":
            return flipped(raw, self.native)
        return np.asarray(raw * self.scale + self.zero, dtype=self.native)


def columns_of(header: dict[str, Any], where: str) -> list[Column]:
    """Return the columns that a table header declares, with their byte offsets."""
    columns = []
    offset = 0
    for number in range(1, whole_keyword(header, "TFIELDS", where, 0) + 1):
        form = str(header.get(f"TFORM{number}", ""))
        match = _TFORM.match(form.strip())
        if match is None:
            raise XGammaError(
                f"The {where} is damaged: its column {number} has the format {form!r}, which is "
                "not a FITS format."
            )
        repeat = int(match[1] or 1)
        code = match[2]
        tdim = check_tdim(header.get(f"TDIM{number}"), repeat, f"column {number} of the {where}")
        dtype, shape = _layout(code, repeat, match[3], tdim if code not in "PQ" else ())
        unit = header.get(f"TUNIT{number}")
        columns.append(
            Column(
                name=str(header.get(f"TTYPE{number}") or f"COL{number}"),
                code=code,
                dtype=dtype,
                shape=shape,
                offset=offset,
                unit=str(unit).strip() if unit is not None else None,
                scale=_factor(header, f"TSCAL{number}", 1, where),
                zero=_factor(header, f"TZERO{number}", 0, where),
                null=header.get(f"TNULL{number}"),
                bits=repeat,
            )
        )
        offset += columns[-1].width
    return columns


def _factor(header: dict[str, Any], key: str, default: float, where: str) -> float:
    """Return TSCAL or TZERO, which must be a number."""
    value = header.get(key)
    if value is None:
        return default
    none = value == 0 and key.startswith("TSCAL")
    if isinstance(value, (bool, str)) or not math.isfinite(value) or none:
        raise XGammaError(f"The {where} is damaged: {key}={value!r} is not a number that scales.")
    found: float = value  # a whole number stays one: unsigned columns are known by it
    return found


def _layout(
    code: str, repeat: int, width: str, dims: tuple[int, ...]
) -> tuple[np.dtype, tuple[int, ...]]:
    """Return dtype and C-order shape of one cell."""
    if code == "A":
        length = dims[-1] if dims else int(width or repeat)
        if length > LONGEST_TEXT:
            raise XGammaError(f"A column has strings of {length} characters: its TFORM is damaged.")
        count = repeat // length if length else 1
        shape = dims[:-1] if dims else ((count,) if count > 1 else ())
        return np.dtype(f"S{length}"), shape
    if code in "PQ":
        return np.dtype(TYPES[code]), (2,)
    if code == "X":
        return np.dtype("u1"), (math.ceil(repeat / 8),)
    return np.dtype(TYPES[code]), dims or (() if repeat == 1 else (repeat,))
