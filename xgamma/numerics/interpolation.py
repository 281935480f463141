"""Linear interpolation by weights: found once per axis, used by every array on it.

An axis of a response is a list of nodes (bin centres) in its own scale and a range of
validity (outer bin edges). Inside the outer half bins values extrapolate linearly, or stay
constant on request; beyond the edges they are zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse

__all__ = ["Axis", "Weights", "apply_weights", "sparse_weights"]


@dataclass(frozen=True)
class Axis:
    """Nodes and outer edges of one axis of a response.

    Parameters
    ----------
    nodes : ndarray
        Bin centres, increasing, shape (n,).
    low, high : float
        Outer edges; equal for an axis of one node without width, which is valid everywhere.
    log : bool
        Whether the axis is interpolated in its logarithm.
    """

    nodes: np.ndarray
    low: float
    high: float
    log: bool = False

    def weights(self, x: np.ndarray, constant_edges: bool = False) -> Weights:
        """Return where positions lie between the nodes.

        Parameters
        ----------
        x : ndarray
            Positions, any shape.
        constant_edges : bool
            Whether the outer half bins keep the value of the outermost node.

        Returns
        -------
        weights : Weights
            Lower node, weight of the upper node, and whether the position is inside.
        """
        x = np.asarray(x, dtype=float)
        if self.nodes.size == 1:
            valid = np.isfinite(x)
            if self.high > self.low:
                valid &= (x >= self.low) & (x <= self.high)
            return Weights(np.zeros(x.shape, dtype=np.intp), np.zeros(x.shape), valid, 1)
        valid = (x >= self.low) & (x <= self.high)
        with np.errstate(invalid="ignore", divide="ignore"):
            position = np.log(x) if self.log else x
        nodes = np.log(self.nodes) if self.log else self.nodes
        index = np.clip(np.searchsorted(nodes, position, side="right") - 1, 0, nodes.size - 2)
        step = np.diff(nodes)
        weight = (position - nodes[index]) / step[index]
        if constant_edges:
            weight = np.clip(weight, 0.0, 1.0)
        return Weights(index, np.where(valid, weight, 0.0), valid, nodes.size)


@dataclass(frozen=True)
class Weights:
    """Lower node ``index``, ``weight`` of the node above it, ``valid``, and number of nodes."""

    index: np.ndarray
    weight: np.ndarray
    valid: np.ndarray
    size: int

    def take(self, part: np.ndarray | slice) -> Weights:
        """Return the weights of some of the positions (a slice or indices)."""
        return Weights(self.index[part], self.weight[part], self.valid[part], self.size)

    @property
    def inside(self) -> np.ndarray:
        """Whether a position lies between the outermost nodes, where nothing is extrapolated."""
        return self.valid & (self.weight >= 0.0) & (self.weight <= 1.0)


def apply_weights(values: np.ndarray, weights: Weights, axis: int) -> np.ndarray:
    """Interpolate an array along one axis at 1-D positions; invalid positions give zero.

    Parameters
    ----------
    values : ndarray
        Any shape.
    weights : Weights
        1-D, for the axis.
    axis : int
        Which axis of `values`.

    Returns
    -------
    values : ndarray
        float64, with that axis replaced by the positions.
    """
    # Contiguous first: gathering rows is several times faster than gathering columns.
    values = np.ascontiguousarray(np.moveaxis(np.asarray(values, dtype=float), axis, 0))
    shape = (-1,) + (1,) * (values.ndim - 1)
    if weights.size == 1:
        out = values[weights.index]
    else:
        upper = weights.weight.reshape(shape)
        out = values[weights.index] * (1.0 - upper) + values[weights.index + 1] * upper
    if not weights.valid.all():
        out[~weights.valid] = 0.0
    return np.moveaxis(out, 0, axis)


def sparse_weights(*weights: Weights, dtype: type = np.float64) -> sparse.csr_array:
    """Return the matrix that interpolates a flattened grid at many points.

    Parameters
    ----------
    *weights : Weights
        One for each axis of the grid, slowest first, all of one shape (raveled).
    dtype : type
        Of the matrix.

    Returns
    -------
    matrix : csr_array
        Shape (points, product of the axis sizes); rows of invalid points are empty of weight.
    """
    points = weights[0].index.size
    # One row for each corner of a cell, so that all arithmetic runs along the points.
    columns = np.zeros((1, points), dtype=np.int32)
    values = np.ones((1, points))
    for one in weights:
        index = one.index.reshape(1, points).astype(np.int32)
        values = values if one.valid.all() else values * one.valid.reshape(1, points)
        if one.size == 1:
            columns = columns + index
            continue
        upper = one.weight.reshape(1, points)
        columns = columns * np.int32(one.size) + index
        columns = np.concatenate([columns, columns + np.int32(1)])
        high = values * upper
        values = np.concatenate([values - high, high])
    width = columns.shape[0]
    columns = np.ascontiguousarray(columns.T)
    values = np.ascontiguousarray(values.T, dtype=dtype)
    indptr = np.arange(0, points * width + 1, width, dtype=np.int32)
    size = math.prod(one.size for one in weights)
    return sparse.csr_array((values.ravel(), columns.ravel(), indptr), shape=(points, size))
