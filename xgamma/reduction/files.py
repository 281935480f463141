"""Add up datasets that lie in files, one after the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from xgamma.datasets.mosaic import Mosaic
from xgamma.datasets.stack import covering
from xgamma.errors import XGammaError
from xgamma.io.new_store import refuse_taken
from xgamma.io.opening import open as open_any
from xgamma.io.opening import write_dataset
from xgamma.io.remote import as_place
from xgamma.reduction.progress import progress_bar

__all__ = ["stack_files"]


def stack_files(
    files: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    overwrite: bool = False,
    progress: bool | None = False,
) -> xr.Dataset:
    """Stack the datasets of files on the smallest grid that holds them all, and write it.

    The files are gone through twice: for their labels, and one by one for their values.

    Parameters
    ----------
    files : sequence of path-like or URL
        Datasets on one frame and one set of axes.
    out : path-like or URL
        Ends in ``.nc``, ``.zarr``, ``.fits`` or ``.fits.gz``; a URL in ``.zarr``.
    overwrite : bool
        Whether an existing file may be replaced.
    progress : bool, optional
        Show a progress bar; on a terminal when None.

    Returns
    -------
    ds : Dataset
        What was written.

    Raises
    ------
    XGammaError
        If a file holds several datasets, or cannot be added; it is named.
    """
    place = as_place(out, "out")
    refuse_taken(place, overwrite)
    mosaic = Mosaic(covering([_grid(file) for file in files]))
    with progress_bar(len(files), progress, desc="stack", unit="file") as bar:
        for file in files:
            with _one(file) as ds:
                try:
                    mosaic.add(ds.load())
                except XGammaError as error:
                    raise type(error)(f"'{file}': {error}") from error
            bar(1)
    ds = mosaic.to_dataset(Path(place).name.split(".")[0])
    write_dataset(ds, place, overwrite)
    return ds


def _grid(file: str | os.PathLike[str]) -> xr.Dataset:
    """Return the labels and axes of a dataset, without values."""
    with _one(file) as ds:
        return ds.drop_vars([n for n in ds.data_vars if not str(n).startswith("gti")]).load()


def _one(file: str | os.PathLike[str]) -> xr.Dataset:
    data = open_any(file)
    if not isinstance(data, xr.Dataset):
        data.close()
        raise XGammaError(
            f"'{file}' contains several datasets: write each to a file of its own first."
        )
    return data
