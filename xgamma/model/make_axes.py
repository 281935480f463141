"""Make axes: from edges, by the number of bins, and as others under another name."""

from __future__ import annotations

import numpy as np
import xarray as xr
from astropy.units import Quantity

from xgamma.core.arguments import number, scalar, whole
from xgamma.core.bounds import require_room
from xgamma.core.units import conversion, to_value
from xgamma.errors import AxisError
from xgamma.model.axes import coords_from_edges, edges
from xgamma.typing import AngleLike, EnergiesLike, EnergyLike, QuantityLike

__all__ = ["axis_from_edges", "energy_axis", "energy_axis_from_edges", "migra_axis", "rad_axis"]


def axis_from_edges(
    edge_values: QuantityLike, name: str, units: str | None = None, interp: str = "lin"
) -> xr.DataArray:
    """Make an axis from edges.

    Parameters
    ----------
    edge_values : array_like or Quantity
        Strictly increasing edges, shape (n + 1,), in `units`.
    name : str
        Name of the dimension.
    units : str, optional
        Unit of the axis; by default, that of the quantity.
    interp : {"lin", "log"}
        Scale in which the centres lie halfway between the edges.

    Returns
    -------
    axis : DataArray
        Dims ``(name,)``: bin centres, with the coordinates ``name``, ``name_lo`` and ``name_hi``.

    Raises
    ------
    AxisError
        If the edges do not increase, are not finite, or are fewer than two.

    Examples
    --------
    >>> axis_from_edges([0, 1, 2], "offset", "deg").values
    array([0.5, 1.5])
    """
    if units is None:
        units = str(getattr(edge_values, "unit", ""))
    values = np.atleast_1d(to_value(edge_values, units, name))
    if values.ndim != 1 or values.size < 2:
        raise AxisError(f"The axis {name!r} needs at least two edges, not {values.size}.")
    if not np.all(np.isfinite(values)) or not np.all(np.diff(values) > 0):
        raise AxisError(f"The edges of the axis {name!r} must be finite and strictly increasing.")
    if interp not in {"lin", "log"}:
        raise AxisError(f"interp={interp!r} is not recognised: use 'lin' or 'log'.")
    coords = coords_from_edges(values, name, units, interp)
    return xr.DataArray(
        coords[name][1], dims=name, coords=coords, name=name, attrs=dict(coords[name][2])
    )


def energy_axis_from_edges(
    edges: EnergiesLike, name: str = "energy", interp: str = "log"
) -> xr.DataArray:
    """Make an energy axis from edges.

    Parameters
    ----------
    edges : Quantity, list of str, or array_like
        Strictly increasing energies, as Quantity or number in TeV.
    name : str
        ``"energy"`` (reconstructed) or ``"energy_true"``.
    interp : {"log", "lin"}
        Scale.

    Returns
    -------
    axis : DataArray
        Dims ``(name,)``, in the units of the edges (TeV for numbers without units).

    Raises
    ------
    AxisError
        If the edges do not increase or are not positive on a logarithmic axis.
    UnitError
        If the unit is not an energy.

    Examples
    --------
    >>> energy_axis_from_edges([0.1, 1, 10]).values.round(3)
    array([0.316, 3.162])
    """
    first = edges[0] if isinstance(edges, (list, tuple)) and edges else edges
    if isinstance(first, str):
        first = Quantity(first)
    units = str(getattr(first, "unit", "TeV"))
    conversion(units, "TeV")
    values = np.atleast_1d(to_value(edges, units, name))
    if interp == "log" and np.any(values <= 0):
        raise AxisError(f"The edges of the logarithmic axis {name!r} must be positive.")
    return axis_from_edges(values, name, units, interp)


def energy_axis(
    min: EnergyLike, max: EnergyLike, nbin: int, per_decade: bool = False, name: str = "energy"
) -> xr.DataArray:
    """Make a logarithmic energy axis.

    Parameters
    ----------
    min, max : Quantity, str or float
        First and last edge, as Quantity or number in TeV.
    nbin : int
        Number of bins, or of bins per decade.
    per_decade : bool
        Whether `nbin` counts bins per decade; the number of bins is rounded up so that
        the axis ends exactly at `max`.
    name : str
        ``"energy"`` (reconstructed) or ``"energy_true"``.

    Returns
    -------
    axis : DataArray
        Dims ``(name,)``, in the unit of `min`.

    Raises
    ------
    AxisError
        If the range is empty or `nbin` is less than one.

    Examples
    --------
    >>> energy_axis("1 TeV", "10 TeV", nbin=2).energy_lo.values.round(3)
    array([1.   , 3.162])
    >>> energy_axis("0.1 TeV", "100 TeV", nbin=11, per_decade=True).size
    33
    """
    units = str(Quantity(min).unit) if isinstance(min, str) else str(getattr(min, "unit", "TeV"))
    conversion(units, "TeV")
    low, high = scalar(min, units, "min"), scalar(max, units, "max")
    if not 0 < low < high:
        raise AxisError(f"The axis {name!r} needs 0 < min < max, not {min} to {max}.")
    if not high < np.inf:
        raise AxisError(f"The axis {name!r} needs 0 < min < max, both finite, not {min} to {max}.")
    nbin = nbin if per_decade else whole(nbin, "nbin", 0)
    if not number(nbin, "nbin") > 0:
        raise AxisError(f"The axis {name!r} needs at least one bin, not nbin={nbin}.")
    if per_decade:
        # The tolerance keeps an exact number of decades from gaining a bin by rounding.
        nbin = np.ceil(np.log10(high / low) * nbin - 1e-9)
    return axis_from_edges(np.geomspace(low, high, _edge_count(nbin, name)), name, units, "log")


def _edge_count(nbin: object, name: str) -> int:
    """Return the number of edges of so many bins, or raise if they would fill the memory."""
    count = number(nbin, "nbin")
    # Centres and both edges, and the edges that they are made of.
    require_room(4 * 8 * count, f"The axis {name!r} of {count:.3g} bins", "use fewer bins")
    return whole(count, "nbin") + 1


def rad_axis(max: AngleLike = "0.66 deg", nbin: int = 66, min: AngleLike = "0 deg") -> xr.DataArray:
    """Make the axis of angular offsets from the source for a point spread function.

    Parameters
    ----------
    max, min : Quantity, str or float
        Range, as Quantity or number in degrees.
    nbin : int
        Number of bins.

    Returns
    -------
    axis : DataArray
        Dims ``(rad,)``, degrees.

    Examples
    --------
    >>> rad_axis().sizes["rad"]
    66
    """
    low, high = to_value(min, "deg", "min"), to_value(max, "deg", "max")
    return axis_from_edges(np.linspace(low, high, _edge_count(nbin, "rad")), "rad", "deg", "lin")


def migra_axis(min: float = 0.2, max: float = 5.0, nbin: int = 48) -> xr.DataArray:
    """Make an axis of energy migration (reconstructed over true energy).

    Parameters
    ----------
    min, max : float
        Range.
    nbin : int
        Number of bins.

    Returns
    -------
    axis : DataArray
        Dims ``(migra,)``, dimensionless.

    Examples
    --------
    >>> migra_axis().sizes["migra"]
    48
    """
    return axis_from_edges(np.linspace(min, max, _edge_count(nbin, "migra")), "migra", "", "lin")


def rename_axis(axis: xr.DataArray, name: str) -> xr.DataArray:
    """Return the same axis under another name.

    Parameters
    ----------
    axis : DataArray
        An axis.
    name : str
        Its new name.

    Returns
    -------
    axis : DataArray
        A new axis.

    Examples
    --------
    >>> rename_axis(energy_axis(1, 10, 2), "energy_true").dims
    ('energy_true',)
    """
    old = str(axis.name)
    attrs = axis.coords[old].attrs
    return axis_from_edges(
        edges(axis, old), name, attrs.get("units", ""), attrs.get("interp", "lin")
    )
