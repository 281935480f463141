"""FITS datasets for xarray: ``xr.open_dataset(file, engine="xgamma-fits")``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from xgamma.core.paths import first_bytes
from xgamma.io.fits import open_dataset

__all__ = ["FITSBackend"]

_MARKS = (b"'COUNTS  '", b"'EXPOSURE'", b"'MASK_SAFE'")


class FITSBackend(BackendEntrypoint):
    """Open reduced datasets in FITS, lazily.

    Examples
    --------
    >>> import xarray as xr
    >>> ds = xr.open_dataset("dataset.fits", engine="xgamma-fits")  # doctest: +SKIP
    """

    description = "Open gamma-ray map and spectrum datasets in FITS"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "resample")

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        resample: bool = False,
    ) -> xr.Dataset:
        """Open a dataset; variables are read on first use. See `xgamma.io.fits.read_fits`."""
        ds = open_dataset(os.fspath(filename_or_obj), resample=resample)
        if drop_variables is None:
            return ds
        drop = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables)
        return ds.drop_vars(drop, errors="ignore")

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Return whether the first bytes of a file look like a dataset."""
        head = first_bytes(filename_or_obj, 2**14)
        return head.startswith(b"SIMPLE") and any(mark in head for mark in _MARKS)
