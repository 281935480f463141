"""PSF and energy dispersion as gtpsf and gtdrm of the Fermi science tools write them."""

from __future__ import annotations

import os

import numpy as np
import xarray as xr

from xgamma.core.reading import reader
from xgamma.core.units import conversion
from xgamma.errors import AxisError, MissingDataError, UnitError, XGammaError
from xgamma.fits.files import map_fits
from xgamma.fits.layout import whole_keyword
from xgamma.fits.tables import Table
from xgamma.io.fits_axes import Axis, require_bins
from xgamma.io.ogip_response import read_matrix, require_values
from xgamma.model.assembly import assemble
from xgamma.model.axes import bounds_between
from xgamma.model.schema import variable_attrs

__all__ = ["read_gtdrm", "read_gtpsf"]

# Probabilities of a row may exceed one by the rounding of single precision.
ROUNDING = 1e-3


@reader
def read_gtpsf(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a point spread function that gtpsf made for one position.

    Parameters
    ----------
    path : path-like
        FITS file with the HDUs PSF and THETA, also gzipped.

    Returns
    -------
    psf : Dataset
        ``psf`` over ``(energy_true, rad)`` in sr-1 and ``psf_exposure`` over ``energy_true``, at
        the nodes of the file: `xgamma.with_responses` interpolates them to those of a dataset.

    Raises
    ------
    MissingDataError
        If there is no such file, or it does not have an HDU or column.
    AxisError
        If energies or angles do not increase, or their number is not that of the PSF.
    UnitError
        If a column states another unit than MeV, degrees, cm2 s and sr-1 can be converted to.
    XGammaError
        If a value is negative, NaN or infinite.

    Examples
    --------
    >>> read_gtpsf("fermi_3fhl_psf_gc.fits.gz").psf.dims  # doctest: +SKIP
    ('energy_true', 'rad')
    """
    file = map_fits(path)
    table, theta = file["PSF"].table, file["THETA"].table
    energy = _nodes(table, "Energy", "energy_true", "MeV", "log")
    rad = _nodes(theta, "Theta", "rad", "deg", "lin")
    values = require_values(table, "Psf", "psf") * _factor(table, "Psf", "sr-1", "sr-1")
    exposure = require_values(table, "Exposure", "exposure")
    exposure = exposure * _factor(table, "Exposure", "cm2 s", "m2 s")
    if values.shape != (energy.size, rad.size):
        raise AxisError(
            f"The PSF of {file.path} has values {values.shape} for {energy.size} energies and {rad.size} angles: "
            "its HDUs PSF and THETA do not belong together."
        )
    if values.min(initial=0.0) < 0:
        raise XGammaError(f"The PSF of {file.path} is negative in places: correct the file.")
    attrs = variable_attrs("psf")
    if "DSVAL1" in table.header:
        attrs["irfs"] = str(table.header["DSVAL1"])
    data = {
        "psf": xr.Variable(("energy_true", "rad"), values, attrs),
        "psf_exposure": xr.Variable("energy_true", exposure, variable_attrs("psf_exposure")),
    }
    return assemble(energy.coords() | rad.coords(), data, None)


@reader
def read_gtdrm(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read an energy dispersion that gtdrm made.

    Parameters
    ----------
    path : path-like
        FITS file with the HDU DRM, also gzipped.

    Returns
    -------
    edisp : Dataset
        ``edisp`` over ``(energy_true, energy)``: the probability of each bin, whose sum falls short of one
        by what is reconstructed outside. The bins of reconstructed energy are the true ones
        without as many at either end as gtdrm added (the table EBOUNDS of these files is a mere
        placeholder).

    Raises
    ------
    MissingDataError
        If there is no such file, or it does not have the HDU or a column.
    AxisError
        If the numbers of bins and channels do not fit.
    XGammaError
        If a value is not a probability.

    Examples
    --------
    >>> read_gtdrm("drm_00.fits").edisp.dims  # doctest: +SKIP
    ('energy_true', 'energy')
    """
    file = map_fits(path)
    table = file["DRM"].table
    true = _true_bins(table)
    channels = whole_keyword(table.header, "DETCHANS", f"HDU 'DRM' of {file.path}")
    margin, odd = divmod(true.size - channels, 2)
    if channels < 1 or margin < 0 or odd:
        raise AxisError(
            f"The dispersion of {file.path} has {true.size} true energies for {channels} channels (DETCHANS): "
            "gtdrm adds as many at either end, so one of the two is wrong."
        )
    inner = slice(margin, true.size - margin)
    reco = Axis("energy", true.lo[inner], true.hi[inner], true.units, "log")
    matrix = read_matrix(table, channels)
    largest = float(matrix.sum(1, dtype=float).max(initial=0.0))
    if largest > 1 + ROUNDING:
        raise XGammaError(
            f"The dispersion of {file.path} sums to {largest:.3g} over the channels, more than "
            "a probability: it is not an output of gtdrm, or damaged."
        )
    data = {"edisp": xr.Variable(("energy_true", "energy"), matrix, variable_attrs("edisp"))}
    return assemble(true.coords() | reco.coords(), data, None)


def _where(table: Table) -> str:
    return f"The HDU {table.name!r} of {table.file.path}"


def _factor(table: Table, column: str, default: str, wanted: str) -> float:
    """Return what brings a column to a unit; where it states none, it is that of the tool."""
    unit = (table[column].unit or "").strip() or default
    try:
        return conversion(unit, wanted)
    except UnitError as error:
        raise UnitError(f"{_where(table)}, column {column}: {error}") from None


def _nodes(table: Table, column: str, name: str, unit: str, interp: str) -> Axis:
    """Return the axis whose nodes a column lists."""
    nodes = np.asarray(table.read(column), dtype=float) * _factor(table, column, unit, unit)
    if nodes.ndim != 1 or not nodes.size or not np.all(np.diff(nodes) > 0):
        raise AxisError(f"{_where(table)} has nodes {column!r} that do not increase: correct it.")
    if nodes[0] < 0 or (interp == "log" and nodes[0] == 0):
        raise AxisError(f"{_where(table)} has nodes {column!r} that start at {nodes[0]:g}.")
    lo, hi = bounds_between(nodes, interp)
    lo[0] = max(lo[0], 0.0)
    return require_bins(Axis(name, lo, hi, unit, interp, nodes), _where(table))


def _true_bins(table: Table) -> Axis:
    """Return the bins of true energy, MeV."""
    ends = []
    for column in ("ENERG_LO", "ENERG_HI"):
        values = np.asarray(table.read(column), dtype=float)
        ends.append(values * _factor(table, column, "MeV", "MeV"))
    if not ends[0].size:
        raise MissingDataError(f"{_where(table)} has no rows, so no dispersion.")
    if not ends[0][0] > 0:
        raise AxisError(f"{_where(table)} has bins of true energy from {ends[0][0]:g}: correct it.")
    return require_bins(Axis("energy_true", ends[0], ends[1], "MeV", "log"), _where(table))
