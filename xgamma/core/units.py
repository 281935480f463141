"""Units and positions: convert user input to numbers in a known unit.

astropy is imported inside the functions: `import xgamma` should cost little more than xarray.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
import xarray as xr
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from xgamma.core.defaults import FRAME
from xgamma.errors import UnitError, XGammaError, shown
from xgamma.typing import PositionLike, QuantityLike, TimeLike

__all__ = ["convert", "parse_unit", "position", "quantity", "to_value"]


@functools.lru_cache(maxsize=512)
def parse_unit(text: str | u.UnitBase) -> u.UnitBase:
    """Parse a unit in any dialect found in DL3 files.

    Parameters
    ----------
    text : str or `~astropy.units.UnitBase`
        Unit, for instance ``"m2"``, ``"1/s/MeV/sr"`` or ``"s^-1 MeV^-1 sr^-1"``.

    Returns
    -------
    unit : `~astropy.units.UnitBase`
        The parsed unit.

    Raises
    ------
    UnitError
        If astropy cannot parse the text in its generic, FITS or OGIP form.

    Examples
    --------
    >>> parse_unit("1/s/MeV/sr") == parse_unit("MeV-1 s-1 sr-1")
    True
    """
    if isinstance(text, u.UnitBase):
        return text
    if not isinstance(text, str):
        raise UnitError(f"{shown(text)} is not a unit: use for example 'm2 s'.")
    cleaned = text.strip()
    if cleaned.lower() in {"", "count", "counts", "ct", "none"}:
        return u.dimensionless_unscaled
    with warnings.catch_warnings():
        # Several solidi and old FITS spellings are legal here: GADF files are full of them.
        warnings.simplefilter("ignore", u.UnitsWarning)
        for form in ("generic", "fits", "ogip"):
            try:
                return u.Unit(cleaned, format=form)
            except (ValueError, TypeError):
                continue
    raise UnitError(
        f"The unit {text!r} cannot be parsed by astropy: use for example 'm2 s' or 'MeV-1 s-1 sr-1'."
    )


@functools.lru_cache(maxsize=512)
def conversion(source: str, target: str) -> float:
    """Return the factor from one unit to another.

    Parameters
    ----------
    source, target : str
        Unit strings.

    Returns
    -------
    factor : float
        ``value_in_target = factor * value_in_source``.

    Raises
    ------
    UnitError
        If the units are not of one kind.

    Examples
    --------
    >>> conversion("km", "m")
    1000.0
    """
    try:
        return float(parse_unit(source).to(parse_unit(target)))
    except u.UnitConversionError:
        raise UnitError(
            f"The unit {source!r} cannot be converted to {target!r}: give a value in a compatible unit."
        ) from None


def to_value(value: QuantityLike, unit: str, name: str = "value") -> Any:
    """Convert a user's argument to numbers in a unit.

    Parameters
    ----------
    value : Quantity, str, float or array_like
        A quantity, a string such as ``"0.1 deg"``, or numbers already in `unit`.
    unit : str
        Wanted unit.
    name : str
        What the argument is called, for the error message.

    Returns
    -------
    value : float or ndarray
        The value in `unit`.

    Raises
    ------
    UnitError
        If the unit is of another kind, or the string cannot be parsed.

    Examples
    --------
    >>> to_value("30 arcmin", "deg")
    0.5
    >>> to_value(2, "deg")
    2.0
    """
    wanted = parse_unit(unit)
    if isinstance(value, xr.DataArray):
        value = quantity(value)
    elif isinstance(value, str):
        try:
            value = u.Quantity(value)
        except (TypeError, ValueError):
            raise UnitError(
                f"{name}={value!r} is not a quantity: use for example '1 {unit}'."
            ) from None
        if value.unit == u.dimensionless_unscaled and wanted != u.dimensionless_unscaled:
            raise UnitError(f"{name}={str(value)!r} has no unit: use for example '1 {unit}'.")
    elif isinstance(value, (list, tuple)) and any(isinstance(v, (u.Quantity, str)) for v in value):
        return np.array([to_value(v, unit, name) for v in value])
    if isinstance(value, u.Quantity):
        try:
            value = value.to_value(wanted)
        except u.UnitConversionError:
            raise UnitError(
                f"{name} has the unit {str(value.unit)!r}, which cannot be converted to {unit!r}."
            ) from None
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise UnitError(
            f"{name}={shown(value)} is not a quantity: use for example '1 {unit}'."
        ) from None
    return float(array) if array.ndim == 0 else array


def quantity(array: xr.DataArray) -> u.Quantity:
    """Return the values of a labelled array as a quantity.

    Parameters
    ----------
    array : DataArray
        Any dims; ``attrs["units"]`` names the unit, absent means dimensionless.

    Returns
    -------
    quantity : `~astropy.units.Quantity`
        Same shape.

    Examples
    --------
    >>> import xarray as xr
    >>> quantity(xr.DataArray([1.0, 2.0], dims="energy", attrs={"units": "TeV"}))
    <Quantity [1., 2.] TeV>
    """
    return u.Quantity(np.asarray(array.values), parse_unit(array.attrs.get("units", "")))


def convert(array: xr.DataArray, unit: str) -> xr.DataArray:
    """Convert a labelled array to another unit.

    Parameters
    ----------
    array : DataArray
        Any dims, with ``attrs["units"]``.
    unit : str
        Wanted unit.

    Returns
    -------
    array : DataArray
        New array whose ``attrs["units"]`` is `unit`; a dask-backed input stays lazy.

    Raises
    ------
    UnitError
        If the units are not of one kind.

    Examples
    --------
    >>> import xarray as xr
    >>> convert(xr.DataArray([1.0], dims="obs", attrs={"units": "km2 s"}), "m2 s").values
    array([1000000.])
    """
    unit = str(unit)
    factor = conversion(str(array.attrs.get("units", "")), unit)
    converted = array * factor if factor != 1.0 else array.copy()
    converted.attrs = {**array.attrs, "units": unit}
    return converted


def position(value: PositionLike, frame: str = FRAME) -> SkyCoord:
    """Turn a user's position into a `~astropy.coordinates.SkyCoord`.

    Parameters
    ----------
    value : SkyCoord, str or (lon, lat)
        A coordinate, a string such as ``"83.63d 22.01d"``, or a pair of numbers in
        degrees (or quantities) in `frame`.
    frame : str
        Frame of strings and pairs.

    Returns
    -------
    position : `~astropy.coordinates.SkyCoord`
        One position.

    Raises
    ------
    XGammaError
        If the value is not a position.

    Examples
    --------
    >>> float(position("83.63d 22.01d").ra.deg)
    83.63
    """
    if isinstance(value, SkyCoord):
        return value
    try:
        if isinstance(value, str):
            return SkyCoord(value, frame=frame)
        lon, lat = value
        degrees = [to_value(v, "deg", n) for v, n in ((lon, "lon"), (lat, "lat"))]
        if not np.isfinite(np.concatenate([np.ravel(v) for v in degrees])).all():
            raise ValueError("it is not finite")
        return SkyCoord(*degrees, unit="deg", frame=frame)
    except (ValueError, TypeError) as error:
        raise XGammaError(
            f"{shown(value)} is not a sky position ({error}): give a SkyCoord, '83.63d 22.01d' or (83.63, 22.01) in degrees."
        ) from None


def time_value(value: TimeLike) -> Time:
    """Turn a user's time into a `~astropy.time.Time` (UTC strings, TT numbers are refused).

    Parameters
    ----------
    value : Time, str or datetime64
        An astropy time, or an ISO string or `numpy.datetime64` taken as TT.

    Returns
    -------
    time : `~astropy.time.Time`
        The time.

    Raises
    ------
    XGammaError
        If the value is not a time.

    Examples
    --------
    >>> time_value("2004-12-04T22:08:10").scale
    'tt'
    """
    if isinstance(value, Time):
        return value
    try:
        return Time(value, scale="tt")
    except (ValueError, TypeError):
        raise XGammaError(
            f"{value!r} is not a time: give an astropy Time or an ISO string such as '2004-12-04T22:08:10'."
        ) from None
