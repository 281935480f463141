"""Images of sources between pixels against sums over points, one after the other."""

import numpy as np
import pytest

from xgamma.numerics.point_images import PointImages
from xgamma.numerics.psf_kernels import KernelPlan, trim
from xgamma.numerics.radial import smooth_rings

SCALE = (0.05, 0.04)
EDGES = {
    "even": np.linspace(0, 0.4, 41),
    "uneven": np.linspace(0, np.sqrt(0.4), 41) ** 2,
    "not from zero": np.linspace(0.03, 0.4, 38),
    "three": np.linspace(0, 0.4, 4),
    "short": np.linspace(0, 0.09, 10),
}


def one_by_one(profile, centers, rad_max, half, factor, ty, tx):
    """Mean of profiles over Gauss-Legendre points of each pixel."""
    nodes, shares = np.polynomial.legendre.leggauss(factor)
    image = np.zeros((len(profile), 2 * half + 2, 2 * half + 2))
    for iy, ix in np.ndindex(image.shape[1:]):
        for dy, wy in zip(nodes / 2, shares / 2, strict=True):
            for dx, wx in zip(nodes / 2, shares / 2, strict=True):
                y, x = (iy - half + dy - ty) * SCALE[0], (ix - half + dx - tx) * SCALE[1]
                r = np.hypot(y, x)
                if r <= rad_max:
                    for ring, share in smooth_rings(np.array([r]), centers):
                        image[:, iy, ix] += wy * wx * share[0] * profile[:, ring[0]]
    return np.maximum(image, 0.0)


@pytest.mark.parametrize("edges", EDGES)
def test_images_of_points_are_sums_over_points(edges):
    edges = EDGES[edges]
    centers, rad_max = 0.5 * (edges[1:] + edges[:-1]), edges[-1]
    half, factor, gaps = 5, 3, np.array([0, 1, 3])
    # Nothing beyond 0.15, as an image that fades out.
    profile = np.exp(-0.5 * (centers / np.array([[0.08], [0.05], [0.02]])) ** 2)
    profile *= centers < 0.15
    reach = 0.15 + 2 * np.diff(centers).max()
    images = PointImages(centers, rad_max, reach, SCALE, gaps, half, factor)
    for ty, tx in [(0, 0), (0.3, 0.9), (0.999, 0.5)]:
        expected = trim(one_by_one(profile, centers, rad_max, half, factor, ty, tx), gaps)
        found = images(profile, ty, tx)
        # The same sums in another order.
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-15)


def test_an_empty_profile_gives_nothing():
    images = PointImages(np.linspace(0.005, 0.195, 20), 0.2, 0.2, SCALE, np.zeros(2, int), 3, 2)
    assert not images(np.zeros((2, 20)), 0.5, 0.5).any()


def test_only_pixels_in_reach_are_visited():
    """That is what makes a step of a position fast: the corners of the square hold nothing."""
    edges = np.linspace(0, 0.66, 67)
    plan = KernelPlan(np.array([0.4, 0.1]), np.array([0.1, 0.03]), (0.05, 0.05), edges)
    visited = plan._points.pixels.size
    assert visited < plan._points.side**2
    image = plan.point_image(np.ones((2, 66)), 0.4, 0.6)
    np.testing.assert_allclose(image.sum(axis=(1, 2)), 1.0, rtol=1e-12)
