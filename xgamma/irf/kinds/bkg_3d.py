"""Background rate against energy and position in the field of view (GADF BKG_3D)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.irf.kind import BackgroundKind
from xgamma.irf.response import values_of
from xgamma.irf.sampling import lin_nodes, log_nodes, log_on_nodes, log_rate_table, uniform_in
from xgamma.model.responses import grid_edges
from xgamma.numerics import sampling

__all__ = ["BKG_3D"]

DIMS = ("energy", "dety", "detx")


def _spectrum(ds: xr.Dataset) -> np.ndarray:
    cube = values_of(ds, "bkg", ("energy", "detx", "dety"))
    at = {d: grid_edges(ds, d) for d in ("detx", "dety")}
    ix, iy = (int(np.searchsorted(at[d], 0.0, side="right")) - 1 for d in ("detx", "dety"))
    values, edges = cube[:, ix:, iy], at["detx"][ix:]
    ring = np.diff(edges) * 0.5 * (edges[1:] + edges[:-1])
    return np.asarray(values @ ring)


def _draw(
    rng: np.random.Generator, ds: xr.Dataset, pointing: tuple[float, float], ontime: float
) -> dict[str, np.ndarray]:
    energy, detx, dety = _draw_cells(rng, ds, *log_nodes(ds, "energy"), ontime)
    # DETX grows to the west: GADF looks at the camera, not at the sky.
    ra, dec = sampling.offset_frame_to_sky(-detx, dety, *pointing)
    return {"energy": energy, "ra": ra, "dec": dec}


def _draw_cells(
    rng: np.random.Generator, bkg: xr.Dataset, log_e: np.ndarray, e_nodes: np.ndarray, time: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw energies and field coordinates: uniform in each, thinned by E x rate x cos(dety)."""
    (y_center, y_nodes), (x_center, x_nodes) = lin_nodes(bkg, "dety"), lin_nodes(bkg, "detx")
    table = log_rate_table(bkg, DIMS) + log_e[:, np.newaxis, np.newaxis]
    nodes = [e_nodes, y_nodes, x_nodes]
    table = log_on_nodes([log_e, y_center, x_center], table, nodes)
    most = sampling.cell_maxima(table)
    widths = np.diff(e_nodes), np.deg2rad(np.diff(y_nodes)), np.deg2rad(np.diff(x_nodes))
    volume = np.einsum("i,j,k->ijk", *widths)
    cells = sampling.draw_cells(rng, np.exp(most) * volume * time)
    energy, dety, detx = (uniform_in(rng, n, c) for n, c in zip(nodes, cells, strict=True))
    value = sampling.multilinear(nodes, table, [energy, dety, detx])
    keep = rng.random(len(energy)) < np.exp(value - most[cells]) * np.cos(np.deg2rad(dety))
    return np.exp(energy[keep]), detx[keep], dety[keep]


BKG_3D = BackgroundKind(
    name="BKG_3D",
    summary="Background rate against energy and position in the field of view.",
    dims=DIMS,
    axes=("energy", "detx", "dety"),
    marks=frozenset({"DETX_LO"}),
    spectrum=_spectrum,
    draw=_draw,
)
