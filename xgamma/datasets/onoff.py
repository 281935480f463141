"""On-off datasets: alpha, background and excess, and the way from and to plain datasets."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.lazy import is_lazy
from xgamma.datasets import masks
from xgamma.errors import MissingDataError, XGammaError, shown
from xgamma.model.operation import operation
from xgamma.model.schema import ONOFF, kind, require, variable_attrs
from xgamma.typing import ArrayLike, CountsLike

__all__ = ["alpha", "background", "excess", "from_onoff", "to_onoff"]


def is_onoff(ds: xr.Dataset) -> bool:
    """Return whether a dataset has off counts or acceptances."""
    return kind(ds).endswith("onoff")


def reco_dims(ds: xr.Dataset) -> tuple[str, ...]:
    """Return the dims of counts in their canonical order."""
    return tuple(d for d in ("energy", "y", "x") if d in ds.dims)


def safe(ds: xr.Dataset) -> xr.Variable:
    """Return the safe mask, all True where there is none."""
    used = masks.safe(ds)
    if used is not None:
        return used
    dims = reco_dims(ds)
    return xr.Variable(dims, np.ones([ds.sizes[d] for d in dims], dtype=bool))


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> np.ndarray:
    """Return a quotient in double precision, zero where the denominator is not positive."""
    if is_lazy(numerator, denominator):
        from dask.array import map_blocks

        values: np.ndarray = map_blocks(ratio, numerator, denominator, dtype=float)
        return values
    numerator, denominator = np.broadcast_arrays(
        np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    )
    out = np.zeros(numerator.shape)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def _like(ds: xr.Dataset, values: np.ndarray, name: str, long_name: str) -> xr.DataArray:
    dims = reco_dims(ds)
    # Any variable of the same shape brings coordinates and frame at little cost.
    like = next(v for v in ("counts", *ONOFF, "background") if v in ds)
    array = ds[like].transpose(*dims).copy(data=values)
    array.attrs = {"units": "", "long_name": long_name}
    return array.rename(name)


def variable(ds: xr.Dataset, name: str) -> np.ndarray:
    """Return a variable in the canonical order of its dims, in double precision."""
    require(ds, name)
    values = ds.variables[name].transpose(*reco_dims(ds)).data
    return values.astype(float) if is_lazy(values) else np.asarray(values, dtype=float)


@operation
def alpha(ds: xr.Dataset) -> xr.DataArray:
    """Return the ratio of the acceptances, on to off.

    Parameters
    ----------
    ds : Dataset
        On-off dataset.

    Returns
    -------
    alpha : DataArray
        Dims of the counts; 0 where there is no off acceptance.

    Raises
    ------
    MissingDataError
        If the dataset is not on-off.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 2))
    >>> ds = to_onoff(ds, counts_off=4, acceptance=1, acceptance_off=8)
    >>> alpha(ds).values
    array([0.125, 0.125])
    """
    values = ratio(variable(ds, "acceptance"), variable(ds, "acceptance_off"))
    return _like(ds, values, "alpha", "on to off acceptance")


@operation
def background(ds: xr.Dataset) -> xr.DataArray:
    """Return the background: alpha times off counts, or the variable of a plain dataset.

    Parameters
    ----------
    ds : Dataset
        Any map or spectrum.

    Returns
    -------
    background : DataArray
        Counts, dims of the counts.

    Raises
    ------
    MissingDataError
        If there is no background of either kind.

    Examples
    --------
    >>> from xgamma.tutorial import example_spectrum
    >>> background(example_spectrum()).values.round(2)
    array([0.79, 0.5 , 0.29, 0.07, 0.07, 0.07])
    """
    return _like(ds, background_values(ds), "background", "background counts")


def background_values(ds: xr.Dataset) -> np.ndarray:
    """Return the values of `background`, in the order energy, y, x."""
    if is_onoff(ds):
        ratios = ratio(variable(ds, "acceptance"), variable(ds, "acceptance_off"))
        values: np.ndarray = ratios * variable(ds, "counts_off")
        return values
    if "background" in ds:
        return variable(ds, "background")
    raise MissingDataError(
        f"The dataset {ds.attrs.get('name', '')!r} has no background: fill it, or use one of the background methods."
    )


@operation
def excess(ds: xr.Dataset) -> xr.DataArray:
    """Return counts minus background.

    Parameters
    ----------
    ds : Dataset
        Any map or spectrum with counts and a background.

    Returns
    -------
    excess : DataArray
        Dims of the counts.

    Examples
    --------
    >>> from xgamma.tutorial import example_spectrum
    >>> excess(example_spectrum()).values.round(1)
    array([41.2, 26.5, 15.7,  7.9,  7.9,  1.9])
    """
    values = variable(ds, "counts") - background_values(ds)
    return _like(ds, values, "excess", "excess counts")


@operation
def to_onoff(
    ds: xr.Dataset, counts_off: CountsLike, acceptance: CountsLike, acceptance_off: CountsLike
) -> xr.Dataset:
    """Turn a dataset into an on-off dataset.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    counts_off, acceptance, acceptance_off : float, array, Variable or DataArray
        Broadcast to the dims of the counts; plain arrays are in the order energy, y, x.

    Returns
    -------
    ds : Dataset
        With the three variables, without ``background``, which they replace: it is
        ``acceptance / acceptance_off * counts_off``. `ds` is not modified.

    Raises
    ------
    XGammaError
        If a value is negative or not finite (those of dask arrays are not looked at).

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> spectrum = example_map().gamma.to_spectrum("icrs;circle(83.63, 22.01, 0.1)")
    >>> to_onoff(spectrum, counts_off=[9, 5, 2, 1], acceptance=1, acceptance_off=4).gamma.kind
    'spectrum_onoff'
    """
    variables = onoff_variables(ds, counts_off, acceptance, acceptance_off)
    return with_variables(ds, variables)


def with_variables(ds: xr.Dataset, variables: dict[str, xr.Variable]) -> xr.Dataset:
    """Return an on-off dataset with these variables, its instrument's background dropped."""
    return ds.drop_vars("background", errors="ignore").assign(variables)


def onoff_variables(
    ds: xr.Dataset, counts_off: CountsLike, acceptance: CountsLike, acceptance_off: CountsLike
) -> dict[str, xr.Variable]:
    """Return the variables of `to_onoff`, checked and on the dims of the counts."""
    given = {"counts_off": counts_off, "acceptance": acceptance, "acceptance_off": acceptance_off}
    dims = reco_dims(ds)
    shape = tuple(ds.sizes[d] for d in dims)
    variables = {}
    for name, value in given.items():
        if isinstance(value, (xr.DataArray, xr.Variable)):
            value = getattr(value, "variable", value)
            value = (
                value.set_dims(
                    {d: ds.sizes[d] for d in dims if d not in value.dims} | dict(value.sizes)
                )
                .transpose(*dims)
                .data
            )
        if is_lazy(value):
            # Values that are not known yet cannot be checked.
            variables[name] = xr.Variable(dims, value, variable_attrs(name))
            continue
        try:
            array = np.broadcast_to(np.asarray(value) * 1, shape).copy()
        except (TypeError, ValueError):
            raise XGammaError(
                f"{name}={shown(value)} must be a number, or an array that matches {dict(zip(dims, shape, strict=True))}."
            ) from None
        if not np.isfinite(array).all() or (array < 0).any():
            raise XGammaError(f"{name} must be finite and not negative: mask such bins first.")
        variables[name] = xr.Variable(dims, array, variable_attrs(name))
    return variables


@operation
def from_onoff(ds: xr.Dataset) -> xr.Dataset:
    """Turn an on-off dataset into a plain one, its background alpha times off counts.

    Parameters
    ----------
    ds : Dataset
        On-off dataset.

    Returns
    -------
    ds : Dataset
        With ``background`` instead of off counts and acceptances. The statistics of the off
        counts are lost: use the Cash statistic only where they are many.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 2))
    >>> from_onoff(to_onoff(ds, counts_off=4, acceptance=1, acceptance_off=8)).background.values
    array([0.5, 0.5])
    """
    values = background(ds)
    plain = ds.drop_vars([name for name in ONOFF if name in ds])
    return plain.assign(
        background=xr.Variable(values.dims, values.data, variable_attrs("background"))
    )
