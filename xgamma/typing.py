"""What arguments may be: one alias for each kind of value that a user writes in several ways.

A function annotated with an alias passes its argument to the one function that understands all of
the ways (named below); what is of another kind raises an error that names the argument.

The aliases are strings, read by type checkers and editors only: this module imports nothing.
Those of objects that xgamma defines stand beside them: `DatasetsLike` in
`xgamma.model.operation`, `TrueEnergyLike` in `xgamma.model.true_energy`, `ModelsLike` in
`xgamma.modeling.sky_model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    import datetime
    import os
    from collections.abc import Iterable, Sequence

    import numpy as np
    import numpy.typing as npt
    import xarray as xr
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from astropy.time import Time
    from regions import Region

__all__ = [
    "AngleLike",
    "AnglesLike",
    "ArrayLike",
    "CountsLike",
    "DTypeLike",
    "DurationLike",
    "EnergiesLike",
    "EnergyLike",
    "ExclusionLike",
    "GroupsLike",
    "IntervalsLike",
    "Labelled",
    "LabelledLike",
    "ObservationsLike",
    "PathLike",
    "PhasesLike",
    "PositionLike",
    "QuantityLike",
    "RegionLike",
    "RegionsLike",
    "ScalarLike",
    "SeedLike",
    "SizeLike",
    "TimeLike",
    "TimesLike",
]

#: One value with a unit: ``"1 TeV"``, ``1 * u.TeV``, or a number in the unit that the docstring
#: names (`xgamma.core.arguments.scalar`).
ScalarLike: TypeAlias = "str | float | np.number | u.Quantity"

#: One or many values with a unit: also arrays, lists of the above and labelled arrays with
#: ``attrs["units"]`` (`xgamma.core.units.to_value`).
QuantityLike: TypeAlias = "npt.ArrayLike | u.Quantity | xr.DataArray"

#: One energy; numbers are TeV.
EnergyLike: TypeAlias = ScalarLike

#: Energies, the edges of bins for instance; numbers are TeV.
EnergiesLike: TypeAlias = QuantityLike

#: Groups of energy bins: ``"each"``, a number of groups, their edges, or None for one group.
GroupsLike: TypeAlias = "EnergiesLike | None"

#: One angle; numbers are degrees.
AngleLike: TypeAlias = ScalarLike

#: Angles; numbers are degrees.
AnglesLike: TypeAlias = QuantityLike

#: Several moments.
TimesLike: TypeAlias = "Time | Sequence[str] | np.ndarray"

#: The size of a map or pixel along longitude and latitude: one angle, or a pair.
SizeLike: TypeAlias = "ScalarLike | Sequence[ScalarLike] | np.ndarray"

#: A length of time; numbers are seconds.
DurationLike: TypeAlias = ScalarLike

#: A moment; strings and ``datetime64`` are TT (`xgamma.core.units.time_value`).
TimeLike: TypeAlias = "Time | str | np.datetime64 | datetime.datetime"

#: Good time intervals: their starts and stops in seconds after a reference time.
IntervalsLike: TypeAlias = "Sequence[QuantityLike]"

#: A position on the sky: a coordinate, ``"83.63d 22.01d"`` or ``(lon, lat)`` in degrees
#: (`xgamma.core.units.position`).
PositionLike: TypeAlias = "SkyCoord | str | Sequence[ScalarLike] | np.ndarray"

#: One region: of the package regions, or DS9 text.
RegionLike: TypeAlias = "Region | str"

#: Regions: one, several, or the path of a DS9 file (`xgamma.model.regions.parse_regions`).
RegionsLike: TypeAlias = "Region | str | os.PathLike[str] | Iterable[Region | str]"

#: What is left out of a background: a map that is False there, or regions.
ExclusionLike: TypeAlias = "xr.DataArray | RegionsLike"

#: Intervals of a pulsar's phase: ``(lo, hi)``, or a list of these.
PhasesLike: TypeAlias = "tuple[float, float] | Sequence[tuple[float, float]]"

#: The path of a file or folder (`xgamma.core.paths.file_path`).
PathLike: TypeAlias = "str | os.PathLike[str]"

#: A seed of random numbers, or a generator (`xgamma.core.arguments.generator`).
SeedLike: TypeAlias = "int | Sequence[int] | np.random.SeedSequence | np.random.Generator | None"

#: One observation, or several.
ObservationsLike: TypeAlias = "xr.DataTree | Iterable[xr.DataTree]"

#: A dataset or one map of it: what geometry is asked of.
LabelledLike: TypeAlias = "xr.Dataset | xr.DataArray"

#: A dataset or a map, where what is returned is of the same kind as what was given.
Labelled = TypeVar("Labelled", "xr.Dataset", "xr.DataArray")

#: Numbers for each bin of a dataset: one for all, an array, or labelled.
CountsLike: TypeAlias = "npt.ArrayLike | xr.Variable | xr.DataArray"

#: Numbers without a unit, as NumPy understands them.
ArrayLike: TypeAlias = "npt.ArrayLike"

#: A NumPy type of numbers.
DTypeLike: TypeAlias = "npt.DTypeLike"
