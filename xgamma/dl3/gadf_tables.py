"""What GADF says of each HDU: its columns, units and axes, and how to recognise it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from xgamma.fits.tables import Table

__all__ = ["GROUPS", "RESPONSES", "Response", "group_of", "header_attrs"]

GROUPS = ("events", "gti", "pointing", "aeff", "edisp", "psf", "bkg", "rad_max")


class Response(NamedTuple):
    """What GADF says about one kind of response."""

    group: str
    hduclas4: str
    dims: tuple[str, ...]
    # Variable name to its column names (in order of preference) and its unit.
    variables: Mapping[str, tuple[tuple[str, ...], str]]


_GAUSS = {
    "scale": (("SCALE",), "sr-1"),
    **{f"sigma_{i}": ((f"SIGMA_{i}",), "deg") for i in (1, 2, 3)},
    **{f"ampl_{i}": ((f"AMPL_{i}",), "") for i in (2, 3)},
}
_BKG = {"bkg": (("BKG", "BGD"), "MeV-1 s-1 sr-1")}
_OFFSET = ("energy_true", "offset")
RESPONSES = {
    r.hduclas4: r
    for r in (
        Response("aeff", "AEFF_2D", _OFFSET, {"aeff": (("EFFAREA",), "m2")}),
        Response(
            "edisp", "EDISP_2D", ("energy_true", "migra", "offset"), {"edisp": (("MATRIX",), "")}
        ),
        Response("psf", "PSF_TABLE", (*_OFFSET, "rad"), {"psf": (("RPSF",), "sr-1")}),
        Response("psf", "PSF_3GAUSS", _OFFSET, _GAUSS),
        Response(
            "psf", "PSF_KING", _OFFSET, {"gamma": (("GAMMA",), ""), "sigma": (("SIGMA",), "deg")}
        ),
        Response("bkg", "BKG_3D", ("energy", "dety", "detx"), _BKG),
        Response("bkg", "BKG_2D", ("energy", "offset"), _BKG),
        Response("rad_max", "RAD_MAX_2D", ("energy", "offset"), {"rad_max": (("RAD_MAX",), "deg")}),
    )
}
# Axis column prefix: dimension, unit, scale.
AXES = {
    "ENERG": ("energy_true", "TeV", "log"),
    "ETRUE": ("energy_true", "TeV", "log"),
    "THETA": ("offset", "deg", "lin"),
    "MIGRA": ("migra", "", "lin"),
    "RAD": ("rad", "deg", "lin"),
    "DETX": ("detx", "deg", "lin"),
    "DETY": ("dety", "deg", "lin"),
}
COLUMN_UNITS = {
    "events": {"TIME": "s", "RA": "deg", "DEC": "deg", "ENERGY": "TeV"},
    "gti": {"START": "s", "STOP": "s"},
    "pointing": {"TIME": "s", "RA_PNT": "deg", "DEC_PNT": "deg", "ALT_PNT": "deg", "AZ_PNT": "deg"},
}
REQUIRED = {
    "events": ("TIME", "RA", "DEC", "ENERGY"),
    "gti": ("START", "STOP"),
    "pointing": ("TIME",),
}
DIMS = {"events": "event", "gti": "gti", "pointing": "pointing_time"}
_CLASSES = {"EVENTS": "events", "GTI": "gti", "POINTING": "pointing"}
_RESPONSE_CLASSES = {
    "EFF_AREA": "aeff",
    "EDISP": "edisp",
    "RPSF": "psf",
    "PSF": "psf",
    "BKG": "bkg",
    "RAD_MAX": "rad_max",
}
_NAMES = {
    **_CLASSES,
    "STDGTI": "gti",
    "AEFF": "aeff",
    "AEFF_2D": "aeff",
    "EFFECTIVE AREA": "aeff",
    "EDISP": "edisp",
    "EDISP_2D": "edisp",
    "ENERGY DISPERSION": "edisp",
    "PSF": "psf",
    "POINT SPREAD FUNCTION": "psf",
    "BKG": "bkg",
    "BACKGROUND": "bkg",
    "RAD_MAX": "rad_max",
}
_SIGNATURES = (
    ("events", {"TIME", "RA", "DEC", "ENERGY"}),
    ("gti", {"START", "STOP"}),
    ("aeff", {"EFFAREA"}),
    ("edisp", {"MATRIX", "MIGRA_LO"}),
    ("psf", {"RPSF"}),
    ("psf", {"SCALE", "SIGMA_1"}),
    ("psf", {"GAMMA", "SIGMA"}),
    ("bkg", {"BKG"}),
    ("bkg", {"BGD"}),
    ("rad_max", {"RAD_MAX"}),
)
_STRUCTURAL = re.compile(
    r"XTENSION|BITPIX|NAXIS\d*|[PG]COUNT|TFIELDS|T(?:TYPE|FORM|UNIT|DIM|NULL|SCAL|ZERO|DISP)\d+"
    r"|THEAP|SIMPLE|EXTEND|CHECKSUM|DATASUM|LONGSTRN"
)


def group_of(table: Table) -> str | None:
    """Return the group that a table belongs to, or None when it is no DL3 table.

    HDUCLAS1 and HDUCLAS2 decide, then EXTNAME, then the columns.
    """
    header = table.header
    first = str(header.get("HDUCLAS1") or "").upper()
    if first == "INDEX":
        return None
    if first in _CLASSES:
        return _CLASSES[first]
    second = str(header.get("HDUCLAS2") or "").upper()
    if first == "RESPONSE" and second in _RESPONSE_CLASSES:
        return _RESPONSE_CLASSES[second]
    name = table.name.strip().upper()
    if name in _NAMES:
        return _NAMES[name]
    columns = set(table.columns)
    return next((group for group, signature in _SIGNATURES if signature <= columns), None)


def header_attrs(header: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords that are not about the layout of the table, as attributes."""
    return {
        key: int(value) if isinstance(value, bool) else value
        for key, value in header.items()
        if value is not None and not _STRUCTURAL.fullmatch(key)
    }
