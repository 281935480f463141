"""Which rows of an observation table fulfil conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from astropy.coordinates import SkyCoord

from xgamma.core.arguments import interval, pair, scalar
from xgamma.core.defaults import FRAME
from xgamma.core.units import position, time_value
from xgamma.errors import MissingDataError, XGammaError, shown
from xgamma.fits.times import MissionTime

__all__ = ["select_rows"]


def select_rows(table: xr.Dataset, conditions: dict[str, Any], frame: str = FRAME) -> np.ndarray:
    """Return the rows of a table that fulfil all conditions.

    Parameters
    ----------
    table : Dataset
        Observation index on dim ``obs``.
    conditions : dict
        ``obs_id``, ``target``, ``cone``, ``box``, ``time``, ``zenith`` or the name
        of a column, as in `xgamma.dl3.store.Store.select`.
    frame : str
        Frame of positions that are given without one.

    Returns
    -------
    rows : ndarray of int
        Row numbers, in the order of ``obs_id`` if that is a condition.

    Raises
    ------
    MissingDataError
        If the table does not have a column.

    Examples
    --------
    >>> import xarray as xr
    >>> table = xr.Dataset(
    ...     {"object": ("obs", ["Crab Nebula", "Vela"])}, coords={"obs_id": ("obs", [1, 2])}
    ... )
    >>> select_rows(table, {"target": "crabnebula"})
    array([0])
    """
    mask = np.ones(table.sizes["obs"], dtype=bool)
    special: dict[str, Callable[[xr.Dataset, Any], np.ndarray]] = {
        "obs_id": lambda t, v: np.isin(t["obs_id"].values, v),
        "target": _targets,
        "cone": lambda t, v: _cone(t, v, frame),
        "box": lambda t, v: _box(t, v, frame),
        "time": _times,
        "zenith": _zeniths,
    }
    for name, condition in conditions.items():
        if name in special:
            mask &= special[name](table, condition)
        else:
            mask &= _matches(column(table, name), condition)
    rows = np.flatnonzero(mask)
    if "obs_id" in conditions:
        wanted = {one: i for i, one in enumerate(conditions["obs_id"])}
        rows = np.array(sorted(rows, key=lambda r: wanted[table["obs_id"].values[r]]), dtype=int)
    return rows


def column(table: xr.Dataset, name: str) -> np.ndarray:
    """Return the values of a column, whatever the case of its name."""
    lower = name.lower().replace("-", "_")
    if lower not in table.variables:
        raise MissingDataError(
            f"The observation table has no column {name!r}: it has {', '.join(map(str, table.variables))}."
        )
    return np.asarray(table[lower].values)


def _plain(text: object) -> str:
    """Return a name without case, spaces, dashes and underscores at odds."""
    return "".join(str(text).lower().split()).replace("_", "")


def _targets(table: xr.Dataset, targets: Any) -> np.ndarray:
    wanted = {_plain(t) for t in ([targets] if isinstance(targets, str) else targets)}
    names = [table[c].values for c in ("object", "target_name") if c in table]
    if not names:
        raise MissingDataError("The observation table has neither OBJECT nor TARGET_NAME.")
    return np.array(
        [any(_plain(n) in wanted for n in row) for row in zip(*names, strict=True)], bool
    )


def _pointings(table: xr.Dataset) -> Any:
    return SkyCoord(column(table, "ra_pnt"), column(table, "dec_pnt"), unit="deg", frame="icrs")


def _cone(table: xr.Dataset, cone: tuple[Any, Any], frame: str) -> np.ndarray:
    center, radius = pair(cone, "cone", "(position, radius), for example ((83.63, 22.01), '2 deg')")
    if np.ndim(center) == 0 and not isinstance(center, str) and not hasattr(center, "frame"):
        raise XGammaError(
            f"cone={shown(cone)} is not a position and radius: give ((lon, lat), radius), for example ((83.63, 22.01), '2 deg')."
        )
    size = scalar(radius, "deg", "cone radius")
    if not 0 <= size <= 180:
        raise XGammaError(f"The cone radius {radius!r} must be an angle between 0 and 180 deg.")
    separation = _pointings(table).separation(position(center, frame).icrs).deg
    return np.asarray(separation <= size)


def _box(table: xr.Dataset, box: tuple[Any, Any], frame: str) -> np.ndarray:
    example = "((lon_min, lon_max), (lat_min, lat_max))"
    (lon_min, lon_max), (lat_min, lat_max) = (
        [scalar(v, "deg", "box") for v in pair(side, "box", example)]
        for side in pair(box, "box", example)
    )
    points = _pointings(table).transform_to(frame).spherical
    lat = points.lat.deg
    width = lon_max - lon_min
    inside = (points.lon.deg - lon_min) % 360.0 <= (width if width == 360.0 else width % 360.0)
    return np.asarray(inside & (lat >= lat_min) & (lat <= lat_max))


def _times(table: xr.Dataset, limits: tuple[Any, Any]) -> np.ndarray:
    reference = MissionTime.from_header(table.attrs, "The observation table")
    if reference is None:
        raise MissingDataError(
            "The observation table has no MJDREFI: its times cannot be compared; select by TSTART."
        )
    first, last = pair(limits, "time", "(start, stop), with None for an open end")
    start = -np.inf if first is None else reference.to_seconds(time_value(first))
    stop = np.inf if last is None else reference.to_seconds(time_value(last))
    if not start < stop:
        raise XGammaError(f"time={shown(limits)} is an empty range: give (start, stop).")
    return np.asarray((column(table, "tstop") > start) & (column(table, "tstart") < stop))


def _zeniths(table: xr.Dataset, limits: tuple[Any, Any]) -> np.ndarray:
    lo, hi = interval(limits, "deg", "zenith")
    zenith = column(table, "zen_pnt") if "zen_pnt" in table else 90.0 - column(table, "alt_pnt")
    return np.asarray((zenith >= lo) & (zenith <= hi))


def _matches(values: np.ndarray, condition: Any) -> np.ndarray:
    """Return which values equal a value, are in a list, lie in a slice or please a callable."""
    if callable(condition):
        return np.asarray(condition(values), dtype=bool)
    if isinstance(condition, slice):
        mask = np.ones(values.shape, dtype=bool)
        if condition.start is not None:
            mask &= values >= condition.start
        if condition.stop is not None:
            mask &= values <= condition.stop
        return mask
    wanted = (
        [condition] if isinstance(condition, str) or np.ndim(condition) == 0 else list(condition)
    )
    if values.dtype.kind in "US":
        plain = {_plain(w) for w in wanted}
        return np.array([_plain(v) in plain for v in values], dtype=bool)
    return np.isin(values, wanted)
