"""Factors over the sky, for backgrounds."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.interpolate import CloughTocher2DInterpolator
from scipy.spatial import Delaunay, QhullError

from xgamma.core.arguments import choice
from xgamma.core.defaults import FRAME
from xgamma.core.units import to_value
from xgamma.errors import XGammaError
from xgamma.modeling.parameter import Spec
from xgamma.modeling.spatial_base import Shape, rotation
from xgamma.modeling.spectral_table import table_quantity
from xgamma.typing import AnglesLike, ArrayLike

__all__ = ["PiecewiseNormSpatial"]

# The slopes at the nodes are found by iteration: exact enough for a fit's derivatives.
TOLERANCE, ITERATIONS = 1e-10, 10_000
# Stands for zero in logarithms.
SMALLEST = float(np.finfo(float).tiny)


class PiecewiseNormSpatial(Shape):
    """A factor on a background with free values at several positions, interpolated smoothly.

    Its parameters are ``norm_0``, ``norm_1``, ... in the order of the positions. Between them it is
    a piecewise cubic of longitude and latitude (Clough & Tocher 1965); outside the polygon that
    they span it is undefined, so they must surround the map.

    Parameters
    ----------
    lon, lat : Quantity or array_like
        At least four positions in `frame`, not all on one line, as Quantity or number in degrees.
    norms : array_like, optional
        Factors at these positions; by default, one.
    interp : {"lin", "log"}
        Whether to interpolate the factor or its logarithm; with ``"log"``, a negative factor counts
        as zero.
    frame : {"icrs", "galactic", "fk5"}
        Frame of the positions.

    Raises
    ------
    XGammaError
        If the positions span no area; on use, if they do not surround the map.

    Examples
    --------
    >>> plane = PiecewiseNormSpatial([-1, 1, 1, -1], [-1, -1, 1, 1], norms=[1, 3, 3, 1])
    >>> plane(0.5, 0).round(6)
    <Quantity 2.5>
    """

    tag, short = "PiecewiseNormSpatialModel", "piecewise-norm"
    unit = ""

    def __init__(
        self,
        lon: AnglesLike,
        lat: AnglesLike,
        norms: ArrayLike | None = None,
        interp: str = "lin",
        frame: str = FRAME,
    ) -> None:
        lons, lats = (
            np.atleast_1d(np.asarray(to_value(v, "deg", n), dtype=float))
            for v, n in ((lon, "lon"), (lat, "lat"))
        )
        values = np.ones(lons.shape) if norms is None else np.asarray(norms, dtype=float)
        if not lons.shape == lats.shape == values.shape or lons.ndim != 1 or lons.size < 4:
            raise XGammaError(
                "A spatial piecewise norm requires four or more positions and one factor for "
                f"each, not {lons.size} longitudes, {lats.size} latitudes and {values.size} "
                "factors."
            )
        specs = {f"norm_{i}": Spec(1.0) for i in range(lons.size)}
        object.__setattr__(self, "specs", specs)
        super().__init__(frame, **dict(zip(specs, values, strict=True)))
        self.interp = choice(interp, "interp", ("lin", "log"))
        turned = np.radians(lons)
        self._middle = float(np.degrees(np.arctan2(np.sin(turned).sum(), np.cos(turned).sum())))
        self.nodes = np.stack([self._wrapped(lons), lats], axis=-1)
        try:
            self._triangles = Delaunay(self.nodes)
        except QhullError:
            raise XGammaError(
                "The positions of the piecewise norm are collinear or coincide: spread them "
                "around the map."
            ) from None

    def _wrapped(self, lon: np.ndarray) -> np.ndarray:
        """Return longitudes (degrees) within half a turn of the middle of the nodes."""
        return (lon - self._middle + 180) % 360 - 180 + self._middle

    def vectors(self, frame: str) -> np.ndarray:
        """Any position will do."""
        return np.eye(3)

    def on_points(self, points: np.ndarray, frame: str) -> np.ndarray:
        """See `Shape.on_points`."""
        own = np.tensordot(rotation(frame, self.frame), points, 1)
        lon = self._wrapped(np.degrees(np.arctan2(own[1], own[0])))
        lat = np.degrees(np.arcsin(np.clip(own[2], -1, 1)))
        norms = np.array(self.kernel_values())
        values = np.log(np.maximum(norms, SMALLEST)) if self.interp == "log" else norms
        surface = CloughTocher2DInterpolator(
            self._triangles, values, tol=TOLERANCE, maxiter=ITERATIONS
        )
        factor = surface(lon, lat)
        outside = np.isnan(factor) & np.isfinite(lon)
        if np.any(outside):
            raise XGammaError(
                "The positions of the piecewise norm do not enclose "
                f"{np.count_nonzero(outside)} pixels, such as lon {lon[outside][0]:.3f}, lat "
                f"{lat[outside][0]:.3f} deg ({self.frame}): put nodes around the whole map."
            )
        found: np.ndarray = np.exp(factor) if self.interp == "log" else factor
        return found

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form other than the parameters."""
        lon, lat = self.nodes.T.tolist()
        return {
            "frame": self.frame,
            "lon": {"data": lon, "unit": "deg"},
            "lat": {"data": lat, "unit": "deg"},
            "interp": self.interp,
        }

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> PiecewiseNormSpatial:
        """Make the component from its serialised form."""
        lon, lat = (table_quantity(data[name]) for name in ("lon", "lat"))
        interp, frame = data.get("interp", "lin"), data.get("frame", "icrs")
        return cls(lon, lat, interp=interp, frame=frame)
