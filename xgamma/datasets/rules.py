"""Rules of rebinning: which variables are summed, averaged or joined."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.errors import AxisError
from xgamma.model.assembly import assemble, named
from xgamma.model.frame import without_frame
from xgamma.model.schema import ONOFF

__all__ = ["background_of_off", "rebuilt", "set_off_acceptance"]

# Shared among the parts of a bin, summed when bins are joined. The off acceptance follows.
SUMMED = ("counts", "background", "counts_off", "acceptance")
COUNTS = ("counts", "counts_off")
MASKS = ("mask_safe", "mask_fit")
# Sums of the runs, bin by bin, and how their background was scaled.
ROW_SUMS = ("counts_sum", "background_sum", "counts_off_sum")
RECORDS = ("background_norm", "background_tilt")
PIXELS = ("y", "x")
COARSE = ("y_irf", "x_irf")


def set_off_acceptance(new: dict[str, xr.Variable], alpha_off: xr.Variable | None) -> None:
    """Set acceptance_off so that the background of a group is the sum of its bins'."""
    if alpha_off is None or "counts_off" not in new or "acceptance" not in new:
        return
    off = new["counts_off"].astype(float)
    positive = alpha_off > 0
    ratio = (off / alpha_off.where(positive, 1.0)).where(positive, 0.0)
    scaled = new["acceptance"] * ratio
    fallback = new.get("acceptance_off", scaled)
    values = scaled.where(positive, fallback).transpose(*new["acceptance"].dims)
    new["acceptance_off"] = xr.Variable(
        values.dims, values.data, {"units": "", "long_name": "off acceptance"}
    )


def background_of_off(ds: xr.Dataset, mask: xr.Variable | None = None) -> xr.Variable | None:
    """Return the background that off counts give in each bin, under a mask; None without them."""
    if not all(name in ds for name in ONOFF):
        return None
    acceptance, off = (ds.variables[n].astype(float) for n in ("acceptance", "acceptance_off"))
    alpha = (acceptance / off.where(off > 0, 1.0)).where(off > 0, 0.0)
    background = alpha * ds.variables["counts_off"]
    found: xr.Variable = background if mask is None else background.where(mask, 0.0)
    return found


def rebuilt(
    ds: xr.Dataset,
    dims: set[str],
    new: dict[str, xr.Variable],
    coords: dict[str, Any],
    name: str | None,
    wcs: dict[str, Any] | None = None,
) -> xr.Dataset:
    """Replace the variables over some dims, and their coordinates.

    Parameters
    ----------
    ds : Dataset
        Any kind.
    dims : set of str
        Dimensions that change.
    new : dict of str to Variable
        Every data variable over them; others are added.
    coords : dict of str to Variable
        Coordinates over them.
    name : str, optional
        Name of the result.
    wcs : dict, optional
        Keywords of its frame. By default, that of `ds`.

    Returns
    -------
    ds : Dataset
        New dataset.

    Raises
    ------
    AxisError
        If a variable over the dimensions is not among the new ones.
    """
    stale = [
        v
        for v in ds.variables
        if dims & set(ds.variables[v].dims) and (v in new or v in coords or v in ds.data_vars)
    ]
    lost = [v for v in stale if v in ds.data_vars and v not in new]
    if lost:
        raise AxisError(
            f"The variable {lost[0]!r} is not supported by this operation: drop it first (ds.drop_vars)."
        )
    gone = set(stale) - set(new) - set(coords)
    labels: dict[str, Any] = {
        str(k): coords.get(str(k), ds.variables[k])
        for k in without_frame(ds.coords)
        if k not in gone
    }
    data = {str(k): new.get(str(k), ds.variables[k]) for k in ds.data_vars if k not in gone}
    data |= {k: v for k, v in new.items() if k not in data}
    # Built in one step: dropping and assigning merge and align everything at each.
    if wcs is None and "wcs" in ds.variables:
        wcs = dict(ds.variables["wcs"].attrs)
    attrs = {str(k): v for k, v in ds.attrs.items()}
    # Indexes of what stays are taken over: making them again is half of the work.
    same = {k: ds.xindexes[k] for k in labels if k in ds.xindexes and k not in coords}
    return named(assemble(labels, data, wcs, attrs=attrs, indexes=same), name)
