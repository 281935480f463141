"""Point spread function as a table of densities (GADF PSF_TABLE)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.irf.kind import Column, PSFKind
from xgamma.irf.response import grid_axis, values_of
from xgamma.irf.sampling import draw_rows, nodes_of, table_of
from xgamma.model.axes import edges_in
from xgamma.model.responses import grid_edges
from xgamma.model.sanity import DENSITY
from xgamma.numerics.interpolation import Axis, apply_weights, sparse_weights

__all__ = ["PSF_TABLE"]

UNIT = "sr-1"


def _profiles(
    ds: xr.Dataset, energy: np.ndarray, rad: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    values = values_of(ds, "psf", ("offset", "energy_true", "rad"), UNIT)
    values = apply_weights(values, grid_axis(ds, "energy_true").weights(energy), 1)
    values = apply_weights(values, grid_axis(ds, "rad").weights(rad), 2)
    weights = grid_axis(ds, "offset").weights(offset)
    nodes = values.reshape(values.shape[0], -1).astype(np.float32)
    out = sparse_weights(weights, dtype=np.float32) @ nodes
    return np.asarray(np.maximum(out, 0.0, out=out).reshape(offset.size, energy.size, rad.size))


def _containment(
    ds: xr.Dataset, energy: np.ndarray, radius: float, offset: np.ndarray
) -> np.ndarray:
    """Sum the radial bins up, linear between their edges."""
    values = values_of(ds, "psf", ("offset", "energy_true", "rad"), UNIT)
    edges = grid_edges(ds, "rad")
    centers = grid_axis(ds, "rad").nodes
    ring = 2.0 * np.pi * np.deg2rad(centers) * np.deg2rad(np.diff(edges))
    cumulative = np.zeros((*values.shape[:2], edges.size))
    np.cumsum(values * ring, axis=2, out=cumulative[..., 1:])
    radial = Axis(edges, float(edges[0]), float(edges[-1])).weights(
        np.array([min(radius, float(edges[-1]))])
    )
    out = apply_weights(cumulative, radial, 2)
    out = apply_weights(out, grid_axis(ds, "energy_true").weights(energy), 1)
    return apply_weights(out, grid_axis(ds, "offset").weights(offset), 0).ravel()


def _draw_radius(
    rng: np.random.Generator, ds: xr.Dataset, energy: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """Draw from a density per solid angle that is constant in each bin of the angle."""
    table = table_of(ds, "psf", ("energy_true", "offset", "rad"), UNIT)
    versine = 2.0 * np.sin(0.5 * np.deg2rad(edges_in(ds, "rad", "deg"))) ** 2
    points = [np.log(energy), offset]
    drawn = draw_rows(rng.random(len(energy)), versine, table, nodes_of(ds), points)
    return np.rad2deg(2.0 * np.arcsin(np.sqrt(0.5 * drawn)))


PSF_TABLE = PSFKind(
    name="PSF_TABLE",
    summary="Density against the angle from the source, true energy and offset.",
    dims=("energy_true", "offset", "rad"),
    columns=(Column("psf", ("RPSF",), UNIT, DENSITY),),
    marks=frozenset({"RPSF"}),
    profiles=_profiles,
    containment=_containment,
    draw_radius=_draw_radius,
    is_density=True,
)
