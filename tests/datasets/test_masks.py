"""Energy masks: bins that lie wholly inside a range."""

import numpy as np
import pytest
from astropy import units as u
from numpy.testing import assert_array_equal

import xgamma as xg
from xgamma.datasets.masks import coarse_mask, energy_mask

AXIS = xg.energy_axis_from_edges([1, 2, 5, 10, 20])


@pytest.mark.parametrize(
    ("low", "high", "want"),
    [
        (None, None, [1, 1, 1, 1]),
        (1, 20, [1, 1, 1, 1]),
        ("2 TeV", None, [0, 1, 1, 1]),
        (2.001, None, [0, 0, 1, 1]),
        (None, "10000 GeV", [1, 1, 1, 0]),
        (None, 9.999 * u.TeV, [1, 1, 0, 0]),
        (3, 4, [0, 0, 0, 0]),
        (50, 100, [0, 0, 0, 0]),
    ],
)
def test_range(low, high, want):
    mask = energy_mask(AXIS, low, high)
    assert_array_equal(mask, np.array(want, bool))
    assert mask.dims == ("energy",)
    assert_array_equal(mask.energy_lo, AXIS.energy_lo)


def test_round_to_edge():
    assert_array_equal(energy_mask(AXIS, 1.9, 11, round_to_edge=True), [0, 1, 1, 0])


def test_accessor_and_true_energy():
    ds = xg.create_map((0, 0), "1 deg", "0.5 deg", AXIS, energy_true="reco")
    assert_array_equal(ds.gamma.energy_mask("2 TeV", "10 TeV"), [0, 1, 1, 0])
    assert_array_equal(ds.gamma.energy_mask("2 TeV", dim="energy_true"), [0, 1, 1, 1])


def test_wrong_unit():
    with pytest.raises(xg.UnitError, match="min"):
        energy_mask(AXIS, "2 deg")


def test_energy_range_without_a_mask_has_a_sky():
    ds = xg.create_map((0, 0), "1 deg", "0.1 deg", xg.energy_axis(1, 10, 2), energy_true="reco")
    low, high = ds.gamma.energy_range
    assert low.gamma.frame == "icrs"
    assert_array_equal(low, 1.0)
    assert_array_equal(high, 10.0)
    assert low.gamma.wcs is ds.gamma.wcs


def test_coarse_mask_where_both_grids_have_the_same_pixels():
    """Then it is the fine one, at the last pixel too, so that a sum of a sum is the sum."""
    ds = xg.create_map(
        (0, 0),
        "1 deg",
        "0.2 deg",
        xg.energy_axis(1, 10, 1),
        binsz_irf="0.2 deg",
        energy_true="reco",
    )
    for pixel in np.ndindex(5, 5):
        mask = np.zeros((1, 5, 5), dtype=bool)
        mask[0][pixel] = True
        assert_array_equal(coarse_mask(ds.assign(mask_safe=(("energy", "y", "x"), mask))), mask)
