"""An observation as a `~xarray.DataTree`, and what can be asked of it.

Every function takes an observation (groups ``events``, ``gti``, ``pointing``,
``aeff``, …; keywords of the EVENTS HDU as attributes of the root) and leaves it
alone.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.arguments import observation
from xgamma.dl3.times import MissionTime
from xgamma.errors import MissingDataError, XGammaWarning

if TYPE_CHECKING:
    from astropy.coordinates import EarthLocation, SkyCoord
    from astropy.time import Time

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


def number(value: Any) -> float:
    """Return a keyword as a number, NaN where it is absent or a text such as 'NONE'."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def group(obs: xr.DataTree, name: str) -> xr.Dataset:
    """Return one group of an observation as a dataset.

    Parameters
    ----------
    obs : DataTree
        Observation.
    name : str
        ``events``, ``gti``, ``pointing``, ``aeff``, ``edisp``, ``psf``, ``bkg`` or ``rad_max``.

    Returns
    -------
    dataset : Dataset
        The group; its variables share their memory with the observation.

    Raises
    ------
    MissingDataError
        If the observation has no such group.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> group(simulate_observation(events=False), "aeff").aeff.dims
    ('energy_true', 'offset')
    """
    node = obs.children.get(name)
    if node is None:
        raise MissingDataError(
            f"Run {obs_id(obs)} has no {name!r}: it has {', '.join(obs.children) or 'no groups'}."
        )
    return node.to_dataset(inherit=False)


def obs_id(obs: xr.DataTree) -> int | str:
    """Return OBS_ID, or the name of the tree where there is none.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> obs_id(simulate_observation(events=False, obs_id=7))
    7
    """
    value = observation(obs).attrs.get("OBS_ID", obs.name)
    return value if isinstance(value, str) else int(value) if value is not None else ""


def mission_time(obs: xr.DataTree) -> MissionTime:
    """Return the time reference of an observation.

    Parameters
    ----------
    obs : DataTree
        Observation; the keywords of its GTIs, else of its events, are used.

    Returns
    -------
    reference : MissionTime
        Reference with its scale; TT where TIMESYS is missing, as GADF says.

    Raises
    ------
    MissingDataError
        If MJDREFI is in neither header.
    """
    for attrs in (obs["gti"].attrs if "gti" in obs else {}, obs.attrs):
        if "MJDREFI" in attrs:
            return MissionTime(
                float(attrs["MJDREFI"]),
                float(attrs.get("MJDREFF", 0.0)),
                str(attrs.get("TIMESYS", "TT")).strip().lower(),
            )
    raise MissingDataError(
        f"Run {obs_id(obs)}: MJDREFI is in the header of neither GTI nor EVENTS; "
        f"set it, for instance obs.attrs['MJDREFI'] = 51910."
    )


def gti_bounds(obs: xr.DataTree) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and stops of the good time intervals, mission seconds, shape (gti,).

    A run without a GTI table has one interval, TSTART to TSTOP.
    """
    if "gti" in obs.children:
        gti = group(obs, "gti")
        return gti["start"].values, gti["stop"].values
    if "TSTART" in obs.attrs and "TSTOP" in obs.attrs:
        return np.array([float(obs.attrs["TSTART"])]), np.array([float(obs.attrs["TSTOP"])])
    raise MissingDataError(
        f"Run {obs_id(obs)} has neither a GTI table nor TSTART and TSTOP: its time is not known."
    )


def ontime(obs: xr.DataTree) -> float:
    """Return the sum of the good time intervals in seconds (0 when there are none).

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> round(ontime(simulate_observation(events=False, livetime="28 min", dead_time=0.06)), 1)
    1787.2
    """
    start, stop = gti_bounds(obs)
    return float((stop - start).sum())


def deadtime_correction(obs: xr.DataTree) -> float:
    """Return the live fraction of the ontime: DEADC, else LIVETIME / ONTIME, else 1 with a warning."""
    value = number(obs.attrs.get("DEADC"))
    if np.isfinite(value):
        return value
    value = number(obs.attrs.get("LIVETIME")) / number(obs.attrs.get("ONTIME") or np.nan)
    if np.isfinite(value):
        return value
    warnings.warn(
        f"Run {obs_id(obs)} has neither DEADC nor LIVETIME and ONTIME: no dead time is assumed.",
        XGammaWarning,
        stacklevel=3,
    )
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


def _bounds(obs: xr.DataTree) -> tuple[float, float]:
    start, stop = gti_bounds(obs)
    if start.size:
        return float(start.min()), float(stop.max())
    edges = number(obs.attrs.get("TSTART")), number(obs.attrs.get("TSTOP"))
    if np.isfinite(edges).all():
        return edges
    raise MissingDataError(
        f"Run {obs_id(obs)} has no good time interval and no TSTART and TSTOP: its time is not known."
    )


def tstart(obs: xr.DataTree) -> Time:
    """Return the start of the first good time interval, scale TT.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> obs = simulate_observation(events=False)
    >>> round(float((tmid(obs) - tstart(obs)).sec), 1)
    893.6
    """
    return mission_time(obs).to_time(_bounds(obs)[0])


def tstop(obs: xr.DataTree) -> Time:
    """Return the end of the last good time interval, scale TT.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> obs = simulate_observation(events=False)
    >>> round(float((tstop(obs) - tstart(obs)).sec), 1)
    1787.2
    """
    return mission_time(obs).to_time(_bounds(obs)[1])


def tmid(obs: xr.DataTree) -> Time:
    """Return the time halfway between first start and last stop, scale TT.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> tmid(simulate_observation(events=False)).isot[:10]
    '2020-01-02'
    """
    return mission_time(obs).to_time(0.5 * sum(_bounds(obs)))


def location(obs: xr.DataTree) -> EarthLocation | None:
    """Return the place of the telescopes (GEOLON, GEOLAT in deg, ALTITUDE in m), or None.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> round(float(location(simulate_observation(events=False)).lat.deg), 1)
    -23.3
    """
    from astropy.coordinates import EarthLocation

    lon, lat = number(obs.attrs.get("GEOLON")), number(obs.attrs.get("GEOLAT"))
    if not np.isfinite([lon, lat]).all():
        return None
    height = number(obs.attrs.get("ALTITUDE", 0.0))
    return EarthLocation.from_geodetic(lon, lat, height if np.isfinite(height) else 0.0)


def pointing(obs: xr.DataTree) -> SkyCoord:
    """Return the pointing position.

    Parameters
    ----------
    obs : DataTree
        Observation.

    Returns
    -------
    position : SkyCoord
        ICRS. A run that keeps altitude and azimuth (drift scan) gives the
        position at mid-time.

    Raises
    ------
    MissingDataError
        If there is no pointing.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> pointing(simulate_observation("83.63d 22.51d", events=False)).to_string(precision=2)
    '83.63 22.51'
    """
    from astropy.coordinates import SkyCoord

    ra, dec, alt, az = _pointing_scalars(obs)
    if np.isfinite([ra, dec]).all():
        return SkyCoord(ra, dec, unit="deg", frame="icrs")
    place = location(obs)
    if place is None or not np.isfinite([alt, az]).all():
        raise MissingDataError(
            f"Run {obs_id(obs)} has no pointing: RA_PNT and DEC_PNT (or ALT_PNT, AZ_PNT, GEOLON and "
            f"GEOLAT) are missing from the EVENTS header."
        )
    return _horizon(az, alt, obs, place).icrs


def _pointing_scalars(obs: xr.DataTree) -> tuple[float, float, float, float]:
    if "pointing" not in obs:
        return (float("nan"),) * 4
    node = group(obs, "pointing")
    ra, dec, alt, az = (float(node[name].values) for name in ("ra", "dec", "alt", "az"))
    return ra, dec, alt, az


def _horizon(az: float, alt: float, obs: xr.DataTree, place: Any) -> SkyCoord:
    from astropy.coordinates import AltAz, SkyCoord

    return SkyCoord(az, alt, unit="deg", frame=AltAz(obstime=tmid(obs), location=place))


def pointing_altaz(obs: xr.DataTree) -> SkyCoord:
    """Return the pointing in altitude and azimuth.

    Parameters
    ----------
    obs : DataTree
        Observation with a location.

    Returns
    -------
    position : SkyCoord
        AltAz frame at mid-time: ALT_PNT and AZ_PNT where given, else computed.

    Raises
    ------
    MissingDataError
        If the place of the telescopes is not known.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> round(float(pointing_altaz(simulate_observation(events=False)).alt.deg))
    38
    """
    place = location(obs)
    if place is None:
        raise MissingDataError(
            f"Run {obs_id(obs)} has no location: GEOLON and GEOLAT are missing from the EVENTS header."
        )
    _, _, alt, az = _pointing_scalars(obs)
    if np.isfinite([alt, az]).all():
        return _horizon(az, alt, obs, place)
    from astropy.coordinates import AltAz

    return pointing(obs).transform_to(AltAz(obstime=tmid(obs), location=place))


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
