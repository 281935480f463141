"""The bytes of a FITS file and its headers, read and decompressed once."""

from __future__ import annotations

import math
import os
import re
import zlib
from pathlib import Path
from typing import Any

from xgamma.core.bounds import allowed_bytes, require_regular
from xgamma.errors import MissingFileError, XGammaError

__all__ = ["is_fits_name", "parse_header", "parse_value", "read_bytes"]

BLOCK = 2880
CARD = 80
GZIP_MAGIC = b"\x1f\x8b"
_STRING = re.compile(r"'((?:[^']|'')*)'")


def is_fits_name(path: str | os.PathLike[str]) -> bool:
    """Return whether a name is that of a FITS file, gzipped or not.

    Examples
    --------
    >>> is_fits_name("run.FITS.gz"), is_fits_name("run.nc")
    (True, False)
    """
    name = os.fspath(path).lower().removesuffix(".gz")
    return name.endswith((".fits", ".fit", ".fts"))


def read_bytes(path: Path) -> bytes:
    """Read a file whole, decompressing it if it is gzipped.

    Parameters
    ----------
    path : Path
        File; compression is recognised by content, not by name.

    Returns
    -------
    data : bytes
        Decompressed content.

    Raises
    ------
    MissingDataError
        If there is no such file.
    XGammaError
        If the compressed stream is truncated or damaged.
    """
    require_regular(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        cure = "check the path, or the FILE_DIR and FILE_NAME of the HDU index"
        if "$" in str(path):
            cure = "set the environment variable in its name"
        raise MissingFileError(f"The file {path} does not exist: {cure}.") from None
    except OSError as error:
        raise XGammaError(f"The file {path} cannot be read: {error.strerror}.") from error
    if not data.startswith(GZIP_MAGIC):
        return data
    members, left = [], allowed_bytes()
    try:
        while data.startswith(GZIP_MAGIC):
            stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
            members.append(stream.decompress(data, left + 1))
            left -= len(members[-1])
            if left < 0:
                raise XGammaError(
                    f"The file {path} unpacks to more than {allowed_bytes() / 1e9:g} GB: unpack it (gunzip), or allow it with xg.set_options(max_bytes=...)."
                )
            if not stream.eof:
                raise XGammaError(
                    f"The file {path} is truncated: its gzip stream ends early; download it again."
                )
            data = stream.unused_data
    except MemoryError:
        raise XGammaError(
            f"The file {path} does not fit into memory when unpacked: unpack it (gunzip) first."
        ) from None
    except zlib.error as error:
        raise XGammaError(f"The file {path} is damaged ({error}): download it again.") from None
    return members[0] if len(members) == 1 else b"".join(members)


def parse_value(text: str) -> Any:
    """Return the value of a header card from what follows its ``=``.

    Examples
    --------
    >>> parse_value(" 'O''Hara  ' / observer"), parse_value(" 1.5D3 / s"), parse_value(" T")
    ("O'Hara", 1500.0, True)
    """
    text = text.lstrip()
    if text.startswith("'"):
        match = _STRING.match(text)
        return match[1].replace("''", "'").rstrip() if match else text[1:].rstrip()
    word = text.partition("/")[0].strip()
    if word in ("T", "F"):
        return word == "T"
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    try:
        return float(word.replace("D", "E").replace("d", "e"))
    except ValueError:
        return word or None


def parse_header(data: bytes, start: int, path: Path | str = "") -> tuple[dict[str, Any], int]:
    """Parse one FITS header.

    Parameters
    ----------
    data : bytes
        Content of the file.
    start : int
        Where the header begins.
    path : Path or str
        File name for the error message.

    Returns
    -------
    header : dict
        Keyword to value, in file order, without COMMENT and HISTORY.
    stop : int
        Where the data that follow begin.

    Raises
    ------
    XGammaError
        If the header has no END.
    """
    end = data.find(b"END     ", start)
    while end >= 0 and (end - start) % CARD:
        end = data.find(b"END     ", end + 1)
    if end < 0:
        raise XGammaError(
            f"The file {path} is truncated: a FITS header has no END card; download it again."
        )
    text = data[start:end].decode("latin-1")
    header: dict[str, Any] = {}
    key = ""
    for position in range(0, len(text), CARD):
        card = text[position : position + CARD]
        if card[8:10] == "= ":
            key = card[:8].rstrip()
            header[key] = parse_value(card[10:])
        elif card.startswith("CONTINUE") and isinstance(header.get(key), str):
            header[key] = header[key].removesuffix("&") + str(parse_value(card[8:]))
        elif card.startswith("HIERARCH") and "=" in card:
            key, _, value = card[8:].partition("=")
            key = key.strip().upper()
            header[key] = parse_value(value)
    return header, start + math.ceil((end + CARD - start) / BLOCK) * BLOCK
