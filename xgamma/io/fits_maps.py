"""Sky maps in FITS: HDUs to labelled arrays and back.

The layout is that of GADF sky maps: an image (or, over a region, a table) with a
``*_BANDS`` table of its axes and, over a region, a ``*_REGION`` table.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.lazy_arrays import lazy_variable
from xgamma.core.paths import file_path
from xgamma.core.reading import reader
from xgamma.core.units import parse_unit, to_value
from xgamma.errors import (
    AxisError,
    FrameError,
    MissingDataError,
    UnitError,
    XGammaError,
    warn,
)
from xgamma.fits.bytes import is_fits_name
from xgamma.fits.checks import require_channels
from xgamma.fits.files import HDU, FitsFile, map_fits
from xgamma.fits.images import ImageArray, is_whole
from xgamma.fits.tables import Table
from xgamma.io.fermi_files import fermi_kind, stated_unit
from xgamma.io.fits_axes import Axis, band_sizes, band_table, read_bands
from xgamma.io.fits_frame import frame_attrs
from xgamma.io.fits_regions import read_region
from xgamma.io.healpix import is_healpix, read_healpix
from xgamma.io.sidecar import same_unit, sidecar_of
from xgamma.model.assembly import assemble
from xgamma.model.create import label_variables
from xgamma.model.schema import VARIABLES, variable_attrs

__all__ = ["FitsMap", "is_map", "read_map", "read_map_hdu"]

MASKS = {name for name, spec in VARIABLES.items() if spec.dtype == "bool"}


@dataclass
class FitsMap:
    """What one HDU holds: a variable (lazy), its axes, and where it is on the sky."""

    name: str
    variable: xr.Variable
    axes: dict[str, Axis] = field(default_factory=dict)
    frame: dict[str, Any] | None = None
    region: HDU | None = None
    shape: tuple[int, int] = (1, 1)


def is_map(file: FitsFile, hdu: HDU) -> bool:
    """Return whether an HDU is a sky map or a map over a region.

    An image of two or more axes is one: if it has no frame, reading says so.
    """
    if hdu.is_image:
        return len(hdu.shape) > 1
    return hdu.is_table and f"{hdu.name}_BANDS" in file and "DATA" in hdu.table.columns


def _meta(hdu: HDU) -> dict[str, Any]:
    """Return the attributes in the keyword META (JSON)."""
    try:
        meta = json.loads(str(hdu.header.get("META", "{}")))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(meta, dict):
        return {}
    attrs: dict[str, Any] = {}
    for key, value in meta.items():
        if key == "livetime":
            attrs[key] = to_value(value, "s", key)
        elif key == "is_pointlike":
            attrs["pointlike"] = int(bool(value))
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
            attrs[key] = value
    return attrs


def _unit(hdu: HDU, name: str, unit: str | None) -> tuple[str | None, float]:
    """Return the unit to state, and the factor that brings the values to it."""
    spec = VARIABLES.get(name)
    text = (unit or "").strip()
    if spec is None or spec.units is None:
        _warn_of_unknown(hdu, name, text)
        return (None if name in MASKS else text), 1.0
    if spec.units and not text:
        _tell_missing_unit(hdu, name, spec.units)
        return spec.units, 1.0
    try:
        parsed, wanted = parse_unit(text), parse_unit(spec.units)
    except UnitError as error:
        raise UnitError(f"The HDU {hdu.name!r} of {hdu.file.path}: {error}") from None
    if parsed == wanted:
        return spec.units, 1.0
    if not parsed.is_equivalent(wanted):
        raise XGammaError(
            f"The HDU {hdu.name!r} of {hdu.file.path} has the unit {text!r}, but {name} must be in {spec.units!r}."
        )
    return spec.units, float(parsed.to(wanted))


def _warn_of_unknown(hdu: HDU, name: str, text: str) -> None:
    """Warn of a unit that cannot be understood, which nothing else in the file would tell."""
    try:
        parse_unit(text)
    except UnitError:
        warn(
            f"The HDU {hdu.name!r} of {hdu.file.path} has the unit {text!r}, which is not recognised: {name} is in unknown units; correct BUNIT."
        )


def _tell_missing_unit(hdu: HDU, name: str, unit: str) -> None:
    """Refuse an exposure without a unit; warn of responses, whose scale changes no prediction."""
    keyword = "BUNIT" if hdu.is_image else "TUNIT of DATA"
    where = f"The HDU {hdu.name!r} of {hdu.file.path} has no unit ({keyword})"
    if name == "exposure":
        raise UnitError(f"{where}: add it ('m2 s' or 'cm2 s', which differ by a factor of 10000).")
    warn(f"{where}: assuming {unit!r}.")


def _named_axes(name: str, axes: list[Axis], sizes: tuple[int, ...]) -> list[Axis]:
    """Check sizes, and call the energy of an exposure true."""
    if tuple(a.size for a in axes) != sizes:
        raise AxisError(
            f"The HDU {name.upper()!r} has planes {sizes}, but its band table lists bins "
            f"{tuple(a.size for a in axes)}: bands that differ between planes cannot be read as "
            "axes."
        )
    if name == "exposure" or name.endswith("_exposure"):
        return [a.renamed("energy_true") if a.name == "energy" and a.size > 1 else a for a in axes]
    return axes


def _region_sizes(hdu: HDU, bands: Table | None) -> tuple[int, ...]:
    """Return the sizes of the axes of a map over a region, fastest first."""
    cell, rows = hdu.table["DATA"].shape, hdu.table.nrows
    if bands is not None and not cell and int(bands.header.get("NAXIS2", 0)) == rows:
        sizes = band_sizes(bands)
        if len(sizes) > 1 and int(np.prod(sizes)) == rows:
            return sizes
    return (rows, *(cell[:-2] if len(cell) > 2 else ()))[::-1]


def read_map_hdu(
    file: FitsFile,
    hdu: HDU,
    name: str | None = None,
    saved: dict[str, Any] | None = None,
    own_types: bool = True,
) -> FitsMap:
    """Read one map, lazily.

    Parameters
    ----------
    file : FitsFile
        The file.
    hdu : HDU
        Its image, or its table over a region.
    name : str, optional
        Name of the variable. By default, that of the HDU in lower case.
    saved : dict, optional
        What the sidecar says of it: its ``dtype`` and ``attrs``, whose unit is kept.
    own_types : bool
        Whether that ``dtype`` holds, or the type in the file.

    Returns
    -------
    map : FitsMap
        Dims slowest first; for an image the last two are ``y`` and ``x``.

    Raises
    ------
    AxisError
        If its band table does not describe its planes.
    FrameError
        If an image is not one of the sky.
    """
    name = name or hdu.name.lower()
    bands = band_table(file, hdu)
    if hdu.is_image:
        sizes = hdu.shape[:-2][::-1]
        unit = stated_unit(hdu)
    else:
        require_channels(hdu.table)
        column = hdu.table["DATA"]
        unit = column.unit
        sizes = _region_sizes(hdu, bands)
    if bands is None and any(n > 1 for n in sizes):
        raise MissingDataError(
            f"The HDU {hdu.name!r} of {file.path} has planes {sizes}, but no table of bands "
            f"(EBOUNDS, ENERGIES or {hdu.name}_BANDS) says of which energies: download the file "
            "again, or add it."
        )
    axes = read_bands(bands, sizes) if bands is not None and sizes else []
    axes = _named_axes(name, axes, sizes)
    spec = VARIABLES.get(name)
    known = {*spec.dims, *spec.optional_dims} if spec else {a.name for a in axes}
    # The exposures of responses carry the axis that was summed, with one bin.
    kept = [a for a in axes if a.name in known or a.size > 1]
    dims = tuple(a.name for a in reversed(kept))
    text, factor = _unit(hdu, name, unit)
    if saved and same_unit(unit or "", str(saved["attrs"].get("units", ""))):
        text, factor = saved["attrs"].get("units"), 1.0
    attrs = (variable_attrs(name) if spec else {"long_name": name}) | _meta(hdu)
    if text is not None:
        attrs["units"] = text
    dtype = saved["dtype"] if saved and own_types else bool if name in MASKS else None
    found = FitsMap(name, xr.Variable((), 0), {a.name: a for a in kept})
    if hdu.is_image:
        plane = (hdu.shape[-2], hdu.shape[-1])
        array = ImageArray(hdu, tuple(a.size for a in reversed(kept)) + plane, dtype, factor)
        found.variable = lazy_variable((*dims, "y", "x"), array, attrs)
        found.frame, found.shape = frame_attrs(hdu.header, plane), plane
    else:
        values = hdu.table.read("DATA").reshape(tuple(a.size for a in reversed(kept)))
        values = values * factor if factor != 1 else values
        if dtype and (np.dtype(dtype).kind not in "iu" or is_whole(values)):
            values = values.astype(dtype)
        found.variable = xr.Variable(dims, values, attrs)
        found.region = file.get(f"{hdu.name}_REGION")
    return found


@reader
def read_map(path: str | os.PathLike[str], hdu: str | None = None) -> xr.DataArray:
    """Read one sky map from a FITS file.

    Parameters
    ----------
    path : path-like
        FITS file, also gzipped.
    hdu : str, optional
        Name of the HDU; by default, the first map in the file.

    Returns
    -------
    map : DataArray
        Dims ``(..., y, x)``, or the axes alone over a region; lazy, with the coordinate ``wcs``. A
        HEALPix map has the dim ``cell``, its coordinate ``cell_ids`` with the attributes that xdggs
        decodes, and its frame in ``sky_frame``.

    Raises
    ------
    MissingDataError
        If there is no such file, HDU or map.
    AxisError
        If the bins of an axis are not contiguous.
    FrameError
        If its frame is not a celestial frame.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> template = xg.create_map((0, 0), "1 deg", "0.1 deg", frame="galactic")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     template.gamma.solid_angle.gamma.to_fits(Path(folder) / "map.fits")
    ...     dict(read_map(Path(folder) / "map.fits").load().sizes)
    {'y': 10, 'x': 10}
    """
    file = map_fits(path)
    if hdu is None:
        maps = [h for h in file.hdus if is_map(file, h) or is_healpix(h)]
        framed = [h for h in maps if not h.is_image or "CTYPE1" in h.header]
        if not framed:
            names = ", ".join(h.name for h in file.hdus)
            raise MissingDataError(
                f"The file {file.path} contains no sky map: its HDUs are {names}."
            )
        if framed[0] is not maps[0]:
            raise FrameError(
                f"The first image of {file.path}, {maps[0].name!r}, has no celestial frame (no "
                "CTYPE1): correct its header, or pass the map to read as "
                f"hdu={framed[0].name!r}."
            )
        chosen = maps[0]
    else:
        chosen = file[hdu]
    if is_healpix(chosen):
        return read_healpix(file, chosen)
    side = sidecar_of(file)
    name = chosen.name.lower()
    if chosen.index == 0 or side.content.get("single"):
        name = "exposure" if fermi_kind(file) == "gtexpcube2" else "map"
    found = read_map_hdu(file, chosen, name, side.variables.get(name))
    coords: dict[str, Any] = {}
    for axis in found.axes.values():
        coords |= axis.coords()
    frame = found.frame
    if frame is not None:
        ny, nx = found.shape
        coarse = "y_irf" in side.variables.get(name, {}).get("dims", ())
        coords |= label_variables(np.arange(nx), np.arange(ny), "_irf" if coarse else "")
        if coarse:
            found.variable = on_responses(found.variable)
    elif found.region is not None:
        text, frame = read_region(found.region)
        coords["region"] = xr.Variable((), text, {"long_name": "on region", "format": "ds9"})
    array = assemble(coords, {name: found.variable}, frame)[name]
    return side.restore_array(array, file.path)


def on_responses(variable: xr.Variable) -> xr.Variable:
    """Return a lazy variable on the dims of responses, ``y_irf`` and ``x_irf``."""
    names = {"y": "y_irf", "x": "x_irf"}
    renamed = {d: names[str(d)] for d in variable.dims if d in names}
    return xr.Dataset({"": variable}).rename_dims(renamed)[""].variable


def map_path(path: str | os.PathLike[str]) -> Path:
    """Return a path for writing FITS.

    Raises
    ------
    XGammaError
        If its name does not end as that of a FITS file.
    """
    target = file_path(path)
    if not is_fits_name(target):
        raise XGammaError(
            f"'{target.name}' is not the name of a FITS file: use the ending .fits or .fits.gz."
        )
    return target
