"""What a dataset says of the run that fills it: its row along ``obs`` and its good times."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.dl3 import good_time, observation
from xgamma.dl3.pointings import has_pointing
from xgamma.makers.field import Field
from xgamma.model.assembly import labels_alone, named, with_data
from xgamma.model.schema import variable_attrs

__all__ = ["observation_row", "refilled"]


def observation_row(
    field: Field, reference_time: str, counts_alone: bool = False
) -> dict[str, xr.Variable]:
    """Return the metadata of one run: its row along ``obs`` and its good time intervals.

    With `counts_alone` the run may be without pointing and dead time, as event lists of satellites
    do: the row is then without them.
    """
    obs = field.obs
    good_time.check_event_times(obs)
    offset = observation.mission_time(obs).offset(reference_time)
    start, stop = observation.gti_bounds(obs)
    row: dict[str, Any] = {
        "obs_id": observation.obs_id(obs),
        "ontime": field.ontime,
        **_known(field, counts_alone),
        "time_start": float(start[0]) + offset if start.size else np.nan,
        "time_stop": float(stop[-1]) + offset if stop.size else np.nan,
        "telescope": str(obs.attrs.get("TELESCOP", "")),
    }
    attrs = {"reference_time": reference_time}
    variables = {
        name: xr.Variable(
            "obs", [value], variable_attrs(name, **(attrs if name.startswith("time") else {}))
        )
        for name, value in row.items()
    }
    variables["gti_start"] = xr.Variable(
        "gti", start + offset, variable_attrs("gti_start", **attrs)
    )
    variables["gti_stop"] = xr.Variable("gti", stop + offset, variable_attrs("gti_stop", **attrs))
    return variables


def _known(field: Field, counts_alone: bool) -> dict[str, float]:
    """Return live time and pointing; without those that a run does not say and counts do not need."""
    may_lack = counts_alone and not has_pointing(field.obs)
    attrs = field.obs.attrs
    known = {}
    if not may_lack or "DEADC" in attrs or {"LIVETIME", "ONTIME"} <= set(attrs):
        known["livetime"] = field.livetime
    if not may_lack:
        known["pointing_lon"] = float(field.pointing.ra.deg)
        known["pointing_lat"] = float(field.pointing.dec.deg)
    return known


def refilled(ds: xr.Dataset, variables: dict[str, xr.Variable], name: str | None) -> xr.Dataset:
    """Return the labels of a dataset with the variables of one run.

    What other runs, and makers after them, left in it does not describe this run. The fit range
    is not a result of a run: it stays.
    """
    return named(with_data(labels_alone(ds, keep=("mask_fit",)), variables), name)
