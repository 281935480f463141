"""The live time that a dataset states."""

from __future__ import annotations

import xarray as xr

from xgamma.core.defaults import REFERENCE_TIME

__all__ = ["livetime_of", "reference_time_of"]


def livetime_of(ds: xr.Dataset) -> float | None:
    """Return the live time behind the exposure of a dataset, seconds; none where it is not known.

    The attribute of the exposure leaves out the runs of a stack of which nothing is safe; without
    it the rows of the runs are summed.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> round(livetime_of(example_map()))
    1680
    """
    stated = ds.variables["exposure"].attrs.get("livetime") if "exposure" in ds else None
    if stated is None and "livetime" in ds:
        stated = ds["livetime"].sum()
    return None if stated is None else float(stated)


def reference_time_of(ds: xr.Dataset) -> str:
    """Return the zero of the times of a dataset (TT, ISO).

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> reference_time_of(example_map())[:4]
    '2000'
    """
    attrs = ds.variables["gti_start"].attrs if "gti_start" in ds.variables else {}
    return str(attrs.get("reference_time", REFERENCE_TIME))
