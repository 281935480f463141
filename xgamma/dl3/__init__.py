"""DL3: event lists and responses, one run or a whole archive."""

from xgamma.dl3.gadf import check_finite
from xgamma.dl3.observation import (
    MissionTime,
    build_observation,
    group,
    gti_bounds,
    is_pointlike,
    livetime,
    location,
    mission_time,
    ontime,
    phase_fraction,
    pointing,
    pointing_altaz,
    read_observation,
    tmid,
    tstart,
    tstop,
)
from xgamma.dl3.select import event_offset, event_positions, select_events
from xgamma.dl3.simulate import (
    SimulatedSource,
    simulate_observation,
    simulate_store,
    wobble_pointings,
)
from xgamma.dl3.simulated_irfs import simulated_irfs
from xgamma.dl3.store import Store, open_store
from xgamma.dl3.writer import write_observation, write_store

__all__ = [
    "MissionTime",
    "SimulatedSource",
    "Store",
    "build_observation",
    "check_finite",
    "event_offset",
    "event_positions",
    "group",
    "gti_bounds",
    "is_pointlike",
    "livetime",
    "location",
    "mission_time",
    "ontime",
    "open_store",
    "phase_fraction",
    "pointing",
    "pointing_altaz",
    "read_observation",
    "select_events",
    "simulate_observation",
    "simulate_store",
    "simulated_irfs",
    "tmid",
    "tstart",
    "tstop",
    "wobble_pointings",
    "write_observation",
    "write_store",
]
