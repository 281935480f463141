"""Metadata that FITS cannot express, stored in the HDU ``XGAMMA``: JSON in one cell.

Attributes, exact types, labels in the parent frame and small arrays on unusual dimensions
go there, so that nothing is lost between writing and reading. Other tools skip it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.core.reading import reading
from xgamma.core.units import parse_unit
from xgamma.errors import FrameError, UnitError, XGammaError, warn
from xgamma.io.fits_frame import labels_in
from xgamma.model.assembly import assemble
from xgamma.model.frame import without_frame
from xgamma.model.schema import MODEL_VERSION, SPATIAL
from xgamma.model.stamp import is_stamp

if TYPE_CHECKING:
    from xgamma.fits.files import FitsFile

__all__ = ["HDU_NAME", "Sidecar", "describe", "sidecar_of"]

HDU_NAME = "XGAMMA"
FIELDS = {"attrs", "wcs", "labels", "variables", "inline", "coords"}


def _plain(value: object) -> Any:
    """Return an attribute as JSON can hold it."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise XGammaError(
        f"An attribute is a {type(value).__name__}, which cannot be stored in a file: convert it to a string or a number."
    )


def _attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(k): _plain(v) for k, v in attrs.items()}


def _array(variable: xr.Variable) -> dict[str, Any]:
    values = np.asarray(variable.values)
    if values.dtype.kind not in "biufUO":
        raise XGammaError(
            f"A variable has the type {values.dtype}, which FITS cannot store: convert it "
            "first; xg.write_flux_points writes light curves."
        )
    kind = "U" if values.dtype.kind in "UO" else values.dtype.str
    return {
        "dims": list(variable.dims),
        "dtype": kind,
        "values": values.tolist(),
        "attrs": _attrs(variable.attrs),
    }


def _from_array(entry: dict[str, Any]) -> xr.Variable:
    values = np.asarray(entry["values"], dtype=None if entry["dtype"] == "U" else entry["dtype"])
    return xr.Variable(entry["dims"], values, entry["attrs"])


def _attrs_of(variable: xr.Variable, saved: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that were saved, with the unit of the file if it is another one now."""
    unit = variable.attrs.get("units")
    if unit is None or same_unit(unit, saved.get("units", "")):
        return saved
    return {**saved, "units": unit}


def same_unit(one: str, other: str) -> bool:
    """Return whether two strings denote the same unit, even one unknown to astropy."""
    if one.strip() == other.strip():
        return True
    try:
        return bool(parse_unit(one) == parse_unit(other))
    except UnitError:
        return False


def describe(ds: xr.Dataset, inline: set[str], single: bool = False) -> bytes:
    """Return the JSON metadata of a dataset.

    Parameters
    ----------
    ds : Dataset
        What is written.
    inline : set of str
        Names of variables and coordinates whose values go into the JSON.
    single : bool
        Whether it is one map that is read back as a DataArray.

    Returns
    -------
    text : bytes
        UTF-8.
    """
    variables = {
        str(n): {
            "dtype": v.dtype.str,
            "attrs": _attrs(v.attrs),
            "dims": [str(d) for d in v.dims],
        }
        for n, v in without_frame(ds.variables).items()
        if n not in inline
    }
    content = {
        "attrs": _attrs(ds.attrs),
        "wcs": _attrs(ds.variables["wcs"].attrs) if "wcs" in ds.coords else None,
        "labels": {n: ds.variables[n].values.tolist() for n in SPATIAL if n in ds.coords},
        "variables": variables,
        "inline": {n: _array(ds.variables[n]) for n in sorted(inline)},
        "coords": sorted(str(n) for n in ds.coords if not is_stamp(n)),
        "single": single,
    }
    return json.dumps(content, separators=(",", ":")).encode()


class Sidecar:
    """The content of the HDU; empty for files of other origin."""

    def __init__(self, content: dict[str, Any] | None = None) -> None:
        self.content = content or {}
        self.variables: dict[str, dict[str, Any]] = self.content.get("variables", {})

    def __bool__(self) -> bool:
        return bool(self.content)

    def restore(self, ds: xr.Dataset, path: object) -> xr.Dataset:
        """Return a dataset with its own attributes, types, labels and small arrays.

        Lazy variables stay lazy: their types are set when they are opened. What the file at the
        path was written with, and now is without, is warned of.
        """
        if not self:
            return ds
        self._warn_of_lost(ds, path)
        variables: dict[Any, xr.Variable] = {}
        for name, old in without_frame(ds.variables).items():
            entry = self.variables.get(str(name))
            if entry is not None and set(entry["dims"]) == set(old.dims):
                variables[name] = xr.Variable(
                    old.dims, old._data, _attrs_of(old, entry["attrs"]), fastpath=True
                ).transpose(*entry["dims"])
            else:
                variables[name] = old
        same_sky = self.has_sky_of(ds)
        for name, values in self.content["labels"].items() if same_sky else ():
            attrs = self.variables[name]["attrs"]
            variables[name] = xr.Variable(name, np.asarray(values, dtype=float), attrs)
        variables |= {n: _from_array(e) for n, e in self.content["inline"].items()}
        coords = {
            n: v for n, v in variables.items() if n in self.content["coords"] or n in ds.coords
        }
        data = {n: v for n, v in variables.items() if n not in coords}
        frame = self.content["wcs"] if same_sky else dict(ds.variables["wcs"].attrs)
        restored = assemble(coords, data, frame)
        restored.attrs = dict(self.content["attrs"])
        return restored

    def _warn_of_lost(self, ds: xr.Dataset, path: object) -> None:
        """Warn of variables and dimensions that another program, or damage, took away."""
        # Labels of pixels come from here where no image has them.
        kept = self.content["labels"]
        dims = {n: set(entry["dims"]) for n, entry in self.variables.items() if n not in kept}
        lost = [
            n
            for n in dims
            if n not in ds.variables or not dims[n] <= {str(d) for d in ds.variables[n].dims}
        ]
        if lost:
            warn(
                f"The file {path} has no {', '.join(lost)}, which it was written with: it is damaged, or another program left that out; download it again, or delete the HDU {HDU_NAME} if it is meant."
            )

    def has_sky_of(self, ds: xr.Dataset) -> bool:
        """Return whether the images of a file still lie where they did when it was written.

        Another program may have moved or cut them since: then their headers hold.
        """
        if "wcs" not in ds.coords:
            return True
        labels = self.content["labels"]
        frame = ds.variables["wcs"].attrs
        try:
            x, y, _ = labels_in(self.content["wcs"] or {}, frame, (2, 2))
        except (FrameError, KeyError):
            return False
        for name in (n for n in SPATIAL if n in ds.dims):
            first, second = y if name.startswith("y") else x
            want = first + (second - first) * ds.variables[name].values
            have = np.asarray(labels.get(name, []), dtype=float)
            if have.shape != want.shape or not np.allclose(have, want, rtol=0, atol=1e-6):
                return False
        return True

    def restore_array(self, array: xr.DataArray, path: object) -> xr.DataArray:
        """Return a single map with its own name, attributes and labels."""
        if not self.content.get("single"):
            return array
        ds = self.restore(array.to_dataset(name="map"), path)
        name = ds.attrs.get("map_name")
        restored = ds["map"].rename(name)
        return restored


def sidecar_of(file: FitsFile) -> Sidecar:
    """Return the metadata in the sidecar of a file; empty if it has none.

    Raises
    ------
    XGammaError
        If the file was written by a later version of the data model.
    """
    if HDU_NAME not in file:
        if any(str(hdu.header.get("CREATOR", "")).startswith("xgamma ") for hdu in file.hdus):
            warn(
                f"The file {file.path} has no HDU {HDU_NAME}, which xgamma writes last: either "
                "it is truncated, and other HDUs may be missing too, or the HDU was removed on "
                "purpose; download the file again, or delete the keyword CREATOR."
            )
        return Sidecar()
    table = file[HDU_NAME].table
    with reading(f"HDU {HDU_NAME} of {file.path}"):
        content = json.loads(bytes(np.asarray(table.read("JSON"), dtype="u1").ravel()).decode())
        if not (isinstance(content, dict) and set(content) >= FIELDS and _known_types(content)):
            raise XGammaError(
                f"The HDU {HDU_NAME} of {file.path} is damaged: download or write the file again."
            )
    version = int(content["attrs"].get("model_version", MODEL_VERSION))
    if version > MODEL_VERSION:
        raise XGammaError(
            f"The file {file.path} follows data model {version}, newer than the supported {MODEL_VERSION}: update xgamma."
        )
    return Sidecar(content)


def _known_types(content: dict[str, Any]) -> bool:
    """Return whether the types of all variables are those of numbers, truth values or text."""
    for entry in content["variables"].values():
        stated = entry.get("dtype")
        if not isinstance(stated, str) or np.dtype(stated).kind not in "biufUO":
            return False
    return True
