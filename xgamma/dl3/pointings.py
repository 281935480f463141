"""Where an observation pointed: on the sky, above the horizon, and from which place."""

from __future__ import annotations

import functools

import numpy as np
import xarray as xr
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.utils import iers

from xgamma.dl3.good_time import mission_time, tmid
from xgamma.dl3.groups import group, obs_id
from xgamma.errors import MissingDataError, XGammaError
from xgamma.fits.keywords import number
from xgamma.fits.times import MissionTime
from xgamma.numerics import sphere

__all__ = ["location", "pointing", "pointing_altaz"]

# How far, in seconds, a POINTING table may fail to reach the middle of the run.
MARGIN = 60.0


def location(obs: xr.DataTree) -> EarthLocation | None:
    """Return the location of the telescopes (GEOLON, GEOLAT in deg, ALTITUDE in m), or None.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> round(float(location(simulate_observation(events=False)).lat.deg), 1)
    -23.3
    """
    lon, lat = (number(obs.attrs.get(key)) for key in ("GEOLON", "GEOLAT"))
    if not np.isfinite([lon, lat]).all():
        return None
    if not (-90.0 <= lat <= 90.0 and -360.0 <= lon <= 360.0):
        raise XGammaError(
            f"Run {obs_id(obs)}: GEOLON={lon:g}, GEOLAT={lat:g} is not a location on Earth: "
            "correct the EVENTS header."
        )
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
        ICRS: RA_PNT and DEC_PNT of the EVENTS header; where they are missing, the position of
        the POINTING table at mid-time. A drift scan (OBS_MODE), which keeps altitude and
        azimuth, gives the position at mid-time.

    Raises
    ------
    MissingDataError
        If there is no pointing. ALT_PNT and AZ_PNT count for drift scans alone: those of a run
        that follows the sky are of some moment, and up to degrees off.
    XGammaError
        If the position is not a valid sky position.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> pointing(simulate_observation("83.63d 22.51d", events=False)).to_string(precision=2)
    '83.63 22.51'
    """
    fixed = _fixed_altaz(obs)
    if fixed is not None:
        return fixed.icrs
    ra, dec = _scalars(obs, "ra", "dec")
    if np.isfinite([ra, dec]).all():
        return _icrs(obs, ra, dec)
    position = _table_position(obs)
    if position is None:
        raise MissingDataError(
            f"Run {obs_id(obs)} has no pointing: RA_PNT or DEC_PNT is missing from the EVENTS header; "
            f"set obs['pointing']['ra'] and ['dec'] (or, for a drift scan, obs.attrs['OBS_MODE'] = "
            f"'DRIFT', with ALT_PNT, AZ_PNT, GEOLON and GEOLAT)."
        )
    return position


def has_pointing(obs: xr.DataTree) -> bool:
    """Return whether an observation has pointing information; scanning satellites have none.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> has_pointing(simulate_observation(events=False))
    True
    """
    return "pointing" in obs.children


def _scalars(obs: xr.DataTree, *names: str) -> list[float]:
    """Return scalars of the group ``pointing``, NaN where they are missing."""
    node = group(obs, "pointing") if "pointing" in obs.children else {}
    known = node.variables if isinstance(node, xr.Dataset) else node
    return [float(known[name].values) if name in known else float("nan") for name in names]


def _icrs(obs: xr.DataTree, ra: float, dec: float) -> SkyCoord:
    if not (-360.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0):
        raise XGammaError(
            f"Run {obs_id(obs)}: RA_PNT={ra:g}, DEC_PNT={dec:g} is not a position on the sky: "
            "correct the EVENTS header."
        )
    return _position(ra, dec)


@functools.lru_cache(maxsize=64)
def _position(ra: float, dec: float) -> SkyCoord:
    """Return a position: cutout, makers and masks ask for that of their run."""
    return SkyCoord(ra, dec, unit="deg", frame="icrs")


def _fixed_altaz(obs: xr.DataTree) -> SkyCoord | None:
    """Return where a drift scan points above the horizon, None for a run that follows the sky."""
    if str(obs.attrs.get("OBS_MODE", "")).strip().upper() != "DRIFT":
        return None
    alt, az = _scalars(obs, "alt", "az")
    place = location(obs)
    if place is None or not np.isfinite([alt, az]).all():
        return None
    if not -90.0 <= alt <= 90.0:
        raise XGammaError(
            f"Run {obs_id(obs)}: ALT_PNT={alt:g} is not a valid altitude: correct the EVENTS header."
        )
    return SkyCoord(az, alt, unit="deg", frame=AltAz(obstime=tmid(obs), location=place))


def _table_position(obs: xr.DataTree) -> SkyCoord | None:
    """Return the position of the POINTING table at mid-time, None where it does not tell.

    Between two rows the direction is interpolated linearly, as a vector.
    """
    node = group(obs, "pointing") if "pointing" in obs.children else xr.Dataset()
    if not {"time", "ra_pnt", "dec_pnt"} <= set(node.variables):
        return None
    own = MissionTime.from_header(node.attrs, f"POINTING of run {obs_id(obs)}")
    reference = mission_time(obs)
    seconds, ra, dec = (
        np.asarray(node[n].values, dtype=float) for n in ("time", "ra_pnt", "dec_pnt")
    )
    known = np.isfinite(seconds) & np.isfinite(ra) & np.isfinite(dec)
    seconds, vectors = seconds[known], sphere.lonlat_to_vector(ra[known], dec[known])
    middle = reference.to_seconds(tmid(obs))
    if own is not None:
        middle -= own.seconds_since(reference)
    if not seconds.size or not seconds.min() - MARGIN <= middle <= seconds.max() + MARGIN:
        return None
    order = np.argsort(seconds)
    vector = np.array([np.interp(middle, seconds[order], one[order]) for one in vectors])
    lon, lat = sphere.vector_to_lonlat(vector)
    return _icrs(obs, float(lon), float(lat))


def pointing_altaz(obs: xr.DataTree) -> SkyCoord:
    """Return the pointing in altitude and azimuth.

    Parameters
    ----------
    obs : DataTree
        Observation with a location.

    Returns
    -------
    position : SkyCoord
        AltAz frame at mid-time, without refraction: the position of the POINTING table at that
        time where it covers it, else `pointing`, seen from the place of the telescopes. ALT_PNT
        and AZ_PNT of the header are used for drift scans (OBS_MODE) only: elsewhere they are
        those of some moment, or placeholders.

    Raises
    ------
    MissingDataError
        If the location of the telescopes, or the pointing, is unknown.

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
    fixed = _fixed_altaz(obs)
    if fixed is not None:
        return fixed
    position = _table_position(obs)
    if position is None:
        position = pointing(obs)
    # The rotation of the Earth is not known of times to come; it is of no account here.
    with iers.conf.set_temp("auto_max_age", None):
        return position.transform_to(AltAz(obstime=tmid(obs), location=place))
