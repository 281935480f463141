"""Energy ranges selected by masks: at each pixel, and of a whole dataset."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.datasets.masks import RECO, labelled, mask, safe
from xgamma.model.axes import edges, units_of
from xgamma.model.operation import operation

__all__ = ["energy_range", "energy_range_total"]


@operation
def energy_range(ds: xr.Dataset, which: str = "mask") -> tuple[xr.DataArray, xr.DataArray]:
    """Return the lowest and highest energy used at each pixel.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    which : {"mask", "mask_safe", "mask_fit"}
        Mask to use; ``"mask"`` combines both.

    Returns
    -------
    low, high : DataArray
        Dims ``(y, x)`` (none for a spectrum), in the unit of the axis; NaN where nothing is
        used. Without a mask, the range of the axis.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 100, 2))
    >>> ds = ds.assign(mask_safe=("energy", [False, True]))
    >>> [float(e) for e in energy_range(ds)]
    [10.0, 100.0]
    """
    flagged = None if which == "mask" else safe(ds, which)
    used = mask(ds) if which == "mask" else None
    if flagged is not None:
        used = labelled(ds, flagged)
    unit = units_of(ds, "energy")
    if used is None:
        dims = [d for d in RECO if d in ds.dims]
        shape = [ds.sizes[d] for d in dims]
        # With the labels of the dataset, or there would be no sky to draw it on.
        used = ds.assign(used=(dims, np.ones(shape, dtype=bool)))["used"]
    values = edges(ds, "energy")
    flags = used.variable.transpose("energy", ...)
    if hasattr(flags.data, "dask"):
        data = flags.chunk({"energy": -1}).data
        limits = [
            data.map_blocks(_first_energy, *bounds, drop_axis=0, dtype=float)
            for bounds in ((values[:-1], 1), (values[1:], -1))
        ]
    else:
        data = np.asarray(flags.data, dtype=bool)
        limits = [_first_energy(data, values[:-1], 1), _first_energy(data, values[1:], -1)]
    image = used.isel(energy=0, drop=True)
    ends = []
    for name, limit, word in (("min", limits[0], "lowest"), ("max", limits[1], "highest")):
        variable = xr.Variable(flags.dims[1:], limit).transpose(*image.dims)
        one = image.copy(data=variable.data).rename(f"energy_{name}")
        one.attrs = {"units": unit, "long_name": f"{word} energy used"}
        ends.append(one)
    return ends[0], ends[1]


def _first_energy(flags: np.ndarray, values: np.ndarray, step: int) -> np.ndarray:
    """Return the value at the first True along the first axis, from either end; NaN without."""
    out = np.full(flags.shape[1:], np.nan)
    for number in range(flags.shape[0])[::-step]:
        np.copyto(out, values[number], where=flags[number])
    return out


@operation
def energy_range_total(ds: xr.Dataset, which: str = "mask") -> tuple[xr.DataArray, xr.DataArray]:
    """Return the lowest and highest energy used anywhere.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    which : {"mask", "mask_safe", "mask_fit"}
        Mask to use; ``"mask"`` combines both.

    Returns
    -------
    low, high : DataArray
        Without dims, in the unit of the axis; NaN if nothing is used. Without a mask, the
        range of the axis. Dask-backed masks stay lazy.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> ds["mask_fit"] = ds.gamma.energy_mask("2 TeV", None)
    >>> [round(float(e), 3) for e in energy_range_total(ds, "mask_fit")]
    [3.162, 10.0]
    """
    low, high = energy_range(ds, which)
    ends = low.min(keep_attrs=True), high.max(keep_attrs=True)
    return ends[0], ends[1]
