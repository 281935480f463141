"""Point spread function: radial profiles on the coarse grid, of unit integral."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.errors import XGammaError
from xgamma.irf.response import grid_axis, values_of
from xgamma.makers.field import Field
from xgamma.model.axes import centers_in, edges_in
from xgamma.model.create import variable_attrs
from xgamma.model.responses import response
from xgamma.numerics.interpolation import apply_weights, sparse_weights
from xgamma.numerics.responses import king_profile, multi_gauss_profile, normalize_rad

__all__ = ["profiles", "psf"]

DIMS = ("energy_true", "offset")


def _table_profiles(
    ds: xr.Dataset, energy: np.ndarray, rad: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """Return profiles of a PSF_TABLE, sr-1, shape (n_offset, n_energy, n_rad)."""
    values = values_of(ds, "psf", ("offset", "energy_true", "rad"), "sr-1")
    values = apply_weights(values, grid_axis(ds, "energy_true").weights(energy), 1)
    values = apply_weights(values, grid_axis(ds, "rad").weights(rad), 2)
    weights = grid_axis(ds, "offset").weights(offset)
    nodes = values.reshape(values.shape[0], -1).astype(np.float32)
    out = sparse_weights(weights, dtype=np.float32) @ nodes
    found: np.ndarray = np.maximum(out, 0.0, out=out).reshape(offset.size, energy.size, rad.size)
    return found


def _parameter(ds: xr.Dataset, name: str, energy: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return a parameter of an analytic PSF, extrapolated beyond the axes, shape (n_offset, n_energy)."""
    unit = "deg" if name.startswith("sigma") else None
    values = values_of(ds, name, DIMS, unit)
    if name.startswith("sigma"):
        # A width of zero marks an unused component in some files; its amplitude is zero too.
        values = np.where(values == 0, 1.0, values)
    for number, (dim, at) in enumerate(zip(DIMS, (energy, offset), strict=True)):
        axis = grid_axis(ds, dim)
        free = type(axis)(axis.nodes, -np.inf, np.inf, axis.log)
        values = apply_weights(values, free.weights(np.nan_to_num(at, nan=axis.high)), number)
    found: np.ndarray = np.maximum(values, 0.0).T
    return found


def _multi_gauss(
    ds: xr.Dataset, energy: np.ndarray, rad: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    sigma = [_parameter(ds, f"sigma_{i}", energy, offset) for i in (1, 2, 3)]
    ampl = [_parameter(ds, f"ampl_{i}", energy, offset) for i in (2, 3)]
    return multi_gauss_profile(rad, np.stack(sigma), np.stack([np.ones_like(ampl[0]), *ampl]))


def _king(ds: xr.Dataset, energy: np.ndarray, rad: np.ndarray, offset: np.ndarray) -> np.ndarray:
    gamma, sigma = (_parameter(ds, n, energy, offset) for n in ("gamma", "sigma"))
    return king_profile(rad, gamma, sigma)


def profiles(ds: xr.Dataset, energy: np.ndarray, rad: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Evaluate a PSF of any kind on a grid, not normalised.

    Parameters
    ----------
    ds : Dataset
        Response of the kind PSF_TABLE, PSF_3GAUSS or PSF_KING.
    energy : ndarray
        True energies, TeV.
    rad : ndarray
        Angles from the source, degrees.
    offset : ndarray
        Offsets from the pointing, degrees.

    Returns
    -------
    profiles : ndarray
        Shape (n_offset, n_energy, n_rad).

    Raises
    ------
    XGammaError
        If the kind is not known.
    """
    kinds = {"psf": _table_profiles, "scale": _multi_gauss, "gamma": _king}
    for name, function in kinds.items():
        if name in ds.variables:
            return function(ds, energy, rad, offset)
    raise XGammaError(
        f"The PSF of HDU {ds.attrs.get('EXTNAME', '')!r} is of a kind not known here: use PSF_TABLE, PSF_3GAUSS or PSF_KING."
    )


def psf(field: Field) -> xr.Variable:
    """Compute the PSF map of a run on the coarse grid.

    Parameters
    ----------
    field : Field
        Map and observation.

    Returns
    -------
    psf : Variable
        Dims ``(energy_true, rad, y_irf, x_irf)``, sr-1, float32: the profile at the offset of
        each coarse pixel, scaled to unit integral over the ``rad`` axis. ``attrs`` record the
        ``smallest_integral`` before scaling (GADF PSF_TABLE only), because the scaling hides
        what a short axis or a file cuts off.
    """
    ds = response(field.obs, "psf")
    rad, edges = centers_in(field.ds, "rad", "deg"), edges_in(field.ds, "rad", "deg")
    raw = profiles(ds, field.energy_true, rad, field.offset_irf)
    values, integral = normalize_rad(raw, edges)
    attrs = variable_attrs("psf")
    if "psf" in ds.variables and (integral > 0).any():
        attrs["smallest_integral"] = float(integral[integral > 0].min())
    dims = ("energy_true", "rad", "y_irf", "x_irf")
    return xr.Variable(dims, field.cube(values.astype(np.float32, copy=False), irf=True), attrs)
