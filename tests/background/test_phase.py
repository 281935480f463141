import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.dl3.phases import phase_intervals
from xgamma.errors import MissingDataError, XGammaError, XGammaWarning

CIRCLE = "icrs;circle(83.63, 22.01, 0.3)"
ON, OFF = (0.9, 1.1), [(0.3, 0.5), (0.55, 0.75)]


@pytest.fixture
def pulsar(wobble_run):
    """A run with random phases."""
    obs = wobble_run.copy()
    events = obs["events"].to_dataset()
    phase = np.random.default_rng(0).random(events.sizes["event"])
    obs["events"] = xr.DataTree(events.assign(phase=("event", phase)))
    return obs


def test_intervals():
    assert phase_intervals((0.2, 0.4)) == [(0.2, 0.4)]
    assert phase_intervals((0.9, 0.1)) == [(0.0, 0.1), (0.9, 1.0)]
    assert phase_intervals((-0.1, 0.1)) == [(0.0, 0.1), (0.9, 1.0)]
    assert phase_intervals([(0.1, 0.3), (0.2, 0.4)]) == [(0.1, 0.4)]
    assert phase_intervals((0.0, 1.0)) == [(0.0, 1.0)]
    for bad in ((0.5, 0.5), (0.0, 1.5), "ab", [], (0.1, np.nan)):
        with pytest.raises(XGammaError):
            phase_intervals(bad)


@pytest.mark.parametrize("kind", ["map", "spectrum"])
def test_counts_by_phase(pulsar, kind):
    axis = xg.energy_axis(0.5, 20, 3)
    empty = (
        xg.create_map("83.63d 22.01d", "3 deg", "0.1 deg", axis, energy_true="reco")
        if kind == "map"
        else xg.create_spectrum(CIRCLE, axis, energy_true="reco")
    )
    ds = empty.gamma.fill(pulsar, select=["counts", "exposure"])
    before = ds.copy(deep=True)
    out = ds.gamma.phase_background(pulsar, ON, OFF)
    xr.testing.assert_identical(ds, before)
    phase = pulsar["events"].to_dataset().phase.values
    on = (phase >= 0.9) | (phase < 0.1)
    off = ((phase >= 0.3) & (phase < 0.5)) | ((phase >= 0.55) & (phase < 0.75))
    for name, chosen in (("counts", on), ("counts_off", off)):
        part = pulsar.copy()
        events = pulsar["events"].to_dataset().isel(event=np.flatnonzero(chosen))
        part["events"] = xr.DataTree(events)
        np.testing.assert_array_equal(out[name], empty.gamma.fill(part, select=["counts"]).counts)
    np.testing.assert_allclose(out.gamma.alpha, 0.5)
    np.testing.assert_array_equal(out.exposure, ds.exposure)
    assert out.gamma.kind == f"{kind}_onoff"


def test_reduce_takes_it(pulsar):
    empty = xg.create_spectrum(CIRCLE, xg.energy_axis(0.5, 20, 3), energy_true="reco")
    options = {"method": "phase", "on_phase": ON, "off_phase": OFF}
    ds = xg.reduce([pulsar, pulsar], into=empty, select=["counts", "exposure"], background=options)
    one = xg.reduce([pulsar], into=empty, select=["counts", "exposure"], background=options)
    np.testing.assert_allclose(ds.gamma.excess, 2 * one.gamma.excess)


def test_what_is_wrong_is_named(pulsar, wobble_run):
    ds = xg.create_spectrum(CIRCLE, xg.energy_axis(0.5, 20, 3), energy_true="reco").gamma.fill(
        pulsar, select=["counts"]
    )
    with pytest.raises(XGammaError, match="overlap"):
        ds.gamma.phase_background(pulsar, (0.0, 0.5), (0.4, 0.6))
    with pytest.raises(MissingDataError, match="Run 7 has no column 'PHASE'"):
        ds.gamma.phase_background(wobble_run, ON, OFF)
    events = pulsar["events"].to_dataset()
    pulsar["events"] = xr.DataTree(events.assign(phase=events.phase * 0.0))
    with pytest.warns(XGammaWarning, match="Run 7: no event lies in the off phase"):
        out = ds.gamma.phase_background(pulsar, ON, OFF)
    assert np.isfinite(out.gamma.background).all()
