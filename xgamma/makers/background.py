"""Background of a run from its response: rate integrated over energy, per pixel and on time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from xgamma.irf.background_rate import Rate, log_rate
from xgamma.irf.response import grid_axis
from xgamma.makers.alignment import alignment_of, altaz_bases, good_seconds, rotation_times
from xgamma.makers.field import Field, require_time, warn_outside
from xgamma.model.frame import frame_of
from xgamma.model.schema import variable_attrs
from xgamma.numerics.intervals import trapezoid_weights

__all__ = ["background"]

# Pixels worked on at once.
BLOCK = 2**16


def _fine_edges(edges: np.ndarray, oversampling: int | None) -> np.ndarray:
    """Return energy edges with each bin split evenly in its logarithm."""
    if not oversampling or oversampling == 1:
        return edges
    logs = np.log(edges)
    parts = np.arange(oversampling) / oversampling
    fine = (logs[:-1, np.newaxis] + np.diff(logs)[:, np.newaxis] * parts).ravel()
    values: np.ndarray = np.exp(np.append(fine, logs[-1]))
    return values


def background(
    field: Field,
    oversampling: int | None = None,
    fill_missing: bool = True,
    rotation_step: float = 1.0,
) -> xr.Variable:
    """Compute the background map of a run from its response.

    Parameters
    ----------
    field : Field
        Map and observation.
    oversampling : int, optional
        Split each energy bin into so many before integrating.
    fill_missing : bool
        Fill zeros and NaN of the response between good energies, logarithmically.
    rotation_step : float
        Largest rotation of the field, degrees, between samples of a response in ALTAZ
        alignment.

    Returns
    -------
    background : Variable
        Dims ``(energy, y, x)``, counts, float32: rate of GADF BKG_2D or BKG_3D, its logarithm
        linear in position and in the logarithm of energy, integrated as a power law between
        the bin edges, times the solid angle of the pixel and the *on* time.
    """
    require_time(field)
    ds = field.response("bkg")
    edges = _fine_edges(field.energy_edges, oversampling)
    logs, valid, axes = log_rate(ds, edges, fill_missing)
    warn_outside(field, "background", grid_axis(ds, "energy"), valid[1:] & valid[:-1])
    rate_at = _time_averaged(field, ds, Rate(logs, valid, axes, np.log(edges)), rotation_step)
    used = np.arange(field.solid_angle.size)[field.used]
    # Pixels that are not, or not wholly, on the sky have no solid angle.
    scale = (np.nan_to_num(field.solid_angle) * field.ontime).astype(np.float32)
    bins = field.energy_edges.size - 1
    full = np.zeros((scale.size, bins), dtype=np.float32)
    for start in range(0, used.size, BLOCK):
        pixels = used[start : start + BLOCK]
        rate = rate_at(slice(start, start + BLOCK))
        if rate.shape[1] != bins:
            rate = rate.reshape(pixels.size, bins, -1).sum(axis=2)
        rate *= scale[pixels, np.newaxis]
        full[pixels] = rate
    return xr.Variable(("energy", "y", "x"), field.cube(full), variable_attrs("background"))


def _time_averaged(
    field: Field, ds: xr.Dataset, rate: Rate, step: float
) -> Callable[[slice], np.ndarray]:
    """Return a function that gives the rate of some of the pixels in use, averaged over good time.

    A response in ALTAZ alignment turns with time.
    """
    if len(rate.axes) == 1:
        offset = field.offset[field.used]
        return lambda part: rate.integrated(offset[part])
    alignment = alignment_of(ds, field.obs)
    if alignment != "ALTAZ":
        detx, dety = field.detector()
        across = -detx if alignment == "REVERSE_LON_RADEC" else detx
        return lambda part: rate.integrated(dety[part], across[part])
    times, frame = rotation_times(field.obs, step), frame_of(field.ds)
    weights = trapezoid_weights(times, *good_seconds(field.obs))
    total: Any = 0.0
    bases = altaz_bases(field.obs, times, frame)
    for basis, weight in zip(bases, weights / weights.sum(), strict=True):
        if weight > 0:
            detx, dety = field.detector(basis)
            total = total + weight * rate.integrated(dety, detx)
    return lambda part: np.array(total[part])
