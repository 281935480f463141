"""Find off regions: the on region turned around the pointing position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xgamma.background.exclusion import keep_at
from xgamma.core.arguments import scalar, whole
from xgamma.core.defaults import (
    ANGLE_INCREMENT,
    MAX_REGION_NUMBER,
    MIN_DISTANCE,
    MIN_DISTANCE_INPUT,
)
from xgamma.core.units import position
from xgamma.errors import UnitError, XGammaError
from xgamma.model import figure
from xgamma.model.regions import parse_regions
from xgamma.numerics import reflected, sphere
from xgamma.numerics.tangent import Figure, Plane
from xgamma.typing import AngleLike, ExclusionLike, PositionLike, RegionLike

if TYPE_CHECKING:
    from regions import SkyRegion

__all__ = ["find_angles", "reflected_regions"]

WIDTH_MARGIN = 0.3  # degrees, of the square in which exclusions are looked up
# A region seen under fewer pixels than this is looked at on finer ones: below two, more than
# neighbours could overlap.
NARROWEST = 4.0
FINEST = 10  # times that pixels are halved, to 0.07 arcsec


def _turn(value: AngleLike, name: str, low: float, strict: bool = False) -> float:
    """Return an angle of rotation in radians.

    Raises
    ------
    UnitError
        If it has no unit, or one of another kind.
    XGammaError
        If it is not between 0 and a full turn.
    """
    if isinstance(value, (int, float, np.number)):
        raise UnitError(f"{name}={value!r} has no unit: use for example '{value} rad'.")
    radians = scalar(value, "rad", name)
    if not low <= radians < 2.0 * np.pi or (strict and radians <= low):
        raise XGammaError(f"{name}={value!r} must be a positive angle below a full turn.")
    return radians


def finder_options(
    angle_increment: AngleLike,
    min_distance: AngleLike,
    min_distance_input: AngleLike,
    max_region_number: int,
) -> dict[str, Any]:
    return {
        "increment": _turn(angle_increment, "angle_increment", 0.0, strict=True),
        "min_distance": _turn(min_distance, "min_distance", 0.0),
        "min_distance_input": _turn(min_distance_input, "min_distance_input", 0.0),
        "max_number": whole(max_region_number, "max_region_number"),
    }


def _excluded(
    exclusion: ExclusionLike, plane: Plane, frame: str, on: Figure, half: int, even: bool
) -> np.ndarray:
    """Return the pixels that an exclusion takes out of the annulus that the region sweeps."""
    if exclusion is None:
        return np.empty(0, dtype=complex)
    distance = abs(on.center)
    z = reflected.pixel_grid(half, even, distance - on.reach - 1.0, distance + on.reach + 1.0)
    values: np.ndarray = z[~keep_at(exclusion, plane.deproject(z), frame)]
    return values


def find_angles(
    region: SkyRegion,
    center: np.ndarray,
    exclusion: ExclusionLike,
    n_off_regions: int | None,
    options: dict[str, Any],
    energy_dependent: bool = False,
    binsz: float = figure.BINSZ,
) -> tuple[list[float], Plane]:
    """Return the angles by which a region is turned, and the plane on which.

    Parameters
    ----------
    region : SkyRegion
        On region.
    center : ndarray
        Unit vector of the pointing in the frame of the region.
    exclusion : DataArray or regions, optional
        See `reflected_background`.
    n_off_regions : int, optional
        Places spread evenly (wobble) instead of side by side.
    options : dict
        Of `numerics.reflected.reflected_angles`.
    energy_dependent : bool
        Whether the circle is the largest of several, so that it must be seen whole; else its
        size is that of the pixels in it, and neighbours may overlap by a pixel or two.
    binsz : float
        Pixels on which regions and exclusions are compared, degrees; halved until a region is
        seen under four of them.

    Returns
    -------
    angles : list of float
        Radians.
    plane : Plane
        Around the pointing.
    """
    lon, lat = (float(v) for v in sphere.vector_to_lonlat(center))
    frame = figure.frame_name(region)
    for _ in range(FINEST):
        plane = Plane(lon, lat, binsz)
        on = figure.figure_of(region, plane)
        if not np.isfinite(on.center):
            return [], plane
        half, even = _square(plane, on, center)
        if n_off_regions is None and on.contains(np.zeros(1, dtype=complex))[0]:
            return [], plane
        if n_off_regions is not None:
            excluded = _excluded(exclusion, plane, frame, on, half, even)
            angles = reflected.wobble_angles(on, excluded, n_off_regions)
            return ([] if overlap(on, angles) else angles), plane
        size = _size(on, half, even, energy_dependent)
        if size * abs(on.center) >= NARROWEST:
            break
        binsz *= 0.5
    if size == 0:
        return [], plane
    excluded = _excluded(exclusion, plane, frame, on, half, even)
    # Seen by its pixels a region is a little smaller than it is: it must not reach into the on
    # region, however small the distance asked for.
    beside = reflected.whole_size(on) - size - options["min_distance"]
    options = {**options, "min_distance_input": max(options["min_distance_input"], beside)}
    return reflected.reflected_angles(on, size, excluded, **options), plane


def _square(plane: Plane, on: Figure, center: np.ndarray) -> tuple[int, bool]:
    """Return half the pixels along a side of what is looked at, and whether they are even."""
    # The distance on the sphere, as a width on the plane, sets the size of the square.
    separation = float(sphere.separation(plane.deproject(np.array([on.center])), center)[0])
    npix = round((4.0 * separation + WIDTH_MARGIN) / plane.step)
    npix = max(npix, 2 * int(abs(on.center) + on.reach + 2))
    return npix // 2, npix % 2 == 0


def _size(on: Figure, half: int, even: bool, energy_dependent: bool) -> float:
    """Return the angle under which the pixels of a region are seen; zero if there are none."""
    if energy_dependent and on.radius is not None:
        return reflected.whole_size(on)
    grid = reflected.pixel_grid(
        half, even, abs(on.center) - on.reach - 1.0, abs(on.center) + on.reach + 1.0
    )
    inside = grid[on.contains(grid)]
    return reflected.angular_size(inside) if inside.size else 0.0


def overlap(on: Figure, angles: list[float]) -> bool:
    """Return whether turned figures meet each other, or the on region."""
    if on.radius == 0:
        return False
    places = np.sort(np.append(0.0, angles))
    gaps = np.diff(np.append(places, 2.0 * np.pi))
    if on.radius is not None:
        return bool(
            (2.0 * abs(on.center) * np.sin(0.5 * np.minimum(gaps, np.pi)) < 2.0 * on.radius).any()
        )
    line = np.arange(-on.reach, on.reach + 1.0)
    z = on.center + line[np.newaxis, :] + 1j * line[:, np.newaxis]
    inside = z[on.contains(z)]
    return any(bool(on.contains(inside * np.exp(1j * a)).any()) for a in np.unique(gaps.round(9)))


def reflected_regions(
    region: RegionLike,
    pointing: PositionLike,
    exclusion: ExclusionLike | None = None,
    angle_increment: AngleLike = ANGLE_INCREMENT,
    min_distance: AngleLike = MIN_DISTANCE,
    min_distance_input: AngleLike = MIN_DISTANCE_INPUT,
    max_region_number: int = MAX_REGION_NUMBER,
    n_off_regions: int | None = None,
) -> list[Any]:
    """Find off regions without an observation.

    Parameters
    ----------
    region : SkyRegion or DS9 text
        On region: circle, ellipse, rectangle, polygon, or (with `n_off_regions`) a point.
    pointing : SkyCoord, str or (lon, lat)
        Centre of rotation; strings and pairs are ICRS.
    exclusion, angle_increment, min_distance, min_distance_input, max_region_number, n_off_regions
        As in `reflected_background`.

    Returns
    -------
    regions : list of SkyRegion
        Off regions, counter-clockwise from the on region; empty if none fits.

    Raises
    ------
    UnitError, XGammaError
        If an option is invalid.

    Examples
    --------
    >>> len(reflected_regions("icrs;circle(83.63, 22.01, 0.11)", (83.63, 22.51)))
    12
    """
    options = finder_options(angle_increment, min_distance, min_distance_input, max_region_number)
    one = figure.one_region(region)
    if figure.is_point(one) and n_off_regions is None:
        raise XGammaError(
            "A point has no size from which to derive the number of off regions: give n_off_regions=."
        )
    center = position(pointing).transform_to(figure.frame_name(one))
    vector = sphere.lonlat_to_vector(center.spherical.lon.deg, center.spherical.lat.deg)
    angles, plane = find_angles(one, vector, exclusion, n_off_regions, options)
    return [parse_regions(text)[0] for text in figure.turned_regions(one, plane, angles)]
