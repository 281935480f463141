import numpy as np
import pytest
from astropy.coordinates import SkyCoord

import xgamma as xg
from xgamma.dl3 import simulate_observation
from xgamma.errors import XGammaError, XGammaWarning

CRAB = (83.63, 22.01)


@pytest.fixture(scope="module")
def runs():
    return [
        simulate_observation((83.63, 22.01 + d), obs_id=k, seed=k)
        for k, d in enumerate((0.5, -0.5))
    ]


def test_counts_on_and_off(runs):
    table = xg.theta2(runs, CRAB, max="0.1 deg2", nbin=10)
    on, off = np.zeros(10), np.zeros(10)
    edges = np.linspace(0, 0.1, 11)
    for obs, mirror in zip(runs, (23.01, 21.01), strict=True):
        events = obs["events"].to_dataset()
        at = SkyCoord(events.ra, events.dec, unit="deg")
        on += np.histogram(at.separation(SkyCoord(*CRAB, unit="deg")).deg ** 2, edges)[0]
        off += np.histogram(at.separation(SkyCoord(83.63, mirror, unit="deg")).deg ** 2, edges)[0]
    np.testing.assert_array_equal(table.counts, on)
    np.testing.assert_array_equal(table.counts_off, off)
    np.testing.assert_allclose(table.alpha, 1.0)
    np.testing.assert_allclose(table.excess, on - off)
    assert float(table.significance[0]) > 5
    assert table.theta2.attrs["units"] == "deg2"
    assert table.obs_id.values.tolist() == [0, 1]


def test_more_off_positions(runs):
    one = xg.theta2(runs, CRAB, max="0.02 deg2", nbin=4)
    four = xg.theta2(runs, CRAB, max="0.02 deg2", nbin=4, n_off=4)
    np.testing.assert_array_equal(one.counts, four.counts)
    np.testing.assert_allclose(four.alpha, 0.25)
    assert float(four.counts_off.sum()) > 2 * float(one.counts_off.sum())
    fixed = xg.theta2(runs[:1], CRAB, max="0.02 deg2", nbin=4, position_off=(83.63, 23.01))
    np.testing.assert_array_equal(
        fixed.counts_off, xg.theta2(runs[:1], CRAB, max="0.02 deg2", nbin=4).counts_off
    )


def test_energies(runs):
    low = xg.theta2(runs, CRAB, energy=(None, "2 TeV"))
    high = xg.theta2(runs, CRAB, energy=("2 TeV", None))
    both = xg.theta2(runs, CRAB)
    np.testing.assert_array_equal(low.counts + high.counts, both.counts)


def test_overlapping_discs_are_reported(runs):
    with pytest.warns(XGammaWarning, match="Run 0: on and off positions lie 1.00 deg apart"):
        xg.theta2(runs[:1], CRAB, max="1 deg2")


def test_options(runs):
    with pytest.raises(XGammaError, match="n_off=0"):
        xg.theta2(runs, CRAB, n_off=0)
    empty = xg.theta2([], CRAB)
    assert float(empty.counts.sum()) == 0.0


def test_time_maps(runs):
    empty = xg.create_map(CRAB, "4 deg", "0.1 deg", xg.energy_axis(0.8, 10, 3), energy_true="reco")
    time = xg.observation_time_map(runs, empty, offset_max="1 deg")
    hours = sum(obs.gamma.livetime for obs in runs) / 3600
    assert float(time.max()) == pytest.approx(hours)
    area = float(time.sum() / hours * 2) * 0.01
    assert area == pytest.approx(2 * np.pi, rel=0.02)
    assert time.attrs["units"] == "h"
    effective = xg.effective_livetime_map(runs, empty, offset_max="1 deg")
    assert effective.dims == ("energy_true", "y", "x")
    assert (effective <= time + 1e-9).all()
    at = effective.gamma.separation(runs[0].gamma.pointing)
    alone = xg.effective_livetime_map(runs[:1], empty, offset_max="1 deg")
    near = alone.where(at < 0.08, drop=True)
    np.testing.assert_allclose(near.max(("y", "x")), runs[0].gamma.livetime / 3600, rtol=1e-2)
    whole = xg.observation_time_map(runs, empty)
    assert float((whole > 0).mean()) > float((time > 0).mean())
