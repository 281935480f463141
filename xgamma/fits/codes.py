"""How FITS writes numbers: types of columns and images, and what stands for unsigned integers."""

from __future__ import annotations

import numpy as np

__all__ = ["BITPIX", "FORMATS", "IMAGE_TYPES", "OFFSETS", "TYPES", "is_offset", "offset_type"]

# Letters of TFORM for the types that NumPy knows by these names.
_LETTERS = {"B": "u1", "I": "i2", "J": "i4", "K": "i8", "E": "f4", "D": "f8"}
# Letter of a column to the type of its bytes: big-endian. L is a letter T or F, X bits, P and Q
# are sizes and places in the heap.
TYPES = {letter: f">{name}" for letter, name in _LETTERS.items()} | {
    "L": "u1",
    "X": "u1",
    "C": ">c8",
    "M": ">c16",
    "P": ">i4",
    "Q": ">i8",
}
# Type of an array to the letter of the column that holds it.
FORMATS = {name: letter for letter, name in _LETTERS.items()} | {"b1": "L"}
# Type of the pixels of an image to BITPIX, and back to the type of their bytes.
BITPIX = {n: (-8 if n.startswith("f") else 8) * int(n[1]) for n in _LETTERS.values()}
IMAGE_TYPES = {bits: f">{name}" for name, bits in BITPIX.items()}
# FITS has no unsigned integers, nor signed bytes: the type that is stored, and its zero point.
OFFSETS = {"u2": ("i2", 2**15), "u4": ("i4", 2**31), "u8": ("i8", 2**63), "i1": ("u1", -128)}
_BY_STORED = {(stored, zero): name for name, (stored, zero) in OFFSETS.items()}


def is_offset(stored: np.dtype, scale: float, zero: float) -> bool:
    """Return whether scale and zero point stand for an integer of another type."""
    return scale == 1 and (f"{stored.kind}{stored.itemsize}", zero) in _BY_STORED


def offset_type(stored: np.dtype, zero: float) -> np.dtype:
    """Return the type that a zero point makes of stored integers.

    Examples
    --------
    >>> offset_type(np.dtype(">i2"), 32768)
    dtype('uint16')
    """
    return np.dtype(_BY_STORED[f"{stored.kind}{stored.itemsize}", int(zero)])


def flipped(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return integers with their highest bit flipped, as another type of their size.

    This adds, or subtracts, half of the range, exactly and without overflow.
    """
    native = np.array(values, dtype=values.dtype.newbyteorder("="), order="C")
    bits = native.view(f"u{native.itemsize}")
    half = bits.dtype.type(1 << (8 * native.itemsize - 1))
    found: np.ndarray = (bits ^ half).view(dtype)
    return found
