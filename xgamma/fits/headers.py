"""Keywords of FITS headers: which describe the table, which are the user's."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np
from astropy.io import fits

__all__ = ["header_attrs", "header_of", "is_structural"]

# Keywords that describe the layout of a table; they are created again for each file.
_LAYOUT = (
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|[PG]COUNT|EXTEND|TFIELDS|THEAP|CHECKSUM|DATASUM|LONGSTRN"
    r"|T(?:TYPE|FORM|UNIT|DIM|NULL|SCAL|ZERO|DISP)\d+"
)
# Those that a reader keeps, for messages, and a writer makes again.
_OF_THE_FILE = r"GROUPS|EXTNAME|EXTVER|EXTLEVEL|COMMENT|HISTORY|TBCOL\d+|CREF\d+"
_STRUCTURAL = re.compile(_LAYOUT)
_MADE_ANEW = re.compile(f"{_LAYOUT}|{_OF_THE_FILE}")
_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")


def is_structural(key: str) -> bool:
    """Return whether a keyword is made by the writer of a file, never copied from attributes.

    Examples
    --------
    >>> is_structural("TFORM3"), is_structural("EXTNAME"), is_structural("RA_PNT")
    (True, True, False)
    """
    return _MADE_ANEW.fullmatch(key) is not None


def header_attrs(header: Mapping[str, object]) -> dict[str, object]:
    """Return the keywords that are not about the layout of the table, as attributes."""
    return {
        key: int(value) if isinstance(value, bool) else value
        for key, value in header.items()
        if value is not None and not _STRUCTURAL.fullmatch(key)
    }


def header_of(*keywords: Mapping[str, object]) -> fits.Header:
    """Make a header of all keywords that FITS can hold; later mappings win."""
    header = fits.Header()
    for mapping in keywords:
        for key, value in mapping.items():
            if _is_keyword(key) and _is_card_value(value):
                header[key] = value.item() if isinstance(value, np.generic) else value
    return header


def _is_keyword(key: object) -> bool:
    """Return whether a keyword is the user's, as opposed to xarray's attributes and the table's structure."""
    return isinstance(key, str) and _KEYWORD.fullmatch(key) is not None and not is_structural(key)


def _is_card_value(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isprintable()
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return True
    return isinstance(value, (float, np.floating)) and math.isfinite(value)
