"""Energy dispersion: kernels over reconstructed energy, or distributions of migration."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.irf.kinds.edisp_2d import kernel, migration
from xgamma.makers.field import Field
from xgamma.model.axes import centers, edges
from xgamma.model.schema import variable_attrs

__all__ = ["edisp"]


def edisp(field: Field) -> xr.Variable:
    """Compute the energy-dispersion map of a run on the coarse grid.

    Parameters
    ----------
    field : Field
        Map and observation; a ``migra`` axis on the map asks for the migration form.

    Returns
    -------
    edisp : Variable
        Dims ``(energy_true, energy, y_irf, x_irf)``, probabilities, or
        ``(energy_true, migra, y_irf, x_irf)``, a density; float32.
    """
    ds = field.response("edisp")
    if "migra" in field.ds.dims:
        values = migration(
            ds,
            field.energy_true,
            centers(field.ds, "migra"),
            np.diff(edges(field.ds, "migra")),
            field.offset_irf,
        )
        second = "migra"
    else:
        values = kernel(ds, field.energy_true, field.energy_edges, field.offset_irf, np.float32)
        second = "energy"
    dims = ("energy_true", second, "y_irf", "x_irf")
    cube = field.cube(values.astype(np.float32, copy=False), irf=True)
    return xr.Variable(dims, cube, variable_attrs("edisp"))
