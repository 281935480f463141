"""Significance of excesses: maps with a correlation radius, and radial profiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import pixel_mask, scalar
from xgamma.core.lazy import hollow, is_lazy
from xgamma.core.units import to_value
from xgamma.datasets.onoff import (
    background,
    is_onoff,
    ratio,
    reco_dims,
    safe,
    variable,
)
from xgamma.errors import XGammaError
from xgamma.model import sky
from xgamma.model.axes import axis_coords, edges, units_of
from xgamma.model.make_axes import axis_from_edges
from xgamma.model.operation import later, operation
from xgamma.model.schema import require
from xgamma.model.windows import later_by_blocks
from xgamma.numerics.convolve import disk_kernel, kernel_sum
from xgamma.numerics.statistics import cash_significance, li_ma
from xgamma.typing import AngleLike, AnglesLike, PositionLike

__all__ = ["significance", "significance_profile"]

LONG_NAMES = {
    "counts": "counts",
    "background": "background counts",
    "excess": "excess counts",
    "counts_off": "off counts",
    "alpha": "on to off acceptance",
    "significance": "significance",
}


# What is looked at of a dataset.
NEEDS = ("counts", "background", "mask_safe", "counts_off", "acceptance", "acceptance_off")


class _Inputs:
    """Safe counts, background and off maps of a dataset, in the order energy, y, x."""

    def __init__(self, ds: xr.Dataset, mask: xr.DataArray | None):
        require(ds, "counts")
        use = np.asarray(safe(ds).data)
        mask = pixel_mask(mask, ds)
        if mask is not None:
            extra = mask.variable.set_dims(
                {d: ds.sizes[d] for d in reco_dims(ds) if d not in mask.dims} | dict(mask.sizes)
            )
            use = use & extra.transpose(*reco_dims(ds)).data
        expected = background(ds).values
        self.use = use & np.isfinite(expected)
        self.onoff = is_onoff(ds)
        self.counts = np.where(self.use, variable(ds, "counts"), 0.0)
        self.background = np.where(self.use, expected, 0.0)
        if self.onoff:
            names = ("counts_off", "acceptance", "acceptance_off")
            values = [np.where(self.use, variable(ds, n), 0.0) for n in names]
            self.off, self.acceptance, self.acceptance_off = values
            self.correlated = bool(ds["counts_off"].attrs.get("correlated", 0))

    def sum_energy(self) -> None:
        """Whether to sum over energy."""
        names = ["counts", "background"]
        if self.onoff:
            names += ["off", "acceptance", "acceptance_off"]
        for name in names:
            setattr(self, name, getattr(self, name).sum(axis=0, keepdims=True))
        self.use = self.use.any(axis=0, keepdims=True)


def _significance(found: dict[str, np.ndarray], use: np.ndarray) -> dict[str, np.ndarray]:
    """Return sums with excess and significance, NaN where nothing is safe."""
    if "alpha" in found:
        value = li_ma(found["counts"], found["counts_off"], found["alpha"])
    else:
        ok = found["background"] > 0
        value = cash_significance(found["counts"], np.where(ok, found["background"], 1.0))
        value = np.where(ok, value, np.nan)
    found = found | {"excess": found["counts"] - found["background"], "significance": value}
    return {name: np.where(use, values, np.nan) for name, values in found.items()}


def _disc_sums(data: _Inputs, kernel: np.ndarray) -> dict[str, np.ndarray]:
    def total(values: np.ndarray) -> np.ndarray:
        if (values == np.rint(values)).all():
            values = values.astype(np.int64)
        return kernel_sum(values, [kernel])[0].astype(float)

    found = {"counts": total(data.counts), "background": total(data.background)}
    if data.onoff:
        # Off counts of a ring are sums already, nearly the same for all pixels of the disc:
        # adding them up again would count each event hundreds of times.
        off = data.off if data.correlated else total(data.off)
        on = total(data.acceptance)
        whole = data.acceptance_off if data.correlated else total(data.acceptance_off)
        alpha = np.where(off > 0, ratio(found["background"], off), ratio(on, whole))
        found |= {"counts_off": off, "alpha": alpha}
    return found


@operation
def significance(
    ds: xr.Dataset,
    correlation_radius: AngleLike | None = None,
    mask: xr.DataArray | None = None,
    sum_over_energy: bool = False,
) -> xr.Dataset:
    """Compute the significance of the excess in each bin, or in a disc around each pixel.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum with counts and a background: on-off (Li & Ma) or known (Cash).
    correlation_radius : Quantity or str, optional
        Radius of the disc in which counts of a map are summed. By default, each pixel alone.
    mask : DataArray of bool, optional
        Pixels to use, besides the safe mask.
    sum_over_energy : bool
        Whether to sum over energy first.

    Returns
    -------
    maps : Dataset
        ``counts``, ``background``, ``excess`` and ``significance`` (standard deviations, with
        the sign of the excess), of an on-off dataset also ``counts_off`` and ``alpha``, with
        the dims of the counts. NaN where the pixel is not safe, or has no background.

    Raises
    ------
    XGammaError
        If a radius is given for a spectrum.
    MissingDataError
        If there are no counts or no background.

    Notes
    -----
    For ring backgrounds the off counts are those of the central pixel; for other methods they are
    summed over the disc. Alpha is the ratio of the background in the disc to the off counts.

    References
    ----------
    Li & Ma (1983), ApJ 272, 317, equation 17; Cash (1979), ApJ 228, 939.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> empty = xg.create_map((0, 0), "1 deg", "0.1 deg", xg.energy_axis(1, 10, 1))
    >>> dims, flat = ("energy", "y", "x"), np.ones((1, 10, 10))
    >>> ds = empty.assign(counts=(dims, 2 * flat), background=(dims, flat))
    >>> maps = significance(ds, correlation_radius="0.15 deg")
    >>> float(maps.counts[0, 5, 5]), round(float(maps.significance[0, 5, 5]), 3)
    (18.0, 2.637)
    """
    attrs: dict[str, Any] = {}
    if correlation_radius is not None:
        if "x" not in ds.dims:
            raise XGammaError("A spectrum has no pixels to correlate: omit correlation_radius.")
        radius = scalar(correlation_radius, "deg", "correlation_radius")
        if not 0 < radius < 180:
            raise XGammaError(
                f"correlation_radius={correlation_radius!r} must be an angle between 0 and 180 deg."
            )
        attrs = {"correlation_radius": radius}
    if is_lazy(ds, mask):
        like = _labelled(ds, _hollow(ds, sum_over_energy), sum_over_energy, attrs)
        if "x" not in ds.dims:
            return later(like)
        kernel = np.zeros((1, 1)) if not attrs else _disc(ds, attrs["correlation_radius"])
        reach = kernel.shape[0] // 2, kernel.shape[1] // 2
        return later_by_blocks(ds, like, NEEDS, reach, mask=mask)
    data = _Inputs(ds, mask)
    if sum_over_energy:
        data.sum_energy()
    if correlation_radius is None:
        found = {"counts": data.counts, "background": data.background}
        if data.onoff:
            found |= {"counts_off": data.off}
            per_bin = ratio(data.acceptance, data.acceptance_off)
            found["alpha"] = np.where(data.off > 0, ratio(data.background, data.off), per_bin)
    else:
        found = _disc_sums(data, _disc(ds, radius))
    return _labelled(ds, _significance(found, data.use), sum_over_energy, attrs)


def _disc(ds: xr.Dataset, radius: float) -> np.ndarray:
    scale = sky.pixel_scale(ds)
    return disk_kernel((radius / scale[0], radius / scale[1]))


def _hollow(ds: xr.Dataset, summed: bool, n_rings: int | None = None) -> dict[str, np.ndarray]:
    """Return what a result will look like, in the order of its variables."""
    require(ds, "counts")
    names = ["counts", "background"]
    names += ["counts_off", "alpha"] if is_onoff(ds) else []
    first, *rest = (ds.sizes[d] for d in reco_dims(ds))
    shape = [1 if summed else first, *(rest if n_rings is None else [n_rings])]
    return dict.fromkeys([*names, "excess", "significance"], hollow(shape))


def _labelled(
    ds: xr.Dataset, found: dict[str, np.ndarray], summed: bool, attrs: dict[str, Any]
) -> xr.Dataset:
    dims = reco_dims(ds)
    coords = ds.drop_vars(list(ds.data_vars))
    keep = [c for c in coords.coords if set(coords[c].dims) <= set(dims)]
    out = (
        coords[keep] if not summed else coords[[c for c in keep if "energy" not in coords[c].dims]]
    )
    if summed:
        ends = edges(ds, "energy")[[0, -1]]
        axis = axis_from_edges(ends, "energy", units_of(ds, "energy"), "log")
        out = out.assign_coords(axis_coords(axis))
    variables = {
        name: xr.Variable(dims, values, {"units": "", "long_name": LONG_NAMES[name]})
        for name, values in found.items()
    }
    out = out.assign(variables)
    out.attrs = {
        "name": ds.attrs.get("name", ""),
        "statistic": "wstat" if "alpha" in found else "cash",
    }
    out.attrs |= attrs
    return out


@operation
def significance_profile(
    ds: xr.Dataset, center: PositionLike, radii: AnglesLike, sum_over_energy: bool = True
) -> xr.Dataset:
    """Compute the excess and its significance in rings around a position.

    Parameters
    ----------
    ds : Dataset
        Map with counts and a background.
    center : SkyCoord, str or (lon, lat)
        Middle of the rings; strings and pairs are in the frame of the map.
    radii : Quantity or array_like
        Edges of the rings, increasing, as Quantity or number in degrees.
    sum_over_energy : bool
        Whether to sum over energy.

    Returns
    -------
    profile : Dataset
        Variables as of `significance`, with dims ``(energy, rad)``, and the solid angle that
        is safe in each ring, ``solid_angle``, sr.

    Raises
    ------
    XGammaError
        If `ds` is not a map, or the radii do not increase.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> empty = xg.create_map((0, 0), "1 deg", "0.1 deg", xg.energy_axis(1, 10, 1))
    >>> dims, flat = ("energy", "y", "x"), np.ones((1, 10, 10))
    >>> ds = empty.assign(counts=(dims, 2 * flat), background=(dims, flat))
    >>> significance_profile(ds, (0, 0), [0, 0.2, 0.4]).counts.values
    array([[24., 80.]])
    """
    if "x" not in ds.dims:
        raise XGammaError("A profile requires a map: a spectrum has no pixels.")
    edges = np.atleast_1d(to_value(radii, "deg", "radii"))
    if edges.size < 2 or (np.diff(edges) <= 0).any():
        raise XGammaError("radii must be at least two increasing angles.")
    if is_lazy(ds):
        found = _hollow(ds, sum_over_energy, edges.size - 1)
        found["solid_angle"] = found["counts"]
        like = _profile(found, edges)
        return later(like)
    data = _Inputs(ds, None)
    if sum_over_energy:
        data.sum_energy()
    ring = np.digitize(sky.separation(ds, center).values, edges) - 1
    area = sky.solid_angle(ds).values

    def total(values: np.ndarray) -> np.ndarray:
        rings = [values[:, ring == k].sum(axis=1) for k in range(edges.size - 1)]
        return np.stack(rings, axis=1)

    found = {"counts": total(data.counts), "background": total(data.background)}
    number = np.maximum(total(data.use.astype(float)), 1.0)
    if data.onoff:
        off = total(data.off)
        # Overlapping rings (see significance): the mean of the off counts, not their sum.
        off = np.rint(off / number) if data.correlated else off
        whole = total(data.acceptance_off) / (number if data.correlated else 1.0)
        alpha = np.where(
            off > 0, ratio(found["background"], off), ratio(total(data.acceptance), whole)
        )
        found |= {"counts_off": off, "alpha": alpha}
    found = _significance(found, total(data.use.astype(float)) > 0)
    found["solid_angle"] = total(data.use * area)
    return _profile(found, edges)


def _profile(found: dict[str, np.ndarray], edges: np.ndarray) -> xr.Dataset:
    variables = {
        name: xr.Variable(
            ("energy", "rad"),
            values,
            {
                "units": "sr" if name == "solid_angle" else "",
                "long_name": LONG_NAMES.get(name, "solid angle"),
            },
        )
        for name, values in found.items()
    }
    return xr.Dataset(variables, coords=axis_coords(axis_from_edges(edges, "rad", "deg", "lin")))
