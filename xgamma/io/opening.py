"""``xg.open``: datasets and collections from any file, told by its content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.core.arguments import file_path
from xgamma.core.extras import require_package
from xgamma.errors import MissingFileError, XGammaError
from xgamma.io.cf import restore, with_edges
from xgamma.io.netcdf import open_netcdf
from xgamma.io.remote import is_consolidated, is_remote, is_unfinished, store_at
from xgamma.io.storage import grown, is_zarr, restore_tree
from xgamma.io.zarr_groups import open_groups
from xgamma.io.zarr_seal import require_folder_whole, require_store_whole
from xgamma.irf.validation import require_sound_axes
from xgamma.model.create import MODEL_VERSION
from xgamma.model.validation import validate_dataset

__all__ = ["check_version", "open"]


def open(path: Any, **kwargs: Any) -> Any:
    """Open a dataset or a collection from NetCDF, Zarr or FITS, lazily.

    Parameters
    ----------
    path : path-like, URL or zarr store
        NetCDF file, Zarr store, or FITS file (a dataset, or OGIP spectrum); a Zarr store also
        by a URL that fsspec knows (``"s3://…"``), or as an object.
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
        If there is no such file, or a package for it is not installed.
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
    if kwargs.get("chunks") is not None:
        require_package("dask", "chunks=", "dask")
    if is_remote(path):
        require_store_whole(path)
        return _open_groups(path, "zarr", kwargs)
    place = file_path(path)
    if not place.exists():
        raise MissingFileError(f"There is no file or folder '{place}': check the path.")
    if place.is_dir():
        if not is_zarr(place):
            raise XGammaError(
                f"The folder '{place}' is no Zarr store: open archives of runs with xg.open_store."
            )
        if kwargs:
            require_folder_whole(place)
        nodes = None if kwargs else open_groups(place)
        if nodes is not None:
            return _checked_tree(grown(nodes), place)
        return _open_groups(place, "zarr", kwargs)
    with place.open("rb") as stream:
        head = stream.read(16)
    if head.startswith((b"SIMPLE", b"\x1f\x8b")):
        return _open_fits(place, kwargs)
    if head.startswith((b"\x89HDF", b"CDF")):
        return _open_groups(place, "netcdf4", kwargs)
    raise XGammaError(
        f"'{place}' is neither NetCDF, Zarr nor FITS: its first bytes are {head[:8]!r}; it may be damaged."
    )


def _open_groups(place: Any, engine: str, kwargs: dict[str, Any]) -> Any:
    try:
        if engine == "zarr":
            kwargs = {"consolidated": is_consolidated(place), **kwargs}
            tree = xr.open_datatree(store_at(place), engine=engine, **kwargs)
        else:
            tree = open_netcdf(place, **kwargs)
    except XGammaError:
        raise
    except FileNotFoundError:
        if is_unfinished(place):
            raise XGammaError(f"'{place}' was not written to its end: write it again.") from None
        raise MissingFileError(f"There is no store '{place}': check the path.") from None
    except (OSError, RuntimeError, KeyError, EOFError) as error:
        raise XGammaError(
            f"'{place}' cannot be read ({type(error).__name__}: {error}): it is truncated or damaged."
        ) from None
    for node in tree.subtree:
        check_version(node.attrs, place)
    if not tree.children:
        ds = _checked(with_edges(restore(tree.to_dataset())))
        ds.set_close(tree.close)
        return ds
    restored = restore_tree(tree)
    restored.set_close(tree.close)
    return _checked_tree(restored, place)


def _checked_tree(tree: xr.DataTree, place: Any) -> xr.DataTree:
    for node in tree.subtree:
        check_version(node.attrs, place)
    for node in tree.subtree:
        if "model_version" in node.attrs:
            _checked(node.to_dataset())
        else:
            require_sound_axes(node, place)
    return tree


def _open_fits(place: Path, kwargs: dict[str, Any]) -> xr.Dataset:
    from xgamma.fits.hdus import open_hdus
    from xgamma.io.fits import open_dataset

    names = {hdu.name for hdu in open_hdus(place).hdus}
    if "SPECTRUM" in names:
        from xgamma.io.ogip_read import read_ogip

        return read_ogip(place)
    ds = open_dataset(place)
    return ds.chunk(kwargs["chunks"]) if kwargs.get("chunks") is not None else ds


def check_version(attrs: Any, place: Any) -> None:
    """Raise if a file follows a later data model than this one."""
    version = attrs.get("model_version", MODEL_VERSION)
    if int(version) > MODEL_VERSION:
        raise XGammaError(
            f"'{place}' follows data model {version}, newer than {MODEL_VERSION} known here: update xgamma."
        )


def _checked(ds: xr.Dataset) -> xr.Dataset:
    validate_dataset(ds, values=False)
    return ds
