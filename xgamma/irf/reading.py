"""Responses from tables of GADF: any kind that the registry knows.

Dialects found in the wild are read too: HDUs that lack their HDUCLAS keywords, ``ETRUE`` for
``ENERG``, ``BGD`` for ``BKG``, units written with solidi or carets.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xgamma.core.lazy_arrays import lazy_variable
from xgamma.errors import AxisError, MissingDataError, XGammaError, warn
from xgamma.fits.checks import require_real
from xgamma.fits.headers import header_attrs
from xgamma.fits.lazy_columns import LazyColumn
from xgamma.fits.tables import Table
from xgamma.fits.units import unit_and_factor
from xgamma.irf.gadf import AXIS_COLUMNS, ENCLOSURES
from xgamma.irf.kind import ResponseKind
from xgamma.irf.registry import kind_of_table
from xgamma.model.assembly import with_data
from xgamma.model.axes import coords_of_bins
from xgamma.model.dimensions import DIMENSIONS
from xgamma.model.sanity import issue_of_bins

__all__ = ["read_response"]


def read_response(table: Table, group: str, shared: bool = False) -> xr.Dataset:
    """Return a response on its axes, as lazy variables.

    Parameters
    ----------
    table : Table
        A table of GADF.
    group : str
        What it is a response of: ``aeff``, ``psf``, …
    shared : bool
        Whether several observations will hold it: its values are then read-only.

    Returns
    -------
    response : Dataset
        Dims, units and names of its kind; the keywords as attributes, with HDUCLAS3 and HDUCLAS4
        in the spelling of GADF.

    Raises
    ------
    MissingDataError
        If a column or an axis is missing.
    UnitError
        If a unit is of the wrong kind.
    AxisError
        If it does not have the shape of its axes, or their bins cannot be.
    """
    kind = kind_of_table(table, group)
    if table.nrows < 1:
        raise MissingDataError(f"The HDU {table.name!r} of {table.file.path} has no rows.")
    names = [n[:-3] for n in table.columns if n.endswith("_LO") and n[:-3] in AXIS_COLUMNS]
    axes = tuple(_axis(table, prefix, kind) for prefix in names)
    order = [axis.dim for axis in axes]
    missing = [dim for dim in kind.dims if dim not in order]
    if missing:
        raise MissingDataError(
            f"The HDU {table.name!r} of {table.file.path} is a {kind.name} table without the "
            f"axis {', '.join(missing)}: its columns are {', '.join(table.columns)}."
        )
    labels = _labels(axes)
    sizes = {dim: labels.sizes[dim] for dim in order}
    layout = _c_order(order)
    variables = {}
    for known in kind.columns:
        column = next((c for c in known.names if c in table.columns), known.names[0])
        require_real(table, column)
        shape, transposed = _cell_layout(table, column, layout, sizes, kind.dims)
        unit, factor = unit_and_factor(table, column, known.unit, known.keeps_unit, known.unitless)
        lazy = LazyColumn(table, column, 0, shape, transposed, factor, frozen=shared)
        variables[known.name] = lazy_variable(kind.dims, lazy, {"units": unit})
    attrs = header_attrs(table.header)
    attrs["HDUCLAS3"] = _enclosure(table)
    attrs["HDUCLAS4"] = kind.name
    return with_data(labels, variables, attrs)


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
    warn(f"The HDU {hdu!r} has no HDUCLAS3 in the files of {folder}: assuming FULL-ENCLOSURE.")


class Axis(NamedTuple):
    """An axis as a key of the cache: the runs of an archive share theirs."""

    dim: str
    unit: str
    interp: str
    lo: bytes
    hi: bytes


def _axis(table: Table, prefix: str, kind: ResponseKind) -> Axis:
    """Return the edges of an axis, float64, in the unit that GADF prescribes."""
    dim = AXIS_COLUMNS[prefix]
    if dim == "energy_true" and "energy" in kind.dims:
        dim = "energy"
    wanted, interp = DIMENSIONS[dim].unit, DIMENSIONS[dim].interp
    bounds = []
    for suffix in ("LO", "HI"):
        name = f"{prefix}_{suffix}"
        require_real(table, name)
        unit, factor = unit_and_factor(table, name, wanted)
        values = np.atleast_1d(table.read(name)[0]).astype(float).ravel()
        bounds.append(values * factor if factor != 1.0 else values)
    lo, hi = bounds
    if lo.shape != hi.shape:
        raise AxisError(
            f"The axis {prefix} of the HDU {table.name!r} of {table.file.path} has {lo.size} "
            f"lower and {hi.size} upper edges: the numbers must be equal."
        )
    issue = issue_of_bins(dim, lo, hi, wanted, nodes=True)
    if issue is not None:
        raise AxisError(
            f"The bins of the axis {prefix} of the HDU {table.name!r} of {table.file.path} {issue}: "
            f"correct {prefix}_LO and {prefix}_HI in the file."
        )
    return Axis(dim, unit, interp, lo.tobytes(), hi.tobytes())


@functools.lru_cache(maxsize=128)
def _labels(axes: tuple[Axis, ...]) -> xr.Dataset:
    """Return the coordinates of axes, with their indexes; the values are read-only.

    Centres of energies are geometric means, of a bin that starts at zero and of
    other axes arithmetic ones. Nodes (lower edge = upper edge) stay nodes.
    """
    coords: dict[str, Any] = {}
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
        coords |= coords_of_bins(center, lo, hi, dim, unit, interp)
    return xr.Dataset(coords=coords)


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
        f"The column {column} of the HDU {table.name!r} of {table.file.path} has the shape "
        f"{shape}, but its axes have the shape ({axes}): correct TDIM or the axis columns."
    )
