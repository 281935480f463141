"""Rebin datasets: coarser energies, coarser pixels, one image. Each variable by its own rule."""

from __future__ import annotations

import itertools
from numbers import Real

import numpy as np
import xarray as xr

from xgamma.core.lazy import is_lazy
from xgamma.core.units import to_value
from xgamma.datasets.coarse_share import share_in_groups
from xgamma.datasets.grouping import group_axis, group_edges, group_variable, mean_weighted
from xgamma.datasets.masks import safe, warn_of_lost_weights
from xgamma.datasets.rules import (
    COUNTS,
    MASKS,
    PIXELS,
    RECORDS,
    ROW_SUMS,
    SUMMED,
    background_of_off,
    rebuilt,
    set_off_acceptance,
)
from xgamma.errors import AxisError, warn
from xgamma.model import sky
from xgamma.model.axes import edges, edges_in, units_of
from xgamma.model.operation import operation
from xgamma.typing import EnergiesLike

__all__ = ["downsample", "resample_energy", "to_image"]

# Part of the predicted signal, if it is even, by which hidden pixels may spoil it without a word:
# the rim of a large map.
NEGLIGIBLE = 0.02


def _summed(
    ds: xr.Dataset, name: str, mask: xr.Variable | None, dim: str, numbers: np.ndarray
) -> xr.Variable:
    """Return sums of a variable under the safe mask; counts never in single precision."""
    variable = ds.variables[name]
    single = name in COUNTS and variable.dtype.kind == "f"
    return group_variable(variable, dim, numbers, "sum", mask, float if single else None)


def _group_reco(ds: xr.Dataset, numbers: np.ndarray) -> dict[str, xr.Variable]:
    """Return the variables over reconstructed energy, grouped along it."""
    mask = safe(ds)
    new: dict[str, xr.Variable] = {}
    for name in (*SUMMED, "acceptance_off"):
        if name in ds:
            new[name] = _summed(ds, name, mask, "energy", numbers)
    alpha_off = background_of_off(ds, mask)
    if alpha_off is not None:
        set_off_acceptance(new, group_variable(alpha_off, "energy", numbers, "sum"))
    warn_of_lost_weights(ds)
    for name in MASKS:
        flags = safe(ds, name)
        if flags is not None:
            new[name] = group_variable(flags, "energy", numbers, "any")
    if "edisp" in ds and "energy" in ds.variables["edisp"].dims:
        variable, share = ds.variables["edisp"], share_in_groups(ds, numbers)
        if share is not None:
            # What is hidden everywhere may hold anything.
            seen = variable.where(share > 0, 0.0) * share.astype(variable.dtype)
            variable = seen.transpose(*variable.dims)
            variable.attrs = dict(ds.variables["edisp"].attrs)
        new["edisp"] = group_variable(variable, "energy", numbers, "sum")
    for name in ROW_SUMS:
        if name in ds and "energy" in ds.variables[name].dims:
            new[name] = group_variable(ds.variables[name], "energy", numbers, "sum")
    for record in map(str, ds.data_vars):
        if record.startswith(RECORDS) and "energy" in ds.variables[record].dims:
            new[record] = _agreed(ds.variables[record], numbers)
    return new


def _agreed(variable: xr.Variable, numbers: np.ndarray) -> xr.Variable:
    """Return what all joined bins say (how their background was scaled), NaN where they differ."""
    values = np.asarray(variable.transpose(..., "energy").values, dtype=float)
    groups = [values[..., low:high] for low, high in itertools.pairwise(numbers)]
    joined = [np.where((g == g[..., :1]).all(-1), g[..., 0], np.nan) for g in groups]
    dims = [d for d in variable.dims if d != "energy"] + ["energy"]
    return xr.Variable(dims, np.stack(joined, axis=-1), variable.attrs).transpose(*variable.dims)


@operation
def resample_energy(ds: xr.Dataset, edges: EnergiesLike, name: str | None = None) -> xr.Dataset:
    """Rebin reconstructed energy to the existing bin edges nearest to new ones.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    edges : Quantity, axis, or array_like
        New edges (or an axis from `energy_axis`), as Quantity or number in the unit of the axis.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        Counts, background and the energy dispersion are summed under the safe mask, masks
        joined with OR; exposure and PSF, over true energy, stay. On-off: acceptances so that
        the background of a group is the sum of its bins'.

    Raises
    ------
    AxisError
        If the new edges do not increase, or miss the axis.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.5 deg", xg.energy_axis(0.1, 10, 10))
    >>> resample_energy(ds, [0.1, 0.3, 1, 3, 10]).gamma.edges("energy").round(3)
    <Quantity [ 0.1  ,  0.251,  1.   ,  2.512, 10.   ] TeV>
    """
    if isinstance(edges, xr.DataArray):
        wanted = edges_in(edges, str(edges.name), units_of(ds, "energy"))
    else:
        wanted = np.atleast_1d(to_value(edges, units_of(ds, "energy"), "edges"))
    return _joined(ds, group_edges(ds, "energy", wanted), name)


def _joined(ds: xr.Dataset, numbers: np.ndarray, name: str | None) -> xr.Dataset:
    """Join the bins of reconstructed energy between numbered edges."""
    coords = group_axis(ds, "energy", numbers)
    return rebuilt(ds, {"energy"}, _group_reco(ds, numbers), coords, name)


@operation
def to_image(ds: xr.Dataset, name: str | None = None) -> xr.Dataset:
    """Merge all bins of reconstructed energy into one.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        As `resample_energy`; the dimension ``energy`` stays, of size one.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.5 deg", xg.energy_axis(0.1, 10, 10))
    >>> to_image(ds).sizes["energy"]
    1
    """
    return resample_energy(ds, edges(ds, "energy")[[0, -1]], name)


def _check_factor(ds: xr.Dataset, dim: str, factor: int) -> int:
    if dim not in ds.dims:
        raise AxisError(f"The dataset has no dimension {dim!r} to downsample.")
    if isinstance(factor, bool) or not isinstance(factor, Real) or factor % 1 or factor < 1:
        raise AxisError(f"The factor {factor!r} for {dim!r} must be a positive whole number.")
    if ds.sizes[dim] % int(factor):
        raise AxisError(
            f"{ds.sizes[dim]} bins along {dim!r} are not a multiple of {factor}: pad or cut the dataset first, or choose another factor."
        )
    return int(factor)


def _pixels(ds: xr.Dataset, factor: int, name: str | None) -> xr.Dataset:
    """Join square blocks of pixels."""
    for dim in PIXELS:
        factor = _check_factor(ds, dim, factor)
    mask = safe(ds)
    new: dict[str, xr.Variable] = {}

    numbers = {dim: np.arange(0, ds.sizes[dim] + 1, factor) for dim in PIXELS}

    def blocks(variable: xr.Variable, how: str) -> xr.Variable:
        for dim in PIXELS:
            variable = group_variable(variable, dim, numbers[dim], how)
        return variable

    for key in (*SUMMED, "acceptance_off"):
        if key in ds:
            rows = _summed(ds, key, mask, "y", numbers["y"])
            new[key] = group_variable(rows, "x", numbers["x"], "sum")
    alpha_off = background_of_off(ds, mask)
    if alpha_off is not None:
        set_off_acceptance(new, blocks(alpha_off, "sum"))
    warn_of_lost_weights(ds)
    for key in MASKS:
        flags = safe(ds, key)
        if flags is not None:
            new[key] = blocks(flags, "any")
    if "exposure" in ds and mask is not None:
        _warn_of_mixed_blocks(mask, blocks(mask, "any"), factor)
    if "exposure" in ds:
        new["exposure"] = blocks(ds.variables["exposure"], "mean")
    coords = {}
    for dim in PIXELS:
        labels = ds.coords[dim].values.reshape(-1, factor).mean(axis=1)
        attrs = {**ds.coords[dim].attrs, "step": sky.label_step(ds, dim) * factor}
        coords[dim] = (dim, labels, attrs)
    return rebuilt(ds, set(PIXELS), new, coords, name)


def _warn_of_mixed_blocks(fine: xr.Variable, coarse: xr.Variable, factor: int) -> None:
    """Warn if safe blocks hold hidden pixels: their counts are left out, but predicted."""
    if is_lazy(fine) or is_lazy(coarse):
        return
    held, joined = int(fine.values.sum()), int(coarse.values.sum()) * factor**2
    if held < (1 - NEGLIGIBLE) * joined:
        whole = f"mask_safe=ds.mask_safe.coarsen(y={factor}, x={factor}).all().variable"
        warn(
            f"The safe mask excludes {1 - held / joined:.2%} of the pixels in safe blocks of {factor} by {factor}, but predictions are for whole blocks. To exclude these blocks, assign {whole} to the result."
        )


def _true_energy(ds: xr.Dataset, factor: int, name: str | None) -> xr.Dataset:
    """Join bins of true energy: exposures averaged, responses averaged with their exposures."""
    numbers = np.arange(0, ds.sizes["energy_true"] + 1, factor)
    new: dict[str, xr.Variable] = {}
    for key in ("exposure", "psf_exposure", "edisp_exposure"):
        if key in ds:
            new[key] = group_variable(ds.variables[key], "energy_true", numbers, "mean")
    for key in ("psf", "edisp"):
        if key in ds:
            weight = f"{key}_exposure" if f"{key}_exposure" in ds else "exposure"
            new[key] = mean_weighted(
                ds.variables[key], ds.variables[weight], "energy_true", numbers
            )
    return rebuilt(ds, {"energy_true"}, new, group_axis(ds, "energy_true", numbers), name)


def _rad(ds: xr.Dataset, factor: int, name: str | None) -> xr.Dataset:
    """Join rings of the PSF, weighted with their solid angles."""
    numbers = np.arange(0, ds.sizes["rad"] + 1, factor)
    ring = xr.Variable("rad", np.diff(edges(ds, "rad") ** 2))
    new = {}
    if "psf" in ds:
        new["psf"] = mean_weighted(ds.variables["psf"], ring, "rad", numbers)
    return rebuilt(ds, {"rad"}, new, group_axis(ds, "rad", numbers), name)


@operation
def downsample(
    ds: xr.Dataset, factor: int | None = None, name: str | None = None, **factors: int
) -> xr.Dataset:
    """Merge adjacent bins: pixels by a factor, or bins of a named axis.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    factor : int, optional
        Number of pixels to merge along ``y`` and ``x``.
    name : str, optional
        Name of the result.
    **factors : int
        Factor by axis: ``energy``, ``energy_true`` or ``rad``.

    Returns
    -------
    ds : Dataset
        Counts and background are summed under the safe mask, exposure is averaged (unmasked),
        masks are joined with OR, with a warning where more
        than 2 % of the pixels in safe blocks are hidden: their signal is still predicted. Coarse response grids stay; the dispersion is summed along
        ``energy``; along ``energy_true`` responses are averaged with their exposures.

    Raises
    ------
    AxisError
        If no factor is given, a factor is not an integer, or the number of bins is not a multiple
        of it.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "4 deg", "0.5 deg", xg.energy_axis(0.1, 10, 10))
    >>> dict(downsample(ds, 2).sizes)["x"], downsample(ds, energy=5).sizes["energy"]
    (4, 2)
    """
    if factor is None and not factors:
        raise AxisError(
            "Nothing to downsample: give a factor for pixels or, for example, energy=2."
        )
    out = ds
    if factor is not None:
        out = _pixels(out, factor, name)
    for dim, number in factors.items():
        step = _check_factor(out, dim, number)
        if dim == "energy":
            out = _joined(out, np.arange(0, out.sizes["energy"] + 1, step), name)
        elif dim == "energy_true":
            out = _true_energy(out, step, name)
        elif dim == "rad":
            out = _rad(out, step, name)
        else:
            raise AxisError(
                f"{dim!r} cannot be downsampled: use a factor for pixels, or energy, energy_true or rad."
            )
    return out
