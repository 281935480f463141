"""Cut datasets along their axes, and pad them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import whole
from xgamma.datasets.masks import energy_mask
from xgamma.datasets.rules import PIXELS, rebuilt
from xgamma.errors import AxisError
from xgamma.model import sky
from xgamma.model.assembly import named
from xgamma.model.axes import edges, units_of
from xgamma.model.operation import operation
from xgamma.typing import EnergyLike

__all__ = ["pad", "slice_energy"]


@operation
def slice_energy(
    ds: xr.Dataset,
    min: EnergyLike | None = None,
    max: EnergyLike | None = None,
    name: str | None = None,
) -> xr.Dataset:
    """Keep the bins of reconstructed energy that lie entirely within a range.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    min, max : Quantity, str or float, optional
        Range, as Quantity or number in the unit of the axis. By default, unbounded.
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
            f"No energy bin lies entirely between {min} and {max}: the axis runs from {have[0]:.4g} to {have[-1]:.4g} {unit}."
        )
    return named(ds.isel(energy=slice(int(keep[0]), int(keep[-1]) + 1)), name)


@operation
def pad(ds: xr.Dataset, width: int, name: str | None = None) -> xr.Dataset:
    """Pad a map with pixels that are zero, not safe and without exposure.

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
        Pixel labels continue beyond the old ones; the coarse grids are not changed.

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
    width = whole(width, "width", 0)
    if any(d not in ds.dims for d in PIXELS):
        raise AxisError("Only a map can be padded: this dataset has no pixels.")
    if "mask_safe" not in ds and any(set(PIXELS) & set(v.dims) for v in ds.data_vars.values()):
        shape = {d: ds.sizes[d] for d in ("energy", *PIXELS) if d in ds.dims}
        ones = np.ones(tuple(shape.values()), dtype=bool)
        # What is added is not safe, so the mask that says so must be there.
        ds = ds.assign(mask_safe=(tuple(shape), ones, {"long_name": "safe data range"}))
    sizes = dict.fromkeys(PIXELS, (width, width))
    new = {
        str(key): _padded(variable, {d: sizes[d] for d in PIXELS if d in variable.dims})
        for key, variable in ds.variables.items()
        if key in ds.data_vars and set(PIXELS) & set(variable.dims)
    }
    coords = {}
    for dim in PIXELS:
        labels, step = ds.variables[dim].values, sky.label_step(ds, dim)
        grid = labels[0] + step * np.arange(-width, labels.size + width)
        coords[dim] = xr.Variable(dim, grid, ds.variables[dim].attrs)
    return rebuilt(ds, set(PIXELS), new, coords, name)


def _padded(variable: xr.Variable, around: dict[str, tuple[int, int]]) -> xr.Variable:
    """Return a variable with zeros around it; dask arrays stay lazy."""
    if not isinstance(variable.data, np.ndarray):
        fill: Any = False if variable.dtype == bool else 0
        found: xr.Variable = variable.pad(around, mode="constant", constant_values=fill)
        return found
    pairs = [around.get(str(d), (0, 0)) for d in variable.dims]
    shape = [n + sum(pair) for n, pair in zip(variable.shape, pairs, strict=True)]
    out = np.zeros(shape, variable.dtype)
    out[tuple(slice(low, n - high) for n, (low, high) in zip(shape, pairs, strict=True))] = (
        variable.data
    )
    return xr.Variable(variable.dims, out, variable.attrs)
