"""Small maps and runs for the tests of makers, backgrounds and reductions."""

import numpy as np
import pytest

import xgamma as xg
from xgamma.dl3 import simulate_observation

DIMS = ("energy", "y", "x")


@pytest.fixture
def flat_map():
    """A map of 3 x 60 x 60 pixels with Poisson counts from a background that falls outwards."""
    empty = xg.create_map(
        "83.63d 22.01d",
        "3 deg",
        "0.05 deg",
        xg.energy_axis(1, 10, 3),
        name="flat",
        energy_true="reco",
    )
    rng = np.random.default_rng(4)
    radius = empty.gamma.separation("83.63d 22.01d").values
    background = np.stack([scale * np.exp(-0.5 * radius**2) for scale in (3.0, 1.0, 0.3)])
    return empty.assign(counts=(DIMS, rng.poisson(background)), background=(DIMS, background))


@pytest.fixture(scope="session")
def wobble_run():
    """A run that points half a degree north of the Crab nebula."""
    return simulate_observation("83.63d 22.51d", obs_id=7, seed=1)
