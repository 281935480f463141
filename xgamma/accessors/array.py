"""``da.gamma``: what a labelled array can do."""

from __future__ import annotations

import xarray as xr

from xgamma.accessors.members import Method, Property
from xgamma.accessors.shared import OnSky

__all__ = ["GammaDataArray"]


@xr.register_dataarray_accessor("gamma")
class GammaDataArray(OnSky):
    """``da.gamma``: what a labelled array can do."""

    _written = "da"

    quantity = Property("xgamma.core.units")
    to_unit = Method("xgamma.core.units:convert")

    # --- pixels ---
    smooth = Method("xgamma.datasets.smooth")
    convolve = Method("xgamma.datasets.smooth")
    dilate = Method("xgamma.datasets.smooth")
    erode = Method("xgamma.datasets.smooth")
    radial_profile = Method("xgamma.datasets.profiles")
    profile = Method("xgamma.datasets.profiles")
    find_peaks = Method("xgamma.datasets.peaks")
    upsample = Method("xgamma.datasets.interp")
    interp_to = Method("xgamma.datasets.interp")
    reproject_to = Method("xgamma.datasets.interp")

    # --- files and plots ---
    to_fits = Method("xgamma.io.fits_write:write_map")
    image_wcs = Property("xgamma.plot.maps")
    plot = Method("xgamma.plot.maps:plot_map")
    plot_grid = Method("xgamma.plot.maps")
    plot_interactive = Method("xgamma.plot.maps")
