"""An observation as a `~xarray.DataTree`, and its properties.

Every function takes an observation (groups ``events``, ``gti``, ``pointing``,
``aeff``, …; keywords of the EVENTS HDU as attributes of the root) and leaves it
alone.
"""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from xgamma.dl3.good_time import gti_bounds, mission_time, ontime, tmid, tstart, tstop
from xgamma.dl3.groups import group, obs_id
from xgamma.dl3.pointings import location, pointing, pointing_altaz
from xgamma.errors import XGammaError, warn
from xgamma.fits.keywords import number
from xgamma.fits.times import MissionTime
from xgamma.model.sanity import issue_of_keyword

__all__ = [
    "MissionTime",
    "group",
    "gti_bounds",
    "is_pointlike",
    "livetime",
    "location",
    "mission_time",
    "obs_id",
    "ontime",
    "phase_fraction",
    "pointing",
    "pointing_altaz",
    "tmid",
    "tstart",
    "tstop",
]


def deadtime_correction(obs: xr.DataTree) -> float:
    """Return the live fraction of the ontime: DEADC, else LIVETIME / ONTIME, else 1 with a warning.

    Raises
    ------
    XGammaError
        If it is not above 0, or more than 1.
    """
    value = number(obs.attrs.get("DEADC"))
    what = "DEADC"
    if not np.isfinite(value):
        value = number(obs.attrs.get("LIVETIME")) / number(obs.attrs.get("ONTIME") or np.nan)
        what = "LIVETIME / ONTIME"
    if np.isfinite(value):
        issue = issue_of_keyword("DEADC", value)
        if issue is not None:
            raise XGammaError(
                f"Run {obs_id(obs)}: {issue.replace('DEADC', what)}: correct the header, or set obs.attrs['DEADC']."
            )
        return value
    warn(f"Run {obs_id(obs)} has neither DEADC nor LIVETIME and ONTIME: assuming no dead time.")
    return 1.0


def phase_fraction(obs: xr.DataTree) -> float:
    """Return the fraction of the pulsar's period that `select_events` kept (1 without a cut)."""
    text = obs.attrs.get("phase_intervals")
    return 1.0 if not text else float(sum(hi - lo for lo, hi in json.loads(text)))


def livetime(obs: xr.DataTree) -> float:
    """Return the livetime in seconds: ontime x DEADC x phase fraction.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> round(livetime(simulate_observation(events=False, livetime="28 min")), 1)
    1680.0
    """
    return ontime(obs) * deadtime_correction(obs) * phase_fraction(obs)


def is_pointlike(obs: xr.DataTree) -> bool:
    """Return whether the responses hold for a cut around the source (HDUCLAS3 POINT-LIKE).

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> is_pointlike(simulate_observation(events=False))
    False
    """
    return any(
        obs[group].attrs.get("HDUCLAS3") == "POINT-LIKE"
        for group in ("aeff", "edisp", "psf", "rad_max")
        if group in obs
    )
