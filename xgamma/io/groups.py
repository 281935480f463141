"""Groups of NetCDF and Zarr as datasets and collections, checked when they are opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.units import parse_unit
from xgamma.errors import FrameError, MissingFileError, UnitError, XGammaError, shown, warn
from xgamma.io.cf import restore, with_edges
from xgamma.io.netcdf import open_netcdf
from xgamma.io.remote import is_consolidated, is_unfinished, store_at
from xgamma.io.storage import restore_tree
from xgamma.io.zarr_engine import GuardedZarr
from xgamma.irf.validation import require_sound_axes
from xgamma.model.schema import MODEL_VERSION, SPATIAL, VARIABLES
from xgamma.model.validation import validate_dataset

__all__ = ["check_units", "check_version", "checked", "checked_tree", "open_engine"]


# Keywords of a frame that are texts, and those that are numbers.
_TEXTS = re.compile(r"(CTYPE|CUNIT)[12]|RADESYS")
_NUMBERS = re.compile(r"(CRVAL|CRPIX|CDELT|NAXIS)[12]|PC[12]_[12]|(LON|LAT)POLE|EQUINOX")


# What estimators give that is a plain number.
_ESTIMATES = {"excess", "npred", "npred_excess", "ts", "sqrt_ts", "stat", "stat_null", "norm"}


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
            raise XGammaError(
                f"'{place}' is incomplete, because writing it was interrupted: write it again."
            ) from None
        raise MissingFileError(f"The store '{place}' does not exist: check the path.") from None
    for node in tree.subtree:
        check_version(node.attrs, place)
        bare = node.to_dataset(inherit=False)
        check_units(bare, place)
        check_frame(bare, place)
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


def check_units(ds: xr.Dataset, place: object) -> None:
    """Refuse units that are no text or of another kind than the data model's; warn of unknown ones.

    Raises
    ------
    UnitError
        With the variable.
    """
    for name, variable in ds.variables.items():
        unit = variable.attrs.get("units")
        if unit is None:
            continue
        if not isinstance(unit, str):
            raise UnitError(
                f"'{place}': the units of {name} are {shown(unit)}, no text: correct the attribute, or restore the file."
            )
        if " since " in unit:
            continue  # Times that were not decoded.
        try:
            parse_unit(unit)
        except UnitError:
            warn(
                f"'{place}': {name} has the units {unit!r}, which are not known: correct the attribute."
            )
            continue
        spec = VARIABLES.get(str(name))
        wanted = "" if name in _ESTIMATES else None if spec is None else spec.units
        if wanted is not None and not parse_unit(unit).is_equivalent(parse_unit(wanted)):
            raise UnitError(
                f"'{place}': {name} has the units {unit!r}, but is a quantity in {wanted!r}: correct the attribute."
            )


def check_frame(ds: xr.Dataset, place: object) -> None:
    """Refuse a frame whose keywords are of the wrong type, and labels on the sky that are no grid.

    Raises
    ------
    FrameError
        With the keyword or the dimension.
    """
    frame = ds.variables["wcs"].attrs if "wcs" in ds.variables else {}
    for key, value in frame.items():
        text, number = _TEXTS.fullmatch(str(key)), _NUMBERS.fullmatch(str(key))
        wrong = text and not isinstance(value, str)
        if number and not wrong:
            wrong = not isinstance(value, (int, float, np.number)) or not np.isfinite(value)
        if wrong:
            raise FrameError(
                f"'{place}' is damaged: {key} of its frame is {shown(value)}; restore it, or correct the attribute."
            )
    for name in SPATIAL:
        if name not in ds.variables or ds.variables[name].dims != (name,):
            continue
        labels = np.asarray(ds.variables[name].values)
        steps = np.diff(labels) if labels.dtype.kind in "iuf" else np.array([np.nan])
        if not (np.isfinite(labels).all() and ((steps > 0).all() or (steps < 0).all())):
            raise FrameError(
                f"'{place}' is damaged: the labels of {name} are no numbers in order; restore it."
            )


def check_version(attrs: Mapping[Any, Any], place: object) -> None:
    """Raise if a file follows a later data model than this one."""
    version = attrs.get("model_version", MODEL_VERSION)
    try:
        version = int(version)
    except (TypeError, ValueError, OverflowError):
        raise XGammaError(
            f"'{place}' is damaged: its model_version is {shown(version)}, which is not an integer; download or write it again."
        ) from None
    if version > MODEL_VERSION:
        raise XGammaError(
            f"'{place}' follows data model {version}, newer than the supported {MODEL_VERSION}: update xgamma."
        )


def checked(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset that follows the data model."""
    validate_dataset(ds, values=False)
    return ds
