"""The event list of a simulated run: what each emitter draws, in order of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import generator
from xgamma.dl3.row_tables import ROW_TABLES
from xgamma.simulate.simulated_events import draw_background_events, draw_source_events
from xgamma.simulate.simulated_run import (
    times,
)
from xgamma.simulate.simulated_source import SimulatedSource

__all__ = ["draw_events", "event_group", "no_events"]


def draw_events(
    stream: np.random.SeedSequence,
    sources: list[SimulatedSource],
    irfs: Mapping[str, xr.Dataset],
    pointing: tuple[float, float],
    keywords: Mapping[str, Any],
    gti: np.ndarray,
) -> dict[str, np.ndarray]:
    """Draw all events of a run, in the order of their times."""
    # Each emitter has a stream of its own, so that adding one leaves the others alone.
    streams = stream.spawn(len(sources) + 1)
    lists = []
    for mc_id, seed in enumerate(streams):
        rng = generator(seed)
        if mc_id:
            source = sources[mc_id - 1]
            drawn = draw_source_events(rng, source, irfs, pointing, keywords["LIVETIME"])
        elif "bkg" in irfs:
            drawn = draw_background_events(rng, irfs["bkg"], pointing, keywords["ONTIME"])
        else:
            continue
        size = len(drawn["energy"])
        lists.append({**drawn, "mc_id": np.full(size, mc_id), "time": times(rng, gti, size)})
    if not lists:
        return no_events()
    table = {name: np.concatenate([one[name] for one in lists]) for name in lists[0]}
    order = np.argsort(table["time"], kind="stable")
    return {name: values[order] for name, values in table.items()}


def no_events() -> dict[str, np.ndarray]:
    """Return the columns of an event list without events."""
    return {name: np.empty(0) for name in ("energy", "ra", "dec", "mc_id", "time")}


def event_group(table: Mapping[str, np.ndarray]) -> xr.Dataset:
    """Label the events; energies are float32 as in archives, positions and times float64."""
    size = len(table["energy"])
    columns = {
        "event_id": np.arange(1, size + 1, dtype=np.int64),
        "time": table["time"],
        "ra": table["ra"],
        "dec": table["dec"],
        "energy": table["energy"].astype(np.float32),
        "mc_id": table["mc_id"].astype(np.int32),
    }
    known = ROW_TABLES["events"]
    units = {name.lower(): unit for name, unit in known.units.items()}
    variables = {
        name: (known.dim, values, {"units": units[name]} if name in units else {})
        for name, values in columns.items()
    }
    return xr.Dataset(variables)
