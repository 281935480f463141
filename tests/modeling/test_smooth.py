"""The statistic is a smooth function of every parameter: a minimiser takes its second differences."""

import numpy as np
import pytest

import xgamma as xg
from tests.modeling.sample import crab, small_map
from xgamma.modeling.likelihood import likelihood_of


def second_differences(likelihood, parameter, values):
    """Differences of the statistic on a grid, the second ones."""
    found = []
    for value in values:
        parameter.value = value
        found.append(likelihood.stat_sum())
    return np.diff(found, 2)


def roughness(differences):
    """How far second differences are from their own running mean, over their size."""
    smooth = np.convolve(np.pad(differences, 5, mode="reflect"), np.ones(11) / 11, "valid")
    return float(np.abs(differences - smooth).max() / np.abs(differences).mean())


@pytest.mark.parametrize("psf", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("name", ["lon", "lat"])
def test_point_source(psf, name):
    """Across a border of pixels in small steps: curvature changes slowly, and nothing jumps.

    With straight pieces between rings the largest was 10, with a border of pixels 100.
    """
    ds = small_map(psf=psf, binsz=0.1, width=2.0)
    model = crab()
    ds = ds.assign(counts=ds.gamma.npred(model).round())
    model = model.copy()
    likelihood = likelihood_of(ds, xg.Models(model))
    parameter = getattr(model.spatial, name)
    step = min(0.001, psf / 100)
    grid = parameter.value + 0.04 + np.arange(-100, 101) * step
    assert roughness(second_differences(likelihood, parameter, grid)) < 0.2
