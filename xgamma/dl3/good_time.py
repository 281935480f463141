"""When an observation was taken: its time reference, good time intervals and events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.core.units import conversion
from xgamma.dl3.groups import group, obs_id
from xgamma.errors import MissingDataError, XGammaError, warn
from xgamma.fits.keywords import number
from xgamma.fits.times import MissionTime
from xgamma.numerics.intervals import inside_intervals, union_of_intervals

if TYPE_CHECKING:
    from astropy.time import Time

__all__ = [
    "check_event_times",
    "event_seconds",
    "gti_bounds",
    "mission_time",
    "ontime",
    "timed_events",
    "tmid",
    "tstart",
    "tstop",
]

# Files give good time in whole seconds, so events may lie outside it by one.
MARGIN = 1.0
# Share of events outside the good time above which a run is warned of.
STRAY = 0.01
# Seconds from any reference, beyond which there was no observation: 270 years.
FARTHEST = 8.64e9


def mission_time(obs: xr.DataTree) -> MissionTime:
    """Return the time reference of an observation.

    Parameters
    ----------
    obs : DataTree
        Observation; the keywords of its GTIs, else of its events, are used.

    Returns
    -------
    reference : MissionTime
        Reference with its scale; TT where TIMESYS is missing, as GADF says.

    Raises
    ------
    MissingDataError
        If MJDREFI is in neither header.
    """
    for attrs in (obs["gti"].attrs if "gti" in obs else {}, obs.attrs):
        reference = MissionTime.from_header(attrs, f"Run {obs_id(obs)}")
        if reference is not None:
            return reference
    raise MissingDataError(
        f"Run {obs_id(obs)}: MJDREFI is missing from the headers of GTI and EVENTS; set it, for "
        "example obs.attrs['MJDREFI'] = 51910."
    )


def _seconds(obs: xr.DataTree, attrs: Mapping[Any, Any]) -> float:
    """Return what to add to the times of one table to have them in the run's mission time."""
    own = MissionTime.from_header(attrs, f"Run {obs_id(obs)}")
    return 0.0 if own is None else own.seconds_since(mission_time(obs))


def gti_bounds(obs: xr.DataTree) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and stops of the good time, mission seconds, shape (gti,).

    Parameters
    ----------
    obs : DataTree
        Observation. One without a GTI table has one interval, TSTART to TSTOP.

    Returns
    -------
    start, stop : ndarray
        The union of the intervals of the table, sorted: time that two of them share counts once.

    Raises
    ------
    MissingDataError
        If there are neither intervals nor TSTART and TSTOP.
    XGammaError
        If an interval is not finite, or ends before it starts.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> start, stop = gti_bounds(simulate_observation(events=False, n_gti=2))
    >>> start.size
    2
    """
    if "gti" not in obs.children:
        edges = _header_bounds(obs)
        if edges is None:
            raise MissingDataError(
                f"Run {obs_id(obs)} has neither a GTI table nor TSTART and TSTOP: its observation time is unknown."
            )
        start, stop = (np.array([edge]) for edge in edges)
    else:
        start, stop = (_column_seconds(group(obs, "gti"), name) for name in ("start", "stop"))
    far = (np.abs(start) > FARTHEST) | (np.abs(stop) > FARTHEST)
    wrong = np.flatnonzero(~(np.isfinite(start) & np.isfinite(stop) & (start <= stop)) | far)
    if wrong.size:
        n = int(wrong[0])
        raise XGammaError(
            f"Run {obs_id(obs)}: the good time interval {n} runs from {start[n]:.10g} to "
            f"{stop[n]:.10g} s, which is not a valid interval of an observation: correct the GTI table."
        )
    some = stop > start
    return union_of_intervals(start[some], stop[some])


def _column_seconds(table: xr.Dataset, name: str) -> np.ndarray:
    """Return a column of times in seconds, float64."""
    column = table.variables[name]
    values = np.asarray(column.values, dtype=float)
    unit = str(column.attrs.get("units") or "s")
    return values if unit == "s" else values * conversion(unit, "s")


def _header_bounds(obs: xr.DataTree) -> tuple[float, float] | None:
    """Return TSTART and TSTOP of the EVENTS header in the run's mission time, None without them."""
    edges = [number(obs.attrs.get(key)) for key in ("TSTART", "TSTOP")]
    if not np.isfinite(edges).all():
        return None
    shift = _seconds(obs, obs.attrs)
    return edges[0] + shift, edges[1] + shift


def event_seconds(obs: xr.DataTree) -> np.ndarray:
    """Return the times of the events in the run's mission time.

    Parameters
    ----------
    obs : DataTree
        Observation. EVENTS and GTI may state references of their own; the run's is `mission_time`.

    Returns
    -------
    seconds : ndarray
        Shape (event,).
    """
    events = group(obs, "events")
    return _column_seconds(events, "time") + _seconds(obs, {**obs.attrs, **events.attrs})


def timed_events(obs: xr.DataTree) -> np.ndarray:
    """Return the times of the events, refusing a run whose events and good time never meet.

    Parameters
    ----------
    obs : DataTree
        Observation.

    Returns
    -------
    seconds : ndarray
        Seconds since the reference time, as returned by `event_seconds`.

    Raises
    ------
    XGammaError
        If there is good time and no event lies between its first start and its last stop.
    """
    start, stop = gti_bounds(obs)
    seconds = event_seconds(obs)
    if not (seconds.size and start.size):
        return seconds
    if not ((seconds >= start[0] - MARGIN) & (seconds <= stop[-1] + MARGIN)).any():
        raise XGammaError(
            f"Run {obs_id(obs)}: none of its {seconds.size} events, the first at "
            f"{np.min(seconds):.10g} s, lies in its good time intervals, {start[0]:.10g} to "
            f"{stop[-1]:.10g} s: correct MJDREFI, MJDREFF and TIMESYS of EVENTS and GTI, or the "
            "times."
        )
    return seconds


def check_event_times(obs: xr.DataTree) -> None:
    """Refuse what `timed_events` refuses, and warn of events that have no livetime.

    Parameters
    ----------
    obs : DataTree
        Observation; one without times of events passes.
    """
    if "events" not in obs.children or "time" not in obs["events"]:
        return
    seconds = timed_events(obs)
    bounds = gti_bounds(obs)
    if not (seconds.size and bounds[0].size):
        return
    stray = 1.0 - inside_intervals(seconds, *bounds, MARGIN).mean()
    if stray > STRAY:
        warn(
            f"Run {obs_id(obs)}: {100 * stray:.3g} % of its events lie outside its good time "
            "intervals, so they are counted without livetime: remove them with "
            "select_events(time=...), or check MJDREFI and MJDREFF of EVENTS and GTI."
        )


def ontime(obs: xr.DataTree) -> float:
    """Return the length of the good time in seconds, the union of its intervals (0 without any).

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> round(ontime(simulate_observation(events=False, livetime="28 min", dead_time=0.06)), 1)
    1787.2
    """
    start, stop = gti_bounds(obs)
    return float((stop - start).sum())


def _bounds(obs: xr.DataTree) -> tuple[float, float]:
    start, stop = gti_bounds(obs)
    if start.size:
        return float(start[0]), float(stop[-1])
    edges = _header_bounds(obs)
    if edges is None:
        raise MissingDataError(
            f"Run {obs_id(obs)} has neither good time intervals nor TSTART and TSTOP: its observation time is unknown."
        )
    return edges


def tstart(obs: xr.DataTree) -> Time:
    """Return the start of the first good time interval, scale TT.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> obs = simulate_observation(events=False)
    >>> round(float((tmid(obs) - tstart(obs)).sec), 1)
    893.6
    """
    return mission_time(obs).to_time(_bounds(obs)[0])


def tstop(obs: xr.DataTree) -> Time:
    """Return the end of the last good time interval, scale TT.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> obs = simulate_observation(events=False)
    >>> round(float((tstop(obs) - tstart(obs)).sec), 1)
    1787.2
    """
    return mission_time(obs).to_time(_bounds(obs)[1])


def tmid(obs: xr.DataTree) -> Time:
    """Return the time halfway between first start and last stop, scale TT.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> tmid(simulate_observation(events=False)).isot[:10]
    '2020-01-02'
    """
    return mission_time(obs).to_time(0.5 * sum(_bounds(obs)))
