"""Axes of FITS maps: band tables to axes and back.

The layout is that of GADF sky maps (https://gamma-astro-data-formats.readthedocs.io,
"Sky maps"): one row a plane of the image, columns for the centre and the bounds of each
axis, and the keywords ``AXCOLSi`` that name them, fastest axis first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.units import parse_unit
from xgamma.errors import AxisError, MissingDataError, UnitError
from xgamma.fits.files import HDU, FitsFile
from xgamma.fits.tables import Table
from xgamma.model.axes import NODE, axis_coords_from_bounds, bounds_between, edges
from xgamma.model.sanity import issue_of_bins

__all__ = [
    "Axis",
    "axis_of",
    "band_columns",
    "band_keywords",
    "band_sizes",
    "band_table",
    "read_bands",
]

MAX_AXES = 5
BAND_TABLES = ("EBOUNDS", "ENERGIES")
TOLERANCE = 1e-6
NOT_NEGATIVE = ("rad", "offset")
OLD_NAMES = {"theta": "rad", "e": "energy", "energ": "energy"}


@dataclass(frozen=True)
class Axis:
    """Bins of one axis: bounds in a unit; or nodes, with bounds halfway between them."""

    name: str
    lo: np.ndarray
    hi: np.ndarray
    units: str
    interp: str
    nodes: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Number of bins."""
        return int(self.lo.size)

    @property
    def center(self) -> np.ndarray:
        """Bin centres."""
        return np.asarray(self.coords()[self.name].values)

    def coords(self) -> dict[str, xr.Variable]:
        """Return the three coordinate variables."""
        triples = axis_coords_from_bounds(self.lo, self.hi, self.name, self.units, self.interp)
        if self.nodes is not None:
            dim, _, attrs = triples[self.name]
            triples[self.name] = (dim, self.nodes, {**attrs, "node_type": NODE})
        return {key: xr.Variable(*triple) for key, triple in triples.items()}

    def renamed(self, name: str) -> Axis:
        """Return the axis under another name."""
        return Axis(name, self.lo, self.hi, self.units, self.interp, self.nodes)

    def same(self, other: Axis) -> bool:
        """Return whether two axes have the same bins, units considered."""
        if self.size != other.size:
            return False
        factor = other.factor_to(self.units)
        width = self.hi - self.lo
        return bool(
            np.all(np.abs(self.lo - other.lo * factor) <= TOLERANCE * width)
            and np.all(np.abs(self.hi - other.hi * factor) <= TOLERANCE * width)
        )

    def factor_to(self, units: str) -> float:
        """Return the factor that brings the values of the axis to a unit."""
        return float(parse_unit(self.units).to(parse_unit(units)))

    def squashed(self) -> Axis:
        """Return one bin from the first lower to the last upper bound."""
        return Axis(self.name, self.lo[:1], self.hi[-1:], self.units, self.interp)


def axis_of(obj: xr.Dataset | xr.DataArray, dim: str) -> Axis:
    """Return an axis of a labelled object.

    Raises
    ------
    AxisError
        If its bins have gaps: FITS maps are contiguous.
    """
    values = edges(obj, dim)
    attrs = obj[dim].attrs
    lo, hi = (np.atleast_1d(obj[f"{dim}_{s}"].values).astype(float) for s in ("lo", "hi"))
    if values.size != lo.size + 1:
        raise AxisError(f"The axis {dim!r} has no bounds: create it with xg.energy_axis.")
    nodes = np.asarray(obj[dim].values, float) if attrs.get("node_type") == NODE else None
    return Axis(dim, lo, hi, str(attrs.get("units", "")), str(attrs.get("interp", "lin")), nodes)


def _along(values: np.ndarray, sizes: tuple[int, ...], number: int, where: str) -> np.ndarray:
    """Return what a column says along one axis (the fastest is 0), in the order of the planes."""
    planes = np.asarray(values, dtype=float)
    if planes.size != int(np.prod(sizes)):
        raise AxisError(
            f"{where} has {planes.size} rows, which does not match planes of {sizes}: correct it."
        )
    layouts = [(sizes[::-1], len(sizes) - 1 - number)]
    if len(sizes) > 2:
        # gammapy 2.1 lists the bands of three axes and more in another order than the planes.
        layouts.append(((sizes[1], sizes[0], *sizes[2:]), {0: 1, 1: 0}.get(number, number)))
    for shape, axis in layouts:
        lines = np.moveaxis(planes.reshape(shape), axis, 0).reshape(sizes[number], -1)
        if np.array_equal(lines, np.repeat(lines[:, :1], lines.shape[1], axis=1), equal_nan=True):
            return lines[:, 0]
    raise AxisError(
        f"{where} lists bands that differ between planes: they cannot be read as one axis."
    )


def require_bins(axis: Axis, where: str) -> Axis:
    """Return an axis, or raise an `AxisError` if its bins cannot be."""
    issue = issue_of_bins(axis.name, np.asarray(axis.lo), np.asarray(axis.hi), axis.units)
    if issue is None:
        return axis
    cure = "sort its rows first" if "increase" in issue else "correct them in the file"
    raise AxisError(f"{where} has bins of {axis.name!r} that {issue}: {cure}.")


def read_bands(table: Table, sizes: tuple[int, ...]) -> list[Axis]:
    """Read the axes of a band table, fastest first.

    Parameters
    ----------
    table : Table
        ``*_BANDS``, ``EBOUNDS`` or ``ENERGIES``.
    sizes : tuple of int
        Sizes of the axes as the image has them, fastest first.

    Returns
    -------
    axes : list of Axis
        In the order of ``AXCOLSi``.

    Raises
    ------
    AxisError
        If bins differ between planes, do not increase, are not finite, have gaps, overlap, or
        are labels.
    """
    where = f"The band table {table.name} of {table.file.path}"
    if "AXCOLS1" not in table.header or _is_fermi_template(table):
        return [require_bins(_fermi_axis(table, where), where)]
    named = []
    for i in range(1, MAX_AXES + 1):
        columns = table.header.get(f"AXCOLS{i}")
        if not columns:
            break
        interp = str(table.header.get(f"INTERP{i}", "lin")).strip()
        named.append(([c.strip() for c in str(columns).split(",")], interp))
    if len(named) != len(sizes):
        raise AxisError(
            f"{where} has {len(named)} axes, but its map has has {len(sizes)}: correct AXCOLSi."
        )
    return [
        require_bins(_band_axis(table, columns, interp, sizes, i), where)
        for i, (columns, interp) in enumerate(named)
    ]


def band_table(file: FitsFile, hdu: HDU) -> Table | None:
    """Return the table of the bands of a map, None without any.

    Raises
    ------
    MissingDataError
        If the map names one that is not in the file.
    """
    named = str(hdu.header.get("BANDSHDU") or f"{hdu.name}_BANDS")
    for name in (named, *BAND_TABLES):
        if name in file:
            return file[name].table
    if "BANDSHDU" in hdu.header:
        raise MissingDataError(
            f"The file {file.path} has no HDU {named!r}, which {hdu.name!r} names for its axes."
        )
    return None


def band_sizes(table: Table) -> tuple[int, ...]:
    """Return the sizes of the axes of a band table, fastest first, from their values.

    Old region maps hold one number a row, so their shape stands in the band table alone.
    """
    sizes = []
    for i in range(1, MAX_AXES + 1):
        columns = str(table.header.get(f"AXCOLS{i}") or "")
        if columns:
            sizes.append(np.unique(table.read(columns.split(",")[0].strip())).size)
    return tuple(sizes)


def _band_axis(
    table: Table, columns: list[str], interp: str, sizes: tuple[int, ...], number: int
) -> Axis:
    where = f"The band table {table.name} of {table.file.path}"
    first = table.read(columns[0])
    if first.dtype.kind not in "iuf":
        raise AxisError(
            f"{where} has a label axis ({columns[0]}), which cannot be read as an axis of bins."
        )
    name = columns[0].removesuffix("_MIN").removesuffix("_LO").lower()
    name = OLD_NAMES.get(name, name)
    units = str(table[columns[0]].unit or "")
    values = _along(first, sizes, number, where)
    nodes = values if len(columns) == 1 else None
    if nodes is not None:
        lo, hi = bounds_between(nodes, interp)
        if name in NOT_NEGATIVE and nodes[0] >= 0:
            lo[0] = max(lo[0], 0.0)
    else:
        lo, hi = values, _along(table.read(columns[1]), sizes, number, where)
    return Axis(name, lo, hi, units, interp, nodes)


def _fermi_axis(table: Table, where: str) -> Axis:
    """Return the axis of Fermi-LAT's counts cubes (EBOUNDS) and templates (ENERGIES)."""
    if "ENERGY" in table.columns and ("E_MIN" not in table.columns or _is_fermi_template(table)):
        nodes = np.asarray(table.read("ENERGY"), dtype=float)
        _require_energies(str(table["ENERGY"].unit or "MeV"), where)
        lo, hi = bounds_between(nodes, "log")
        return Axis("energy_true", lo, hi, str(table["ENERGY"].unit or "MeV"), "log", nodes)
    if "E_MIN" in table.columns:
        units = str(table["E_MIN"].unit or "keV")
        _require_energies(units, where)
        return Axis("energy", table.read("E_MIN"), table.read("E_MAX"), units, "log")
    raise AxisError(
        f"{where} has neither AXCOLS keywords nor E_MIN and E_MAX: its layout is not supported."
    )


def _require_energies(units: str, where: str) -> None:
    """Raise a `UnitError` unless a unit is one of energy."""
    if not parse_unit(units).is_equivalent("eV"):
        raise UnitError(f"{where} has energies in {units!r}: correct TUNIT.")


def _is_fermi_template(table: Table) -> bool:
    """Return whether a table is that of a Fermi-LAT template, also as gammapy cuts it out."""
    return table.name == "ENERGIES" and "ENERGY" in table.columns


def band_names(axis: Axis) -> tuple[str, str, str]:
    """Return the column names of centre and bounds."""
    name = axis.name.upper()
    prefix = "E" if axis.name == "energy" else name
    return name, f"{prefix}_MIN", f"{prefix}_MAX"


def band_keywords(axes: list[Axis]) -> list[tuple[str, Any]]:
    """Return ``AXCOLSi`` and ``INTERPi`` of axes, fastest first."""
    cards: list[tuple[str, Any]] = []
    for i, axis in enumerate(axes, start=1):
        _, lo, hi = band_names(axis)
        columns = f"{lo},{hi}" if axis.nodes is None else axis.name.upper()
        cards += [(f"AXCOLS{i}", columns), (f"INTERP{i}", axis.interp)]
    return cards


def band_columns(axes: list[Axis]) -> list[tuple[str, np.ndarray, str]]:
    """Return name, values and unit of each column of a band table, axes fastest first."""
    shape = tuple(axis.size for axis in reversed(axes))
    columns: list[tuple[str, np.ndarray, str]] = [
        ("CHANNEL", np.arange(np.prod(shape, dtype=int), dtype="i8"), "")
    ]
    for i, axis in enumerate(axes):
        view = [1] * len(axes)
        view[len(axes) - 1 - i] = axis.size
        for name, values in zip(band_names(axis), (axis.center, axis.lo, axis.hi), strict=True):
            full = np.broadcast_to(np.reshape(values, view), shape).ravel()
            columns.append((name, full, axis.units))
    return columns
