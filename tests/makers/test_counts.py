"""Counts: which bin an event falls into."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from numpy.testing import assert_array_equal

import xgamma as xg
from tests.helpers.runs import simulated, template, with_events
from xgamma.model import sky
from xgamma.model.frame import set_frame

INSIDE = SkyCoord(83.5, 22.2, unit="deg")
ENERGY = xg.energy_axis_from_edges([1.0, 2.0, 4.0])


def placed(ds, x, y, energy):
    """A run with events at labels x, y of a map, counted on it."""
    at = sky.pix_to_world(ds, np.atleast_1d(x), np.atleast_1d(y)).icrs
    return ds.gamma.fill_counts(with_events(simulated(), at.ra.deg, at.dec.deg, energy)).counts


@pytest.fixture(scope="module", params=["icrs", "galactic"])
def empty(request):
    center = sky.parse_position("83.63d 22.01d").transform_to(request.param)
    return template("4 deg", center=center, energy=ENERGY, frame=request.param)


@pytest.mark.parametrize("energy", [0.999, 1.0, 1.5, 2.0, 3.999, 4.0])
def test_energy_bins_are_closed_below(empty, energy):
    counts = placed(empty, 3, 5, [energy])
    want = np.zeros(2, int)
    if 1 <= energy < 4:
        want[int(energy >= 2)] = 1
    assert_array_equal(counts.sum(("y", "x")), want)
    assert_array_equal(counts.sel(x=3, y=5), want)
    assert counts.dtype.kind == "i"
    assert counts.attrs["units"] == ""


@pytest.mark.parametrize(
    ("x", "y", "where"),
    [
        (2.6, 4.4, (4, 3)),
        (-0.49, 0.0, (0, 0)),
        (19.49, 19.49, (19, 19)),
        (-0.51, 3, None),
        (3, 19.51, None),
        (500, 3, None),
    ],
)
def test_pixels(empty, x, y, where):
    counts = placed(empty, x, y, [1.5])
    assert int(counts.sum()) == int(where is not None)
    if where is not None:
        assert counts[0][where] == 1


def test_cutout_counts_what_the_mosaic_does(empty):
    obs = simulated(events=True, livetime="20 min")
    whole = empty.gamma.fill_counts(obs).counts
    part = empty.gamma.cutout(INSIDE, "1.4 deg").gamma.fill_counts(obs).counts
    assert whole.sum() > 100
    assert_array_equal(part, whole.sel(x=part.x, y=part.y))


def test_coarse_map_counts_the_sum(empty):
    obs = simulated(events=True)
    coarse = set_frame(empty.coarsen(x=4, y=4).mean())
    counts = coarse.gamma.fill_counts(obs).counts
    want = empty.gamma.fill_counts(obs).counts.coarsen(x=4, y=4).sum()
    assert_array_equal(counts, want)


def test_spectrum_of_counts_is_a_histogram(empty):
    """Whole sky: every event in the energy range is counted once."""
    obs = simulated(events=True)
    sky_map = xg.create_map(
        binsz="5 deg", energy=ENERGY, proj="AIT", frame="galactic", energy_true="reco"
    )
    counts = sky_map.gamma.fill_counts(obs).counts.sum(("y", "x"))
    want, _ = np.histogram(obs["events"].energy.values.astype(float), [1, 2, 4 - 1e-9])
    assert_array_equal(counts, want)


def test_no_events(empty):
    counts = empty.gamma.fill_counts(simulated()).counts
    assert counts.shape == (2, 20, 20)
    assert int(counts.sum()) == 0


def test_events_that_are_not_finite(empty):
    obs = with_events(simulated(), [83.6, np.nan], [22, 22], [1.5, 1.5])
    with pytest.raises(xg.XGammaError, match=r"Run 1: 1 events have no finite RA"):
        empty.gamma.fill_counts(obs)
