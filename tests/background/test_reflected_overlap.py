"""Off regions that overlap: events and area alike count once, and never in the on region."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.background.region_finder import reflected_regions
from xgamma.dl3 import simulate_observation
from xgamma.errors import XGammaError
from xgamma.model.figure import region_solid_angle
from xgamma.model.regions import contains, parse_regions, region_mask

POINTING = (83.63, 22.51)
EVENTS = 100_000
SHAPES = {
    "0.02": "icrs;circle(83.63, 22.01, 0.02)",
    "0.03": "icrs;circle(83.63, 22.01, 0.03)",
    "0.05": "icrs;circle(83.63, 22.01, 0.05)",
    "0.11": "icrs;circle(83.63, 22.01, 0.11)",
    "ellipse": "icrs;ellipse(83.63, 22.01, 0.09, 0.04, 30)",
    "box": "icrs;box(83.63, 22.01, 0.07, 0.2, 10)",
    "polygon": "icrs;polygon(83.58,21.95,83.70,21.97,83.66,22.06)",
    "thin": "icrs;box(83.63, 22.01, 0.008, 0.1, 0)",
    "tiny": "icrs;circle(83.63, 22.01, 0.004)",
}


@pytest.fixture(scope="module")
def flat_run():
    """A run with events spread evenly over a square of 1.6 deg around the pointing."""
    obs = simulate_observation(POINTING, seed=1, events=True)
    rng = np.random.default_rng(8)
    n = EVENTS
    start = float(obs["events"]["time"][0])
    dec = np.rad2deg(np.arcsin(rng.uniform(*np.sin(np.deg2rad([21.71, 23.31])), n)))
    ra = POINTING[0] + rng.uniform(-0.87, 0.87, n)
    events = {"ra": ra, "dec": dec, "energy": np.full(n, 2.0), "time": np.full(n, start)}
    units = {"ra": "deg", "dec": "deg", "energy": "TeV", "time": "s"}
    table = xr.Dataset({k: ("event", v, {"units": units[k]}) for k, v in events.items()})
    obs["events"] = xr.DataTree(table)
    return obs


def _filled(obs, text):
    return xg.create_spectrum(text, xg.energy_axis(1, 10, 1), energy_true="reco").gamma.fill(
        obs, select=["counts"]
    )


def _area_on_a_grid(text, off):
    """Area of the union of regions over that of one, on pixels of 0.004 deg around the pointing."""
    frame = xg.create_map(POINTING, "1.4 deg", "0.004 deg", proj="TAN")
    union = float((region_mask(frame, off) * frame.gamma.solid_angle).sum())
    return union / region_solid_angle(parse_regions(text)[0])


@pytest.mark.parametrize("shape", ["0.02", "0.03", "0.05", "0.11", "ellipse", "box", "polygon"])
def test_off_acceptance_is_the_area_of_the_union(flat_run, shape):
    ds = _filled(flat_run, SHAPES[shape]).gamma.reflected_background(flat_run)
    off = ds.gamma.off_regions[0]
    area = float(ds.acceptance_off[0])
    # Thousands of pixels lie in the union: its rim is known to less than half a percent.
    assert area == pytest.approx(_area_on_a_grid(SHAPES[shape], off), rel=5e-3)
    assert area <= len(off)


@pytest.mark.parametrize("shape", SHAPES)
def test_background_of_an_even_field(flat_run, shape):
    ds = _filled(flat_run, SHAPES[shape]).gamma.reflected_background(flat_run)
    field = 2 * 0.87 * (np.pi / 180) * np.ptp(np.sin(np.deg2rad([21.71, 23.31])))
    expected = EVENTS * region_solid_angle(parse_regions(SHAPES[shape])[0]) / field
    error = expected / np.sqrt(float(ds.counts_off[0]))
    assert abs(float(ds.gamma.background[0]) - expected) < 3 * error + 5e-3 * expected


def test_number_of_regions_is_too_much(flat_run):
    """What gammapy does with its regions, which for these radii are the same."""
    sizes = {}
    for shape in ("0.03", "0.05", "0.11"):
        filled = _filled(flat_run, SHAPES[shape])
        right, theirs = (
            filled.gamma.reflected_background(flat_run, scheme=s) for s in ("exact", "gammapy")
        )
        np.testing.assert_array_equal(right.counts_off, theirs.counts_off)
        assert float(theirs.acceptance_off[0]) == len(theirs.gamma.off_regions[0])
        sizes[shape] = float(theirs.gamma.background[0] / right.gamma.background[0]) - 1
    assert sizes["0.03"] == pytest.approx(-0.06, abs=0.01)
    assert sizes["0.05"] == pytest.approx(-0.024, abs=0.005)
    assert sizes["0.11"] == pytest.approx(-0.003, abs=0.001)
    with pytest.raises(XGammaError, match="scheme='peer' is not recognised"):
        filled.gamma.reflected_background(flat_run, scheme="peer")


@pytest.mark.parametrize("distance", [0.15, 0.5])
@pytest.mark.parametrize("shape", SHAPES)
def test_off_regions_never_reach_into_the_on_region(shape, distance):
    pointing = (83.63, 22.01 + distance)
    regions = reflected_regions(SHAPES[shape], pointing, min_distance_input="0 rad")
    # The neighbours on both sides are the first and the last.
    regions = [*regions[:2], *regions[-2:]]
    frame = xg.create_map(POINTING, "0.1 deg", "0.1 deg", proj="TAN")
    from astropy.coordinates import SkyCoord

    ra, dec = np.meshgrid(np.linspace(83.5, 83.76, 131), np.linspace(21.89, 22.13, 241))
    positions = SkyCoord(ra, dec, unit="deg")
    on = contains(frame, SHAPES[shape], positions)
    assert on.any()
    assert not (on & contains(frame, regions, positions)).any()


def test_small_regions_have_a_place_each():
    # Seen by pixels of 0.01 deg, these have no width: thousands would lie on each other.
    for shape in ("thin", "tiny"):
        assert 100 < len(reflected_regions(SHAPES[shape], POINTING)) < 500


def test_regions_that_do_not_overlap_count_whole(flat_run):
    filled = _filled(flat_run, SHAPES["0.11"])
    apart = filled.gamma.reflected_background(flat_run, min_distance="0.05 rad")
    wobble = filled.gamma.reflected_background(flat_run, n_off_regions=3)
    assert float(apart.acceptance_off[0]) == len(apart.gamma.off_regions[0])
    assert float(wobble.acceptance_off[0]) == 3
