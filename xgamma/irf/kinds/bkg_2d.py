"""Background rate against energy and offset (GADF BKG_2D)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.irf.kind import BackgroundKind
from xgamma.irf.response import values_of
from xgamma.irf.sampling import lin_nodes, log_nodes, log_on_nodes, log_rate_table, uniform_in
from xgamma.model.responses import grid_edges
from xgamma.numerics import sampling

__all__ = ["BKG_2D"]

DIMS = ("energy", "offset")


def _spectrum(ds: xr.Dataset) -> np.ndarray:
    edges = grid_edges(ds, "offset")
    ring = np.diff(edges) * 0.5 * (edges[1:] + edges[:-1])
    return np.asarray(values_of(ds, "bkg", DIMS) @ ring)


def _draw(
    rng: np.random.Generator, ds: xr.Dataset, pointing: tuple[float, float], ontime: float
) -> dict[str, np.ndarray]:
    energy, offset = _draw_cells(rng, ds, *log_nodes(ds, "energy"), ontime)
    ra, dec = sampling.offset_by(*pointing, rng.uniform(0.0, 360.0, len(energy)), offset)
    return {"energy": energy, "ra": ra, "dec": dec}


def _draw_cells(
    rng: np.random.Generator, bkg: xr.Dataset, log_e: np.ndarray, e_nodes: np.ndarray, time: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw energies and offsets: uniform in ln E and cos(offset), thinned by E x rate."""
    center, nodes = lin_nodes(bkg, "offset")
    table = log_rate_table(bkg, DIMS) + log_e[:, np.newaxis]
    table = log_on_nodes([log_e, center], table, [e_nodes, nodes])
    most = sampling.cell_maxima(table)
    versine = 2.0 * np.sin(0.5 * np.deg2rad(nodes)) ** 2
    volume = np.outer(np.diff(e_nodes), 2.0 * np.pi * np.diff(versine))
    cells = sampling.draw_cells(rng, np.exp(most) * volume * time)
    energy = uniform_in(rng, e_nodes, cells[0])
    offset = np.rad2deg(2.0 * np.arcsin(np.sqrt(0.5 * uniform_in(rng, versine, cells[1]))))
    value = sampling.multilinear([e_nodes, nodes], table, [energy, offset])
    keep = rng.random(len(energy)) < np.exp(value - most[cells])
    return np.exp(energy[keep]), offset[keep]


BKG_2D = BackgroundKind(
    name="BKG_2D",
    summary="Background rate against energy and offset.",
    dims=DIMS,
    spectrum=_spectrum,
    draw=_draw,
    padded=True,
)
