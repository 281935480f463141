"""Groups of NetCDF and Zarr as datasets and collections, checked when they are opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from xgamma.errors import MissingFileError, XGammaError, shown
from xgamma.io.cf import restore, with_edges
from xgamma.io.netcdf import open_netcdf
from xgamma.io.remote import is_consolidated, is_unfinished, store_at
from xgamma.io.storage import restore_tree
from xgamma.io.zarr_engine import GuardedZarr
from xgamma.irf.validation import require_sound_axes
from xgamma.model.create import MODEL_VERSION
from xgamma.model.validation import validate_dataset

__all__ = ["check_version", "checked", "checked_tree", "open_engine"]


def open_engine(place: Any, engine: str, kwargs: dict[str, Any]) -> xr.Dataset | xr.DataTree:
    """Open a file or store with an engine of xarray, "zarr" or "netcdf4"."""
    try:
        if engine == "zarr":
            kwargs = {"consolidated": is_consolidated(place), **kwargs}
            tree = xr.open_datatree(store_at(place), engine=GuardedZarr, **kwargs)
        else:
            tree = open_netcdf(place, **kwargs)
    except XGammaError:
        raise
    except FileNotFoundError:
        if is_unfinished(place):
            raise XGammaError(f"'{place}' was not written to its end: write it again.") from None
        raise MissingFileError(f"There is no store '{place}': check the path.") from None
    for node in tree.subtree:
        check_version(node.attrs, place)
    if not tree.children:
        ds = checked(with_edges(restore(tree.to_dataset())))
        ds.set_close(tree.close)
        return ds
    restored = restore_tree(tree)
    restored.set_close(tree.close)
    return checked_tree(restored, place)


def checked_tree(tree: xr.DataTree, place: object) -> xr.DataTree:
    """Return a collection whose datasets follow the data model."""
    for node in tree.subtree:
        check_version(node.attrs, place)
    for node in tree.subtree:
        if "model_version" in node.attrs:
            checked(node.to_dataset())
        else:
            require_sound_axes(node, place)
    return tree


def check_version(attrs: Mapping[Any, Any], place: object) -> None:
    """Raise if a file follows a later data model than this one."""
    version = attrs.get("model_version", MODEL_VERSION)
    try:
        version = int(version)
    except (TypeError, ValueError, OverflowError):
        raise XGammaError(
            f"'{place}' is damaged: its model_version is {shown(version)}, no whole number; fetch or write it again."
        ) from None
    if version > MODEL_VERSION:
        raise XGammaError(
            f"'{place}' follows data model {version}, newer than {MODEL_VERSION} known here: update xgamma."
        )


def checked(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset that follows the data model."""
    validate_dataset(ds, values=False)
    return ds
