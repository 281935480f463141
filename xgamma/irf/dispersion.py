"""The energy dispersion of a reduced dataset at a position: its kernel, bias and resolution."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.lazy import hollow, is_lazy
from xgamma.irf.queries import at_position
from xgamma.model.axes import axis_coords, centers, centers_in, edges, edges_in
from xgamma.model.operation import later, operation
from xgamma.model.schema import variable_attrs
from xgamma.numerics.responses import cumulative_at, kernel_from_cumulative
from xgamma.typing import PositionLike

__all__ = ["edisp_bias_resolution", "edisp_kernel"]


@operation
def edisp_kernel(ds: xr.Dataset, position: PositionLike | None = None) -> xr.DataArray:
    """Return the energy-dispersion kernel at a position.

    Parameters
    ----------
    ds : Dataset
        With ``edisp``, as a kernel or over migration.
    position : SkyCoord, str or (lon, lat), optional
        Position; by default, the centre of the map.

    Returns
    -------
    kernel : DataArray
        Dims ``(energy_true, energy)``: probability to be reconstructed in each bin.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> kernel = edisp_kernel(example_map())
    >>> kernel.dims, bool(kernel.sum("energy").max() <= 1)
    (('energy_true', 'energy'), True)
    """
    edisp = at_position(ds, "edisp", position)
    if "migra" not in edisp.dims:
        return edisp.transpose("energy_true", "energy")
    if is_lazy(edisp):
        local = edisp.to_dataset(name="edisp").assign_coords(axis_coords(ds, "energy"))
        like = _matrix(ds, hollow([ds.sizes["energy_true"], ds.sizes["energy"]]))
        return later(like, ds=local, position=None)
    density = np.asarray(edisp.transpose("energy_true", "migra").values, dtype=float)
    true = centers_in(ds, "energy_true", "TeV")
    at = edges_in(ds, "energy", "TeV") / true[:, np.newaxis]
    cumulative = cumulative_at(density[..., np.newaxis], edges(ds, "migra"), at)[..., 0]
    values = kernel_from_cumulative(cumulative, axis=1)
    return _matrix(ds, values)


def _matrix(ds: xr.Dataset, values: np.ndarray) -> xr.DataArray:
    coords = {**axis_coords(ds, "energy_true"), **axis_coords(ds, "energy")}
    attrs = variable_attrs("edisp")
    return xr.DataArray(values, dims=("energy_true", "energy"), coords=coords, attrs=attrs)


@operation
def edisp_bias_resolution(ds: xr.Dataset, position: PositionLike | None = None) -> xr.Dataset:
    """Return bias and resolution of the reconstructed energy.

    Parameters
    ----------
    ds : Dataset
        With ``edisp``.
    position : SkyCoord, str or (lon, lat), optional
        Position; by default, the centre of the map.

    Returns
    -------
    ds : Dataset
        ``bias`` and ``resolution`` over ``energy_true``: mean and width of
        ``(E_reco - E_true) / E_true``; NaN where nothing is reconstructed. A probability is a
        probability of a bin, not a density, in the mean.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> table = edisp_bias_resolution(example_map())
    >>> sorted(table.data_vars)
    ['bias', 'resolution']
    """
    kernel = edisp_kernel(ds, position)
    if is_lazy(kernel):
        flat = hollow([ds.sizes["energy_true"]])
        local = kernel.to_dataset(name="edisp")
        return later(_bias_dataset(ds, flat, flat), ds=local, position=None)
    matrix = np.asarray(kernel.values, dtype=float)
    true = centers_in(ds, "energy_true", "TeV")[:, np.newaxis]
    relative = centers(ds, "energy") * (
        centers_in(ds, "energy", "TeV")[0] / centers(ds, "energy")[0]
    )
    relative = relative / true - 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        norm = matrix.sum(axis=1)
        bias = (matrix * relative).sum(axis=1) / norm
        variance = (matrix * (relative - bias[:, np.newaxis]) ** 2).sum(axis=1) / norm
    return _bias_dataset(ds, bias, np.sqrt(variance))


def _bias_dataset(ds: xr.Dataset, bias: np.ndarray, resolution: np.ndarray) -> xr.Dataset:
    coords = axis_coords(ds, "energy_true")
    return xr.Dataset(
        {
            "bias": ("energy_true", bias, {"units": "", "long_name": "energy bias"}),
            "resolution": (
                "energy_true",
                resolution,
                {"units": "", "long_name": "energy resolution"},
            ),
        },
        coords=coords,
    )
