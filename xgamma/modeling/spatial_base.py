"""Base classes of spatial models."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.units import Quantity

from xgamma.core.defaults import FRAME
from xgamma.core.heavy import regions as rg
from xgamma.core.units import position, to_value
from xgamma.errors import FrameError, XGammaError
from xgamma.modeling.labels import labelled
from xgamma.modeling.parameter import Component, Value, set_parameter
from xgamma.numerics import shapes as kernels
from xgamma.numerics.rings import Law
from xgamma.typing import AnglesLike, PositionLike

__all__ = ["Shape"]


FRAMES = ("icrs", "galactic", "fk5")


ALIASES = {"lon": "lon_0", "lat": "lat_0"}


@lru_cache(maxsize=16)
def rotation(source: str, target: str) -> np.ndarray:
    """Return the matrix that turns unit vectors of one frame into those of another."""
    if source == target:
        return np.eye(3)
    axes = SkyCoord([0, 90, 0], [0, 0, 90], unit="deg", frame=source).transform_to(target)
    return np.asarray(axes.cartesian.xyz.value)


class Shape(Component):
    """Base of all shapes.

    Parameters
    ----------
    frame : {"icrs", "galactic", "fk5"}
        Frame of the position, and of the north that `phi` is counted from.
    position : SkyCoord or str, optional
        Sets `lon` and `lat` in one go.
    **values
        Parameters: `lon` and `lat` (also `lon_0`, `lat_0`) in degrees, and those of the shape.
    """

    registry: ClassVar[dict[str, type[Component]]] = {}
    frame: str
    unit: str = "sr-1"
    elongated: ClassVar[bool] = False
    energy_dependent: ClassVar[bool] = False

    def __init__(
        self, frame: str = FRAME, position: PositionLike | None = None, **values: Value
    ) -> None:
        if not isinstance(frame, str):
            raise XGammaError(
                f"{type(self).__name__}({frame!r}, ...): give parameters by name, for example lon='83.63 deg', lat='22.01 deg'."
            )
        if frame not in FRAMES:
            raise FrameError(
                f"The frame {frame!r} is not recognised: use one of {', '.join(FRAMES)}."
            )
        object.__setattr__(self, "frame", frame)
        super().__init__(**{ALIASES.get(k, k): v for k, v in values.items()})
        if position is not None:
            self.set_position(position)

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(ALIASES.get(name, name))

    def __setattr__(self, name: str, value: Value) -> None:
        super().__setattr__(ALIASES.get(name, name), value)

    def set_position(self, value: PositionLike) -> None:
        """Move the shape.

        Parameters
        ----------
        value : SkyCoord, str or (lon, lat)
            New position, in any frame; a pair or a string is in the frame of the shape.
        """
        sky = position(value, self.frame).transform_to(self.frame)
        set_parameter(self._parameters["lon_0"], sky.spherical.lon.to("deg"), "lon")
        set_parameter(self._parameters["lat_0"], sky.spherical.lat.to("deg"), "lat")

    @property
    def position(self) -> SkyCoord:
        """Position on the sky."""
        return SkyCoord(
            self.lon_0.to_value("deg"), self.lat_0.to_value("deg"), unit="deg", frame=self.frame
        )

    @position.setter
    def position(self, value: PositionLike) -> None:
        self.set_position(value)

    @property
    def extent(self) -> float:
        """Radius beyond which the shape is taken as zero, degrees; infinite if it fills the sky."""
        return np.inf

    @property
    def bin_size(self) -> float:
        """Largest pixel, in degrees, on which the shape may be sampled."""
        return np.inf

    # Where the outermost ring of `rings` is, over the radius; zero for shapes that have no rings.
    reach: float = 0.0

    def rings(self, step: float) -> Law:
        """Radii of rings over the shape's own, about a step apart, and their shares of the flux."""
        raise NotImplementedError

    def axes(self) -> tuple[float, float, float]:
        """Radius (major axis, as a chord, radians), minor over major axis, and position angle."""
        values = dict(zip(self.specs, self.kernel_values(), strict=True))
        size, e = self.kernel_values()[2], values.get("e", 0.0)
        ratio = float(np.sqrt(1.0 - e**2)) if e else 1.0
        return float(2 * np.sin(0.5 * size)), ratio, values.get("phi", 0.0)

    def density(self, squared_chord: np.ndarray, angle: np.ndarray | None) -> np.ndarray:
        """Surface brightness (per sr) from squared chord and position angle, without units."""
        raise NotImplementedError

    def vectors(self, frame: str) -> np.ndarray:
        """Unit vectors of the position, its east and its north in another frame, shape (3, 3)."""
        values = self.kernel_values()
        found: np.ndarray = (
            kernels.tangent_frame(values[0], values[1]) @ rotation(self.frame, frame).T
        )
        return found

    def on_points(self, points: np.ndarray, frame: str) -> np.ndarray:
        """Surface brightness (per sr) at unit vectors (3, ...) of a frame, without units."""
        center, east, north = self.vectors(frame)
        angle = kernels.position_angle(points, east, north) if self.elongated else None
        return self.density(kernels.chord2(points, center), angle)

    def __call__(self, lon: AnglesLike, lat: AnglesLike) -> Any:
        """Return the surface brightness.

        Parameters
        ----------
        lon, lat : DataArray, Quantity or array_like
            Position in the frame of the shape, as Quantity or number in degrees.

        Returns
        -------
        brightness : DataArray or Quantity
            In sr-1.

        Examples
        --------
        >>> import xgamma as xg
        >>> xg.Disk(r_0="1 deg")(0, 0).round(0)
        <Quantity 1045. 1 / sr>
        """
        points = kernels.unit_vectors(
            np.radians(to_value(lon, "deg", "lon")), np.radians(to_value(lat, "deg", "lat"))
        )
        return labelled(self.on_points(points, self.frame), lon, self.unit)

    def to_region(self) -> Any:
        """Return the outline as a sky region of the ``regions`` package.

        Returns
        -------
        region : `~regions.SkyRegion`
            A circle of the shape's radius.
        """
        return rg.CircleSkyRegion(self.position, Quantity(self.extent, "deg"))

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form other than the parameters."""
        return {"frame": self.frame}

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> Any:
        """Make the component from its serialised form, parameters at their defaults."""
        return cls(frame=data.get("frame", "icrs"))


def ellipse_region(shape: Shape, major: float) -> Any:
    """Return the ellipse of a shape with `e` and `phi`, of a semi-major axis in degrees."""
    minor = major * np.sqrt(1 - shape.e.value**2)
    return rg.EllipseSkyRegion(
        shape.position,
        width=Quantity(2 * minor, "deg"),
        height=Quantity(2 * major, "deg"),
        angle=shape.phi.quantity,
    )
