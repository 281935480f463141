"""Response of the safe pixels of a region to a source: exposure and dispersion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xgamma.core.lazy import hollow, is_lazy, postponed
from xgamma.datasets.masks import safe
from xgamma.errors import warn
from xgamma.irf.queries import at_position
from xgamma.model import sky
from xgamma.model.axes import edges_in
from xgamma.model.schema import require
from xgamma.numerics import sphere
from xgamma.numerics.radial import containment_radius, ring_of

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = ["even_parts", "point_parts", "seen_dispersion", "seen_exposure", "warn_of_gaps"]

PIXELS = ("y", "x")
POINTS = 8  # over the radius of the 68 % containment, at least
FINEST = 40  # points along a side of a pixel, at most


def even_parts(inside: xr.Variable) -> xr.Variable:
    """Return the part of a source spread evenly over a region that falls into each pixel."""
    return inside / float(inside.values.sum())


def point_parts(ds: xr.Dataset, inside: xr.Variable, center: SkyCoord) -> xr.Variable:
    """Return the part of a point source that falls into each pixel of a region.

    Parameters
    ----------
    ds : Dataset
        Map with ``psf``.
    inside : Variable
        Pixels of the region, dims ``(y, x)``.
    center : SkyCoord
        Where the source is.

    Returns
    -------
    parts : Variable
        Dims ``(energy_true, y, x)``, zero outside: the PSF, linear between the centres of its
        rings, over the pixel, as part of that over all of them.
    """
    require(ds, "psf")
    held = ds.drop_vars([n for n in ds.data_vars if n not in ("psf", "psf_exposure")])
    if not is_lazy(held):
        return _point_parts(held, inside, center).variable
    dims = ("energy_true", *PIXELS)
    like = xr.DataArray(hollow(ds.sizes[d] for d in dims), dims=dims)
    # Not `later`: it is a part of several operations, whose other parts need no task.
    return postponed(like, _point_parts, held, inside, center).variable


def _point_parts(grid: xr.Dataset, inside: xr.Variable, center: SkyCoord) -> xr.DataArray:
    psf = at_position(grid, "psf", center, method="linear").transpose("energy_true", "rad")
    profile = np.maximum(np.nan_to_num(np.asarray(psf.values, dtype=float)), 0.0)
    edges = edges_in(psf, "rad", "deg")
    radii = containment_radius(profile, edges, 0.68)
    core = float(np.min(radii, initial=edges[-1], where=radii > 0))
    factor = int(np.clip(np.ceil(POINTS * max(sky.pixel_scale(grid)) / core), 4, FINEST))
    iy, ix = np.nonzero(inside.transpose(*PIXELS).values)
    offsets = (np.arange(factor) + 0.5) / factor - 0.5
    values = np.zeros((profile.shape[0], iy.size))
    area = sky.pixel_solid_angle(grid)[iy, ix]
    source = sky.position_vector(grid, center)
    for dy in offsets:
        y = grid["y"].values[iy] + dy * sky.label_step(grid, "y")
        for dx in offsets:
            x = grid["x"].values[ix] + dx * sky.label_step(grid, "x")
            at = sky.pix_to_world(grid, x, y).spherical
            radius = sphere.separation(sphere.lonlat_to_vector(at.lon.deg, at.lat.deg), source)
            values += _at_radius(profile, edges, radius)
    values *= area / factor**2
    parts = np.zeros((profile.shape[0], *inside.shape))
    total = _integral(profile, edges)[:, np.newaxis]
    parts[:, iy, ix] = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    return xr.DataArray(parts, dims=("energy_true", *PIXELS))


def _at_radius(profile: np.ndarray, edges: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return profiles at radii (degrees), linear between the centres of rings, zero beyond them."""
    if edges.size < 3:
        return np.where(radius <= edges[-1], profile[:, :1], 0.0)
    low, t = ring_of(radius, 0.5 * (edges[1:] + edges[:-1]))
    values = profile[:, low] * (1.0 - t) + profile[:, low + 1] * t
    return np.where(radius <= edges[-1], np.maximum(values, 0.0), 0.0)


def _integral(profile: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the integral of profiles over the sky, by the rule of `_at_radius`."""
    fine = np.linspace(0.0, edges[-1], 40 * (edges.size - 1) + 1)
    middle, step = np.deg2rad(0.5 * (fine[1:] + fine[:-1])), np.deg2rad(fine[1])
    values: np.ndarray = _at_radius(profile, edges, np.rad2deg(middle)) @ (
        2.0 * np.pi * np.sin(middle) * step
    )
    return values


def _flags(ds: xr.Dataset, inside: xr.Variable) -> xr.Variable | None:
    used = safe(ds)
    return None if used is None else used & inside


def _seen(ds: xr.Dataset, parts: xr.Variable) -> xr.Variable:
    # Only where nothing is safe may an exposure be NaN: the gate sees to it.
    found: xr.Variable = ds.variables["exposure"].astype(float).fillna(0.0) * parts
    return found


def seen_exposure(ds: xr.Dataset, parts: xr.Variable) -> xr.Variable:
    """Return the exposure of a source in the pixels of a region, safe or not.

    It is the same for any choice of reconstructed energies: what the mask hides at each of them
    goes into the dispersion, see `seen_dispersion`.

    Parameters
    ----------
    ds : Dataset
        Map with ``exposure``.
    parts : Variable
        Part of the source in each pixel, zero outside the region.

    Returns
    -------
    exposure : Variable
        Dims ``(energy_true,)``: the sum over the pixels of the exposure times the part.
    """
    total = _seen(ds, parts).sum(PIXELS)
    return xr.Variable(total.dims, total.data, ds.variables["exposure"].attrs)


def seen_dispersion(
    ds: xr.Dataset, inside: xr.Variable, parts: xr.Variable, edisp: xr.Variable | None
) -> xr.Variable | None:
    """Return the dispersion times the part of the exposure that is safe at each energy.

    Parameters
    ----------
    ds : Dataset
        Map with ``exposure``.
    inside : Variable
        Pixels of the region.
    parts : Variable
        As in `seen_exposure`.
    edisp : Variable, optional
        Dispersion at the region, over ``energy``. By default, reconstructed energy equals true energy.

    Returns
    -------
    edisp : Variable or None
        As given, if the mask hides no pixel of the region at the energies where it leaves any.
        Where it leaves none, the dispersion stays: the mask says that it is not used.
    """
    flags = _flags(ds, inside)
    if flags is None or "energy_true" not in ds.variables["exposure"].dims:
        return edisp
    shown = flags.any(PIXELS)
    if not is_lazy(flags) and not bool((inside & ~flags & shown).any()):
        return edisp
    seen = xr.DataArray(_seen(ds, parts))
    total = seen.sum(PIXELS)
    share = xr.dot(seen, xr.DataArray(flags.astype(float)), dim=PIXELS)
    share = (share / total.where(total > 0, 1.0)).where((total > 0) & xr.DataArray(shown), 1.0)
    share = share.transpose("energy_true", "energy").variable
    if edisp is None:
        found: xr.Variable = _diagonal(ds) * share
        return found
    scaled = (edisp * share.astype(edisp.dtype)).transpose(*edisp.dims)
    return xr.Variable(edisp.dims, scaled.data, edisp.attrs)


def _diagonal(ds: xr.Dataset) -> xr.Variable:
    """Return the part of each bin of true energy in each of reconstructed energy."""
    true, reco = edges_in(ds, "energy_true", "TeV"), edges_in(ds, "energy", "TeV")
    low = np.maximum(true[:-1, np.newaxis], reco[:-1])
    high = np.minimum(true[1:, np.newaxis], reco[1:])
    overlap = np.maximum(high - low, 0.0) / np.diff(true)[:, np.newaxis]
    return xr.Variable(("energy_true", "energy"), overlap)


def warn_of_gaps(ds: xr.Dataset, inside: xr.Variable, region: str, cure: str) -> None:
    """Warn if the safe mask hides a part of a region over which a source is treated as even."""
    flags = _flags(ds, inside)
    if flags is None or "exposure" not in ds or is_lazy(flags):
        return
    number = flags.sum(PIXELS).values
    hidden = 1.0 - number[number > 0] / float(inside.values.sum())
    if hidden.size and hidden.max() > 0:
        warn(
            f"The safe mask excludes up to {hidden.max():.1%} of the region {region!r} at some energies, where its signal is assumed to be uniform over the region{cure}."
        )
