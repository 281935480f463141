"""Selection of events: the cuts are kept, and time and livetime follow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from xgamma.core.arguments import generator, interval, pair
from xgamma.core.heavy import regions as rg
from xgamma.dl3.good_time import gti_bounds, mission_time, timed_events
from xgamma.dl3.groups import group, obs_id
from xgamma.dl3.phases import in_phase, phase_intervals
from xgamma.dl3.pointings import pointing
from xgamma.errors import ArgumentTypeError, MissingDataError, XGammaError, shown
from xgamma.model.regions import parse_regions, region_center, region_text
from xgamma.typing import PhasesLike, RegionsLike

if TYPE_CHECKING:
    from regions import Region

__all__ = ["event_offset", "event_positions", "select_events"]


def event_positions(obs: xr.DataTree) -> SkyCoord:
    """Return the positions of the events, ICRS, shape (event,)."""
    events = group(obs, "events")
    return SkyCoord(events["ra"].values, events["dec"].values, unit="deg", frame="icrs")


def event_offset(obs: xr.DataTree) -> xr.DataArray:
    """Return the angle between each event and the pointing.

    Parameters
    ----------
    obs : DataTree
        Observation with events.

    Returns
    -------
    offset : DataArray
        Dims ``(event,)``, deg.
    """
    values = event_positions(obs).separation(pointing(obs)).deg
    attrs = {"units": "deg", "long_name": "offset from the pointing position"}
    return xr.DataArray(values, dims=("event",), name="offset", attrs=attrs)


def select_events(
    obs: xr.DataTree,
    *,
    energy: tuple[Any, Any] | None = None,
    time: tuple[Any, Any] | None = None,
    offset: tuple[Any, Any] | None = None,
    region: RegionsLike | None = None,
    phase: PhasesLike | None = None,
    fraction: float | None = None,
    seed: int | None = None,
    **columns: object,
) -> xr.DataTree:
    """Select the events of an observation that fulfil all conditions.

    The responses stay as they are: an energy, offset or region cut has to be
    made in the maps too. Time cuts shorten the GTIs; phase cuts scale the
    livetime by the fraction of the period that is left.

    Parameters
    ----------
    obs : DataTree
        Observation; it is not modified.
    energy : (lo, hi), optional
        Reconstructed energy, ``lo <= energy < hi``: quantities, strings or TeV;
        None leaves an end open.
    time : (start, stop), optional
        Astropy times, ISO text in TT, or numbers in mission seconds; ``start <=
        time < stop``. The GTIs are intersected with it.
    offset : (lo, hi), optional
        Angle to the pointing, deg.
    region : region, DS9 text or list of these, optional
        Events inside any of them; circles are exact, other shapes are figures on
        the tangential plane at their centre.
    phase : (lo, hi) or list of (lo, hi), optional
        Intervals of the column PHASE in turns, whose integer part is ignored; an interval with
        ``lo > hi``, or with a limit below 0 or above 1, wraps around.
    fraction : float, optional
        Keep this fraction of the events, drawn at random without repetition. The
        livetime stays.
    seed : int, optional
        Random seed; required with `fraction`.
    **columns
        Any column of the events, in any case: ``(lo, hi)`` with ``lo <= value <
        hi``, or a callable that takes the `~xarray.DataArray` and returns a mask. Of bit masks, as
        EVENT_CLASS and EVENT_TYPE of Fermi-LAT, a whole number keeps events that have any of its
        bits: ``event_type=4 | 8``.

    Returns
    -------
    obs : DataTree
        New observation. The root attribute ``event_selection`` (JSON text, a list of conditions)
        and ``phase_intervals`` record the cuts, including earlier ones.

    Raises
    ------
    MissingDataError
        If a column is missing.
    XGammaError
        If a range is empty or `fraction` is not between 0 and 1.
    UnitError
        If a limit has a unit of the wrong kind.

    Examples
    --------
    >>> hard = select_events(obs, energy=("1 TeV", None), offset=(0, 2))  # doctest: +SKIP
    """
    events = group(obs, "events")
    mask = np.ones(events.sizes["event"], dtype=bool)
    cuts: list[dict[str, Any]] = []
    gti = group(obs, "gti") if "gti" in obs.children else None
    attrs: dict[str, Any] = {str(key): value for key, value in obs.attrs.items()}

    for name, limits in {"energy": energy, **columns}.items():
        if limits is not None:
            mask &= _column_mask(obs, events, name, limits, cuts)
    if time is not None:
        start, stop = _mission_limits(obs, time)
        values = timed_events(obs)
        mask &= (values >= start) & (values < stop)
        gti = _cut_gti(obs, gti, start, stop)
        cuts.append({"time": [_finite(start), _finite(stop)], "units": "s"})
    if offset is not None:
        mask &= _in_range(event_offset(obs).values, _limits("offset", offset, "deg", cuts))
    if region is not None:
        mask &= _region_mask(obs, region, cuts)
    if phase is not None:
        mask &= _phase_mask(obs, events, phase, attrs, cuts)
    if fraction is not None:
        mask &= _random_mask(mask, fraction, seed, cuts)

    attrs["event_selection"] = json.dumps(json.loads(attrs.get("event_selection", "[]")) + cuts)
    nodes = {key: node for key, node in obs.children.items() if key not in ("events", "gti")}
    children = {"events": xr.DataTree(events.isel(event=np.flatnonzero(mask)))}
    if gti is not None:
        children["gti"] = xr.DataTree(gti)
    children |= {key: node.copy() for key, node in nodes.items()}
    root = obs.to_dataset(inherit=False).assign_attrs(attrs)
    return xr.DataTree(root, children=children, name=obs.name)


def _finite(value: float) -> float | None:
    """Return a limit as JSON has it: None stands for an open end."""
    return float(value) if np.isfinite(value) else None


def _limits(
    name: str, limits: object, unit: str, cuts: list[dict[str, Any]]
) -> tuple[float, float]:
    """Return lower and upper limit in a unit, and note the cut."""
    lo, hi = interval(limits, unit, name)
    cuts.append({name: [_finite(lo), _finite(hi)], "units": unit})
    return lo, hi


def _in_range(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return np.asarray((values >= limits[0]) & (values < limits[1]))


def _column(obs: xr.DataTree, events: xr.Dataset, name: str) -> xr.DataArray:
    if name.lower() not in events:
        raise MissingDataError(
            f"The events of run {obs_id(obs)} have no column {name!r}: they have "
            f"{', '.join(map(str, events.data_vars))}."
        )
    return events[name.lower()]


def _column_mask(
    obs: xr.DataTree, events: xr.Dataset, name: str, limits: object, cuts: list[dict[str, Any]]
) -> np.ndarray:
    column = _column(obs, events, name)
    if column.ndim == 2 and column.dtype == bool and not callable(limits):
        return _bit_mask(name, column.values, limits, cuts)
    if callable(limits):
        cuts.append({name.lower(): getattr(limits, "__name__", "callable")})
        return np.asarray(limits(column), dtype=bool)
    unit = str(column.attrs.get("units", ""))
    return _in_range(column.values, _limits(name.lower(), limits, unit, cuts))


def _bit_mask(
    name: str, bits: np.ndarray, wanted: object, cuts: list[dict[str, Any]]
) -> np.ndarray:
    """Return which rows of a bit mask, its highest bit first, have any of the bits of a number."""
    most = 2 ** bits.shape[1]
    if isinstance(wanted, bool) or not isinstance(wanted, (int, np.integer)):
        raise ArgumentTypeError(
            f"{name}= selects bits of a mask: give a whole number such as 128, not {shown(wanted)}."
        )
    if not 0 < wanted < most:
        raise XGammaError(
            f"{name}={wanted} is not a set of the {bits.shape[1]} bits of the column: give 1 to {most - 1}."
        )
    chosen = [-1 - bit for bit in range(bits.shape[1]) if int(wanted) >> bit & 1]
    cuts.append({name.lower(): int(wanted), "units": "bits"})
    return np.asarray(bits[:, chosen].any(axis=1))


def _mission_limits(obs: xr.DataTree, limits: tuple[Any, Any]) -> tuple[float, float]:
    """Return a time range in mission seconds."""
    reference = mission_time(obs)
    seconds = []
    ends = pair(limits, "time", "a range (start, stop), with None for an open end")
    for limit, end in zip(ends, (-np.inf, np.inf), strict=True):
        if limit is None:
            seconds.append(end)
        elif isinstance(limit, (int, float, np.number)):
            seconds.append(float(limit))
        else:
            seconds.append(reference.to_seconds(limit))
    if not seconds[0] < seconds[1]:
        raise XGammaError(f"time={limits!r} is an empty range: give (start, stop).")
    return seconds[0], seconds[1]


def _cut_gti(obs: xr.DataTree, gti: xr.Dataset | None, start: float, stop: float) -> xr.Dataset:
    """Return the intersection of the GTIs with one interval."""
    first, last = gti_bounds(obs)
    first, last = np.maximum(first, start), np.minimum(last, stop)
    keep = first < last
    attrs = gti.attrs if gti is not None else {}
    units = {"units": "s"}
    return xr.Dataset(
        {"start": ("gti", first[keep], units), "stop": ("gti", last[keep], units)}, attrs=attrs
    )


def _region_mask(obs: xr.DataTree, region: RegionsLike, cuts: list[dict[str, Any]]) -> np.ndarray:
    """Return which events lie in any of some regions."""
    positions = event_positions(obs)
    inside = np.zeros(positions.shape, dtype=bool)
    for one in parse_regions(region):
        inside |= _inside(one, positions)
    cuts.append({"region": region_text(region)})
    return inside


def _inside(region: Region, positions: SkyCoord) -> np.ndarray:
    if isinstance(region, rg.CircleSkyRegion):
        return np.asarray(region.center.separation(positions) < region.radius)
    if not isinstance(region, rg.SkyRegion):
        raise XGammaError(
            f"{type(region).__name__} is in pixels: give a region on the sky to select events."
        )
    center = region_center(region).icrs
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [center.ra.deg, center.dec.deg]
    wcs.wcs.cdelt = [-0.01, 0.01]
    # The plane covers half the sky: what lies behind it is not inside.
    near = np.asarray(center.separation(positions).deg < 89.0)
    near[near] = region.contains(positions[near], wcs)
    return near


def _phase_mask(
    obs: xr.DataTree,
    events: xr.Dataset,
    phase: PhasesLike,
    attrs: dict[str, Any],
    cuts: list[dict[str, Any]],
) -> np.ndarray:
    """Return which events lie in phase intervals; the intervals left go to `attrs`."""
    values = _column(obs, events, "phase").values
    intervals = phase_intervals(phase)
    known = json.loads(attrs.get("phase_intervals", "[[0.0, 1.0]]"))
    left = [[max(a, c), min(b, d)] for a, b in known for c, d in intervals if max(a, c) < min(b, d)]
    attrs["phase_intervals"] = json.dumps(left)
    cuts.append({"phase": intervals})
    return in_phase(values, intervals)


def _random_mask(
    mask: np.ndarray, fraction: float, seed: int | None, cuts: list[dict[str, Any]]
) -> np.ndarray:
    """Return which of the events that are left are drawn."""
    if not 0.0 <= fraction <= 1.0:
        raise XGammaError(f"fraction={fraction!r} is not between 0 and 1.")
    if seed is None:
        raise XGammaError(
            "A random fraction requires a seed, so that it is reproducible: for example seed=0."
        )
    rows = np.flatnonzero(mask)
    drawn = generator(seed).choice(rows, round(fraction * rows.size), replace=False)
    chosen = np.zeros_like(mask)
    chosen[drawn] = True
    cuts.append({"fraction": float(fraction), "seed": int(seed)})
    return chosen
