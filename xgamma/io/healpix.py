"""HEALPix maps in FITS: implicit, partial (explicit) and sparse tables, with their bands.

The layouts are those of healpy, of the Fermi science tools and of GADF sky maps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.bounds import bytes_of, require_room
from xgamma.core.units import conversion
from xgamma.errors import AxisError, FrameError, MissingDataError, UnitError, XGammaError, shown
from xgamma.fits.files import HDU, FitsFile
from xgamma.fits.layout import whole_keyword
from xgamma.io.fermi_files import HEALPIX_EXPOSURE, stated_unit
from xgamma.io.fits_axes import Axis, band_sizes, band_table, read_bands
from xgamma.model.cells import CELL, MAX_LEVEL, cell_coords
from xgamma.model.schema import VARIABLES, variable_attrs

__all__ = ["is_healpix", "read_healpix"]

# COORDSYS, and COORDTYPE of GALPROP: Fermi writes equatorial maps without.
FRAMES = {
    "GAL": "galactic",
    "G": "galactic",
    "GALACTIC": "galactic",
    "CEL": "icrs",
    "EQU": "icrs",
    "C": "icrs",
    "Q": "icrs",
    "ICRS": "icrs",
    "FK5": "fk5",
    "": "icrs",
}
NUMBERS = ("PIX", "PIXEL", "HPX_INDEX")
# What healpy writes where nothing was seen.
UNSEEN = -1.6375e30


def is_healpix(hdu: HDU) -> bool:
    """Tell whether an HDU is a HEALPix map."""
    return hdu.is_table and str(hdu.header.get("PIXTYPE", "")).strip().upper() == "HEALPIX"


def read_healpix(file: FitsFile, hdu: HDU) -> xr.DataArray:
    """Read a HEALPix map.

    Parameters
    ----------
    file : FitsFile
        The file.
    hdu : HDU
        Its table of cells.

    Returns
    -------
    map : DataArray
        Dims ``(..., cell)``, in memory, with the coordinates ``cell_ids`` and ``sky_frame``; NaN where
        nothing was seen. An exposure of gtexpcube2 is in m2 s, at its nodes.

    Raises
    ------
    MissingDataError
        If the header does not say which cells they are, or of which energies its planes are.
    AxisError
        If the numbers of planes and bands, or of rows and cells, differ.
    FrameError
        If the frame or the numbering is not known.
    XGammaError
        If a cell is listed twice, or has no place on the sphere.
    """
    level, scheme = _grid(hdu)
    if str(hdu.header.get("INDXSCHM", "")).strip().upper() == "SPARSE":
        ids, planes = _sparse(hdu)
    else:
        ids, planes = _dense(hdu, level)
    _require_cells(ids, level, hdu)
    axes = _axes(file, hdu, len(planes))
    values = np.where(planes <= UNSEEN * 0.99, np.nan, planes)
    values = values.reshape(*(axis.size for axis in reversed(axes)), ids.size)
    name = "exposure" if hdu.name == HEALPIX_EXPOSURE else "map"
    attrs, factor = _attrs(hdu, name)
    coords: dict[str, Any] = cell_coords(ids, level, scheme, _frame(hdu))
    for axis in axes:
        coords |= axis.coords()
    dims = (*(axis.name for axis in reversed(axes)), CELL)
    return xr.DataArray(xr.Variable(dims, values * factor, attrs), coords=coords, name=name)


def _grid(hdu: HDU) -> tuple[int, str]:
    """Return level and numbering."""
    header, where = hdu.header, hdu.where
    if "NSIDE" in header:
        nside = whole_keyword(header, "NSIDE", where)
        level = max(int(nside), 1).bit_length() - 1
        if nside != 2**level:
            raise FrameError(f"The {where} has NSIDE={nside}, which is no power of two.")
    elif "ORDER" in header:
        level = int(whole_keyword(header, "ORDER", where))
    else:
        raise MissingDataError(f"The {where} has neither NSIDE nor ORDER: add one of them.")
    if not 0 <= level <= MAX_LEVEL:
        raise FrameError(f"The {where} has the level {level}, beyond 0 to {MAX_LEVEL}.")
    scheme = {"RING": "ring", "NEST": "nested", "NESTED": "nested"}.get(
        str(header.get("ORDERING", "")).strip().upper()
    )
    if scheme is None:
        raise FrameError(
            f"The {where} has ORDERING={shown(header.get('ORDERING'))}: it must be RING or NESTED."
        )
    return level, scheme


def _frame(hdu: HDU) -> str:
    text = str(hdu.header.get("COORDSYS") or hdu.header.get("COORDTYPE") or "").strip().upper()
    if text not in FRAMES:
        raise FrameError(
            f"The {hdu.where} has COORDSYS={text!r}: known are {', '.join(k for k in FRAMES if k)}."
        )
    return FRAMES[text]


def _number_column(hdu: HDU) -> str | None:
    return next((name for name in NUMBERS if name in hdu.table.columns), None)


def _dense(hdu: HDU, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Return cells and planes of a table with a column a plane."""
    number = _number_column(hdu)
    names = [name for name in hdu.table.columns if name != number]
    if not names:
        raise MissingDataError(f"The {hdu.where} has no column with values.")
    planes = [np.asarray(hdu.table.read(name)) for name in names]
    if any(plane.dtype.kind not in "iuf" for plane in planes):
        raise XGammaError(
            f"The {hdu.where} has a column that is not a number: it is not a sky map."
        )
    # healpy writes many cells a row.
    stacked = np.stack([plane.astype(float).ravel() for plane in planes])
    if number is not None:
        ids = np.asarray(hdu.table.read(number)).ravel()
    else:
        first = whole_keyword(hdu.header, "FIRSTPIX", hdu.where, 0)
        last = whole_keyword(hdu.header, "LASTPIX", hdu.where, first + stacked.shape[1] - 1)
        ids = np.arange(first, last + 1) if last - first < 2**34 else np.empty(0)
    if ids.size != stacked.shape[1]:
        raise AxisError(
            f"The {hdu.where} has {stacked.shape[1]} values for {ids.size} cells: it is cut off, or FIRSTPIX and "
            "LASTPIX are wrong."
        )
    whole = 12 * 4**level
    if number is None and "LASTPIX" not in hdu.header and ids.size != whole:
        raise AxisError(
            f"The {hdu.where} has {ids.size} of {whole} cells and neither a column PIX nor LASTPIX: NSIDE is wrong, or "
            "the map is cut off."
        )
    return ids, stacked


def _sparse(hdu: HDU) -> tuple[np.ndarray, np.ndarray]:
    """Return cells and planes of a table with a row a value."""
    number = _number_column(hdu)
    if number is None:
        raise MissingDataError(f"The {hdu.where} has no column PIX, which sparse maps need.")
    pixels = np.asarray(hdu.table.read(number)).astype(np.int64)
    values = np.asarray(hdu.table.read("VALUE"), dtype=float)
    channel = np.zeros(pixels.size, dtype=np.int64)
    if "CHANNEL" in hdu.table.columns:
        channel = np.asarray(hdu.table.read("CHANNEL")).astype(np.int64)
    if channel.size and channel.min() < 0:
        raise AxisError(f"The {hdu.where} has channels below 0: correct the column CHANNEL.")
    ids, place = np.unique(pixels, return_inverse=True)
    n = int(channel.max(initial=0)) + 1
    require_room(bytes_of((n, ids.size), 8), f"The {hdu.where}", "correct its column CHANNEL")
    planes = np.zeros((n, ids.size))
    planes[channel, place] = values
    return ids, planes


def _require_cells(ids: np.ndarray, level: int, hdu: HDU) -> None:
    """Raise unless cells are on the sphere, each once."""
    total = 12 * 4**level
    if not ids.size:
        raise MissingDataError(f"The {hdu.where} contains no cell.")
    if ids.min() < 0 or ids.max() >= total:
        wrong = ids.min() if ids.min() < 0 else ids.max()
        raise XGammaError(
            f"The {hdu.where} has a cell {wrong}, but at NSIDE={2**level} there are {total}: it is cut off, or NSIDE wrong."
        )
    if np.unique(ids).size != ids.size:
        raise XGammaError(f"The {hdu.where} lists a cell twice: correct it.")


def _axes(file: FitsFile, hdu: HDU, planes: int) -> list[Axis]:
    """Return the axes of the planes, fastest first."""
    table = band_table(file, hdu)
    if table is None:
        if planes == 1:
            return []
        raise MissingDataError(
            f"The {hdu.where} has {planes} planes, but no table of bands (EBOUNDS, ENERGIES or {hdu.name}_BANDS) says "
            "of which energies: download the file again, or add it."
        )
    sizes = band_sizes(table) if "AXCOLS1" in table.header else (table.nrows,)
    axes = read_bands(table, sizes)
    found = int(np.prod([axis.size for axis in axes]))
    if found != planes:
        raise AxisError(f"The {hdu.where} has {planes} planes, but its band table {found} bands.")
    return axes


def _attrs(hdu: HDU, name: str) -> tuple[dict[str, Any], float]:
    """Return attributes, and the factor that brings values to their unit."""
    text = str(stated_unit(hdu) or "").strip()
    if not text:
        stated = {str(c.unit or "").strip() for c in hdu.table.columns.values()} - {""}
        text = stated.pop() if len(stated) == 1 else ""
    if name not in VARIABLES:
        return {"long_name": name, "units": text}, 1.0
    try:
        factor = conversion(text, VARIABLES[name].units or "")
    except UnitError as error:
        raise UnitError(f"The {hdu.where}: {error}") from None
    return variable_attrs(name), factor
