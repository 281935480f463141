"""Background from a run on an empty field: its events, moved to the field of the on run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, cast

import numpy as np
import xarray as xr

from xgamma.background.exclusion import keep_at
from xgamma.background.registry import BackgroundRecord
from xgamma.core.arguments import choice, scalar
from xgamma.datasets.onoff import to_onoff
from xgamma.dl3 import observation
from xgamma.errors import MissingDataError, XGammaError
from xgamma.irf.response import evaluate
from xgamma.makers.counts import event_columns
from xgamma.makers.event_counts import event_counts, field_of
from xgamma.makers.field import Field, require_own_run
from xgamma.makers.region_field import RegionField
from xgamma.model import sky
from xgamma.model.axes import centers_in, edges_in
from xgamma.model.frame import frame_of
from xgamma.model.operation import operation
from xgamma.model.responses import response
from xgamma.numerics import sphere
from xgamma.typing import AngleLike, ExclusionLike

__all__ = ["OffRunsLike", "off_run_background"]

SCALES = ("exposure", "livetime", "control")

#: An off run, or off runs by the id of the on run, as `pair_runs` gives them.
OffRunsLike: TypeAlias = "xr.DataTree | Mapping[int | str, xr.DataTree]"


@operation
def off_run_background(
    ds: xr.Dataset,
    obs: xr.DataTree,
    *,
    off: OffRunsLike,
    scale: str = "exposure",
    exclusion: ExclusionLike = None,
    off_exclusion: ExclusionLike = None,
    control_offset: AngleLike = 2.0,
) -> xr.Dataset:
    """Take the background of a run from another run, on a field without the source.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum filled with the on run, dims ``(energy, y, x)`` or ``(energy,)``.
    obs : DataTree
        The on run.
    off : DataTree or mapping
        The off run; or off runs by the id of the on run, from `pair_runs` for example.
    scale : {"exposure", "livetime", "control"}
        How the off counts are scaled: by effective area (at the reconstructed energy and the offset)
        times livetime; by livetime; or by the numbers of events of both runs in the control
        region, the field of view up to `control_offset` outside both exclusions.
    exclusion, off_exclusion : DataArray, regions, DS9 text or path of a .reg file, optional
        Sources in the field of the on run, and in that of the off run. Pixels that show the latter
        have an off acceptance of zero.
    control_offset : Quantity, str or float
        Largest offset of the control region, degrees.

    Returns
    -------
    ds : Dataset
        On-off dataset. ``counts_off`` are the events of the off run at the same places in the field
        of view (offset to east and north of the pointing), ``acceptance`` is 1 and
        ``acceptance_off`` the scale. `ds` is not modified.

    Raises
    ------
    XGammaError
        If the dataset holds other runs than `obs`, the off run is the on run itself, a source of
        `off_exclusion` lies in the region of a spectrum, or the control region is empty.
    MissingDataError
        If `off` has no run for this one.

    Notes
    -----
    The two runs should have been taken at like zenith angles and azimuths with the same telescopes;
    the fields are compared as they lie on the sky, not above the horizon.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> on = simulate_observation("83.63d 22.51d", seed=1, obs_id=1, livetime="28 min")
    >>> other = simulate_observation("20d 22.51d", None, seed=2, obs_id=2, livetime="56 min")
    >>> empty = xg.create_map("83.63d 22.01d", "2 deg", "0.1 deg", xg.energy_axis(1, 10, 2))
    >>> ds = empty.gamma.fill(on).gamma.off_run_background(on, off=other, scale="livetime")
    >>> float(ds.gamma.alpha.max().round(6))
    0.5
    """
    choice(scale, "scale", SCALES)
    require_own_run(ds, obs)
    other = _off_run(off, obs)
    moved = _moved(other, obs)
    field, there = field_of(ds, obs), field_of(ds, moved)
    keep = _seen(field, other, off_exclusion)
    if isinstance(field, RegionField) and not keep.all():
        raise XGammaError(
            f"The region of the spectrum shows a source of off_exclusion= in the off run "
            f"{observation.obs_id(other)}: take another off run."
        )
    counts_off = event_counts(ds, moved)
    if scale == "exposure":
        ratio = _on_dims(_exposure_ratio(field, there), field)
    elif scale == "livetime":
        ratio = np.asarray(observation.livetime(other) / observation.livetime(obs))
    else:
        reach = scalar(control_offset, "deg", "control_offset")
        ratio = np.asarray(_control_ratio(ds, obs, other, (exclusion, off_exclusion), reach))
    shape = counts_off.shape
    acceptance_off = np.broadcast_to(ratio, shape).astype(float)
    if not isinstance(field, RegionField):
        acceptance_off = np.where(keep.reshape(shape[1:]), acceptance_off, 0.0)
        counts_off = counts_off.copy(data=np.where(acceptance_off > 0, counts_off.data, 0))
    out = to_onoff(ds, counts_off, 1.0, xr.Variable(counts_off.dims, acceptance_off))
    out["counts_off"].attrs["method"] = "off-run"
    out["counts_off"].attrs["off_run"] = str(observation.obs_id(other))
    return out


def _off_run(off: OffRunsLike, obs: xr.DataTree) -> xr.DataTree:
    run = observation.obs_id(obs)
    if isinstance(off, xr.DataTree):
        found = off
    elif not isinstance(off, Mapping):
        raise XGammaError(
            "off= must be an off run, or off runs by the id of the on run: xg.pair_runs(...)."
        )
    elif run not in off:
        raise MissingDataError(f"off= has no off run for run {run}: leave the run out, or add one.")
    else:
        found = cast("Mapping[int | str, xr.DataTree]", off)[run]
    if observation.obs_id(found) == run:
        raise XGammaError(f"The off run of run {run} is the run itself: take another one.")
    return found


def _basis(obs: xr.DataTree) -> np.ndarray:
    at = observation.pointing(obs)
    return sphere.offset_basis(float(at.ra.deg), float(at.dec.deg))


def _moved(other: xr.DataTree, obs: xr.DataTree) -> xr.DataTree:
    """Return the off run with its events at the same places in the field of the on run."""
    ra, dec, _ = event_columns(other)
    vectors = _basis(obs).T @ (_basis(other) @ sphere.lonlat_to_vector(ra, dec))
    lon, lat = sphere.vector_to_lonlat(vectors)
    new = other.copy()
    events = observation.group(other, "events")
    new["events"] = xr.DataTree(
        events.assign(ra=("event", lon, {"units": "deg"}), dec=("event", lat, {"units": "deg"}))
    )
    new["pointing"] = xr.DataTree(observation.group(obs, "pointing"))
    return new


def _seen(field: Field, other: xr.DataTree, exclusion: ExclusionLike) -> np.ndarray:
    """Return which positions of a dataset show no source in the off run."""
    to_icrs = sky.rotation_from_icrs(frame_of(field.ds)).T
    local = _basis(field.obs) @ (to_icrs @ field.vectors())
    return keep_at(exclusion, _basis(other).T @ local, "icrs")


def _exposure_ratio(field: Field, there: Field) -> np.ndarray:
    """Return exposure of the off run over that of the on run, shape (n_energy, n_positions)."""
    energy = centers_in(field.ds, "energy", "TeV")
    both = []
    for one in (there, field):
        aeff = response(one.obs, "aeff")
        at = evaluate(aeff, "aeff", energy_true=energy, offset=np.nan_to_num(one.offset, nan=180.0))
        both.append(at.transpose("energy_true", "offset").values * one.livetime)
    if isinstance(field, RegionField):
        both = [exposure @ field.weights[:, np.newaxis] for exposure in both]
    return np.divide(both[0], both[1], out=np.zeros(both[0].shape), where=both[1] > 0)


def _on_dims(values: np.ndarray, field: Field) -> np.ndarray:
    if isinstance(field, RegionField):
        return values[:, 0]
    return values.reshape(values.shape[0], *field.shape)


def _control_ratio(
    ds: xr.Dataset,
    obs: xr.DataTree,
    other: xr.DataTree,
    exclusions: tuple[ExclusionLike, ExclusionLike],
    reach: float,
) -> float:
    """Return events of the off run over those of the on run, outside the exclusions of both."""
    edges = edges_in(ds, "energy", "TeV")
    bases = _basis(obs), _basis(other)
    numbers = []
    for run, own in ((obs, bases[0]), (other, bases[1])):
        ra, dec, energy = event_columns(run)
        local = own @ sphere.lonlat_to_vector(ra, dec)
        inside = (energy >= edges[0]) & (energy < edges[-1])
        inside &= local[0] >= np.cos(np.deg2rad(reach))
        for basis, exclusion in zip(bases, exclusions, strict=True):
            inside &= keep_at(exclusion, basis.T @ local, "icrs")
        numbers.append(int(inside.sum()))
    if not min(numbers):
        raise XGammaError(
            f"Run {observation.obs_id(obs)} or its off run {observation.obs_id(other)} has no events in "
            "the control region: widen control_offset=, or exclude less."
        )
    return numbers[1] / numbers[0]


OFF_RUN = BackgroundRecord(
    "off-run",
    "Counts of another run, on an empty field, at the same places in the field of view.",
    off_run_background,
    needs_run=True,
    safe_only=True,
)
