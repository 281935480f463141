"""What plain xarray may leave behind that no operation can work with, found before it starts.

`xgamma.schema.validate` reports every issue of a dataset; this asks only what would end in a
wrong number or in an error from deep inside, and is cheap enough to ask at each operation.
"""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.axes import edges
from xgamma.errors import AxisError, FrameError
from xgamma.schema import AXES, SPATIAL, VARIABLES, issue_of_dims, issue_of_pixels

__all__ = ["require_even_pixels", "require_usable"]


def require_usable(ds: xr.Dataset) -> xr.Dataset:
    """Return the dataset if the operations can work with it.

    Parameters
    ----------
    ds : Dataset
        A map or spectrum dataset, perhaps after ``isel``, ``coarsen``, ``concat`` and the like.
        A dataset without an energy axis (a profile, a table of light curves) passes as it is.

    Returns
    -------
    ds : Dataset
        The same.

    Raises
    ------
    AxisError
        If a variable has gained or lost a dimension, a mask holds numbers, or bins gape, overlap
        or were averaged.
    FrameError
        If pixels are missing in between, or run backwards.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> require_usable(ds) is ds
    True
    >>> ds.isel(energy=[0, 2]).gamma.to_image()
    Traceback (most recent call last):
    xgamma.errors.AxisError: The bins of the axis 'energy' gape or overlap: rebin with \
ds.gamma.downsample or resample_energy, not with bare coarsen or isel steps.
    """
    if "energy" not in ds.variables:
        return ds
    for name in ds.variables:
        if name in VARIABLES:
            issue = issue_of_dims(ds, str(name))
            if issue is not None:
                raise AxisError(issue)
    require_even_pixels(ds)
    for dim in AXES:
        if dim in ds.dims and f"{dim}_lo" in ds.variables:
            edges(ds, dim)
    _require_true_edges(ds)
    return ds


def require_even_pixels(obj: Any) -> None:
    """Raise a `FrameError` unless the pixel labels grow in even steps.

    Parameters
    ----------
    obj : Dataset or DataArray
        With or without pixels.

    Raises
    ------
    FrameError
        If a row or column is missing in between, or they run backwards.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> require_even_pixels(example_map().isel(x=slice(3, 9)))
    """
    for dim in SPATIAL:
        issue = issue_of_pixels(obj, dim)
        if issue is not None:
            raise FrameError(issue)


def _require_true_edges(ds: xr.Dataset) -> None:
    """Refuse a single bin that a bare ``coarsen`` made: its edges are averages, and nothing gapes.

    ``coarsen`` drops every index of a scalar coordinate, so the guard of the frame is gone; it is
    missing in a file opened by plain xarray, too, but there the coordinate has an encoding.
    """
    if ds.sizes.get("energy") != 1 or "wcs" not in ds.coords or "wcs" in ds.xindexes:
        return
    if not ds.variables["wcs"].encoding:
        raise AxisError(
            "The axis 'energy' has one bin and the frame no guard, as after a bare coarsen, which averages the edges of bins: use ds.gamma.to_image() or downsample; if the bin is right, xgamma.frame.set_frame(ds) puts the guard back."
        )
