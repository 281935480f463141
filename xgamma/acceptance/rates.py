"""The rate of background that runs have in common, one for each bin of zenith and azimuth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import ndimage

from xgamma._version import __version__
from xgamma.acceptance.field_grid import FieldGrid, Points
from xgamma.errors import XGammaError, warn
from xgamma.irf.background_rate import log_rate
from xgamma.irf.kind import BackgroundKind
from xgamma.irf.registry import kinds_of_group
from xgamma.model.axes import coords_from_edges
from xgamma.numerics.background_rate import center_values, run_norms, shared_shape
from xgamma.numerics.interpolation import sparse_weights

__all__ = ["Pooling", "pool"]

MEV_PER_TEV = 1e6
# Turns in which the values at the nodes are fitted to the means in the bins of the field, and how
# far one turn may change a value.
TURNS, MOST = 4, 2.0


@dataclass(frozen=True)
class Pooling:
    """How the counts of runs become a rate: arguments of `background_model`.

    Attributes
    ----------
    zenith, azimuth : ndarray or None
        Edges in degrees, None for one bin.
    normalize : bool
        Whether each run has a norm of its own.
    min_counts : float
        Mean counts in a bin of the field that a shape needs.
    smooth : float
        Width of a Gaussian along the axes of the field, degrees.
    """

    zenith: np.ndarray | None
    azimuth: np.ndarray | None
    normalize: bool
    min_counts: float
    smooth: float


def pool(runs: Sequence[xr.Dataset], grid: FieldGrid, how: Pooling) -> xr.Dataset:
    """Return the rate that runs have in common.

    Parameters
    ----------
    runs : sequence of Dataset
        From `field_counts`, all in the bins of `grid`.
    grid : FieldGrid
        The bins.
    how : Pooling
        What is done.

    Returns
    -------
    model : Dataset
        As `background_model` returns it.

    Raises
    ------
    XGammaError
        If there are no runs, no counts outside the exclusions, or a bin of zenith and azimuth
        is empty.
    """
    zenith, azimuth = (np.array([float(ds[n]) for ds in runs]) for n in ("zenith", "azimuth"))
    rows = _bins_of(zenith, how.zenith, "zenith")
    columns = _bins_of(_wrapped(azimuth, how.azimuth), how.azimuth, "azimuth")
    used = np.flatnonzero((rows >= 0) & (columns >= 0))
    if not used.size:
        raise XGammaError("No run is left to make a background model from.")
    counts = np.stack([ds["events"].values.reshape(grid.shape[0], -1) for ds in runs])
    exposure = np.stack([ds["time_solid_angle"].values.ravel() for ds in runs])
    kept_rows, kept_columns = np.unique(rows[used]), np.unique(columns[used])
    shape = (kept_rows.size, kept_columns.size, grid.shape[0], exposure.shape[1])
    found = {name: np.zeros(shape) for name in ("bkg", "bkg_err", "events")}
    norms, points = np.ones(len(runs)), grid.points()
    for i, row in enumerate(kept_rows):
        for j, column in enumerate(kept_columns):
            members = np.flatnonzero((rows == row) & (columns == column))
            if not members.size:
                raise XGammaError(
                    f"No run lies in bin {row} of zenith= and bin {column} of azimuth= (counted "
                    "from 0), but others lie in the same row and column: choose wider bins."
                )
            if how.normalize:
                norms[members] = run_norms(counts[members].sum(axis=1), exposure[members])
            scaled = norms[members] @ exposure[members]
            part = _rate(counts[members].sum(axis=0), scaled, grid, points, how)
            for name, values in zip(found, part, strict=True):
                found[name][i, j] = values
    labels = {
        "zenith": _zenith_coords(zenith, rows, kept_rows, how.zenith, exposure.sum(axis=1)),
        "azimuth": _azimuth_coords(kept_columns, how.azimuth),
    }
    return _model(found, grid, labels, _run_rows([runs[int(k)] for k in used], norms[used]))


def _bins_of(values: np.ndarray, edges: np.ndarray | None, name: str) -> np.ndarray:
    """Return the bin of each run, -1 for one that is outside; 0 if there is one bin only."""
    if edges is None:
        return np.zeros(values.size, dtype=int)
    with np.errstate(invalid="ignore"):
        found = np.where(
            values == edges[-1], edges.size - 2, np.searchsorted(edges, values, "right") - 1
        )
    outside = ~((found >= 0) & (found < edges.size - 1) & np.isfinite(values))
    if outside.any():
        warn(
            f"{outside.sum()} of {values.size} runs lie outside the bins of {name}= "
            f"({edges[0]:g} to {edges[-1]:g} deg), or have no location, and are omitted."
        )
    return np.where(outside, -1, found)


def _wrapped(azimuth: np.ndarray, edges: np.ndarray | None) -> np.ndarray:
    """Return azimuths in the turn that begins at the first edge."""
    return azimuth if edges is None else edges[0] + (azimuth - edges[0]) % 360.0


def _rate(
    counts: np.ndarray, exposure: np.ndarray, grid: FieldGrid, points: Points, how: Pooling
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rate at the nodes, its error, and the counts, each of shape (n_energy, n_bins)."""
    if not counts.any():
        raise XGammaError(
            "The runs have no counts outside the exclusions, in the energies and the field of "
            "the model: exclude less, or choose other axes."
        )
    smoothed, gain = counts.astype(float), 1.0
    if how.smooth:
        width = [how.smooth / np.diff(edges)[0] for edges in grid.field.values()]
        smoothed = _smooth(smoothed, grid, width)
        exposure = _smooth(exposure[np.newaxis], grid, width)[0]
        gain = float(np.prod([min(1.0, 1.0 / (2.0 * np.sqrt(np.pi) * w)) for w in width]))
    rate, error = shared_shape(smoothed, exposure, how.min_counts, gain)
    rate, error = (_filled(values, exposure > 0, grid) for values in (rate, error))
    widths = np.diff(grid.energy)[:, np.newaxis] * MEV_PER_TEV
    values = center_values(rate / widths, grid.energy)
    relative = np.divide(error, rate, out=np.zeros(rate.shape), where=rate > 0)
    values *= _node_factors((rate * (exposure > 0)).sum(axis=0), grid, points)
    return values, values * relative, counts


def _smooth(values: np.ndarray, grid: FieldGrid, width: list[float]) -> np.ndarray:
    cube = values.reshape(values.shape[0], *grid.shape[1:])
    out = ndimage.gaussian_filter(cube, [0.0, *width], mode="reflect")
    return np.asarray(out).reshape(values.shape)


def _filled(values: np.ndarray, seen: np.ndarray, grid: FieldGrid) -> np.ndarray:
    """Return rates with that of the nearest bin where nothing was seen."""
    if seen.all():
        return values
    if not seen.any():
        raise XGammaError("The exclusions cover the field of every run: exclude less.")
    nearest = ndimage.distance_transform_edt(
        ~seen.reshape(grid.shape[1:]), return_distances=False, return_indices=True
    )
    flat = np.ravel_multi_index(tuple(nearest), grid.shape[1:]).ravel()
    return values[:, flat]


def _node_factors(rate: np.ndarray, grid: FieldGrid, points: Points) -> np.ndarray:
    """Return values at the centres of the bins of the field over the means in these bins.

    They are found for the sum over energies, smoothed a little, so that they carry no noise: the
    interpolation of values that are fitted to each mean would swing between them.

    Parameters
    ----------
    rate : ndarray
        Means in bins of the field, summed over energies, shape (n_bins,).
    grid : FieldGrid
        The bins.
    points : Points
        Their samples.

    Returns
    -------
    factors : ndarray
        Shape (n_bins,).
    """
    mean = rate.reshape(grid.shape[1:])
    for axis in range(mean.ndim):
        mean = _averaged(mean, axis)
    mean, kind = mean.ravel(), _kind(grid)
    values, scale = mean.copy(), mean.max()
    area = np.bincount(points.bins, points.solid_angle)
    good = mean > 0
    for _ in range(TURNS):
        table = np.broadcast_to(values.reshape(grid.shape[1:]) / scale, grid.shape)
        ds = kind.dataset({"bkg": table}, grid.coords())
        logs, _, axes = log_rate(ds, np.sqrt(grid.energy[1:2] * grid.energy[:1]), False)
        pairs = zip(axes, points.positions, strict=True)
        matrix = sparse_weights(*[axis.weights(at) for axis, at in pairs])
        found = np.exp(matrix @ logs.ravel()) * scale / MEV_PER_TEV
        inside = np.bincount(points.bins, found * points.solid_angle) / area
        ratio = np.divide(mean, inside, out=np.ones(mean.size), where=good & (inside > 0))
        values *= np.clip(ratio, 1.0 / MOST, MOST)
    return np.asarray(np.divide(values, mean, out=np.ones(mean.size), where=good))


def _averaged(values: np.ndarray, axis: int) -> np.ndarray:
    """Return means of neighbours, weighted 1:2:1; a straight line stays one, up to the ends."""
    if values.shape[axis] < 3:
        return values
    width = [(int(k == axis), int(k == axis)) for k in range(values.ndim)]
    wide = np.moveaxis(np.pad(values, width, mode="reflect", reflect_type="odd"), axis, 0)
    out = np.moveaxis(0.25 * (wide[:-2] + 2.0 * wide[1:-1] + wide[2:]), 0, axis)
    return np.asarray(np.maximum(out, 0.0))


def _kind(grid: FieldGrid) -> BackgroundKind:
    """Return the kind of response that has these axes."""
    kinds = (kind for kind in kinds_of_group("bkg") if isinstance(kind, BackgroundKind))
    return next(kind for kind in kinds if kind.dims[1:] == grid.dims)


def _zenith_coords(
    zenith: np.ndarray,
    rows: np.ndarray,
    kept: np.ndarray,
    edges: np.ndarray | None,
    weights: np.ndarray,
) -> dict[str, object] | None:
    """Return where the bins lie: at the mean cosine of their runs."""
    if edges is None:
        return None
    cosine = [
        np.average(np.cos(np.deg2rad(zenith[rows == r])), weights=weights[rows == r]) for r in kept
    ]
    found = coords_from_edges(edges, "zenith", "deg", "lin")
    coords: dict[str, object] = {
        name: (dims, values[kept], attrs) for name, (dims, values, attrs) in found.items()
    }
    coords["zenith"] = (
        "zenith",
        np.rad2deg(np.arccos(cosine)),
        {"units": "deg", "long_name": "zenith angle"},
    )
    return coords


def _azimuth_coords(kept: np.ndarray, edges: np.ndarray | None) -> dict[str, object] | None:
    if edges is None:
        return None
    found = coords_from_edges(edges, "azimuth", "deg", "lin")
    return {name: (dims, values[kept], attrs) for name, (dims, values, attrs) in found.items()}


def _run_rows(runs: Sequence[xr.Dataset], norms: np.ndarray) -> dict[str, object]:
    """Return what is known of the runs, a row each."""
    rows: dict[str, object] = {
        name: ("obs", np.array([ds[name].values for ds in runs]), dict(runs[0][name].attrs))
        for name in ("zenith", "azimuth", "ontime")
    }
    # The names of dimensions are those of bins.
    rows = {f"obs_{name}": row for name, row in rows.items()}
    rows["obs_id"] = ("obs", np.array([ds["obs_id"].values for ds in runs]))
    rows["obs_norm"] = (
        "obs",
        norms,
        {"units": "", "long_name": "background of the run relative to the mean"},
    )
    return rows


def _model(
    found: dict[str, np.ndarray],
    grid: FieldGrid,
    labels: dict[str, dict[str, object] | None],
    rows: dict[str, object],
) -> xr.Dataset:
    """Return the labelled response."""
    dims = [name for name, coords in labels.items() if coords is not None]
    drop = tuple(slice(None) if coords is not None else 0 for coords in labels.values())
    kind = _kind(grid)
    attrs = {
        "bkg": {"units": "MeV-1 s-1 sr-1", "long_name": "background rate"},
        "bkg_err": {"units": "MeV-1 s-1 sr-1", "long_name": "statistical error of the rate"},
        "events": {"units": "", "long_name": "events outside exclusions"},
    }
    variables = {
        name: (
            [*dims, "energy", *grid.dims],
            values.reshape(*values.shape[:3], *grid.shape[1:])[drop],
            attrs[name],
        )
        for name, values in found.items()
    }
    coords = dict(grid.coords())
    for one in labels.values():
        coords |= one or {}
    keywords = {k: v for k, v in kind.keywords().items() if k.startswith("HDUCLAS")}
    ds = xr.Dataset(variables, coords=coords, attrs=keywords)
    ds["events"] = ds["events"].astype(np.int64)
    return ds.assign(rows).assign_attrs(FOVALIGN=grid.alignment, CREATOR=f"xgamma {__version__}")
