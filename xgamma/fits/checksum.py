"""DATASUM and CHECKSUM of FITS files (FITS 4.0, section 4.4.2.7 and appendix J)."""

from __future__ import annotations

from typing import Any

import numpy as np

from xgamma.errors import XGammaError, warn
from xgamma.fits.bytes import BLOCK, CARD, parse_header

__all__ = [
    "check_sums",
    "datasum_holds",
    "summed",
    "warn_of_checksum",
    "warn_of_datasum",
    "with_sums",
]

_CHANGED = "is damaged, or was changed by a program that did not update its DATASUM"
_EDITED = "is damaged, or was changed by a program that left its CHECKSUM"

_FULL = 0xFFFFFFFF
PART = 32_768
# Characters between the digits and letters, which the encoding leaves out.
_PUNCTUATION = (*range(0x3A, 0x41), *range(0x5B, 0x61))


def summed(data: Any, start: int = 0, stop: int | None = None, total: int = 0) -> int:
    """Return the 32-bit sum in ones' complement of bytes, zeros added to a whole word.

    Parameters
    ----------
    data : bytes or mmap
        Content.
    start, stop : int, optional
        Part of it.
    total : int
        Sum of what goes before.

    Returns
    -------
    total : int
        Below 2**32.

    Examples
    --------
    >>> summed(bytes([0, 0, 0, 1, 255, 255, 255, 255]))
    1
    """
    stop = len(data) if stop is None else stop
    pairs = (stop - start) // 8
    words = np.frombuffer(data, dtype=">u8", count=pairs, offset=start)
    # In parts that fit the cache, two words at a time.
    for first in range(0, pairs, PART):
        part = words[first : first + PART].astype(np.uint64)
        total += int((part & _FULL).sum()) + int((part >> 32).sum())
    rest = bytes(data[start + 8 * pairs : stop]).ljust(8, b"\0")
    total += int.from_bytes(rest[:4], "big") + int.from_bytes(rest[4:], "big")
    return _folded(total)


def _folded(total: int) -> int:
    while total > _FULL:
        total = (total & _FULL) + (total >> 32)
    return total


def _encoded(total: int) -> str:
    """Return the text that makes a sum, of which it becomes a part, all ones."""
    text = [0] * 16
    for i in range(4):
        byte = ((_FULL - total) >> (24 - 8 * i)) & 0xFF
        parts = [byte // 4 + 48 + (byte % 4 if k == 0 else 0) for k in range(4)]
        while any(p in _PUNCTUATION for p in parts):
            for k in (0, 2):
                if parts[k] in _PUNCTUATION or parts[k + 1] in _PUNCTUATION:
                    parts[k] += 1
                    parts[k + 1] -= 1
        for k in range(4):
            text[4 * k + i] = parts[k]
    return "".join(map(chr, [text[-1], *text[:-1]]))


def with_sums(hdu: bytes) -> tuple[bytes, memoryview]:
    """Return the header of an HDU with both sums, and its data.

    Parameters
    ----------
    hdu : bytes
        Header and data, padded, without sums.

    Returns
    -------
    header : bytes
        With DATASUM and CHECKSUM as its last cards.
    data : memoryview
        As they were.
    """
    _, start = parse_header(hdu, 0)
    data = memoryview(hdu)[start:]
    cards = hdu[:start].rstrip(b" ").removesuffix(b"END").rstrip(b" ")
    cards = cards.ljust(-(-len(cards) // CARD) * CARD)
    datasum = summed(data)
    cards += f"DATASUM = '{datasum:<10d}'".ljust(CARD).encode()
    at = len(cards)
    cards += f"CHECKSUM= '{'0' * 16}'".ljust(CARD).encode() + b"END".ljust(CARD)
    header = cards.ljust(-(-len(cards) // BLOCK) * BLOCK)
    text = _encoded(summed(header, total=datasum)).encode()
    return header[: at + 11] + text + header[at + 27 :], data


def datasum_holds(header: dict[str, Any], data: Any, start: int, size: int) -> bool:
    """Return whether data are those that DATASUM was made of; True without DATASUM.

    Parameters
    ----------
    header : dict
        Keyword to value.
    data : bytes or mmap
        Content of the file.
    start, size : int
        Where the data begin, and how long they are.
    """
    stated = str(header.get("DATASUM", "")).strip()
    return not stated.isdecimal() or summed(data, start, start + size) == int(stated)


def warn_of_datasum(header: dict[str, Any], data: Any, start: int, size: int, where: str) -> None:
    """Warn if data are not those that DATASUM was made of.

    A warning and no error: astropy leaves the sum as it was where a user changes data.
    """
    if not datasum_holds(header, data, start, size):
        warn(
            f"The {where} {_CHANGED}: its values are read as they are. Download the file again, or delete DATASUM if the change is intended."
        )


def warn_of_checksum(header: dict[str, Any], data: Any, begin: int, start: int, where: str) -> None:
    """Warn if a header is not the one that CHECKSUM was made of.

    The data are not read: CHECKSUM makes the sums of both zero, and DATASUM states theirs.

    Parameters
    ----------
    header : dict
        Keyword to value.
    data : bytes or mmap
        Content of the file.
    begin, start : int
        Where the header begins, and where it ends.
    where : str
        HDU and file, for the warning.
    """
    stated, text = (str(header.get(key, "")).strip() for key in ("DATASUM", "CHECKSUM"))
    if not stated.isdecimal() or len(text) != 16 or text == "0" * 16:
        return
    if summed(data, begin, start, int(stated)) not in (0, _FULL):
        warn(
            f"The header of the {where} {_EDITED}: it is read as it is. Fetch the file again, or delete CHECKSUM if the change is meant."
        )


def check_sums(
    header: dict[str, Any], data: Any, begin: int, start: int, size: int, where: str
) -> None:
    """Raise if an HDU is not the one that DATASUM and CHECKSUM were made of.

    Parameters
    ----------
    header, data, start, size, where
        As in `datasum_holds`; `where` is HDU and file, for the error message.
    begin : int
        Where the header begins.

    Raises
    ------
    XGammaError
        If they differ.
    """
    if not datasum_holds(header, data, start, size):
        raise XGammaError(
            f"The {where} {_CHANGED}: download the file again, or delete DATASUM if the change is intended."
        )
    stop = start + -(-size // BLOCK) * BLOCK
    text = str(header.get("CHECKSUM", "")).strip()
    if len(text) == 16 and text != "0" * 16 and summed(data, begin, stop) not in (0, _FULL):
        raise XGammaError(
            f"The header of the {where} {_EDITED}: download it again, or delete CHECKSUM if the change is meant."
        )
