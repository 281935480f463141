"""Datasets and collections in NetCDF and Zarr: writing, and trees as they were."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.atomic import atomic_path
from xgamma.core.paths import part_name
from xgamma.io.cf import encoding_of, export, netcdf_ready, rechunked, restore, text_as
from xgamma.io.netcdf import begin_file, write_groups
from xgamma.io.new_store import new_store
from xgamma.io.remote import is_remote, without_warning, zarr_options
from xgamma.io.zarr_seal import all_chunks, list_contents, sealed
from xgamma.model.operation import operation

__all__ = ["grown", "restore_tree", "to_netcdf", "to_zarr", "tree_to_netcdf", "tree_to_zarr"]


@operation
def to_netcdf(
    ds: xr.Dataset, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any
) -> None:
    """Write a dataset to NetCDF, compressed, with CF attributes.

    Parameters
    ----------
    ds : Dataset
        Dataset, which may be dask-backed.
    path : path-like
        File, which is created only once it is complete.
    overwrite : bool
        Whether an existing file may be replaced.
    **kwargs
        Passed to `xarray.Dataset.to_netcdf`.

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
    out = netcdf_ready(export(ds))
    encoding = encoding_of(out, False)
    with atomic_path(path, overwrite) as temporary:
        if kwargs:
            begin_file(temporary)
            out.to_netcdf(temporary, **{"engine": "netcdf4", "encoding": encoding, **kwargs})
        else:
            write_groups({"/": out}, temporary, {"/": encoding})


@operation
def to_zarr(
    ds: xr.Dataset, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any
) -> None:
    """Write a dataset to Zarr (version 3), compressed, with CF attributes.

    Parameters
    ----------
    ds : Dataset
        Dataset, which may be dask-backed.
    path : path-like, URL or zarr store
        Folder, which appears when it is complete. A URL (``"s3://…"``, ``"memory://…"``, any that
        fsspec knows) or a store of zarr is written in place and can be opened once it is complete;
        its metadata are one object (``consolidated=True``), which needs few requests.
    overwrite : bool
        Whether an existing store may be replaced.
    **kwargs
        Passed to `xarray.Dataset.to_zarr`.

    Notes
    -----
    Chunks of a dask-backed dataset are kept if they are alike and hold up to 32 MiB, so
    ``ds.chunk(y=128, x=128)`` chooses tiles. Others, and arrays in memory, are written in
    chunks of up to 4 MiB: whole sky planes where they fit.

    Raises
    ------
    XGammaError
        If the folder exists and `overwrite` is False, or is not a Zarr store.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_zarr(ds, Path(folder) / "a.zarr")
    ...     xg.open(Path(folder) / "a.zarr").load().identical(ds)
    True
    """
    out = text_as(export(ds), "U", object)
    with new_store(path, overwrite) as store, without_warning(), all_chunks():
        encoding = _zarr_encoding(out, kwargs)
        out = rechunked(sealed(out) if _seals(kwargs) else out, encoding)
        out.to_zarr(store, **{**zarr_options(store), "encoding": encoding, **kwargs})
        if _seals(kwargs) and not is_remote(store):
            list_contents(Path(store))


def _zarr_encoding(ds: xr.Dataset, kwargs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return chunks and codecs; those of checksums exist in version 3 only."""
    encoding = encoding_of(ds, True)
    if kwargs.get("zarr_format", 3) == 3:
        return encoding
    return {n: {k: v for k, v in e.items() if k != "compressors"} for n, e in encoding.items()}


def _seals(kwargs: dict[str, Any]) -> bool:
    """Return whether a whole store is written as this library does, so that it can be checked."""
    return set(kwargs) <= {"zarr_format", "consolidated"} and kwargs.get("zarr_format", 3) == 3


def _nodes(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    """Return what each node holds itself in its file form, by path; the root comes first.

    The name of the tree and the order of its nodes, which no file keeps, become attributes.

    Raises
    ------
    XGammaError
        If a node has a name that a store would take for a path.
    """
    for node in tree.subtree:
        for name in node.children:
            part_name(name, "name")
    nodes = {n.path: export(n.to_dataset(inherit=False)) for n in tree.subtree}
    if tree.name is not None:
        nodes["/"].attrs["tree_name"] = str(tree.name)
    for node in tree.subtree:
        if len(node.children) > 1:
            nodes[node.path].attrs["children"] = list(node.children)
    return nodes


@operation
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
    nodes = {p: netcdf_ready(ds) for p, ds in _nodes(tree).items()}
    encoding = {p: encoding_of(ds, False) for p, ds in nodes.items()}
    with atomic_path(path, overwrite) as temporary:
        if kwargs:
            begin_file(temporary)
            out = xr.DataTree.from_dict(nodes)
            out.to_netcdf(temporary, **{"engine": "netcdf4", "encoding": encoding, **kwargs})
        else:
            write_groups(nodes, temporary, encoding)


@operation
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
    with new_store(path, overwrite) as store:
        write_tree(tree, store, **kwargs)


def write_tree(tree: xr.DataTree, store: Any, **kwargs: Any) -> None:
    """Write a tree into a folder that does not exist yet, or into an empty store."""
    nodes = {p: text_as(ds, "U", object) for p, ds in _nodes(tree).items()}
    encoding = {p: _zarr_encoding(ds, kwargs) for p, ds in nodes.items()}
    if _seals(kwargs):
        nodes["/"] = sealed(nodes["/"])
    out = xr.DataTree.from_dict({p: rechunked(ds, encoding[p]) for p, ds in nodes.items()})
    with without_warning(), all_chunks():
        out.to_zarr(store, **{**zarr_options(store), "encoding": encoding, **kwargs})
    if _seals(kwargs) and not is_remote(store):
        list_contents(Path(store))


def restore_tree(tree: xr.DataTree) -> xr.DataTree:
    """Undo what `tree_to_zarr` and `tree_to_netcdf` added, order of nodes included."""
    return grown({n.path: restore(n.to_dataset(inherit=False)) for n in tree.subtree})


def grown(nodes: dict[str, xr.Dataset]) -> xr.DataTree:
    """Return the tree of restored nodes, in its order and under its name.

    Parameters
    ----------
    nodes : dict of str to Dataset
        By path, those between the root and others included.

    Returns
    -------
    tree : DataTree
        Its nodes are those of the file, without the attributes about the tree.
    """
    made = {path: xr.DataTree(ds) for path, ds in nodes.items()}
    inner: dict[str, dict[str, xr.DataTree]] = {path: {} for path in nodes}
    for path, node in made.items():
        if path != "/":
            parent, _, name = path.rpartition("/")
            inner[parent or "/"][name] = node
    # From the root on, so that each node is compared with what it inherits once.
    for path in sorted(nodes, key=lambda p: (p != "/", p.count("/"))):
        known = {n: k for k, n in enumerate(np.atleast_1d(made[path].attrs.pop("children", [])))}
        names = sorted(inner[path], key=lambda n: (known.get(n, len(known)), n))
        made[path].children = {n: inner[path][n] for n in names}
    made["/"].name = made["/"].attrs.pop("tree_name", None)
    return made["/"]
