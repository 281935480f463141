"""How much a light curve varies: excess variances, and the times of doubling and halving."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy.special import gammaincc

from xgamma.core.arguments import choice
from xgamma.core.defaults import QUANTITY
from xgamma.errors import MissingDataError, XGammaError
from xgamma.model.operation import operation
from xgamma.numerics import variability as kernels

__all__ = ["variability"]

QUANTITIES = ("flux", "eflux", "dnde", "e2dnde", "norm")
PLAIN = ("chi2", "dof", "p_value", "excess_variance", "excess_variance_err", "fvar", "fvar_err")
PAIRS = ("fpp", "fpp_err")
TIMES = ("doubling_time", "doubling_time_err", "halving_time", "halving_time_err")
STARTS = ("doubling_start", "halving_start")
LONG_NAMES = {
    "chi2": "chi2 of a constant",
    "dof": "degrees of freedom",
    "p_value": "probability of a constant to scatter as much",
    "excess_variance": "normalised excess variance",
    "fvar": "fractional variability",
    "fpp": "fractional variability from point to point",
    "doubling_time": "shortest doubling time",
    "halving_time": "shortest halving time",
    "doubling_start": "start of the fastest rise",
    "halving_start": "start of the fastest decay",
}


@operation
def variability(curve: xr.Dataset, quantity: str = QUANTITY) -> xr.Dataset:
    """Measure how much a light curve varies beyond its errors, and how fast.

    Parameters
    ----------
    curve : Dataset
        Light curve with the dim ``time``, as returned by `xgamma.light_curve`.
    quantity : {"flux", "eflux", "dnde", "e2dnde", "norm"}
        Quantity to analyse; its error ``..._err``, assumed Gaussian, is required.

    Returns
    -------
    found : Dataset
        Dims those of the curve without ``time``:

        - ``mean`` (units of the quantity), ``n_points``
        - ``chi2``, ``dof``, ``p_value`` of a constant at the weighted mean
        - ``excess_variance``: ``(S^2 - <err^2>) / mean^2`` with its ``_err``; negative
          where points scatter less than their errors
        - ``fvar``, its square root, and ``fpp``, that of half the mean squared difference of
          neighbours, less ``<err^2>``, over the mean; NaN where there is no excess
        - ``doubling_time`` and ``halving_time`` (s), the shortest ``dt ln 2 / |ln(x2 / x1)|``
          of neighbours with positive flux, NaN where none rises or falls;
          ``doubling_start`` and ``halving_start``, the time of the first of the two

    Raises
    ------
    MissingDataError
        If there is no time, or no such quantity with errors.
    XGammaError
        If there are fewer than two times.

    Notes
    -----
    Errors include only the measurement uncertainty: another light curve of the same source would
    differ by more. The error of ``fpp`` holds for white noise.

    References
    ----------
    Vaughan et al. (2003), MNRAS 345, 1271; Edelson et al. (2002), ApJ 568, 610.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> time = np.datetime64("2020-01-01", "ns") + np.arange(4) * np.timedelta64(3600, "s")
    >>> flux = xr.DataArray([1.0, 2.0, 1.0, 4.0], {"time": time}, attrs={"units": "s-1 cm-2"})
    >>> found = variability(xr.Dataset({"flux": flux, "flux_err": 0.1 * flux}))
    >>> round(float(found.fvar), 3), float(found.doubling_time)
    (0.697, 1800.0)
    """
    values, errors = series_of(curve, choice(quantity, "quantity", QUANTITIES))
    times = values["time"].values.astype("datetime64[ns]")
    seconds = (times - times[0]) / np.timedelta64(1, "s")
    names = ("mean", "n_points", *PLAIN, *PAIRS, *TIMES, *STARTS)
    found = xr.apply_ufunc(
        lambda v, e: _measures(seconds, v, e),
        values.astype(float),
        errors.astype(float),
        input_core_dims=[["time"], ["time"]],
        output_core_dims=[[] for _ in names],
        vectorize=True,
    )
    out = xr.Dataset(dict(zip(names, found, strict=True)))
    for name in STARTS:
        first = out[name].astype(int)
        out[name] = first.copy(data=times[first.values]).where(first >= 0)
    for name in names:
        unit = "s" if name in TIMES else ""
        out[name].attrs = {"long_name": LONG_NAMES.get(name, name.replace("_", " "))}
        if name not in STARTS:
            out[name].attrs["units"] = unit
    out["mean"].attrs |= {"units": values.attrs.get("units", ""), "long_name": f"mean {quantity}"}
    out["n_points"], out["dof"] = out["n_points"].astype(int), out["dof"].astype(int)
    return out.assign_attrs(
        source=curve.attrs.get("source", ""), name=f"{quantity}-variability", quantity=quantity
    )


def series_of(curve: xr.Dataset, quantity: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Return a quantity and its errors in the order of time."""
    if "time" not in curve.dims or "time" not in curve.coords:
        raise MissingDataError(
            "There is no dimension 'time': create a light curve with xg.light_curve."
        )
    for name in (quantity, f"{quantity}_err"):
        if name not in curve or "time" not in curve[name].dims:
            raise MissingDataError(f"The light curve has no {name!r} along 'time'.")
    if curve.sizes["time"] < 2:
        raise XGammaError(
            "The variability of a single time is undefined: give a light curve of two or more."
        )
    ordered = curve[[quantity, f"{quantity}_err"]].sortby("time")
    return ordered[quantity], ordered[f"{quantity}_err"]


def _measures(seconds: np.ndarray, values: np.ndarray, errors: np.ndarray) -> tuple[Any, ...]:
    """Return all that `variability` says of one series, positions for times."""
    good = np.isfinite(values) & (errors > 0)
    values = np.where(good, values, np.nan)
    mean = values[good].mean() if good.any() else np.nan
    stat, dof = kernels.chi2_of_constant(values, errors)
    chance = gammaincc(0.5 * dof, 0.5 * stat) if dof > 0 else np.nan
    double, double_err, rise = kernels.doubling_time(seconds, values, errors)
    halve, halve_err, fall = kernels.doubling_time(seconds, values, errors, -1)
    return (
        *(mean, int(good.sum()), stat, dof, chance),
        *kernels.excess_variance(values, errors),
        *kernels.point_to_point(values, errors)[2:],
        *(double, double_err, halve, halve_err, rise, fall),
    )
