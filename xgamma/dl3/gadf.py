"""GADF tables as labelled datasets: events, GTIs, pointing and responses.

Follows the "Data formats for gamma-ray astronomy" (GADF) 0.2 and 0.3, and the
dialects found in the wild: HDUs that lack their HDUCLAS keywords, ``ETRUE``
for ``ENERG``, ``BGD`` for ``BKG``, units written with solidi or carets.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from xarray.core import indexing

from xgamma.axes import LONG_NAMES
from xgamma.dl3.fits_table import LazyColumn, Table
from xgamma.errors import AxisError, MissingDataError, UnitError, XGammaError, XGammaWarning
from xgamma.units import conversion, parse_unit

__all__ = ["GROUPS", "check_finite", "group_of", "read_hdu"]

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
_AXES = {
    "ENERG": ("energy_true", "TeV", "log"),
    "ETRUE": ("energy_true", "TeV", "log"),
    "THETA": ("offset", "deg", "lin"),
    "MIGRA": ("migra", "", "lin"),
    "RAD": ("rad", "deg", "lin"),
    "DETX": ("detx", "deg", "lin"),
    "DETY": ("dety", "deg", "lin"),
}
_COLUMN_UNITS = {
    "events": {"TIME": "s", "RA": "deg", "DEC": "deg", "ENERGY": "TeV"},
    "gti": {"START": "s", "STOP": "s"},
    "pointing": {"TIME": "s", "RA_PNT": "deg", "DEC_PNT": "deg", "ALT_PNT": "deg", "AZ_PNT": "deg"},
}
_REQUIRED = {
    "events": ("TIME", "RA", "DEC", "ENERGY"),
    "gti": ("START", "STOP"),
    "pointing": ("TIME",),
}
_DIMS = {"events": "event", "gti": "gti", "pointing": "pointing_time"}
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


def read_hdu(table: Table, group: str | None = None, shared: bool = False) -> xr.Dataset:
    """Return one table as a labelled dataset whose variables load on first use.

    Parameters
    ----------
    table : Table
        A GADF table.
    group : str, optional
        Which of `GROUPS` it is; recognised when absent.
    shared : bool
        Whether several observations will hold this dataset: its values are then
        read-only.

    Returns
    -------
    dataset : Dataset
        Dims and units as in the data model (see the page "DL3 files"); the
        HDU's keywords as attributes.

    Raises
    ------
    MissingDataError
        If a column is missing or the table is no DL3 table.
    UnitError
        If a unit is of the wrong kind.
    AxisError
        If a response does not have the shape of its axes.
    """
    group = group or group_of(table)
    if group is None:
        raise MissingDataError(
            f"The HDU {table.name!r} of {table.file.path} is no DL3 table: "
            f"neither HDUCLAS1, nor its name, nor its columns say what it is."
        )
    read = _read_table if group in _DIMS else _read_response
    dataset = read(table, group, shared)
    dataset.encoding["source"] = str(table.file.path)
    return dataset


def _read_table(table: Table, group: str, shared: bool) -> xr.Dataset:
    """Return events, GTIs or pointings: one row, one label-less entry."""
    for name in _REQUIRED[group]:
        table[name]
    dim, known = _DIMS[group], _COLUMN_UNITS[group]
    variables = {}
    for name, column in table.columns.items():
        unit, factor = _unit(table, name, known.get(name))
        lazy = LazyColumn(table, name, factor=factor, frozen=shared)
        dims = (dim, *(f"{name.lower()}_{i}" for i in range(1, len(lazy.shape))))
        attrs = {"units": unit} if unit or column.unit is not None else {}
        variables[name.lower()] = _variable(dims, lazy, attrs)
    return xr.Dataset(variables, attrs=header_attrs(table.header))


def _read_response(table: Table, group: str, shared: bool) -> xr.Dataset:
    """Return a response on its axes."""
    response = RESPONSES[_response_kind(table, group)]
    if table.nrows < 1:
        raise MissingDataError(f"The HDU {table.name!r} of {table.file.path} has no rows.")
    names = [n[:-3] for n in table.columns if n.endswith("_LO") and n[:-3] in _AXES]
    axes = tuple(_axis(table, prefix, response) for prefix in names)
    order = [axis.dim for axis in axes]
    missing = [dim for dim in response.dims if dim not in order]
    if missing:
        raise MissingDataError(
            f"The HDU {table.name!r} of {table.file.path} is a {response.hduclas4} without the axis "
            f"{', '.join(missing)}: its columns are {', '.join(table.columns)}."
        )
    coords = _coordinates(axes)
    sizes = {dim: coords[dim].size for dim in order}
    layout = _c_order(order)
    variables = {}
    for variable, (candidates, wanted) in response.variables.items():
        column = next((c for c in candidates if c in table.columns), candidates[0])
        shape, transposed = _cell_layout(table, column, layout, sizes, response.dims)
        unit, factor = _unit(table, column, wanted)
        lazy = LazyColumn(table, column, 0, shape, transposed, factor, frozen=shared)
        variables[variable] = _variable(response.dims, lazy, {"units": unit})
    attrs = header_attrs(table.header)
    attrs["HDUCLAS3"] = str(attrs.get("HDUCLAS3", "FULL-ENCLOSURE")).upper()
    attrs["HDUCLAS4"] = response.hduclas4
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _response_kind(table: Table, group: str) -> str:
    """Return HDUCLAS4 in GADF's spelling, from the columns (files write '2D', '3GAUSS', …)."""
    if group == "psf":
        kinds = {"RPSF": "PSF_TABLE", "SIGMA_1": "PSF_3GAUSS", "GAMMA": "PSF_KING"}
        for column, kind in kinds.items():
            if column in table.columns:
                return kind
        raise MissingDataError(
            f"The HDU {table.name!r} of {table.file.path} is no PSF that can be read: it needs the "
            f"columns of PSF_TABLE (RPSF), PSF_3GAUSS (SCALE, SIGMA_1, …) or PSF_KING (GAMMA, SIGMA)."
        )
    if group == "bkg":
        return "BKG_3D" if "DETX_LO" in table.columns else "BKG_2D"
    return {"aeff": "AEFF_2D", "edisp": "EDISP_2D", "rad_max": "RAD_MAX_2D"}[group]


class Axis(NamedTuple):
    """An axis as a key of the cache: the runs of an archive share theirs."""

    dim: str
    unit: str
    interp: str
    lo: bytes
    hi: bytes


def _axis(table: Table, prefix: str, response: Response) -> Axis:
    """Return the edges of an axis, float64, in the unit that GADF prescribes."""
    dim, wanted, interp = _AXES[prefix]
    if dim == "energy_true" and "energy" in response.dims:
        dim = "energy"
    bounds = []
    for suffix in ("LO", "HI"):
        name = f"{prefix}_{suffix}"
        unit, factor = _unit(table, name, wanted)
        values = np.atleast_1d(table.read(name)[0]).astype(float).ravel()
        bounds.append(values * factor if factor != 1.0 else values)
    lo, hi = bounds
    if lo.shape != hi.shape:
        raise AxisError(
            f"The axis {prefix} of the HDU {table.name!r} of {table.file.path} has {lo.size} lower "
            f"and {hi.size} upper edges: they must be as many."
        )
    return Axis(dim, unit, interp, lo.tobytes(), hi.tobytes())


@functools.lru_cache(maxsize=128)
def _coordinates(axes: tuple[Axis, ...]) -> xr.Coordinates:
    """Return the coordinates of axes, with their indexes; the values are read-only.

    Centres of energies are geometric means, of a bin that starts at zero and of
    other axes arithmetic ones. Nodes (lower edge = upper edge) stay nodes.
    """
    coords = {}
    for dim, unit, interp, lo_bytes, hi_bytes in axes:
        lo, hi = np.frombuffer(lo_bytes), np.array(np.frombuffer(hi_bytes))
        gap = np.abs(hi[:-1] - lo[1:])
        if np.all(gap <= 1e-5 * (hi - lo)[1:]):
            # Float32 writers let neighbours differ in the last digit: one edge, one number.
            hi[:-1] = lo[1:]
        center = 0.5 * (lo + hi)
        if interp == "log":
            center = np.where(lo > 0, np.sqrt(np.abs(lo * hi)), center)
        hi.flags.writeable = center.flags.writeable = False
        name = LONG_NAMES.get(dim, dim)
        coords[dim] = (dim, center, {"units": unit, "interp": interp, "long_name": name})
        coords[f"{dim}_lo"] = (dim, lo, {"units": unit, "long_name": f"lower edge of {name}"})
        coords[f"{dim}_hi"] = (dim, hi, {"units": unit, "long_name": f"upper edge of {name}"})
    return xr.Dataset(coords=coords).coords


def _c_order(columns: list[str]) -> list[str]:
    """Return the axes of a cell in C order (slowest first) from their order in the table.

    The first axis in the table varies fastest (GADF), but where a 3-D background has
    its energy last, files hold (energy, detx, dety): of the events of the 29 runs of
    H.E.S.S. DL3 DR1 this order is favoured by 224 in the logarithm of the likelihood.
    """
    if set(columns) == {"energy", "detx", "dety"} and columns[-1] == "energy":
        return ["energy", "detx", "dety"]
    return columns[::-1]


def _cell_layout(
    table: Table, column: str, order: list[str], sizes: dict[str, int], dims: tuple[str, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the C-order shape of a response cell and the axes that bring it to `dims`.

    The first axis in the table varies fastest (GADF); where TDIM contradicts
    that, the reverse order is tried, then the one order that fits.
    """
    expected = tuple(sizes[dim] for dim in order)
    shape = table[column].shape
    if table[column].is_variable:
        shape = table.read(column)[0].shape
    if len(shape) == len(order) and shape != expected and sorted(shape) == sorted(expected):
        if shape == expected[::-1]:
            order = order[::-1]
        elif len(set(expected)) == len(expected):
            order = [next(d for d in sizes if sizes[d] == n) for n in shape]
        else:
            raise AxisError(_layout_message(table, column, order, sizes, shape))
        expected = shape
    if int(np.prod(shape)) != int(np.prod(expected)):
        raise AxisError(_layout_message(table, column, order, sizes, shape))
    return expected, tuple(order.index(dim) for dim in dims)


def _layout_message(
    table: Table, column: str, order: list[str], sizes: dict[str, int], shape: tuple[int, ...]
) -> str:
    axes = ", ".join(f"{dim}: {sizes[dim]}" for dim in order)
    return (
        f"The column {column} of the HDU {table.name!r} of {table.file.path} has the shape {shape}, "
        f"its axes say ({axes}): mend TDIM or the axis columns."
    )


def _variable(dims: tuple[str, ...], lazy: LazyColumn, attrs: dict[str, Any]) -> xr.Variable:
    """Wrap a column so that it is read once, on first use, and never shared by a copy."""
    array: Any = indexing.LazilyIndexedArray(lazy)
    return xr.Variable(dims, indexing.MemoryCachedArray(indexing.CopyOnWriteArray(array)), attrs)


def _unit(table: Table, name: str, expected: str | None) -> tuple[str, float]:
    """Return the unit in which a column is given to the user and the factor to get there.

    Columns with a unit fixed by GADF come in that unit, except background rates
    (per TeV or per MeV), which keep theirs. A missing unit is GADF's, with a warning;
    times take TIMEUNIT of the header first, which is what GADF says of them.
    """
    text = table[name].unit
    if text is None or not text.strip():
        if expected is None:
            return "", 1.0
        if expected == "s":
            text = str(table.header.get("TIMEUNIT") or "")
        elif expected and name != "SCALE":
            # GADF gives SCALE of PSF_3GAUSS no unit, though it is a density: sr-1.
            _warn_missing_unit(str(table.file.path.parent), table.name, name, expected)
        text = text or expected
    try:
        if expected is None:
            return _canonical(text), 1.0
        if name in ("BKG", "BGD"):
            conversion(text, expected)
            return _canonical(text), 1.0
        return expected, conversion(text, expected)
    except UnitError:
        if expected is None:
            return text, 1.0
        raise UnitError(
            f"The column {name} of the HDU {table.name!r} of {table.file.path} has the unit {text!r}, "
            f"which cannot be turned into {expected or 'a plain number'}: mend TUNIT in the file."
        ) from None


@functools.lru_cache(maxsize=256)
def _canonical(text: str) -> str:
    """Return a unit in the spelling of the FITS standard."""
    unit = parse_unit(text)
    try:
        return str(unit.to_string("fits"))
    except ValueError:
        return str(unit.to_string())


@functools.lru_cache(maxsize=1024)
def _warn_missing_unit(folder: str, hdu: str, column: str, expected: str) -> None:
    """Warn once for a folder, not once for each of its thousand runs."""
    warnings.warn(
        f"The column {column} of the HDU {hdu!r} has no unit in files of {folder}: "
        f"{expected}, which GADF prescribes, is assumed.",
        XGammaWarning,
        stacklevel=6,
    )


def column_unit(table: Table, name: str) -> str:
    """Return the unit of a column in FITS spelling, "" when it has none."""
    return _unit(table, name, None)[0]


def check_finite(ds: xr.Dataset, name: str, obs_id: int | str | None = None) -> None:
    """Raise if a variable of a response holds NaN or infinity.

    Loading does not check: a run with a bad response can still be looked at.

    Parameters
    ----------
    ds : Dataset
        A response, for instance ``obs["aeff"].to_dataset()``.
    name : str
        Variable, any dims.
    obs_id : int or str, optional
        Run, for the message; taken from OBS_ID when absent.

    Raises
    ------
    XGammaError
        If there are such values: names run, HDU and variable.

    Examples
    --------
    >>> import xarray as xr
    >>> check_finite(xr.Dataset({"aeff": ("offset", [1.0, float("nan")])}), "aeff", 7)
    Traceback (most recent call last):
    xgamma.errors.XGammaError: Run 7: 'aeff' of the HDU 'aeff' holds 1 value that is not finite...
    """
    bad = int((~np.isfinite(ds[name].values)).sum())
    if not bad:
        return
    run = obs_id if obs_id is not None else ds.attrs.get("OBS_ID", "unknown")
    source = ds.encoding.get("source")
    raise XGammaError(
        f"Run {run}: {name!r} of the HDU {ds.attrs.get('EXTNAME', name)!r} holds {bad} "
        f"value{'s' if bad > 1 else ''} that {'are' if bad > 1 else 'is'} not finite"
        f"{f' ({source})' if source else ''}: leave the run out, or replace the "
        f"values, for instance with fillna(0)."
    )
