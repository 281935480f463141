"""Pairs of on and off runs that were taken alike: zenith angle, azimuth, time, telescopes, livetime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import linear_sum_assignment

from xgamma.core import arguments
from xgamma.core.arguments import positive, scalar
from xgamma.dl3 import observation
from xgamma.errors import MissingDataError, XGammaError, warn
from xgamma.typing import AngleLike

__all__ = ["RunPairs", "pair_runs"]

# A pair that is not allowed costs so much.
NEVER = 1e9
# Keywords of the EVENTS header that must agree.
SAME = ("TELESCOP", "TELLIST")


class RunPairs(Mapping[Any, xr.DataTree]):
    """Off runs by the id of the on run, opened when they are asked for.

    Attributes
    ----------
    table : Dataset
        A row along ``obs`` for each pair: ``obs_id``, ``off_id`` and the differences off minus on
        of ``zenith`` and ``azimuth`` (deg), ``time`` (days), and the ratio of ``livetime``.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> on = [simulate_observation(seed=1, obs_id=1)]
    >>> off = [simulate_observation(source=None, seed=2, obs_id=2)]
    >>> pairs = pair_runs(on, off)
    >>> pairs.table.off_id.values
    array([2])
    """

    def __init__(self, table: xr.Dataset, off: Any) -> None:
        self.table, self._off = table, off
        ids = zip(table["obs_id"].values.tolist(), table["off_id"].values.tolist(), strict=True)
        self._ids = dict(ids)

    def __getitem__(self, obs_id: int | str) -> xr.DataTree:
        found: xr.DataTree = self._off[self._ids[obs_id]]
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        return f"<RunPairs: {self._ids}>"


def pair_runs(
    on: Iterable[xr.DataTree],
    off: Iterable[xr.DataTree],
    *,
    zenith: AngleLike = 5.0,
    azimuth: AngleLike = 60.0,
    days: float | None = None,
    livetime_ratio: float = 2.0,
    reuse: bool = False,
) -> RunPairs:
    """Find for each on run the off run that was taken most alike.

    Parameters
    ----------
    on, off : Store or iterable of DataTree
        The runs. Those of one telescope list (TELLIST) and telescope are paired.
    zenith, azimuth : Quantity, str or float
        Largest differences, degrees. Half of each counts as much as half of the others.
    days : float, optional
        Largest difference of time in days; by default any, and time does not count.
    livetime_ratio : float
        Largest ratio of the livetimes, either way.
    reuse : bool
        Whether an off run may serve for several on runs. If not, the sum over all pairs of the
        squared differences is smallest.

    Returns
    -------
    pairs : RunPairs
        A mapping from the id of the on run to the off run, with a ``table`` of differences.

    Raises
    ------
    XGammaError
        If no pair is within the limits.

    Warns
    -----
    XGammaWarning
        If some on runs have no off run: they are not in the mapping.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> on = [simulate_observation(seed=1, obs_id=1)]
    >>> off = [simulate_observation(source=None, seed=2, obs_id=2)]
    >>> list(pair_runs(on, off))
    [1]
    """
    limits = {
        "zenith": positive(scalar(zenith, "deg", "zenith"), "zenith"),
        "azimuth": positive(scalar(azimuth, "deg", "azimuth"), "azimuth"),
        "time": np.inf if days is None else positive(days, "days"),
        "livetime": np.log(max(positive(livetime_ratio, "livetime_ratio"), 1.0 + 1e-9)),
    }
    rows, columns = ([_how_taken(obs) for obs in runs] for runs in (on, off))
    if not rows or not columns:
        raise XGammaError("There are no on runs, or no off runs, to pair.")
    differences = {
        name: np.array([[_difference(name, a, b) for b in columns] for a in rows])
        for name in limits
    }
    cost = np.zeros((len(rows), len(columns)))
    for name, limit in limits.items():
        cost += np.where(
            np.abs(differences[name]) <= limit, (differences[name] / limit) ** 2, NEVER
        )
    cost[
        np.array([[a["same"] != b["same"] or a["id"] == b["id"] for b in columns] for a in rows])
    ] = NEVER
    if reuse:
        first, second = np.arange(len(rows)), cost.argmin(axis=1)
    else:
        first, second = linear_sum_assignment(np.minimum(cost, NEVER))
    good = cost[first, second] < NEVER
    first, second = first[good], second[good]
    alone = [str(rows[k]["id"]) for k in range(len(rows)) if k not in set(first.tolist())]
    if not first.size:
        raise XGammaError("No off run is like any of the on runs: widen the limits.")
    if alone:
        warn(f"{len(alone)} on runs have no off run within the limits: {', '.join(alone[:10])}.")
    table = _table(rows, columns, first, second, differences)
    return RunPairs(table, off if hasattr(off, "obs_ids") else {c["id"]: c["run"] for c in columns})


def _how_taken(obs: xr.DataTree) -> dict[str, Any]:
    """Return what is compared of a run."""
    arguments.observation(obs)
    try:
        at = observation.pointing_altaz(obs)
    except MissingDataError as error:
        raise MissingDataError(f"{error} Runs are paired by zenith angle and azimuth.") from None
    return {
        "id": observation.obs_id(obs),
        "run": obs,
        "zenith": 90.0 - float(at.alt.deg),
        "azimuth": float(at.az.deg),
        "time": float(observation.tmid(obs).tt.mjd),
        "livetime": float(np.log(observation.livetime(obs))),
        "same": tuple(str(obs.attrs.get(key, "")).strip() for key in SAME),
    }


def _difference(name: str, on: Mapping[str, Any], off: Mapping[str, Any]) -> float:
    found = float(off[name] - on[name])
    return (found + 180.0) % 360.0 - 180.0 if name == "azimuth" else found


def _table(
    rows: list[dict[str, Any]],
    columns: list[dict[str, Any]],
    first: np.ndarray,
    second: np.ndarray,
    differences: dict[str, np.ndarray],
) -> xr.Dataset:
    units = {"zenith": "deg", "azimuth": "deg", "time": "d", "livetime": ""}
    found = {
        name: (
            "obs",
            np.exp(d[first, second]) if name == "livetime" else d[first, second],
            {"units": units[name]},
        )
        for name, d in differences.items()
    }
    ids = {
        "obs_id": ("obs", np.array([rows[k]["id"] for k in first])),
        "off_id": ("obs", np.array([columns[k]["id"] for k in second])),
    }
    return xr.Dataset(found, coords=ids)
