"""How datasets lie in NetCDF and Zarr: CF attributes and bounds, chunks, compression, and back."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import xarray as xr

from xgamma import __version__
from xgamma.frame import drop_frame, set_frame

__all__ = ["encoding_of", "export", "rechunked", "restore", "text_as"]

CONVENTIONS = "CF-1.11"
# Planes of an image up to this many bytes make one chunk: a cutout reads few chunks.
CHUNK_BYTES = 4 * 2**20
SKY = {"y", "x", "y_irf", "x_irf"}
AXES = ("energy", "energy_true", "rad", "migra", "offset")
BOUNDS = "bounds"
# Attributes that exist in the file only; opening takes them off again.
FILE_ATTRS = ("Conventions", "history")
VARIABLE_ATTRS = ("grid_mapping", "flag_values", "flag_meanings")


def chunks_of(variable: xr.Variable) -> tuple[int, ...]:
    """Return chunk sizes: whole sky planes, as many as fit, split where one does not."""
    sizes = list(variable.shape)
    item = max(variable.dtype.itemsize, 1)
    for axis in range(variable.ndim):
        while sizes[axis] > 1 and int(np.prod(sizes)) * item > CHUNK_BYTES:
            sizes[axis] = -(-sizes[axis] // 2)
    return tuple(max(n, 1) for n in sizes)


def encoding_of(ds: xr.Dataset, zarr: bool) -> dict[str, dict[str, Any]]:
    """Return chunks and compression of each variable, for Zarr or for NetCDF."""
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in ds.variables.items():
        if variable.dtype.kind not in "biuf" or variable.ndim == 0 or variable.size == 0:
            continue
        chunks = chunks_of(variable)
        if zarr:
            encoding[str(name)] = {"chunks": chunks}
        else:
            encoding[str(name)] = {
                "zlib": variable.size > 64,
                "complevel": 3,
                "shuffle": True,
                "chunksizes": chunks,
            }
        if variable.dtype.kind == "f":
            # xarray's default fill value would be an attribute that was not there.
            encoding[str(name)]["_FillValue"] = None
    return encoding


def export(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset as its file holds it: CF attributes and bounds, no index.

    Parameters
    ----------
    ds : Dataset
        A dataset of this library, or any other.

    Returns
    -------
    ds : Dataset
        With ``Conventions`` and ``history``, two-column bounds of the axes, ``flag_values`` of
        masks and, last of all, ``grid_mapping``.
    """
    out = drop_frame(ds).copy()
    for name in list(out.variables):
        out[name].encoding = {}
    for dim in AXES:
        if dim in out.coords and f"{dim}_lo" in out.coords:
            pair = np.stack([out[f"{dim}_lo"].values, out[f"{dim}_hi"].values], axis=-1)
            out = out.assign_coords({f"{dim}_{BOUNDS}": ((dim, "bnds"), pair.reshape(-1, 2))})
            out[dim].attrs[BOUNDS] = f"{dim}_{BOUNDS}"
    for name in out.data_vars:
        if out[name].dtype == bool:
            out[name].attrs |= {"flag_values": "0, 1", "flag_meanings": "outside inside"}
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = f"{stamp} written by xgamma {__version__}"
    past = str(ds.attrs.get("history", ""))
    out.attrs |= {"Conventions": CONVENTIONS, "history": f"{past}\n{line}".strip()}
    if "wcs" in out.coords:
        out["wcs"].attrs |= {"grid_mapping_name": "fits_wcs"}
        for name in out.data_vars:
            if set(out[name].dims) & SKY:
                out[name].attrs["grid_mapping"] = "wcs"
    return out


def restore(ds: xr.Dataset) -> xr.Dataset:
    """Undo `export`: take off what is in the file only, put back the frame index.

    Parameters
    ----------
    ds : Dataset
        As read from a file, by this library or bare xarray.

    Returns
    -------
    ds : Dataset
        Ready for use.
    """
    out = ds.copy()
    for name in list(out.variables):
        for key in VARIABLE_ATTRS:
            out[name].attrs.pop(key, None)
            out[name].encoding.pop(key, None)
    stored = [f"{dim}_{BOUNDS}" for dim in AXES if f"{dim}_{BOUNDS}" in out.variables]
    out = out.drop_vars(stored)
    for dim in AXES:
        if dim in out.coords:
            out[dim].attrs.pop(BOUNDS, None)
            out[dim].encoding.pop(BOUNDS, None)
    marked = out.attrs.get("Conventions") == CONVENTIONS
    if marked:
        out.attrs.pop("Conventions")
        lines = str(out.attrs.pop("history", "")).splitlines()
        if len(lines) > 1:
            out.attrs["history"] = "\n".join(lines[:-1])
    out = out.set_coords([n for n in _COORDS if n in out.data_vars and _is_axis(out, n)])
    if "wcs" in out.coords:
        out["wcs"].attrs.pop("grid_mapping_name", None)
    return set_frame(text_as(out, "TO", str))


_COORDS = ("wcs", "region", *AXES, *(f"{d}_{s}" for d in AXES for s in ("lo", "hi")))


def _is_axis(ds: xr.Dataset, name: str) -> bool:
    """Tell whether a variable lies on its axis: the energy of events does not."""
    return ds[name].dims in ((), (name.removesuffix("_lo").removesuffix("_hi"),))


def rechunked(ds: xr.Dataset, encoding: dict[str, dict[str, Any]]) -> xr.Dataset:
    """Align dask chunks with those in the store, as parallel writing needs."""
    changed = {}
    for name, options in encoding.items():
        if ds.variables[name].chunks is not None:
            dims = ds.variables[name].dims
            changed[name] = ds[name].chunk(dict(zip(dims, options["chunks"], strict=True)))
    return ds.assign(changed) if changed else ds


def text_as(ds: xr.Dataset, kinds: str, dtype: Any) -> xr.Dataset:
    """Return a dataset whose text has another type: few rows, so it may be read."""
    changed: dict[Any, xr.Variable] = {}
    for name, variable in ds.variables.items():
        if variable.dtype.kind in kinds and name not in ds.xindexes:
            values = np.asarray(variable.values)
            if values.dtype.kind == "O" and not all(isinstance(v, str) for v in values.flat):
                continue
            changed[name] = xr.Variable(
                variable.dims, values.astype(object).astype(dtype), variable.attrs
            )
    coords = {n: v for n, v in changed.items() if n in ds.coords}
    data = {n: v for n, v in changed.items() if n not in coords}
    return ds.assign(data).assign_coords(coords) if changed else ds
