"""Cut datasets along their axes, and pad them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma import sky
from xgamma.axes import edges, units_of
from xgamma.datasets.masks import energy_mask
from xgamma.errors import AxisError

__all__ = ["pad", "slice_energy"]

PIXELS = ("y", "x")


def slice_energy(
    ds: xr.Dataset, min: Any = None, max: Any = None, name: str | None = None
) -> xr.Dataset:
    """Keep the bins of reconstructed energy that lie wholly in a range.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    min, max : Quantity, str or float, optional
        Range; plain numbers are in the unit of the axis. Open where absent.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        Every variable over ``energy`` is cut, the dispersion too.

    Raises
    ------
    AxisError
        If no bin lies in the range.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.5 deg", xg.energy_axis(0.1, 10, 10))
    >>> slice_energy(ds, "1 TeV", "5 TeV").sizes["energy"]
    3
    """
    keep = np.flatnonzero(energy_mask(ds, min, max).values)
    if not keep.size:
        have, unit = edges(ds, "energy"), units_of(ds, "energy")
        raise AxisError(
            f"No energy bin lies wholly between {min} and {max}: the axis runs from {have[0]:.4g} to {have[-1]:.4g} {unit}."
        )
    out = ds.isel(energy=slice(int(keep[0]), int(keep[-1]) + 1))
    out.attrs = dict(ds.attrs) if name is None else {**ds.attrs, "name": name}
    return out


def pad(ds: xr.Dataset, width: int, name: str | None = None) -> xr.Dataset:
    """Add pixels around a map: zeros, unsafe, without exposure.

    Parameters
    ----------
    ds : Dataset
        Map.
    width : int
        Pixels to add on each side.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        Labels go on beyond the old ones; the coarse grids stay.

    Raises
    ------
    AxisError
        If the width is negative or the dataset has no pixels.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.5 deg", xg.energy_axis(0.1, 10, 2))
    >>> pad(ds, 1).x.values
    array([-1.,  0.,  1.,  2.,  3.,  4.])
    """
    if width < 0 or any(d not in ds.dims for d in PIXELS):
        raise AxisError("Only a map can be padded, by zero pixels or more.")
    if "mask_safe" not in ds and any(set(PIXELS) & set(v.dims) for v in ds.data_vars.values()):
        shape = {d: ds.sizes[d] for d in ("energy", *PIXELS) if d in ds.dims}
        ones = np.ones(tuple(shape.values()), dtype=bool)
        # What is added is not safe, so the mask that says so must be there.
        ds = ds.assign(mask_safe=(tuple(shape), ones, {"long_name": "safe data range"}))
    new = {}
    for key, array in ds.data_vars.items():
        around = {d: (width, width) for d in PIXELS if d in array.dims}
        if around:
            fill: Any = False if array.dtype == bool else 0
            new[key] = array.variable.pad(around, mode="constant", constant_values=fill)
    coords = {}
    for dim in PIXELS:
        labels, step = ds.coords[dim].values, sky.label_step(ds, dim)
        grid = labels[0] + step * np.arange(-width, labels.size + width)
        coords[dim] = (dim, grid, ds.coords[dim].attrs)
    out = ds.drop_vars([*new, *PIXELS]).assign_coords(coords).assign(new)
    out.attrs = dict(ds.attrs) if name is None else {**ds.attrs, "name": name}
    return out
