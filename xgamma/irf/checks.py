"""Reject responses whose values, axes or keywords cannot be."""

from __future__ import annotations

import xarray as xr

from xgamma.errors import XGammaError
from xgamma.irf.registry import rule_of
from xgamma.model.sanity import issue_of_values

__all__ = ["check_finite"]


def check_finite(ds: xr.Dataset, name: str, obs_id: int | str | None = None) -> None:
    """Raise if a variable of a response holds NaN, infinity, or negative values where none can be.

    Loading does not check: a run with a bad response can still be looked at.

    Parameters
    ----------
    ds : Dataset
        A response, for instance ``obs["aeff"].to_dataset()``.
    name : str
        Variable, any dims.
    obs_id : int or str, optional
        Run, for the message. By default, taken from OBS_ID.

    Raises
    ------
    XGammaError
        If there are such values: names run, HDU and variable.

    Examples
    --------
    >>> import xarray as xr
    >>> check_finite(xr.Dataset({"aeff": ("offset", [1.0, float("nan")])}), "aeff", 7)
    Traceback (most recent call last):
    xgamma.errors.XGammaError: Run 7: 1 of 2 values of 'aeff' of the HDU 'aeff' are NaN or infinite...
    """
    hdu = f"{name!r} of the HDU {ds.attrs.get('EXTNAME', name)!r}"
    issue = issue_of_values(name, ds[name].values, label=hdu, rule=rule_of(ds, name))
    if issue is None:
        return
    run = obs_id if obs_id is not None else ds.attrs.get("OBS_ID", "unknown")
    source = ds.encoding.get("source")
    raise XGammaError(
        f"Run {run}: {issue}{f' ({source})' if source else ''}: leave the run out, or replace "
        "the values, for example with fillna(0)."
    )
