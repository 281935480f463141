"""Whether the keywords that lay out a FITS file agree with each other and with its bytes.

A size that is wrong shifts all that follows: rows of zeros, rows that hold the next header, HDUs
that are not found. Nothing of that is an error to a reader that believes one keyword at a time.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from xgamma.errors import XGammaError
from xgamma.fits.bytes import BLOCK
from xgamma.fits.codes import IMAGE_TYPES

if TYPE_CHECKING:
    from mmap import mmap

__all__ = [
    "check_columns",
    "check_own_data",
    "check_padding",
    "check_tdim",
    "data_size",
    "has_hdu",
    "whole_keyword",
]


def whole_keyword(header: dict[str, Any], key: str, where: str, default: int | None = None) -> int:
    """Return a keyword that counts something.

    Parameters
    ----------
    header : dict
        Keyword to value.
    key : str
        Name of the keyword.
    where : str
        HDU and file, for the error message.
    default : int, optional
        Value where the keyword is missing.

    Returns
    -------
    value : int
        Not negative.

    Raises
    ------
    XGammaError
        If it is missing and has no default, not a whole number, or negative.
    """
    value = header.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise XGammaError(
            f"The {where} is damaged: {key}={value!r} in its header is not a non-negative "
            "integer; download the file again, or correct the header."
        )
    return value


def data_size(header: dict[str, Any], where: str) -> int:
    """Return the size of the data of an HDU in bytes, without padding.

    Parameters
    ----------
    header : dict
        Keyword to value.
    where : str
        HDU and file, for the error message.

    Returns
    -------
    size : int
        Bytes: ``|BITPIX| / 8 * GCOUNT * (PCOUNT + NAXIS1 * NAXIS2 * ...)``, FITS 4.0, equation 2.

    Raises
    ------
    XGammaError
        If a keyword is not a size.
    """
    naxis = whole_keyword(header, "NAXIS", where, 0)
    if naxis > 999:
        raise XGammaError(f"The {where} is damaged: NAXIS={naxis} exceeds 999, the limit of FITS.")
    if not naxis:
        return 0
    size = math.prod(whole_keyword(header, f"NAXIS{i}", where) for i in range(1, naxis + 1))
    size += whole_keyword(header, "PCOUNT", where, 0)
    bits = header.get("BITPIX", 8)
    if bits not in IMAGE_TYPES:
        raise XGammaError(
            f"The {where} is damaged: BITPIX={bits!r} is not one of {', '.join(map(str, IMAGE_TYPES))}."
        )
    return int(size * whole_keyword(header, "GCOUNT", where, 1) * abs(bits) // 8)


def has_hdu(data: bytes | mmap, position: int, before: str) -> bool:
    """Return whether another HDU begins at a position, False at the end of the file.

    Parameters
    ----------
    data : bytes or mmap
        Content of the file.
    position : int
        Where the HDU before ends, padding included; 0 at the start of the file.
    before : str
        That HDU and the file, for the error message.

    Returns
    -------
    found : bool
        Whether there is one.

    Raises
    ------
    XGammaError
        If something else than an HDU or blanks follows: the size of the HDU before is wrong.
    """
    if position >= len(data):
        return False
    if data[position : position + 8] in (b"XTENSION", b"SIMPLE  "):
        return True
    if not data[position:].strip(b"\0 "):
        return False
    raise XGammaError(
        f"The {before} is damaged: at byte {position}, where it ends according to its header, "
        "no other HDU begins; NAXIS1, NAXIS2 or PCOUNT is wrong: download the file again."
    )


def check_padding(data: bytes | mmap, start: int, size: int, where: str) -> None:
    """Raise if the data of an HDU go on behind their end.

    Parameters
    ----------
    data : bytes or mmap
        Content of the file.
    start, size : int
        Where the data begin, and how long they are.
    where : str
        HDU and file, for the error message.

    Raises
    ------
    XGammaError
        If the padding is not blank.
    """
    stop = start + size
    end = start + math.ceil(size / BLOCK) * BLOCK
    if data[stop:end].strip(b"\0 "):
        raise XGammaError(
            f"The {where} is damaged: its data continue beyond byte {stop}, where they end "
            "according to its header; NAXIS1, NAXIS2 or PCOUNT is too small: download the file "
            "again."
        )


def check_own_data(data: bytes | mmap, start: int, size: int, where: str) -> None:
    """Raise if the header of another HDU begins within the data of one.

    Parameters
    ----------
    data : bytes or mmap
        Content of the file; all of the data are read.
    start, size : int
        Where the data begin, and how long they are.
    where : str
        HDU and file, for the error message.

    Raises
    ------
    XGammaError
        If a block of the data begins as a header does.
    """
    blocks = range(start + BLOCK, start + size, BLOCK)
    at = next((block for block in blocks if data[block : block + 11] == b"XTENSION= '"), None)
    if at is not None:
        raise XGammaError(
            f"The {where} is damaged: another HDU begins at byte {at}, within its data; NAXIS1, "
            "NAXIS2 or PCOUNT is too large: download the file again."
        )


def check_columns(header: dict[str, Any], width: int, heap: bool, where: str) -> None:
    """Raise if the columns of a binary table do not fill its rows.

    Parameters
    ----------
    header : dict
        Keyword to value.
    width : int
        Bytes that the formats of the columns take together.
    heap : bool
        Whether a column is of variable length.
    where : str
        HDU and file, for the error message.

    Raises
    ------
    XGammaError
        If NAXIS1, TFIELDS, TFORM, PCOUNT or THEAP contradict each other.
    """
    row, rows = (whole_keyword(header, key, where) for key in ("NAXIS1", "NAXIS2"))
    if header.get("BITPIX") != 8 or header.get("NAXIS") != 2 or header.get("GCOUNT", 1) != 1:
        raise XGammaError(
            f"The {where} is damaged: a binary table must have BITPIX=8, NAXIS=2 and GCOUNT=1, "
            f"not {header.get('BITPIX')!r}, {header.get('NAXIS')!r} and "
            f"{header.get('GCOUNT')!r}."
        )
    fields = whole_keyword(header, "TFIELDS", where)
    more = [k for k in header if (m := _FORM.fullmatch(k)) and int(m[1]) > fields]
    if more or width != row:
        said = f"{more[0]} goes beyond TFIELDS={fields}" if more else f"its rows have NAXIS1={row}"
        raise XGammaError(
            f"The {where} is damaged: its columns (TFORM) take {width} bytes, but {said}: "
            "download the file again, or correct the header."
        )
    if rows and not row:
        raise XGammaError(
            f"The {where} is damaged: it has NAXIS2={rows} rows of zero bytes; download the file again."
        )
    size, begin = whole_keyword(header, "PCOUNT", where, 0), row * rows
    first = whole_keyword(header, "THEAP", where, begin)
    if (size and not heap) or not begin <= first <= begin + size:
        raise XGammaError(
            f"The {where} is damaged: PCOUNT={size} and THEAP={first} do not match {rows} rows "
            f"of {row} bytes with {'a' if heap else 'no'} column of variable length: download "
            "the file again."
        )


_FORM = re.compile(r"TFORM([1-9][0-9]*)")


def check_tdim(text: object, repeat: int, where: str) -> tuple[int, ...]:
    """Return the C-order shape that TDIM gives a cell.

    Parameters
    ----------
    text : str or None
        Value of TDIM.
    repeat : int
        Number of values in a cell.
    where : str
        Column, HDU and file, for the error message.

    Returns
    -------
    shape : tuple of int
        Empty where there is no TDIM.

    Raises
    ------
    XGammaError
        If TDIM does not have as many values as TFORM.
    """
    if not text:
        return ()
    dims = tuple(int(n) for n in re.findall(r"\d+", str(text)))[::-1]
    if (
        not re.fullmatch(r"\(\s*\d+(\s*,\s*\d+)*\s*\)", str(text).strip())
        or math.prod(dims) != repeat
    ):
        raise XGammaError(
            f"The {where} is damaged: TDIM={text!r} does not match the {repeat} values of its "
            "TFORM: download the file again, or correct the header."
        )
    return dims
