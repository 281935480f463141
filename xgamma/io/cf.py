"""Encoding of datasets in NetCDF and Zarr: CF attributes and bounds, chunks, compression, and decoding."""

from __future__ import annotations

import datetime
import json
from collections.abc import Collection, Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgamma._version import __version__
from xgamma.errors import XGammaError
from xgamma.io.manifest import SEAL
from xgamma.io.zarr_seal import compressors
from xgamma.model.frame import drop_frame, set_frame
from xgamma.model.frame_index import FrameIndex
from xgamma.model.schema import SPATIAL
from xgamma.model.stamp import is_stamp, stamp_of
from xgamma.typing import DTypeLike

__all__ = [
    "assembled",
    "encoding_of",
    "export",
    "netcdf_ready",
    "rechunked",
    "restore",
    "restored_attrs",
    "text_as",
    "with_edges",
]

CONVENTIONS = "CF-1.11"
# Planes of an image up to this many bytes make one chunk: a cutout reads few chunks.
CHUNK_BYTES = 4 * 2**20
# Chunks of a dask-backed dataset up to this many bytes are kept.
KEPT_BYTES = 32 * 2**20
SKY = frozenset(SPATIAL)
AXES = ("energy", "energy_true", "rad", "migra", "offset")
BOUNDS = "bounds"
JSON_ATTRS = "json_attributes"
VARIABLE_ATTRS = ("grid_mapping", "flag_values", "flag_meanings")


def chunks_of(variable: xr.Variable) -> tuple[int, ...]:
    """Return chunk sizes: those of dask, else whole sky planes, as many as fit, or parts of one.

    Those of dask are taken if there are several, all alike (the last of a dimension may be
    smaller), and of a size to be read at once.
    """
    item = max(variable.dtype.itemsize, 1)
    if variable.chunks is not None and any(len(c) > 1 for c in variable.chunks):
        first = tuple(max(c) for c in variable.chunks)
        alike = all(
            set(c[:-1]) <= {n} and c[-1] <= n for c, n in zip(variable.chunks, first, strict=True)
        )
        if alike and int(np.prod(first)) * item <= KEPT_BYTES:
            return first
    sizes = list(variable.shape)
    for axis in range(variable.ndim):
        while sizes[axis] > 1 and int(np.prod(sizes)) * item > CHUNK_BYTES:
            sizes[axis] = -(-sizes[axis] // 2)
    return tuple(max(n, 1) for n in sizes)


def encoding_of(ds: xr.Dataset, zarr: bool) -> dict[str, dict[str, Any]]:
    """Return chunks and compression of each variable, for Zarr or for NetCDF."""
    encoding: dict[str, dict[str, Any]] = {}
    codecs = compressors() if zarr else []
    for name, variable in ds.variables.items():
        options = encoding[str(name)] = {"compressors": codecs} if zarr else {}
        if variable.dtype.kind not in "biuf" or variable.ndim == 0 or variable.size == 0:
            continue
        chunks = chunks_of(variable)
        if zarr:
            options["chunks"] = chunks
        else:
            options |= {
                "zlib": variable.size > 64,
                "complevel": 3,
                "shuffle": True,
                # Compressed chunks have a checksum already, that of zlib.
                "fletcher32": variable.size <= 64,
                "chunksizes": chunks,
            }
        if variable.dtype.kind == "f":
            # xarray's default fill value would be an attribute that was not there.
            options["_FillValue"] = None
    return {name: options for name, options in encoding.items() if options}


def export(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset as stored in a file: CF attributes and bounds, no index.

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
    bare = drop_frame(ds)
    variables = {name: v.copy(deep=False) for name, v in bare.variables.items()}
    coords = set(bare.coords)
    for variable in variables.values():
        variable.encoding = {}
    for dim in AXES:
        if dim in coords and f"{dim}_lo" in coords:
            pair = np.stack([variables[f"{dim}_{s}"].values for s in ("lo", "hi")], axis=-1)
            name = f"{dim}_{BOUNDS}"
            variables[name] = xr.Variable((dim, "bnds"), pair.reshape(-1, 2))
            variables[dim].attrs[BOUNDS] = name
            coords.add(name)
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = f"{stamp} written by xgamma {__version__}"
    past = str(ds.attrs.get("history", ""))
    attrs = {**ds.attrs, "Conventions": CONVENTIONS, "history": f"{past}\n{line}".strip()}
    if "wcs" in coords:
        variables["wcs"].attrs["grid_mapping_name"] = "fits_wcs"
    for variable in (v for name, v in variables.items() if name not in coords):
        if variable.dtype == bool:
            variable.attrs |= {"flag_values": "0, 1", "flag_meanings": "outside inside"}
        if "wcs" in coords and set(variable.dims) & SKY:
            variable.attrs["grid_mapping"] = "wcs"
    return assembled(variables, coords, dict(bare.xindexes), attrs, bare.encoding)


def assembled(
    variables: dict[Hashable, xr.Variable],
    coords: Collection[Hashable],
    indexes: dict[Hashable, xr.Index],
    attrs: dict[Any, Any],
    encoding: dict[Any, Any],
) -> xr.Dataset:
    """Return a dataset of parts that fit: faster than changing one variable after the other.

    Parameters
    ----------
    variables : dict of Variable
        All of them, in order.
    coords : collection of str
        Which of them are coordinates.
    indexes : dict of Index
        Indexes on these.
    attrs, encoding : dict
        Of the dataset.

    Returns
    -------
    ds : Dataset
        Without indexes but those given.
    """
    labels = {n: v for n, v in variables.items() if n in coords}
    data = {n: v for n, v in variables.items() if n not in coords}
    ds = xr.Dataset(data, xr.Coordinates(labels, indexes), attrs)
    ds.encoding = encoding
    return ds


def netcdf_ready(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset whose attributes can be stored in NetCDF: booleans and the like as JSON text.

    Headers of events have keywords that are true, false or without a value; `restore` gives them
    back as they were.

    Raises
    ------
    XGammaError
        If an attribute is of a kind that is neither a number nor text.
    """
    ds = ds.copy(deep=False)
    ds.attrs = _netcdf_attrs(ds.attrs, "the dataset")
    for name, variable in ds.variables.items():
        variable.attrs = _netcdf_attrs(variable.attrs, str(name))
    return ds


def _netcdf_attrs(attrs: Mapping[Any, Any], owner: str) -> dict[Any, Any]:
    """Return attributes, those that NetCDF has no type for joined in one text."""
    plain, others = {}, {}
    for key, value in attrs.items():
        kind = np.asarray(value).dtype.kind if not isinstance(value, dict) else "O"
        if (
            kind in "iuf"
            or isinstance(value, (str, bytes))
            or (kind == "U" and np.ndim(value) == 1)
        ):
            plain[key] = value
        else:
            others[str(key)] = np.asarray(value).tolist() if kind == "b" else value
    if others:
        for key, value in others.items():
            try:
                json.dumps(value)
            except (TypeError, ValueError):
                raise XGammaError(
                    f"The attribute {key!r} of {owner} is a {type(value).__name__}, which NetCDF cannot store: convert it to a string or a number."
                ) from None
        plain[JSON_ATTRS] = json.dumps(others)
    return plain


def _from_json(attrs: dict[Any, Any]) -> dict[Any, Any]:
    """Return attributes with those that were joined in one text."""
    text = attrs.pop(JSON_ATTRS, None)
    try:
        return attrs if text is None else attrs | dict(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise XGammaError(
            f"The attribute '{JSON_ATTRS}' is not valid JSON ({type(error).__name__}): the file is damaged or was edited; restore it, or remove the attribute."
        ) from None


def restore(ds: xr.Dataset) -> xr.Dataset:
    """Undo `export`: remove what is in the file only, and restore the frame index.

    Parameters
    ----------
    ds : Dataset
        As read from a file, by this library or bare xarray.

    Returns
    -------
    ds : Dataset
        Ready for use.
    """
    stored = {f"{dim}_{BOUNDS}" for dim in AXES}
    stored |= {str(n) for n in ds.variables if is_stamp(n)}
    variables = {n: v.copy(deep=False) for n, v in ds.variables.items() if n not in stored}
    for name, variable in variables.items():
        for key in (*VARIABLE_ATTRS, BOUNDS) if name in AXES else VARIABLE_ATTRS:
            variable.attrs.pop(key, None)
            variable.encoding.pop(key, None)
        variable.attrs = _from_json(variable.attrs)
    coords = {n for n in ds.coords if n not in stored}
    coords |= {n for n in _COORDS if n in variables and _is_axis(ds, n)}
    indexes = {n: index for n, index in ds.xindexes.items() if n not in stored}
    if "wcs" in coords and "wcs" not in indexes:
        variables["wcs"].attrs.pop("grid_mapping_name", None)
        indexes["wcs"] = frame = FrameIndex(variables["wcs"].attrs)
        variables |= frame.create_variables()
    if "wcs" in coords and "x" in coords:
        stamp = stamp_of(variables["wcs"].attrs, variables["x"])
        variables, coords = variables | stamp, coords | set(stamp)
    texts = {n: _text(v, str) for n, v in variables.items() if n not in indexes and _is(v, "TO")}
    attrs = restored_attrs(ds.attrs)
    return set_frame(assembled(variables | texts, coords, indexes, attrs, ds.encoding))


def restored_attrs(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return attributes of a dataset without those that `export` gave them."""
    out = _from_json(dict(attrs))
    out.pop(SEAL[0], None)
    if out.get("Conventions") == CONVENTIONS:
        out.pop("Conventions")
        lines = str(out.pop("history", "")).splitlines()
        if len(lines) > 1:
            out["history"] = "\n".join(lines[:-1])
    return out


_COORDS = ("wcs", "region", *AXES, *(f"{d}_{s}" for d in AXES for s in ("lo", "hi")))


def _is_axis(ds: xr.Dataset, name: str) -> bool:
    """Return whether a variable lies on its axis: the energy of events does not."""
    return ds.variables[name].dims in ((), (name.removesuffix("_lo").removesuffix("_hi"),))


def with_edges(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset with the edges of its axes in memory: few numbers, always needed."""
    ends = ("_lo", "_hi")
    names = [n for n in ds.coords if str(n).endswith(ends) and ds[n].chunks is not None]
    if not names:
        return ds
    from dask.base import compute

    values = compute(*(ds.variables[n].data for n in names), scheduler="threads")
    read = {
        n: xr.Variable(ds.variables[n].dims, v, ds.variables[n].attrs, ds.variables[n].encoding)
        for n, v in zip(names, values, strict=True)
    }
    return ds.assign_coords(read)


def rechunked(ds: xr.Dataset, encoding: dict[str, dict[str, Any]]) -> xr.Dataset:
    """Align dask chunks with those in the store, as parallel writing needs."""
    changed = {}
    for name, options in encoding.items():
        if "chunks" in options and ds.variables[name].chunks is not None:
            dims = ds.variables[name].dims
            changed[name] = ds[name].chunk(dict(zip(dims, options["chunks"], strict=True)))
    return ds.assign(changed) if changed else ds


def text_as(ds: xr.Dataset, kinds: str, dtype: DTypeLike) -> xr.Dataset:
    """Return a dataset whose text has another type: few rows, so it may be read."""
    changed = {
        n: _text(v, dtype)
        for n, v in ds.variables.items()
        if n not in ds.xindexes and _is(v, kinds)
    }
    coords = {n: v for n, v in changed.items() if n in ds.coords}
    data = {n: v for n, v in changed.items() if n not in coords}
    return ds.assign(data).assign_coords(coords) if changed else ds


def _is(variable: xr.Variable, kinds: str) -> bool:
    """Return whether a variable is text of one of these kinds of types."""
    return variable.dtype.kind in kinds and (
        variable.dtype.kind != "O" or all(isinstance(v, str) for v in variable.values.flat)
    )


def _text(variable: xr.Variable, dtype: DTypeLike) -> xr.Variable:
    values = np.asarray(variable.values).astype(object).astype(dtype)
    return xr.Variable(variable.dims, values, variable.attrs)
