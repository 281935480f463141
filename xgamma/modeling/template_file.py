"""Template maps in files, and in the text of models."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

from xgamma.core.bounds import require_room
from xgamma.core.paths import file_path
from xgamma.core.units import parse_unit
from xgamma.datasets.interp import interp_to
from xgamma.errors import MissingFileError, UnitError, XGammaError
from xgamma.fits.files import map_fits
from xgamma.io.fits_maps import read_map
from xgamma.io.fits_write import write_map
from xgamma.model.cells import Cells, has_cells
from xgamma.model.create import create_map

__all__ = ["map_from_text", "map_to_text", "read_brightness", "read_template", "write_template"]

# What the Fermi-LAT collaboration's diffuse models hold; their files may leave it out.
FERMI_UNIT = "cm-2 s-1 MeV-1 sr-1"
FERMI_BANDS = "ENERGIES"


def read_template(path: str | Path) -> xr.DataArray:
    """Read a map from a FITS file.

    Parameters
    ----------
    path : str or Path
        File; environment variables (``$GAMMAPY_DATA``) and ``~`` are expanded.

    Returns
    -------
    map : DataArray
        The map.

    Raises
    ------
    MissingDataError
        If the file is not there, or the variable not set.
    """
    found = file_path(path)
    if not found.exists():
        raise MissingFileError(f"The template map {str(path)!r} does not exist: check the path.")
    return read_map(found)


def read_brightness(path: str | Path, unit: str = "") -> xr.DataArray:
    """Read a map of brightness or diffuse flux: its energies are true ones.

    Parameters
    ----------
    path : str or Path
        File; environment variables and ``~`` are expanded. The diffuse models of Fermi-LAT
        (``gll_iem_*.fits``) are understood in their own form, in that of gammapy's cutouts, and as
        HEALPix maps of the whole sky, which are brought onto pixels of the size of their cells.
    unit : str
        Unit of a map whose file does not say.

    Returns
    -------
    map : DataArray
        Dims ``(y, x)`` or ``(energy_true, y, x)``.
    """
    array = read_template(path)
    if has_cells(array):
        array = _on_plane(array)
    if "energy" in array.dims:
        names = {"energy", "energy_lo", "energy_hi"} & set(array.coords)
        array = array.rename({n: n.replace("energy", "energy_true") for n in names})
    stated = str(array.attrs.get("units", "")).strip()
    fermi = "energy_true" in array.dims and FERMI_BANDS in map_fits(file_path(path))
    if fermi and not is_unit(stated):
        return array.assign_attrs(units=FERMI_UNIT)
    return array if stated else array.assign_attrs(units=unit)


def _on_plane(array: xr.DataArray) -> xr.DataArray:
    """Interpolate a HEALPix map at the pixels of the whole sky, about as large as its cells.

    Raises
    ------
    XGammaError
        If it is a part of the sky, or the map would not fit in memory.
    """
    cells = Cells.of(array)
    if array.sizes["cell"] != 12 * cells.nside**2:
        raise XGammaError(
            "A template of HEALPix cells must cover the whole sky: bring a part of it onto a map with xg.read_map(path).gamma.interp_to(map), "
            "and give that to xg.TemplateMap."
        )
    n = int(np.ceil(180.0 / cells.width))
    planes = array.size // array.sizes["cell"]
    require_room(8.0 * planes * 2 * n * n, "The template on the whole sky", "cut it out first")
    grid = create_map((0, 0), npix=(2 * n, n), binsz=180.0 / n, frame=cells.frame)
    return interp_to(array, grid)


def is_unit(text: str) -> bool:
    """Return whether a text is a unit, and not empty."""
    try:
        parse_unit(text)
    except UnitError:
        return False
    return bool(text)


def write_template(array: xr.DataArray, path: str | Path, overwrite: bool = False) -> str:
    """Write a map to a FITS file that gammapy reads too; return its path as text.

    Parameters
    ----------
    array : DataArray
        Dims ``(..., y, x)``, or axes alone.
    path : str or Path
        File; environment variables and ``~`` are expanded.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    path : str
        As it was given.
    """
    write_map(array, file_path(path), overwrite=overwrite)
    return str(path)


def map_to_text(array: xr.DataArray) -> str:
    """Return a map as text: a compressed FITS file in base64.

    Parameters
    ----------
    array : DataArray
        Dims ``(..., y, x)``.

    Returns
    -------
    text : str
        ASCII.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.fits.gz"
        write_map(array, path)
        return base64.b64encode(path.read_bytes()).decode("ascii")


def map_from_text(text: str) -> xr.DataArray:
    """Return the map that `map_to_text` made a text of.

    Raises
    ------
    XGammaError
        If the text is not one of a map.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.fits.gz"
        try:
            path.write_bytes(base64.b64decode(text, validate=True))
        except ValueError:
            raise XGammaError("The map in the text of a template is damaged.") from None
        return read_map(path).load()
