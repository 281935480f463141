"""The background rate of a response: its logarithm at energies, evaluated anywhere in the field."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from xgamma.core.units import conversion
from xgamma.errors import warn
from xgamma.irf.kind import BackgroundKind
from xgamma.irf.registry import kind_of
from xgamma.irf.response import grid_axis, values_of
from xgamma.numerics.interpolation import Axis, Weights, apply_weights, sparse_weights
from xgamma.numerics.loglog import LogLogIntegral, fill_gaps_log, safe_log

__all__ = ["RATE_UNIT", "Rate", "log_rate"]

RATE_UNIT = "TeV-1 s-1 sr-1"
# Positions worked on at once: the temporaries of a block stay in the processor's cache.
BLOCK = 4096
# In the outer half bins the straight line of the logarithm is followed, but not up by more than
# this: beside a bin of zero rate it would rise by tens of orders of magnitude.
MAX_RISE = float(np.log(10.0))


def _pad_offset(axis: Axis, values: np.ndarray) -> tuple[Axis, np.ndarray]:
    """Add a bin with the outermost value at both ends of the offset axis (last axis of values).

    Radial models end where the simulation ended; gammapy keeps the last rate for one bin more.
    """
    if axis.nodes.size == 1:
        return axis, values
    first, last = axis.nodes[0] - axis.low, axis.high - axis.nodes[-1]
    nodes = np.concatenate([[axis.low - first], axis.nodes, [axis.high + last]])
    padded = np.concatenate([values[..., :1], values, values[..., -1:]], axis=-1)
    return Axis(nodes, axis.low - 2 * first, axis.high + 2 * last, axis.log), padded


def log_rate(
    ds: xr.Dataset, edges: np.ndarray, fill_missing: bool
) -> tuple[np.ndarray, np.ndarray, list[Axis]]:
    """Return the logarithm of the rate at energies, which of those are valid, and the other axes.

    Zero is clipped to the smallest float32 in the unit of the file, then converted, so that
    what is interpolated next to a zero does not depend on the unit.
    """
    kind = kind_of(ds, BackgroundKind)
    values = _with_gaps(ds, kind.dims) if fill_missing else values_of(ds, "bkg", kind.dims)
    axes = [grid_axis(ds, dim) for dim in kind.dims[1:]]
    if kind.padded:
        axes[0], values = _pad_offset(axes[0], values)
    factor = conversion(str(ds["bkg"].attrs.get("units", "")), RATE_UNIT)
    weights = grid_axis(ds, "energy").weights(edges)
    logs = _guarded(safe_log(values), weights)
    return logs + np.log(factor), weights.valid, axes


def _guarded(logs: np.ndarray, weights: Weights) -> np.ndarray:
    """Interpolate logarithms along the first axis; see MAX_RISE."""
    out = apply_weights(logs, weights, 0)
    if weights.inside.all():
        return out
    constant = apply_weights(logs, _clamped(weights), 0)
    return np.asarray(np.minimum(out, constant + MAX_RISE))


def _clamped(weights: Weights) -> Weights:
    """Return weights that keep the outermost value in the outer half bins."""
    return replace(weights, weight=np.clip(weights.weight, 0.0, 1.0))


def _with_gaps(ds: xr.Dataset, dims: tuple[str, ...]) -> np.ndarray:
    """Return the rate with zeros and NaN between good energies filled."""
    bad = np.isnan(ds.variables["bkg"].values) if "bkg" in ds.variables else np.zeros(0)
    if bad.any():
        warn(
            f"Run {ds.attrs.get('OBS_ID', '')}: {np.count_nonzero(bad)} of {bad.size} values of the background are NaN: they are interpolated between valid energies and set to zero elsewhere."
        )
        ds = ds.assign(bkg=ds["bkg"].fillna(0.0))
    return fill_gaps_log(values_of(ds, "bkg", dims))


@dataclass(frozen=True)
class Rate:
    """A background response at given energies, ready to be evaluated anywhere in the field."""

    logs: np.ndarray
    valid: np.ndarray
    axes: list[Axis]
    log_energy: np.ndarray

    def integrated(self, *positions: np.ndarray) -> np.ndarray:
        """Return rates integrated over each energy bin, s-1 sr-1, shape (n, n_bins), float32."""
        weights = [axis.weights(at) for axis, at in zip(self.axes, positions, strict=True)]
        inside = functools.reduce(np.logical_and, [w.valid for w in weights])
        outer = inside & ~functools.reduce(np.logical_and, [w.inside for w in weights])
        nodes = np.ascontiguousarray(self.logs.reshape(self.logs.shape[0], -1).T)
        nodes[:, ~self.valid] = 0.0
        # The weights of a point add up to one, so energy times rate is interpolated alike.
        nodes += self.log_energy
        integral = LogLogIntegral(self.log_energy, min(BLOCK, inside.size))
        out = np.empty((inside.size, self.log_energy.size - 1), dtype=np.float32)
        for start in range(0, inside.size, BLOCK):
            part = slice(start, start + BLOCK)
            logs = sparse_weights(*[w.take(part) for w in weights]) @ nodes
            rows = np.flatnonzero(outer[part])
            if rows.size:
                clamped = [_clamped(w.take(rows + start)) for w in weights]
                limit = sparse_weights(*clamped) @ nodes + MAX_RISE
                logs[rows] = np.minimum(logs[rows], limit)
            integral(logs, out[part])
        out[~inside] = 0.0
        out[:, ~(self.valid[1:] & self.valid[:-1])] = 0.0
        return out
