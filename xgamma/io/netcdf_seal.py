"""The sum of a NetCDF file, behind its end, where the library does not look.

HDF5 has checksums of chunks and of its own tables, but an attribute may be edited. So the sum of
all bytes follows the last one that the library knows of. A program that writes to the file cuts it
off; the attribute of the root stays, and tells that it was there.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import NamedTuple

from xgamma.errors import XGammaError, warn
from xgamma.io.manifest import SEAL

__all__ = ["SUMMED", "add_sum", "check_sum", "sum_fault"]

# Attribute of the root.
SUMMED = (SEAL[0], "sum")
END = re.compile(rb"\nxgamma crc32 ([0-9a-f]{8})\n")
LENGTH = 23
PIECE = 2**24
# Files up to this size are summed whenever they are opened, in milliseconds.
SMALL = 2**24


def add_sum(path: Path) -> None:
    """Put the sum of a file behind its end."""
    end = b"\nxgamma crc32 %08x\n" % _sum(path, path.stat().st_size)
    with path.open("ab") as stream:
        stream.write(end)


def check_sum(path: Path, promised: bool) -> None:
    """Check the sum behind a file that is opened: the sum of a small one, that it is there of others.

    The chunks of a large file have sums of their own; `xgamma.verify` sums all of it.

    Parameters
    ----------
    path : Path
        File.
    promised : bool
        Whether its root says that there is a sum.

    Raises
    ------
    XGammaError
        If a small file is damaged.
    """
    whole = os.path.getsize(path) <= SMALL
    fault = sum_fault(path, promised, whole) if promised else None
    if fault is None:
        return
    if not fault.is_edited:
        raise XGammaError(fault.sentence)
    warn(fault.sentence)


class SumFault(NamedTuple):
    """What is wrong with a checksum, and whether another program's edit, not damage, explains it."""

    sentence: str
    is_edited: bool


def sum_fault(path: Path, promised: bool, whole: bool = True) -> SumFault | None:
    """Return a description of the problem with the checksum of a file, if any.

    Parameters
    ----------
    path : Path
        File.
    promised : bool
        Whether its root says that there is one.
    whole : bool
        Whether to sum the file, or to see only whether there is a sum.

    Returns
    -------
    fault : SumFault or None
        None if the sum is right, or was never there.
    """
    size = os.path.getsize(path) - LENGTH
    with path.open("rb") as stream:
        stream.seek(max(size, 0))
        found = END.fullmatch(stream.read())
    if found is None and not promised:
        return None
    if found is None:
        return SumFault(
            f"'{path}' was opened for writing, or written again, by another program: its checksum is missing; compare it with its source, or open it and write it again.",
            is_edited=True,
        )
    if whole and int(found[1], 16) != _sum(path, size):
        return SumFault(
            f"'{path}' is damaged: its bytes differ from those written; restore it from a copy, or write it again.",
            is_edited=False,
        )
    return None


def _sum(path: Path, size: int) -> int:
    """Return the CRC-32 of the first bytes of a file."""
    total = 0
    with path.open("rb") as stream:
        while size > 0 and (piece := stream.read(min(PIECE, size))):
            total = zlib.crc32(piece, total)
            size -= len(piece)
    return total
