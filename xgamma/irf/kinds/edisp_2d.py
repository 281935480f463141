"""Energy dispersion against true energy, migration and offset (GADF EDISP_2D)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import sparse

from xgamma.irf.kind import Column, ResponseKind
from xgamma.irf.response import grid_axis, values_of
from xgamma.irf.sampling import draw_rows, nodes_of, table_of
from xgamma.model.axes import edges_in
from xgamma.model.responses import grid_edges
from xgamma.model.sanity import DENSITY
from xgamma.numerics.interpolation import Weights, apply_weights, sparse_weights
from xgamma.numerics.responses import cumulative_at, kernel_from_cumulative
from xgamma.typing import DTypeLike

__all__ = ["EDISP_2D", "draw_migra", "kernel", "migration"]

EDISP_2D = ResponseKind(
    name="EDISP_2D",
    summary="Density of reconstructed over true energy, against true energy and offset.",
    group="edisp",
    rank=20,
    hduclas2="EDISP",
    extname="EDISP",
    aliases=("ENERGY DISPERSION",),
    dims=("energy_true", "migra", "offset"),
    columns=(Column("edisp", ("MATRIX",), "", DENSITY),),
    marks=frozenset({"MIGRA_LO"}),
)
THRESHOLD = 1e-8
# Values worked on at once.
BLOCK = 2**17


def _matrix(ds: xr.Dataset, energy_true: np.ndarray) -> np.ndarray:
    """Return the density over native migration, shape (n_true, n_migra, n_offset)."""
    values = values_of(ds, "edisp", EDISP_2D.dims)
    return apply_weights(values, grid_axis(ds, "energy_true").weights(energy_true), 0)


def kernel(
    ds: xr.Dataset,
    energy_true: np.ndarray,
    energy_edges: np.ndarray,
    offset: np.ndarray,
    dtype: DTypeLike = np.float64,
) -> np.ndarray:
    """Evaluate the dispersion kernel at offsets.

    Parameters
    ----------
    ds : Dataset
        Response EDISP_2D.
    energy_true : ndarray
        Centres of the true-energy bins, TeV, shape (n_true,).
    energy_edges : ndarray
        Edges of the reconstructed-energy bins, TeV, shape (n + 1,).
    offset : ndarray
        Offsets, degrees, shape (n_offset,).
    dtype : dtype
        Of the result.

    Returns
    -------
    kernel : ndarray
        Probability to be reconstructed in each bin, shape (n_offset, n_true, n): the
        cumulative migration distribution at the edges, differenced, so that a row inside the
        axis sums to one whatever the binning.
    """
    weights = grid_axis(ds, "offset").weights(offset)
    interpolation = sparse_weights(weights)
    table, axis = values_of(ds, "edisp", EDISP_2D.dims), grid_axis(ds, "energy_true")
    out = np.empty((offset.size, energy_true.size, energy_edges.size - 1), dtype)
    step = max(1, BLOCK // max(table[0].size, offset.size * energy_edges.size))
    for start in range(0, energy_true.size, step):
        rows = slice(start, start + step)
        matrix = apply_weights(table, axis.weights(energy_true[rows]), 0)
        at = energy_edges / energy_true[rows, np.newaxis]
        cumulative = _cumulative(ds, matrix, at, weights, interpolation)
        out[:, rows] = kernel_from_cumulative(cumulative, axis=2, threshold=THRESHOLD)
    return out


def _cumulative(
    ds: xr.Dataset,
    matrix: np.ndarray,
    at: np.ndarray,
    weights: Weights,
    interpolation: sparse.csr_array,
) -> np.ndarray:
    """Return the cumulative distribution at migrations, shape (n_offset, n_true, n_at + 1)."""
    migra_edges = grid_edges(ds, "migra")
    # The density is linear in offset between nodes, so is its cumulative distribution: it is
    # enough to have that at the nodes. A density that extrapolation makes negative must be
    # clipped before it is summed, so there the whole distribution is interpolated.
    nodes = np.moveaxis(cumulative_at(np.maximum(matrix, 0.0), migra_edges, at), 2, 0)
    shape = nodes.shape[1:]
    out: np.ndarray = interpolation @ nodes.reshape(nodes.shape[0], -1)
    out = out.reshape(-1, *shape)
    everywhere = np.arange(len(matrix))
    outer = np.flatnonzero(weights.valid & ~weights.inside)
    negative = np.flatnonzero((matrix < 0).any(axis=(1, 2)))
    for points, rows in ((outer, everywhere), (np.flatnonzero(weights.valid), negative)):
        if points.size and rows.size:
            dense = np.maximum(apply_weights(matrix[rows], weights.take(points), 2), 0.0)
            part = cumulative_at(dense, migra_edges, at[rows])
            out[np.ix_(points, rows)] = np.moveaxis(part, 2, 0)
    return out


def migration(
    ds: xr.Dataset,
    energy_true: np.ndarray,
    migra: np.ndarray,
    width: np.ndarray,
    offset: np.ndarray,
) -> np.ndarray:
    """Evaluate the density of migration at offsets, of unit integral over the new axis.

    Parameters
    ----------
    ds : Dataset
        Response EDISP_2D.
    energy_true, migra, offset : ndarray
        Where to evaluate.
    width : ndarray
        Widths of the migration bins.

    Returns
    -------
    density : ndarray
        Shape (n_offset, n_true, n_migra).
    """
    matrix = apply_weights(_matrix(ds, energy_true), grid_axis(ds, "migra").weights(migra), 1)
    weights = grid_axis(ds, "offset").weights(offset)
    nodes = np.moveaxis(matrix, 2, 0)
    out = sparse_weights(weights) @ nodes.reshape(nodes.shape[0], -1)
    density = np.maximum(out, 0.0).reshape(offset.size, *nodes.shape[1:])
    total = density @ width
    with np.errstate(divide="ignore", invalid="ignore"):
        density *= np.where(total > 0, 1.0 / total, 0.0)[..., np.newaxis]
    return np.asarray(density)


def draw_migra(
    rng: np.random.Generator, ds: xr.Dataset, energy: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """Draw reconstructed over true energy from the table's rows, interpolated to each photon.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    ds : Dataset
        Response EDISP_2D.
    energy, offset : ndarray
        True energies (TeV) and offsets (degrees) of photons, shape (n,).

    Returns
    -------
    migra : ndarray
        Shape (n,); NaN where the table is empty.
    """
    table = table_of(ds, "edisp", ("energy_true", "offset", "migra"), "")
    edges = edges_in(ds, "migra", "")
    return draw_rows(rng.random(len(energy)), edges, table, nodes_of(ds), [np.log(energy), offset])
