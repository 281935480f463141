"""Alignment of background axes on the sky, and rotation of fields in altitude and azimuth."""

from __future__ import annotations

import numpy as np
import xarray as xr
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation

from xgamma.dl3 import observation
from xgamma.errors import MissingDataError, XGammaError

__all__ = ["alignment_of", "altaz_bases", "good_seconds", "rotation_times"]

EARTH_RATE = 360.0 / 86400.0  # degrees of rotation a second, as gammapy: solar, not sidereal
MIN_TIME_STEP = 1.0
# The rotation is found every so many seconds, and straight between; never less than TINY deg/s.
GRID, TINY = 20.0, 1e-9


def alignment_of(ds: xr.Dataset, obs: xr.DataTree) -> str:
    """Return the alignment of the detector axes of a background on the sky.

    Parameters
    ----------
    ds : Dataset
        Background response.
    obs : DataTree
        The run it belongs to.

    Returns
    -------
    alignment : {"RADEC", "ALTAZ", "REVERSE_LON_RADEC"}
        Of FOVALIGN.

    Raises
    ------
    XGammaError
        If FOVALIGN is neither RADEC nor ALTAZ.

    Notes
    -----
    Files of H.E.S.S. DL3 DR1 say RADEC, but their DETX grows to the east, against GADF: the
    off-source events of the 29 runs decide it (tests/makers/test_hess_alignment.py). A model that
    xgamma made for such a run follows GADF.
    """
    text = str(ds.attrs.get("FOVALIGN", "RADEC")).strip().upper()
    writer = obs.children["events"].attrs if "events" in obs.children else {}
    ours = str(ds.attrs.get("CREATOR", "")).startswith("xgamma")
    old_hess = not ours and str(writer.get("CREATOR", "")).startswith("SASH FITS::EventListWriter")
    if text == "RADEC" and old_hess and str(writer.get("HDUVERS", "")).strip() == "0.2":
        return "REVERSE_LON_RADEC"
    if text not in {"RADEC", "ALTAZ", "REVERSE_LON_RADEC"}:
        raise XGammaError(
            f"FOVALIGN={text!r} of the background is not recognised: it must be RADEC or ALTAZ."
        )
    return text


def rotation_times(obs: xr.DataTree, step: float = 1.0) -> np.ndarray:
    """Return times at which a field in altitude and azimuth has turned by one step each.

    Parameters
    ----------
    obs : DataTree
        Observation, with the location of the telescopes.
    step : float
        Largest rotation, degrees.

    Returns
    -------
    times : ndarray
        Seconds after the start of the observation, from its first good time to its last, with
        both ends of each gap that a step would cross.

    References
    ----------
    The field turns at the rate ``ω cos(latitude) cos(azimuth) / cos(altitude)``.
    """
    place = observation.location(obs)
    if place is None:
        raise MissingDataError(
            f"Run {observation.obs_id(obs)} has a background in ALTAZ alignment but no GEOLON and GEOLAT: add them to the EVENTS header."
        )
    starts, stops = good_seconds(obs)
    grid = np.linspace(0.0, stops[-1], 2 + int(stops[-1] / GRID))
    rates = _turning(obs, grid, place)
    times = [0.0]
    while times[-1] < stops[-1]:
        delta = step / float(np.interp(times[-1], grid, rates))
        last = times[-1] + max(delta, MIN_TIME_STEP)
        # A step ends with the good time it reaches; what begins after a gap is a new one.
        reached = int(np.searchsorted(starts, last)) - 1
        times.append(min(last, stops[reached]))
        if last >= stops[reached] and reached + 1 < starts.size:
            times.append(starts[reached + 1])
    return np.array(times)


def _turning(obs: xr.DataTree, seconds: np.ndarray, place: EarthLocation) -> np.ndarray:
    """Return by how much the field turns at some times, deg/s."""
    here = AltAz(obstime=observation.tstart(obs) + seconds * u.s, location=place)
    at = observation.pointing(obs).transform_to(here)
    with np.errstate(divide="ignore"):
        rate = np.cos(place.lat.rad) * np.abs(np.cos(at.az.rad)) / np.cos(at.alt.rad)
    return np.asarray(np.maximum(EARTH_RATE * rate, TINY))


def good_seconds(obs: xr.DataTree) -> tuple[np.ndarray, np.ndarray]:
    """Return the good time intervals, seconds after the start of the observation."""
    starts, stops = observation.gti_bounds(obs)
    return starts - starts[0], stops - starts[0]


def altaz_bases(obs: xr.DataTree, seconds: np.ndarray, frame: str) -> np.ndarray:
    """Return the axes of the field in altitude and azimuth at some times.

    Parameters
    ----------
    obs : DataTree
        Observation, with the location of the telescopes.
    seconds : ndarray
        After the start of the observation, shape (n,).
    frame : str
        Frame of the result.

    Returns
    -------
    bases : ndarray
        For each time the rows (towards the pointing, towards larger azimuth, up), shape (n, 3, 3).
    """
    place = observation.location(obs)
    here = AltAz(obstime=observation.tstart(obs) + seconds * u.s, location=place)
    at = observation.pointing(obs).transform_to(here)
    # A short arc along azimuth gives the direction of the horizon at the pointing; the
    # rotation is rigid to the small change of aberration across the field (below 1e-5 deg).
    east = at.directional_offset_by(90 * u.deg, 0.01 * u.deg)
    ahead, along = (c.transform_to(frame).cartesian.xyz.value.T for c in (at, east))
    along = along - ahead * (along * ahead).sum(axis=1, keepdims=True)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    # Azimuth runs from north over east, against the hand of right ascension.
    return np.stack([ahead, along, np.cross(along, ahead)], axis=1)
