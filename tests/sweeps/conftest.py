"""Figures are closed, so that they do not add up."""

import matplotlib as mpl
import pytest


@pytest.fixture(autouse=True)
def closed():
    mpl.use("agg")
    yield
    from matplotlib import pyplot as plt

    plt.close("all")
