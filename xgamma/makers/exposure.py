"""Exposure: effective area at each pixel's offset, times the live time."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.arguments import number
from xgamma.irf.kinds.aeff_2d import area_at
from xgamma.irf.response import grid_axis
from xgamma.makers.field import Field, require_time, warn_outside
from xgamma.model.axes import axis_coords, edges_in
from xgamma.model.operation import operation
from xgamma.model.schema import require, variable_attrs
from xgamma.numerics.interpolation import Axis, sparse_weights

__all__ = ["exposure", "exposure_irf"]

# Positions worked on at once.
BLOCK = 2**14


def effective_area(field: Field, energy: np.ndarray | None = None) -> np.ndarray:
    """Return the effective area at energies and the nodes of its offset axis, m2, shape (n_offset, n_energy)."""
    ds = field.response("aeff")
    area, weights = area_at(ds, field.energy_true if energy is None else energy)
    warn_outside(field, "effective area", grid_axis(ds, "energy_true"), weights.valid)
    return area


def _project(field: Field, offset: np.ndarray) -> np.ndarray:
    """Return exposure in m2 s at offsets, shape (n, n_energy), float32."""
    axis, nodes = _nodes(field)
    # Memory of what lies beyond the offset limit is never touched.
    out = np.zeros((offset.size, nodes.shape[1]), dtype=np.float32)
    used = None if field.offset_limit is None else np.flatnonzero(np.isfinite(offset))
    for start in range(0, offset.size if used is None else used.size, BLOCK):
        block = slice(start, start + BLOCK)
        part = block if used is None else used[block]
        weights = axis.weights(offset[part])
        values = sparse_weights(weights, dtype=np.float32) @ nodes
        out[part] = values if weights.inside.all() else np.maximum(values, 0.0)
    return out


def _nodes(field: Field) -> tuple[Axis, np.ndarray]:
    """Return the offset axis and the exposure at its nodes, m2 s, shape (n_offset, n_energy)."""
    if "exposure" not in field.kept:
        require_time(field)
        area = effective_area(field) * field.livetime
        # Single precision holds seven digits, and the responses are stored in it.
        axis = grid_axis(field.response("aeff"), "offset")
        field.kept["exposure"] = axis, area.astype(np.float32)
    found: tuple[Axis, np.ndarray] = field.kept["exposure"]
    return found


def _attrs(field: Field, name: str) -> dict[str, object]:
    enclosure = str(field.response("aeff").attrs.get("HDUCLAS3", "FULL-ENCLOSURE"))
    return variable_attrs(name, pointlike=int(enclosure.upper() == "POINT-LIKE"))


def exposure(field: Field) -> xr.Variable:
    """Compute the exposure map of a run.

    Parameters
    ----------
    field : Field
        Map and observation.

    Returns
    -------
    exposure : Variable
        Dims ``(energy_true, y, x)``, m2 s, float32: effective area (GADF AEFF_2D, linear in
        offset and in the logarithm of energy) at the centre of each true-energy bin, times
        the live time. ``attrs["pointlike"]`` tells whether the response holds for a fixed
        on region only.
    """
    values = _project(field, field.offset)
    attrs = _attrs(field, "exposure") | {"livetime": field.livetime}
    return xr.Variable(("energy_true", "y", "x"), field.cube(values), attrs)


def exposure_irf(field: Field, name: str) -> xr.Variable:
    """Compute the exposure on the coarse grid, the weight of PSF and dispersion when stacking.

    Parameters
    ----------
    field : Field
        Map and observation.
    name : {"psf_exposure", "edisp_exposure"}
        For the attributes.

    Returns
    -------
    exposure : Variable
        Dims ``(energy_true, y_irf, x_irf)``, m2 s.
    """
    if "exposure_irf" not in field.kept:
        field.kept["exposure_irf"] = _project(field, field.offset_irf)
    # A copy for each: they are changed one at a time.
    values = field.kept["exposure_irf"].copy()
    dims = ("energy_true", "y_irf", "x_irf")
    return xr.Variable(dims, field.cube(values, irf=True), _attrs(field, name))


@operation
def exposure_image(ds: xr.Dataset, index: float = 2.0) -> xr.DataArray:
    """Average the exposure over true energy for each bin of reconstructed energy.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum with exposure; with the energy dispersion if there is one.
    index : float
        Index of the power law that weights true energies.

    Returns
    -------
    exposure : DataArray
        Dims ``(energy, y, x)``, m2 s: ``Σ w_true ε(true) D(true, reco) / Σ w_true`` where the
        weights are integrals of the power law over the true bins that overlap (are
        reconstructed into) the bin. Without an energy dispersion true energy is treated as
        reconstructed. For images: use it on ``ds.gamma.to_image()``.

    Raises
    ------
    MissingDataError
        If there is no exposure.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> image = exposure_image(example_map())
    >>> image.dims, image.attrs["units"]
    (('energy', 'y', 'x'), 'm2 s')
    """
    require(ds, "exposure")
    true, reco = edges_in(ds, "energy_true", "TeV"), edges_in(ds, "energy", "TeV")
    power = 1.0 - number(index, "index")
    integral = np.diff(np.log(true)) if power == 0 else np.diff(true**power) / power
    share = _migration_shares(ds, true, reco)
    weights = integral[:, np.newaxis] * share
    total = weights.sum(axis=0)
    weights = np.where(total > 0, weights / np.where(total > 0, total, 1.0), 0.0)
    matrix = xr.DataArray(weights, dims=("energy_true", "energy"))
    coords = axis_coords(ds, "energy")
    image = ds["exposure"].drop_vars(["energy_true", "energy_true_lo", "energy_true_hi"]) @ matrix
    image = image.transpose("energy", ...).assign_coords(coords)
    image.attrs = {**ds["exposure"].attrs, "long_name": "exposure in reconstructed energy"}
    return image.rename("exposure")


def _migration_shares(ds: xr.Dataset, true: np.ndarray, reco: np.ndarray) -> np.ndarray:
    """Return how much of each true bin goes to each reconstructed bin, shape (n_true, n)."""
    if "edisp" in ds and "migra" not in ds["edisp"].dims:
        rest = [d for d in ds["edisp"].dims if d not in ("energy_true", "energy")]
        values: np.ndarray = ds["edisp"].mean(rest).transpose("energy_true", "energy").data
        return values
    low = np.maximum(true[:-1, np.newaxis], reco[np.newaxis, :-1])
    high = np.minimum(true[1:, np.newaxis], reco[np.newaxis, 1:])
    overlap = np.log(np.maximum(high, low)) - np.log(low)
    values = overlap / np.diff(np.log(true))[:, np.newaxis]
    return values
