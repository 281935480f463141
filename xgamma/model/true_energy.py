"""The axis of true energy that a template gets: wider and finer than the reconstructed one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import xarray as xr

from xgamma.errors import AxisError, MissingDataError, shown
from xgamma.model.axes import edges
from xgamma.model.make_axes import axis_from_edges, rename_axis
from xgamma.model.responses import grid_edges, response
from xgamma.typing import ObservationsLike

__all__ = ["MARGIN", "PER_DECADE", "response_axis", "true_axis", "wider_axis"]

# How far the true energies go beyond the reconstructed ones on either side, and how fine they are.
MARGIN = 3.0
PER_DECADE = 16


# What create_map takes for an axis of true energy: Store is one of the iterables.
TrueEnergyLike: TypeAlias = xr.DataArray | str | xr.DataTree | Iterable[xr.DataTree] | None


def split(edge_values: np.ndarray, per_decade: float) -> np.ndarray:
    """Return edges with each bin cut into equal parts in the logarithm, so many a decade at least."""
    pieces = np.ceil(np.diff(np.log10(edge_values)) * per_decade - 1e-6).astype(int)
    parts = [
        np.geomspace(low, high, max(n, 1) + 1)[:-1]
        for low, high, n in zip(edge_values[:-1], edge_values[1:], pieces, strict=True)
    ]
    return np.append(np.concatenate(parts), edge_values[-1])


def density(edge_values: np.ndarray) -> float:
    """Return the bins a decade of an axis, the mean over its range."""
    return float((edge_values.size - 1) / np.log10(edge_values[-1] / edge_values[0]))


def wider_axis(energy: xr.DataArray) -> xr.DataArray:
    """Return the default axis of true energy.

    Parameters
    ----------
    energy : DataArray
        Axis of reconstructed energy.

    Returns
    -------
    energy_true : DataArray
        From a third of its lowest to three times its highest edge, 16 bins a decade at least and
        never coarser. Edges of the reconstructed bins are edges of true ones.

    Raises
    ------
    AxisError
        If the edges are not positive.

    Examples
    --------
    >>> from xgamma.model.make_axes import energy_axis
    >>> axis = wider_axis(energy_axis("1 TeV", "10 TeV", 4))
    >>> axis.size, axis.energy_true_lo.values[[0, 8, 12]].round(3)
    (32, array([0.333, 1.   , 1.778]))
    """
    inner = edges(energy, str(energy.name))
    if not inner[0] > 0:
        raise AxisError(
            f"The axis 'energy' starts at {inner[0]:g}, so a logarithmic axis of true energy cannot be extended below it: pass energy_true=."
        )
    fine = max(PER_DECADE, density(inner))
    below, above = (
        split(np.array(pair), fine)
        for pair in ((inner[0] / MARGIN, inner[0]), (inner[-1], inner[-1] * MARGIN))
    )
    values = np.concatenate([below[:-1], split(inner, PER_DECADE), above[1:]])
    return _axis(values, str(energy.attrs.get("units", "TeV")))


def response_axis(source: str | ObservationsLike, energy: xr.DataArray) -> xr.DataArray:
    """Return the axis of true energy of the effective areas of runs.

    Parameters
    ----------
    source : DataTree, Store or iterable of DataTree
        A run, or several.
    energy : DataArray
        Axis of reconstructed energy.

    Returns
    -------
    energy_true : DataArray
        The axis of the effective area, its bins cut in parts where they are fewer than 16 a
        decade or coarser than those of `energy`. Where the axes of the runs differ it covers all.

    Raises
    ------
    MissingDataError
        If there is no run, or one has no effective area.

    Examples
    --------
    >>> from xgamma.model.make_axes import energy_axis
    >>> from xgamma.dl3 import simulate_observation
    >>> axis = response_axis(simulate_observation("83.63d 22.51d"), energy_axis(1, 10, 4))
    >>> axis.dims, bool(axis.energy_true_lo[0] < 0.1)
    (('energy_true',), True)
    """
    axes = [grid_edges(response(obs, "aeff"), "energy_true") for obs in _runs(source)]
    if not axes:
        raise MissingDataError("energy_true= contains no run from which to take an axis.")
    first = axes[0]
    own = edges(energy, str(energy.name))
    fine = max(PER_DECADE, density(own) if own[0] > 0 else 0.0)
    if any(a.shape != first.shape or not np.allclose(a, first, rtol=1e-6) for a in axes[1:]):
        first = np.array([min(a[0] for a in axes), max(a[-1] for a in axes)])
        fine = max(fine, *(density(a) for a in axes))
    return _axis(split(first, fine), "TeV")


def _runs(source: str | ObservationsLike) -> list[xr.DataTree]:
    """Return the runs in a tree, store or list."""
    if isinstance(source, xr.DataTree):
        return [source] if "aeff" in source.children else list(source.children.values())
    if isinstance(source, Iterable) and not isinstance(source, (str, xr.Dataset)):
        runs = list(source)
        if all(isinstance(run, xr.DataTree) for run in runs):
            return runs
    raise AxisError(
        f"energy_true={shown(source)} is not an axis: give xg.energy_axis(...), 'reco' for the axis of energy=, or runs to use the axis of their responses."
    )


def true_axis(energy: xr.DataArray, energy_true: TrueEnergyLike | None = None) -> xr.DataArray:
    """Return the axis of true energy that is asked for.

    Parameters
    ----------
    energy : DataArray
        Axis of reconstructed energy.
    energy_true : DataArray, "reco", DataTree, Store or iterable of DataTree, optional
        An axis; the edges of `energy`; that of the responses of runs; or that of `wider_axis`.

    Returns
    -------
    energy_true : DataArray
        Axis.

    Raises
    ------
    AxisError
        If it is none of these.
    """
    if energy_true is None:
        return wider_axis(energy)
    if isinstance(energy_true, str) and energy_true == "reco":
        return rename_axis(energy, "energy_true")
    return (
        energy_true if isinstance(energy_true, xr.DataArray) else response_axis(energy_true, energy)
    )


def _axis(values: np.ndarray, units: str) -> xr.DataArray:
    return axis_from_edges(values, "energy_true", units, "log")
