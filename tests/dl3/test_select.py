"""Event selection: what is kept, and what follows it."""

import json

import numpy as np
import pytest
import xarray as xr
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from xgamma.dl3.assemble import read_observation
from xgamma.dl3.observation import mission_time
from xgamma.dl3.selection import event_offset, select_events
from xgamma.errors import MissingDataError, UnitError, XGammaError


@pytest.fixture
def obs(write, hdus):
    return read_observation(write(hdus))


def test_pure(obs):
    before = obs.copy(deep=True)
    cut = select_events(obs, energy=(1, 10), time=(1100, 1400), phase=(0, 0.5))
    cut["events"]["ra"].values[:] = 0
    cut["aeff"].attrs["new"] = 1
    assert obs.identical(before)


def test_energy(obs):
    energy = obs["events"]["energy"].values
    cut = select_events(obs, energy=("1 TeV", 10 * u.TeV))
    np.testing.assert_array_equal(cut.gamma.events["energy"], energy[(energy >= 1) & (energy < 10)])
    open_end = select_events(obs, energy=(None, "1000 GeV"))
    assert cut.gamma.events.sizes["event"] + open_end.gamma.events.sizes["event"] < energy.size + 1
    assert cut.gamma.livetime == obs.gamma.livetime
    assert list(cut.children) == ["events", "gti", "pointing", "aeff"] or set(cut.children) == set(
        obs.children
    )


def test_time_cuts_the_gtis(obs):
    cut = select_events(obs, time=(1100, 1400.0))
    np.testing.assert_array_equal(cut.gamma.gti["start"], [1100, 1300])
    np.testing.assert_array_equal(cut.gamma.gti["stop"], [1200, 1400])
    assert cut.gamma.ontime == 200
    assert cut.gamma.livetime == pytest.approx(180)
    assert cut.gamma.events["time"].min() >= 1100
    assert cut.gamma.events["time"].max() < 1400
    start = mission_time(obs).to_time(1100)
    also = select_events(obs, time=(start, Time(start.tt, scale="tt") + 300 * u.s))
    assert also.gamma.ontime == pytest.approx(200, abs=1e-6)
    iso = select_events(obs, time=(start.isot, None))
    assert iso.gamma.ontime == pytest.approx(400, abs=1e-3)
    assert select_events(obs, time=(1210, 1290)).gamma.ontime == 0


def test_offset_and_region(obs):
    offset = event_offset(obs)
    cut = select_events(obs, offset=("6 arcmin", 0.5))
    inside = (offset >= 0.1) & (offset < 0.5)
    np.testing.assert_array_equal(cut.gamma.events["event_id"], np.flatnonzero(inside))
    circle = select_events(obs, region="icrs;circle(83.63, 22.01, 0.5)")
    np.testing.assert_array_equal(circle.gamma.events["event_id"], np.flatnonzero(offset < 0.5))
    square = select_events(obs, region="icrs;box(83.63, 22.01, 1, 1, 0)").gamma.events
    lon, lat = SkyCoord(83.63, 22.01, unit="deg").spherical_offsets_to(
        SkyCoord(obs.gamma.events["ra"].values, obs.gamma.events["dec"].values, unit="deg")
    )
    near = (abs(lon.deg) < 0.5) & (abs(lat.deg) < 0.5)
    assert abs(square.sizes["event"] - near.sum()) <= 1
    two = ["icrs;circle(83.63, 22.01, 0.5)", "icrs;circle(263.63, -22.01, 0.5)"]
    assert select_events(obs, region=two).gamma.events.sizes == circle.gamma.events.sizes


def test_phase_scales_the_livetime(obs):
    half = select_events(obs, phase=(0.2, 0.7))
    assert half.gamma.livetime == pytest.approx(0.5 * obs.gamma.livetime)
    assert half.gamma.ontime == obs.gamma.ontime
    # Cuts that overlap intersect: they do not multiply.
    again = select_events(half, phase=(0.6, 0.9))
    assert again.gamma.livetime == pytest.approx(0.1 * obs.gamma.livetime)
    wrapped = select_events(obs, phase=(0.9, 0.2))
    assert wrapped.gamma.livetime == pytest.approx(0.3 * obs.gamma.livetime)
    phase = obs["events"]["phase"].values
    np.testing.assert_array_equal(
        wrapped.gamma.events["event_id"], np.flatnonzero((phase >= 0.9) | (phase < 0.2))
    )
    for same in ((-0.1, 0.2), (0.9, 1.2)):
        np.testing.assert_array_equal(
            select_events(obs, phase=same).gamma.events["event_id"],
            wrapped.gamma.events["event_id"],
        )
    several = select_events(obs, phase=[(0, 0.1), (0.05, 0.2), (0.5, 0.6)])
    assert several.gamma.livetime == pytest.approx(0.3 * obs.gamma.livetime)
    assert select_events(half, phase=(0.8, 0.9)).gamma.livetime == 0


def test_column_and_callable(obs):
    cut = select_events(obs, event_id=(10, 20))
    assert cut.gamma.events["event_id"].values.tolist() == list(range(10, 20))
    even = select_events(obs, EVENT_ID=lambda ids: ids % 2 == 0)
    assert even.gamma.events.sizes["event"] == 50


def test_fraction(obs):
    half = select_events(obs, fraction=0.5, seed=3)
    assert half.gamma.events.sizes["event"] == 50
    assert half["events"].identical(select_events(obs, fraction=0.5, seed=3)["events"])
    few = select_events(obs, event_id=(0, 10), fraction=0.5, seed=3)
    assert few.gamma.events.sizes["event"] == 5
    assert few.gamma.events["event_id"].max() < 10


def test_cuts_are_kept(obs):
    cut = obs.gamma.select_events(energy=("1 TeV", None)).gamma.select_events(
        offset=(0, 1), region="icrs;circle(83.63, 22.01, 0.5)"
    )
    assert json.loads(cut.attrs["event_selection"]) == [
        {"energy": [1.0, None], "units": "TeV"},
        {"offset": [0.0, 1.0], "units": "deg"},
        {"region": "icrs;circle(83.63000000,22.01000000,0.50000000)"},
    ]
    assert cut.name == obs.name


def test_no_events_left(obs, write, make):
    none = select_events(obs, energy=(1000, 2000))
    assert none.gamma.events.sizes["event"] == 0
    empty = read_observation(write([make.events(0), make.gti()], "empty.fits"))
    cut = select_events(
        empty,
        energy=(1, 2),
        offset=(0, 1),
        region="icrs;box(83, 22, 1, 1, 0)",
        fraction=0.5,
        seed=1,
    )
    assert cut.gamma.events.sizes["event"] == 0


@pytest.mark.parametrize(
    ("conditions", "error", "message"),
    [
        ({"energy": (2, 1)}, XGammaError, "empty range"),
        ({"energy": 1}, XGammaError, "must be a range"),
        ({"energy": ("1 deg", None)}, UnitError, "deg"),
        ({"time": (3, 2)}, XGammaError, "empty range"),
        ({"phase": (0, 2)}, XGammaError, "longer than a period"),
        ({"phase": ["a"]}, XGammaError, "must be .lo, hi. or a list"),
        ({"detx": (0, 1)}, MissingDataError, "run 7 have no column 'detx': they have event_id"),
        ({"fraction": 2, "seed": 1}, XGammaError, "between 0 and 1"),
        ({"fraction": 0.5}, XGammaError, "requires a seed"),
    ],
)
def test_errors(obs, conditions, error, message):
    with pytest.raises(error, match=message):
        select_events(obs, **conditions)


def test_without_events(write, make):
    obs = read_observation(write([make.aeff()]))
    with pytest.raises(MissingDataError, match="has no 'events'"):
        select_events(obs, energy=(1, 2))


def test_without_phase(write, make):
    events = make.events()
    events.columns.del_col("PHASE")
    obs = read_observation(write([events, make.gti()]))
    with pytest.raises(MissingDataError, match="no column 'phase'"):
        select_events(obs, phase=(0, 0.5))


@pytest.mark.parametrize("turns", [0.0, 1.0, -3.0, 1e4])
def test_phases_count_modulo_one(obs, turns):
    """Phases of 1.1 or −0.9 turns are 0.1, as in phase_background; they were in no interval."""
    moved = obs.copy()
    events = obs["events"].to_dataset()
    moved["events"] = xr.DataTree(events.assign(phase=events["phase"] + turns))
    for phase in ((0.2, 0.7), (0.9, 0.2)):
        np.testing.assert_array_equal(
            select_events(moved, phase=phase).gamma.events["event_id"],
            select_events(obs, phase=phase).gamma.events["event_id"],
        )
