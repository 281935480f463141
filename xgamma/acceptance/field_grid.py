"""Bins of energy and of the field of view in which a background is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from xgamma.core.arguments import choice
from xgamma.core.defaults import ALIGNMENT
from xgamma.core.units import to_value
from xgamma.errors import AxisError, XGammaError
from xgamma.model.axes import coords_from_edges, edges_in
from xgamma.numerics.sphere import offset_coordinates
from xgamma.typing import AnglesLike

__all__ = ["FieldGrid", "Points", "field_grid"]

# Largest distance between sample points, degrees: an excluded circle of 0.3 deg covers 450 of them,
# so that its area is right to 0.5 %.
STEP = 0.025

ALIGNMENTS = ("RADEC", "ALTAZ")


@dataclass(frozen=True)
class Points:
    """Points that sample the field of view.

    Attributes
    ----------
    vectors : ndarray
        Unit vectors (towards the pointing, east or growing azimuth, up), shape (3, n).
    bins : ndarray of int
        Bin of each, shape (n,).
    solid_angle : ndarray
        What each stands for, sr, shape (n,).
    positions : tuple of ndarray
        Coordinates along the axes of the field, degrees, each of shape (n,).
    """

    vectors: np.ndarray
    bins: np.ndarray
    solid_angle: np.ndarray
    positions: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class FieldGrid:
    """Edges of the bins: of energy in TeV, and of the axes of the field in degrees.

    Attributes
    ----------
    energy : ndarray
        Edges, TeV.
    field : dict of str to ndarray
        Edges by dimension: ``offset``, or ``dety`` and ``detx``.
    alignment : {"RADEC", "ALTAZ"}
        What the axes of the field are aligned with.
    """

    energy: np.ndarray
    field: dict[str, np.ndarray]
    alignment: str

    @property
    def dims(self) -> tuple[str, ...]:
        """Dimensions of the field."""
        return tuple(self.field)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of bins of energy, then of each axis of the field."""
        return (self.energy.size - 1, *(edges.size - 1 for edges in self.field.values()))

    @property
    def is_radial(self) -> bool:
        """Whether the field has one axis, the offset."""
        return self.dims == ("offset",)

    def coords(self) -> dict[str, object]:
        """Return the coordinates of all axes, with edges."""
        found = coords_from_edges(self.energy, "energy", "TeV", "log")
        for dim, edges in self.field.items():
            found |= coords_from_edges(edges, dim, "deg", "lin")
        return found

    def field_bins(self, vectors: np.ndarray) -> np.ndarray:
        """Return the flat bin of the field for directions as `Points.vectors` has them, else -1."""
        if self.is_radial:
            across = np.hypot(vectors[1], vectors[2])
            return _number(self.field["offset"], np.rad2deg(np.arctan2(across, vectors[0])))
        east, dety = offset_coordinates(vectors, np.eye(3))
        rows, columns = _number(self.field["dety"], dety), _number(self.field["detx"], -east)
        inside = (rows >= 0) & (columns >= 0)
        return np.where(inside, rows * (self.field["detx"].size - 1) + columns, -1)

    def points(self) -> Points:
        """Return points that sample the bins of the field evenly."""
        return self._ring_points() if self.is_radial else self._cell_points()

    def _ring_points(self) -> Points:
        fine, number_of_bin = _subdivided(self.field["offset"])
        number = max(16, int(np.ceil(360.0 * np.sin(np.deg2rad(fine[-1])) / STEP)))
        middle = 0.5 * (fine[1:] + fine[:-1])
        angle = (np.arange(number) + 0.5) * (2.0 * np.pi / number)
        theta, phi = (v.ravel() for v in np.meshgrid(np.deg2rad(middle), angle, indexing="ij"))
        rings = 2.0 * np.pi * -np.diff(np.cos(np.deg2rad(fine))) / number
        vectors = np.stack(
            [np.cos(theta), np.sin(theta) * np.sin(phi), np.sin(theta) * np.cos(phi)]
        )
        bins = np.repeat(number_of_bin, number)
        return Points(vectors, bins, np.repeat(rings, number), (np.rad2deg(theta),))

    def _cell_points(self) -> Points:
        (fine_y, rows), (fine_x, columns) = map(_subdivided, self.field.values())
        middles = (0.5 * (fine[1:] + fine[:-1]) for fine in (fine_y, fine_x))
        y, x = (v.ravel() for v in np.meshgrid(*middles, indexing="ij"))
        lon, lat = np.deg2rad(-x), np.deg2rad(y)
        vectors = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        areas = np.outer(np.diff(np.sin(np.deg2rad(fine_y))), np.diff(np.deg2rad(fine_x)))
        bins = rows[:, np.newaxis] * (self.field["detx"].size - 1) + columns
        return Points(vectors, bins.ravel(), areas.ravel(), (y, x))


def _subdivided(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return edges with each bin split evenly, and the bin of each part."""
    parts = np.maximum(2, np.ceil(np.diff(edges) / STEP).astype(int))
    pairs = zip(edges[:-1], edges[1:], parts, strict=True)
    fine = [np.linspace(low, high, n, endpoint=False) for low, high, n in pairs]
    return np.append(np.concatenate(fine), edges[-1]), np.repeat(np.arange(parts.size), parts)


def _number(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the bin of values; -1 outside. Bins are closed below and open above."""
    found = np.searchsorted(edges, values, side="right") - 1
    return np.where((found >= 0) & (found < edges.size - 1), found, -1)


def field_grid(
    energy: xr.DataArray,
    offset: AnglesLike | None = None,
    field: AnglesLike | None = None,
    alignment: str = ALIGNMENT,
) -> FieldGrid:
    """Check and gather the bins in which a background is measured.

    Parameters
    ----------
    energy : DataArray
        Axis of reconstructed energy.
    offset : Quantity or array_like, optional
        Edges of the offset, for a radial model; by default 0 to 2.5 deg in steps of 0.25 deg.
    field : Quantity or array_like, optional
        Edges of both coordinates of the field of view, for a model in the plane of the camera.
    alignment : {"RADEC", "ALTAZ"}
        With `field`: what its axes are aligned with.

    Returns
    -------
    grid : FieldGrid
        The bins.

    Raises
    ------
    AxisError
        If edges do not increase, or are beyond what is possible.
    XGammaError
        If `offset` and `field` are both given.

    Examples
    --------
    >>> from xgamma.model.make_axes import energy_axis
    >>> field_grid(energy_axis("1 TeV", "10 TeV", 4), offset=[0, 1, 2]).shape
    (4, 2)
    """
    choice(alignment, "alignment", ALIGNMENTS)
    if not isinstance(energy, xr.DataArray) or energy.name != "energy":
        raise AxisError("energy= must be an axis of reconstructed energy: xg.energy_axis(...).")
    if offset is not None and field is not None:
        raise XGammaError(
            "Give offset= for a radial model or field= for one in the plane, not both."
        )
    energies = edges_in(energy, "energy", "TeV")
    if field is not None:
        edges = _angles(field, "field", -90.0)
        return FieldGrid(energies, {"dety": edges, "detx": edges.copy()}, alignment)
    edges = np.linspace(0.0, 2.5, 11) if offset is None else _angles(offset, "offset", 0.0)
    return FieldGrid(energies, {"offset": edges}, "RADEC")


def _angles(value: AnglesLike, name: str, low: float) -> np.ndarray:
    edges = np.atleast_1d(np.asarray(to_value(value, "deg", name), dtype=float))
    sound = edges.ndim == 1 and edges.size > 1 and np.isfinite(edges).all()
    if not (sound and (np.diff(edges) > 0).all() and edges[0] >= low and edges[-1] <= 90.0):
        raise AxisError(
            f"{name}= must be two or more increasing edges from {low:g} to 90 deg, "
            f"for example np.linspace({0 if low == 0 else -2}, 2, 9)."
        )
    return edges
