"""Exclusion masks: where a background must not be taken from, on any frame."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.errors import XGammaError
from xgamma.model import sky
from xgamma.model.axes import require_same_axis
from xgamma.model.figure import figure_of, frame_name, plane_of
from xgamma.model.frame import frame_of
from xgamma.model.frame_index import FrameIndex
from xgamma.model.regions import parse_regions, region_mask
from xgamma.numerics import sphere
from xgamma.typing import ExclusionLike, RegionsLike

if TYPE_CHECKING:
    from regions import Region

__all__ = ["keep_at", "keep_on"]


def _check_mask(mask: xr.DataArray) -> xr.DataArray:
    if mask.dtype != bool:
        raise XGammaError(
            f"The exclusion mask has dtype {mask.dtype}, but must be boolean, False where excluded: use ds.gamma.region_mask(regions, inside=False) or .astype(bool)."
        )
    extra = [str(d) for d in mask.dims if d not in ("energy", "y", "x")]
    if extra or not {"y", "x"} <= set(mask.dims):
        raise XGammaError(
            f"The exclusion mask has the dimensions ({', '.join(map(str, mask.dims))}), but must be a map over y and x (and energy)."
        )
    return mask


def _same_grid(ds: xr.Dataset, mask: xr.DataArray) -> bool:
    """Return whether the pixels of a mask fall on those of a map."""
    index = FrameIndex(ds.coords["wcs"].attrs)
    if not index.equals(FrameIndex(mask.coords["wcs"].attrs)):
        return False
    for dim in ("y", "x"):
        step = sky.label_step(ds, dim)
        shift = (float(mask[dim].values[0]) - float(ds[dim].values[0])) / step
        if sky.label_step(mask, dim) != step or abs(shift - round(shift)) > 1e-6:
            return False
    return True


def _pick(mask: xr.DataArray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the mask at labels (last axes of the result); True outside it."""
    keep = np.ones(np.shape(x), dtype=bool)
    picks = []
    for dim, at in (("y", y), ("x", x)):
        labels = mask[dim].values
        with np.errstate(invalid="ignore"):
            position = np.floor((at - labels[0]) / sky.label_step(mask, dim) + 0.5)
            keep &= (position >= 0) & (position < labels.size)
        picks.append(np.where(keep, np.nan_to_num(position), 0).astype(int))
    values = mask.transpose(..., "y", "x").values
    iy, ix = (np.where(keep, p, 0) for p in picks)
    return np.where(keep, values[..., iy, ix], True)


def _parts(region: Region) -> list[Any]:
    """Return the regions that a union joins, else the region alone."""
    if getattr(region, "operator", None) is not operator.or_:
        return [region]
    return [part for half in (region.region1, region.region2) for part in _parts(half)]


def excluded_regions(exclusion: RegionsLike) -> list[Any]:
    """Return regions to exclude, which must be areas on the sky.

    Raises
    ------
    XGammaError
        If one is in pixels, of which no image is known here, or a point.
    """
    regions = [one for region in parse_regions(exclusion) for one in _parts(region)]
    for region in regions:
        kind = type(region).__name__
        if not hasattr(region, "to_pixel"):
            raise XGammaError(
                f"The {kind} to exclude is in pixels of an unknown image: give a region on the "
                "sky, for example 'icrs;circle(83.63, 22.01, 0.3)'."
            )
        if kind.startswith("Compound"):
            raise XGammaError(
                "Regions to exclude are joined by '|' or given as a list; for other "
                "combinations, create a mask with ds.gamma.region_mask(region, inside=False)."
            )
        if kind == "PointSkyRegion":
            raise XGammaError(
                "A point has no area and excludes nothing: give a circle around it, for "
                "example 'icrs;circle(83.63, 22.01, 0.3)'."
            )
    return regions


def keep_on(ds: xr.Dataset, exclusion: ExclusionLike) -> xr.Variable | None:
    """Return an exclusion mask on the pixels of a map.

    Parameters
    ----------
    ds : Dataset
        A map.
    exclusion : DataArray, regions, DS9 text or path of a .reg file, optional
        A mask is False where excluded, on any frame and of any size: it is looked up at the
        pixel centres, and nothing is excluded outside it. Regions are what is excluded.

    Returns
    -------
    keep : Variable or None
        Dims ``(y, x)`` or ``(energy, y, x)``; none if nothing is excluded.

    Raises
    ------
    XGammaError
        If the mask is not boolean, or not a map, or a region is not an area on the sky.
    AxisError
        If it has other energies than the map.
    """
    if exclusion is None:
        return None
    if not isinstance(exclusion, xr.DataArray):
        return region_mask(ds, excluded_regions(exclusion), inside=False).variable
    mask = _check_mask(exclusion)
    if "energy" in mask.dims:
        if mask.sizes["energy"] == 1 and ds.sizes["energy"] != 1:
            mask = mask.isel(energy=0, drop=True)
        else:
            require_same_axis(ds, mask, "energy")
    if _same_grid(ds, mask):
        x, y = np.meshgrid(ds["x"].values, ds["y"].values)
    else:
        vectors = sky.pixel_vectors(ds)
        x, y = _labels_of(mask, vectors, frame_of(ds))
    dims = ("energy", "y", "x") if "energy" in mask.dims else ("y", "x")
    return xr.Variable(dims, _pick(mask, x, y))


def _labels_of(mask: xr.DataArray, vectors: np.ndarray, frame: str) -> Any:
    own = frame_of(mask)
    if own != frame:
        matrix = sky.rotation_from_icrs(own) @ sky.rotation_from_icrs(frame).T
        vectors = np.tensordot(matrix, vectors, axes=1)
    return sky.lonlat_to_pix(mask, *sphere.vector_to_lonlat(vectors))


def keep_at(exclusion: ExclusionLike, vectors: np.ndarray, frame: str) -> np.ndarray:
    """Return an exclusion mask at positions.

    Parameters
    ----------
    exclusion : DataArray, regions, DS9 text or path of a .reg file, optional
        As in `keep_on`; of a mask over energy, what is kept at all energies.
    vectors : ndarray
        Unit vectors, shape (3, n).
    frame : str
        Frame of the vectors.

    Returns
    -------
    keep : ndarray of bool
        Shape (n,).
    """
    if exclusion is None:
        return np.ones(vectors.shape[1], dtype=bool)
    if isinstance(exclusion, xr.DataArray):
        mask = _check_mask(exclusion)
        if "energy" in mask.dims:
            mask = mask.all("energy")
        return _pick(mask, *_labels_of(mask, vectors, frame))
    keep = np.ones(vectors.shape[1], dtype=bool)
    for region in excluded_regions(exclusion):
        own = frame_name(region)
        matrix = sky.rotation_from_icrs(own) @ sky.rotation_from_icrs(frame).T
        plane = plane_of(region)
        z = plane.project(matrix @ vectors)
        with np.errstate(invalid="ignore"):
            keep &= ~figure_of(region, plane).contains(z)
    return keep
