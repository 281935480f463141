"""Arguments of users: a value of the wrong kind is refused in one sentence that names it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.units import to_value
from xgamma.errors import ArgumentTypeError, UnitError, XGammaError, shown
from xgamma.typing import ScalarLike, SeedLike

__all__ = [
    "choice",
    "choices",
    "generator",
    "limit",
    "number",
    "observation",
    "pixel_mask",
    "positive",
    "scalar",
    "whole",
]


def _finite(value: Any) -> float:
    """Return a finite number, NaN for anything else."""
    try:
        found = float(value) if not isinstance(value, str) and np.ndim(value) == 0 else np.nan
    except (TypeError, ValueError):
        return np.nan
    return found if np.isfinite(found) else np.nan


def number(value: object, name: str, low: float = -np.inf, high: float = np.inf) -> float:
    """Return a finite number between two bounds.

    Parameters
    ----------
    value : float
        What was given; a text is no number.
    name : str
        What the argument is called.
    low, high : float
        Bounds, which are allowed themselves.

    Returns
    -------
    value : float
        The same.

    Raises
    ------
    XGammaError
        If it is not a number, not finite, or out of bounds.

    Examples
    --------
    >>> number(10, "aeff_percent", 0, 100)
    10.0
    >>> number("10 %", "aeff_percent", 0, 100)
    Traceback (most recent call last):
    xgamma.errors.XGammaError: aeff_percent='10 %' must be a number from 0 to 100.
    """
    found = _finite(value)
    if low <= found <= high:
        return found
    bounds = ""
    if np.isfinite(low):
        bounds = f" from {low:g} to {high:g}" if np.isfinite(high) else f" of at least {low:g}"
    raise XGammaError(f"{name}={shown(value)} must be a number{bounds}.")


def positive(value: object, name: str) -> float:
    """Return a number above zero, or raise an `XGammaError`.

    Examples
    --------
    >>> positive(0, "n_sigma")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: n_sigma=0 must be a number above 0.
    """
    found = _finite(value)
    if not found > 0:
        raise XGammaError(f"{name}={shown(value)} must be a number above 0.")
    return found


def whole(value: object, name: str, low: int = 1) -> int:
    """Return a whole number that is not below a bound, or raise an `XGammaError`.

    Examples
    --------
    >>> whole(3.0, "nbin")
    3
    >>> whole(2.5, "nbin")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: nbin=2.5 must be a positive whole number.
    """
    found = _finite(value)
    if not (found >= low and found.is_integer()):
        kind = "positive whole number" if low == 1 else f"whole number of at least {low}"
        raise XGammaError(f"{name}={shown(value)} must be a {kind}.")
    return int(found)


def scalar(value: ScalarLike, unit: str, name: str) -> float:
    """Return one quantity in a unit; see `xgamma.core.units.to_value` for accepted values.

    Raises
    ------
    UnitError
        If the unit is of another kind, or there are several values or none.

    Examples
    --------
    >>> scalar("30 arcmin", "deg", "width")
    0.5
    >>> scalar([1, 2], "deg", "width")
    Traceback (most recent call last):
    xgamma.errors.UnitError: width=[1, 2] must be a single value, for example '1 deg'.
    """
    found = to_value(value, unit, name)
    if np.ndim(found):
        raise UnitError(f"{name}={shown(value)} must be a single value, for example '1 {unit}'.")
    return float(found)


def limit(value: ScalarLike, unit: str, name: str) -> float:
    """Return one end of a range in a unit, perhaps infinite but not NaN.

    Raises
    ------
    UnitError
        As `scalar`, and for NaN.

    Examples
    --------
    >>> limit("500 GeV", "TeV", "min")
    0.5
    """
    found = scalar(value, unit, name)
    if np.isnan(found):
        raise UnitError(f"{name} is NaN, which is not a limit: omit it for an open range.")
    return found


def pair(value: Any, name: str, example: str) -> tuple[Any, Any]:
    """Return two values, or raise an `XGammaError` that describes the expected form.

    Examples
    --------
    >>> pair((1, 2), "time", "(start, stop)")
    (1, 2)
    >>> pair("now", "time", "(start, stop)")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: time='now' must be (start, stop).
    """
    try:
        first, second = [] if isinstance(value, str) else value
    except (TypeError, ValueError):
        raise XGammaError(f"{name}={shown(value)} must be {example}.") from None
    return first, second


def interval(value: object, unit: str, name: str) -> tuple[float, float]:
    """Return both ends of a range in a unit; None leaves an end open.

    Raises
    ------
    XGammaError
        If it is not a pair, or the range is empty.
    UnitError
        If an end has a unit of another kind.

    Examples
    --------
    >>> interval(("500 GeV", None), "TeV", "energy")
    (0.5, inf)
    >>> interval((1, 2, 3), "TeV", "energy")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: energy=(1, 2, 3) must be a range (lo, hi), with None for an open end.
    """
    first, last = pair(value, name, "a range (lo, hi), with None for an open end")
    low = -np.inf if first is None else limit(first, unit, name)
    high = np.inf if last is None else limit(last, unit, name)
    if not low < high:
        raise XGammaError(f"{name}={shown(value)} is an empty range: give (lo, hi) with lo < hi.")
    return low, high


def choice(
    value: object, name: str, allowed: Iterable[str], error: type[XGammaError] = XGammaError
) -> str:
    """Return one of a list of names, or raise an `XGammaError` that lists them.

    Examples
    --------
    >>> choice("scal", "method", ["scale", "fit"])
    Traceback (most recent call last):
    xgamma.errors.XGammaError: method='scal' is not recognised: use 'scale' or 'fit'.
    """
    names = list(allowed)
    if isinstance(value, str) and value in names:
        return value
    listed = ", ".join(repr(n) for n in names[:-1])
    listed += f" or {names[-1]!r}" if len(names) > 1 else repr(names[-1])
    raise error(f"{name}={shown(value)} is not recognised: use {listed}.")


def choices(values: object, name: str, allowed: Iterable[str]) -> tuple[str, ...]:
    """Return several of a list of names; one alone may be given as it is.

    Examples
    --------
    >>> choices("counts", "select", ["counts", "psf"])
    ('counts',)
    >>> choices(None, "select", ["counts", "psf"])
    Traceback (most recent call last):
    xgamma.errors.XGammaError: select=None must be a list of names: choose from counts, psf.
    """
    names = list(allowed)
    if isinstance(values, str):
        values = [values]
    if not isinstance(values, Iterable) or not all(isinstance(v, str) for v in values):
        raise XGammaError(
            f"{name}={shown(values)} must be a list of names: choose from {', '.join(names)}."
        )
    unknown = [v for v in values if v not in names]
    if unknown:
        raise XGammaError(
            f"{name}={unknown[0]!r} is not recognised: choose from {', '.join(names)}."
        )
    return tuple(values)


def observation(obs: object) -> xr.DataTree:
    """Return an observation, or raise an `ArgumentTypeError` if something else was given.

    Examples
    --------
    >>> observation(23523)
    Traceback (most recent call last):
    xgamma.errors.ArgumentTypeError: Expected an observation (DataTree), got int: open one with xg.open_store(folder)[obs_id].
    """
    if isinstance(obs, xr.DataTree):
        return obs
    raise ArgumentTypeError(
        f"Expected an observation (DataTree), got {type(obs).__name__}: open one with xg.open_store(folder)[obs_id]."
    )


def pixel_mask(mask: object, ds: xr.Dataset) -> xr.DataArray | None:
    """Return a mask on the pixels of a dataset, or raise an `XGammaError`; None stays None.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> pixel_mask(ds.counts, ds)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    xgamma.errors.XGammaError: mask= must be a boolean map on the dataset's pixels, as returned by ds.gamma.region_mask, not int...
    """
    if mask is None:
        return None
    what = str(mask.dtype) if isinstance(mask, xr.DataArray) else type(mask).__name__
    if what != "bool" or not isinstance(mask, xr.DataArray):
        problem = f"not {what}"
    elif any(ds.sizes.get(d) != n for d, n in mask.sizes.items()):
        problem = f"not on {dict(mask.sizes)}"
    else:
        return mask
    raise XGammaError(
        f"mask= must be a boolean map on the dataset's pixels, as returned by ds.gamma.region_mask, {problem}."
    )


def generator(seed: SeedLike) -> np.random.Generator:
    """Return a generator of random numbers, or raise an `XGammaError` if a seed is none.

    Examples
    --------
    >>> generator(-1)
    Traceback (most recent call last):
    xgamma.errors.XGammaError: seed=-1 must be a non-negative integer or a numpy.random.Generator.
    """
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise XGammaError(
            f"seed={shown(seed)} must be a non-negative integer or a numpy.random.Generator."
        ) from None
