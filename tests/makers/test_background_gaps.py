"""Backgrounds in ALTAZ alignment of runs with gaps, against a direct average over their good time."""

import astropy.units as u
import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import AltAz, SkyCoord
from numpy.testing import assert_allclose

from tests.makers.test_background import gradient, three_d
from tests.runs import POINTING, simulated, template
from xgamma.makers.background import rotation_times
from xgamma.makers.field import Field


def with_intervals(irfs, intervals):
    """A run whose good time is these seconds after its start."""
    run = simulated(irfs, livetime="10 min", dead_time=0.0)
    zero = float(run["gti"]["start"].values[0])
    spans = zero + np.array(intervals, dtype=float).T
    gti = xr.Dataset(
        {n: ("gti", v, {"units": "s"}) for n, v in zip(("start", "stop"), spans, strict=True)},
        attrs=run["gti"].attrs,
    )
    groups = {"/": run.to_dataset()} | {n: t.to_dataset() for n, t in run.children.items()}
    return xr.DataTree.from_dict({**groups, "gti": gti}, name=run.name)


def direct_mean(ds, obs, intervals, step=30.0):
    """The gradient at the pixels, averaged over good time with a midpoint every half minute."""
    lon, lat = ds.gamma.lonlat
    sky = SkyCoord(lon, lat, unit="deg")
    total, weight = 0.0, 0.0
    for start, stop in intervals:
        n = int(np.ceil((stop - start) / step))
        for k in range(n):
            seconds = start + (k + 0.5) * (stop - start) / n
            time = obs.gamma.tstart + seconds * u.s
            frame = AltAz(obstime=time, location=obs.gamma.location)
            pointing = obs.gamma.pointing.transform_to(frame)
            at = sky.transform_to(frame).transform_to(pointing.skyoffset_frame())
            part = gradient(-at.lon.wrap_at("180d").deg, at.lat.deg)
            total, weight = total + part * (stop - start) / n, weight + (stop - start) / n
    return total / weight


@pytest.mark.parametrize(
    "intervals",
    [
        [(0, 600), (7200, 7500)],
        [(0, 300), (330, 600), (9000, 9030), (9040, 9300)],
        [(0, 900), (300, 1200), (7200, 7800)],
    ],
)
def test_altaz_background_of_a_run_with_gaps(intervals):
    """It was averaged over the first `ontime` seconds, wrong by up to 10 % in a pixel."""
    ds = template("2 deg", "0.5 deg", center=POINTING)
    obs = with_intervals(three_d(gradient, "ALTAZ"), intervals)
    flat = with_intervals(three_d(lambda x, y: 1 + 0 * x), intervals)
    ratio = ds.gamma.fill_background(obs).background / ds.gamma.fill_background(flat).background
    disjoint = [(0, 1200), (7200, 7800)] if intervals[0] == (0, 900) else intervals
    # Aberration and the trapezoids of a degree of rotation: 1e-3.
    assert_allclose(ratio[1], direct_mean(ds, obs, disjoint), rtol=1e-3)


def test_a_long_gap_costs_nothing():
    """Steps of a degree over a year would be a hundred thousand."""
    year = 365.25 * 86400
    obs = with_intervals(three_d(gradient, "ALTAZ"), [(0, 600), (year, year + 600)])
    times = rotation_times(Field(template(), obs), 1.0)
    assert times.size < 20
    assert (np.diff(times) > 0).all()
