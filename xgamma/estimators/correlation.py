"""How two light curves vary together, and by how much one is behind the other."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.arguments import choice, positive
from xgamma.core.defaults import QUANTITY
from xgamma.core.units import to_value
from xgamma.errors import XGammaError
from xgamma.estimators.variability import QUANTITIES, series_of
from xgamma.model.operation import operation
from xgamma.numerics import variability as kernels
from xgamma.typing import DurationLike

__all__ = ["discrete_correlation"]


@operation
def discrete_correlation(
    curve: xr.Dataset,
    other: xr.Dataset | None = None,
    quantity: str = QUANTITY,
    width: DurationLike | None = None,
) -> xr.Dataset:
    """Correlate a light curve with another, or with itself, in bins of the lag between points.

    Parameters
    ----------
    curve, other : Dataset
        Light curves with the dim ``time``, as returned by `xgamma.light_curve`, and otherwise the
        same dims. Without `other`, `curve` is correlated with itself.
    quantity : {"flux", "eflux", "dnde", "e2dnde", "norm"}
        Quantity to analyse; its error ``..._err`` is required.
    width : Quantity, str or float, optional
        Width of the lag bins, as Quantity or number in seconds. By default, twice the mean spacing of
        `curve`.

    Returns
    -------
    found : Dataset
        Dims those of the curves without ``time``, and ``lag`` (s, with ``lag_lo`` and ``lag_hi``),
        positive where `curve` lags behind `other`: ``correlation`` and its error
        ``correlation_err`` (NaN for one pair), ``n_pairs``. NaN where a curve scatters less than
        its errors.

    Raises
    ------
    MissingDataError
        If there is no time, or no such quantity with errors.
    XGammaError
        If there are fewer than two times, or the dims differ.

    References
    ----------
    Edelson & Krolik (1988), ApJ 333, 646.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> time = np.datetime64("2020-01-01", "ns") + np.arange(40) * np.timedelta64(3600, "s")
    >>> flux = xr.DataArray(
    ...     2 + np.sin(np.arange(40.0)), {"time": time}, attrs={"units": "s-1 cm-2"}
    ... )
    >>> first = xr.Dataset({"flux": flux, "flux_err": 0.01 + 0 * flux})
    >>> late = first.assign_coords(time=time + np.timedelta64(2, "h"))
    >>> found = discrete_correlation(late, first, width="1 h")
    >>> float(found.lag[found.correlation.argmax("lag")]) / 3600
    2.5
    """
    name = choice(quantity, "quantity", QUANTITIES)
    first, first_err = series_of(curve, name)
    second, second_err = (first, first_err) if other is None else series_of(other, name)
    if {d: n for d, n in first.sizes.items() if d != "time"} != {
        d: n for d, n in second.sizes.items() if d != "time"
    }:
        raise XGammaError(
            f"The light curves have the dims {dict(first.sizes)} and {dict(second.sizes)}: select the "
            "same bands of both."
        )
    begin = first["time"].values.astype("datetime64[ns]")[0]
    times = [
        (s["time"].values.astype("datetime64[ns]") - begin) / np.timedelta64(1, "s")
        for s in (first, second)
    ]
    if width is None:
        width = 2 * (times[0][-1] - times[0][0]) / times[0].size
    step = positive(to_value(width, "s", "width"), "width")
    lags = times[0][:, None] - times[1]
    bins = np.floor(lags / step).astype(int)
    at = bins - bins.min()
    edges = step * np.arange(bins.min(), bins.max() + 2)
    found = xr.apply_ufunc(
        lambda a, da, b, db: kernels.discrete_correlation(a, da, b, db, at, edges.size - 1),
        *(first.astype(float), first_err.astype(float)),
        *(s.astype(float).rename(time="time_other") for s in (second, second_err)),
        input_core_dims=[["time"], ["time"], ["time_other"], ["time_other"]],
        output_core_dims=[["lag"]] * 3,
        vectorize=True,
    )
    names = ("correlation", "correlation_err", "n_pairs")
    units = {"units": ""}
    out = xr.Dataset({n: a.assign_attrs(units) for n, a in zip(names, found, strict=True)})
    seconds = {"units": "s", "long_name": "lag"}
    out = out.assign_coords(
        lag=("lag", 0.5 * (edges[1:] + edges[:-1]), seconds),
        lag_lo=("lag", edges[:-1], seconds),
        lag_hi=("lag", edges[1:], seconds),
    )
    out["n_pairs"] = out["n_pairs"].astype(int)
    return out.assign_attrs(name=f"{name}-correlation", quantity=name)
