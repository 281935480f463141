"""Reflected regions: off counts from the on region turned around the pointing position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from astropy import units as u

from xgamma.background.region_finder import find_angles, finder_options, overlap
from xgamma.background.registry import BackgroundRecord
from xgamma.core import arguments
from xgamma.core.arguments import choice
from xgamma.core.defaults import (
    ANGLE_INCREMENT,
    MAX_REGION_NUMBER,
    MIN_DISTANCE,
    MIN_DISTANCE_INPUT,
    SCHEME,
    SCHEMES,
)
from xgamma.core.heavy import regions as rg
from xgamma.datasets.onoff import onoff_variables, reco_dims, safe, with_variables
from xgamma.dl3 import observation
from xgamma.errors import XGammaError, warn
from xgamma.makers.field import require_own_run
from xgamma.makers.rad_max import largest_rad_max
from xgamma.makers.region_field import RegionField
from xgamma.model import figure
from xgamma.model.operation import operation
from xgamma.model.regions import region_center
from xgamma.model.schema import require, variable_attrs
from xgamma.numerics import reflected, sphere
from xgamma.numerics.tangent import Figure, Plane
from xgamma.typing import AngleLike, ExclusionLike

if TYPE_CHECKING:
    from regions import SkyRegion

__all__ = ["reflected_background"]


def _check_region(field: RegionField, n_off_regions: int | None) -> tuple[Any, bool]:
    """Return the region to place, and whether it stands for energy-dependent circles."""
    region = field.region
    if not figure.is_point(region):
        return region, False
    low, high = field.energy_edges[0], field.energy_edges[-1]
    radius = largest_rad_max(field.obs, float(low), float(high), field.center_offset)
    if n_off_regions is not None:
        return region, True
    return rg.CircleSkyRegion(region_center(region), radius * u.deg), True


def _off_counts(
    field: RegionField, region: SkyRegion, angles: list[float], plane: Plane, energy_dependent: bool
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
    return "none lies outside both the exclusion mask and the on region"


@operation
def reflected_background(
    ds: xr.Dataset,
    obs: xr.DataTree,
    *,
    exclusion: ExclusionLike | None = None,
    angle_increment: AngleLike = ANGLE_INCREMENT,
    min_distance: AngleLike = MIN_DISTANCE,
    min_distance_input: AngleLike = MIN_DISTANCE_INPUT,
    max_region_number: int = MAX_REGION_NUMBER,
    n_off_regions: int | None = None,
    scheme: str = SCHEME,
) -> xr.Dataset:
    """Estimate the background of a spectrum from its region rotated around the pointing.

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
        Step by which a region that overlaps an exclusion is rotated further.
    min_distance, min_distance_input : Quantity or str
        Additional angles, seen from the pointing, between off regions, and beside the on region.
    max_region_number : int
        Largest number of off regions.
    n_off_regions : int, optional
        Number of off regions spread evenly over the circle (wobble observations) instead of side by
        side; excluded ones are left out, and none is used if they overlap.
    scheme : {"exact", "gammapy"}
        "exact" takes the area that the off regions cover together for the off acceptance.
        "gammapy" takes their number, as gammapy 2.1 does, to compare with it: where regions
        overlap the background is too low.

    Returns
    -------
    ds : Dataset
        On-off spectrum: ``counts_off``, ``acceptance`` 1, ``acceptance_off`` the area that the off
        regions cover together, in units of the on region, and the regions themselves as DS9 text in
        ``off_regions`` along ``obs``. Regions side by side may overlap by a pixel or two of 0.01
        deg: what is in two of them counts once, events and area alike. If there is none, every bin
        becomes unsafe, with a warning. `ds` is not modified.

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
    >>> ds.acceptance_off.values.round(3), len(ds.gamma.off_regions[0])
    (array([11.966, 11.966, 11.966, 11.966]), 12)
    """
    if "x" in ds.dims:
        raise XGammaError(
            "reflected_background requires a spectrum (xg.create_spectrum): for a map use ring_background."
        )
    require(ds, "counts")
    choice(scheme, "scheme", SCHEMES)
    obs = arguments.observation(obs)
    options = finder_options(angle_increment, min_distance, min_distance_input, max_region_number)
    if n_off_regions is not None:
        n_off_regions = arguments.whole(n_off_regions, "n_off_regions")
    require_own_run(ds, obs)
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
        angles = [] if overlap(around, angles) else angles
    counts_off = _off_counts(field, region, angles, plane, energy_dependent)
    texts = figure.turned_regions(field.region, plane, angles)
    on = figure.figure_of(region, plane)
    area = reflected.union_area(on, angles) if scheme == "exact" else float(len(angles))
    return _result(ds, field, counts_off, area, texts, n_off_regions)


def _result(
    ds: xr.Dataset,
    field: RegionField,
    counts_off: np.ndarray,
    area: float,
    texts: list[str],
    n_off: int | None,
) -> xr.Dataset:
    off = xr.Variable("energy", counts_off)
    variables = onoff_variables(ds, off, 1.0, area)
    variables["counts_off"].attrs["method"] = "reflected"
    if "obs" in ds.dims:
        row = np.array([";".join(texts)] * ds.sizes["obs"])
        variables["off_regions"] = xr.Variable("obs", row, variable_attrs("off_regions"))
    if not texts:
        warn(
            f"Run {observation.obs_id(field.obs)}: no off region was found ({_no_regions_reason(field, n_off)}). All its bins are masked."
        )
        mask = np.zeros_like(safe(ds).data)
        variables["mask_safe"] = xr.Variable(reco_dims(ds), mask, variable_attrs("mask_safe"))
    return with_variables(ds, variables)


REFLECTED = BackgroundRecord(
    "reflected",
    "Counts in the on region rotated around the pointing position.",
    reflected_background,
    kinds=("spectrum",),
    needs_run=True,
    safe_only=True,
)
