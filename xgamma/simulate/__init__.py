"""Simulation: observations, stores of them, events and counts, drawn through responses."""

from typing import Any

from xgamma.core.late import late_names

_HOMES = {
    "SimulatedSource": "xgamma.simulate.simulated_source",
    "simulate_observation": "xgamma.simulate.observations",
    "simulate_store": "xgamma.simulate.observations",
    "simulated_irfs": "xgamma.simulate.simulated_responses",
    "wobble_pointings": "xgamma.simulate.observations",
}

__all__ = sorted(_HOMES)
_find = late_names("xgamma.simulate", _HOMES)


def __getattr__(name: str) -> Any:
    return _find(name)


def __dir__() -> list[str]:
    return __all__
