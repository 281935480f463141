"""When simulated runs are taken, and the keywords of their headers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from astropy.coordinates import SkyCoord

from xgamma.core.units import time_value, to_value
from xgamma.errors import XGammaError
from xgamma.numerics.earth import J2000, sidereal_time
from xgamma.numerics.sphere import lonlat_to_vector, offset_basis, separation
from xgamma.typing import DurationLike, TimeLike

__all__ = [
    "SITE",
    "altaz",
    "gti_group",
    "intervals",
    "pointing_group",
    "run_keywords",
    "schedule",
    "times",
]

# The site of H.E.S.S. in Namibia: longitude and latitude (deg), height (m).
SITE = (16.5002222222222, -23.2717777777778, 1835.0)
# Reference of times, 2001-01-01T00:00:00 UTC as MJD in TT.
MJDREFI, MJDREFF = 51910, 7.4287037037037e-4
TT_MINUS_UTC = 69.184
SIDEREAL_DAY = 86164.0905
# Length of the part of a night in which runs are taken, and the pause between two, in s.
NIGHT, PAUSE = 4 * 3600.0, 120.0


def schedule(number: int, ontime: float, start: TimeLike, right_ascension: float) -> float:
    """Return when a run starts, in s since MJDREF.

    Runs follow each other around the upper culmination of the target, as many as fit into
    four hours, then go on in the next free night. A run's time depends on its number
    only, not on how many there are.

    Parameters
    ----------
    number : int
        Number of the run, from 0.
    ontime : float
        Duration in s.
    start : Time or str
        Runs are taken after it.
    right_ascension : float
        Of the target, degrees.

    Returns
    -------
    start : float
        Whole seconds since MJDREF.

    Examples
    --------
    >>> schedule(1, 1800.0, "2020-01-01", 83.63) - schedule(0, 1800.0, "2020-01-01", 83.63)
    1920.0
    """
    since = (float(time_value(start).tt.mjd) - MJDREFI - MJDREFF) * 86400.0
    step = ontime + PAUSE
    per_night = max(1, int(NIGHT // step))
    nights = math.ceil((step * per_night + NIGHT) / SIDEREAL_DAY)
    hour_angle = (sidereal_angle(since) - right_ascension) % 360.0
    # A first culmination at which a whole series of runs fits after `start`.
    culmination = since + (360.0 - hour_angle) / 360.0 * SIDEREAL_DAY
    culmination += math.ceil(step * per_night / 2.0 / SIDEREAL_DAY) * SIDEREAL_DAY
    night, slot = divmod(number, per_night)
    return (
        round(culmination + night * nights * SIDEREAL_DAY + (slot - per_night / 2.0) * step) * 1.0
    )


def sidereal_angle(time: float, longitude: float = SITE[0]) -> float:
    """Return the local mean sidereal time in degrees at s since MJDREF."""
    mjd = MJDREFI + MJDREFF + (time - TT_MINUS_UTC) / 86400.0
    return (sidereal_time(mjd) + longitude) % 360.0


def altaz(
    ra: float, dec: float, time: float, site: tuple[float, float, float] = SITE
) -> tuple[float, float]:
    """Return altitude and azimuth (from north through east) in degrees.

    Precession is taken to first order, nutation, aberration and refraction are left out:
    good to an arcminute or two, enough for a header.

    Parameters
    ----------
    ra, dec : float
        ICRS position in degrees.
    time : float
        Seconds since MJDREF.
    site : (float, float, float)
        Longitude, latitude (deg) and height (m).

    Returns
    -------
    alt, az : float
        Degrees.

    Examples
    --------
    >>> culmination = schedule(0, 0.0, "2020-01-01", 83.63) + 7200.0
    >>> alt, az = altaz(83.63, 22.01, culmination)
    >>> round(alt), round(az)
    (45, 0)
    """
    years = (MJDREFI - J2000 + time / 86400.0) / 365.25
    a, d = np.deg2rad(ra), np.deg2rad(dec)
    # Annual precession in right ascension and declination: m, n of J2000.
    ra = ra + years * (46.124 + 20.043 * np.sin(a) * np.tan(d)) / 3600.0
    dec = dec + years * 20.043 * np.cos(a) / 3600.0
    zenith = offset_basis(sidereal_angle(time, site[0]), site[1])
    up, east, north = zenith @ lonlat_to_vector(np.array(ra), np.array(dec))
    return float(np.rad2deg(np.arcsin(up))), float(np.rad2deg(np.arctan2(east, north)) % 360.0)


def _utc(time: float) -> tuple[str, str]:
    """Return the date and the time of day (UTC) of s since MJDREF."""
    days = MJDREFI + MJDREFF + (time - TT_MINUS_UTC) / 86400.0
    stamp = np.datetime64("1858-11-17", "ms") + np.timedelta64(round(days * 86400e3), "ms")
    date, clock = str(stamp).split("T")
    return date, clock


def run_keywords(
    obs_id: int,
    pointing: tuple[float, float],
    target: tuple[float, float] | None,
    gti: np.ndarray,
    dead_time: float,
) -> dict[str, Any]:
    """Return the keywords of a run's EVENTS header.

    Parameters
    ----------
    obs_id : int
        Number of the run.
    pointing, target : (float, float)
        ICRS positions in degrees; the target may be absent.
    gti : ndarray
        Good time intervals in s since MJDREF, shape (n, 2).
    dead_time : float
        Fraction of the time in which no event can be recorded.

    Returns
    -------
    keywords : dict
        GADF spelling.
    """
    start, stop = float(gti[0, 0]), float(gti[-1, 1])
    ontime = float(np.sum(gti[:, 1] - gti[:, 0]))
    alt, az = altaz(*pointing, 0.5 * (start + stop))
    galactic = SkyCoord(*pointing, unit="deg", frame="icrs").galactic
    (date_obs, time_obs), (date_end, time_end) = _utc(start), _utc(stop)
    return {
        "OBS_ID": obs_id,
        "CREATOR": "xgamma",
        "ORIGIN": "xgamma simulation",
        "TELESCOP": "SIMULATED",
        "INSTRUME": "SIMULATED",
        **TIME_SYSTEM,
        "TSTART": start,
        "TSTOP": stop,
        "TELAPSE": stop - start,
        "ONTIME": ontime,
        "LIVETIME": ontime * (1.0 - dead_time),
        "DEADC": 1.0 - dead_time,
        "DATE-OBS": date_obs,
        "TIME-OBS": time_obs,
        "DATE-END": date_end,
        "TIME-END": time_end,
        **_target_keywords(pointing, target),
        "RA_PNT": pointing[0],
        "DEC_PNT": pointing[1],
        "GLON_PNT": float(galactic.l.deg),
        "GLAT_PNT": float(galactic.b.deg),
        "ALT_PNT": alt,
        "AZ_PNT": az,
        "RADECSYS": "ICRS",
        "EQUINOX": 2000.0,
        "GEOLON": SITE[0],
        "GEOLAT": SITE[1],
        "ALTITUDE": SITE[2],
        "N_TELS": 4,
        "TELLIST": "1,2,3,4",
        "EUNIT": "TeV",
    }


TIME_SYSTEM = {
    "MJDREFI": MJDREFI,
    "MJDREFF": MJDREFF,
    "TIMEUNIT": "s",
    "TIMESYS": "TT",
    "TIMEREF": "LOCAL",
}


def _target_keywords(
    pointing: tuple[float, float], target: tuple[float, float] | None
) -> dict[str, Any]:
    if target is None:
        return {"OBJECT": "Empty field", "OBS_MODE": "POINTING"}
    here = lonlat_to_vector(np.array(pointing[0]), np.array(pointing[1]))
    off = float(separation(here, lonlat_to_vector(np.array(target[0]), np.array(target[1]))))
    mode = "WOBBLE" if off > 0 else "POINTING"
    return {
        "OBJECT": "Simulated source",
        "OBS_MODE": mode,
        "RA_OBJ": target[0],
        "DEC_OBJ": target[1],
    }


def intervals(
    livetime: DurationLike,
    dead_time: float,
    n_gti: int,
    number: int,
    start: TimeLike,
    right_ascension: float,
) -> np.ndarray:
    """Return good time intervals of equal length, shape (n, 2), in s since MJDREF."""
    seconds = to_value(livetime, "s", "livetime")
    if not seconds > 0 or n_gti < 1:
        raise XGammaError(
            f"A run requires a livetime above 0 s and at least one GTI, not {seconds} and {n_gti}."
        )
    if not 0 <= dead_time < 1:
        raise XGammaError(f"dead_time={dead_time} must be a fraction of at least 0 and below 1.")
    ontime = seconds / (1.0 - dead_time)
    gap = 30.0
    begin = schedule(number, ontime + (n_gti - 1) * gap, start, right_ascension)
    starts = begin + np.arange(n_gti) * (ontime / n_gti + gap)
    return np.stack([starts, starts + ontime / n_gti], axis=1)


def times(rng: np.random.Generator, gti: np.ndarray, size: int) -> np.ndarray:
    """Draw times uniform in the intervals."""
    length = gti[:, 1] - gti[:, 0]
    passed = np.cumsum(length)
    moment = rng.random(size) * passed[-1]
    interval = np.minimum(np.searchsorted(passed, moment, side="right"), len(gti) - 1)
    values: np.ndarray = gti[interval, 1] - (passed[interval] - moment)
    return values


def gti_group(gti: np.ndarray) -> xr.Dataset:
    """Label good time intervals, shape (n, 2), as the observation schema has them."""
    columns = {n: ("gti", gti[:, k], {"units": "s"}) for k, n in enumerate(("start", "stop"))}
    return xr.Dataset(columns, attrs=dict(TIME_SYSTEM))


def pointing_group(keywords: Mapping[str, Any]) -> xr.Dataset:
    """Label the pointing in a run's keywords as the observation schema has it."""
    names = {"ra": "RA_PNT", "dec": "DEC_PNT", "alt": "ALT_PNT", "az": "AZ_PNT"}
    return xr.Dataset({n: ((), float(keywords[k]), {"units": "deg"}) for n, k in names.items()})
