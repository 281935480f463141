"""Tables of responses as grids to draw events from."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.units import conversion
from xgamma.irf.background_rate import RATE_UNIT
from xgamma.irf.checks import check_finite
from xgamma.model.axes import centers_in, units_of
from xgamma.model.responses import sound_coords
from xgamma.numerics import sampling

__all__ = ["lin_nodes", "log_nodes", "nodes_of", "outer_edges", "table_of"]

# Rows of a table that are interpolated at once: bounds the memory.
CHUNK = 20_000
# Below this a background rate counts as zero; its logarithm must stay finite.
TINY = float(np.finfo(np.float32).tiny)


def outer_edges(irf: xr.Dataset, dim: str, unit: str) -> tuple[float, float]:
    """Return the outer edges of an axis, which archives may give as points without width."""
    sound_coords(irf, dim)
    factor = conversion(units_of(irf, dim), unit)
    return float(irf[f"{dim}_lo"][0]) * factor, float(irf[f"{dim}_hi"][-1]) * factor


def log_nodes(irf: xr.Dataset, dim: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of an energy axis' centres, and those with its outer edges."""
    center = np.log(centers_in(irf, dim, "TeV"))
    return center, sampling.nodes_with_edges(center, *np.log(outer_edges(irf, dim, "TeV")))


def lin_nodes(irf: xr.Dataset, dim: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of an angular axis in degrees, and those with its outer edges."""
    center = centers_in(irf, dim, "deg")
    return center, sampling.nodes_with_edges(center, *outer_edges(irf, dim, "deg"))


def nodes_of(irf: xr.Dataset) -> list[np.ndarray]:
    """Return the centres in true energy (logarithms of TeV) and in offset (degrees)."""
    return [log_nodes(irf, "energy_true")[0], centers_in(irf, "offset", "deg")]


def table_of(irf: xr.Dataset, name: str, dims: tuple[str, ...], unit: str) -> np.ndarray:
    """Return the values of a variable in a unit, float64; an error where they cannot be."""
    check_finite(irf, name)
    factor = conversion(str(irf[name].attrs.get("units", "")), unit)
    return irf[name].transpose(*dims).values.astype(float) * factor


def on_nodes(centers: list[np.ndarray], values: np.ndarray, nodes: list[np.ndarray]) -> np.ndarray:
    """Evaluate a table at the nodes that include the outer edges."""
    grid = np.meshgrid(*nodes, indexing="ij")
    flat = sampling.multilinear(centers, values, [g.ravel() for g in grid])
    return flat.reshape(grid[0].shape)


def log_on_nodes(
    centers: list[np.ndarray], values: np.ndarray, nodes: list[np.ndarray]
) -> np.ndarray:
    """Evaluate a table of logarithms at the nodes, extrapolating by a factor of ten at most.

    Beside an empty cell a straight line in the logarithm would rise without bounds.
    """
    inside = [np.clip(n, c[0], c[-1]) for n, c in zip(nodes, centers, strict=True)]
    nearest = on_nodes(centers, values, inside)
    return np.asarray(np.minimum(on_nodes(centers, values, nodes), nearest + np.log(10.0)))


def parameter_at(
    irf: xr.Dataset, name: str, unit: str, energy: np.ndarray, offset: np.ndarray
) -> np.ndarray:
    """Return a parameter over true energy and offset at photons, one value each."""
    table = table_of(irf, name, ("energy_true", "offset"), unit)
    return sampling.multilinear(nodes_of(irf), table, [np.log(energy), offset])


def draw_rows(
    uniform: np.ndarray,
    edges: np.ndarray,
    table: np.ndarray,
    nodes: list[np.ndarray],
    points: list[np.ndarray],
) -> np.ndarray:
    """Draw from densities that are constant in bins, interpolated to each photon.

    Parameters
    ----------
    uniform : ndarray
        Uniform random numbers, shape (n,).
    edges : ndarray
        Edges of the bins, shape (n_bins + 1,).
    table : ndarray
        Densities, shape (n_energy, n_offset, n_bins).
    nodes, points : list of ndarray
        Nodes of the table, and where the photons lie between them.

    Returns
    -------
    drawn : ndarray
        Shape (n,); NaN where the densities are zero.
    """
    drawn = np.empty(len(uniform))
    for start in range(0, len(uniform), CHUNK):
        part = slice(start, start + CHUNK)
        rows = sampling.multilinear(nodes, table, [p[part] for p in points])
        drawn[part] = sampling.sample_rows(uniform[part], edges, rows)
    return drawn


def log_rate_table(bkg: xr.Dataset, dims: tuple[str, ...]) -> np.ndarray:
    """Return the logarithm of a background rate per TeV, s and sr."""
    rate = table_of(bkg, "bkg", dims, RATE_UNIT)
    return np.asarray(np.log(np.maximum(rate, TINY)))


def uniform_in(rng: np.random.Generator, nodes: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Draw uniformly between the nodes around each cell."""
    return np.asarray(nodes[cell] + rng.random(len(cell)) * (nodes[cell + 1] - nodes[cell]))
