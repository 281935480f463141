"""Shapes on the sky: surface brightness that integrates to one."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from xgamma.core.heavy import regions as rg
from xgamma.modeling.parameter import Spec
from xgamma.modeling.spatial_base import Shape, ellipse_region
from xgamma.numerics import rings as laws
from xgamma.numerics import shapes as kernels
from xgamma.numerics.rings import Law

__all__ = [
    "ConstantSpatial",
    "Disk",
    "Gaussian",
    "GeneralizedGaussian",
    "PointSource",
    "Shell",
    "Shell2",
]

FLUX_PER_SR = "TeV-1 s-1 cm-2 sr-1"
LON = Spec(0.0, "deg", kernel_unit="rad")
LAT = Spec(0.0, "deg", -90.0, 90.0, kernel_unit="rad")
E = Spec(0.0, "", 0.0, 1.0, frozen=True)
PHI = Spec(0.0, "deg", -180.0, 180.0, frozen=True, kernel_unit="rad")


class PointSource(Shape):
    """A point source; on a map, the four nearest pixels share its flux so as to keep its centroid.

    Examples
    --------
    >>> float(PointSource(lon="83.63 deg", lat="22.01 deg").position.ra.deg)
    83.63
    """

    tag, short = "PointSpatialModel", "point"
    specs: ClassVar[dict[str, Spec]] = {"lon_0": LON, "lat_0": LAT}

    @property
    def extent(self) -> float:
        """Zero."""
        return 0.0

    def density(self, squared_chord: np.ndarray, angle: np.ndarray | None) -> np.ndarray:
        """Infinite at the point, zero elsewhere."""
        return np.where(squared_chord == 0, np.inf, 0.0)

    def to_region(self) -> Any:
        """Return the point as a region."""
        return rg.PointSkyRegion(self.position)


class Gaussian(Shape):
    """Gaussian of width `sigma` (major axis), eccentricity `e` and position angle `phi`.

    Examples
    --------
    >>> Gaussian(lon=0, lat=0, sigma="0.2 deg", frame="galactic").extent
    1.0
    """

    tag, short = "GaussianSpatialModel", "gauss"
    specs: ClassVar[dict[str, Spec]] = {
        "lon_0": LON,
        "lat_0": LAT,
        "sigma": Spec(1.0, "deg", 0.0, kernel_unit="rad"),
        "e": E,
        "phi": PHI,
    }

    @property
    def elongated(self) -> bool:  # type: ignore[override]
        """Whether the shape depends on direction."""
        answer: bool = self.e.value != 0
        return answer

    @property
    def extent(self) -> float:
        """Five sigma, degrees."""
        value: float = 5 * self.sigma.to_value("deg")
        return value

    @property
    def bin_size(self) -> float:
        """A third of sigma, degrees."""
        value: float = self.sigma.to_value("deg") / 3
        return value

    def density(self, squared_chord: np.ndarray, angle: np.ndarray | None) -> np.ndarray:
        """See `Shape.density`."""
        return kernels.gaussian(squared_chord, angle, *self.kernel_values()[2:])

    reach = laws.GAUSSIAN_REACH

    def rings(self, step: float) -> Law:
        """See `Shape.rings`."""
        return laws.gaussian_rings(step)

    def to_region(self) -> Any:
        """Return the ellipse of one sigma."""
        return ellipse_region(self, self.sigma.to_value("deg"))


class GeneralizedGaussian(Shape):
    r"""The shape :math:`e^{-(r/r_0)^{1/\eta}}`: disk, Gaussian (0.5) or Laplacian (1).

    Examples
    --------
    >>> GeneralizedGaussian(lon=0, lat=0, r_0="0.2 deg", eta=0.5)(0, 0).unit
    Unit("1 / sr")
    """

    tag, short = "GeneralizedGaussianSpatialModel", "gauss-general"
    specs: ClassVar[dict[str, Spec]] = {
        "lon_0": LON,
        "lat_0": LAT,
        "r_0": Spec(1.0, "deg", kernel_unit="rad"),
        "eta": Spec(0.5, "", 0.01, 1.0),
        "e": E,
        "phi": PHI,
    }

    elongated = Gaussian.elongated

    @property
    def extent(self) -> float:
        """Nine r_0 for a Laplacian, one for a disk, degrees."""
        value: float = self.r_0.to_value("deg") * (1 + 8 * self.eta.value)
        return value

    @property
    def bin_size(self) -> float:
        """Finer the steeper the shape, degrees."""
        value: float = self.r_0.to_value("deg") / (3 + 8 * self.eta.value) / (1 + self.e.value)
        return value

    def density(self, squared_chord: np.ndarray, angle: np.ndarray | None) -> np.ndarray:
        """See `Shape.density`."""
        return kernels.general_gaussian(squared_chord, angle, *self.kernel_values()[2:])

    @property
    def reach(self) -> float:  # type: ignore[override]
        """See ``Shape.reach``."""
        value: float = 1 + 8 * self.eta.value
        return value

    def rings(self, step: float) -> Law:
        """See `Shape.rings`."""
        return laws.general_rings(self.eta.value, step)

    def to_region(self) -> Any:
        """Return the ellipse of r_0."""
        return ellipse_region(self, self.r_0.to_value("deg"))


class Disk(Shape):
    """Uniform disk or ellipse of semi-major axis `r_0`; its edge is `edge_width` r_0 wide.

    Examples
    --------
    >>> Disk(lon=0, lat=0, r_0="0.5 deg", frame="galactic").extent
    0.5555000000000001
    """

    tag, short = "DiskSpatialModel", "disk"
    specs: ClassVar[dict[str, Spec]] = {
        "lon_0": LON,
        "lat_0": LAT,
        "r_0": Spec(1.0, "deg", 0.0, kernel_unit="rad"),
        "e": E,
        "phi": PHI,
        "edge_width": Spec(0.01, "", 0.0, 1.0, frozen=True),
    }

    elongated = Gaussian.elongated

    @property
    def extent(self) -> float:
        """The semi-major axis and its edge, and a tenth more, degrees."""
        value: float = 1.1 * self.r_0.to_value("deg") * (1 + self.edge_width.value)
        return value

    @property
    def bin_size(self) -> float:
        """A tenth of the radius, degrees."""
        value: float = self.r_0.to_value("deg") * (1 - self.edge_width.value) / 10
        return value

    def density(self, squared_chord: np.ndarray, angle: np.ndarray | None) -> np.ndarray:
        """See `Shape.density`."""
        return kernels.disk(squared_chord, angle, *self.kernel_values()[2:])

    reach = 1.0

    def rings(self, step: float) -> Law:
        """See `Shape.rings`."""
        return laws.disk_rings(self.edge_width.value, step)

    def to_region(self) -> Any:
        """Return the ellipse."""
        return ellipse_region(self, self.r_0.to_value("deg"))


class Shell(Shape):
    """Projection of a uniformly bright shell of inner `radius` and `width`.

    Examples
    --------
    >>> Shell(lon=0, lat=0, radius="0.4 deg", width="0.1 deg").extent
    0.5
    """

    tag, short = "ShellSpatialModel", "shell"
    specs: ClassVar[dict[str, Spec]] = {
        "lon_0": LON,
        "lat_0": LAT,
        "radius": Spec(1.0, "deg", 0.0, kernel_unit="rad"),
        "width": Spec(0.2, "deg", 0.0, kernel_unit="rad"),
    }

    @property
    def extent(self) -> float:
        """The outer radius, degrees."""
        value: float = self.radius.to_value("deg") + self.width.to_value("deg")
        return value

    @property
    def bin_size(self) -> float:
        """The width, degrees."""
        value: float = self.width.to_value("deg")
        return value

    def density(self, squared_chord: np.ndarray, angle: np.ndarray | None) -> np.ndarray:
        """See `Shape.density`."""
        inner, width = self.kernel_values()[2:]
        return kernels.shell(squared_chord, inner, inner + width)

    reach = 1.0

    def rings(self, step: float) -> Law:
        """See `Shape.rings`."""
        inner, width = self.kernel_values()[2:]
        outer = inner + width
        return laws.ball_shell(inner / outer if outer > 0 else 0.0, step)

    def axes(self) -> tuple[float, float, float]:
        """See `Shape.axes`."""
        inner, width = self.kernel_values()[2:]
        return float(2 * np.sin(0.5 * (inner + width))), 1.0, 0.0


class Shell2(Shape):
    """Projection of a shell, given by its outer radius `r_0` and its relative width `eta`.

    Examples
    --------
    >>> Shell2(lon=0, lat=0, r_0="0.5 deg", eta=0.2).extent
    0.5
    """

    tag, short = "Shell2SpatialModel", "shell2"
    specs: ClassVar[dict[str, Spec]] = {
        "lon_0": LON,
        "lat_0": LAT,
        "r_0": Spec(1.0, "deg", 0.0, kernel_unit="rad"),
        "eta": Spec(0.2, "", 0.02, 1.0),
    }

    @property
    def extent(self) -> float:
        """The outer radius, degrees."""
        value: float = self.r_0.to_value("deg")
        return value

    @property
    def bin_size(self) -> float:
        """The width, degrees."""
        value: float = self.r_0.to_value("deg") * self.eta.value
        return value

    def density(self, squared_chord: np.ndarray, angle: np.ndarray | None) -> np.ndarray:
        """See `Shape.density`."""
        outer, eta = self.kernel_values()[2:]
        return kernels.shell(squared_chord, outer * (1 - eta), outer)

    reach = 1.0

    def rings(self, step: float) -> Law:
        """See `Shape.rings`."""
        return laws.ball_shell(1.0 - self.eta.value, step)


class ConstantSpatial(Shape):
    """Constant surface brightness `value` per sr, which does not integrate to one.

    Examples
    --------
    >>> ConstantSpatial(value="2 sr-1")(83.63, 22.01)
    <Quantity 2. 1 / sr>
    """

    tag, short = "ConstantSpatialModel", "const"
    specs: ClassVar[dict[str, Spec]] = {"value": Spec(1.0, "sr-1", frozen=True)}

    def vectors(self, frame: str) -> np.ndarray:
        """Any position will do."""
        return np.eye(3)

    def density(self, squared_chord: np.ndarray, angle: np.ndarray | None) -> np.ndarray:
        """See `Shape.density`."""
        return np.full(squared_chord.shape, self.kernel_values()[0])

    def extra(self) -> dict[str, Any]:
        """No frame."""
        return {}
