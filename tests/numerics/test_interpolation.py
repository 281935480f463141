"""Weights of linear interpolation, their edges, and the two ways to apply them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from xgamma.numerics.interpolation import Axis, apply_weights, sparse_weights

LIN = Axis(np.array([0.5, 1.5, 2.5]), 0.0, 3.0)
LOG = Axis(np.sqrt(np.array([1.0, 10.0, 100.0]) * np.array([10.0, 100.0, 1000.0])), 1.0, 1e3, True)


@given(arrays(float, 5, elements=st.floats(0.0, 3.0)), st.floats(-2, 2), st.floats(-2, 2))
def test_a_straight_line_stays_one(x, slope, offset):
    """Outer half bins included: they extrapolate."""
    values = slope * LIN.nodes + offset
    assert_allclose(apply_weights(values, LIN.weights(x), 0), slope * x + offset, atol=1e-12)


@given(arrays(float, 5, elements=st.floats(1.0, 1000.0)))
def test_a_line_in_the_logarithm_stays_one(x):
    values = 2 * np.log(LOG.nodes) + 1
    assert_allclose(apply_weights(values, LOG.weights(x), 0), 2 * np.log(x) + 1, atol=1e-12)


def test_nodes_are_met_exactly():
    values = np.array([3.0, -1.0, 7.0])
    assert_array_equal(apply_weights(values, LIN.weights(LIN.nodes), 0), values)


def test_edge_rule():
    """Half a bin beyond the outermost node extrapolates, beyond the edge there is zero (#5928)."""
    values = np.array([1.0, 2.0, 4.0])
    at = np.array([-0.01, 0.0, 0.25, 2.75, 3.0, 3.01])
    got = apply_weights(values, LIN.weights(at), 0)
    assert_allclose(got, [0, 0.5, 0.75, 4.5, 5.0, 0])
    constant = apply_weights(values, LIN.weights(at, constant_edges=True), 0)
    assert_allclose(constant, [0, 1, 1, 4, 4, 0])
    weights = LIN.weights(at)
    assert_array_equal(weights.valid, [False, True, True, True, True, False])
    assert not weights.inside.any()


def test_not_a_number_is_outside():
    weights = LIN.weights(np.array([np.nan, 1.0]))
    assert_array_equal(weights.valid, [False, True])
    assert apply_weights(np.ones(3), weights, 0)[0] == 0


def test_one_node_is_constant_inside_its_edges():
    axis = Axis(np.array([1.0]), 0.5, 1.5)
    got = apply_weights(np.array([7.0]), axis.weights(np.array([0.4, 0.6, 1.5, 2.0])), 0)
    assert_array_equal(got, [0, 7, 7, 0])


def test_one_node_without_width_holds_everywhere():
    """Point-like responses have one offset, LO equal to HI."""
    axis = Axis(np.array([0.4]), 0.4, 0.4)
    got = apply_weights(np.array([7.0]), axis.weights(np.array([0.0, 5.0, np.nan])), 0)
    assert_array_equal(got, [7, 7, 0])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_any_axis_of_an_array(axis):
    rng = np.random.default_rng(0)
    values = np.moveaxis(rng.random((3, 4, 5)), 0, axis)
    at = np.array([0.2, 1.1, 2.9, 4.0])
    got = np.moveaxis(apply_weights(values, LIN.weights(at), axis), axis, 0)
    for number, x in enumerate(at):
        one = apply_weights(np.moveaxis(values, axis, 0), LIN.weights(np.array([x])), 0)[0]
        assert_allclose(got[number], one)


def test_sparse_matrix_is_the_product_of_the_axes():
    """A bilinear function of two axes is met everywhere, at the edges of one too."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 3, 40), rng.uniform(1, 1000, 40)
    grid = (2 + LIN.nodes[:, np.newaxis]) * (1 - np.log(LOG.nodes))
    matrix = sparse_weights(LIN.weights(x), LOG.weights(y))
    assert matrix.shape == (40, 9)
    assert_allclose(matrix @ grid.ravel(), (2 + x) * (1 - np.log(y)), rtol=1e-10)
    outside = sparse_weights(LIN.weights(np.array([-1.0, 1.0])), LOG.weights(np.array([5.0, 0.5])))
    assert_array_equal(outside @ grid.ravel(), [0, 0])


def test_sparse_matrix_with_an_axis_of_one_node():
    one = Axis(np.array([1.0]), 0.0, 2.0)
    matrix = sparse_weights(LIN.weights(np.array([1.0, 1.0])), one.weights(np.array([1.0, 3.0])))
    assert_allclose(matrix @ np.array([1.0, 2.0, 3.0]), [1.5, 0.0])
