"""Spectra in the OGIP format: PHA, ARF, RMF and BKG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.fits.files import map_fits
from xgamma.io.formats.fits import is_fits
from xgamma.io.ogip_read import read_ogip
from xgamma.io.ogip_write import write_ogip
from xgamma.io.registry import FormatRecord

__all__ = ["OGIP"]


def _sniff(path: Path, head: bytes) -> bool:
    return is_fits(path, head) and any(hdu.name == "SPECTRUM" for hdu in map_fits(path).hdus)


def _read(path: Path, **kwargs: Any) -> xr.Dataset:
    return read_ogip(path)


OGIP = FormatRecord(
    "ogip",
    "A spectrum in OGIP files, as XSPEC and Sherpa read them; written by name only.",
    sniff=_sniff,
    read=_read,
    write=write_ogip,
    kinds=("spectrum",),
    checks=True,
)
