"""Kinds of responses as data: what each table holds, stated once for all that use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from xgamma.core.records import Record
from xgamma.irf.gadf import ENCLOSURES, GADF_KEYWORDS
from xgamma.model.sanity import ValueRule

__all__ = ["BackgroundKind", "Column", "PSFKind", "ResponseKind"]


class Column(NamedTuple):
    """A column of values of a response.

    Attributes
    ----------
    name : str
        Variable.
    names : tuple of str
        Columns that may hold it, in order of preference; the first is written.
    unit : str
        Unit that GADF prescribes, "" for a plain number.
    rule : ValueRule
        What its values may be.
    keeps_unit : bool
        Whether a file's own unit (of the same kind) is kept.
    unitless : bool
        Whether GADF lets a file leave out the unit.
    """

    name: str
    names: tuple[str, ...]
    unit: str
    rule: ValueRule
    keeps_unit: bool = False
    unitless: bool = False


@dataclass(frozen=True, kw_only=True)
class ResponseKind(Record):
    """A kind of response: the table that GADF describes, and what is done with it.

    A module of `xgamma.irf.kinds` holds one; a package may name its own by an entry point of the
    group ``xgamma.responses``. Reading, writing, checking and simulating use what is stated here.

    Attributes
    ----------
    name : str
        HDUCLAS4, by which the kind is known.
    summary : str
        One-line description.
    group : str
        Group of the observation.
    rank : int
        Place of the group among those of an observation.
    hduclas2, extname : str
        Second class and name of the HDU, as written.
    aliases : tuple of str
        What else files write as HDUCLAS2, or as EXTNAME when they have no HDUCLAS keywords.
    dims : tuple of str
        Dimensions of the variables, slowest first.
    axes : tuple of str
        Order of the axes in the table, where it differs from `dims`.
    columns : tuple of Column
        Variables.
    marks : frozenset of str
        Columns that tell this kind from others of its group; of two kinds whose columns are
        there, that with more marks is meant.
    """

    group: str
    rank: int = 100
    hduclas2: str
    extname: str
    aliases: tuple[str, ...] = ()
    dims: tuple[str, ...]
    axes: tuple[str, ...] = ()
    columns: tuple[Column, ...]
    marks: frozenset[str] = frozenset()

    @property
    def table_axes(self) -> tuple[str, ...]:
        """Dimensions in the order of the table, the fastest first."""
        return self.axes or self.dims

    @property
    def signatures(self) -> tuple[frozenset[str], ...]:
        """Sets of columns, each of which shows what a table without keywords is."""
        return tuple(self.marks | {name} for name in self.columns[0].names)

    def rule(self, name: str) -> ValueRule | None:
        """Return what the values of a variable may be; None for one that is not of this kind."""
        return next((column.rule for column in self.columns if column.name == name), None)

    def keywords(self, enclosure: str = ENCLOSURES[0]) -> dict[str, str]:
        """Return the keywords that state format and class."""
        return {
            **GADF_KEYWORDS,
            "HDUCLAS1": "RESPONSE",
            "HDUCLAS2": self.hduclas2,
            "HDUCLAS3": enclosure,
            "HDUCLAS4": self.name,
        }

    def dataset(
        self, values: Mapping[str, ArrayLike], coords: Mapping[str, object], **attrs: object
    ) -> xr.Dataset:
        """Make a response of arrays.

        Parameters
        ----------
        values : mapping of str to array_like
            For each variable an array that broadcasts to the axes, in the unit of GADF; stored
            in single precision, as in most archives.
        coords : mapping
            Axes with edges, as `xgamma.model.axes` makes them.
        **attrs : object
            Further keywords.

        Returns
        -------
        response : Dataset
            With units and the keywords of the class.
        """
        axes = xr.Dataset(coords=coords)
        shape = tuple(axes.sizes[dim] for dim in self.dims)
        units = {column.name: {"units": column.unit} for column in self.columns}
        variables = {
            name: (self.dims, np.broadcast_to(array, shape).astype(np.float32), units[name])
            for name, array in values.items()
        }
        classes = {k: v for k, v in self.keywords().items() if k not in GADF_KEYWORDS}
        return axes.assign(variables).assign_attrs(classes | attrs)


@dataclass(frozen=True, kw_only=True)
class PSFKind(ResponseKind):
    """A kind of point spread function.

    Attributes
    ----------
    profiles : callable
        ``profiles(ds, energy, rad, offset)``: the density, not normalised, at true energies
        (TeV), angles from the source and offsets from the pointing (degrees); shape
        ``(n_offset, n_energy, n_rad)``.
    containment : callable
        ``containment(ds, energy, radius, offset)``: the part within a radius, shape
        ``(n_energy,)``; `offset` has shape (1,).
    draw_radius : callable
        ``draw_radius(rng, ds, energy, offset)``: separations from the true position, degrees, one
        a photon; NaN where the table is empty.
    is_density : bool
        Whether the integral of the table says something: it is tabulated, not a formula.
    """

    group: str = "psf"
    rank: int = 30
    hduclas2: str = "RPSF"
    extname: str = "PSF"
    aliases: tuple[str, ...] = ("POINT SPREAD FUNCTION",)
    profiles: Callable[[xr.Dataset, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    containment: Callable[[xr.Dataset, np.ndarray, float, np.ndarray], np.ndarray]
    draw_radius: Callable[[np.random.Generator, xr.Dataset, np.ndarray, np.ndarray], np.ndarray]
    is_density: bool = False


# Rates are per TeV or per MeV: a file's own unit is kept.
RATE = Column(
    "bkg", ("BKG", "BGD"), "MeV-1 s-1 sr-1", ValueRule(not_all_zero=True), keeps_unit=True
)


@dataclass(frozen=True, kw_only=True)
class BackgroundKind(ResponseKind):
    """A kind of background rate.

    Attributes
    ----------
    spectrum : callable
        ``spectrum(ds)``: the rate per energy integrated over the field of view, up to a factor,
        one value an energy bin.
    draw : callable
        ``draw(rng, ds, pointing, ontime)``: events as a dict of ``energy`` (TeV), ``ra`` and
        ``dec`` (degrees).
    padded : bool
        Whether the outermost rate holds for one bin more.
    """

    group: str = "bkg"
    rank: int = 40
    hduclas2: str = "BKG"
    extname: str = "BKG"
    aliases: tuple[str, ...] = ("BACKGROUND",)
    columns: tuple[Column, ...] = (RATE,)
    spectrum: Callable[[xr.Dataset], np.ndarray]
    draw: Callable[
        [np.random.Generator, xr.Dataset, tuple[float, float], float], dict[str, np.ndarray]
    ]
    padded: bool = False
