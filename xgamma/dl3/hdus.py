"""From the groups of an observation to the HDUs that GADF 0.3 describes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.errors import AxisError, MissingDataError, XGammaError
from xgamma.fits.bintable import BinTable, Column, bin_table

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["IRF_LAYOUTS", "IRFLayout", "event_hdu", "gti_hdu", "irf_hdu", "pointing_hdu"]

GADF_KEYWORDS = {
    "HDUCLASS": "GADF",
    "HDUDOC": "https://github.com/open-gamma-ray-astro/gamma-astro-data-formats",
    "HDUVERS": "0.3",
}
# Keywords that describe the table itself: made anew for each file, never copied from attrs.
STRUCTURAL = re.compile(
    r"(SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|GROUPS|EXTEND|TFIELDS|EXTNAME|EXTVER|EXTLEVEL"
    r"|CHECKSUM|DATASUM|THEAP|COMMENT|HISTORY|"
    r"(TTYPE|TFORM|TUNIT|TDIM|TNULL|TSCAL|TZERO|TDISP|TBCOL|CREF)\d+)"
)
AXIS_COLUMNS = {
    "energy": "ENERG",
    "energy_true": "ENERG",
    "offset": "THETA",
    "migra": "MIGRA",
    "rad": "RAD",
    "detx": "DETX",
    "dety": "DETY",
}


@dataclass(frozen=True)
class IRFLayout:
    """How one kind of response lies in its HDU.

    Attributes
    ----------
    group : str
        Name of the group in the observation.
    extname, hduclas2 : str
        Name of the HDU and its second class.
    dims : tuple of str
        Dimensions of the response in the order of GADF, the fastest first.
    columns : dict
        Variable to column name.
    """

    group: str
    extname: str
    hduclas2: str
    dims: tuple[str, ...]
    columns: Mapping[str, str]


def _parameters(*names: str) -> dict[str, str]:
    return {name: name.upper() for name in names}


IRF_LAYOUTS: dict[str, IRFLayout] = {
    "AEFF_2D": IRFLayout(
        "aeff", "AEFF", "EFF_AREA", ("energy_true", "offset"), {"aeff": "EFFAREA"}
    ),
    "EDISP_2D": IRFLayout(
        "edisp", "EDISP", "EDISP", ("energy_true", "migra", "offset"), {"edisp": "MATRIX"}
    ),
    "PSF_TABLE": IRFLayout("psf", "PSF", "RPSF", ("energy_true", "offset", "rad"), {"psf": "RPSF"}),
    "PSF_3GAUSS": IRFLayout(
        "psf",
        "PSF",
        "RPSF",
        ("energy_true", "offset"),
        _parameters("scale", "sigma_1", "ampl_2", "sigma_2", "ampl_3", "sigma_3"),
    ),
    "PSF_KING": IRFLayout(
        "psf", "PSF", "RPSF", ("energy_true", "offset"), _parameters("gamma", "sigma")
    ),
    "BKG_2D": IRFLayout("bkg", "BKG", "BKG", ("energy", "offset"), {"bkg": "BKG"}),
    "BKG_3D": IRFLayout("bkg", "BKG", "BKG", ("energy", "detx", "dety"), {"bkg": "BKG"}),
    "RAD_MAX_2D": IRFLayout(
        "rad_max", "RAD_MAX", "RAD_MAX", ("energy", "offset"), {"rad_max": "RAD_MAX"}
    ),
}


def layout_of(group: xr.Dataset, name: str) -> tuple[str, IRFLayout]:
    """Return the GADF class of a response group, and how it is laid out."""
    hduclas4 = str(group.attrs.get("HDUCLAS4", "")).upper()
    layout = IRF_LAYOUTS.get(hduclas4)
    if layout is None or layout.group != name:
        known = [key for key, value in IRF_LAYOUTS.items() if value.group == name]
        raise XGammaError(
            f"The group '{name}' has HDUCLAS4={hduclas4!r}: set its attribute to one of "
            f"{', '.join(known)}."
        )
    return hduclas4, layout


def irf_hdu(group: xr.Dataset, name: str) -> BinTable:
    """Make the HDU of a response.

    Parameters
    ----------
    group : Dataset
        A response as the observation schema has it, with ``HDUCLAS4`` in its attributes.
    name : str
        Name of the group: ``aeff``, ``edisp``, ``psf``, ``bkg`` or ``rad_max``.

    Returns
    -------
    hdu : `BinTable`
        One row with the axes' edges, then the values, the axis named first in GADF the fastest.

    Raises
    ------
    XGammaError
        If the class is not known.
    MissingDataError
        If a variable of that class is absent.
    AxisError
        If its dimensions or the edges of an axis are not those of that class.
    """
    hduclas4, layout = layout_of(group, name)
    columns = [column for dim in layout.dims for column in _edge_columns(group, name, dim)]
    for variable, column in layout.columns.items():
        columns.append(_value_column(group, name, variable, column, layout.dims))
    header = _header(
        GADF_KEYWORDS,
        group.attrs,
        {
            **GADF_KEYWORDS,
            "HDUCLAS1": "RESPONSE",
            "HDUCLAS2": layout.hduclas2,
            "HDUCLAS3": group.attrs.get("HDUCLAS3", "FULL-ENCLOSURE"),
            "HDUCLAS4": hduclas4,
        },
    )
    spans = ",".join(f"{AXIS_COLUMNS[dim]}_LO:{AXIS_COLUMNS[dim]}_HI" for dim in layout.dims)
    first = 2 * len(layout.dims) + 1
    for number in range(first, first + len(layout.columns)):
        header[f"CREF{number}"] = f"({spans})"
    return bin_table(columns, header, layout.extname)


def event_hdu(events: xr.Dataset, keywords: Mapping[Any, Any]) -> BinTable:
    """Make the EVENTS HDU from the group and the keywords at the observation's root.

    Parameters
    ----------
    events : Dataset
        Dim ``event``; at least ``event_id``, ``time`` (s), ``ra``, ``dec`` (deg), ``energy``.
    keywords : mapping
        Attributes of the root, which hold the keywords of the run.

    Returns
    -------
    hdu : `BinTable`
        A row an event.

    Raises
    ------
    MissingDataError
        If one of the mandatory columns is absent.
    """
    _require(events, ("event_id", "time", "ra", "dec", "energy"), "events")
    classes = {**GADF_KEYWORDS, "HDUCLAS1": "EVENTS"}
    return bin_table(_columns(events, "event"), _header(keywords, events.attrs, classes), "EVENTS")


def gti_hdu(gti: xr.Dataset, keywords: Mapping[Any, Any]) -> BinTable:
    """Make the GTI HDU; keywords of the time system come from the run where the group has none.

    Parameters
    ----------
    gti : Dataset
        Dim ``gti``: ``start``, ``stop`` in s since MJDREF.
    keywords : mapping
        Attributes of the root.

    Returns
    -------
    hdu : `BinTable`
        A row an interval.
    """
    _require(gti, ("start", "stop"), "gti")
    names = ("MJDREFI", "MJDREFF", "TIMEUNIT", "TIMESYS", "TIMEREF", "TSTART", "TSTOP", "OBS_ID")
    shared = {name: keywords[name] for name in names if name in keywords}
    classes = {**GADF_KEYWORDS, "HDUCLAS1": "GTI"}
    return bin_table(_columns(gti, "gti"), _header(shared, gti.attrs, classes), "GTI")


def pointing_hdu(pointing: xr.Dataset, keywords: Mapping[Any, Any]) -> BinTable | None:
    """Make the POINTING HDU, or None where the pointing is the one of the header.

    Parameters
    ----------
    pointing : Dataset
        With dim ``pointing_time``: ``time``, ``ra_pnt``, ``dec_pnt``, …
    keywords : mapping
        Attributes of the root.

    Returns
    -------
    hdu : `BinTable` or None
        A row a time.
    """
    if "pointing_time" not in pointing.dims:
        return None
    _require(pointing, ("time", "ra_pnt", "dec_pnt"), "pointing")
    names = ("MJDREFI", "MJDREFF", "TIMEUNIT", "TIMESYS", "TIMEREF")
    location = ("GEOLON", "GEOLAT", "ALTITUDE", "OBS_ID")
    shared = {name: keywords[name] for name in names + location if name in keywords}
    classes = {**GADF_KEYWORDS, "HDUCLAS1": "POINTING"}
    return bin_table(
        _columns(pointing, "pointing_time"), _header(shared, pointing.attrs, classes), "POINTING"
    )


def _require(group: xr.Dataset, names: Iterable[str], where: str) -> None:
    for name in names:
        if name not in group:
            raise MissingDataError(
                f"The group '{where}' lacks the variable '{name}', which GADF asks for: add it."
            )


def _header(*keywords: Mapping[Any, Any]) -> fits.Header:
    """Make a header of all keywords that FITS can hold; later mappings win."""
    from astropy.io import fits

    header = fits.Header()
    for mapping in keywords:
        for key, value in mapping.items():
            if _is_keyword(key) and _is_card_value(value):
                header[str(key)] = value.item() if isinstance(value, np.generic) else value
    return header


def _is_keyword(key: Any) -> bool:
    """Tell a FITS keyword of the user's from xarray's attributes and the table's structure."""
    return (
        isinstance(key, str)
        and re.fullmatch(r"[A-Z0-9_-]{1,8}", key) is not None
        and STRUCTURAL.fullmatch(key) is None
    )


def _is_card_value(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isprintable()
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return True
    return isinstance(value, (float, np.floating)) and math.isfinite(value)


def _edge_columns(group: xr.Dataset, name: str, dim: str) -> list[Column]:
    if dim not in group.dims:
        raise AxisError(f"The group '{name}' has no dimension '{dim}': its class needs one.")
    units = group[dim].attrs.get("units", "") if dim in group.coords else ""
    columns = []
    for edge in ("lo", "hi"):
        if f"{dim}_{edge}" not in group.coords:
            raise AxisError(
                f"The group '{name}' has no edges '{dim}_{edge}': make axes with edges."
            )
        values = np.atleast_1d(group[f"{dim}_{edge}"].values)
        columns.append(Column(f"{AXIS_COLUMNS[dim]}_{edge.upper()}", values[np.newaxis], units))
    return columns


def _value_column(
    group: xr.Dataset, name: str, variable: str, column: str, dims: tuple[str, ...]
) -> Column:
    _require(group, (variable,), name)
    array = group[variable]
    if set(array.dims) != set(dims):
        raise AxisError(
            f"The variable '{variable}' has the dimensions {array.dims}, not {dims}: "
            "its HDUCLAS4 does not describe it."
        )
    values = array.transpose(*reversed(dims)).values
    return Column(column, values[np.newaxis], str(array.attrs.get("units", "")))


def _columns(group: xr.Dataset, dim: str) -> list[Column]:
    """Make a column of each variable that has the rows' dimension first."""
    names = [n for n, v in group.variables.items() if v.dims[:1] == (dim,) and n != dim]
    return [
        Column(str(n).upper(), group[n].values, str(group[n].attrs.get("units", ""))) for n in names
    ]
