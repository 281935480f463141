"""Smoothing, profiles and upsampling in cases whose answer is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg


@pytest.fixture
def counts():
    ds = xg.create_map(
        (0, 0), "4 deg", "0.1 deg", xg.energy_axis(1, 10, 2), frame="galactic", energy_true="reco"
    )
    values = np.random.default_rng(3).poisson(2.0, (2, 40, 40))
    return ds.assign(counts=(("energy", "y", "x"), values)).counts


@pytest.mark.parametrize("kernel", ["gauss", "disk", "box"])
def test_smoothing_keeps_the_sum_away_from_the_edge(counts, kernel):
    inner = counts.where(counts.gamma.boundary_mask("1 deg"), 0)
    smooth = inner.gamma.smooth("0.2 deg", kernel)
    assert_allclose(smooth.sum(("y", "x")), inner.sum(("y", "x")), rtol=1e-6)
    lazy = inner.chunk({"energy": 1, "y": 10}).gamma.smooth("0.2 deg", kernel)
    assert hasattr(lazy.data, "dask")
    assert_allclose(lazy.values, smooth.values, atol=1e-9)


@pytest.mark.parametrize("radius", [0.1, 0.25, 0.4])
def test_margins_are_distances(counts, radius):
    # gammapy rounds the margin up to an odd number of pixels.
    from scipy.ndimage import distance_transform_edt

    mask = counts.isel(energy=0) > 5
    reach = radius / 0.1 + 1e-6
    grown = distance_transform_edt(~mask.values) <= reach
    assert_array_equal(mask.gamma.dilate(f"{radius} deg").values, grown)
    mask = counts.isel(energy=0) > 0
    shrunk = distance_transform_edt(np.pad(mask.values, 6)) > reach
    assert_array_equal(mask.gamma.erode(f"{radius} deg").values, shrunk[6:-6, 6:-6])


def test_profiles(counts):
    rings = counts.gamma.radial_profile((0, 0), [0, 0.5, 1])
    assert rings.dims == ("energy", "offset")
    near = counts.gamma.separation((0, 0)) < 0.5
    assert_array_equal(rings.isel(offset=0), counts.where(near, 0).sum(("y", "x")))
    strips = counts.gamma.profile([-2, 0, 2], along="lon")
    # Longitude grows to the left: the first strip is the right half.
    assert_array_equal(strips.isel(lon=0), counts.isel(x=slice(20, 40)).sum(("y", "x")))
    mean = counts.gamma.profile([-2, 2], along="lat", how="mean")
    assert_allclose(mean.isel(lat=0), counts.mean(("y", "x")))


def test_upsampling_and_downsampling_are_inverse(counts):
    fine = counts.gamma.upsample(2)
    back = fine.coarsen(y=2, x=2).sum()
    assert_allclose(back.values, counts.values)
    assert_allclose(back.x.values, counts.x.values)
    assert_allclose(
        fine.gamma.lonlat[1].coarsen(y=2, x=2).mean().values,
        counts.gamma.lonlat[1].values,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda c: c.gamma.smooth("0.1 deg", "star"), "is not recognised"),
        (lambda c: c.gamma.smooth("400 deg"), "between 0 and 180"),
        (lambda c: c.gamma.smooth("1 TeV"), "cannot be converted to"),
        (lambda c: c.gamma.convolve(np.ones((2, 2))), "odd number of pixels along each side"),
        (lambda c: c.gamma.dilate("0.1 deg"), "is not a mask"),
        (lambda c: c.sum(("y", "x")).gamma.smooth(), "no pixels"),
        (lambda c: c.gamma.profile([0, 1], along="up"), "is not recognised"),
        (lambda c: c.gamma.upsample(0), "positive whole number"),
    ],
)
def test_what_cannot_be_done(counts, call, sentence):
    with pytest.raises(xg.XGammaError, match=sentence):
        call(counts)
