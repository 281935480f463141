"""What a run tells about the background: counts and exposure in its field of view, sources left out."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from xgamma.acceptance.field_grid import FieldGrid, field_grid
from xgamma.background.exclusion import keep_at
from xgamma.core.defaults import ALIGNMENT
from xgamma.dl3 import observation
from xgamma.dl3.good_time import event_seconds
from xgamma.errors import MissingDataError, XGammaError
from xgamma.makers.alignment import altaz_bases, good_seconds, rotation_times
from xgamma.makers.counts import event_columns
from xgamma.model.operation import operation
from xgamma.numerics import sphere
from xgamma.numerics.intervals import inside_intervals, trapezoid_weights
from xgamma.typing import AnglesLike, ExclusionLike

__all__ = ["field_counts"]

# Rotation of the field between two samples, degrees: at 3 deg offset a point moves by 0.05 deg.
ROTATION = 1.0
# Cuts that leave the background of the remaining time as it is.
HARMLESS = {"time", "phase"}


@operation
def field_counts(
    obs: xr.DataTree,
    energy: xr.DataArray,
    offset: AnglesLike | None = None,
    field: AnglesLike | None = None,
    alignment: str = ALIGNMENT,
    exclusion: ExclusionLike = None,
) -> xr.Dataset:
    """Count the events of a run in its field of view, and the exposure, outside exclusions.

    Parameters
    ----------
    obs : DataTree
        Observation.
    energy : DataArray
        Axis of reconstructed energy, dims ``(energy,)``.
    offset : Quantity or array_like, optional
        Edges of the offset from the pointing; by default 0 to 2.5 deg in steps of 0.25 deg.
    field : Quantity or array_like, optional
        Instead, edges of both field-of-view coordinates (DETX and DETY).
    alignment : {"RADEC", "ALTAZ"}
        With `field`: what these are aligned with.
    exclusion : DataArray, regions, DS9 text or path of a .reg file, optional
        Sources to leave out: regions, or a boolean mask that is False there.

    Returns
    -------
    ds : Dataset
        ``events`` with dims ``(energy, offset)`` or ``(energy, dety, detx)``, and ``time_solid_angle``,
        the good time multiplied by the solid angle that is not excluded (s sr), without
        ``energy``; scalar coordinates ``obs_id``, ``zenith`` and ``azimuth`` (deg, NaN for a run
        without location) and ``ontime`` (s).

    Raises
    ------
    XGammaError
        If the run has no good time, or its events were selected by anything but time and phase.
    AxisError
        If edges do not increase.

    Notes
    -----
    The exposure is a sum over points that sample the bins every 0.025 deg, and in ALTAZ alignment
    over times between which the field turns by a degree.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> ds = field_counts(simulate_observation(seed=1), xg.energy_axis("1 TeV", "10 TeV", 3))
    >>> dict(ds.events.sizes)
    {'energy': 3, 'offset': 10}
    """
    return count_field(obs, field_grid(energy, offset, field, alignment), exclusion)


def count_field(obs: xr.DataTree, grid: FieldGrid, exclusion: ExclusionLike = None) -> xr.Dataset:
    """Do `field_counts` in given bins."""
    _refuse_cuts(obs)
    if not observation.ontime(obs) > 0:
        raise XGammaError(
            f"Run {observation.obs_id(obs)} has no good time, so it provides no background: "
            "remove it from the list."
        )
    seconds, weights = _samples(obs, grid)
    bases = _bases(obs, grid, seconds)
    points = grid.points()
    seen = np.zeros(points.solid_angle.size)
    for basis, weight in zip(bases, weights, strict=True):
        if weight > 0:
            seen += weight * keep_at(exclusion, basis.T @ points.vectors, "icrs")
    size = int(np.prod(grid.shape[1:]))
    exposure = np.bincount(points.bins, seen * points.solid_angle, size)
    counts = _counted(obs, grid, exclusion, seconds, bases, size)
    place = _zenith_azimuth(obs)
    return xr.Dataset(
        {
            "events": (("energy", *grid.dims), counts.reshape(grid.shape), {"units": ""}),
            "time_solid_angle": (
                grid.dims,
                exposure.reshape(grid.shape[1:]) * observation.phase_fraction(obs),
                {"units": "s sr", "long_name": "time times solid angle outside exclusions"},
            ),
        },
        coords={
            **grid.coords(),
            "obs_id": observation.obs_id(obs),
            "zenith": ((), place[0], {"units": "deg", "long_name": "zenith angle"}),
            "azimuth": ((), place[1], {"units": "deg", "long_name": "azimuth"}),
            "ontime": ((), observation.ontime(obs), {"units": "s"}),
        },
        attrs={"FOVALIGN": grid.alignment},
    )


def _refuse_cuts(obs: xr.DataTree) -> None:
    cuts = json.loads(str(obs.attrs.get("event_selection", "[]")))
    names = {name for cut in cuts for name in cut} - HARMLESS - {"units", "seed"}
    if names:
        raise XGammaError(
            f"The events of run {observation.obs_id(obs)} were selected by {sorted(names)[0]}, so "
            "they are not the whole background: use the run before the selection."
        )


def _samples(obs: xr.DataTree, grid: FieldGrid) -> tuple[np.ndarray, np.ndarray]:
    """Return seconds after the start and the good time that each stands for."""
    if grid.alignment != "ALTAZ":
        return np.zeros(1), np.array([observation.ontime(obs)])
    seconds = rotation_times(obs, ROTATION)
    return seconds, trapezoid_weights(seconds, *good_seconds(obs))


def _bases(obs: xr.DataTree, grid: FieldGrid, seconds: np.ndarray) -> np.ndarray:
    """Return the axes of the field at each time, shape (n, 3, 3), ICRS."""
    if grid.alignment == "ALTAZ":
        return altaz_bases(obs, seconds, "icrs")
    at = observation.pointing(obs)
    return sphere.offset_basis(float(at.ra.deg), float(at.dec.deg))[np.newaxis]


def _counted(
    obs: xr.DataTree,
    grid: FieldGrid,
    exclusion: ExclusionLike,
    seconds: np.ndarray,
    bases: np.ndarray,
    size: int,
) -> np.ndarray:
    ra, dec, energy = event_columns(obs)
    vectors = sphere.lonlat_to_vector(ra, dec)
    if len(bases) == 1:
        local, used = bases[0] @ vectors, np.ones(ra.size, dtype=bool)
    else:
        starts, stops = good_seconds(obs)
        since = event_seconds(obs) - observation.gti_bounds(obs)[0][0]
        used = inside_intervals(since, starts, stops)
        local = _turned(vectors, bases, seconds, since)
    bins = grid.field_bins(local)
    number = np.searchsorted(grid.energy, energy, side="right") - 1
    used &= (bins >= 0) & (number >= 0) & (number < grid.energy.size - 1)
    used[used] = keep_at(exclusion, vectors[:, used], "icrs")
    return np.bincount(number[used] * size + bins[used], minlength=size * (grid.energy.size - 1))


def _turned(
    vectors: np.ndarray, bases: np.ndarray, seconds: np.ndarray, since: np.ndarray
) -> np.ndarray:
    """Return directions in a field that turns, its axes interpolated between the samples."""
    last = np.clip(np.searchsorted(seconds, since, side="right") - 1, 0, seconds.size - 2)
    upper = (since - seconds[last]) / (seconds[last + 1] - seconds[last])
    upper = np.clip(upper, 0.0, 1.0)[:, np.newaxis, np.newaxis]
    axes = (1.0 - upper) * bases[last] + upper * bases[last + 1]
    local = np.einsum("nij,jn->in", axes, vectors)
    return np.asarray(local / np.sqrt((local**2).sum(axis=0)))


def _zenith_azimuth(obs: xr.DataTree) -> tuple[float, float]:
    try:
        at = observation.pointing_altaz(obs)
    except MissingDataError:
        return float("nan"), float("nan")
    return 90.0 - float(at.alt.deg), float(at.az.deg)
