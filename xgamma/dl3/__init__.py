"""DL3: event lists and responses, one run or a whole archive."""

from typing import Any

from xgamma.core.late import late_names

# Loaded at first use: reading a run needs neither the writer nor the simulation.
_MODULES = {
    "assemble": ("build_observation", "read_events", "read_observation"),
    "xgamma.irf.checks": ("check_finite",),
    "xgamma.fits.times": ("MissionTime",),
    "observation": (
        "group",
        "gti_bounds",
        "is_pointlike",
        "livetime",
        "location",
        "mission_time",
        "ontime",
        "phase_fraction",
        "pointing",
        "pointing_altaz",
        "tmid",
        "tstart",
        "tstop",
    ),
    "selection": ("event_offset", "event_positions", "select_events"),
    "xgamma.simulate.observations": (
        "simulate_observation",
        "simulate_store",
        "wobble_pointings",
    ),
    "xgamma.simulate.simulated_source": ("SimulatedSource",),
    "xgamma.simulate.simulated_responses": ("simulated_irfs",),
    "opening": ("open_store",),
    "store": ("Store",),
    "writer": ("write_observation", "write_store"),
}
_HOMES = {
    name: module if "." in module else f"xgamma.dl3.{module}"
    for module, names in _MODULES.items()
    for name in names
}

__all__ = sorted(_HOMES)
_find = late_names("xgamma.dl3", _HOMES)


def __getattr__(name: str) -> Any:
    return _find(name)


def __dir__() -> list[str]:
    return __all__
