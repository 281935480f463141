"""Conversion between file formats: ``xgamma convert``."""

from __future__ import annotations

import os
from pathlib import Path

from xgamma.dl3.archive import write_archive
from xgamma.dl3.opening import holds_runs, open_store
from xgamma.dl3.writer import write_store
from xgamma.errors import XGammaError
from xgamma.io.opening import open as open_any
from xgamma.io.opening import write_dataset
from xgamma.io.remote import as_place, is_remote

__all__ = ["convert"]


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    overwrite: bool = False,
    progress: bool = False,
) -> Path | str:
    """Convert a dataset, a collection or an archive of runs to another format.

    Parameters
    ----------
    source : path-like or URL
        NetCDF, Zarr or FITS dataset; OGIP spectrum; archive of runs in GADF or Zarr; DL3 file.
    target : path-like or URL
        Its suffix selects the format: ``.nc``, ``.zarr``, ``.fits``, ``.fits.gz``; for runs
        ``.zarr``, or a folder, which becomes a GADF store. URLs hold Zarr.
    overwrite : bool
        Whether an existing file may be replaced.
    progress : bool
        Whether to show a bar over runs.

    Returns
    -------
    target : Path or str
        What was written.

    Raises
    ------
    XGammaError
        If the suffix of the target is unknown, or the target exists and `overwrite` is False.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ds.gamma.to_fits(folder + "/a.fits")
    ...     convert(folder + "/a.fits", folder + "/a.nc").name
    'a.nc'
    """
    origin, place = as_place(source, "source"), as_place(target, "target")
    if holds_runs(origin):
        _convert_runs(origin, place, overwrite, progress)
    else:
        with open_any(origin) as data:
            write_dataset(data, place, overwrite)
    return place


def _convert_runs(origin: Path | str, place: Path | str, overwrite: bool, progress: bool) -> None:
    store = open_store(origin)
    if is_remote(place) or Path(place).suffix == ".zarr":
        write_archive(store, place, overwrite, progress)
    elif not Path(place).suffix:
        write_store(store, place, overwrite)
    else:
        raise XGammaError(
            f"Runs are written to Zarr or to a GADF folder: use the ending .zarr for '{Path(place).name}', or none."
        )
