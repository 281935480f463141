"""Safe fraction of the pixels around each node of the coarse response grid, when energies are joined."""

from __future__ import annotations

import itertools

import numpy as np
import xarray as xr

from xgamma.datasets.masks import safe

__all__ = ["share_in_groups"]


def share_in_groups(ds: xr.Dataset, numbers: np.ndarray) -> xr.Variable | None:
    """Return the part of the pixels that are safe in a group of energies where each energy is.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    numbers : ndarray of int
        Edges of the groups of reconstructed energies, shape (groups + 1,).

    Returns
    -------
    share : Variable or None
        Dims ``(energy, y_irf, x_irf)`` or fewer, zero to one: the pixels around a node count as it does
        when responses are interpolated there. None where everything is safe.
    """
    used = safe(ds)
    if used is None or "x_irf" not in ds.dims:
        return None if used is None else used.astype(float)
    groups = []
    for low, high in itertools.pairwise(map(int, numbers)):
        image = used.isel(energy=slice(low, high)).any("energy")
        groups.append(image.set_dims({"energy": high - low, **image.sizes}))
    start, stop = int(numbers[0]), int(numbers[-1])
    safe_part = _around(ds, used.isel(energy=slice(start, stop)))
    joined = _around(ds, xr.Variable.concat(groups, "energy"))
    # A node around which nothing is safe serves pixels beyond: as the others do.
    nodes = ("y_irf", "x_irf")
    whole = joined.sum(nodes)
    rest = safe_part.sum(nodes) / whole.where(whole > 0, 1.0)
    share = (safe_part / joined.where(joined > 0, 1.0)).where(joined > 0, rest)
    # Energies beyond the groups are left out.
    found: xr.Variable = share.pad(energy=(start, ds.sizes["energy"] - stop), constant_values=0.0)
    return found


def _around(ds: xr.Dataset, flags: xr.Variable) -> xr.Variable:
    """Return sums of flags over the pixels, weighted as the nodes are when interpolated there."""
    out = flags.astype(float)
    for dim in ("y", "x"):
        out = xr.dot(out, _weights(ds, dim), dim=dim)
    return out.transpose("energy", "y_irf", "x_irf")


def _weights(ds: xr.Dataset, dim: str) -> xr.Variable:
    """Return weights of linear interpolation between the nodes, dims ``(dim_irf, dim)``."""
    fine, nodes = (np.atleast_1d(ds.variables[d].values) for d in (dim, f"{dim}_irf"))
    unit = np.eye(nodes.size)
    return xr.Variable((f"{dim}_irf", dim), np.stack([np.interp(fine, nodes, row) for row in unit]))
