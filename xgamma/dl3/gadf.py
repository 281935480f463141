"""GADF tables as labelled datasets: events, GTIs, pointing and responses.

Follows the "Data formats for gamma-ray astronomy" (GADF) 0.2 and 0.3, and the
dialects found in the wild: HDUs that lack their HDUCLAS keywords, ``ETRUE``
for ``ENERG``, ``BGD`` for ``BKG``, units written with solidi or carets.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import xarray as xr

from xgamma.dl3.gadf_tables import (
    AXES,
    COLUMN_UNITS,
    DIMS,
    REQUIRED,
    RESPONSES,
    Response,
    group_of,
    header_attrs,
)
from xgamma.dl3.gadf_units import unit_and_factor
from xgamma.errors import AxisError, MissingDataError, XGammaError, warn
from xgamma.fits.lazy_columns import LazyColumn, lazy_variable
from xgamma.fits.tables import Table
from xgamma.model.axes import LONG_NAMES
from xgamma.model.sanity import issue_of_bins

__all__ = ["read_hdu"]

ENCLOSURES = ("FULL-ENCLOSURE", "POINT-LIKE")
# Columns that may hold whole numbers, of seconds; others would be floats read with the wrong TFORM.
WHOLE = ("TIME", "START", "STOP")


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
        If a response does not have the shape of its axes, or the bins of an axis are not finite,
        do not increase, gape, or lie beyond the range that is possible.
    """
    group = group or group_of(table)
    if group is None:
        raise MissingDataError(
            f"The HDU {table.name!r} of {table.file.path} is no DL3 table: "
            f"neither HDUCLAS1, nor its name, nor its columns say what it is."
        )
    read = _read_table if group in DIMS else _read_response
    dataset = read(table, group, shared)
    dataset.encoding["source"] = str(table.file.path)
    return dataset


def _read_table(table: Table, group: str, shared: bool) -> xr.Dataset:
    """Return events, GTIs or pointings: one row, one label-less entry."""
    check_rows(table, REQUIRED[group])
    dim, known = DIMS[group], COLUMN_UNITS[group]
    variables = {}
    for name, column in table.columns.items():
        unit, factor = unit_and_factor(table, name, known.get(name))
        lazy = LazyColumn(table, name, factor=factor, frozen=shared)
        dims = (dim, *(f"{name.lower()}_{i}" for i in range(1, len(lazy.shape))))
        attrs = {"units": unit} if unit or column.unit is not None else {}
        variables[name.lower()] = lazy_variable(dims, lazy, attrs)
    return xr.Dataset(variables, attrs=header_attrs(table.header))


def check_rows(table: Table, required: tuple[str, ...]) -> None:
    """Raise if a table lacks a column, holds something else in it, or counts rows never written.

    Parameters
    ----------
    table : Table
        Events, good time or pointings.
    required : tuple of str
        Columns that GADF asks for: a number a row.

    Raises
    ------
    MissingDataError
        If a column is missing.
    XGammaError
        If a column is there twice or is no number, or the last row is blank.
    """
    where = f"HDU {table.name!r} of {table.file.path}"
    for name in required:
        column = table[name]
        _require_once(table, name, where)
        whole = column.code in "BIJK" and column.scale == 1 and column.zero == 0
        if column.shape or column.code not in "BIJKED" or (whole and name not in WHOLE):
            raise XGammaError(
                f"The column {name} of the {where} has the format {column.code!r}, cells {column.shape}, "
                f"where GADF wants one real number a row: correct TFORM, or fetch the file again."
            )
    table.check_last_row()


def _require_once(table: Table, name: str, where: str) -> None:
    """Raise if a table has two columns of a name: which is meant cannot be told."""
    if name in table.repeated:
        raise XGammaError(f"The {where} has two columns {name}: rename the one that is not meant.")


def _read_response(table: Table, group: str, shared: bool) -> xr.Dataset:
    """Return a response on its axes."""
    response = RESPONSES[_response_kind(table, group)]
    if table.nrows < 1:
        raise MissingDataError(f"The HDU {table.name!r} of {table.file.path} has no rows.")
    names = [n[:-3] for n in table.columns if n.endswith("_LO") and n[:-3] in AXES]
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
        _require_real(table, column)
        shape, transposed = _cell_layout(table, column, layout, sizes, response.dims)
        unit, factor = unit_and_factor(table, column, wanted)
        lazy = LazyColumn(table, column, 0, shape, transposed, factor, frozen=shared)
        variables[variable] = lazy_variable(response.dims, lazy, {"units": unit})
    attrs = header_attrs(table.header)
    attrs["HDUCLAS3"] = _enclosure(table)
    attrs["HDUCLAS4"] = response.hduclas4
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _require_real(table: Table, name: str) -> None:
    """Raise if a column of a response is twice there, or does not hold real numbers."""
    where = f"HDU {table.name!r} of {table.file.path}"
    column = table[name]
    _require_once(table, name, where)
    whole = column.code in "BIJK" and column.scale == 1 and column.zero == 0
    if not column.is_variable and (column.code not in "BIJKED" or whole):
        raise XGammaError(
            f"The column {name} of the {where} has the format {column.code!r}, where GADF wants real "
            f"numbers: correct TFORM, or fetch the file again."
        )


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


def _enclosure(table: Table) -> str:
    """Return what a response holds for: FULL-ENCLOSURE, or POINT-LIKE (the events of a cut)."""
    text = str(table.header.get("HDUCLAS3") or "").strip().upper()
    if text in ENCLOSURES:
        return text
    if text:
        raise XGammaError(
            f"The HDU {table.name!r} of {table.file.path} has HDUCLAS3={text!r}, which is neither "
            f"{' nor '.join(ENCLOSURES)}: correct the header."
        )
    _warn_no_enclosure(str(table.file.path.parent), table.name)
    return ENCLOSURES[0]


@functools.lru_cache(maxsize=1024)
def _warn_no_enclosure(folder: str, hdu: str) -> None:
    """Warn once for a folder."""
    warn(f"The HDU {hdu!r} has no HDUCLAS3 in files of {folder}: FULL-ENCLOSURE is assumed.")


class Axis(NamedTuple):
    """An axis as a key of the cache: the runs of an archive share theirs."""

    dim: str
    unit: str
    interp: str
    lo: bytes
    hi: bytes


def _axis(table: Table, prefix: str, response: Response) -> Axis:
    """Return the edges of an axis, float64, in the unit that GADF prescribes."""
    dim, wanted, interp = AXES[prefix]
    if dim == "energy_true" and "energy" in response.dims:
        dim = "energy"
    bounds = []
    for suffix in ("LO", "HI"):
        name = f"{prefix}_{suffix}"
        _require_real(table, name)
        unit, factor = unit_and_factor(table, name, wanted)
        values = np.atleast_1d(table.read(name)[0]).astype(float).ravel()
        bounds.append(values * factor if factor != 1.0 else values)
    lo, hi = bounds
    if lo.shape != hi.shape:
        raise AxisError(
            f"The axis {prefix} of the HDU {table.name!r} of {table.file.path} has {lo.size} lower "
            f"and {hi.size} upper edges: they must be as many."
        )
    issue = issue_of_bins(dim, lo, hi, wanted, nodes=True)
    if issue is not None:
        raise AxisError(
            f"The bins of the axis {prefix} of the HDU {table.name!r} of {table.file.path} {issue}: "
            f"correct {prefix}_LO and {prefix}_HI in the file."
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

    The first axis in the table varies fastest (GADF). TDIM may be missing, but not say something
    else: which of the two is right cannot be told.
    """
    expected = tuple(sizes[dim] for dim in order)
    shape = table[column].shape
    if table[column].is_variable:
        shape = table.read(column)[0].shape
    same = shape == expected or len(shape) < len(order)
    if not same or int(np.prod(shape)) != int(np.prod(expected)):
        raise AxisError(_layout_message(table, column, order, sizes, shape))
    return expected, tuple(order.index(dim) for dim in dims)


def _layout_message(
    table: Table, column: str, order: list[str], sizes: dict[str, int], shape: tuple[int, ...]
) -> str:
    axes = ", ".join(f"{dim}: {sizes[dim]}" for dim in order)
    return (
        f"The column {column} of the HDU {table.name!r} of {table.file.path} has the shape {shape}, "
        f"its axes say ({axes}): correct TDIM or the axis columns."
    )
