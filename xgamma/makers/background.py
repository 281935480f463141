"""Background of a run from its response: rate integrated over energy, per pixel and on time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from astropy import units as u
from astropy.coordinates import AltAz, SkyCoord

from xgamma.dl3 import observation
from xgamma.errors import MissingDataError, XGammaError
from xgamma.irf.background_rate import Rate, log_rate
from xgamma.irf.response import grid_axis
from xgamma.makers.field import Field, require_time, warn_outside
from xgamma.model import sky
from xgamma.model.create import variable_attrs
from xgamma.model.responses import response
from xgamma.numerics.intervals import trapezoid_weights

__all__ = ["background", "rotation_times"]

EARTH_RATE = 360.0 / 86400.0  # degrees of rotation a second, as gammapy: solar, not sidereal
MIN_TIME_STEP = 1.0
# Pixels worked on at once.
BLOCK = 2**16


def _fine_edges(edges: np.ndarray, oversampling: int | None) -> np.ndarray:
    """Return energy edges with each bin split evenly in its logarithm."""
    if not oversampling or oversampling == 1:
        return edges
    logs = np.log(edges)
    parts = np.arange(oversampling) / oversampling
    fine = (logs[:-1, np.newaxis] + np.diff(logs)[:, np.newaxis] * parts).ravel()
    values: np.ndarray = np.exp(np.append(fine, logs[-1]))
    return values


def _alignment(ds: xr.Dataset, obs: xr.DataTree) -> str:
    """Return how the detector axes lie on the sky.

    Files of H.E.S.S. DL3 DR1 say RADEC, but their DETX grows to the east, against GADF: the
    off-source events of the 29 runs decide it (tests/makers/test_hess_alignment.py).
    """
    text = str(ds.attrs.get("FOVALIGN", "RADEC")).strip().upper()
    writer = obs.children["events"].attrs if "events" in obs.children else {}
    old_hess = str(writer.get("CREATOR", "")).startswith("SASH FITS::EventListWriter")
    if text == "RADEC" and old_hess and str(writer.get("HDUVERS", "")).strip() == "0.2":
        return "REVERSE_LON_RADEC"
    if text not in {"RADEC", "ALTAZ", "REVERSE_LON_RADEC"}:
        raise XGammaError(
            f"FOVALIGN={text!r} of the background is not known: it must be RADEC or ALTAZ."
        )
    return text


def rotation_times(field: Field, step: float = 1.0) -> np.ndarray:
    """Return times at which a field in altitude and azimuth has turned by one step each.

    Parameters
    ----------
    field : Field
        Map and observation.
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
    place = observation.location(field.obs)
    if place is None:
        raise MissingDataError(
            f"Run {observation.obs_id(field.obs)} has a background in ALTAZ alignment but no GEOLON and GEOLAT: add them to the EVENTS header."
        )
    start = observation.tstart(field.obs)
    starts, stops = _good_time(field)
    times = [0.0]
    while times[-1] < stops[-1]:
        at = field.pointing.transform_to(AltAz(obstime=start + times[-1] * u.s, location=place))
        rate = EARTH_RATE * np.cos(place.lat.rad) * abs(np.cos(at.az.rad))
        with np.errstate(divide="ignore"):
            delta = step * np.cos(at.alt.rad) / rate
        last = times[-1] + max(float(delta), MIN_TIME_STEP)
        # A step ends with the good time it reaches; what begins after a gap is a new one.
        reached = int(np.searchsorted(starts, last)) - 1
        times.append(min(last, stops[reached]))
        if last >= stops[reached] and reached + 1 < starts.size:
            times.append(starts[reached + 1])
    return np.array(times)


def _good_time(field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Return the good time intervals, seconds after the start of the observation."""
    starts, stops = observation.gti_bounds(field.obs)
    return starts - starts[0], stops - starts[0]


def _altaz_basis(field: Field, seconds: float) -> np.ndarray:
    """Return rows (towards the pointing, towards larger azimuth, up) in the map's frame."""
    place = observation.location(field.obs)
    frame = AltAz(obstime=observation.tstart(field.obs) + seconds * u.s, location=place)
    at = field.pointing.transform_to(frame)
    # A short arc along azimuth gives the direction of the horizon at the pointing; the
    # rotation is rigid to the small change of aberration across the field (below 1e-5 deg).
    east = at.directional_offset_by(90 * u.deg, 0.01 * u.deg)
    both = SkyCoord([at.az, east.az], [at.alt, east.alt], frame=frame)
    vectors = both.transform_to(sky.frame_of(field.ds)).cartesian.xyz.value.T
    ahead = vectors[0]
    along = vectors[1] - ahead * (vectors[1] @ ahead)
    along /= np.linalg.norm(along)
    # Azimuth runs from north over east, against the hand of right ascension.
    up = np.cross(along, ahead)
    return np.stack([ahead, along, up])


def background(
    field: Field,
    oversampling: int | None = None,
    fill_missing: bool = True,
    rotation_step: float = 1.0,
) -> xr.Variable:
    """Compute the background map of a run from its response.

    Parameters
    ----------
    field : Field
        Map and observation.
    oversampling : int, optional
        Split each energy bin into so many before integrating.
    fill_missing : bool
        Fill zeros and NaN of the response between good energies, logarithmically.
    rotation_step : float
        Largest rotation of the field, degrees, between samples of a response in ALTAZ
        alignment.

    Returns
    -------
    background : Variable
        Dims ``(energy, y, x)``, counts, float32: rate of GADF BKG_2D or BKG_3D, its logarithm
        linear in position and in the logarithm of energy, integrated as a power law between
        the bin edges, times the solid angle of the pixel and the *on* time.
    """
    require_time(field)
    ds = response(field.obs, "bkg")
    edges = _fine_edges(field.energy_edges, oversampling)
    logs, valid, axes = log_rate(ds, edges, fill_missing)
    warn_outside(field, "background", grid_axis(ds, "energy"), valid[1:] & valid[:-1])
    rate_at = _time_averaged(field, ds, Rate(logs, valid, axes, np.log(edges)), rotation_step)
    used = np.arange(field.solid_angle.size)[field.used]
    # Pixels that are not, or not wholly, on the sky have no solid angle.
    scale = (np.nan_to_num(field.solid_angle) * field.ontime).astype(np.float32)
    bins = field.energy_edges.size - 1
    full = np.zeros((scale.size, bins), dtype=np.float32)
    for start in range(0, used.size, BLOCK):
        pixels = used[start : start + BLOCK]
        rate = rate_at(slice(start, start + BLOCK))
        if rate.shape[1] != bins:
            rate = rate.reshape(pixels.size, bins, -1).sum(axis=2)
        rate *= scale[pixels, np.newaxis]
        full[pixels] = rate
    return xr.Variable(("energy", "y", "x"), field.cube(full), variable_attrs("background"))


def _time_averaged(
    field: Field, ds: xr.Dataset, rate: Rate, step: float
) -> Callable[[slice], np.ndarray]:
    """Return a function that gives the rate of some of the pixels in use, averaged over good time.

    A response in ALTAZ alignment turns with time.
    """
    if len(rate.axes) == 1:
        offset = field.offset[field.used]
        return lambda part: rate.integrated(offset[part])
    alignment = _alignment(ds, field.obs)
    if alignment != "ALTAZ":
        detx, dety = field.detector()
        across = -detx if alignment == "REVERSE_LON_RADEC" else detx
        return lambda part: rate.integrated(dety[part], across[part])
    times = rotation_times(field, step)
    weights = trapezoid_weights(times, *_good_time(field))
    total: Any = 0.0
    for time, weight in zip(times, weights / weights.sum(), strict=True):
        if weight > 0:
            detx, dety = field.detector(_altaz_basis(field, float(time)))
            total = total + weight * rate.integrated(dety, detx)
    return lambda part: np.array(total[part])
