"""``da.gamma``: what a labelled array can do."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.accessors.shared import Shared
from xgamma.core import units

__all__ = ["GammaDataArray"]


@xr.register_dataarray_accessor("gamma")
class GammaDataArray(Shared):
    """``da.gamma``: what a labelled array can do."""

    _written = "da"

    @property
    def quantity(self) -> Any:
        """Values with their unit. See `xgamma.core.units.quantity`."""
        return units.quantity(self._obj)

    def to_unit(self, unit: str) -> xr.DataArray:
        """Return the array in another unit. See `xgamma.core.units.convert`."""
        return units.convert(self._obj, unit)

    # --- datasets (operations) ----------------------------------------------------------
    def smooth(self, width: Any = "0.1 deg", kernel: str = "gauss") -> xr.DataArray:
        """Smooth the map. See `xgamma.datasets.smooth.smooth`."""
        from xgamma.datasets.smooth import smooth

        return smooth(self._obj, width, kernel)

    def convolve(self, kernel: Any) -> xr.DataArray:
        """Convolve with a kernel of pixels. See `xgamma.datasets.smooth.convolve`."""
        from xgamma.datasets.smooth import convolve

        return convolve(self._obj, kernel)

    def dilate(self, width: Any, kernel: str = "disk") -> xr.DataArray:
        """Grow a mask. See `xgamma.datasets.smooth.dilate`."""
        from xgamma.datasets.smooth import dilate

        return dilate(self._obj, width, kernel)

    def erode(self, width: Any, kernel: str = "disk") -> xr.DataArray:
        """Shrink a mask. See `xgamma.datasets.smooth.erode`."""
        from xgamma.datasets.smooth import erode

        return erode(self._obj, width, kernel)

    def radial_profile(self, center: Any, edges: Any, how: str = "sum") -> xr.DataArray:
        """Sum over rings. See `xgamma.datasets.smooth.radial_profile`."""
        from xgamma.datasets.smooth import radial_profile

        return radial_profile(self._obj, center, edges, how)

    def profile(self, edges: Any, along: str = "lon", how: str = "sum") -> xr.DataArray:
        """Sum over strips. See `xgamma.datasets.smooth.profile`."""
        from xgamma.datasets.smooth import profile

        return profile(self._obj, edges, along, how)

    def find_peaks(self, threshold: Any = 5.0, min_distance: Any = None) -> xr.Dataset:
        """Pixels above all others around them. See `xgamma.datasets.peaks.find_peaks`."""
        from xgamma.datasets.peaks import find_peaks

        return find_peaks(self._obj, threshold, min_distance)

    def upsample(self, factor: int, preserve_counts: bool = True) -> xr.DataArray:
        """Split pixels. See `xgamma.datasets.interp.upsample`."""
        from xgamma.datasets.interp import upsample

        return upsample(self._obj, factor, preserve_counts)

    def interp_to(self, template: Any, preserve_counts: bool = False) -> xr.DataArray:
        """Interpolate onto other pixels. See `xgamma.datasets.interp.interp_to`."""
        from xgamma.datasets.interp import interp_to

        return interp_to(self._obj, template, preserve_counts)

    def reproject_to(
        self, template: Any, preserve_counts: bool = False, method: str = "exact"
    ) -> xr.DataArray:
        """Reproject onto other pixels. See `xgamma.datasets.interp.reproject_to`."""
        from xgamma.datasets.interp import reproject_to

        return reproject_to(self._obj, template, preserve_counts=preserve_counts, method=method)

    # --- io -----------------------------------------------------------------------------
    def to_fits(self, path: Any, **kwargs: Any) -> None:
        """Write one map to FITS. See `xgamma.io.fits_write.write_map`."""
        from xgamma.io.fits_write import write_map

        write_map(self._obj, path, **kwargs)

    # --- plot ---------------------------------------------------------------------------
    @property
    def image_wcs(self) -> Any:
        """WCS of the array's own pixels, to draw with. See `xgamma.plot.maps.image_wcs`."""
        from xgamma.plot.maps import image_wcs

        return image_wcs(self._obj)

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw one image on the sky. See `xgamma.plot.maps.plot_map`."""
        from xgamma.plot.maps import plot_map

        return plot_map(self._obj, ax, **kwargs)

    def plot_grid(self, **kwargs: Any) -> Any:
        """Draw bin by bin. See `xgamma.plot.maps.plot_grid`."""
        from xgamma.plot.maps import plot_grid

        return plot_grid(self._obj, **kwargs)

    def plot_interactive(self, **kwargs: Any) -> Any:
        """Draw one bin at a time with a slider. See `xgamma.plot.maps.plot_interactive`."""
        from xgamma.plot.maps import plot_interactive

        return plot_interactive(self._obj, **kwargs)
