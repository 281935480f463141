"""Responses of a run that are maps of the sky, as those of HAWC and SWGO are."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.errors import FrameError, MissingDataError
from xgamma.fits.files import HDU, FitsFile
from xgamma.fits.headers import header_attrs
from xgamma.io.fits_maps import read_map_hdu
from xgamma.model.assembly import assemble
from xgamma.model.create import label_variables

__all__ = ["read_response_map"]

# Axes that a map of each group must have, one of each tuple.
AXES = {
    "aeff": (("energy_true",),),
    "edisp": (("energy_true",), ("energy", "migra")),
    "psf": (("rad",), ("energy_true", "energy")),
    "bkg": (("energy",),),
}


def read_response_map(file: FitsFile, hdu: HDU, group: str) -> xr.Dataset:
    """Read a response that is a map.

    Parameters
    ----------
    file : FitsFile
        The file.
    hdu : HDU
        Its image.
    group : {"aeff", "edisp", "psf", "bkg"}
        Which response.

    Returns
    -------
    response : Dataset
        The map under the name of the group, lazy, dims ``(..., y, x)``, with its frame: an exposure
        or an area over ``energy_true``; a dispersion over ``energy_true`` and ``energy`` or
        ``migra``; a PSF over ``rad`` and the true or the reconstructed energy; background
        counts over ``energy``.

    Raises
    ------
    MissingDataError
        If the group is none of these, or an axis is absent.
    FrameError
        If the image is not one of the sky.
    """
    if group not in AXES:
        raise MissingDataError(f"The {hdu.where} is an image, but the group {group!r} is a table.")
    found = read_map_hdu(file, hdu, group)
    if found.frame is None:
        raise FrameError(f"The {hdu.where} is not an image of the sky: correct its header.")
    for names in AXES[group]:
        if not set(names) & set(found.axes):
            raise MissingDataError(
                f"The {hdu.where} has no axis {' or '.join(map(repr, names))}, which a map of the response {group!r} needs: correct its table of bands."
            )
    coords: dict[str, Any] = {}
    for axis in found.axes.values():
        coords |= axis.coords()
    ny, nx = found.shape
    coords |= label_variables(np.arange(nx), np.arange(ny))
    ds = assemble(coords, {group: found.variable}, found.frame)
    ds.attrs = {**header_attrs(hdu.header), "EXTNAME": hdu.name}
    ds.encoding["source"] = str(file.path)
    return ds
