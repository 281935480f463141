"""Flux maps in FITS, as gammapy's estimators write them."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from xgamma.core.late import late
from xgamma.fits.files import map_fits
from xgamma.io.formats.fits import is_fits
from xgamma.io.registry import FormatRecord

__all__ = ["FLUX_MAPS"]

# Norms are of models, which this layer does not know.
_read_flux_maps = late("xgamma.estimators.flux_map_files:read_flux_maps")


def _sniff(path: Path, head: bytes) -> bool:
    if not is_fits(path, head):
        return False
    hdus = map_fits(path).hdus
    return "SED_TYPE" in hdus[0].header and any(hdu.is_image for hdu in hdus[1:])


def _read(path: Path, reference: object = None) -> xr.Dataset:
    found: xr.Dataset = _read_flux_maps(path, reference)
    return found


FLUX_MAPS = FormatRecord(
    "flux-maps",
    "Flux maps in FITS, all quantities of gammapy's FluxMaps; written by xg.write_flux_maps.",
    sniff=_sniff,
    read=_read,
    kinds=("map",),
)
