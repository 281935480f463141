"""Masks: energy ranges and regions as labelled booleans."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.arguments import limit
from xgamma.errors import warn
from xgamma.model.assembly import named
from xgamma.model.axes import edges, units_of
from xgamma.model.operation import operation
from xgamma.model.sky import label_step
from xgamma.model.stamp import is_stamp
from xgamma.numerics.masked import under
from xgamma.typing import EnergyLike, LabelledLike

__all__ = [
    "coarse_mask",
    "corner_pixels",
    "energy_mask",
    "mask",
    "mask_image",
    "safe",
    "to_masked",
    "under_mask",
    "warn_of_lost_weights",
]

RECO = ("energy", "y", "x")
UNDER_MASK = ("counts", "background", "counts_off", "acceptance", "acceptance_off")


@operation
def energy_mask(
    obj: LabelledLike,
    min: EnergyLike | None = None,
    max: EnergyLike | None = None,
    dim: str = "energy",
    round_to_edge: bool = False,
) -> xr.DataArray:
    """Return a mask of the energy bins that lie entirely within a range.

    Parameters
    ----------
    obj : Dataset or DataArray
        An object with an energy axis.
    min, max : Quantity, str or float, optional
        Range, as Quantity or number in the unit of the axis. By default, unbounded.
    dim : str
        ``"energy"`` or ``"energy_true"``.
    round_to_edge : bool
        Whether to round the range to the nearest bin edges first.

    Returns
    -------
    mask : DataArray
        Dims ``(dim,)``, bool.

    Examples
    --------
    >>> from xgamma.model.make_axes import energy_axis_from_edges
    >>> energy_mask(energy_axis_from_edges([1, 2, 5, 10]), "1 TeV", "5 TeV").values
    array([ True,  True, False])
    """
    values, unit = edges(obj, dim), units_of(obj, dim)
    low = -np.inf if min is None else limit(min, unit, "min")
    high = np.inf if max is None else limit(max, unit, "max")
    if round_to_edge:
        low, high = (
            values[np.argmin(np.abs(values - v))] if np.isfinite(v) else v for v in (low, high)
        )
    # An edge that a user names in another unit must not miss its bin by rounding.
    mask = (values[:-1] >= low * (1 - 1e-9)) & (values[1:] <= high * (1 + 1e-9))
    # A copy of what has the labels already is made in half the time of a new array.
    array = obj.coords[f"{dim}_lo"].copy(deep=False, data=mask)
    array.name, array.attrs = "energy_mask", {}
    # It has no pixels: it goes on maps of any frame.
    return array.drop_vars([name for name in array.coords if is_stamp(name)])


def safe(ds: xr.Dataset, name: str = "mask_safe") -> xr.Variable | None:
    """Return a mask over the dims of the counts, or none where everything is safe.

    Weights in it count as True where they are above zero.
    """
    if name not in ds:
        return None
    variable = ds.variables[name]
    if variable.dtype.kind == "f":
        variable = xr.Variable(variable.dims, variable.data > 0, variable.attrs)
    missing = {d: ds.sizes[d] for d in RECO if d in ds.dims and d not in variable.dims}
    if missing:
        variable = variable.set_dims({**missing, **dict(variable.sizes)})
    return variable.transpose(*(d for d in RECO if d in ds.dims))


def warn_of_lost_weights(ds: xr.Dataset) -> None:
    """Warn if a result can only keep where the weights of ``mask_fit`` are above zero."""
    if "mask_fit" in ds and ds.variables["mask_fit"].dtype.kind == "f":
        warn(
            f"The mask_fit of {ds.attrs.get('name')!r} contains weights: the result only keeps "
            "where they are above zero. Set mask_fit of the result again."
        )


@operation
def mask(ds: xr.Dataset) -> xr.DataArray | None:
    """Return the mask used in a fit, ``mask_safe`` and ``mask_fit`` combined.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum; masks may omit dimensions along which they are constant.

    Returns
    -------
    mask : DataArray or None
        Dims of the counts, bool; None if neither mask is set.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> mask(ds) is None
    True
    >>> ds["mask_fit"] = ds.gamma.energy_mask("2 TeV", None)
    >>> mask(ds).dims, mask(ds).any(("y", "x")).values
    (('energy', 'y', 'x'), array([False, False,  True,  True]))
    """
    parts = [part for part in (safe(ds), safe(ds, "mask_fit")) if part is not None]
    if not parts:
        return None
    return labelled(ds, parts[0] if len(parts) == 1 else parts[0] & parts[1])


def labelled(ds: xr.Dataset, used: xr.Variable) -> xr.DataArray:
    """Return a mask over the dims of the counts with the labels of its dataset."""
    held = ds.drop_vars(list(ds.data_vars))
    return held.assign(mask=xr.Variable(used.dims, used.data))["mask"]


@operation
def mask_image(ds: xr.Dataset) -> xr.DataArray | None:
    """Return a mask of pixels with any energy bin in use, dims ``(y, x)``; None without masks.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> inside = ds.gamma.region_mask("icrs;circle(83.63, 22.01, 0.5)")
    >>> ds["mask_fit"] = inside & ds.gamma.energy_mask("2 TeV", None)
    >>> mask_image(ds).dims
    ('y', 'x')
    """
    joined = mask(ds)
    return None if joined is None else joined.any("energy").rename("mask_image")


def under_mask(ds: xr.Dataset, name: str, used: xr.Variable | None) -> xr.Variable:
    """Return a variable with zero where a mask is False; chosen, so that NaN do not stay."""
    variable = ds.variables[name]
    if used is None:
        return variable
    both = (variable.data, used.data)
    if variable.dims == used.dims and all(isinstance(v, np.ndarray) for v in both):
        # The same, without the detour over missing values.
        return xr.Variable(variable.dims, under(*both), variable.attrs)
    kept = variable.where(used, np.zeros((), variable.dtype)[()])
    return xr.Variable(variable.dims, kept.transpose(*variable.dims).data, variable.attrs)


@operation
def to_masked(ds: xr.Dataset, name: str | None = None) -> xr.Dataset:
    """Set counts, background and acceptances to zero outside the safe mask.

    In contrast, ``ds.where(ds.mask_safe)`` applies the mask to every variable, so that responses
    are broadcast to the dimensions, and the size, of the counts.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        New dataset; the mask stays.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 2))
    >>> ds = ds.assign(counts=("energy", [3, 4]), mask_safe=("energy", [False, True]))
    >>> to_masked(ds).counts.values
    array([0, 4])
    """
    used = safe(ds)
    new = {} if used is None else {k: under_mask(ds, k, used) for k in UNDER_MASK if k in ds}
    return named(ds.assign(new), name)


def corner_pixels(ds: xr.Dataset, dim: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the fine pixels on both sides of each coarse pixel's centre.

    Parameters
    ----------
    ds : Dataset
        Map with both grids.
    dim : {"y", "x"}
        Which dimension.

    Returns
    -------
    low, high : ndarray of int
        Equal where the centres coincide; those at the edge of the map beyond it.
    """
    fine, coarse = (np.atleast_1d(ds.variables[d].values) for d in (dim, f"{dim}_irf"))
    # Labels are exact to rounding only; a half must not fall either way by chance.
    at = np.round((coarse - fine[0]) / label_step(ds, dim), 6)
    last = fine.size - 1
    low = np.clip(np.floor(at).astype(int), 0, max(last - 1, 0))
    low = np.where(at == last, last, low)
    high = np.where(at == low, low, np.minimum(low + 1, last))
    return low, high


@operation
def coarse_mask(ds: xr.Dataset) -> xr.Variable | None:
    """Return the safe mask on the coarse grid of the responses.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.

    Returns
    -------
    mask : Variable or None
        Dims ``(energy, y_irf, x_irf)``: True where any fine pixel around the centre is safe. None
        if everything is safe.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> ds = xg.create_map(
    ...     (0, 0), "0.8 deg", "0.1 deg", xg.energy_axis(1, 10, 1), binsz_irf="0.4 deg"
    ... )
    >>> safe_pixels = ds.gamma.separation((0.2, 0.2)) < 0.1
    >>> ds = ds.assign(mask_safe=safe_pixels.expand_dims(energy=ds.energy))
    >>> int(coarse_mask(ds).sum())
    1
    """
    used = safe(ds)
    if used is None or "x_irf" not in ds.dims:
        return used
    (y0, y1), (x0, x1) = (corner_pixels(ds, dim) for dim in ("y", "x"))
    flags = used.transpose("energy", "y", "x").data
    rows = flags[:, y0] | flags[:, y1]
    return xr.Variable(("energy", "y_irf", "x_irf"), rows[:, :, x0] | rows[:, :, x1])
