"""Reflected regions: off counts from the on region turned around the pointing position."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import xarray as xr

from xgamma.datasets.onoff import onoff_variables, reco_dims, safe, with_variables
from xgamma.dl3 import observation
from xgamma.errors import UnitError, XGammaError, XGammaWarning
from xgamma.makers import figure
from xgamma.makers.exclusion import keep_at
from xgamma.makers.rad_max import largest_rad_max
from xgamma.makers.region_field import RegionField
from xgamma.model import require, variable_attrs
from xgamma.numerics import reflected, sphere
from xgamma.numerics.tangent import Figure, Plane
from xgamma.units import to_value

__all__ = ["reflected_background", "reflected_regions"]

WIDTH_MARGIN = 0.3  # degrees, of the square in which exclusions are looked up


def _turn(value: Any, name: str, low: float, strict: bool = False) -> float:
    """Return an angle of rotation in radians.

    Raises
    ------
    UnitError
        If it has no unit, or one of another kind.
    XGammaError
        If it is not between 0 and a full turn.
    """
    if isinstance(value, (int, float, np.number)):
        raise UnitError(f"{name}={value!r} has no unit: write for example '{value} rad'.")
    radians = float(to_value(value, "rad", name))
    if not low <= radians < 2.0 * np.pi or (strict and radians <= low):
        raise XGammaError(f"{name}={value!r} must be a positive angle below a full turn.")
    return radians


def _finder_options(
    angle_increment: Any, min_distance: Any, min_distance_input: Any, max_region_number: int
) -> dict[str, Any]:
    if max_region_number < 1:
        raise XGammaError(f"max_region_number={max_region_number} must be at least one.")
    return {
        "increment": _turn(angle_increment, "angle_increment", 0.0, strict=True),
        "min_distance": _turn(min_distance, "min_distance", 0.0),
        "min_distance_input": _turn(min_distance_input, "min_distance_input", 0.0),
        "max_number": max_region_number,
    }


def _excluded(
    exclusion: Any, plane: Plane, frame: str, on: Figure, half: int, even: bool
) -> np.ndarray:
    """Return the pixels that an exclusion takes out of the annulus that the region sweeps."""
    if exclusion is None:
        return np.empty(0, dtype=complex)
    distance = abs(on.center)
    z = reflected.pixel_grid(half, even, distance - on.reach - 1.0, distance + on.reach + 1.0)
    return z[~keep_at(exclusion, plane.deproject(z), frame)]


def find_angles(
    region: Any,
    center: np.ndarray,
    exclusion: Any,
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
        size is that of the pixels in it, and neighbours may overlap by less than a pixel.
    binsz : float
        Pixels on which regions and exclusions are compared, degrees.

    Returns
    -------
    angles : list of float
        Radians.
    plane : Plane
        Around the pointing.
    """
    lon, lat = (float(v) for v in sphere.vector_to_lonlat(center))
    plane, frame = Plane(lon, lat, binsz), figure.frame_name(region)
    on = figure.figure_of(region, plane)
    if not np.isfinite(on.center):
        return [], plane
    # The distance on the sphere, as a width on the plane, sets the size of the square.
    separation = float(sphere.separation(plane.deproject(np.array([on.center])), center)[0])
    npix = round((4.0 * separation + WIDTH_MARGIN) / binsz)
    npix = max(npix, 2 * int(abs(on.center) + on.reach + 2))
    half, even = npix // 2, npix % 2 == 0
    excluded = _excluded(exclusion, plane, frame, on, half, even)
    if n_off_regions is not None:
        angles = reflected.wobble_angles(on, excluded, n_off_regions)
        return ([] if _overlap(on, angles) else angles), plane
    grid = reflected.pixel_grid(
        half, even, abs(on.center) - on.reach - 1.0, abs(on.center) + on.reach + 1.0
    )
    inside = grid[on.contains(grid)]
    if inside.size == 0 or on.contains(np.zeros(1, dtype=complex))[0]:
        return [], plane
    size = reflected.angular_size(inside)
    if energy_dependent and on.radius is not None:
        size = 2.0 * float(np.arcsin(min(on.radius / abs(on.center), 1.0)))
    return reflected.reflected_angles(on, size, excluded, **options), plane


def _overlap(on: Figure, angles: list[float]) -> bool:
    """Tell whether turned figures meet each other, or the on region."""
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


def _check_region(field: RegionField, n_off_regions: int | None) -> tuple[Any, bool]:
    """Return the region to place, and whether it stands for energy-dependent circles."""
    region = field.region
    if not figure.is_point(region):
        return region, False
    low, high = field.energy_edges[0], field.energy_edges[-1]
    radius = largest_rad_max(field.obs, float(low), float(high), field.center_offset)
    if n_off_regions is not None:
        return region, True
    from astropy import units as u
    from regions import CircleSkyRegion

    return CircleSkyRegion(figure.region_center(region), radius * u.deg), True


def _off_counts(
    field: RegionField, region: Any, angles: list[float], plane: Plane, energy_dependent: bool
) -> np.ndarray:
    """Return the counts in all off regions, int64; an event in two regions counts once."""
    vectors = field.events[0]
    on = figure.figure_of(region, plane)
    if energy_dependent:
        centers = plane.deproject(on.center * np.exp(1j * np.array(angles)))
        radius = field.radius_of_events()
        total = np.zeros(field.energy_edges.size - 1, dtype=np.int64)
        for k in range(len(angles)):
            total += field.histogram(sphere.separation(vectors, centers[:, k]) <= radius)
        return total
    with np.errstate(invalid="ignore"):
        z = plane.project(vectors)
        near = np.flatnonzero(np.abs(np.abs(z) - abs(on.center)) <= on.reach + 1.0)
    z = z[near]
    inside = np.zeros(z.size, dtype=bool)
    for angle in angles:
        inside |= on.contains(reflected.turned(z, angle))
    return field.histogram(near[inside])


def _no_regions_reason(field: RegionField, n_off: int | None) -> str:
    if field.center_offset < 1e-6:
        return "the on region lies at the pointing position"
    if field.center_offset > 89.0:
        return "the on region lies on the other side of the sky"
    if n_off is not None:
        return f"{n_off} off regions overlap, or all are excluded"
    return "none lies outside the exclusion mask and beside the on region"


def reflected_regions(
    region: Any,
    pointing: Any,
    exclusion: Any = None,
    angle_increment: Any = "0.1 rad",
    min_distance: Any = "0 rad",
    min_distance_input: Any = "0.1 rad",
    max_region_number: int = 10000,
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
        Off regions, counter-clockwise from the on region; empty if there is no place.

    Raises
    ------
    UnitError, XGammaError
        If an option is not usable.

    Examples
    --------
    >>> len(reflected_regions("icrs;circle(83.63, 22.01, 0.11)", (83.63, 22.51)))
    12
    """
    from xgamma.regions import parse_regions
    from xgamma.units import position

    options = _finder_options(angle_increment, min_distance, min_distance_input, max_region_number)
    one = figure.one_region(region)
    if figure.is_point(one) and n_off_regions is None:
        raise XGammaError("A point has no size to place side by side: give n_off_regions=.")
    center = position(pointing).transform_to(figure.frame_name(one))
    vector = sphere.lonlat_to_vector(center.spherical.lon.deg, center.spherical.lat.deg)
    angles, plane = find_angles(one, vector, exclusion, n_off_regions, options)
    return [parse_regions(text)[0] for text in figure.turned_regions(one, plane, angles)]


def reflected_background(
    ds: xr.Dataset,
    obs: xr.DataTree,
    *,
    exclusion: Any = None,
    angle_increment: Any = "0.1 rad",
    min_distance: Any = "0 rad",
    min_distance_input: Any = "0.1 rad",
    max_region_number: int = 10000,
    n_off_regions: int | None = None,
) -> xr.Dataset:
    """Take the background of a spectrum from its region turned around the pointing position.

    Parameters
    ----------
    ds : Dataset
        Spectrum, filled with that run. Its region is a circle, ellipse, rectangle, polygon, or
        a point, for which the RAD_MAX table of the run gives the radius at each energy.
    obs : DataTree
        The run.
    exclusion : DataArray, regions, DS9 text or path of a .reg file, optional
        A mask that is False where there may be a signal (any frame, any size), or the regions
        to leave out.
    angle_increment : Quantity or str
        Step by which a region is turned on where it meets an exclusion.
    min_distance, min_distance_input : Quantity or str
        Additional angles, seen from the pointing, between off regions, and beside the on region.
    max_region_number : int
        Largest number of off regions.
    n_off_regions : int, optional
        Spread so many evenly over the circle (wobble observations) instead of side by side;
        excluded ones are left out, and none is used if they overlap.

    Returns
    -------
    ds : Dataset
        On-off spectrum: ``counts_off``, ``acceptance`` 1, ``acceptance_off`` the number of
        off regions, and the regions themselves as DS9 text in ``off_regions`` along ``obs``.
        If there is none, every bin becomes unsafe, with a warning. `ds` stays as it was.

    Raises
    ------
    UnitError
        If an angle has no unit.
    XGammaError
        If `ds` is not a spectrum, an option is not usable, or the region does not fit the
        responses.
    MissingDataError
        If there are no counts, or no RAD_MAX for a point.

    References
    ----------
    Berge, Funk & Hinton (2007), A&A 466, 1219.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> obs = simulate_observation("83.63d 22.51d", seed=0)
    >>> empty = xg.create_spectrum("icrs;circle(83.63, 22.01, 0.11)", xg.energy_axis(1, 10, 4))
    >>> ds = empty.gamma.fill(obs, select=["counts"]).gamma.reflected_background(obs)
    >>> ds.acceptance_off.values
    array([12., 12., 12., 12.])
    """
    if "x" in ds.dims:
        raise XGammaError(
            "reflected_background needs a spectrum (xg.create_spectrum): for a map use ring_background."
        )
    require(ds, "counts")
    options = _finder_options(angle_increment, min_distance, min_distance_input, max_region_number)
    if n_off_regions is not None and n_off_regions < 1:
        raise XGammaError(f"n_off_regions={n_off_regions} must be at least one.")
    field = RegionField(ds, obs)
    field.check_point_like()
    region, energy_dependent = _check_region(field, n_off_regions)
    angles, plane = find_angles(
        region, field.pointing_in_region_frame, exclusion, n_off_regions, options, energy_dependent
    )
    if energy_dependent and n_off_regions is not None:
        low, high = (float(field.energy_edges[i]) for i in (0, -1))
        radius = largest_rad_max(obs, low, high, field.center_offset)
        around = Figure.circle(figure.figure_of(region, plane).center, radius / plane.step)
        angles = [] if _overlap(around, angles) else angles
    counts_off = _off_counts(field, region, angles, plane, energy_dependent)
    texts = figure.turned_regions(field.region, plane, angles)
    return _result(ds, field, counts_off, texts, n_off_regions)


def _result(
    ds: xr.Dataset,
    field: RegionField,
    counts_off: np.ndarray,
    texts: list[str],
    n_off: int | None,
) -> xr.Dataset:
    off = xr.Variable("energy", counts_off)
    variables = onoff_variables(ds, off, 1.0, float(len(texts)))
    variables["counts_off"].attrs["method"] = "reflected"
    if "obs" in ds.dims:
        row = np.array([";".join(texts)] * ds.sizes["obs"])
        variables["off_regions"] = xr.Variable("obs", row, variable_attrs("off_regions"))
    if not texts:
        warnings.warn(
            f"Run {observation.obs_id(field.obs)}: no off region was found ({_no_regions_reason(field, n_off)}). All its bins are masked.",
            XGammaWarning,
            stacklevel=3,
        )
        mask = np.zeros_like(safe(ds).data)
        variables["mask_safe"] = xr.Variable(reco_dims(ds), mask, variable_attrs("mask_safe"))
    return with_variables(ds, variables)
