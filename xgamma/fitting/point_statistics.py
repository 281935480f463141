"""Statistics of flux points against a predicted flux: chi2, distributions with limits, profiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline
from scipy.special import log_ndtr

from xgamma.core.arguments import choice
from xgamma.errors import MissingDataError
from xgamma.numerics import statistics as stats

__all__ = ["STATISTICS", "statistic_of"]

STATISTICS = ("chi2", "distrib", "profile")


def statistic_of(ds: xr.Dataset) -> str:
    """Return which statistic the attribute ``stat_type`` of flux points asks for; chi2 if none."""
    return choice(str(ds.attrs.get("stat_type", "chi2")), "stat_type", STATISTICS)


def distrib(
    flux: np.ndarray,
    value: np.ndarray,
    errn: np.ndarray,
    errp: np.ndarray,
    limit: np.ndarray,
    is_limit: np.ndarray,
) -> np.ndarray:
    """Return the statistic of points with asymmetric errors, and of upper limits.

    Points are half Gaussians on either side; limits a complementary error function as wide as
    the limit, counted from no flux.

    Parameters
    ----------
    flux : ndarray
        Predicted.
    value, errn, errp, limit : ndarray
        Fluxes of the points, errors and limits.
    is_limit : ndarray of bool
        Which are limits.

    Returns
    -------
    stat : ndarray
        Of each point; NaN where it is not known.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        point = stats.chi2(value, flux, np.where(flux >= value, errp, errn))
        # erfc(x) / 2 is the normal distribution at -x sqrt(2).
        above = 2 * (log_ndtr((flux - limit) / limit * np.sqrt(2)) - log_ndtr(-np.sqrt(2)))
    return np.where(is_limit, above, point)


def profiles(ds: xr.Dataset) -> list[Callable[[np.ndarray], np.ndarray] | None]:
    """Return the profile of each point as a function of the norm, zero at its minimum.

    Parameters
    ----------
    ds : Dataset
        Flux points with ``stat_scan`` over ``norm_scan``, ``stat`` and ``norm``.

    Returns
    -------
    profiles : list of callable or None
        Cubic splines between the norms; beyond them parabolas of the error. None where
        nothing is known.

    Raises
    ------
    MissingDataError
        If there are no profiles.
    """
    for name in ("stat_scan", "stat", "norm", "ref_dnde"):
        if name not in ds:
            raise MissingDataError(
                f"The flux points {ds.attrs.get('name')!r} have no {name!r}: "
                "stat_type='profile' requires flux points from ds.gamma.flux_points()."
            )
    grid = np.asarray(ds["norm_scan"].values, dtype=float)
    found: list[Callable[[np.ndarray], np.ndarray] | None] = []
    for i in range(ds.sizes["energy"]):
        row = ds.isel(energy=i)
        x = np.append(grid, [float(row["norm"]), 0.0])
        null = float(row["stat_null"]) if "stat_null" in ds else np.nan
        y = np.append(row["stat_scan"].values, [float(row["stat"]), null]) - float(row["stat"])
        error = float(row["norm_errp"]) if "norm_errp" in ds else np.nan
        found.append(_profile(x, y, error))
    return found


def _profile(
    x: np.ndarray, y: np.ndarray, error: float
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return a curve through points in any order, those that are not numbers left out."""
    known = np.isfinite(x) & np.isfinite(y)
    x, first = np.unique(x[known], return_index=True)
    y = y[known][first]
    if x.size < 4:
        return None
    curve = CubicSpline(x, y)
    slope = curve.derivative()
    bend = 1 / error**2 if np.isfinite(error) and error > 0 else 0.0

    def value(norm: np.ndarray) -> np.ndarray:
        inside = np.clip(norm, x[0], x[-1])
        beyond = norm - inside
        return np.asarray(curve(inside) + slope(inside) * beyond + bend * beyond**2)

    return value
