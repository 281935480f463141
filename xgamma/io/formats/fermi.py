"""Counts cubes, exposure, PSF and dispersion of the Fermi science tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.fits.files import map_fits
from xgamma.io.fermi_cubes import read_cube
from xgamma.io.fermi_files import fermi_kind
from xgamma.io.fermi_responses import read_gtdrm, read_gtpsf
from xgamma.io.formats.fits import is_fits
from xgamma.io.registry import FormatRecord

__all__ = ["FERMI"]

READERS = {
    "gtbin": read_cube,
    "gtexpcube2": read_cube,
    "gtpsf": read_gtpsf,
    "gtdrm": read_gtdrm,
}


def _sniff(path: Path, head: bytes) -> bool:
    return is_fits(path, head) and fermi_kind(map_fits(path)) is not None


def _read(path: Path, chunks: Any = None) -> xr.Dataset:
    ds = READERS[str(fermi_kind(map_fits(path)))](path)
    return ds.chunk(chunks) if chunks is not None else ds


FERMI = FormatRecord(
    name="fermi",
    summary="Counts, exposure, PSF and dispersion of the Fermi science tools; read only.",
    sniff=_sniff,
    read=_read,
)
