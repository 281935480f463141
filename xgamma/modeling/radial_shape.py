"""Shapes given by a function of the separation."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from xgamma.errors import XGammaError
from xgamma.modeling.spatial_base import Shape

__all__ = ["RadialShape"]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
RINGS = 256
# Pixels within the extent on which the function may be sampled.
SAMPLES = 30


class RadialShape(Shape):
    """Base of shapes that depend on the separation from their position only.

    A subclass has `evaluate`, the brightness on any scale of separations in degrees and of its
    parameters, and `radius`, the extent in degrees from its parameters. Within it the brightness
    is normalised to one.
    """

    evaluate: ClassVar[Callable[..., np.ndarray]]
    radius: ClassVar[Callable[..., float]]

    @property
    def extent(self) -> float:
        """Radius beyond which the shape is zero, degrees."""
        radius = float(self.radius(*self.kernel_values()[2:]))
        if not 0 < radius <= 180:
            raise XGammaError(
                f"The extent of {self!r} is {radius:g} deg: it must be above 0 and at most 180."
            )
        return radius

    @property
    def bin_size(self) -> float:
        """A part of the extent, degrees."""
        return self.extent / SAMPLES

    def density(self, squared_chord: np.ndarray, angle: np.ndarray | None) -> np.ndarray:
        """See `Shape.density`."""
        values, extent = self.kernel_values()[2:], self.extent
        edges = np.linspace(0.0, extent, RINGS + 1)
        half = 0.5 * np.diff(edges)[:, None]
        nodes = edges[:-1, None] + half * (1 + NODES)
        rings = self.evaluate(nodes, *values) * np.sin(np.radians(nodes))
        integral = 2 * np.pi * np.radians(float(np.sum(rings * half * WEIGHTS)))
        if not 0 < integral < np.inf:
            raise XGammaError(
                f"{self!r} has the integral {integral:g}, so it cannot be normalised."
            )
        separation = np.degrees(2 * np.arcsin(np.clip(0.5 * np.sqrt(squared_chord), 0.0, 1.0)))
        inside = separation <= extent
        brightness = self.evaluate(np.minimum(separation, extent), *values)
        return np.where(inside, brightness / integral, 0.0)
