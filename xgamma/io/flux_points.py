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
from typing import Protocol

import numpy as np
import xarray as xr
from astropy.io import fits
from astropy.table import Table
from astropy.units import UnitsWarning
from scipy.special import erfinv

from xgamma.core.arguments import choice
from xgamma.core.atomic import atomic_path
from xgamma.core.bounds import require_regular
from xgamma.core.paths import file_path
from xgamma.core.reading import OF_CODE, reader
from xgamma.core.units import conversion
from xgamma.errors import AxisError, MissingDataError, MissingFileError, XGammaError
from xgamma.fits.bytes import is_fits_name
from xgamma.fits.files import map_fits
from xgamma.io.fits_tables import gti_table, read_gti
from xgamma.io.flux_points_checks import (
    SUFFIXES,
    UNITS,
    require_confidence,
    require_kinds,
    require_numbers,
)
from xgamma.io.flux_points_table import TYPES, from_table, to_table
from xgamma.model.check import require_dataset
from xgamma.model.operation import operation
from xgamma.numerics.spectra import power_law, power_law_moment
from xgamma.typing import PathLike

__all__ = ["read_flux_points", "write_flux_points"]

HDU = "FLUXPOINTS"


class Kernels(Protocol):
    """What is asked of a spectrum here: a layer above has the models."""

    def kernel(self, energy: np.ndarray) -> np.ndarray:
        """Differential flux at energies in TeV."""

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """Integral of ``E^power dN/dE`` between limits in TeV."""


@reader
def read_flux_points(path: str | os.PathLike[str], reference: Kernels | None = None) -> xr.Dataset:
    """Read flux points, a light curve or a flux profile from a FITS or ECSV table.

    Parameters
    ----------
    path : path-like
        Table of SED type ``dnde``, ``e2dnde``, ``flux``, ``eflux`` or ``likelihood``, as
        `write_flux_points` and gammapy write it (``gadf-sed``, ``lightcurve``, ``profile``).
    reference : Spectrum, optional
        Spectral shape within a bin, used to convert fluxes to differential fluxes; by default, a
        power law of index 2. Not needed for the types ``dnde`` and ``e2dnde``.

    Returns
    -------
    points : Dataset
        Dim ``energy`` (reference energies; with ``energy_lo`` and ``energy_hi`` where the table
        has bins): the columns of the table, and ``dnde``, ``dnde_err``, … in TeV-1 s-1 cm-2.
        `xgamma.fit` and `xgamma.plot_flux_points` take it. ``stat_scan`` has the dim
        ``norm_scan``, and what is kept of each dataset the dim ``dataset``. A light curve has
        ``time`` before ``energy``, with ``time_lo`` and ``time_hi`` (TT); a flux profile
        ``region``, with ``distance``.

    Raises
    ------
    MissingDataError
        If there is no such file, or a column that the type needs is absent.
    XGammaError
        If the type cannot be told, or the energies are not those of all rows.

    Notes
    -----
    A time is a number of days: 0.1 us is lost over three years.

    Examples
    --------
    >>> import xgamma as xg
    >>> points = xg.read_flux_points("crab.ecsv")  # doctest: +SKIP
    """
    place = file_path(path)
    if is_fits_name(place) and place.is_file():
        # astropy, which reads the columns, believes the layout and passes over sums.
        _ = map_fits(place).tables
    table = _read_table(place)
    require_numbers(table, place)
    ds = from_table(table, place)
    require_kinds(ds, place)
    sed_type = _sed_type(table, place)
    ds.attrs |= {"name": place.name.partition(".")[0], "sed_type": sed_type}
    if is_fits_name(place):
        ds = ds.assign(read_gti(map_fits(place)))
    confidence = table.meta.get("UL_CONF")
    if confidence is not None:
        ds.attrs["n_sigma_ul"] = round(_sigma_of(require_confidence(confidence, place)), 6)
    return _with_dnde(ds, sed_type, reference)


def _read_table(path: Path) -> Table:
    require_regular(path)
    if not path.is_file():
        raise MissingFileError(f"The file '{path}' does not exist: check the path.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnitsWarning)
            if is_fits_name(path):
                hdu = HDU if HDU in map_fits(path) else 1
                return Table.read(path, format="fits", hdu=hdu, character_as_bytes=False)
            return Table.read(path, format="ascii.ecsv")
    except Exception as error:
        known = bool(str(error)) and not isinstance(error, OF_CODE)
        said = f" ({str(error).splitlines()[0]})" if known else ""
        raise XGammaError(
            f"'{path}' is not a table of flux points in FITS or ECSV{said}: download it again."
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
        f"The SED type of '{path}' cannot be determined: set SED_TYPE to one of {', '.join(TYPES)}, likelihood."
    )


def _values(ds: xr.Dataset, name: str, unit: str) -> np.ndarray:
    array = ds[name]
    return np.asarray(array.values, dtype=float) * conversion(str(array.attrs["units"]), unit)


def _with_dnde(ds: xr.Dataset, sed_type: str, reference: Kernels | None) -> xr.Dataset:
    """Add differential fluxes, whatever the table has."""
    out = ds.copy()
    energy = ds["energy"].values * conversion(str(ds["energy"].attrs["units"]), "TeV")
    if sed_type == "dnde":
        return _with_norm(_require(out, "dnde"), "dnde")
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
    if sed_type == "e2dnde":
        factor = 1 / energy**2
    elif reference is None and {"ref_dnde", f"ref_{sed_type}"} <= set(ds.data_vars):
        known = _values(ds, f"ref_{sed_type}", UNITS[sed_type])
        factor = _values(ds, "ref_dnde", UNITS["dnde"]) / known
    else:
        factor = _ratio(ds, sed_type, energy, reference)
    return _with_norm(_scaled(out, sed_type, "dnde", factor, UNITS[sed_type]), sed_type)


def _with_norm(ds: xr.Dataset, sed_type: str) -> xr.Dataset:
    """Add the norms that a likelihood profile is of, where the table has their reference."""
    if "stat_scan" not in ds or f"ref_{sed_type}" not in ds or "norm" in ds:
        return ds
    unit = UNITS[sed_type]
    return _scaled(ds, sed_type, "norm", 1 / _values(ds, f"ref_{sed_type}", unit), unit)


def _scaled(ds: xr.Dataset, source: str, target: str, factor: np.ndarray, unit: str) -> xr.Dataset:
    """Add ``target`` and its errors: those of ``source`` times a factor."""
    new = {
        f"{target}{s}": (
            ds[f"{source}{s}"].dims,
            _values(ds, f"{source}{s}", unit) * factor,
            {"units": UNITS.get(target, "")},
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
            f"Points of SED type {sed_type!r} require energy bins: the table has no e_min and e_max."
        )
    low, high = (_values(ds, f"energy_{s}", "TeV") for s in ("lo", "hi"))
    power = {"flux": 0, "eflux": 1}[sed_type]
    if reference is None:
        slope = (2.0, 1.0, 1.0)
        return np.asarray(power_law(energy, *slope) / power_law_moment(low, high, power, *slope))
    return np.asarray(reference.kernel(energy) / reference.kernel_integral(low, high, power))


def _require(ds: xr.Dataset, name: str) -> xr.Dataset:
    if name not in ds:
        raise MissingDataError(f"The table has no column {name!r}, which its SED type requires.")
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
    """Write flux points, a light curve or a flux profile to a FITS or ECSV table.

    Parameters
    ----------
    points : Dataset
        From `xgamma.flux_points`, `xgamma.light_curve`, `xgamma.flux_profile` or
        `read_flux_points`. The table is that of gammapy's formats ``gadf-sed``, ``lightcurve`` or
        ``profile``: a row an energy, an interval of time, or a region.
    path : path-like
        Table, FITS when it ends in ``.fits``, else ECSV.
    sed_type : {"dnde", "e2dnde", "flux", "eflux", "likelihood"}
        What the table holds; likelihood profiles (``stat_scan``) with each.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    MissingDataError
        If the points do not have what the type requires.
    AxisError
        If the points have a dimension that such a table does not hold: nothing is left out.
    XGammaError
        If the type is not known, or the file exists and `overwrite` is False.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.write_flux_points(points, "crab.ecsv", "likelihood")  # doctest: +SKIP
    """
    choice(sed_type, "sed_type", (*TYPES, "likelihood"))
    require_dataset(points, "points")
    target = file_path(path)
    table = to_table(points, sed_type)
    gti = gti_table(points)
    if not is_fits_name(target):
        if gti is not None:
            raise AxisError(
                "Good time intervals cannot be stored in ECSV: write .fits, or drop them with "
                'points.drop_dims("gti").'
            )
        with atomic_path(target, overwrite) as temporary:
            table.write(temporary, format="ascii.ecsv")
        return
    hdu = fits.table_to_hdu(table)
    hdu.name = HDU
    hdus = fits.HDUList([fits.PrimaryHDU(), hdu])
    if gti is not None:
        hdus.append(fits.BinTableHDU.fromstring(gti.tobytes()))
    hdus[0].header["NEXTEND"] = len(hdus) - 1
    with atomic_path(target, overwrite) as temporary:
        hdus.writeto(temporary, checksum=True)
