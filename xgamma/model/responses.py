"""The responses of an observation as labels: one of them, and the edges of its axes."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.arguments import observation
from xgamma.core.units import conversion
from xgamma.errors import AxisError, MissingDataError, XGammaError
from xgamma.model.axes import axis_coords
from xgamma.model.dimensions import unit_of
from xgamma.model.sanity import issue_of_bins

__all__ = ["grid_edges", "is_map", "response", "sound_coords"]


def is_map(ds: xr.Dataset) -> bool:
    """Tell whether a response is a map of the sky, not a table over the field of view."""
    return "wcs" in ds.coords and {"y", "x"} <= set(ds.dims)


def response(obs: xr.DataTree, group: str, maps: bool = False) -> xr.Dataset:
    """Return one response of an observation.

    Parameters
    ----------
    obs : DataTree
        Observation.
    group : {"aeff", "edisp", "psf", "bkg", "rad_max"}
        Which response.
    maps : bool
        Whether it may be a map.

    Returns
    -------
    ds : Dataset
        As stored, lazy; it knows the run, OBS_ID.

    Raises
    ------
    MissingDataError
        If the observation has no such response.
    XGammaError
        If it is a map, and none is expected.
    """
    if group not in observation(obs).children:
        raise MissingDataError(
            f"Run {obs.attrs.get('OBS_ID', obs.name)} has no {group!r} response: remove it from select=, or add the HDU to the index."
        )
    ds = obs.children[group].dataset
    if is_map(ds) and not maps:
        raise XGammaError(
            f"Run {obs.attrs.get('OBS_ID', obs.name)} has its response {group!r} as a map of the sky, which fills maps alone: use ds.gamma.fill(obs) of a map, then to_spectrum, and irfs='DL4' for safe masks."
        )
    if "OBS_ID" in ds.attrs:
        return ds
    # Messages name the run; a response that several share, or made in memory, does not know it.
    named = obs.children[group].to_dataset(inherit=False)
    named.attrs = {**named.attrs, "OBS_ID": obs.attrs.get("OBS_ID", obs.name)}
    return named


def sound_coords(ds: xr.Dataset, dim: str) -> dict[str, xr.Variable]:
    """Return the coordinates of one axis of a response.

    Readers check files alike; this is for responses that were changed or made in memory.

    Raises
    ------
    AxisError
        If its bins are not finite, do not increase, have gaps, or lie beyond the range that is possible.
    """
    coords = axis_coords(ds, dim)
    center, lo, hi = (np.atleast_1d(v.values) for v in coords.values())
    units = str(coords[dim].attrs.get("units", ""))
    issue = issue_of_bins(dim, lo, hi, units, nodes=True)
    if issue is None and not ((lo <= center) & (center <= hi)).all():
        issue = "do not contain their centres"
    if issue is not None:
        raise AxisError(
            f"Run {ds.attrs.get('OBS_ID', '')}: the bins of the axis {dim!r} of the HDU {ds.attrs.get('EXTNAME', '')!r} {issue}: replace its coordinates {dim}, {dim}_lo and {dim}_hi."
        )
    return coords


def grid_edges(ds: xr.Dataset, dim: str) -> np.ndarray:
    """Return the edges of one axis of a response, in TeV or degrees, shape (n + 1,)."""
    coords = sound_coords(ds, dim)
    factor = conversion(str(coords[dim].attrs.get("units", "")), unit_of(dim))
    lo, hi = (np.atleast_1d(coords[f"{dim}_{end}"].values).astype(float) for end in ("lo", "hi"))
    return np.append(lo, hi[-1]) * factor
