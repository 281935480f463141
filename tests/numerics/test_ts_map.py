"""The fit of a source at each pixel against a plain search over its norm."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from xgamma.numerics.ts_map import ts_map
from xgamma.numerics.ts_source import Source, least_norms


def example(mean, seed=1, masked=False):
    """Counts around a faint background, a kernel of 5 x 5 pixels in two energies."""
    rng = np.random.default_rng(seed)
    shape = (2, 9, 11)
    background = mean * rng.uniform(0.2, 1.8, shape)
    axis = np.arange(-2, 3)
    kernels = np.stack([np.exp(-0.5 * (axis[:, None] ** 2 + axis**2) / s**2) for s in (1.2, 0.7)])
    kernels /= kernels.sum((1, 2), keepdims=True)
    exposure = rng.uniform(5, 9, shape)
    mask = np.ones(shape, dtype=bool)
    if masked:
        mask[:, 2:4, 3:6] = False
        mask[0, :, :3] = False
    return rng.poisson(background), background, exposure, kernels, mask


def source_at(y, x, exposure, kernels):
    """Counts per norm of a source at one pixel, bin by bin."""
    padded = np.zeros((2, 9 + 4, 11 + 4))
    padded[:, y : y + 5, x : x + 5] = kernels
    return padded[:, 2:-2, 2:-2] * exposure


def searched(counts, background, source, mask):
    """Norm and test statistic by search, where no prediction is negative."""
    used = mask & (source > 0)
    n, b, g = counts[used], background[used], source[used]

    def stat(norm):
        mu = np.maximum(b + norm * g, 1e-300)
        return 2 * float(mu.sum() - (n * np.log(mu)).sum())

    least = -float((b / g).min())
    found = minimize_scalar(stat, bounds=(least, 5), method="bounded", options={"xatol": 1e-11})
    best = min([found.x, least], key=stat)
    return best, stat(0) - stat(best), least


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("mean", [0.003, 0.05, 2.0])
def test_against_a_search(mean, masked):
    """Where counts are few, the norm ended at predictions far below zero (statistics of -60)."""
    counts, background, exposure, kernels, mask = example(mean, masked=masked)
    pixels = np.ones((9, 11), dtype=bool)
    maps = ts_map(counts, background, Source.of(kernels, exposure), mask, pixels, rtol=1e-4)
    weight = np.where(mask, exposure, 0.0)
    least = least_norms(background, weight, kernels)
    for y, x in np.ndindex(9, 11):
        source = source_at(y, x, exposure, kernels)
        norm, ts, lowest = searched(counts, background, source, mask)
        assert_allclose(least[y, x], lowest, rtol=1e-9)
        assert_allclose(maps["ts"][y, x], ts, rtol=1e-4, atol=1e-6)
        assert_allclose(maps["norm"][y, x], norm, rtol=2e-3, atol=1e-5)
        assert maps["norm"][y, x] >= lowest * (1 + 1e-12)


def test_without_counts_or_reach():
    counts, background, exposure, kernels, mask = example(0.01)
    mask[:, :5] = False
    maps = ts_map(
        0 * counts, background, Source.of(kernels, exposure), mask, np.ones((9, 11), dtype=bool)
    )
    assert np.isnan(maps["norm"][:3]).all()
    assert (maps["norm"][3:] < 0).all()
    assert np.isnan(maps["norm_err"]).all()
    # Never more than all of the background in reach.
    assert (maps["ts"][3:] <= 2 * background.sum()).all()
