"""The HDUs of a FITS file: headers walked once, arrays read when they are asked for.

A plain file is mapped into memory, so opening it touches its headers only. A compressed
one is decompressed once and shared by all its arrays.
"""

from __future__ import annotations

import math
import mmap
import os
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from astropy.io import fits
from xarray.backends import BackendArray
from xarray.core import indexing

from xgamma.core.arguments import file_path
from xgamma.core.bounds import bytes_of, require_regular, require_room
from xgamma.errors import MissingDataError, MissingFileError, XGammaError
from xgamma.fits.bytes import BLOCK, GZIP_MAGIC, parse_header, read_bytes
from xgamma.fits.layout import check_own_data, check_padding, data_size, has_hdu, whole_keyword
from xgamma.fits.tables import Table

__all__ = ["HDU", "FitsHDUs", "ImageArray", "open_hdus"]

DTYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
# Zero points by which FITS keeps unsigned integers.
UNSIGNED = {(16, 2**15): "u2", (32, 2**31): "u4", (64, 2**63): "u8", (8, -128): "i1"}


class HDU:
    """One header and where its data lie.

    Attributes
    ----------
    header : dict
        Keyword to value.
    shape : tuple of int
        Shape of an image, slowest axis first.
    """

    def __init__(self, file: FitsHDUs, index: int, header: dict[str, Any], start: int) -> None:
        self.file, self.index, self.header, self.start = file, index, header, start
        self._checked = False
        prefix = "Z" if header.get("ZIMAGE") else ""
        naxis = whole_keyword(header, f"{prefix}NAXIS", self.where, 0)
        if naxis > 999:
            raise XGammaError(f"The {self.where} is damaged: NAXIS={naxis} exceeds 999.")
        self.shape = tuple(
            whole_keyword(header, f"{prefix}NAXIS{i}", self.where) for i in range(naxis, 0, -1)
        )

    @property
    def name(self) -> str:
        """EXTNAME in capitals; ``PRIMARY`` for the first HDU."""
        default = "PRIMARY" if self.index == 0 else ""
        return str(self.header.get("EXTNAME") or default).upper()

    @property
    def where(self) -> str:
        """HDU and file, for error messages."""
        return f"HDU {self.name!r} of {self.file.path}"

    @property
    def is_image(self) -> bool:
        """Whether there is an image, compressed or not."""
        kind = self.header.get("XTENSION", "IMAGE")
        return bool(self.shape) and (kind == "IMAGE" or bool(self.header.get("ZIMAGE")))

    @property
    def is_table(self) -> bool:
        """Whether there is a binary table."""
        return self.header.get("XTENSION") == "BINTABLE" and not self.header.get("ZIMAGE")

    @cached_property
    def table(self) -> Table:
        """The binary table."""
        if not self.is_table:
            raise XGammaError(f"The HDU {self.name!r} of {self.file.path} is not a binary table.")
        return Table(self.file, self.index, self.header, self.start)  # type: ignore[arg-type]

    @property
    def nbytes(self) -> int:
        """Size of the data, without padding."""
        return data_size(self.header, self.where)

    def raw(self) -> np.ndarray:
        """Return the image as a read-only view of the file, big-endian."""
        if self.header.get("ZIMAGE"):
            # The compressed bytes say nothing of how many they become.
            require_room(
                bytes_of(self.shape, 8), f"The {self.where}", "cut it out with another tool"
            )
            with fits.open(self.file.path) as hdus:
                return np.asarray(hdus[self.index].data)
        if not self._checked:
            check_own_data(self.file.data, self.start, self.nbytes, self.where)
            self._checked = True
        dtype = np.dtype(DTYPES[int(self.header["BITPIX"])])
        return np.ndarray(self.shape, dtype, self.file.data, self.start)


class FitsHDUs:
    """The HDUs of one file. A pickled one holds its path and opens the file again.

    Attributes
    ----------
    path : Path
        Absolute path.
    hdus : list of HDU
        In file order.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = file_path(path).absolute()
        self.hdus = self._walk()

    @cached_property
    def data(self) -> Any:
        """The content: a memory map, or decompressed bytes."""
        require_regular(self.path)
        try:
            with self.path.open("rb") as stream:
                start = stream.read(2)
                if start == GZIP_MAGIC:
                    return read_bytes(self.path)
                if not start:
                    raise XGammaError(f"The file {self.path} is empty: write or fetch it again.")
                return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise MissingFileError(f"There is no file {self.path}: check the path.") from None
        except OSError as error:
            raise XGammaError(f"The file {self.path} cannot be read: {error.strerror}.") from error

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "data"}

    def _walk(self) -> list[HDU]:
        data = self.data
        if data[:6] != b"SIMPLE":
            raise XGammaError(f"The file {self.path} is not a FITS file: it lacks the SIMPLE card.")
        hdus: list[HDU] = []
        position, where = 0, f"file {self.path}"
        while has_hdu(data, position, where):
            header, start = parse_header(data, position, self.path)
            hdu = HDU(self, len(hdus), header, start)
            where = hdu.where
            stop = start + hdu.nbytes
            if stop > len(data):
                raise XGammaError(
                    f"The file {self.path} is truncated: its HDU {hdu.name!r} ends at byte {stop}, "
                    f"the file at {len(data)}; fetch it again."
                )
            check_padding(data, start, hdu.nbytes, where)
            hdus.append(hdu)
            position = start + math.ceil(hdu.nbytes / BLOCK) * BLOCK
        return hdus

    @cached_property
    def _by_name(self) -> dict[str, HDU]:
        return {hdu.name: hdu for hdu in reversed(self.hdus)}

    def __contains__(self, name: str) -> bool:
        return name.upper() in self._by_name

    def get(self, name: str) -> HDU | None:
        """Return an HDU, or None."""
        return self._by_name.get(name.upper())

    def __getitem__(self, name: str) -> HDU:
        hdu = self._by_name.get(name.upper())
        if hdu is None:
            names = ", ".join(h.name for h in self.hdus[1:]) or "none"
            raise MissingDataError(f"The file {self.path} has no HDU {name!r}: it has {names}.")
        return hdu


def open_hdus(path: str | os.PathLike[str]) -> FitsHDUs:
    """Open a FITS file and walk its headers.

    Parameters
    ----------
    path : str or Path
        Plain or gzipped file.

    Returns
    -------
    file : FitsHDUs
        Its HDUs.

    Raises
    ------
    MissingDataError
        If there is no such file.
    XGammaError
        If it is truncated, damaged or no FITS file.
    """
    return FitsHDUs(path)


class ImageArray(BackendArray):
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
        dtype: Any = None,
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
        stored = np.dtype(DTYPES[bits]).newbyteorder("=")
        if self.scale == 1 and (bits, self.zero) in UNSIGNED:
            return np.dtype(UNSIGNED[bits, int(self.zero)])
        scaled = self.scale != 1 or self.zero != 0 or "BLANK" in self.hdu.header
        if (scaled or self.factor != 1) and stored.kind != "f":
            return np.dtype("f8")
        return stored

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        raw = self.hdu.raw().reshape(self.shape)[key]
        if self.dtype == bool:
            return np.asarray(raw != 0)
        values = np.asarray(raw)
        if self.dtype.kind in "iu" and self.zero != 0:
            # Flipping the highest bit adds half the range without overflow.
            bits = values.astype(values.dtype.newbyteorder("=")).view(f"u{self.dtype.itemsize}")
            return (bits ^ bits.dtype.type(abs(int(self.zero)))).view(self.dtype)
        if self.scale != 1 or self.zero != 0:
            values = values * self.scale + self.zero
        if "BLANK" in self.hdu.header and self.dtype.kind == "f":
            values = np.where(raw == self.hdu.header["BLANK"], np.nan, values)
        if self.factor != 1.0:
            values = values * self.factor
        if self.dtype.kind in "iu" and not is_whole(values):
            raise FractionsError(
                f"The HDU {self.hdu.name!r} of {self.hdu.file.path} holds fractions, though it was written with whole numbers, so another program changed it: read it with xg.read_fits, or delete the HDU 'XGAMMA'."
            )
        return np.array(values, dtype=self.dtype, order="C")


class FractionsError(XGammaError):
    """An image of whole numbers, as its sidecar says, holds others."""


def is_whole(values: np.ndarray) -> bool:
    """Tell whether all values are whole numbers."""
    return values.dtype.kind in "biu" or bool(
        np.all(np.isfinite(values) & (values == np.rint(values)))
    )


def lazy_image(dims: tuple[str, ...], array: ImageArray, attrs: dict[str, Any]) -> xr.Variable:
    """Return a variable that reads its image once, on first use."""
    lazy: Any = indexing.LazilyIndexedArray(array)
    return xr.Variable(dims, indexing.MemoryCachedArray(indexing.CopyOnWriteArray(lazy)), attrs)
