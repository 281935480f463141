"""Split the bins of datasets: the inverse of `xgamma.datasets.resample.downsample`."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import whole
from xgamma.datasets.interp import repeated, split_labels
from xgamma.datasets.rules import PIXELS, RECORDS, ROW_SUMS, SUMMED, rebuilt
from xgamma.errors import AxisError
from xgamma.model.axes import axis_coords, coords_from_edges, edges
from xgamma.model.operation import operation
from xgamma.model.schema import VARIABLES

__all__ = ["upsample"]

SHARED = (*SUMMED, "acceptance_off", *ROW_SUMS)
SPLIT = ("energy", "energy_true", "rad", "migra")


@operation
def upsample(
    ds: xr.Dataset, factor: int | None = None, name: str | None = None, **factors: int
) -> xr.Dataset:
    """Split bins into equal parts: pixels by a factor, or bins of a named axis.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    factor : int, optional
        Parts of each pixel along ``y`` and ``x``.
    name : str, optional
        Name of the result.
    **factors : int
        Parts by axis: ``energy``, ``energy_true``, ``rad`` or ``migra``; equal in the scale of
        the axis.

    Returns
    -------
    ds : Dataset
        Counts, background and acceptances are shared equally among the parts, as is the
        dispersion kernel along ``energy``; everything else is repeated. Coarse response grids
        stay. `xgamma.datasets.resample.downsample` by the same factor gives the dataset back.

    Raises
    ------
    XGammaError
        If a factor is not a positive whole number.
    AxisError
        If there is no such axis, or a variable over it has no rule.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> fine = upsample(ds, 2, energy=3)
    >>> fine.sizes["x"] // ds.sizes["x"], fine.sizes["energy"] // ds.sizes["energy"]
    (2, 3)
    >>> bool(abs(fine.counts.sum() - ds.counts.sum()) < 1e-6)
    True
    """
    out = ds
    if factor is not None:
        out = _split(out, dict.fromkeys(PIXELS, whole(factor, "factor")), name)
    for dim, number in factors.items():
        if dim not in SPLIT:
            raise AxisError(
                f"{dim!r} cannot be upsampled: use a factor for pixels, or {', '.join(SPLIT)}."
            )
        out = _split(out, {dim: whole(number, "factor")}, name)
    return out


def _split(ds: xr.Dataset, factors: dict[str, int], name: str | None) -> xr.Dataset:
    """Split the bins along some dims, pixels or one axis."""
    for dim in factors:
        if dim not in ds.dims:
            raise AxisError(f"The dataset has no dimension {dim!r} to upsample.")
    new = {}
    for key in map(str, ds.data_vars):
        variable = ds.variables[key]
        mine = {d: n for d, n in factors.items() if d in variable.dims}
        if not mine or not (key in VARIABLES or key.startswith(RECORDS)):
            continue
        parts = repeated(variable, mine)
        if key in SHARED or (key == "edisp" and "energy" in mine):
            parts = xr.Variable(
                parts.dims, parts.data / int(np.prod(list(mine.values()))), variable.attrs
            )
        new[key] = parts
    coords: dict[str, Any] = {}
    for dim, number in factors.items():
        coords |= (
            {dim: split_labels(ds, dim, number)} if dim in PIXELS else _split_axis(ds, dim, number)
        )
    return rebuilt(ds, set(factors), new, coords, name)


def _split_axis(ds: xr.Dataset, dim: str, number: int) -> dict[str, Any]:
    """Return the coordinates of an axis whose bins are split equally in its scale."""
    attrs = axis_coords(ds, dim)[dim].attrs
    have = edges(ds, dim)
    log = attrs.get("interp") == "log" and have[0] > 0
    scaled = np.log(have) if log else have
    at = np.interp(np.arange((have.size - 1) * number + 1) / number, np.arange(have.size), scaled)
    fine = np.exp(at) if log else at
    # The old edges stay as they are, to the last digit.
    fine[::number] = have
    return coords_from_edges(
        fine, dim, str(attrs.get("units", "")), str(attrs.get("interp", "lin"))
    )
