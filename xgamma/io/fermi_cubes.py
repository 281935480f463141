"""Counts and exposure cubes of the Fermi science tools as datasets."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.reading import reader
from xgamma.errors import UnitError, XGammaError, warn
from xgamma.fits.files import FitsFile, map_fits
from xgamma.io.fermi_files import HEALPIX_EXPOSURE, fermi_kind
from xgamma.io.fits_maps import read_map_hdu
from xgamma.io.fits_tables import read_gti
from xgamma.model.assembly import assemble
from xgamma.model.create import label_variables

__all__ = ["read_cube"]

VARIABLE = {"gtbin": "counts", "gtexpcube2": "exposure"}
# Units of a map of counts.
COUNTED = {"", "ct", "count", "counts", "ph", "photon", "photons"}


@reader
def read_cube(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a counts cube (gtbin) or an exposure cube (gtexpcube2) as a dataset.

    Parameters
    ----------
    path : path-like
        FITS file, also gzipped.

    Returns
    -------
    ds : Dataset
        ``counts`` over ``(energy, y, x)``, or ``exposure`` over ``(energy_true, y, x)`` at the nodes
        of the file, in m2 s; with the good time intervals of the file.

    Raises
    ------
    AxisError
        If its energies are not in the file, or their number is not that of the planes.
    XGammaError
        If it is another file, or a HEALPix map, which `xgamma.read_map` reads.

    Warns
    -----
    XGammaWarning
        If it has no good time intervals, which the tools always write.

    Examples
    --------
    >>> read_cube("ccube_00.fits").counts.dims  # doctest: +SKIP
    ('energy', 'y', 'x')
    """
    file = map_fits(path)
    name = VARIABLE.get(fermi_kind(file) or "")
    if name is None:
        raise XGammaError(f"{file.path} is neither a counts cube nor an exposure cube.")
    if HEALPIX_EXPOSURE in file:
        raise XGammaError(
            f"{file.path} is a HEALPix map, and a dataset has pixels in a plane: read it with xg.read_map, "
            "then bring it onto a map with interp_to."
        )
    found = read_map_hdu(file, file.hdus[0], name)
    unit = str(found.variable.attrs.get("units", ""))
    if name == "counts" and unit not in COUNTED:
        raise UnitError(
            f"{file.path} is a counts cube, but has the unit {unit!r}: correct or remove BUNIT."
        )
    ny, nx = found.shape
    coords: dict[str, Any] = dict(label_variables(np.arange(nx), np.arange(ny)))
    for axis in found.axes.values():
        coords |= axis.coords()
    return assemble(coords, {name: found.variable} | _good_time(file), found.frame)


def _good_time(file: FitsFile) -> dict[str, xr.Variable]:
    """Return the good time intervals; gtexpcube2 leaves their epoch to the first header."""
    if "GTI" not in file:
        warn(
            f"{file.path} has no good time intervals (HDU GTI), which gtbin and gtexpcube2 write: it may be cut off."
        )
        return {}
    header = file["GTI"].table.header
    for key in ("MJDREFI", "MJDREFF", "TIMESYS", "TIMEUNIT"):
        if key in file.hdus[0].header:
            header.setdefault(key, file.hdus[0].header[key])
    return read_gti(file) if "MJDREFI" in header or "MJDREF" in header else {}
