"""Flux points in FITS and ECSV, in the SED types of GADF.

Format: https://gamma-astro-data-formats.readthedocs.io, "Flux points". The types ``dnde``,
``e2dnde``, ``flux`` and ``eflux`` name what a table holds; ``likelihood`` holds norms of reference
fluxes, and profiles of the statistic.
"""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import xarray as xr
from astropy.table import Table
from astropy.units import UnitsWarning
from scipy.special import erfinv

from xgamma.core.arguments import choice
from xgamma.core.atomic import atomic_path
from xgamma.core.bounds import require_regular
from xgamma.core.paths import file_path
from xgamma.core.units import conversion, parse_unit
from xgamma.errors import MissingDataError, MissingFileError, XGammaError
from xgamma.fits.bytes import is_fits_name
from xgamma.model.check import require_dataset
from xgamma.model.operation import operation
from xgamma.numerics.spectra import power_law, power_law_moment
from xgamma.typing import PathLike

__all__ = ["read_flux_points", "write_flux_points"]

TYPES = ("dnde", "e2dnde", "flux", "eflux")
SUFFIXES = ("", "_err", "_errn", "_errp", "_ul")
UNITS = {
    "dnde": "TeV-1 s-1 cm-2",
    "e2dnde": "TeV s-1 cm-2",
    "flux": "s-1 cm-2",
    "eflux": "TeV s-1 cm-2",
}
ENERGIES = {"e_ref": "energy", "e_min": "energy_lo", "e_max": "energy_hi"}
# Columns of norms had other names in version 0.1 of the format.
OLD_NAMES = {"dloglike_scan": "stat_scan", "loglike": "stat", "loglike_null": "stat_null"}
OTHERS = (
    "ts",
    "sqrt_ts",
    "stat",
    "stat_null",
    "is_ul",
    "success",
    "counts",
    "npred",
    "npred_excess",
)


class Kernels(Protocol):
    """What is asked of a spectrum here: a layer above has the models."""

    def kernel(self, energy: np.ndarray) -> np.ndarray:
        """Differential flux at energies in TeV."""

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """Integral of ``E^power dN/dE`` between limits in TeV."""


def read_flux_points(path: str | os.PathLike[str], reference: Kernels | None = None) -> xr.Dataset:
    """Read flux points from a FITS or ECSV table.

    Parameters
    ----------
    path : path-like
        Table of SED type ``dnde``, ``e2dnde``, ``flux``, ``eflux`` or ``likelihood``.
    reference : Spectrum, optional
        Spectral shape within a bin, used to convert fluxes to differential fluxes; by default, a
        power law of index 2. Not needed for the types ``dnde`` and ``e2dnde``.

    Returns
    -------
    points : Dataset
        Dim ``energy`` (reference energies; with ``energy_lo`` and ``energy_hi`` where the table has
        bins): the columns of the table, and ``dnde``, ``dnde_err``, … in TeV-1 s-1 cm-2.
        `xgamma.fit` and `xgamma.plot_flux_points` accept it.

    Raises
    ------
    MissingDataError
        If there is no such file, or a column that the type needs is absent.
    XGammaError
        If the type cannot be determined.

    Examples
    --------
    >>> import xgamma as xg
    >>> points = xg.read_flux_points("crab.ecsv")  # doctest: +SKIP
    """
    table = _read_table(file_path(path))
    sed_type = _sed_type(table, path)
    ds = _from_table(table, path)
    ds.attrs |= {"name": Path(path).name.partition(".")[0], "sed_type": sed_type}
    confidence = table.meta.get("UL_CONF")
    if confidence is not None:
        ds.attrs["n_sigma_ul"] = round(_sigma_of(float(confidence)), 6)
    return _with_dnde(ds, sed_type, reference)


def _read_table(path: Path) -> Any:
    require_regular(path)
    if not path.is_file():
        raise MissingFileError(f"There is no file '{path}': check the path.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnitsWarning)
            if is_fits_name(path):
                return Table.read(path, format="fits", hdu=1, character_as_bytes=False)
            return Table.read(path, format="ascii.ecsv")
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise XGammaError(
            f"'{path}' is not a table of flux points in FITS or ECSV ({text})."
        ) from None


def _sed_type(table: Table, path: PathLike) -> str:
    named = table.meta.get("SED_TYPE")
    if named in (*TYPES, "likelihood"):
        return str(named)
    if "norm" in table.colnames or "ref_dnde" in table.colnames:
        return "likelihood"
    for name in TYPES:
        if name in table.colnames:
            return name
    raise XGammaError(
        f"The SED type of '{path}' cannot be told: set SED_TYPE to one of {', '.join(TYPES)}, likelihood."
    )


def _unit_text(unit: object) -> str:
    """Return a unit without photons: they are counted, not measured."""
    if unit is None:
        return ""
    text = str(unit)
    for photon in ("photon", "ph"):
        text = text.replace(photon, "1") if text.strip().startswith(photon) else text
    return parse_unit(text).to_string()


def _from_table(table: Table, path: PathLike) -> xr.Dataset:
    data: dict[str, Any] = {}
    if "time_min" in table.colnames:
        raise XGammaError(
            f"'{path}' holds a light curve, which is not read: give a table of flux points."
        )
    for name in table.colnames:
        column = table[name]
        key = ENERGIES.get(name, OLD_NAMES.get(name, name))
        values = np.ma.filled(column, np.nan) if column.dtype.kind == "f" else np.asarray(column)
        if values.dtype.kind in "OSU" and key in ("is_ul", "success"):
            values = np.char.lower(values.astype(str)) == "true"
        dims = ("energy", *(f"{key}_{i}" for i in range(1, values.ndim)))
        if key in ("stat_scan", "norm_scan"):
            dims = ("energy", "norm_scan")[: values.ndim]
        elif values.ndim == 2:
            dims = ("energy", "dataset")
        values = values.astype(values.dtype.newbyteorder("="))
        unit = _unit_text(column.unit) or ("TeV" if key.startswith("energy") else "")
        attrs = {} if values.dtype.kind in "bUSO" else {"units": unit}
        data[key] = xr.Variable(dims, values, attrs)
    if "energy" not in data:
        if not {"energy_lo", "energy_hi"} <= set(data):
            raise MissingDataError(f"'{path}' has neither e_ref nor e_min and e_max.")
        low, high = data["energy_lo"], data["energy_hi"]
        data["energy"] = xr.Variable("energy", np.sqrt(low.values * high.values), low.attrs)
    scan = data.get("norm_scan")
    if scan is not None and scan.ndim == 2 and np.all(scan.values == scan.values[:1]):
        data["norm_scan"] = xr.Variable("norm_scan", scan.values[0])
    elif scan is not None:
        data["norm_values"] = data.pop("norm_scan")
    attrs = {"interp": "log", "long_name": "reference energy"}
    data["energy"] = data["energy"].copy()
    data["energy"].attrs |= attrs
    coords = {
        n: data.pop(n) for n in ("energy", "energy_lo", "energy_hi", "norm_scan") if n in data
    }
    return xr.Dataset(data, coords)


def _values(ds: xr.Dataset, name: str, unit: str) -> np.ndarray:
    array = ds[name]
    return np.asarray(array.values, dtype=float) * conversion(str(array.attrs["units"]), unit)


def _with_dnde(ds: xr.Dataset, sed_type: str, reference: Kernels | None) -> xr.Dataset:
    """Add differential fluxes, whatever the table has."""
    out = ds.copy()
    energy = ds["energy"].values * conversion(str(ds["energy"].attrs["units"]), "TeV")
    if sed_type == "dnde":
        return _require(out, "dnde")
    if sed_type == "likelihood":
        _require(out, "norm")
        _require(out, "ref_dnde")
        factor, prefix = _values(ds, "ref_dnde", UNITS["dnde"]), "norm"
        for name in TYPES:
            if f"ref_{name}" in ds:
                scale = _values(ds, f"ref_{name}", UNITS[name])
                out = _scaled(out, prefix, name, scale, "")
        return out
    _require(out, sed_type)
    factor = 1 / energy**2 if sed_type == "e2dnde" else _ratio(ds, sed_type, energy, reference)
    return _scaled(out, sed_type, "dnde", factor, UNITS[sed_type])


def _scaled(ds: xr.Dataset, source: str, target: str, factor: np.ndarray, unit: str) -> xr.Dataset:
    """Add ``target`` and its errors: those of ``source`` times a factor."""
    new = {
        f"{target}{s}": (
            "energy",
            _values(ds, f"{source}{s}", unit) * factor,
            {"units": UNITS[target]},
        )
        for s in SUFFIXES
        if f"{source}{s}" in ds
    }
    return ds.assign(new)


def _ratio(
    ds: xr.Dataset, sed_type: str, energy: np.ndarray, reference: Kernels | None
) -> np.ndarray:
    """Return differential over integral flux of the reference form in each bin."""
    if "energy_lo" not in ds.coords or "energy_hi" not in ds.coords:
        raise MissingDataError(
            f"Points of SED type {sed_type!r} need bins: the table has no e_min and e_max."
        )
    low, high = (_values(ds, f"energy_{s}", "TeV") for s in ("lo", "hi"))
    power = {"flux": 0, "eflux": 1}[sed_type]
    if reference is None:
        slope = (2.0, 1.0, 1.0)
        return power_law(energy, *slope) / power_law_moment(low, high, power, *slope)
    return np.asarray(reference.kernel(energy) / reference.kernel_integral(low, high, power))


def _require(ds: xr.Dataset, name: str) -> xr.Dataset:
    if name not in ds:
        raise MissingDataError(f"The table has no column {name!r}, which its SED type needs.")
    return ds


def _sigma_of(confidence: float) -> float:
    return float(math.sqrt(2) * erfinv(confidence))


@operation
def write_flux_points(
    points: xr.Dataset,
    path: str | os.PathLike[str],
    sed_type: str = "dnde",
    overwrite: bool = False,
) -> None:
    """Write flux points to a FITS or ECSV table.

    Parameters
    ----------
    points : Dataset
        From `xgamma.flux_points` or `read_flux_points`.
    path : path-like
        Table, FITS when it ends in ``.fits``, else ECSV.
    sed_type : {"dnde", "e2dnde", "flux", "eflux", "likelihood"}
        What the table holds.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    MissingDataError
        If the points lack a variable that the type requires.
    XGammaError
        If the type is not known, or the file exists and `overwrite` is False.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.write_flux_points(points, "crab.ecsv", "likelihood")  # doctest: +SKIP
    """
    table = _to_table(points, sed_type)
    target = Path(path)
    form = "fits" if is_fits_name(target) else "ascii.ecsv"
    with atomic_path(target, overwrite) as temporary:
        table.write(temporary, format=form)


def _to_table(points: xr.Dataset, sed_type: str) -> Any:
    choice(sed_type, "sed_type", (*TYPES, "likelihood"))
    require_dataset(points, "points")
    table = Table(meta={"SED_TYPE": sed_type})
    if "n_sigma_ul" in points.attrs:
        table.meta["UL_CONF"] = math.erf(float(points.attrs["n_sigma_ul"]) / math.sqrt(2))
    for column, name in ENERGIES.items():
        if name in points.coords:
            table[column] = points[name].values
            table[column].unit = parse_unit(str(points[name].attrs.get("units", "TeV")))
    needed: tuple[str, ...]
    if sed_type == "likelihood":
        names = [f"ref_{t}" for t in TYPES if f"ref_{t}" in points]
        names += [f"norm{s}" for s in SUFFIXES if f"norm{s}" in points]
        needed = ("norm", "ref_dnde")
    else:
        names = [f"{sed_type}{s}" for s in SUFFIXES if f"{sed_type}{s}" in points]
        needed = (sed_type,)
    for name in needed:
        if name not in points:
            raise MissingDataError(f"The flux points have no {name!r}: choose another sed_type.")
    names += [n for n in OTHERS if n in points]
    for name in names:
        table[name] = points[name].transpose("energy", ...).values
        if points[name].dtype.kind == "f":
            table[name].unit = parse_unit(str(points[name].attrs.get("units", "")))
    if "stat_scan" in points and sed_type == "likelihood" and "norm_scan" in points.coords:
        scan = points["stat_scan"].transpose("energy", "norm_scan").values
        table["norm_scan"] = np.broadcast_to(points["norm_scan"].values, scan.shape).copy()
        table["stat_scan"] = scan
    return table
