"""Reject datasets that xarray operations have left inconsistent, found before it starts.

`xgamma.irf.validation.validate` reports every issue of a dataset; this asks only what would end in a
wrong number or in an error from deep inside, and is cheap enough to ask at each operation.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.arguments import observation
from xgamma.errors import ArgumentTypeError, AxisError, FrameError
from xgamma.model.axes import edges
from xgamma.model.schema import (
    AXES,
    MASKS,
    RECO,
    SPATIAL,
    VARIABLES,
    issue_of_dims,
    issue_of_pixels,
)
from xgamma.model.stamp import issue_of_stamps
from xgamma.typing import LabelledLike

# Bands of flux points may leave gaps.
FLUX_POINTS = ("dnde", "ref_dnde")

__all__ = [
    "require_array",
    "require_dataset",
    "require_map",
    "require_tree",
    "require_usable",
]


def require_usable(ds: xr.Dataset) -> xr.Dataset:
    """Return the dataset if the operations can work with it.

    Parameters
    ----------
    ds : Dataset
        A map or spectrum dataset, perhaps after ``isel``, ``coarsen``, ``concat`` and the like.
        A dataset without an energy axis (a profile) and flux points pass as they are.

    Returns
    -------
    ds : Dataset
        The same.

    Raises
    ------
    AxisError
        If a variable has gained or lost a dimension, a mask holds numbers, or bins have gaps, overlap
        or were averaged.
    FrameError
        If pixels are missing in between, run backwards, or lie in different frames.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> require_usable(ds) is ds
    True
    >>> ds.isel(energy=[0, 2]).gamma.to_image()
    Traceback (most recent call last):
    xgamma.errors.AxisError: The bins of the axis 'energy' have gaps or overlap: rebin with \
ds.gamma.downsample or resample_energy instead of coarsen or isel with a step.
    """
    require_map(ds)
    if "energy" not in ds.variables or any(name in ds.variables for name in FLUX_POINTS):
        return ds
    for name in ds.variables:
        if name in VARIABLES:
            issue = issue_of_dims(ds, str(name))
            if issue is not None:
                raise AxisError(issue)
    for dim in SPATIAL:
        if dim in ds.coords and dim not in ds.dims:
            raise AxisError(
                f"The map has lost its dimension {dim!r}: select with isel({dim}=[0]) or a slice to keep it."
            )
    for dim in AXES:
        if dim in ds.dims and f"{dim}_lo" in ds.variables:
            edges(ds, dim)
    _require_true_edges(ds)
    _require_whole_exposure(ds)
    return with_full_masks(ds)


def with_full_masks(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset whose masks lie on all dims of the counts; the same if they do.

    A mask of energies alone, or of pixels, says the same in each of the others.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> with_full_masks(ds.assign(mask_fit=ds.gamma.energy_mask("2 TeV"))).mask_fit.dims
    ('energy', 'y', 'x')
    """
    full = {dim: ds.sizes[dim] for dim in RECO if dim in ds.dims}
    new = {}
    for name in MASKS:
        mask = ds.variables.get(name)
        if mask is not None and len(mask.dims) < len(full):
            new[name] = mask.set_dims({**full, **dict(mask.sizes)}).transpose(*full)
    return ds.assign(new) if new else ds


def require_dataset(obj: object, role: str) -> xr.Dataset:
    """Return an argument that must be a dataset.

    Parameters
    ----------
    obj : Dataset
        What was given.
    role : str
        What it is to the function, for the message.

    Returns
    -------
    ds : Dataset
        The same.

    Raises
    ------
    ArgumentTypeError
        If it is something else.

    Examples
    --------
    >>> require_dataset("crab.nc", "into")
    Traceback (most recent call last):
    xgamma.errors.ArgumentTypeError: into= must be a dataset, not str: open files with xg.open, create templates with xg.create_map.
    """
    if isinstance(obj, xr.Dataset):
        return obj
    cure = "open files with xg.open, create templates with xg.create_map"
    if isinstance(obj, xr.DataTree):
        cure = "for a collection, select one with tree.gamma.dataset(name) or use tree.gamma.map(function)"
    raise ArgumentTypeError(f"{role}= must be a dataset, not {type(obj).__name__}: {cure}.")


def require_array(obj: object, role: str) -> xr.DataArray:
    """Return an argument that must be a labelled array.

    Parameters
    ----------
    obj : DataArray
        What was given, of any dims.
    role : str
        What it is to the function, for the message.

    Returns
    -------
    array : DataArray
        The same, of any dims.

    Raises
    ------
    ArgumentTypeError
        If it is something else.

    Examples
    --------
    >>> require_array([1, 2], "array")
    Traceback (most recent call last):
    xgamma.errors.ArgumentTypeError: array= must be a map, not list: pass a variable of a dataset, for example ds.counts.
    """
    if isinstance(obj, xr.DataArray):
        return obj
    raise ArgumentTypeError(
        f"{role}= must be a map, not {type(obj).__name__}: pass a variable of a dataset, for example ds.counts."
    )


def require_tree(obj: object, role: str) -> xr.DataTree:
    """Return an argument that must be an observation or a collection.

    Parameters
    ----------
    obj : DataTree
        What was given.
    role : str
        What it is to the function: ``obs`` is an observation.

    Returns
    -------
    tree : DataTree
        The same.

    Raises
    ------
    ArgumentTypeError
        If it is something else.

    Examples
    --------
    >>> require_tree("runs", "tree")
    Traceback (most recent call last):
    xgamma.errors.ArgumentTypeError: tree= must be a collection, not str: collect datasets with xg.collect.
    """
    if role == "obs":
        return observation(obj)
    if isinstance(obj, xr.DataTree):
        return obj
    raise ArgumentTypeError(
        f"{role}= must be a collection, not {type(obj).__name__}: collect datasets with xg.collect."
    )


def require_map(obj: LabelledLike) -> None:
    """Raise a `FrameError` unless the pixel labels grow in even steps, all in one frame.

    Parameters
    ----------
    obj : Dataset or DataArray
        With or without pixels.

    Raises
    ------
    FrameError
        If a row or column is missing in between, they run backwards, or a map of other pixels
        was put on by assignment.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> require_map(example_map().isel(x=slice(3, 9)))
    """
    for dim in SPATIAL:
        issue = issue_of_pixels(obj, dim)
        if issue is not None:
            raise FrameError(issue)
    issue = issue_of_stamps(obj)
    if issue is not None:
        raise FrameError(issue)


def _require_whole_exposure(ds: xr.Dataset) -> None:
    """Refuse the exposure of a smaller map, which assignment filled up with NaN, where data are safe.

    NaN would be predicted as nothing. The middle row and column and two corners are looked at: a
    rectangle cannot hold them all. What is lazy is not read.
    """
    exposure = ds.variables.get("exposure")
    if exposure is None or not {"y", "x"} <= set(exposure.dims) or exposure.dtype.kind != "f":
        return
    if not exposure._in_memory or not exposure.size:
        return
    ny, nx = exposure.sizes["y"], exposure.sizes["x"]
    for place in ({"y": ny // 2}, {"x": nx // 2}, {"y": 0, "x": 0}, {"y": -1, "x": -1}):
        at = tuple(place.get(str(dim), slice(None)) for dim in exposure.dims)
        if np.isnan(exposure.values[at]).any() and _any_safe(ds, exposure[place].isnull(), place):
            raise FrameError(
                "The exposure is NaN in part of the safe data range, as after assigning a smaller map: use .reindex_like(ds, fill_value=0), or exclude that part in mask_safe."
            )


def _any_safe(ds: xr.Dataset, missing: xr.Variable, place: dict[str, int]) -> bool:
    """Return whether data are safe where something is missing."""
    mask = ds.variables.get("mask_safe")
    if mask is None:
        return True
    safe = mask[{dim: at for dim, at in place.items() if dim in mask.dims}]
    if "energy" in safe.dims:
        safe = safe.any("energy")
    return bool((safe & missing).data.any())


def _require_true_edges(ds: xr.Dataset) -> None:
    """Refuse a single bin that a bare ``coarsen`` made: its edges are averages, and nothing gapes.

    ``coarsen`` drops every index of a scalar coordinate, so the guard of the frame is gone; it is
    missing in a file opened by plain xarray, too, but there the coordinate has an encoding.
    """
    if ds.sizes.get("energy") != 1 or "wcs" not in ds.coords or "wcs" in ds.xindexes:
        return
    if not ds.variables["wcs"].encoding:
        raise AxisError(
            "The axis 'energy' has one bin and the WCS index is gone, which looks like the result of coarsen(): it averages the bin edges. Use ds.gamma.to_image() or downsample; if the bin is correct, xgamma.model.frame.set_frame(ds) restores the index."
        )
