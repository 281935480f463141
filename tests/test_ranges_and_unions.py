"""What is given as a range or as a union of regions, at every door that takes one."""

import numpy as np
import pytest

import xgamma as xg
from xgamma.dl3 import simulate_observation, simulate_store
from xgamma.errors import XGammaError
from xgamma.model.regions import parse_regions, region_center, region_mask, region_text

CRAB = (83.63, 22.01)
BAD = [(1.2, 11, 20), (1.2,), 1.2, "1 TeV", "12", True, (5, 1)]


@pytest.fixture(scope="module")
def obs():
    return simulate_observation("83.63d 22.51d", seed=0)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("ranges") / "store"
    simulate_store(path, pointings=["83.63d 22.51d"], seed=0)
    return xg.open_store(path)


DOORS = {
    "theta2": lambda obs, store, v: xg.theta2([obs], CRAB, energy=v),
    "select_events energy": lambda obs, store, v: obs.gamma.select_events(energy=v),
    "select_events offset": lambda obs, store, v: obs.gamma.select_events(offset=v),
    "select_events time": lambda obs, store, v: obs.gamma.select_events(time=v),
    "store.select time": lambda obs, store, v: store.select(time=v),
    "store.select zenith": lambda obs, store, v: store.select(zenith=v),
    "spectrum.plot": lambda obs, store, v: xg.PowerLaw().plot(energy_range=v),
}


@pytest.mark.parametrize("value", BAD, ids=str)
@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_range_is_said(obs, store, door, value):
    if value == (5, 1) and "store.select time" in door:
        value = ("2021-01-02", "2021-01-01")
    with pytest.raises(XGammaError, match=r"range|lo, hi|start, stop"):
        DOORS[door](obs, store, value)


def test_theta2_takes_one_kind_of_off_position(obs):
    with pytest.raises(XGammaError, match="n_off=3 and position_off= are both given"):
        xg.theta2([obs], CRAB, n_off=3, position_off=(83.63, 23.01))
    for options in ({"max": "0 deg2"}, {"nbin": 2.5}, {"n_off": 0}, {"max": [0.1, 0.2]}):
        with pytest.raises(XGammaError):
            xg.theta2([obs], CRAB, **options)
    from astropy.coordinates import SkyCoord

    two = SkyCoord([83.6, 83.7], [22, 22.1], unit="deg")
    with pytest.raises(XGammaError, match="position= must be one position, not 2"):
        xg.theta2([obs], two)
    with pytest.raises(XGammaError, match="position_off= must be one position, not 2"):
        xg.theta2([obs], CRAB, position_off=two)


# --- unions -----------------------------------------------------------------------------

ONE, OTHER = "icrs;circle(83.63, 22.01, 0.2)", "icrs;box(83.9, 22.3, 0.3, 0.2, 20)"


@pytest.fixture(scope="module")
def union():
    return parse_regions(ONE)[0] | parse_regions(OTHER)[0]


def _map(obs):
    ds = xg.create_map(CRAB, "2 deg", "0.05 deg", xg.energy_axis(1, 10, 2), energy_true="reco")
    return ds.gamma.fill(obs, select=["counts", "exposure", "background"])


UNION_DOORS = {
    "select_events": lambda obs, r: obs.gamma.select_events(region=r)["events"].ra.values,
    "region_mask": lambda obs, r: region_mask(_map(obs), r).values,
    "region_text": lambda obs, r: region_text(r),
    "region_center": lambda obs, r: region_center(r).ra.deg,
    "to_spectrum": lambda obs, r: _map(obs).gamma.to_spectrum(r).counts.values,
    "to_region": lambda obs, r: _map(obs).gamma.to_region(r).counts.values,
    "fov exclusion": lambda obs, r: _map(obs).gamma.fov_background(r).background.values,
    "ring exclusion": lambda obs, r: (
        _map(obs)
        .gamma.ring_background(r_in="0.3 deg", width="0.2 deg", exclusion=r)
        .counts_off.values
    ),
    "reflected exclusion": lambda obs, r: len(
        xg.reflected_regions("icrs;circle(83.63, 22.01, 0.1)", (83.63, 22.51), r)
    ),
}


@pytest.mark.parametrize("door", UNION_DOORS)
def test_a_union_is_the_list_of_its_parts(obs, union, door):
    found, expected = (UNION_DOORS[door](obs, r) for r in (union, [ONE, OTHER]))
    np.testing.assert_array_equal(found, expected)


def test_events_in_a_union(obs, union):
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS

    events = obs["events"].to_dataset()
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], CRAB, [-0.001, 0.001]
    expected = union.contains(SkyCoord(events.ra, events.dec, unit="deg"), wcs)
    assert obs.gamma.select_events(region=union)["events"].sizes["event"] == expected.sum() > 10


@pytest.mark.parametrize("operation", ["__and__", "__xor__"])
def test_other_combinations_make_a_mask_or_are_refused(obs, operation):
    both = getattr(parse_regions(ONE)[0], operation)(parse_regions(OTHER)[0])
    ds = _map(obs)
    one, other = (region_mask(ds, r).values for r in (ONE, OTHER))
    expected = getattr(one, operation)(other)
    np.testing.assert_array_equal(region_mask(ds, both), expected)
    for door in ("select_events", "region_text", "to_spectrum"):
        with pytest.raises(XGammaError, match=r"'and' or 'xor'|no pixel"):
            UNION_DOORS[door](obs, both)
