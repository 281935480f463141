"""Point spread function: radial profiles on the coarse grid, of unit integral."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.irf.kind import PSFKind
from xgamma.irf.registry import kind_of
from xgamma.makers.field import Field
from xgamma.model.axes import centers_in, edges_in
from xgamma.model.schema import variable_attrs
from xgamma.numerics.responses import normalize_rad

__all__ = ["psf"]

# Values worked on at once.
BLOCK = 2**19


def psf(field: Field) -> xr.Variable:
    """Compute the PSF map of a run on the coarse grid.

    Parameters
    ----------
    field : Field
        Map and observation.

    Returns
    -------
    psf : Variable
        Dims ``(energy_true, rad, y_irf, x_irf)``, sr-1, float32: the profile at the offset of
        each coarse pixel, scaled to unit integral over the ``rad`` axis. ``attrs`` record the
        ``smallest_integral`` before scaling (of a table of densities only), because the scaling hides
        what a short axis or a file cuts off.
    """
    ds = field.response("psf")
    rad, edges = centers_in(field.ds, "rad", "deg"), edges_in(field.ds, "rad", "deg")
    kind = kind_of(ds, PSFKind)
    offset = field.offset_irf
    values = np.zeros((offset.size, field.energy_true.size, rad.size), dtype=np.float32)
    integral = np.zeros(values.shape[:2])
    seen = np.arange(offset.size)
    if field.offset_limit is not None:
        seen = np.flatnonzero(np.isfinite(offset))
    step = max(1, BLOCK // (field.energy_true.size * rad.size))
    for start in range(0, seen.size, step):
        part = seen[start : start + step]
        raw = kind.profiles(ds, field.energy_true, rad, offset[part])
        values[part], integral[part] = normalize_rad(raw, edges)
    attrs = variable_attrs("psf")
    if kind.is_density and (integral > 0).any():
        attrs["smallest_integral"] = float(integral[integral > 0].min())
    dims = ("energy_true", "rad", "y_irf", "x_irf")
    return xr.Variable(dims, field.cube(values, irf=True), attrs)
