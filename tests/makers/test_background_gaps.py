"""Backgrounds in ALTAZ alignment of runs with gaps, against a direct average over their good time."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.helpers.backgrounds import direct_mean, gradient, three_d, with_intervals
from tests.helpers.runs import POINTING, template
from xgamma.makers.alignment import rotation_times


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
    times = rotation_times(obs, 1.0)
    assert times.size < 20
    assert (np.diff(times) > 0).all()
