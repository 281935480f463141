"""FITS files: their headers walked once, images and tables read when they are asked for.

A file is read whole and decompressed once, or mapped into memory, so that opening it touches its
headers only. All its arrays share the one buffer.
"""

from __future__ import annotations

import math
import mmap
import os
from functools import cached_property
from typing import Any

import numpy as np
from astropy.io import fits

from xgamma.core.bounds import bytes_of, require_regular, require_room
from xgamma.core.paths import file_path
from xgamma.errors import MissingDataError, MissingFileError, XGammaError, warn
from xgamma.fits.bytes import BLOCK, GZIP_MAGIC, parse_header, read_bytes
from xgamma.fits.checksum import warn_of_checksum, warn_of_datasum
from xgamma.fits.codes import IMAGE_TYPES
from xgamma.fits.layout import check_own_data, check_padding, data_size, has_hdu, whole_keyword
from xgamma.fits.tables import Table

__all__ = ["HDU", "FitsFile", "map_fits", "open_fits"]


class HDU:
    """One header and where its data lie.

    Attributes
    ----------
    header : dict
        Keyword to value.
    shape : tuple of int
        Shape of an image, slowest axis first.
    """

    def __init__(self, file: FitsFile, index: int, header: dict[str, Any], start: int) -> None:
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
        warn_of_datasum(self.header, self.file.data, self.start, self.nbytes, self.where)
        return Table(self.file, self.index, self.header, self.start)

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
            warn_of_datasum(self.header, self.file.data, self.start, self.nbytes, self.where)
            self._checked = True
        dtype = np.dtype(IMAGE_TYPES[int(self.header["BITPIX"])])
        return np.ndarray(self.shape, dtype, self.file.data, self.start)


class FitsFile:
    """The HDUs of one file over one buffer. A pickled one holds its path and opens the file again.

    Parameters
    ----------
    path : path-like
        Plain or gzipped file.
    mapped : bool
        Whether a plain file is mapped into memory, not read.

    Attributes
    ----------
    path : Path
        Absolute path.
    hdus : list of HDU
        In file order.
    """

    def __init__(self, path: str | os.PathLike[str], mapped: bool = False) -> None:
        # Absolute, so that an observation can be unpickled in another working directory.
        self.path, self.mapped = file_path(path).absolute(), mapped
        self.hdus = self._walk()

    def __repr__(self) -> str:
        return f"<FitsFile {self.path}: {', '.join(h.name for h in self.hdus)}>"

    @cached_property
    def data(self) -> Any:
        """The content: a memory map, or decompressed bytes."""
        if not self.mapped:
            return read_bytes(self.path)
        require_regular(self.path)
        try:
            with self.path.open("rb") as stream:
                start = stream.read(2)
                if start == GZIP_MAGIC:
                    return read_bytes(self.path)
                if not start:
                    raise XGammaError(f"The file {self.path} is empty: write or download it again.")
                return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise MissingFileError(
                f"The file {self.path} does not exist: check the path."
            ) from None
        except OSError as error:
            raise XGammaError(f"The file {self.path} cannot be read: {error.strerror}.") from error

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "data"}

    def _walk(self) -> list[HDU]:
        data = self.data
        if data[:6] != b"SIMPLE":
            raise XGammaError(f"The file {self.path} is not a FITS file: it has no SIMPLE card.")
        hdus: list[HDU] = []
        position, where = 0, f"file {self.path}"
        while has_hdu(data, position, where):
            header, start = parse_header(data, position, self.path)
            hdu = HDU(self, len(hdus), header, start)
            where = hdu.where
            warn_of_checksum(header, data, position, start, where)
            stop = start + hdu.nbytes
            if stop > len(data):
                raise XGammaError(
                    f"The file {self.path} is truncated: its HDU {hdu.name!r} ends at byte "
                    f"{stop}, but the file at {len(data)}; download it again."
                )
            check_padding(data, start, hdu.nbytes, where)
            hdus.append(hdu)
            position = start + math.ceil(hdu.nbytes / BLOCK) * BLOCK
        stated = hdus[0].header.get("NEXTEND") if hdus else None
        if isinstance(stated, int) and len(hdus) - 1 < stated:
            warn(
                f"The file {self.path} has {len(hdus) - 1} extensions of the {stated} that it was written with (NEXTEND): it is truncated, or another program left some out; download it again, or correct NEXTEND."
            )
        return hdus

    @cached_property
    def tables(self) -> list[Table]:
        """The binary tables in file order."""
        return [hdu.table for hdu in self.hdus if hdu.is_table]

    def table(self, name: str) -> Table:
        """Return the first table with this EXTNAME, in any case.

        Raises
        ------
        MissingDataError
            If there is none.
        """
        wanted = name.strip().upper()
        for table in self.tables:
            if table.name.upper() == wanted:
                return table
        names = ", ".join(repr(t.name) for t in self.tables) or "none"
        raise MissingDataError(f"The file {self.path} has no HDU {name!r}: it has {names}.")

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


def open_fits(path: str | os.PathLike[str]) -> FitsFile:
    """Read a FITS file and walk its headers.

    Parameters
    ----------
    path : str or Path
        Plain or gzipped file.

    Returns
    -------
    file : FitsFile
        Its HDUs, over one buffer.

    Raises
    ------
    MissingDataError
        If there is no such file.
    XGammaError
        If it is truncated, damaged or no FITS file.
    """
    return FitsFile(path)


def map_fits(path: str | os.PathLike[str]) -> FitsFile:
    """Open a FITS file as `open_fits` does, mapped into memory: large images are read when asked for.

    A gzipped file is decompressed.
    """
    return FitsFile(path, mapped=True)
