"""Zenith angles of runs from their headers, where no run is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.coordinates import CIRS, SkyCoord
from astropy.time import Time

from xgamma.errors import XGammaError
from xgamma.fits.keywords import number
from xgamma.fits.times import MissionTime
from xgamma.numerics.earth import rotation_angle

__all__ = ["zenith_angles"]


def zenith_angles(headers: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return the zenith angles of pointings at the middle of their runs.

    Parameters
    ----------
    headers : sequence of mapping
        EVENTS keywords: RA_PNT and DEC_PNT, TSTART and TSTOP with MJDREFI, GEOLON and GEOLAT.

    Returns
    -------
    zenith : ndarray
        Shape (n,), deg, from position, time and site, to 0.01 deg. Where one of these is missing
        or cannot be, and for drift scans (OBS_MODE), 90 deg minus ALT_PNT, NaN without it.

    Notes
    -----
    The hour angle is the Earth rotation angle of UTC (IAU 2000), which differs from that of UT1 by
    0.004 deg at most: no table of the Earth's rotation is needed, so none is fetched.

    Examples
    --------
    >>> zenith_angles([{"ALT_PNT": 60.0}, {}])
    array([30., nan])
    """
    zenith = 90.0 - np.array([number(header.get("ALT_PNT")) for header in headers])
    values = np.array([_ingredients(header) for header in headers]).reshape(-1, 5)
    known = np.isfinite(values).all(axis=1)
    if known.any():
        zenith[known] = 90.0 - _altitude(*values[known].T)
    return zenith


def _ingredients(header: Mapping[str, Any]) -> list[float]:
    """Return right ascension, declination, MJD (TT), longitude and latitude; NaN where unknown."""
    unknown = [float("nan")] * 5
    if str(header.get("OBS_MODE") or "").strip().upper() == "DRIFT":
        return unknown
    try:
        reference = MissionTime.from_header(header, "The header")
    except XGammaError:
        return unknown
    if reference is None:
        return unknown
    middle = 0.5 * (number(header.get("TSTART")) + number(header.get("TSTOP")))
    ra, dec, lon, lat = (
        number(header.get(key)) for key in ("RA_PNT", "DEC_PNT", "GEOLON", "GEOLAT")
    )
    if not (abs(dec) <= 90 and abs(lat) <= 90 and abs(lon) <= 360 and np.isfinite(middle)):
        return unknown
    return [ra, dec, float(reference.reference.mjd) + middle / 86400.0, lon, lat]


def _altitude(
    ra: np.ndarray, dec: np.ndarray, mjd: np.ndarray, lon: np.ndarray, lat: np.ndarray
) -> np.ndarray:
    """Return altitudes, without refraction; all in deg."""
    time = Time(mjd, format="mjd", scale="tt")
    now = SkyCoord(ra, dec, unit="deg", frame="icrs").transform_to(CIRS(obstime=time))
    hour = np.deg2rad(rotation_angle(time.utc.mjd) + lon - now.ra.deg)
    place, height = np.deg2rad(lat), now.dec.rad
    sine = np.sin(place) * np.sin(height) + np.cos(place) * np.cos(height) * np.cos(hour)
    return np.asarray(np.rad2deg(np.arcsin(np.clip(sine, -1.0, 1.0))))
