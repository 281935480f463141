"""OGIP spectra (PHA, ARF, RMF, BKG): writing."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from astropy.io import fits

from xgamma._version import __version__
from xgamma.core.atomic import atomic_path, together
from xgamma.core.units import conversion
from xgamma.errors import AxisError, MissingDataError, XGammaError
from xgamma.fits.bintable import BinTable, Column, bin_table, primary_bytes
from xgamma.fits.checksum import with_sums
from xgamma.io.fits_axes import Axis, axis_of
from xgamma.io.fits_maps import map_path
from xgamma.io.fits_regions import region_table
from xgamma.io.fits_tables import gti_table
from xgamma.model.livetime import livetime_of
from xgamma.model.operation import operation
from xgamma.model.schema import VARIABLES, in_own_units
from xgamma.typing import DTypeLike

__all__ = ["write_ogip"]

# What spectra of the data model are over: tables, good time and observations included.
DIMS = {dim for spec in VARIABLES.values() for dim in (*spec.dims, *spec.optional_dims)}


@operation
def write_ogip(
    ds: xr.Dataset, path: str | os.PathLike[str], overwrite: bool = False, energy_unit: str = "keV"
) -> None:
    """Write a spectrum to OGIP files: PHA, ARF, RMF and BKG.

    Parameters
    ----------
    ds : Dataset
        A spectrum dataset with counts and exposure; with off counts, or a background, a
        BKG file is written, with a dispersion an RMF.
    path : path-like
        PHA file. The others lie beside it, with ``_arf``, ``_rmf`` and ``_bkg`` before the suffix.
    overwrite : bool
        Whether existing files may be replaced.
    energy_unit : str
        Unit of all energies. XSPEC and Sherpa want keV; with the unit of the dataset no
        digit is lost.

    Raises
    ------
    MissingDataError
        If counts, exposure or the live time are absent.
    AxisError
        If the dataset has a dimension that the files do not hold.
    XGammaError
        If a file exists and `overwrite` is False, or the dataset is not a spectrum.

    Notes
    -----
    QUALITY is 5 where ``mask_safe`` is False. BACKSCAL is the acceptance. A background that is a
    model goes to the BKG file with ``POISSERR = F``. Formats: OGIP memos 92-007 (PHA) and
    CAL/GEN/92-002 (ARF and RMF). The files are created only once all of them are complete.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds.gamma.to_ogip("pha_obs23523.fits")  # doctest: +SKIP
    """
    target = map_path(path)
    if "energy" not in ds.sizes or {"x", "y"} & set(ds.sizes):
        raise XGammaError(
            "OGIP files can only store spectra: extract one with ds.gamma.to_spectrum(region)."
        )
    for name in ("counts", "exposure"):
        if name not in ds:
            raise MissingDataError(f"The dataset has no {name!r}, which OGIP files require.")
    odd = [str(d) for d in ds.dims if d not in DIMS]
    if odd:
        raise AxisError(
            f"The dataset has the dimension {odd[0]!r}, which OGIP files cannot store: drop it "
            f"with drop_dims({odd[0]!r}), or write NetCDF."
        )
    ds = in_own_units(ds)
    livetime = _livetime(ds)
    names = _names(target)
    files = {"arf": [_arf(ds, livetime, energy_unit)]}
    if "edisp" in ds:
        files["rmf"] = _rmf(ds, energy_unit)
    if "counts_off" in ds or "background" in ds:
        files["bkg"] = _pha(ds, livetime, energy_unit, {}, off=True)
    links = {"ANCRFILE": "arf", "RESPFILE": "rmf", "BACKFILE": "bkg"}
    named = {k: names[v] if v in files else "none" for k, v in links.items()}
    files["pha"] = _pha(ds, livetime, energy_unit, named)
    with together():
        for kind, tables in files.items():
            place = target.parent / names[kind]
            parts = [t if isinstance(t, bytes) else t.tobytes() for t in tables]
            hdus = [primary_bytes(len(parts)), *parts]
            content = b"".join(part for hdu in hdus for part in with_sums(hdu))
            with atomic_path(place, overwrite) as temporary:
                temporary.write_bytes(_packed(content, place))


def _packed(content: bytes, path: Path) -> bytes:
    if path.suffix != ".gz":
        return content
    return gzip.compress(content, compresslevel=5, mtime=0)


def _names(target: Path) -> dict[str, str]:
    stem, dot, suffix = target.name.partition(".")
    return {"pha": target.name} | {k: f"{stem}_{k}{dot}{suffix}" for k in ("arf", "rmf", "bkg")}


def _livetime(ds: xr.Dataset) -> float:
    known = livetime_of(ds)
    if known is not None:
        return known
    raise MissingDataError(
        "The live time, needed for EXPOSURE, is unknown: set ds.exposure.attrs['livetime'] (s)."
    )


def _energies(axis: Axis, unit: str, low: str, high: str) -> list[Column]:
    factor = conversion(axis.units, unit)
    return [Column(low, axis.lo * factor, unit), Column(high, axis.hi * factor, unit)]


def _header(pairs: dict[str, Any]) -> Any:
    return fits.Header([*pairs.items(), ("CREATOR", f"xgamma {__version__}")])


def _ebounds(ds: xr.Dataset, unit: str) -> BinTable:
    axis = axis_of(ds, "energy")
    columns = [Column("CHANNEL", np.arange(axis.size, dtype="i2"))]
    columns += _energies(axis, unit, "E_MIN", "E_MAX")
    pairs = {
        "TLMIN1": 0,
        "TLMAX1": axis.size - 1,
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": "EBOUNDS",
        "HDUVERS": "1.2.0",
        "CHANTYPE": "PHA",
        "DETCHANS": axis.size,
        "TELESCOP": _telescope(ds),
        "INSTRUME": _telescope(ds),
        "FILTER": "none",
    }
    return bin_table(columns, _header(pairs), "EBOUNDS")


def _telescope(ds: xr.Dataset) -> str:
    values: Any = ds["telescope"].values if "telescope" in ds else []
    return str(values[0]) if len(values) and str(values[0]).isascii() else "UNKNOWN"


def _arf(ds: xr.Dataset, livetime: float, unit: str) -> BinTable:
    area = ds["exposure"].values.astype(float) / livetime
    area = area * conversion(str(ds["exposure"].attrs.get("units", "m2 s")), "cm2 s")
    columns = _energies(axis_of(ds, "energy_true"), unit, "ENERG_LO", "ENERG_HI")
    pairs = {
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": "SPECRESP",
        "HDUVERS": "1.1.0",
        "TELESCOP": _telescope(ds),
        "INSTRUME": _telescope(ds),
        "FILTER": "none",
    }
    return bin_table([*columns, Column("SPECRESP", area, "cm2")], _header(pairs), "SPECRESP")


def _pha(
    ds: xr.Dataset, livetime: float, unit: str, links: dict[str, str], off: bool = False
) -> list[BinTable]:
    n = ds.sizes["energy"]
    model = off and "counts_off" not in ds
    name = "background" if model else "counts_off" if off else "counts"
    counts = ds[name].values
    whole = counts.dtype.kind in "iu" or bool(np.all(counts == np.rint(counts)))
    acceptance = "acceptance_off" if off else "acceptance"
    scale = ds[acceptance].values.astype(float) if acceptance in ds and not model else np.ones(n)
    safe = ds["mask_safe"].values if "mask_safe" in ds else np.ones(n, bool)
    quality = ds["quality"].values if "quality" in ds else np.where(safe, 0, 5)
    columns = [
        Column("CHANNEL", np.arange(n, dtype="i2")),
        Column("COUNTS", counts.astype("i4" if whole and not model else "f8"), "count"),
        Column("QUALITY", quality.astype("i2")),
    ]
    if "grouping" in ds:
        columns.append(Column("GROUPING", ds["grouping"].values.astype("i2")))
    columns.append(Column("BACKSCAL", scale))
    obs: Any = ds["obs_id"].values if "obs_id" in ds else []
    pairs: dict[str, Any] = {
        "TLMIN1": 0,
        "TLMAX1": n - 1,
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "SPECTRUM",
        "HDUCLAS2": "BKG" if off else "TOTAL",
        "HDUCLAS3": "COUNT",
        "HDUCLAS4": "TYPE:I",
        "HDUVERS": "1.2.1",
        "TELESCOP": _telescope(ds),
        "INSTRUME": _telescope(ds),
        "FILTER": "none",
        "CHANTYPE": "PHA",
        "DETCHANS": n,
        "EXPOSURE": livetime,
        "AREASCAL": 1.0,
        "CORRSCAL": 0.0,
        "CORRFILE": "none",
        "SYS_ERR": 0,
        "POISSERR": not model,
        "OBS_ID": str(obs[0]) if len(obs) == 1 else str(ds.attrs.get("name", "")),
        **({} if "grouping" in ds else {"GROUPING": 0}),
        **links,
    }
    tables = [bin_table(columns, _header(pairs), "SPECTRUM"), _ebounds(ds, unit)]
    extra = [region_table(ds, "REGION"), *([] if off else [gti_table(ds)])]
    return tables + [t for t in extra if t is not None]


def _groups(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return first channel and length of each run of non-zero values."""
    inside = np.concatenate([[False], row != 0, [False]])
    change = np.flatnonzero(inside[1:] != inside[:-1])
    return change[::2], change[1::2] - change[::2]


def _rmf(ds: xr.Dataset, unit: str) -> list[Any]:
    if set(ds["edisp"].dims) != {"energy_true", "energy"}:
        raise XGammaError(
            f"The dispersion has dims {ds['edisp'].dims}, but an RMF requires a kernel over energy_true and energy."
        )
    matrix = ds["edisp"].transpose("energy_true", "energy").values
    runs = [_groups(row) for row in matrix]
    cells = [row[row != 0] for row in matrix]
    bounds = _energies(axis_of(ds, "energy_true"), unit, "ENERG_LO", "ENERG_HI")
    real = "D" if matrix.dtype.itemsize > 4 else "E"
    ragged = {"F_CHAN": [r[0] for r in runs], "N_CHAN": [r[1] for r in runs]}
    columns = [fits.Column(c.name, "D", unit=unit, array=c.values) for c in bounds]
    columns.append(fits.Column("N_GRP", "I", array=np.array([len(r[0]) for r in runs])))
    for name, values in ragged.items():
        columns.append(fits.Column(name, "PI()", array=_objects(values, "i2")))
    columns.append(fits.Column("MATRIX", f"P{real}()", array=_objects(cells, matrix.dtype)))
    n = ds.sizes["energy"]
    pairs = {
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": "RSP_MATRIX",
        "HDUCLAS3": "REDIST",
        "HDUVERS": "1.3.0",
        "CHANTYPE": "PHA",
        "DETCHANS": n,
        "TLMIN4": 0,
        "TLMAX4": n - 1,
        "NUMGRP": int(sum(len(r[0]) for r in runs)),
        "NUMELT": int(sum(len(c) for c in cells)),
        "LO_THRES": 0.0,
        "TELESCOP": _telescope(ds),
        "INSTRUME": _telescope(ds),
        "FILTER": "none",
    }
    hdu = fits.BinTableHDU.from_columns(columns, header=_header(pairs), name="MATRIX")
    return [_hdu_bytes(hdu), _ebounds(ds, unit)]


def _objects(values: list[np.ndarray], dtype: DTypeLike) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = [np.asarray(v, dtype=dtype) for v in values]
    return out


def _hdu_bytes(hdu: Any) -> bytes:
    buffer = io.BytesIO()
    hdu.writeto(buffer)
    content = buffer.getvalue()
    return content[content.index(b"XTENSION=") :]
