"""Phase background: on and off events of a pulsar by their phase."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.background.registry import BackgroundRecord
from xgamma.core import arguments
from xgamma.datasets.onoff import reco_dims, safe, to_onoff
from xgamma.dl3 import observation
from xgamma.dl3.phases import in_phase, phase_intervals
from xgamma.errors import MissingDataError, XGammaError, warn
from xgamma.makers.event_counts import event_counts
from xgamma.makers.field import require_own_run
from xgamma.model.operation import operation
from xgamma.model.schema import variable_attrs
from xgamma.typing import PhasesLike

__all__ = ["phase_background"]


def _width(intervals: list[tuple[float, float]]) -> float:
    return float(sum(hi - lo for lo, hi in intervals))


def _overlap(a: list[tuple[float, float]], b: list[tuple[float, float]]) -> bool:
    return any(min(p[1], q[1]) - max(p[0], q[0]) > 1e-9 for p in a for q in b)


def _counts(
    ds: xr.Dataset, obs: xr.DataTree, intervals: list[tuple[float, float]], column: str
) -> xr.Variable:
    """Return the counts of a map or spectrum with phases in the intervals."""
    events = observation.group(obs, "events")
    inside = in_phase(events[column.lower()].values, intervals)
    chosen = obs.copy()
    chosen["events"] = xr.DataTree(events.isel(event=np.flatnonzero(inside)))
    return event_counts(ds, chosen)


@operation
def phase_background(
    ds: xr.Dataset,
    obs: xr.DataTree,
    *,
    on_phase: PhasesLike,
    off_phase: PhasesLike,
    column: str = "phase",
) -> xr.Dataset:
    """Select the on and off counts of a pulsar by intervals of its phase.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum filled with that run.
    obs : DataTree
        The run, its events with a column of phases in turns.
    on_phase, off_phase : (lo, hi) or list of (lo, hi)
        Intervals, ``lo <= phase < hi``; they may go round through 1.
    column : str
        Column of the events.

    Returns
    -------
    ds : Dataset
        On-off dataset: ``counts`` of the on phase, ``counts_off`` of the off phase at the same
        place, acceptances the widths of the intervals. The exposure stays that of the whole period,
        so fluxes are averages over it. `ds` is not modified.

    Raises
    ------
    XGammaError
        If an interval is not usable, or on and off overlap.
    MissingDataError
        If the events have no such column.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> obs = simulate_observation("83.63d 22.51d", seed=0)
    >>> n = obs["events"].sizes["event"]
    >>> obs["events"] = obs["events"].dataset.assign(phase=("event", np.arange(n) / n))
    >>> empty = xg.create_spectrum("icrs;circle(83.63, 22.01, 0.2)", xg.energy_axis(1, 10, 2))
    >>> ds = empty.gamma.fill(obs, select=["counts"])
    >>> ds.gamma.phase_background(obs, on_phase=(0.9, 0.1), off_phase=(0.3, 0.7)).gamma.alpha.values
    array([0.5, 0.5])
    """
    on, off = phase_intervals(on_phase, "on_phase"), phase_intervals(off_phase, "off_phase")
    if _overlap(on, off):
        raise XGammaError("on_phase and off_phase overlap: give intervals that do not.")
    arguments.observation(obs)
    require_own_run(ds, obs)
    if str(column).lower() not in observation.group(obs, "events").variables:
        raise MissingDataError(
            f"Run {observation.obs_id(obs)} has no column {str(column).upper()!r} of phases: add it to the events first."
        )
    counts, counts_off = (_counts(ds, obs, part, column) for part in (on, off))
    counts.attrs = variable_attrs("counts")
    out = to_onoff(ds, counts_off, _width(on), _width(off)).assign(counts=counts)
    out["counts_off"].attrs["method"] = "phase"
    if int(counts_off.sum()) == 0:
        warn(
            f"Run {observation.obs_id(obs)}: no event lies in the off phase, so its background is zero."
        )
    mask = xr.Variable(reco_dims(ds), safe(ds).data, variable_attrs("mask_safe"))
    return out.assign(mask_safe=mask) if "mask_safe" in ds else out


PHASE = BackgroundRecord(
    "phase",
    "Counts of a pulsar off its pulse, by phase.",
    phase_background,
    needs_run=True,
    safe_only=True,
)
