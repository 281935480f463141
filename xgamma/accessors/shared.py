"""What maps and datasets have in common: the sky and the axes."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.core.hints import Hints
from xgamma.datasets import cutout as cutout_module
from xgamma.datasets import masks
from xgamma.model import axes as axes_module
from xgamma.model import regions as regions_module
from xgamma.model import sky

__all__ = ["Shared"]


class Shared(Hints):
    """What maps and datasets have in common: the sky and the axes."""

    def __init__(self, obj: Any):
        self._obj = obj

    # --- sky and axes -------------------------------------------------------------------
    @property
    def frame(self) -> str:
        """Name of the celestial frame. See `xgamma.model.sky.frame_of`."""
        return sky.frame_of(self._obj)

    @property
    def wcs(self) -> Any:
        """Parent WCS. See `xgamma.model.sky.wcs_of`."""
        return sky.wcs_of(self._obj)

    @property
    def center(self) -> Any:
        """Position of the middle of the map. See `xgamma.model.sky.center`."""
        return sky.center(self._obj)

    @property
    def lonlat(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Longitude and latitude of each pixel. See `xgamma.model.sky.lonlat`."""
        return sky.lonlat(self._obj)

    @property
    def solid_angle(self) -> xr.DataArray:
        """Solid angle of each pixel. See `xgamma.model.sky.solid_angle`."""
        return sky.solid_angle(self._obj)

    def separation(self, position: Any, irf: bool = False) -> xr.DataArray:
        """Angle to a position. See `xgamma.model.sky.separation`."""
        return sky.separation(self._obj, position, irf)

    def edges(self, dim: str) -> Any:
        """Return the edges of an axis as a quantity. See `xgamma.model.axes.edges`."""
        from astropy.units import Quantity

        return Quantity(axes_module.edges(self._obj, dim), axes_module.units_of(self._obj, dim))

    def region_mask(self, regions: Any, inside: bool = True) -> xr.DataArray:
        """Pixels in regions. See `xgamma.model.regions.region_mask`."""
        return regions_module.region_mask(self._obj, regions, inside)

    def boundary_mask(self, width: Any) -> xr.DataArray:
        """Pixels farther than a margin from the edge. See `xgamma.datasets.smooth.boundary_mask`."""
        from xgamma.datasets.smooth import boundary_mask

        return boundary_mask(self._obj, width)

    def energy_mask(self, min: Any = None, max: Any = None, **kwargs: Any) -> xr.DataArray:
        """Energy bins in a range. See `xgamma.datasets.masks.energy_mask`."""
        return masks.energy_mask(self._obj, min, max, **kwargs)

    def cutout(self, position: Any, width: Any, mode: str = "trim", name: str | None = None) -> Any:
        """Part of the map. See `xgamma.datasets.cutout.cutout`."""
        return cutout_module.cutout(self._obj, position, width, mode, name)
