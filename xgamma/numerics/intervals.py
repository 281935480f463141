"""Intervals of time: their union, what lies inside, and integrals over them."""

from __future__ import annotations

import numpy as np

__all__ = ["inside_intervals", "trapezoid_weights", "union_of_intervals"]


def union_of_intervals(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the union of intervals, sorted, those that overlap or touch joined.

    Parameters
    ----------
    start, stop : ndarray
        Shape (n,).

    Returns
    -------
    start, stop : ndarray
        Of the union.

    Examples
    --------
    >>> import numpy as np
    >>> union_of_intervals(np.array([0.0, 300.0]), np.array([600.0, 900.0]))
    (array([0.]), array([900.]))
    """
    if start.size < 2:
        return start, stop
    order = np.argsort(start, kind="stable")
    start, stop = start[order], np.maximum.accumulate(stop[order])
    new = np.append(True, start[1:] > stop[:-1])
    last = np.append(np.flatnonzero(new)[1:] - 1, start.size - 1)
    return start[new], stop[last]


def inside_intervals(
    values: np.ndarray, start: np.ndarray, stop: np.ndarray, margin: float = 0.0
) -> np.ndarray:
    """Return which values lie in any of disjoint, sorted intervals, each wider by a margin.

    Parameters
    ----------
    values : ndarray
        Shape (m,).
    start, stop : ndarray
        Shape (n,), as `union_of_intervals` gives them.
    margin : float
        Added at both ends.

    Returns
    -------
    inside : ndarray of bool
        Shape (m,).
    """
    if start.size == 0:
        return np.zeros(values.shape, dtype=bool)
    # The interval before a value and the one after it: the margin can reach it from both.
    before = np.searchsorted(start, values, side="right") - 1
    after = np.minimum(before + 1, start.size - 1)
    inside = (before >= 0) & (values <= stop[np.maximum(before, 0)] + margin)
    return np.asarray(inside | ((values >= start[after] - margin) & (values <= stop[after])))


def trapezoid_weights(nodes: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return weights that integrate a function, linear between nodes, over intervals.

    Parameters
    ----------
    nodes : ndarray
        Increasing, shape (m,).
    start, stop : ndarray
        Disjoint intervals between the first and the last node, shape (n,).

    Returns
    -------
    weights : ndarray
        Shape (m,); their sum is the length of the intervals. Those of one interval from the
        first to the last node are the trapezoidal rule's.

    Examples
    --------
    >>> import numpy as np
    >>> trapezoid_weights(np.array([0.0, 1.0, 3.0]), np.array([0.0]), np.array([3.0]))
    array([0.5, 1.5, 1. ])
    """
    left, right = nodes[:-1, np.newaxis], nodes[1:, np.newaxis]
    low, high = np.maximum(left, start), np.minimum(right, stop)
    length = np.maximum(high - low, 0.0)
    share = np.where(length > 0, 0.5 * (low + high) - left, 0.0) / (right - left)
    weights = np.zeros(nodes.size)
    weights[1:] += (length * share).sum(axis=1)
    weights[:-1] += (length * (1.0 - share)).sum(axis=1)
    return weights
