"""Parametrised responses of an imaging Cherenkov telescope array, as GADF tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy.special import ndtr

from xgamma.core.defaults import BACKGROUND_KIND
from xgamma.core.units import to_value
from xgamma.errors import XGammaError
from xgamma.irf.kind import RATE
from xgamma.irf.kinds.aeff_2d import AEFF_2D
from xgamma.irf.kinds.bkg_2d import BKG_2D
from xgamma.irf.kinds.bkg_3d import BKG_3D
from xgamma.irf.kinds.edisp_2d import EDISP_2D
from xgamma.irf.kinds.psf_3gauss import PSF_3GAUSS
from xgamma.model.axes import coords_from_edges
from xgamma.typing import EnergyLike, ScalarLike

__all__ = [
    "effective_area",
    "migration_parameters",
    "psf_sigma",
    "simulated_irfs",
]

ENERGY_TRUE_EDGES = np.geomspace(0.05, 200.0, 59)
ENERGY_EDGES = np.geomspace(0.2, 100.0, 28)
OFFSET_EDGES = np.linspace(0.0, 3.0, 13)
MIGRA_EDGES = np.linspace(0.2, 5.0, 161)
DET_EDGES = np.linspace(-3.0, 3.0, 31)
# Widths and heights of the second and third Gaussian of the PSF relative to the first.
PSF_WIDTHS = (2.2, 4.0)
PSF_HEIGHTS = (0.2, 0.01)


def effective_area(energy: np.ndarray, offset: np.ndarray) -> np.ndarray:
    r"""Return the effective area in m2.

    .. math:: A(E, \theta) = A_0 \frac{x^3}{1 + x^3}
              \exp\left(-\frac{\theta^2}{2 w(E)^2}\right), \quad
              x = \frac{E}{0.4\,\mathrm{TeV}},\;
              w = 1.6^\circ \left(\frac{E}{\mathrm{TeV}}\right)^{0.1},\;
              A_0 = 4 \cdot 10^5\,\mathrm{m}^2

    Parameters
    ----------
    energy : ndarray
        True energy in TeV.
    offset : ndarray
        Offset from the pointing in degrees.

    Returns
    -------
    area : ndarray
        Effective area in m2, of the broadcast shape.

    Examples
    --------
    >>> float(effective_area(np.array(0.4), np.array(0.0)))
    200000.0
    """
    x3 = (energy / 0.4) ** 3
    width = 1.6 * energy**0.1
    return 4e5 * x3 / (1.0 + x3) * np.exp(-0.5 * (offset / width) ** 2)


def migration_parameters(energy: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Return mean and width of the logarithm of reconstructed over true energy.

    .. math:: \ln\frac{E_\mathrm{reco}}{E} \sim
              \mathcal N\left(\ln(1 + b), s\right), \quad
              b = \frac{0.4}{1 + (E / 0.1\,\mathrm{TeV})^{2}},\;
              s = \left(0.09 + 0.04 \left(\frac{E}{\mathrm{TeV}}\right)^{-1/2}\right)
              \left(1 + 0.05\,\frac{\theta^2}{\mathrm{deg}^2}\right)

    Parameters
    ----------
    energy : ndarray
        True energy in TeV.
    offset : ndarray
        Offset from the pointing in degrees.

    Returns
    -------
    mean, sigma : ndarray
        Dimensionless.

    Examples
    --------
    >>> mean, sigma = migration_parameters(np.array(1.0), np.array(0.0))
    >>> round(float(sigma), 3)
    0.13
    """
    bias = 0.4 / (1.0 + (energy / 0.1) ** 2)
    sigma = (0.09 + 0.04 * energy**-0.5) * (1.0 + 0.05 * offset**2)
    return np.log1p(bias), sigma


def psf_sigma(energy: np.ndarray, offset: np.ndarray) -> np.ndarray:
    r"""Return the width of the PSF's first Gaussian in degrees.

    .. math:: \sigma_1 = 0.04^\circ \left(\frac{E}{\mathrm{TeV}}\right)^{-0.2}
              \left(1 + 0.1\,\frac{\theta^2}{\mathrm{deg}^2}\right),

    and :math:`\sigma_2 = 2.2\,\sigma_1`, :math:`\sigma_3 = 4\,\sigma_1` with heights 0.2 and
    0.01 of the first.

    Parameters
    ----------
    energy : ndarray
        True energy in TeV.
    offset : ndarray
        Offset from the pointing in degrees.

    Returns
    -------
    sigma : ndarray
        Degrees.

    Examples
    --------
    >>> float(psf_sigma(np.array(1.0), np.array(0.0)))
    0.04
    """
    return 0.04 * energy**-0.2 * (1.0 + 0.1 * offset**2)


def simulated_irfs(
    background: str = BACKGROUND_KIND,
    background_rate: ScalarLike = "1.5e-4 MeV-1 s-1 sr-1",
    gradient: float = 0.0,
    energy_threshold: EnergyLike = "0.3 TeV",
) -> dict[str, xr.Dataset]:
    r"""Make the responses of an array much like H.E.S.S. from closed formulas.

    Effective area (`effective_area`), energy dispersion (`migration_parameters`) and PSF
    (`psf_sigma`) cover 0.05 to 200 TeV of true energy and offsets up to 3 degrees. The
    background rate per reconstructed energy (0.2 to 100 TeV) and solid angle is

    .. math:: B = B_0 \left(\frac{E}{\mathrm{TeV}}\right)^{-2.7}
              \exp\left(-\frac{\theta^2}{2 (1.4^\circ)^2} + g\,\mathrm{DETX}\right).

    Parameters
    ----------
    background : {"2d", "3d", "none"}
        Whether it is tabulated against the offset (BKG_2D) or the field of view (BKG_3D).
    background_rate : Quantity or str
        :math:`B_0`; a number is in MeV-1 s-1 sr-1.
    gradient : float
        :math:`g` in 1/deg; needs ``background="3d"``.
    energy_threshold : Quantity or str
        ``LO_THRES`` of the effective area; a number is in TeV.

    Returns
    -------
    irfs : dict of str to Dataset
        ``aeff``, ``edisp``, ``psf`` and ``bkg`` as the observation schema has them; values
        are float32, as in most archives.

    Raises
    ------
    XGammaError
        If the kind of background is not known, or a gradient is asked of a radial one.

    Examples
    --------
    >>> sorted(simulated_irfs())
    ['aeff', 'bkg', 'edisp', 'psf']
    >>> simulated_irfs()["psf"].attrs["HDUCLAS4"]
    'PSF_3GAUSS'
    """
    if background not in {"2d", "3d", "none"}:
        raise XGammaError(f"background={background!r} is not recognised: use '2d', '3d' or 'none'.")
    if gradient and background != "3d":
        raise XGammaError("A background with a gradient is not radial: use background='3d'.")
    threshold = to_value(energy_threshold, "TeV", "energy_threshold")
    rate = to_value(background_rate, RATE.unit, "background_rate")
    irfs = {"aeff": _aeff(threshold), "edisp": _edisp(), "psf": _psf()}
    if background == "2d":
        irfs["bkg"] = _bkg_2d(rate)
    elif background == "3d":
        irfs["bkg"] = _bkg_3d(rate, gradient)
    return irfs


def _centers(edges: np.ndarray, log: bool = False) -> np.ndarray:
    values: np.ndarray = np.sqrt(edges[1:] * edges[:-1]) if log else 0.5 * (edges[1:] + edges[:-1])
    return values


def _offset(edges: np.ndarray = OFFSET_EDGES) -> dict[str, Any]:
    return coords_from_edges(edges, "offset", "deg", "lin")


def _true_energy() -> dict[str, Any]:
    return coords_from_edges(ENERGY_TRUE_EDGES, "energy_true", "TeV", "log")


def _aeff(threshold: float) -> xr.Dataset:
    energy, offset = _centers(ENERGY_TRUE_EDGES, True)[:, np.newaxis], _centers(OFFSET_EDGES)
    return AEFF_2D.dataset(
        {"aeff": effective_area(energy, offset)},
        {**_true_energy(), **_offset()},
        LO_THRES=threshold,
        HI_THRES=100.0,
    )


def _edisp() -> xr.Dataset:
    """Tabulate the mean density of migra in each bin, so that a row integrates to one."""
    edges = OFFSET_EDGES[::2]
    energy = _centers(ENERGY_TRUE_EDGES, True)[:, np.newaxis, np.newaxis]
    mean, sigma = migration_parameters(energy, _centers(edges))
    below = ndtr((np.log(MIGRA_EDGES)[:, np.newaxis] - mean) / sigma)
    density = np.diff(below, axis=1) / np.diff(MIGRA_EDGES)[:, np.newaxis]
    density /= np.sum(density * np.diff(MIGRA_EDGES)[:, np.newaxis], axis=1, keepdims=True)
    migra = coords_from_edges(MIGRA_EDGES, "migra", "", "lin")
    return EDISP_2D.dataset({"edisp": density}, {**_true_energy(), **migra, **_offset(edges)})


def _psf() -> xr.Dataset:
    edges = OFFSET_EDGES[::2]
    sigma = psf_sigma(_centers(ENERGY_TRUE_EDGES, True)[:, np.newaxis], _centers(edges))
    shares = 1.0 + sum(h * w**2 for h, w in zip(PSF_HEIGHTS, PSF_WIDTHS, strict=True))
    values = {
        "scale": 1.0 / (2.0 * np.pi * np.deg2rad(sigma) ** 2 * shares),
        "sigma_1": sigma,
        "ampl_2": PSF_HEIGHTS[0],
        "sigma_2": PSF_WIDTHS[0] * sigma,
        "ampl_3": PSF_HEIGHTS[1],
        "sigma_3": PSF_WIDTHS[1] * sigma,
    }
    return PSF_3GAUSS.dataset(values, {**_true_energy(), **_offset(edges)})


def _bkg_2d(rate: float) -> xr.Dataset:
    energy, offset = _centers(ENERGY_EDGES, True)[:, np.newaxis], _centers(OFFSET_EDGES)
    values = rate * energy**-2.7 * np.exp(-0.5 * (offset / 1.4) ** 2)
    return BKG_2D.dataset(
        {"bkg": values},
        {**coords_from_edges(ENERGY_EDGES, "energy", "TeV", "log"), **_offset()},
    )


def _bkg_3d(rate: float, gradient: float) -> xr.Dataset:
    energy = _centers(ENERGY_EDGES, True)[:, np.newaxis, np.newaxis]
    detx = _centers(DET_EDGES)
    dety = detx[:, np.newaxis]
    profile = np.exp(-0.5 * (detx**2 + dety**2) / 1.4**2 + gradient * detx)
    coords = coords_from_edges(ENERGY_EDGES, "energy", "TeV", "log")
    for name in ("dety", "detx"):
        coords |= coords_from_edges(DET_EDGES, name, "deg", "lin")
    return BKG_3D.dataset({"bkg": rate * energy**-2.7 * profile}, coords, FOVALIGN="RADEC")
