"""Draw random numbers from tabulated responses, exactly as interpolation defines them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from xgamma.core.bounds import require_room
from xgamma.errors import XGammaError
from xgamma.numerics.sphere import lonlat_to_vector, offset_basis, vector_to_lonlat

__all__ = [
    "cell_maxima",
    "draw_cells",
    "draw_counts",
    "multilinear",
    "nodes_with_edges",
    "offset_by",
    "offset_frame_to_sky",
    "power_law_integral",
    "sample_gaussian_mixture",
    "sample_king",
    "sample_power_law",
    "sample_rows",
    "sample_sphere_gaussian",
]

# NumPy draws Poisson numbers of means below this.
MOST_COUNTS = 9.2e18


def nodes_with_edges(centers: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the nodes of interpolation with the axis' outer edges added where they lie beyond."""
    nodes = [low] if low < centers[0] else []
    return np.concatenate([nodes, centers, [high] if high > centers[-1] else []])


def _bracket(nodes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower node's number and the fraction of the way to the next one."""
    lower = np.clip(np.searchsorted(nodes, points, side="right") - 1, 0, len(nodes) - 2)
    return lower, (points - nodes[lower]) / (nodes[lower + 1] - nodes[lower])


def multilinear(
    nodes: Sequence[np.ndarray], values: np.ndarray, points: Sequence[np.ndarray]
) -> np.ndarray:
    """Interpolate multilinearly, and extrapolate linearly beyond the outer nodes.

    Parameters
    ----------
    nodes : sequence of ndarray
        Increasing nodes of the first axes of `values`, in the scale that is linear. An axis
        of one node is constant.
    values : ndarray
        Table; axes after those of `nodes` are carried along.
    points : sequence of ndarray
        One array of shape (n,) for each axis.

    Returns
    -------
    interpolated : ndarray
        Shape (n,) + the carried axes.

    Examples
    --------
    >>> multilinear([np.array([0.0, 1.0])], np.array([1.0, 3.0]), [np.array([0.5, 2.0])])
    array([2., 5.])
    """
    sides = []
    for axis, point in zip(nodes, points, strict=True):
        if len(axis) == 1:
            sides.append([(np.zeros(np.shape(point), int), np.ones(np.shape(point)))])
        else:
            lower, fraction = _bracket(axis, np.asarray(point))
            sides.append([(lower, 1.0 - fraction), (lower + 1, fraction)])
    carried = (slice(None),) + (np.newaxis,) * (values.ndim - len(nodes))
    total: np.ndarray | float = 0.0
    for corner in itertools.product(*sides):
        weight = np.prod([side[1] for side in corner], axis=0)
        total = total + weight[carried] * values[tuple(side[0] for side in corner)]
    return np.asarray(total)


def cell_maxima(values: np.ndarray) -> np.ndarray:
    """Return the largest corner of each cell of a grid of nodes: the bound of a multilinear form.

    Parameters
    ----------
    values : ndarray
        Values at nodes, shape (n1, n2, …), each at least 2.

    Returns
    -------
    maxima : ndarray
        Shape (n1 - 1, n2 - 1, …).

    Examples
    --------
    >>> cell_maxima(np.array([1.0, 3.0, 2.0]))
    array([3., 3.])
    """
    for axis in range(values.ndim):
        lower = values.take(range(values.shape[axis] - 1), axis)
        values = np.maximum(lower, values.take(range(1, values.shape[axis]), axis))
    return values


def draw_counts(rng: np.random.Generator, expected: np.ndarray) -> np.ndarray:
    """Draw a Poisson number for each mean.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    expected : ndarray
        Means.

    Returns
    -------
    counts : ndarray of int
        Same shape.

    Raises
    ------
    XGammaError
        If a mean exceeds any whole number of 64 bits.

    Examples
    --------
    >>> draw_counts(np.random.default_rng(0), np.array([0.0, 5.0]))[0]
    np.int64(0)
    """
    most = float(np.max(expected, initial=0.0))
    if most >= MOST_COUNTS:
        raise XGammaError(
            f"{most:.3g} events are predicted in one bin, more than can be drawn: check amplitude, units and livetime."
        )
    return np.asarray(rng.poisson(expected))


def draw_cells(rng: np.random.Generator, expected: np.ndarray) -> tuple[np.ndarray, ...]:
    """Draw a Poisson number of events in each cell and return the cell numbers of each event.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    expected : ndarray
        Mean number of events in each cell.

    Returns
    -------
    cells : tuple of ndarray
        One array of shape (n,) for each axis of `expected`.
    """
    total, most = float(np.sum(expected)), float(np.max(expected, initial=0.0))
    if most < MOST_COUNTS:
        # Cells, an energy, two angles and a time of each event, and room to compute them.
        room = 8 * (expected.ndim + 8) * total
        require_room(room, f"Drawing {total:.3g} events", "lower the flux or the livetime")
    numbers = draw_counts(rng, expected.ravel())
    return np.unravel_index(np.repeat(np.arange(expected.size), numbers), expected.shape)


def power_law_integral(low: np.ndarray, high: np.ndarray, index: float) -> np.ndarray:
    r"""Return :math:`\int_{low}^{high} x^{-index} dx`, which is a logarithm for index 1.

    Examples
    --------
    >>> power_law_integral(np.array([1.0]), np.array([2.0]), 2.0)
    array([0.5])
    """
    k = 1.0 - index
    log_ratio = np.log(high / low)
    # expm1 keeps the digits near index 1, where the two powers nearly cancel.
    values: np.ndarray = low**k * log_ratio if k == 0 else low**k * np.expm1(k * log_ratio) / k
    return values


def sample_power_law(
    uniform: np.ndarray, low: np.ndarray, high: np.ndarray, index: float
) -> np.ndarray:
    """Turn uniform numbers into values between `low` and `high` distributed as x^-index.

    Examples
    --------
    >>> sample_power_law(np.array([0.0, 0.5, 1.0]), 1.0, 3.0, 2.0)
    array([1. , 1.5, 3. ])
    """
    k = 1.0 - index
    log_ratio = np.log(high / low)
    if k == 0:
        values: np.ndarray = low * np.exp(uniform * log_ratio)
        return values
    values = low * np.exp(np.log1p(uniform * np.expm1(k * log_ratio)) / k)
    return values


def sample_rows(uniform: np.ndarray, edges: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Draw one value from each row of a table of densities, constant inside a bin.

    Parameters
    ----------
    uniform : ndarray
        Uniform numbers, shape (n,).
    edges : ndarray
        Edges of the bins, shape (m + 1,).
    density : ndarray
        Densities (of any norm), shape (n, m); negative values count as zero.

    Returns
    -------
    values : ndarray
        Shape (n,); NaN where a row holds nothing.

    Examples
    --------
    >>> sample_rows(np.array([0.5]), np.array([0.0, 1.0, 2.0]), np.array([[1.0, 3.0]])).round(3)
    array([1.333])
    """
    content = np.maximum(density, 0.0) * np.diff(edges)
    cumulative = np.cumsum(content, axis=1)
    target = uniform * cumulative[:, -1]
    bins = np.minimum(np.sum(cumulative <= target[:, np.newaxis], axis=1), content.shape[1] - 1)
    row = np.arange(len(uniform))
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = 1.0 - (cumulative[row, bins] - target) / content[row, bins]
    values: np.ndarray = edges[bins] + fraction * (edges[bins + 1] - edges[bins])
    return values


def sample_gaussian_mixture(
    rng: np.random.Generator, amplitudes: np.ndarray, sigmas: np.ndarray
) -> np.ndarray:
    """Draw radii from sums of two-dimensional Gaussians.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    amplitudes, sigmas : ndarray
        Peak heights and widths, shape (n, components); the share of a component is
        amplitude times sigma squared.

    Returns
    -------
    radii : ndarray
        Shape (n,), in the unit of `sigmas`.
    """
    share = np.cumsum(np.maximum(amplitudes, 0.0) * sigmas**2, axis=1)
    pick = rng.random(len(sigmas)) * share[:, -1]
    component = np.sum(share <= pick[:, np.newaxis], axis=1)
    component = np.minimum(component, sigmas.shape[1] - 1)
    sigma = np.abs(sigmas[np.arange(len(sigmas)), component])
    radii: np.ndarray = sigma * np.sqrt(2.0 * rng.standard_exponential(len(sigmas)))
    return radii


def sample_king(uniform: np.ndarray, gamma: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    r"""Turn uniform numbers into radii of a King profile, whose cumulative form inverts.

    .. math:: P(<r) = 1 - \left(1 + \frac{r^2}{2 \gamma \sigma^2}\right)^{1 - \gamma}

    Examples
    --------
    >>> sample_king(np.array([0.5]), np.array([2.0]), np.array([1.0]))
    array([2.])
    """
    values: np.ndarray = sigma * np.sqrt(2.0 * gamma * np.expm1(np.log1p(-uniform) / (1.0 - gamma)))
    return values


def sample_sphere_gaussian(rng: np.random.Generator, sigma: float, size: int) -> np.ndarray:
    r"""Draw separations in degrees from a Gaussian on the sphere.

    The density per solid angle is
    :math:`\exp\left(-\frac{1}{2}\frac{1-\cos r}{1-\cos\sigma}\right)`, which for small
    widths is the plane Gaussian.
    """
    width = 2.0 * np.sin(0.5 * np.deg2rad(sigma)) ** 2
    versine = np.minimum(2.0 * width * rng.standard_exponential(size), 2.0)
    values: np.ndarray = np.rad2deg(2.0 * np.arcsin(np.sqrt(0.5 * versine)))
    return values


def offset_by(
    lon: npt.ArrayLike, lat: npt.ArrayLike, angle: npt.ArrayLike, separation: npt.ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions at a position angle (north through east) and separation, in degrees.

    Examples
    --------
    >>> lon, lat = offset_by(10.0, 0.0, 90.0, 2.0)
    >>> round(float(lon), 6), round(abs(float(lat)), 6)
    (12.0, 0.0)
    """
    here = lonlat_to_vector(np.asarray(lon), np.asarray(lat))
    a, d, p, s = (np.deg2rad(np.asarray(v)) for v in (lon, lat, angle, separation))
    east = np.stack([-np.sin(a), np.cos(a), np.zeros_like(a)])
    north = np.stack([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)])
    sideways = np.sin(s) * (np.sin(p) * _as(east, p) + np.cos(p) * _as(north, p))
    return vector_to_lonlat(np.cos(s) * _as(here, p) + sideways)


def _as(vector: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Append axes to a vector (3, …) until it broadcasts against an array."""
    return vector.reshape(vector.shape + (1,) * (like.ndim - vector.ndim + 1))


def offset_frame_to_sky(
    east: np.ndarray, north: np.ndarray, lon: float, lat: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sky positions of field-of-view coordinates about a position, all in degrees.

    The inverse of `xgamma.numerics.sphere.offset_coordinates`.

    Examples
    --------
    >>> lon, lat = offset_frame_to_sky(0.0, 1.0, 83.63, 22.01)
    >>> round(float(lon), 6), round(float(lat), 6)
    (83.63, 23.01)
    """
    vector = np.tensordot(offset_basis(lon, lat).T, lonlat_to_vector(east, north), axes=1)
    return vector_to_lonlat(vector)
