"""Datasets and collections in NetCDF and Zarr, and ``xg.open`` for all there is."""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma import __version__
from xgamma.errors import MissingDataError, XGammaError
from xgamma.frame import drop_frame, set_frame
from xgamma.io.atomic import atomic_path, refuse_existing
from xgamma.model import MODEL_VERSION, validate

__all__ = ["open", "to_netcdf", "to_zarr", "tree_to_netcdf", "tree_to_zarr"]

CONVENTIONS = "CF-1.11"
# Planes of an image up to this many bytes make one chunk: a cutout reads few chunks.
CHUNK_BYTES = 4 * 2**20
SKY = {"y", "x", "y_irf", "x_irf"}
AXES = ("energy", "energy_true", "rad", "migra", "offset")
BOUNDS = "bounds"
# Attributes that exist in the file only; opening takes them off again.
FILE_ATTRS = ("Conventions", "history")
VARIABLE_ATTRS = ("grid_mapping", "flag_values", "flag_meanings")


def _chunks(variable: xr.Variable) -> tuple[int, ...]:
    """Return chunk sizes: whole sky planes, as many as fit, split where one does not."""
    sizes = list(variable.shape)
    item = max(variable.dtype.itemsize, 1)
    for axis in range(variable.ndim):
        while sizes[axis] > 1 and int(np.prod(sizes)) * item > CHUNK_BYTES:
            sizes[axis] = -(-sizes[axis] // 2)
    return tuple(max(n, 1) for n in sizes)


def _encoding(ds: xr.Dataset, zarr: bool) -> dict[str, dict[str, Any]]:
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in ds.variables.items():
        if variable.dtype.kind not in "biuf" or variable.ndim == 0 or variable.size == 0:
            continue
        chunks = _chunks(variable)
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
    return set_frame(_text(out, "TO", str))


_COORDS = ("wcs", "region", *AXES, *(f"{d}_{s}" for d in AXES for s in ("lo", "hi")))


def _is_axis(ds: xr.Dataset, name: str) -> bool:
    """Tell whether a variable lies on its axis: the energy of events does not."""
    return ds[name].dims in ((), (name.removesuffix("_lo").removesuffix("_hi"),))


def to_netcdf(
    ds: xr.Dataset, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any
) -> None:
    """Write a dataset to NetCDF, compressed, with CF attributes.

    Parameters
    ----------
    ds : Dataset
        The dataset; also dask-backed.
    path : path-like
        File. It appears when it is complete.
    overwrite : bool
        Whether an existing file may be replaced.
    **kwargs
        Further arguments of `xarray.Dataset.to_netcdf`.

    Raises
    ------
    XGammaError
        If the file exists and `overwrite` is False.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_netcdf(ds, Path(folder) / "a.nc")
    ...     xg.open(Path(folder) / "a.nc").load().identical(ds)
    True
    """
    out = export(ds)
    with atomic_path(path, overwrite) as temporary:
        out.to_netcdf(
            temporary, **{"engine": "netcdf4", "encoding": _encoding(out, False), **kwargs}
        )


def to_zarr(
    ds: xr.Dataset, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any
) -> None:
    """Write a dataset to Zarr (version 3), compressed, with CF attributes.

    Parameters
    ----------
    ds : Dataset
        The dataset; also dask-backed.
    path : path-like
        Folder. It appears when it is complete.
    overwrite : bool
        Whether an existing store may be replaced.
    **kwargs
        Further arguments of `xarray.Dataset.to_zarr`.

    Raises
    ------
    XGammaError
        If the folder exists and `overwrite` is False, or is no Zarr store.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_zarr(ds, Path(folder) / "a.zarr")
    ...     xg.open(Path(folder) / "a.zarr").load().identical(ds)
    True
    """
    out = _text(export(ds), "U", object)
    encoding = _encoding(out, True)
    out = _rechunked(out, encoding)
    options = {"zarr_format": 3, "consolidated": False, "encoding": encoding}
    with atomic_folder(path, overwrite) as temporary:
        out.to_zarr(temporary, **{**options, **kwargs})


def _rechunked(ds: xr.Dataset, encoding: dict[str, dict[str, Any]]) -> xr.Dataset:
    """Align dask chunks with those in the store, as parallel writing needs."""
    changed = {}
    for name, options in encoding.items():
        if ds.variables[name].chunks is not None:
            dims = ds.variables[name].dims
            changed[name] = ds[name].chunk(dict(zip(dims, options["chunks"], strict=True)))
    return ds.assign(changed) if changed else ds


def _text(ds: xr.Dataset, kinds: str, dtype: Any) -> xr.Dataset:
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


@contextmanager
def atomic_folder(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder to fill, which replaces `path` when the block succeeds.

    Parameters
    ----------
    path : path-like
        The folder to make.
    overwrite : bool
        Whether an existing Zarr store may be replaced; other folders never are.

    Yields
    ------
    temporary : `~pathlib.Path`
        Does not exist yet.

    Raises
    ------
    XGammaError
        If `path` exists and may not be replaced.
    MissingDataError
        If its parent does not exist.
    """
    import secrets

    target = Path(path)
    if not target.absolute().parent.is_dir():
        raise MissingDataError(f"The folder '{target.parent}' does not exist: create it first.")
    if not overwrite:
        refuse_existing(target)
    elif target.exists() and not is_zarr(target):
        raise XGammaError(f"'{target}' is no Zarr store: it is not replaced; give another name.")
    mark = secrets.token_hex(4)
    temporary, old = (target.with_name(f".{mark}-{kind}-{target.name}") for kind in ("new", "old"))
    try:
        yield temporary
        if target.exists():
            target.rename(old)
        try:
            temporary.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a Zarr store."""
    return any((path / n).exists() for n in ("zarr.json", ".zgroup", ".zmetadata"))


def _mapped(tree: xr.DataTree, function: Any) -> xr.DataTree:
    """Apply a function to the own contents of each node, inherited coordinates left out."""
    nodes = {n.path: function(n.to_dataset(inherit=False)) for n in tree.subtree}
    return xr.DataTree.from_dict(nodes, name=tree.name)


def _named(tree: xr.DataTree) -> xr.DataTree:
    """Keep the name of a tree in an attribute, and the order of its nodes, for the file."""
    out = _mapped(tree, export)
    if tree.name is not None:
        out.attrs["tree_name"] = str(tree.name)
    order = {n.path: list(n.children) for n in tree.subtree if len(n.children) > 1}
    for path, names in order.items():
        out[path].attrs["children"] = names
    return out


def tree_to_netcdf(
    tree: xr.DataTree, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any
) -> None:
    """Write a collection, or an observation, to one NetCDF file with groups.

    Parameters
    ----------
    tree : DataTree
        A collection of datasets, or an observation.
    path, overwrite, **kwargs
        As in `to_netcdf`.

    Raises
    ------
    XGammaError
        If the file exists and `overwrite` is False.

    Examples
    --------
    >>> import tempfile, xarray as xr, xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3))
    >>> tree = xr.DataTree.from_dict({"/a": ds, "/b": ds})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tree_to_netcdf(tree, Path(folder) / "a.nc")
    ...     list(xg.open(Path(folder) / "a.nc").load().children)
    ['a', 'b']
    """
    out = _named(tree)
    encoding = {n.path: _encoding(n.to_dataset(inherit=False), False) for n in out.subtree}
    with atomic_path(path, overwrite) as temporary:
        out.to_netcdf(temporary, **{"engine": "netcdf4", "encoding": encoding, **kwargs})


def tree_to_zarr(
    tree: xr.DataTree, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any
) -> None:
    """Write a collection, or an observation, to one Zarr store with groups.

    Parameters
    ----------
    tree : DataTree
        A collection of datasets, or an observation.
    path, overwrite, **kwargs
        As in `to_zarr`.

    Raises
    ------
    XGammaError
        If the folder exists and `overwrite` is False.

    Examples
    --------
    >>> import tempfile, xarray as xr, xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3))
    >>> tree = xr.DataTree.from_dict({"/b": ds, "/a": ds})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tree_to_zarr(tree, Path(folder) / "a.zarr")
    ...     list(xg.open(Path(folder) / "a.zarr").load().children)
    ['b', 'a']
    """
    with atomic_folder(path, overwrite) as temporary:
        write_tree(tree, temporary, **kwargs)


def write_tree(tree: xr.DataTree, folder: Path, **kwargs: Any) -> None:
    """Write a tree into a folder that does not exist yet."""
    out = _mapped(_named(tree), lambda ds: _text(ds, "U", object))
    encoding = {n.path: _encoding(n.to_dataset(inherit=False), True) for n in out.subtree}
    out = xr.DataTree.from_dict(
        {n.path: _rechunked(n.to_dataset(inherit=False), encoding[n.path]) for n in out.subtree}
    )
    options = {"zarr_format": 3, "consolidated": False, "encoding": encoding}
    out.to_zarr(folder, **{**options, **kwargs})


def restore_tree(tree: xr.DataTree) -> xr.DataTree:
    """Undo what `tree_to_zarr` and `tree_to_netcdf` added, order of nodes included."""
    nodes = {n.path: restore(n.to_dataset(inherit=False)) for n in tree.subtree}
    name = nodes["/"].attrs.pop("tree_name", None)
    order = {p: list(np.atleast_1d(ds.attrs.pop("children", []))) for p, ds in nodes.items()}

    def place(path: str) -> tuple[tuple[int, str], ...]:
        parts = [p for p in path.split("/") if p]
        keys, parent = [], "/"
        for part in parts:
            known = order.get(parent, [])
            keys.append((known.index(part) if part in known else len(known), part))
            parent = f"{parent.rstrip('/')}/{part}"
        return tuple(keys)

    return xr.DataTree.from_dict({p: nodes[p] for p in sorted(nodes, key=place)}, name=name)


def open(path: str | os.PathLike[str], **kwargs: Any) -> Any:
    """Open a dataset or a collection from NetCDF, Zarr or FITS, lazily.

    Parameters
    ----------
    path : path-like
        NetCDF file, Zarr store, or FITS file (a dataset, or OGIP spectrum).
    **kwargs
        Further arguments of `xarray.open_dataset` (``chunks={}`` for dask, say).

    Returns
    -------
    data : Dataset or DataTree
        With the frame index, checked against the data model. A file with groups gives a
        DataTree.

    Raises
    ------
    MissingDataError
        If there is no such file.
    XGammaError
        If the file is truncated or damaged, follows a later data model, or is of no kind known
        here.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ds.to_netcdf(Path(folder) / "bare.nc")
    ...     xg.open(Path(folder) / "bare.nc").load().identical(ds)
    True
    """
    place = Path(path)
    if not place.exists():
        raise MissingDataError(f"There is no file or folder '{place}': check the path.")
    if place.is_dir():
        if not is_zarr(place):
            raise XGammaError(
                f"The folder '{place}' is no Zarr store: open archives of runs with xg.open_store."
            )
        return _open_groups(place, "zarr", {"consolidated": False, **kwargs})
    with place.open("rb") as stream:
        head = stream.read(16)
    if head.startswith((b"SIMPLE", b"\x1f\x8b")):
        return _open_fits(place, kwargs)
    if head.startswith((b"\x89HDF", b"CDF")):
        return _open_groups(place, "netcdf4", kwargs)
    raise XGammaError(
        f"'{place}' is neither NetCDF, Zarr nor FITS: its first bytes are {head[:8]!r}; it may be damaged."
    )


def _open_groups(place: Path, engine: str, kwargs: dict[str, Any]) -> Any:
    try:
        tree = xr.open_datatree(place, engine=engine, **kwargs)
    except (OSError, RuntimeError, KeyError, EOFError) as error:
        raise XGammaError(
            f"'{place}' cannot be read ({type(error).__name__}: {error}): it is truncated or damaged."
        ) from None
    for node in tree.subtree:
        check_version(node.attrs, place)
    if not tree.children:
        return _checked(restore(tree.to_dataset()))
    restored = restore_tree(tree)
    for node in restored.subtree:
        if "model_version" in node.attrs:
            _checked(node.to_dataset())
    return restored


def _open_fits(place: Path, kwargs: dict[str, Any]) -> xr.Dataset:
    from xgamma.io.fits import open_dataset
    from xgamma.io.fits_hdus import open_hdus

    names = {hdu.name for hdu in open_hdus(place).hdus}
    if "SPECTRUM" in names:
        from xgamma.io.ogip_read import read_ogip

        return read_ogip(place)
    ds = open_dataset(place)
    return ds.chunk(kwargs["chunks"]) if kwargs.get("chunks") is not None else ds


def check_version(attrs: Any, place: Path) -> None:
    """Raise if a file follows a later data model than this one."""
    version = attrs.get("model_version", MODEL_VERSION)
    if int(version) > MODEL_VERSION:
        raise XGammaError(
            f"'{place}' follows data model {version}, newer than {MODEL_VERSION} known here: update xgamma."
        )


def _checked(ds: xr.Dataset) -> xr.Dataset:
    validate(ds)
    return ds
