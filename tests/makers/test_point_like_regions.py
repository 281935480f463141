"""Responses made for a cut (GADF POINT-LIKE) hold for that cut only: every other region is refused."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.dl3 import simulate_observation
from xgamma.errors import XGammaError

CRAB = (83.63, 22.01)
OTHER = {
    "wider circle": "icrs;circle(83.63, 22.01, 0.15)",
    "box": "icrs;box(83.63, 22.01, 0.2, 0.2, 0)",
    "ellipse": "icrs;ellipse(83.63, 22.01, 0.1, 0.1, 0)",
    "polygon": "icrs;polygon(83.5,21.9,83.75,21.95,83.7,22.1)",
    "annulus": "icrs;annulus(83.63, 22.01, 0.05, 0.1)",
}


@pytest.fixture(scope="module")
def fixed_cut():
    """A run whose responses hold within RAD_MAX = 0.1 deg."""
    obs = simulate_observation("83.63d 22.51d", seed=2)
    for group in ("aeff", "edisp"):
        ds = obs[group].to_dataset()
        obs[group] = xr.DataTree(ds.assign_attrs(HDUCLAS3="POINT-LIKE", RAD_MAX=0.1))
    return obs


def _empty(region):
    return xg.create_spectrum(region, xg.energy_axis(1, 10, 2), energy_true="reco")


@pytest.mark.parametrize("select", [["counts"], ["exposure"], ["edisp"]])
@pytest.mark.parametrize("shape", OTHER)
def test_other_regions_are_refused(fixed_cut, shape, select):
    with pytest.raises(XGammaError, match=r"valid for a circle of RAD_MAX = 0\.1 deg only, but"):
        _empty(OTHER[shape]).gamma.fill(fixed_cut, select=select)


@pytest.mark.parametrize("shape", OTHER)
def test_backgrounds_refuse_them_too(fixed_cut, shape):
    ds = _empty(OTHER[shape]).assign(counts=("energy", [1, 1]))
    with pytest.raises(XGammaError, match="RAD_MAX"):
        ds.gamma.reflected_background(fixed_cut)
    events = fixed_cut["events"].to_dataset()
    pulsed = fixed_cut.copy()
    pulsed["events"] = xr.DataTree(events.assign(phase=events.time * 0))
    with pytest.raises(XGammaError, match="RAD_MAX"):
        ds.gamma.phase_background(pulsed, on_phase=(0, 0.5), off_phase=(0.5, 1))


@pytest.mark.parametrize(
    "region",
    ["icrs;circle(83.63, 22.01, 0.1)", "icrs;point(83.63, 22.01)"],
    ids=["circle", "point"],
)
def test_the_cut_itself_is_taken(fixed_cut, region):
    ds = _empty(region).gamma.fill(fixed_cut, select=["counts", "exposure"])
    events = fixed_cut["events"].to_dataset()
    from astropy.coordinates import SkyCoord

    far = SkyCoord(events.ra, events.dec, unit="deg").separation(SkyCoord(*CRAB, unit="deg")).deg
    inside = (far < 0.1) & (events.energy.values >= 1) & (events.energy.values < 10)
    assert int(ds.counts.sum()) == int(inside.sum())


# --- maps of time -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_offset():
    """A run whose effective area is known from 0.39 to 0.41 deg only, as of MAGIC."""
    obs = simulate_observation("83.63d 22.41d", seed=2)
    aeff = obs["aeff"].to_dataset().isel(offset=[0])
    coords = {"offset": ("offset", [0.4]), "offset_lo": ("offset", [0.39])}
    coords["offset_hi"] = ("offset", [0.41])
    coords = {k: (*v, {"units": "deg"}) for k, v in coords.items()}
    obs["aeff"] = xr.DataTree(aeff.assign_coords(coords).assign_attrs(HDUCLAS3="POINT-LIKE"))
    return obs


def test_times_of_responses_with_one_offset(one_offset):
    empty = xg.create_map(CRAB, "2 deg", "0.02 deg", xg.energy_axis(1, 10, 2), energy_true="reco")
    hours = one_offset.gamma.livetime / 3600
    offset = empty.gamma.separation(one_offset.gamma.pointing).values
    time = xg.observation_time_map([one_offset], empty)
    np.testing.assert_allclose(time, np.where(offset < 0.41, hours, 0.0))
    effective = xg.effective_livetime_map([one_offset], empty)
    inside = (offset >= 0.39) & (offset < 0.41)
    np.testing.assert_allclose(
        effective, np.broadcast_to(np.where(inside, hours, 0.0), (2, 100, 100))
    )
    assert inside.sum() > 100
    wide = xg.effective_livetime_map([one_offset], empty, offset_max="1 deg")
    np.testing.assert_allclose(wide, effective)


def test_times_of_magic(data):
    store = xg.open_store(data / "magic" / "rad_max" / "data")
    obs = store[5029747]
    position = (83.63308333, 22.0145)
    empty = xg.create_map(
        position, "0.1 deg", "0.02 deg", xg.energy_axis(1, 10, 2), energy_true="reco"
    )
    hours = obs.gamma.livetime / 3600
    assert float(xg.observation_time_map([obs], empty).max()) == pytest.approx(hours)
    effective = xg.effective_livetime_map([obs], empty)
    assert float(effective.sel(x=2, y=2, method="nearest").max()) == pytest.approx(hours)


def test_a_field_of_view_that_is_not_known(one_offset):
    obs = one_offset.copy()
    aeff = obs["aeff"].to_dataset()
    zero = {n: ("offset", [0.0], {"units": "deg"}) for n in ("offset", "offset_lo", "offset_hi")}
    obs["aeff"] = xr.DataTree(aeff.assign_coords(zero))
    empty = xg.create_map(CRAB, "2 deg", "0.1 deg", xg.energy_axis(1, 10, 2), energy_true="reco")
    for function in (xg.observation_time_map, xg.effective_livetime_map):
        with pytest.raises(XGammaError, match="give offset_max="):
            function([obs], empty)
        assert float(function([obs], empty, offset_max="0.5 deg").max()) > 0
