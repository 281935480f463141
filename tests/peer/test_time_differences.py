"""Times in which gammapy 2.1 and xgamma differ on purpose, with the sizes of the differences."""

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time
from numpy.testing import assert_allclose

import xgamma as xg
from tests.helpers.backgrounds import (
    direct_mean,
    gammapy_background,
    gradient,
    three_d,
    with_intervals,
)
from tests.helpers.runs import POINTING, template
from xgamma.dl3 import ontime

pytestmark = pytest.mark.usefixtures("gammapy")


def test_overlapping_good_time_counts_twice_in_gammapy():
    from gammapy.data import GTI

    run = with_intervals(three_d(gradient), [(0, 600), (300, 900)])
    theirs = GTI.create([0, 300] * u.s, [600, 900] * u.s, Time("2020-01-01", scale="tt"))
    assert theirs.time_sum.to_value("s") == pytest.approx(1200.0)
    assert theirs.union().time_sum.to_value("s") == pytest.approx(900.0)
    assert ontime(run) == 900.0


def test_altaz_background_of_a_run_with_a_gap():
    """gammapy averages over the first `ontime` seconds after the start, gap or not."""
    from gammapy.data import FixedPointingInfo
    from gammapy.makers.utils import make_map_background_irf
    from gammapy.maps import MapAxis, WcsGeom

    intervals = [(0, 600), (7200, 7800)]
    run = with_intervals(three_d(gradient, "ALTAZ"), intervals)
    energy = xg.energy_axis("1 TeV", "10 TeV", 3)
    ds = template("2 deg", "0.5 deg", center=POINTING, energy=energy)
    ours = ds.gamma.fill_background(run).background.values
    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    theirs = make_map_background_irf(
        pointing=FixedPointingInfo(fixed_icrs=run.gamma.pointing),
        ontime=run.gamma.ontime * u.s,
        bkg=gammapy_background(run),
        geom=WcsGeom.create(skydir=POINTING, width=2, binsz=0.5, frame="icrs", axes=[axis]),
        time_start=run.gamma.tstart,
        location=run.gamma.location,
    ).data
    flat = with_intervals(three_d(lambda x, y: 1 + 0 * x), intervals)
    truth = ds.gamma.fill_background(flat).background.values * direct_mean(ds, run, intervals)
    assert_allclose(ours, truth, rtol=1e-3)
    assert 0.02 < np.abs(theirs / truth - 1).max() < 0.2
