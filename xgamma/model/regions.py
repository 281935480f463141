"""Regions of the sky: DS9 text in and out, and masks of the pixels inside."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from astropy.coordinates import SkyCoord

from xgamma.core.bounds import read_text
from xgamma.core.heavy import regions as rg
from xgamma.core.paths import file_path
from xgamma.core.reading import reading
from xgamma.errors import ArgumentTypeError, XGammaError
from xgamma.model import sky
from xgamma.model.frame import wcs_of
from xgamma.model.operation import operation
from xgamma.numerics import sphere
from xgamma.typing import LabelledLike, RegionsLike

if TYPE_CHECKING:
    from regions import PixCoord, Region, SkyRegion

__all__ = ["check_region", "parse_regions", "region_center", "region_mask", "region_text"]

# Attributes that place and size the shapes of the package regions.
SIZES = (
    "center",
    "vertices",
    "radius",
    "width",
    "height",
    "angle",
    "inner_radius",
    "outer_radius",
    "inner_width",
    "outer_width",
    "inner_height",
    "outer_height",
)


@functools.lru_cache(maxsize=128)
def _parse_text(text: str) -> tuple[SkyRegion, ...]:
    try:
        parsed = tuple(rg.Regions.parse(text, format="ds9"))
    except Exception as error:
        raise XGammaError(f"The region {text!r} cannot be parsed as DS9 text ({error}).") from None
    if not parsed:
        raise XGammaError(
            f"The region {text!r} contains no region: use for example 'icrs;circle(83.63, 22.01, 0.11)'."
        )
    for region in parsed:
        check_region(region)
    return parsed


def check_region(region: Region) -> None:
    """Raise if a region has no area that could be inside: NaN, two vertices, a line, a text.

    Parameters
    ----------
    region : Region
        A region on the sky or in pixels; a point passes.

    Raises
    ------
    XGammaError
        If a coordinate or size is not finite, a polygon has no area, the shape is a line or a
        text, or the region is negated (``-circle``), which means one thing in a mask and
        another in a list of exclusions.
    """
    kind = type(region).__name__
    for part in ("region1", "region2"):
        if hasattr(region, part):
            check_region(getattr(region, part))
    if kind.startswith(("Line", "Text")):
        raise XGammaError(
            f"The {kind} has no area, so nothing lies inside: use a region with an area."
        )
    if region.meta.get("include", True) in (False, "-"):
        raise XGammaError(
            f"The {kind} is negated ('-' before its name), which is not supported: give the "
            "region itself, with inside=False for its complement."
        )
    wrong = [name for name in SIZES if not _is_finite(getattr(region, name, 0.0))]
    if wrong:
        raise XGammaError(
            f"The {wrong[0]} of a {kind} is not finite, so nothing lies inside: correct the region."
        )
    if hasattr(region, "vertices") and _is_flat(region.vertices):
        raise XGammaError(
            f"The {kind} has "
            f"{region.vertices.size if hasattr(region.vertices, 'size') else len(region.vertices)} "
            "collinear vertices, so nothing lies inside: give three or more that enclose an "
            "area."
        )


def _plane(value: object) -> np.ndarray | None:
    """Return positions on the sky or in pixels as two rows of numbers, None for other values."""
    if hasattr(value, "spherical"):
        return np.array([value.spherical.lon.deg, value.spherical.lat.deg], dtype=float)
    if hasattr(value, "xy"):
        return np.array(value.xy, dtype=float)
    return None


def _is_finite(value: Any) -> bool:
    plane = _plane(value)
    return bool(np.isfinite(getattr(value, "value", value) if plane is None else plane).all())


def _is_flat(vertices: SkyCoord | PixCoord) -> bool:
    """Return whether vertices lie on one line, to a billionth of their extent."""
    if hasattr(vertices, "cartesian"):
        points = vertices.cartesian.xyz.value.T
    else:
        plane = _plane(vertices)
        assert plane is not None
        points = plane.T
    points = points.reshape(-1, points.shape[-1])
    if len(points) < 3:
        return True
    size = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(size[1] <= 1e-9 * max(size[0], np.finfo(float).tiny))


def parse_regions(regions: RegionsLike) -> list[SkyRegion]:
    """Return a list of regions from user input.

    Parameters
    ----------
    regions : Region, str, path of a DS9 file, or a list of these
        Sky regions, or pixel regions in the parent's pixel numbers. A union (``one | other``)
        is treated as a list of its parts.

    Returns
    -------
    regions : list of Region
        Parsed.

    Raises
    ------
    XGammaError
        If something is not a region, or nothing can lie inside of it (see `check_region`).

    Examples
    --------
    >>> len(parse_regions("galactic;circle(0, 0, 0.5)"))
    1
    """
    if isinstance(regions, (rg.CompoundSkyRegion, rg.CompoundPixelRegion)):
        if regions.operator is operator.or_:
            return [*parse_regions(regions.region1), *parse_regions(regions.region2)]
        return [regions]
    if isinstance(regions, rg.Region):
        check_region(regions)
        return [regions]
    if isinstance(regions, Path) or (isinstance(regions, str) and regions.endswith(".reg")):
        path = file_path(regions, "regions")
        if not path.is_file():
            raise XGammaError(f"The region file {str(path)!r} does not exist: check its path.")
        with reading(path):
            found = rg.Regions.parse(read_text(path), format="ds9")
        if not found:
            raise XGammaError(
                f"The region file {str(path)!r} contains no region: write lines such as icrs;circle(83.63, 22.01, 0.2)."
            )
        return [parsed for one in found for parsed in parse_regions(one)]
    if isinstance(regions, str):
        return list(_parse_text(regions))
    if isinstance(regions, (list, tuple, rg.Regions)):
        return [parsed for one in regions for parsed in parse_regions(one)]
    raise ArgumentTypeError(
        f"{type(regions).__name__} is not a region: give a regions.SkyRegion, DS9 text or a .reg file."
    )


def region_text(region: Region | Sequence[Region]) -> str:
    """Return one or more regions as one line of DS9 text.

    Examples
    --------
    >>> region_text("galactic;circle(0, 0, 0.5)")
    'galactic;circle(0.00000000,0.00000000,0.50000000)'
    """
    parsed = parse_regions(region)
    if any(hasattr(one, "region1") for one in parsed):
        raise XGammaError(
            "The region combines others by 'and' or 'xor', which DS9 text cannot express: give the regions one by one, or a union (one | other)."
        )
    text = rg.Regions(parsed).serialize(format="ds9", precision=8)
    lines = [line.strip() for line in text.splitlines() if line and not line.startswith("#")]
    return ";".join(part for part in lines if not part.startswith("global"))


def region_center(region: Region) -> SkyCoord:
    """Return the centre of a region (the mean of the centres of several).

    Examples
    --------
    >>> float(region_center("icrs;circle(83.63, 22.01, 0.11)").ra.deg)
    83.63
    """
    centers = [_one_center(r) for r in _parts(parse_regions(region))]
    if len(centers) == 1:
        return centers[0]
    vectors = np.mean([c.icrs.cartesian.xyz.value for c in centers], axis=0)
    lon, lat = sphere.vector_to_lonlat(vectors)
    return SkyCoord(float(lon), float(lat), unit="deg", frame="icrs").transform_to(centers[0].frame)


def _parts(parsed: list[Any]) -> list[Any]:
    """Return regions with those that combine others in their parts."""
    parts = []
    for one in parsed:
        parts += _parts([one.region1, one.region2]) if hasattr(one, "region1") else [one]
    return parts


def _one_center(region: Region) -> SkyCoord:
    if isinstance(region, rg.PixelRegion):
        raise XGammaError(
            f"The {type(region).__name__} is in pixels: give a region on the sky, for example 'icrs;circle(83.63, 22.01, 0.11)'."
        )
    if hasattr(region, "center"):
        return region.center
    vertices = region.vertices
    lon, lat = sphere.vector_to_lonlat(vertices.cartesian.xyz.value.mean(axis=1))
    return SkyCoord(float(lon), float(lat), unit="deg", frame=vertices.frame.name)


def pixel_region(obj: LabelledLike, region: Region) -> Any:
    """Return a region on the pixels of an object."""
    return region.to_pixel(wcs_of(obj)) if hasattr(region, "to_pixel") else region


@operation
def region_mask(obj: LabelledLike, regions: RegionsLike, inside: bool = True) -> xr.DataArray:
    """Return a mask of the pixels whose centre lies in any of the regions.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    regions : Region, str, path or list of these
        Regions. A point marks the pixel that contains it.
    inside : bool
        False returns the complement, an exclusion mask.

    Returns
    -------
    mask : DataArray
        Dims ``(y, x)``, bool. As in DS9, a region is a figure on the projected plane, so a
        circle's radius is scaled at its centre.

    Raises
    ------
    XGammaError
        If something is not a region.

    Examples
    --------
    >>> from xgamma.model.create import create_map
    >>> ds = create_map((0, 0), "1 deg", "0.1 deg")
    >>> int(region_mask(ds, "icrs;circle(0, 0, 0.3)").sum())
    32
    """
    x, y = sky.labels_of(obj)
    grid_x, grid_y = np.meshgrid(x, y)
    mask = np.zeros(grid_x.shape, dtype=bool)
    for region in parse_regions(regions):
        pixels = pixel_region(obj, region)
        if type(pixels).__name__ == "PointPixelRegion":
            half_x, half_y = sky.label_step(obj, "x") / 2, sky.label_step(obj, "y") / 2
            mask |= (np.abs(grid_x - pixels.center.x) <= half_x) & (
                np.abs(grid_y - pixels.center.y) <= half_y
            )
        else:
            mask |= pixels.contains(rg.PixCoord(grid_x, grid_y))
    return sky.label_map(
        obj, mask if inside else ~mask, False, "in region" if inside else "outside region", ""
    )


def contains(obj: LabelledLike, regions: RegionsLike, position: SkyCoord) -> np.ndarray:
    """Return which positions lie in any of the regions, on the plane of an object's frame.

    Parameters
    ----------
    obj : Dataset or DataArray
        An object with the coordinate ``wcs``.
    regions : Region, str, path or list of these
        Regions.
    position : SkyCoord
        Positions, any shape.

    Returns
    -------
    inside : ndarray of bool
        Shape of the positions.
    """
    x, y = sky.world_to_pix(obj, position)
    pix = rg.PixCoord(x, y)
    inside = np.zeros(np.shape(x), dtype=bool)
    for region in parse_regions(regions):
        inside |= np.asarray(pixel_region(obj, region).contains(pix), dtype=bool)
    return inside
