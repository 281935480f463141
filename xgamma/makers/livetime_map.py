"""Maps of time: how long each pixel was in the field of view, and effectively."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import scalar
from xgamma.dl3 import observation
from xgamma.errors import AxisError, XGammaError
from xgamma.irf.kinds.aeff_2d import area_at
from xgamma.irf.response import grid_axis
from xgamma.model import sky
from xgamma.model.axes import axis_coords, centers_in
from xgamma.model.check import require_dataset
from xgamma.model.frame import frame_attrs, frame_coords
from xgamma.model.operation import operation
from xgamma.model.responses import response
from xgamma.numerics.interpolation import apply_weights
from xgamma.typing import AngleLike

__all__ = ["effective_livetime_map", "observation_time_map"]

SECONDS_PER_HOUR = 3600.0


def _largest_offset(obs: xr.DataTree, offset_max: AngleLike) -> float:
    """Return the field of view: as asked for, or the last offset of the effective area.

    An area in one bin of offset (as point-like responses have it) reaches to the end of that.
    """
    if offset_max is not None:
        return scalar(offset_max, "deg", "offset_max")
    axis = grid_axis(response(obs, "aeff"), "offset")
    largest = axis.high if axis.nodes.size == 1 else float(axis.nodes[-1])
    if not largest > 0:
        raise XGammaError(
            f"Run {observation.obs_id(obs)}: its effective area has a single offset, 0 deg, so its field of view is unknown: give offset_max=."
        )
    return largest


def _map(into: xr.Dataset, dims: tuple[str, ...], values: np.ndarray, name: str) -> xr.DataArray:
    coords: dict[str, Any] = {d: into.coords[d].variable for d in ("y", "x")}
    if "energy_true" in dims:
        coords |= axis_coords(into, "energy_true")
    array = xr.DataArray(
        values,
        dims=dims,
        coords=coords,
        name=name,
        attrs={"units": "h", "long_name": name.replace("_", " ")},
    )
    return array.assign_coords(frame_coords(frame_attrs(into), into.coords["x"]))


@operation
def observation_time_map(
    observations: Iterable[xr.DataTree], into: xr.Dataset, offset_max: AngleLike | None = None
) -> xr.DataArray:
    """Sum the live time for which each pixel was in the field of view.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        Runs.
    into : Dataset
        Map template.
    offset_max : Quantity or str, optional
        Radius of the field of view; by default, the last offset of each run's effective area.

    Returns
    -------
    time : DataArray
        Dims ``(y, x)``, hours.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> obs = simulate_observation("83.63d 22.51d", seed=0)
    >>> empty = xg.create_map("83.63d 22.01d", "4 deg", "0.1 deg")
    >>> time = observation_time_map([obs, obs], empty, offset_max="1 deg")
    >>> round(float(time.max()) * 3600 / obs.gamma.livetime, 6)
    2.0
    """
    require_dataset(into, "into")
    total = np.zeros((into.sizes["y"], into.sizes["x"]))
    for obs in observations:
        offset = sky.separation(into, observation.pointing(obs)).values
        with np.errstate(invalid="ignore"):
            total[offset < _largest_offset(obs, offset_max)] += observation.livetime(obs)
    return _map(into, ("y", "x"), total / SECONDS_PER_HOUR, "observation_time")


@operation
def effective_livetime_map(
    observations: Iterable[xr.DataTree], into: xr.Dataset, offset_max: AngleLike | None = None
) -> xr.DataArray:
    """Sum the live time, weighted by the effective area relative to that on axis.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        Runs.
    into : Dataset
        Map template with an axis of true energy.
    offset_max : Quantity or str, optional
        Radius of the field of view; by default, the last offset of each run's effective area.

    Returns
    -------
    time : DataArray
        Dims ``(energy_true, y, x)``, hours; zero where the area on axis is zero. If the responses
        do not extend to the axis (point-like ones with a single offset bin), the area at the
        nearest offset replaces that on axis, and the time, like the exposure, is zero outside that
        bin.

    Raises
    ------
    AxisError
        If the template has no true energies.

    Notes
    -----
    The offset is taken from the pointing of each run. gammapy 2.1 takes it from the middle of
    the map, so its result is right for one pointing only.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> obs = simulate_observation("83.63d 22.51d", seed=0)
    >>> empty = xg.create_map("83.63d 22.51d", "4 deg", "0.5 deg", xg.energy_axis(1, 10, 2))
    >>> effective_livetime_map([obs], empty, offset_max="1 deg").dims
    ('energy_true', 'y', 'x')
    """
    require_dataset(into, "into")
    if "energy_true" not in into.coords:
        raise AxisError("The template has no axis 'energy_true': pass energy= to xg.create_map.")
    energy = centers_in(into, "energy_true", "TeV")
    shape = (into.sizes["y"], into.sizes["x"])
    total = np.zeros((energy.size, *shape))
    for obs in observations:
        aeff = response(obs, "aeff")
        offset = sky.separation(into, observation.pointing(obs)).values
        with np.errstate(invalid="ignore"):
            seen = offset < _largest_offset(obs, offset_max)
        axis = grid_axis(aeff, "offset")
        nearest = np.clip(0.0, axis.low, axis.high)
        area = area_at(aeff, energy)[0].T
        weights = axis.weights(np.append(nearest, offset[seen]), constant_edges=True)
        area = np.maximum(apply_weights(area, weights, 1), 0.0)
        relative = np.zeros_like(area)
        np.divide(area, area[:, :1], out=relative, where=area[:, :1] > 0)
        total[:, seen] += relative[:, 1:] * observation.livetime(obs)
    dims = ("energy_true", "y", "x")
    return _map(into, dims, total / SECONDS_PER_HOUR, "effective_livetime")
