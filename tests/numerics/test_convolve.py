"""Convolution against scipy's, which takes another way; arrays under masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage, signal

from xgamma.numerics.convolve import convolve_same, convolve_separable
from xgamma.numerics.masked import under


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 12), st.integers(1, 12), st.integers(0, 9), st.integers(0, 9), st.integers(0, 99)
)
def test_same_as_the_direct_sum(ny, nx, half_y, half_x, seed):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(3, ny, nx))
    kernels = rng.normal(size=(3, 2 * half_y + 1, 2 * half_x + 1))
    padded = np.pad(images, [(0, 0), (half_y, half_y), (half_x, half_x)])
    truth = [signal.convolve2d(i, k, mode="valid") for i, k in zip(padded, kernels, strict=True)]
    assert_allclose(convolve_same(images, kernels), truth, atol=1e-12)
    one = [signal.convolve2d(i, kernels[0], mode="valid") for i in padded]
    assert_allclose(convolve_same(images, kernels[0]), one, atol=1e-12)
    along = kernels[0, :, 0], kernels[0, 0]
    outer = np.multiply.outer(*along)
    assert_allclose(convolve_separable(images, *along), convolve_same(images, outer), atol=1e-12)
    even = kernels + kernels[:, ::-1]
    even = even + even[..., ::-1]
    truth = [signal.convolve2d(i, k, mode="valid") for i, k in zip(padded, even, strict=True)]
    assert_allclose(convolve_same(images, even), truth, atol=1e-12)


def test_nothing_becomes_negative():
    images = np.zeros((2, 40, 50))
    images[:, 20, 25] = 1e6
    box = np.ones((5, 5))
    assert convolve_same(images, box).min() == 0
    assert convolve_same(-images, box).min() == pytest.approx(-1e6)


def test_gaussian_beside_the_edge():
    image = np.random.default_rng(0).poisson(2.0, (30, 40)).astype(float)
    half = 12
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / 3.0) ** 2)
    weights /= weights.sum()
    truth = ndimage.gaussian_filter(image, 3.0, mode="constant")
    assert_allclose(convolve_separable(image, weights, weights), truth, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64, bool])
def test_under_a_mask(dtype):
    values = np.array([[1, 2], [3, 4]]).astype(dtype)
    mask = np.array([[True, False], [False, True]])
    found = under(values, mask)
    assert found.dtype == values.dtype
    assert_array_equal(found, np.where(mask, values, 0))
    assert_array_equal(under(values, mask[0]), np.where(mask[0], values, 0))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_hidden_may_be_anything(bad):
    values = np.array([1.0, bad, bad])
    assert_array_equal(under(values, np.array([True, False, False])), [1, 0, 0])
    assert_array_equal(under(values, np.array([True, False, True])), [1, 0, bad])
