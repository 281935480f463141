"""Solid angles of regions, and the points that stand for them."""

import numpy as np

from xgamma.model import figure
from xgamma.model.regions import parse_regions


def test_solid_angles():
    for text, area in (
        ("icrs;circle(10, 40, 0.3)", np.pi * 0.09),
        ("icrs;box(10, 40, 0.4, 0.2, 20)", 0.08),
        ("icrs;point(10, 40)", 0.0),
    ):
        omega = figure.region_solid_angle(parse_regions(text)[0])
        np.testing.assert_allclose(omega, area * np.deg2rad(1) ** 2, rtol=1e-4)
        if area:
            _, weights = figure.region_points(parse_regions(text)[0])
            np.testing.assert_allclose(weights.sum() * 1e-4, area, rtol=5e-3)
