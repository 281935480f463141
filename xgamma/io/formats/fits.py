"""Datasets in FITS, in the layout of GADF sky maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.io.fits import open_dataset
from xgamma.io.fits_write import write_fits
from xgamma.io.registry import FormatRecord

__all__ = ["FITS", "is_fits"]


def is_fits(path: Path, head: bytes) -> bool:
    """Return whether the first bytes are those of FITS, or of a compressed file."""
    return head.startswith((b"SIMPLE", b"\x1f\x8b"))


def _read(path: Path, resample: bool = False, chunks: Any = None) -> xr.Dataset:
    ds = open_dataset(path, resample=resample)
    return ds.chunk(chunks) if chunks is not None else ds


FITS = FormatRecord(
    "fits",
    "One dataset in FITS, as gammapy reads and writes it.",
    suffixes=(".fits", ".fits.gz"),
    sniff=is_fits,
    read=_read,
    write=write_fits,
    general=True,
)
