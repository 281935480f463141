"""Questions to the responses of a reduced dataset: maps and the PSF at a position."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.arguments import choice
from xgamma.core.lazy import hollow, is_lazy
from xgamma.core.units import to_value
from xgamma.errors import AxisError, FrameError, XGammaError
from xgamma.model import sky
from xgamma.model.axes import axis_coords, centers_in, edges_in
from xgamma.model.operation import later, operation
from xgamma.model.schema import require
from xgamma.numerics.convolution import bilinear
from xgamma.numerics.radial import containment_radius
from xgamma.typing import EnergiesLike, PositionLike

__all__ = [
    "at_position",
    "psf_containment_radius",
    "psf_profile",
]


@operation
def at_position(
    ds: xr.Dataset, name: str, position: PositionLike | None = None, method: str = "nearest"
) -> xr.DataArray:
    """Return the values of a map at one position.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.
    name : str
        Variable.
    position : SkyCoord, str or (lon, lat), optional
        Position; by default, the centre of the map. Without meaning for a spectrum.
    method : {"nearest", "linear"}
        The pixel that holds the position (of two equally near the one of lower label), or
        bilinear between pixel centres, held at the border. Between those of a response that
        have no exposure there is nothing to interpolate: they get no weight.

    Returns
    -------
    values : DataArray
        Without the spatial dims. A dask-backed map stays lazy (the exposure of a response is read
        to interpolate it).

    Raises
    ------
    MissingDataError
        If there is no such variable.
    FrameError
        If the position lies outside the map.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> at_position(example_map(), "exposure", "83.63d 22.01d").dims
    ('energy_true',)
    """
    require(ds, name)
    choice(method, "method", ("nearest", "linear"))
    array = ds[name]
    suffix = "_irf" if "x_irf" in array.dims else ""
    dims = (f"y{suffix}", f"x{suffix}")
    if dims[1] not in array.dims:
        return array
    point = sky.center(ds) if position is None else position
    x, y = (float(v) for v in sky.world_to_pix(ds, point))
    labels = [np.asarray(ds.coords[d].values) for d in dims]
    for value, label, dim in zip((y, x), labels, dims, strict=True):
        half = sky.label_step(ds, dim)
        if not label[0] - half <= value <= label[-1] + half:
            raise FrameError(
                f"The position lies outside the map along {dim!r}: choose one inside, or omit it for the centre of the map."
            )
    if method == "nearest":
        j, i = (_nearest(v, label) for v, label in zip((y, x), labels, strict=True))
        part = array.variable.isel({dims[0]: j, dims[1]: i})
        return _without_pixels(array, part, dims)
    iy, ix, weights = bilinear(y, x, labels[0], labels[1], _exposed(ds, name, dims))
    parts = [
        array.variable.isel({dims[0]: int(j), dims[1]: int(i)}) * float(w)
        for j, i, w in zip(iy, ix, weights, strict=True)
        if w > 0
    ]
    if not parts:
        return _without_pixels(array, array.variable.isel(dict.fromkeys(dims, 0)) * 0.0, dims)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return _without_pixels(array, total, dims)


def _exposed(ds: xr.Dataset, name: str, dims: tuple[str, str]) -> np.ndarray | None:
    """Return which nodes of a response hold exposure; None for all."""
    weight = ds.variables.get(f"{name}_exposure")
    if weight is None or not set(dims) <= set(weight.dims):
        return None
    rest = [d for d in weight.dims if d not in dims]
    return np.asarray((weight > 0).any(rest).transpose(*dims).values)


def _nearest(value: float, labels: np.ndarray) -> int:
    """Return the number of the nearest label; halfway, to rounding, goes to the lower."""
    step = labels[1] - labels[0] if labels.size > 1 else 1.0
    return int(np.clip(np.ceil((value - labels[0]) / step - 0.5 - 1e-6), 0, labels.size - 1))


def _without_pixels(
    array: xr.DataArray, variable: xr.Variable, dims: tuple[str, str]
) -> xr.DataArray:
    kept = {k: v for k, v in array.coords.items() if not set(v.dims) & set(dims)}
    return xr.DataArray(
        xr.Variable(variable.dims, variable.data, array.attrs), coords=kept, name=array.name
    )


def psf_profile(ds: xr.Dataset, position: PositionLike | None = None) -> xr.DataArray:
    """Return the point spread function at a position.

    Parameters
    ----------
    ds : Dataset
        With ``psf``.
    position : SkyCoord, str or (lon, lat), optional
        Position; by default, the centre of the map.

    Returns
    -------
    psf : DataArray
        Dims ``(energy_true, rad)``, sr-1.
    """
    return at_position(ds, "psf", position).transpose("energy_true", "rad")


def _at_energy(
    array: xr.DataArray, energy_true: EnergiesLike
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return rows at true energies (TeV), linear in their logarithm, and those energies."""
    values = np.asarray(array.values, dtype=float)
    if energy_true is None:
        return values, None
    wanted = np.asarray(to_value(energy_true, "TeV", "energy_true"))
    limits = edges_in(array, "energy_true", "TeV")
    # An edge may be missed by rounding: 0.1 TeV from a file in GeV.
    outside = ~((wanted >= limits[0] * (1 - 1e-6)) & (wanted <= limits[-1] * (1 + 1e-6)))
    if outside.any():
        raise AxisError(
            f"energy_true={np.atleast_1d(wanted)[np.atleast_1d(outside)][0]:g} TeV lies outside the axis, from {limits[0]:.4g} to {limits[-1]:.4g} TeV."
        )
    nodes = np.log(centers_in(array, "energy_true", "TeV"))
    at = np.clip(np.interp(np.log(np.atleast_1d(wanted)), nodes, np.arange(nodes.size)), 0, None)
    low = np.minimum(at.astype(int), max(nodes.size - 2, 0))
    part = (at - low)[:, np.newaxis]
    high = np.minimum(low + 1, nodes.size - 1)
    return values[low] * (1 - part) + values[high] * part, wanted


def _over_energy(
    array: xr.DataArray, values: np.ndarray, energy: np.ndarray | None, **attrs: object
) -> xr.DataArray:
    if energy is None:
        return xr.DataArray(
            values, dims="energy_true", coords=axis_coords(array, "energy_true"), attrs=attrs
        )
    unit = {"units": "TeV", "long_name": "true energy"}
    if energy.ndim == 0:
        return xr.DataArray(values[0], coords={"energy_true": ((), energy, unit)}, attrs=attrs)
    coords = {"energy_true": ("energy_true", energy, unit)}
    return xr.DataArray(values, dims="energy_true", coords=coords, attrs=attrs)


def _hollow(array: xr.DataArray, energy_true: EnergiesLike, **attrs: object) -> xr.DataArray:
    """Return what a curve over true energies will look like."""
    if energy_true is None:
        return _over_energy(array, hollow([array.sizes["energy_true"]]), None, **attrs)
    wanted = np.asarray(to_value(energy_true, "TeV", "energy_true"))
    return _over_energy(array, hollow(np.atleast_1d(wanted).shape), wanted, **attrs)


@operation
def psf_containment_radius(
    ds: xr.Dataset,
    energy_true: EnergiesLike | None = None,
    fraction: float = 0.68,
    position: PositionLike | None = None,
) -> xr.DataArray:
    """Return the radius that contains a fraction of a point source.

    Parameters
    ----------
    ds : Dataset
        With ``psf``.
    energy_true : Quantity, str or array_like, optional
        True energies, as Quantity or number in TeV. By default, all bins.
    fraction : float
        Fraction of what lies within the ``rad`` axis.
    position : SkyCoord, str or (lon, lat), optional
        Position; by default, the centre of the map.

    Returns
    -------
    radius : DataArray
        Degrees, dims ``(energy_true,)`` or none. Inside a ring the PSF is taken to fall like a
        Gaussian, so the radius does not jump from ring to ring, and that of a Gaussian is
        exact however wide the rings are.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> empty = xg.create_map("83.63d 22.01d", "1 deg", "0.1 deg", xg.energy_axis(1, 10, 2))
    >>> ds = empty.gamma.fill(simulate_observation(events=False), select=["psf"])
    >>> bool(0.02 < psf_containment_radius(ds, "2 TeV", 0.68) < 0.2)
    True
    """
    if not 0 < fraction < 1:
        raise XGammaError(f"fraction={fraction!r} must lie between 0 and 1.")
    psf = psf_profile(ds, position)
    if is_lazy(psf):
        like = _hollow(
            psf, energy_true, units="deg", long_name=f"{100 * fraction:g} % containment radius"
        )
        # The task needs the profile at the position alone, not the maps that it was taken from.
        return later(like, ds=psf.to_dataset(name="psf"), position=None)
    values, energy = _at_energy(psf, energy_true)
    radius = containment_radius(values, edges_in(psf, "rad", "deg"), fraction)
    return _over_energy(
        psf, radius, energy, units="deg", long_name=f"{100 * fraction:g} % containment radius"
    )
