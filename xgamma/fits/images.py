"""Images of a FITS file as arrays that xarray loads on first use."""

from __future__ import annotations

from typing import Any

import numpy as np

from xgamma.core.lazy_arrays import LazyArray
from xgamma.errors import XGammaError
from xgamma.fits.codes import IMAGE_TYPES, flipped, is_offset, offset_type
from xgamma.fits.files import HDU
from xgamma.typing import DTypeLike

__all__ = ["FractionsError", "ImageArray", "is_whole"]


class ImageArray(LazyArray):
    """An image that is read, converted and reshaped when its values are asked for.

    Parameters
    ----------
    hdu : HDU
        The image.
    shape : tuple of int, optional
        Shape to give it (axes of length one dropped, say).
    dtype : str, optional
        Type of the values: ``"bool"`` for masks.
    factor : float
        Unit conversion.
    """

    def __init__(
        self,
        hdu: HDU,
        shape: tuple[int, ...] | None = None,
        dtype: DTypeLike | None = None,
        factor: float = 1.0,
    ) -> None:
        self.hdu, self.factor = hdu, factor
        header = hdu.header
        # astropy decompresses tiled images and scales them.
        scaled = not header.get("ZIMAGE")
        self.scale = float(header.get("BSCALE", 1)) if scaled else 1.0
        self.zero = float(header.get("BZERO", 0)) if scaled else 0.0
        self.shape = hdu.shape if shape is None else shape
        self.dtype = np.dtype(dtype) if dtype is not None else self._native()

    def _native(self) -> np.dtype:
        bits = int(self.hdu.header.get("ZBITPIX", self.hdu.header["BITPIX"]))
        stored = np.dtype(IMAGE_TYPES[bits]).newbyteorder("=")
        if is_offset(stored, self.scale, self.zero):
            return offset_type(stored, self.zero)
        scaled = self.scale != 1 or self.zero != 0 or "BLANK" in self.hdu.header
        if (scaled or self.factor != 1) and stored.kind != "f":
            return np.dtype("f8")
        return stored

    def read_part(self, key: tuple[Any, ...]) -> np.ndarray:
        """Return a part of the image, scaled and in its unit."""
        raw = self.hdu.raw().reshape(self.shape)[key]
        if self.dtype == bool:
            return np.asarray(raw != 0)
        values = np.asarray(raw)
        if self.dtype.kind in "iu" and self.zero != 0:
            return flipped(values, self.dtype)
        if self.scale != 1 or self.zero != 0:
            values = values * self.scale + self.zero
        if "BLANK" in self.hdu.header and self.dtype.kind == "f":
            values = np.where(raw == self.hdu.header["BLANK"], np.nan, values)
        if self.factor != 1.0:
            values = values * self.factor
        if self.dtype.kind in "iu" and not is_whole(values):
            raise FractionsError(
                f"The HDU {self.hdu.name!r} of {self.hdu.file.path} contains fractions although it was written with whole numbers, so another program has changed it: read it with xg.read_fits, or delete the HDU 'XGAMMA'."
            )
        return np.array(values, dtype=self.dtype, order="C")


class FractionsError(XGammaError):
    """An image of whole numbers, as its sidecar says, holds others."""


def is_whole(values: np.ndarray) -> bool:
    """Return whether all values are whole numbers."""
    return values.dtype.kind in "biu" or bool(
        np.all(np.isfinite(values) & (values == np.rint(values)))
    )
