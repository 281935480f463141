"""Bands of reconstructed energy that end where bins do, of all datasets together."""

from __future__ import annotations

import itertools

import numpy as np
import xarray as xr

from xgamma.core.units import to_value
from xgamma.errors import AxisError, MissingDataError, warn
from xgamma.model.axes import edges_in
from xgamma.typing import EnergiesLike

__all__ = ["band_of", "energy_bands", "shared_edges"]

# Edges closer than this fraction of a bin are the same edge.
SAME_EDGE = 1e-6
# An edge that lies further than this fraction of a bin from the one used is told: typed numbers are rounded.
TOLD_EDGE = 0.01


def shared_edges(datasets: dict[str, xr.Dataset]) -> np.ndarray:
    """Return the energies (TeV) that no bin of any dataset straddles.

    Each is an edge of every dataset whose range it lies in.
    """
    axes = [edges_in(ds, "energy", "TeV") for ds in datasets.values()]
    step = SAME_EDGE * min(float(np.log(axis[1:] / axis[:-1]).min()) for axis in axes)
    logs = np.sort(np.concatenate([np.log(axis) for axis in axes]))
    distinct = logs[np.append(True, np.diff(logs) > step)]

    def shared(log: float) -> bool:
        return all(
            log <= np.log(a[0]) + step
            or log >= np.log(a[-1]) - step
            or bool(np.abs(np.log(a) - log).min() <= step)
            for a in axes
        )

    # The numbers of the first dataset that has the edge, not what rounding made of them.
    every = np.concatenate(axes)
    found = [every[np.argmin(np.abs(np.log(every) - log))] for log in distinct if shared(log)]
    return np.array(found)


def energy_bands(datasets: dict[str, xr.Dataset], energy_edges: EnergiesLike) -> np.ndarray:
    """Return the bands asked for, each ending where bins of every dataset do.

    Parameters
    ----------
    datasets : dict of str to Dataset
        Datasets.
    energy_edges : Quantity, list of str or array_like, optional
        Edges of the bands, as Quantity or number in TeV. A bin belongs to the band that holds its
        centre. By default, all bins by themselves.

    Returns
    -------
    bands : ndarray
        Lower and upper energies, shape (n, 2), TeV.

    Raises
    ------
    AxisError
        If bins of some datasets straddle the bands.
    MissingDataError
        If there is no bin in any band.

    Warns
    -----
    XGammaWarning
        If a band holds no bin: it is left out. If a band does not end where bins do, by more than
        a hundredth of a bin: the band that is used instead is named.
    """
    edges = shared_edges(datasets)
    if energy_edges is None:
        check_resolved(datasets, edges)
        return np.stack([edges[:-1], edges[1:]], axis=1)
    wanted = np.atleast_1d(np.asarray(to_value(energy_edges, "TeV", "energy_edges")))
    if wanted.size < 2 or np.any(np.diff(wanted) <= 0):
        raise AxisError("energy_edges must be at least two increasing energies.")
    check_near(datasets, edges, wanted)
    centers = np.sqrt(edges[:-1] * edges[1:])
    bands, asked, empty = [], [], []
    for low, high in itertools.pairwise(wanted):
        inside = np.flatnonzero((centers >= low) & (centers < high))
        if inside.size:
            bands.append((edges[inside[0]], edges[inside[-1] + 1]))
            asked.append((low, high))
        else:
            empty.append(f"{low:g} to {high:g} TeV")
    if not bands:
        name = next(iter(datasets))
        raise MissingDataError(
            f"No energy bin of {name!r} lies between {wanted[0]:g} and "
            f"{wanted[-1]:g} TeV: it has {edges[0]:g} to {edges[-1]:g} TeV."
        )
    if empty:
        warn(f"No energy bin has its centre in {', '.join(empty)}: omitted.")
    warn_of_moved(edges, np.array(asked), np.array(bands))
    return np.array(bands)


def warn_of_moved(edges: np.ndarray, asked: np.ndarray, used: np.ndarray) -> None:
    """Warn of bands that do not end where bins do."""
    at = np.clip(np.searchsorted(edges, asked, side="right") - 1, 0, edges.size - 2)
    width = np.log(edges[at + 1] / edges[at])
    with np.errstate(divide="ignore"):
        moved = (np.abs(np.log(used / np.maximum(asked, 0.0))) > TOLD_EDGE * width).any(axis=1)
    if moved.any():
        pairs = [
            f"{a[0]:.4g} to {a[1]:.4g} TeV is {b[0]:.4g} to {b[1]:.4g} TeV"
            for a, b in zip(asked[moved], used[moved], strict=True)
        ]
        warn(
            f"energy_edges do not coincide with bin edges, so the band {', '.join(pairs)}: choose them from "
            'ds.gamma.edges("energy"), or create an axis with these edges (xg.energy_axis_from_edges).'
        )


def check_resolved(datasets: dict[str, xr.Dataset], edges: np.ndarray) -> None:
    """Raise if bands between shared edges hold several bins of every dataset."""
    axes = [edges_in(ds, "energy", "TeV") for ds in datasets.values()]
    for low, high in itertools.pairwise(edges):
        middle = np.sqrt(low * high)
        widths = [
            np.count_nonzero((a > low * (1 + SAME_EDGE)) & (a < high * (1 - SAME_EDGE)))
            for a in axes
            if a[0] < middle < a[-1]
        ]
        if not widths or min(widths) > 0:
            raise AxisError(different_bins(datasets, edges))


def check_near(datasets: dict[str, xr.Dataset], edges: np.ndarray, wanted: np.ndarray) -> None:
    """Raise if an edge asked for is further than half a bin from any that all datasets have."""
    axes = [edges_in(ds, "energy", "TeV") for ds in datasets.values()]
    for edge in wanted[(wanted > edges[0]) & (wanted < edges[-1])]:
        half = max(
            0.5 * float(np.log(a[i] / a[i - 1]))
            for a in axes
            if a[0] < edge < a[-1]
            for i in [int(np.searchsorted(a, edge))]
        )
        if np.abs(np.log(edges / edge)).min() > half * (1 + SAME_EDGE):
            raise AxisError(different_bins(datasets, edges))


def different_bins(datasets: dict[str, xr.Dataset], edges: np.ndarray) -> str:
    """Say which edges datasets have in common, and what to do."""
    shared = ", ".join(f"{e:.4g}" for e in edges)
    return (
        f"The datasets {', '.join(map(repr, datasets))} have different energy bins: choose "
        f"energy_edges that are bin edges of all, {shared} TeV, or give them the same bins "
        "(ds.gamma.resample_energy)."
    )


def band_of(ds: xr.Dataset, low: float, high: float) -> xr.Dataset | None:
    """Return the energy bins of a dataset within a band, None if it has none to fit."""
    edges = edges_in(ds, "energy", "TeV")
    centers = np.sqrt(edges[:-1] * edges[1:])
    inside = np.flatnonzero((centers >= low) & (centers < high))
    if not inside.size:
        return None
    part = ds.isel(energy=slice(int(inside[0]), int(inside[-1]) + 1))
    masks = [part[name].astype(bool) for name in ("mask_safe", "mask_fit") if name in part]
    used = masks[0] & masks[1] if len(masks) == 2 else masks[0] if masks else None
    return None if used is not None and not bool(used.any()) else part
