"""Shapes as points with weights: rings of a radial law, and points on each ring.

The weights of a shape sum to one whatever its size, and the points move smoothly with every
parameter, which samples on a fixed grid do not. Radii are relative to the shape's own.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from scipy.special import erfc, gammaincinv

from xgamma.numerics.shapes import EDGE_95

__all__ = ["Law", "ball_shell", "disk_rings", "gaussian_rings", "general_rings", "ring_points"]

# Radii of rings and their weights, which sum to one.
Law: TypeAlias = tuple[np.ndarray, np.ndarray]
LEAST_RADII, LEAST_POINTS = 8, 12
# Where exp(-r**2 / 2) has fallen to 1.5e-8.
GAUSSIAN_REACH = 6.0
# An edge reaches this far where erf has come to 1 within 1e-4, over the width between 95 and 5 %.
EDGE_REACH = 2.8 / EDGE_95
QUANTILES = np.array([0.0, 0.3, 0.7, 0.95, 0.995, 0.9999, 1 - 1e-7])


@lru_cache(maxsize=256)
def _legendre(number: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(number)


def _panels(edges: list[float] | np.ndarray, step: float) -> Law:
    """Return Gauss-Legendre nodes and weights of panels, not more than about a step apart.

    Their number changes only where a panel doubles its length, so that it rarely does in a fit.
    """
    nodes, weights = [], []
    for low, high in pairwise(edges):
        doubled = 2.0 ** np.ceil(np.log2(max(high - low, 1e-9)) - 1e-9)
        x, w = _legendre(int(np.ceil(doubled / step)) + LEAST_RADII)
        nodes.append(0.5 * (low + high) + 0.5 * (high - low) * x)
        weights.append(0.5 * (high - low) * w)
    return np.concatenate(nodes), np.concatenate(weights)


def _normed(radius: np.ndarray, weights: np.ndarray) -> Law:
    return radius, weights / weights.sum()


def gaussian_rings(step: float) -> Law:
    """Return the rings of ``exp(-r**2 / 2)``."""
    r, w = _panels([0.0, 2.0, GAUSSIAN_REACH], step)
    return _normed(r, w * r * np.exp(-0.5 * r**2))


def disk_rings(edge_width: float, step: float) -> Law:
    """Return the rings of a disc of radius one, whose edge falls over `edge_width`."""
    reach = EDGE_REACH * edge_width
    if reach == 0:
        r, w = _panels([0.0, 1.0], step)
        return _normed(r, w * r)
    r, w = _panels([0.0, max(1.0 - reach, 0.0), 1.0 + reach], step)
    return _normed(r, w * r * 0.5 * erfc(EDGE_95 * (r - 1.0) / edge_width))


def ball_shell(inner: float, step: float) -> Law:
    """Return the rings of the projection of a shell between `inner` and one.

    The brightness ``sqrt(1 - r**2) - sqrt(inner**2 - r**2)`` has infinite slopes; over the
    second root inside, over the first one outside, it is smooth.
    """
    rim2 = 1.0 - inner**2
    outside, w_out = _panels([0.0, np.sqrt(rim2)], step)
    radius, weights = [np.sqrt(1.0 - outside**2)], [w_out * outside**2]
    if inner > 0:
        root, w_in = _panels([0.0, inner], step)
        radius.append(np.sqrt(np.maximum(inner**2 - root**2, 0.0)))
        # sqrt(rim2 + root**2) - root, without cancellation.
        weights.append(w_in * root * rim2 / (np.sqrt(rim2 + root**2) + root))
    return _normed(np.concatenate(radius), np.concatenate(weights))


def general_rings(eta: float, step: float) -> Law:
    """Return the rings of ``exp(-r**(1 / eta))``."""
    # r**(1 / eta) follows a gamma distribution: panels between its quantiles follow any edge.
    edges = gammaincinv(2 * eta, QUANTILES) ** eta
    r, w = _panels(edges, step)
    return _normed(r, w * r * np.exp(-(r ** (1 / eta))))


def ring_points(law: Law, step: float, ratio: float = 1.0) -> tuple[np.ndarray, ...]:
    """Return points on the rings of an ellipse.

    Parameters
    ----------
    law : (radius, weights)
        Rings.
    step : float
        Distance of neighbours on a ring.
    ratio : float
        Minor over major axis.

    Returns
    -------
    major, minor, weights : ndarray
        Coordinates along the axes and the share of each point.
    """
    radius, weights = law
    number = np.maximum(2 * np.ceil(np.pi * radius / step), LEAST_POINTS).astype(int)
    ring = np.repeat(np.arange(radius.size), number)
    order = np.arange(ring.size) - np.repeat(np.cumsum(number) - number, number)
    # Each ring is turned by another part of its own step, so that no rows of points line up.
    angle = 2 * np.pi * (order + 0.618 * ring % 1.0) / number[ring]
    r = radius[ring]
    return r * np.cos(angle), ratio * r * np.sin(angle), (weights / number)[ring]
