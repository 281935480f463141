"""Collapse a map over a region of the sky: to a spectrum, or to a region with its responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xgamma.datasets.masks import safe, warn_of_lost_weights
from xgamma.datasets.region_response import (
    even_parts,
    point_parts,
    seen_dispersion,
    seen_exposure,
    warn_of_gaps,
)
from xgamma.errors import FrameError, XGammaError
from xgamma.irf.dispersion import edisp_kernel
from xgamma.irf.queries import at_position
from xgamma.model.assembly import named
from xgamma.model.operation import operation
from xgamma.model.regions import parse_regions, region_center, region_mask, region_text
from xgamma.model.schema import ONOFF, SPATIAL, variable_attrs
from xgamma.model.stamp import is_stamp
from xgamma.typing import RegionLike

if TYPE_CHECKING:
    from regions import Region

__all__ = ["to_region", "to_spectrum"]

SUMMED = ("counts", "background", "counts_off", "acceptance", "acceptance_off")


def _inside(ds: xr.Dataset, region: Region) -> xr.Variable:
    """Return the pixels of a region, checked to lie on the map."""
    if "x" not in ds.dims:
        raise FrameError("Only a map can be collapsed over a region; this dataset has no pixels.")
    inside = region_mask(ds, region).variable
    if not inside.values.any():
        raise FrameError(
            f"The region {region_text(region)!r} contains no pixel centre of the map: choose one on the map, or use smaller pixels."
        )
    return inside


def _sums(ds: xr.Dataset, inside: xr.Variable) -> dict[str, xr.Variable]:
    """Return sums of counts and their like, and masks joined, over the pixels of a region."""
    used = safe(ds)
    keep = inside if used is None else used & inside
    new: dict[str, xr.Variable] = {}

    def total(variable: xr.Variable) -> xr.Variable:
        whole = variable.dtype.kind in "iu"
        kept = variable.where(keep, np.zeros((), variable.dtype)[()])
        found: xr.Variable = kept.sum(("y", "x"), dtype=np.int64 if whole else np.float64)
        return found

    for name in SUMMED:
        if name in ds:
            summed = total(ds.variables[name])
            new[name] = xr.Variable(summed.dims, summed.data, ds.variables[name].attrs)
    if all(name in ds for name in ONOFF):
        new["acceptance_off"] = _off_acceptance(ds, new, total)
    warn_of_lost_weights(ds)
    for name in ("mask_safe", "mask_fit"):
        flags = safe(ds, name)
        if flags is not None:
            new[name] = (flags & inside).any(("y", "x"))
            new[name].attrs = ds.variables[name].attrs
    return new


def _off_acceptance(
    ds: xr.Dataset, new: dict[str, xr.Variable], total: Callable[[xr.Variable], xr.Variable]
) -> xr.Variable:
    """Return the off acceptance with which the background of the region is its pixels' sum."""
    acceptance, off = (ds.variables[n].astype(float) for n in ("acceptance", "acceptance_off"))
    alpha = (acceptance / off.where(off > 0, 1.0)).where(off > 0, 0.0)
    background = total(alpha * ds.variables["counts_off"])
    positive = background > 0
    scaled = new["acceptance"] * new["counts_off"] / background.where(positive, 1.0)
    return xr.Variable(
        background.dims,
        scaled.where(positive, new["acceptance_off"]).data,
        ds.variables["acceptance_off"].attrs,
    )


def _assemble(
    ds: xr.Dataset,
    region: Region,
    new: dict[str, xr.Variable],
    name: str | None,
    drop: tuple[str, ...],
) -> xr.Dataset:
    spatial = [d for d in SPATIAL if d in ds.dims]
    drop = (*drop, *(str(c) for c in ds.coords if is_stamp(c)))
    out = ds.drop_dims(spatial).drop_vars(drop, errors="ignore").assign(new)
    text = xr.Variable((), region_text(region), {"long_name": "on region", "format": "ds9"})
    return named(out.assign_coords(region=text), name)


def _require_contained(ds: xr.Dataset, region: Region) -> None:
    """Raise unless the part of a point source in a region can be told."""
    parsed = parse_regions(region)
    circle = len(parsed) == 1 and type(parsed[0]).__name__.startswith("Circle")
    if not circle or hasattr(parsed[0], "inner_radius"):
        raise XGammaError(
            "The containment correction is implemented for a single circle only: pass containment_correction=False for other regions."
        )
    if "exposure" in ds and ds.variables["exposure"].attrs.get("pointlike"):
        raise XGammaError(
            "Point-like responses already include the containment of their cut: pass containment_correction=False."
        )


@operation
def to_spectrum(
    ds: xr.Dataset,
    region: RegionLike,
    containment_correction: bool = False,
    name: str | None = None,
) -> xr.Dataset:
    """Collapse a map over an on region to a spectrum dataset.

    Parameters
    ----------
    ds : Dataset
        Map, on-off or not.
    region : SkyRegion or str
        On region; a string is DS9 text.
    containment_correction : bool
        Whether to scale the exposure by the fraction of a point source at the centre of the circle
        that falls into its pixels (those whose centre lies in it).
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        Counts and background summed under the safe mask, exposure averaged over the region, energy
        dispersion at its centre, masks joined with OR. Where the mask hides pixels of the region,
        the dispersion carries the part of the exposure that is safe at each energy, so that the
        prediction is that of the safe pixels. The signal is assumed to be uniform over the region,
        with a warning where pixels are hidden, or a point source with `containment_correction`.

    Raises
    ------
    FrameError
        If the region is not on the map.
    XGammaError
        If a containment correction is requested for a region that is not a circle, or for
        point-like responses.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(0.1, 10, 2))
    >>> ds = ds.assign(counts=(("energy", "y", "x"), np.ones((2, 20, 20), dtype=int)))
    >>> to_spectrum(ds, "icrs;circle(0, 0, 0.3)").counts.values
    array([32, 32])
    """
    inside = _inside(ds, region)
    center = region_center(region)
    new = _sums(ds, inside)
    parts = even_parts(inside)
    edisp = edisp_kernel(ds, center).variable if "edisp" in ds else None
    if containment_correction:
        _require_contained(ds, region)
        parts = point_parts(ds, inside, center)
    else:
        cure = ": for a point source at its centre, pass containment_correction=True"
        warn_of_gaps(ds, inside, region_text(region), cure)
    if "exposure" in ds:
        new["exposure"] = seen_exposure(ds, parts)
        edisp = seen_dispersion(ds, inside, parts, edisp)
        if containment_correction:
            new["exposure"].attrs["containment_correction"] = 1
    if edisp is not None:
        new["edisp"] = xr.Variable(edisp.dims, edisp.data, variable_attrs("edisp"))
    return _assemble(ds, region, new, name, _axis_coords(ds, "rad", "migra"))


@operation
def to_region(ds: xr.Dataset, region: RegionLike, name: str | None = None) -> xr.Dataset:
    """Collapse a map over a region, keeping its point spread function.

    Parameters
    ----------
    ds : Dataset
        Map, on-off or not.
    region : SkyRegion or str
        Any region; since the responses are kept whole, no containment correction is needed.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        As `to_spectrum`, with ``psf`` and the response exposures at the centre of the region. A
        dispersion over migration becomes a kernel where there is a safe mask.

    Raises
    ------
    FrameError
        If the region is not on the map.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(0.1, 10, 2))
    >>> ds = ds.assign(counts=(("energy", "y", "x"), np.ones((2, 20, 20), dtype=int)))
    >>> int(to_region(ds, "icrs;circle(0, 0, 0.3)").counts.sum())
    64
    """
    inside = _inside(ds, region)
    center = region_center(region)
    new = _sums(ds, inside)
    cure = ": otherwise, choose a region without masked pixels, or fit the map"
    warn_of_gaps(ds, inside, region_text(region), cure)
    # A bin of migration can lie across energies of which one is safe in more pixels.
    drop = _axis_coords(ds, "migra") if safe(ds) is not None and "exposure" in ds else ()
    for key in ("psf", "psf_exposure", "edisp", "edisp_exposure"):
        if key in ds:
            found = (
                edisp_kernel(ds, center)
                if drop and key == "edisp"
                else at_position(ds, key, center)
            )
            new[key] = found.variable
    if "exposure" in ds:
        parts = even_parts(inside)
        new["exposure"] = seen_exposure(ds, parts)
        edisp = new.get("edisp")
        if edisp is None or "migra" not in edisp.dims:
            edisp = seen_dispersion(ds, inside, parts, edisp)
        if edisp is not None:
            new["edisp"] = xr.Variable(edisp.dims, edisp.data, variable_attrs("edisp"))
    return _assemble(ds, region, new, name, drop)


def _axis_coords(ds: xr.Dataset, *axes: str) -> tuple[str, ...]:
    """Return the coordinates of axes that a dataset has."""
    names = (f"{axis}{end}" for axis in axes for end in ("", "_lo", "_hi"))
    return tuple(name for name in names if name in ds.coords)
