"""Datasets and maps in FITS, in the layout that gammapy reads and writes: writing."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import xarray as xr
from astropy.io import fits

from xgamma.core.atomic import atomic_path
from xgamma.errors import XGammaError
from xgamma.fits.bintable import Column, bin_table
from xgamma.fits.checksum import with_sums
from xgamma.io.fits_map_hdus import SKY_DIMS, creator, header_bytes, map_hdus
from xgamma.io.fits_maps import map_path
from xgamma.io.fits_tables import gti_table, obs_tables, table_names
from xgamma.io.sidecar import HDU_NAME, describe
from xgamma.model.frame import without_frame
from xgamma.model.operation import operation
from xgamma.model.schema import VARIABLES
from xgamma.model.validation import validate_dataset

__all__ = ["write_fits", "write_hdus", "write_map"]

# Bytes, not time, decide at this level: 9 takes four times as long for 1 % less.
GZIP_LEVEL = 4


@operation
def write_fits(
    ds: xr.Dataset, path: str | os.PathLike[str], overwrite: bool = False, checksum: bool = True
) -> None:
    """Write a dataset to a FITS file that gammapy and FITS viewers read.

    Parameters
    ----------
    ds : Dataset
        A map or spectrum dataset, on-off or not. Dask-backed variables are computed one at a time.
    path : path-like
        File, compressed when it ends in ``.gz``.
    overwrite : bool
        Whether an existing file may be replaced.
    checksum : bool
        Whether to add CHECKSUM and DATASUM, with which reading and `xgamma.verify` detect damage.

    Raises
    ------
    XGammaError
        If the file exists and `overwrite` is False, the dataset does not follow the data model, or
        a variable cannot be stored.
    AxisError
        If there are gaps between the bins of an axis; a band table requires contiguous bins.
    FrameError
        If pixel labels are not evenly spaced.

    Notes
    -----
    Masks are 8-bit images; integer counts are floats (exact), since gammapy adds to them. What does
    not fit into the layout (attributes, rows of observations, the parent frame of a cutout) is
    stored in the HDUs XGAMMA and OBS_ROWS, which other tools ignore, so that reading returns the
    same dataset. The file is created only once it is complete.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_fits(ds, Path(folder) / "template.fits")
    ...     sorted(p.name for p in Path(folder).iterdir())
    ['template.fits']
    """
    write_hdus(ds, map_path(path), overwrite, checksum)


def write_hdus(
    ds: xr.Dataset,
    target: Path,
    overwrite: bool = False,
    checksum: bool = True,
    cards: Iterable[tuple[str, Any]] = (),
) -> None:
    """Write a dataset, with further keywords in its first header. See `write_fits`."""
    issues = [
        i for i in validate_dataset(ds, errors="return", values=False) if "data model" not in i
    ]
    if issues:
        raise XGammaError("This dataset cannot be written to FITS: " + " ".join(issues))
    _write(_dataset_hdus(ds, cards), target, overwrite, checksum)


@operation
def write_map(
    array: xr.DataArray, path: str | os.PathLike[str], overwrite: bool = False, hdu: str = "PRIMARY"
) -> None:
    """Write one sky map to a FITS file.

    Parameters
    ----------
    array : DataArray
        Dims ``(..., y, x)`` with the coordinate ``wcs``, or axes alone; further dims are axes with
        bounds.
    path : path-like
        File, compressed when it ends in ``.gz``.
    overwrite : bool
        Whether an existing file may be replaced.
    hdu : str
        Name of the HDU. By default, the primary one, which any viewer shows.

    Raises
    ------
    XGammaError
        If the file exists and `overwrite` is False, or the array is not a map.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_map(ds.gamma.solid_angle, Path(folder) / "omega.fits.gz")
    """
    target = map_path(path)
    name = hdu.upper()
    ds = array.rename("map").to_dataset()
    ds.attrs = {"map_name": array.name}
    _write(_map_file(ds, name), target, overwrite, True)


def _map_file(ds: xr.Dataset, name: str) -> Iterator[bytes]:
    variable = ds.variables["map"]
    irf = "y_irf" in variable.dims
    sky = {"y", "x"} <= set(variable.dims) or irf
    if not sky and not all(f"{d}_lo" in ds.coords for d in variable.dims):
        raise XGammaError(
            f"The array has dims {variable.dims}, but a sky map must have y and x, and other dims must have bounds."
        )
    primary = name == "PRIMARY" and sky
    if not primary:
        yield header_bytes(PRIMARY)
    name = "SKYMAP" if name == "PRIMARY" and not primary else name
    yield from map_hdus(ds, "map", name, primary)
    inline = _inline(ds, {"map"})
    yield bin_table(*_sidecar(describe(ds, inline, single=True))).tobytes()


PRIMARY: list[tuple[str, Any]] = [("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)]


def _dataset_hdus(ds: xr.Dataset, cards: Iterable[tuple[str, Any]]) -> Iterator[bytes]:
    name = str(ds.attrs.get("name", ""))
    named = [("NAME", name)] if name.isascii() else []
    yield header_bytes([*PRIMARY, *named, *cards, *creator()])
    maps = [n for n in ds.data_vars if _is_map(ds, str(n))]
    # The order of gammapy first, so that the first image of a file is the counts.
    for variable in sorted(map(str, maps), key=_rank):
        yield from map_hdus(ds, variable, variable.upper())
    for table in (gti_table(ds), *obs_tables(ds)):
        if table is not None:
            yield table.tobytes()
    inline = _inline(ds, {*map(str, maps), *table_names(ds)})
    yield bin_table(*_sidecar(describe(ds, inline))).tobytes()


def _rank(name: str) -> int:
    names = list(VARIABLES)
    return names.index(name) if name in names else len(names)


def _is_map(ds: xr.Dataset, name: str) -> bool:
    """Return whether a variable becomes a map: over the sky, or over axes in a spectrum."""
    dims = set(ds[name].dims)
    axes = {d for d in dims if f"{d}_lo" in ds.coords}
    if "gti" in dims or "obs" in dims or ds[name].dtype.kind not in "biuf":
        return False
    if {"y", "x"} <= dims or {"y_irf", "x_irf"} <= dims:
        return dims - SKY_DIMS == axes and not ({"y", "y_irf"} <= dims)
    return "region" in ds.coords and bool(axes) and dims == axes


def _inline(ds: xr.Dataset, written: set[str]) -> set[str]:
    """Return what goes into the JSON: everything that has no HDU of its own."""
    used = {str(d) for n in written if n in ds.variables for d in ds.variables[n].dims}
    stored = {f"{d}{s}" for d in used for s in ("", "_lo", "_hi")} | SKY_DIMS
    return {str(n) for n in without_frame(ds.variables)} - written - stored


def _sidecar(text: bytes) -> tuple[list[Column], Any, str]:
    return [Column("JSON", np.frombuffer(text, dtype="u1")[np.newaxis])], fits.Header(), HDU_NAME


def _write(parts: Iterator[bytes], target: Path, overwrite: bool, checksum: bool) -> None:
    sealed = (part for hdu in parts for part in (with_sums(hdu) if checksum else (hdu,)))
    with atomic_path(target, overwrite) as temporary, temporary.open("wb") as stream:
        if target.name.endswith(".gz"):
            _deflate(sealed, stream)
        else:
            for part in sealed:
                stream.write(part)


def _deflate(parts: Iterator[bytes | memoryview], stream: IO[bytes]) -> None:
    packer = zlib.compressobj(GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)
    for part in parts:
        stream.write(packer.compress(part))
    stream.write(packer.flush())
