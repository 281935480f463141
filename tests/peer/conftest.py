"""The Galactic Centre dataset of gammapy's data, as gammapy and as xgamma hold it."""

import pytest

import xgamma as xg
from tests.helpers.from_gammapy import map_from_gammapy


@pytest.fixture(scope="module")
def peer(data, gammapy):
    """The dataset as gammapy's object."""
    from gammapy.datasets import MapDataset

    return MapDataset.read(data / "dl4/cta-1dc-gc.fits.gz", name="gc")


@pytest.fixture(scope="module")
def ours(peer):
    """The same numbers in a dataset of ours, without passing through a file."""
    return map_from_gammapy(peer)


@pytest.fixture(scope="module")
def both(data, gammapy):
    """The dataset as each library reads it from the file."""
    from gammapy.datasets import MapDataset

    path = data / "dl4/cta-1dc-gc.fits.gz"
    return xg.read_fits(path).load(), MapDataset.read(path)
