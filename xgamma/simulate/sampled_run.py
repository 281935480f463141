"""Sampled events as an observation."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from astropy.coordinates import SkyCoord
from astropy.time import Time

from xgamma.datasets.rows import good_times
from xgamma.fitting.compiled import Compiled
from xgamma.model import sky
from xgamma.model.livetime import livetime_of, reference_time_of
from xgamma.modeling.count_models import TemplateNPred
from xgamma.modeling.sky_model import SkyModel

# Columns of sampled events, in the order in which they are drawn.
Columns = dict[str, np.ndarray]


def inside_map(data: Compiled, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return which positions lie on the map."""
    if ra.size == 0:
        return np.zeros(0, dtype=bool)
    x, y = sky.world_to_pix(data.ds, SkyCoord(ra, dec, unit="deg"))
    (y0, x0), (dy, dx) = data.origin, data.label_step
    py, px = (y - y0) / dy, (x - x0) / dx
    _, ny, nx = data.shape
    return (py >= -0.5) & (py < ny - 0.5) & (px >= -0.5) & (px < nx - 0.5)


def livetime(data: Compiled, ontime: float) -> float:
    """Return the live time that the dataset states, in s; all of the time if it does not."""
    stated = livetime_of(data.ds)
    return min(stated, ontime) if stated is not None and stated > 0 else ontime


def as_observation(
    data: Compiled, table: Columns, sources: list[SkyModel | TemplateNPred], obs_id: int
) -> xr.DataTree:
    """Label events as an observation, times counted from the dataset's reference."""
    gti = np.stack(good_times(data.ds), axis=1)
    place, clock = _pointing(data), _clock(data)
    spans = {n: ("gti", gti[:, k], {"units": "s"}) for k, n in enumerate(("start", "stop"))}
    pointing = {**place, "alt": np.nan, "az": np.nan}
    groups = {
        "/": xr.Dataset(attrs=_keywords(data, gti, place, clock, sources, obs_id)),
        "/events": _event_table(table, sources),
        "/gti": xr.Dataset(spans, attrs=clock),
        "/pointing": xr.Dataset({n: ((), v, {"units": "deg"}) for n, v in pointing.items()}),
    }
    return xr.DataTree.from_dict(groups, name=str(obs_id))


def _pointing(data: Compiled) -> dict[str, float]:
    """Return where the dataset's run pointed, else the centre of the map; degrees, ICRS."""
    middle = sky.center(data.ds).icrs
    known = (("ra", "pointing_lon", middle.ra.deg), ("dec", "pointing_lat", middle.dec.deg))
    return {
        key: float(np.atleast_1d(data.ds[name].values)[0]) if name in data.ds else float(value)
        for key, name, value in known
    }


def _clock(data: Compiled) -> dict[str, Any]:
    """Return the keywords that say from when times count."""
    mjd = Time(reference_time_of(data.ds), scale="tt").mjd
    return {
        "MJDREFI": int(np.floor(mjd)),
        "MJDREFF": float(mjd - np.floor(mjd)),
        "TIMEUNIT": "s",
        "TIMESYS": "TT",
        "TIMEREF": "LOCAL",
    }


def _keywords(
    data: Compiled,
    gti: np.ndarray,
    place: dict[str, float],
    clock: dict[str, Any],
    sources: list[SkyModel | TemplateNPred],
    obs_id: int,
) -> dict[str, Any]:
    """Return the keywords of the observation, in the spelling of GADF."""
    ontime = float(np.sum(gti[:, 1] - gti[:, 0]))
    live = livetime(data, ontime)
    return {
        "OBS_ID": obs_id,
        "CREATOR": "xgamma",
        "TELESCOP": "SIMULATED",
        "OBJECT": sources[0].name if sources else "Empty field",
        **clock,
        "TSTART": float(gti[0, 0]),
        "TSTOP": float(gti[-1, 1]),
        "ONTIME": ontime,
        "LIVETIME": live,
        "DEADC": live / ontime if ontime > 0 else 1.0,
        "RA_PNT": place["ra"],
        "DEC_PNT": place["dec"],
        "RADECSYS": "ICRS",
        "EQUINOX": 2000.0,
    }


def _event_table(table: Columns, sources: list[SkyModel | TemplateNPred]) -> xr.Dataset:
    """Return the events with units, and the names of the sources that they come from."""
    units = {"time": "s", "energy": "TeV", "energy_true": "TeV"}
    units |= dict.fromkeys(("ra", "dec", "ra_true", "dec_true"), "deg")
    size = table["time"].size
    columns: dict[str, Any] = {"event_id": ("event", np.arange(1, size + 1, dtype=np.int64))}
    for name, values in table.items():
        attrs = {"units": units[name]} if name in units else {}
        columns[name] = ("event", values, attrs)
    numbers = {f"MID{i:05d}": i for i in range(1, len(sources) + 1)}
    names = {f"MMN{i:05d}": model.name for i, model in enumerate(sources, 1)}
    return xr.Dataset(columns, attrs={**numbers, **names})
