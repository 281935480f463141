"""Maps with planes of energy, interpolated: NumPy in, NumPy out."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.interpolate import make_interp_spline

__all__ = ["between_nodes", "between_planes", "bin_rule", "log_bilinear", "node_weights"]

# Three points integrate a power law over a quarter decade to 1e-7.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(3)
PANEL = 0.25 * np.log(10)
TINY = float(np.finfo(np.float32).tiny)


def between_planes(
    planes: np.ndarray, nodes: np.ndarray, energy: np.ndarray, flux: bool, log_axis: bool = True
) -> np.ndarray:
    """Interpolate planes to energies; beyond the nodes a flux carries on, all else is held.

    Parameters
    ----------
    planes : ndarray
        Not negative, shape (n, ...).
    nodes : ndarray
        Energies of the planes, increasing, shape (n,).
    energy : ndarray
        Where to interpolate, shape (m,).
    flux : bool
        Whether the logarithm of the values is interpolated, where they are positive.
    log_axis : bool
        Whether the logarithm of the energy is what counts as distance.

    Returns
    -------
    values : ndarray
        Shape (m, ...), not negative.
    """
    if nodes.size == 1:
        return np.repeat(planes, energy.size, axis=0)
    x, at = (np.log(nodes), np.log(energy)) if log_axis else (nodes, energy)
    i = np.clip(np.searchsorted(x, at) - 1, 0, nodes.size - 2)
    t = ((at - x[i]) / (x[i + 1] - x[i])).reshape(-1, *[1] * (planes.ndim - 1))
    left, right = planes[i], planes[i + 1]
    if not flux:
        t = np.clip(t, 0.0, 1.0)
    straight: np.ndarray = np.maximum(left + t * (right - left), 0.0)
    if not flux:
        return straight
    good = (left > 0) & (right > 0)
    ratio = np.where(good, right, 1.0) / np.where(good, left, 1.0)
    values: np.ndarray = np.where(good, left * ratio**t, straight)
    return values


def node_weights(nodes: np.ndarray, at: float, cubic: bool = False) -> np.ndarray:
    """Return the weights of the nodes of an axis, of which an interpolation is the sum.

    Parameters
    ----------
    nodes : ndarray
        Increasing, shape (n,); their logarithms where those count as distance.
    at : float
        Where to interpolate; beyond the nodes the ends are carried on.
    cubic : bool
        Whether it is a cubic spline (not-a-knot; of fewer than four nodes a lower power), or straight.

    Returns
    -------
    weights : ndarray
        Shape (n,), they sum to one.
    """
    if nodes.size == 1:
        return np.ones(1)
    power = min(3, nodes.size - 1) if cubic else 1
    return np.asarray(make_interp_spline(nodes, np.eye(nodes.size), k=power)(at))


def between_nodes(table: np.ndarray, weights: np.ndarray, straight: np.ndarray) -> np.ndarray:
    """Interpolate the logarithm along the first axis; where some node in use is zero, the value.

    Parameters
    ----------
    table : ndarray
        Not negative, shape (n, ...).
    weights, straight : ndarray
        Of logarithms, and of values, shape (n,), see `node_weights`.

    Returns
    -------
    values : ndarray
        Shape (...), not negative.
    """
    used = weights != 0
    part = table[used]
    good = np.all(part > 0, axis=0)
    logs = np.tensordot(weights[used], np.log(np.where(good, part, 1.0)), 1)
    if good.all():
        return np.exp(logs)
    return np.where(good, np.exp(logs), np.maximum(np.tensordot(straight, table, 1), 0.0))


def bin_rule(low: float, high: float, breaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return energies and weights whose sum is the mean over a bin.

    Parameters
    ----------
    low, high : float
        Edges of the bin.
    breaks : ndarray
        Energies at which the slope of the integrand may change.

    Returns
    -------
    energy, weights : ndarray
        Gauss-Legendre points between the breaks, in the logarithm of the energy; the weights
        sum to one.
    """
    inner = np.unique(breaks[(breaks > low) & (breaks < high)])
    ends = np.log(np.concatenate([[low], inner, [high]]))
    parts = [
        np.linspace(a, b, max(int(np.ceil((b - a) / PANEL)), 1) + 1)[:-1]
        for a, b in itertools.pairwise(ends)
    ]
    edges = np.append(np.concatenate(parts), ends[-1])
    half = 0.5 * np.diff(edges)[:, None]
    energy = np.exp(edges[:-1, None] + half * (1 + NODES))
    weights = energy * half * WEIGHTS
    return energy.ravel(), weights.ravel() / weights.sum()


def log_bilinear(image: np.ndarray, coords: np.ndarray) -> np.ndarray:
    """Interpolate the logarithm of an image, straight on beyond the outermost pixels.

    Parameters
    ----------
    image : ndarray
        Shape (y, x); what is not positive counts as the smallest number of single precision.
    coords : ndarray
        Pixels (y, x), shape (2, ...).

    Returns
    -------
    values : ndarray
        Shape (...).
    """
    logs = np.log(np.maximum(image, TINY))
    (y, x), (ny, nx) = coords, logs.shape
    low_y = np.clip(np.floor(y).astype(int), 0, max(ny - 2, 0))
    low_x = np.clip(np.floor(x).astype(int), 0, max(nx - 2, 0))
    ty, tx = y - low_y, x - low_x
    high_y, high_x = np.minimum(low_y + 1, ny - 1), np.minimum(low_x + 1, nx - 1)
    first = (1 - tx) * logs[low_y, low_x] + tx * logs[low_y, high_x]
    second = (1 - tx) * logs[high_y, low_x] + tx * logs[high_y, high_x]
    values = np.exp((1 - ty) * first + ty * second)
    return np.where(values > 2 * TINY, values, 0.0)
