"""Where a region lies in the field of view of an observation, and its events."""

from __future__ import annotations

import functools

import numpy as np
import xarray as xr

from xgamma.dl3 import observation
from xgamma.errors import MissingDataError, XGammaError
from xgamma.makers.counts import event_columns
from xgamma.makers.field import Field
from xgamma.makers.rad_max import fixed_rad_max, rad_max_at
from xgamma.model import figure, sky
from xgamma.model.frame import frame_of
from xgamma.numerics import sphere

__all__ = ["RegionField"]


class RegionField(Field):
    """The geometry that the makers of one run on one region share: a row of positions.

    Parameters
    ----------
    ds : Dataset
        Spectrum dataset, with the coordinate ``region``.
    obs : DataTree
        Observation.
    use_region_center : bool
        Whether responses are taken at the centre of the region, or averaged over it.
    """

    def __init__(self, ds: xr.Dataset, obs: xr.DataTree, use_region_center: bool = True):
        super().__init__(ds, obs)
        if "region" not in ds.coords:
            raise MissingDataError(
                "The spectrum has no coordinate 'region': create it with xg.create_spectrum(region, ...)."
            )
        self.use_region_center = use_region_center

    @functools.cached_property
    def region(self) -> object:
        """On region."""
        return figure.one_region(str(self.ds.coords["region"].values))

    @functools.cached_property
    def region_frame(self) -> str:
        """Frame of the region."""
        return figure.frame_name(self.region)

    @functools.cached_property
    def _points(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Vectors in the frame of the map, weights that sum to one, solid angles."""
        total = figure.region_solid_angle(self.region)
        if self.use_region_center or figure.is_point(self.region):
            vectors, share = figure.center_vector(self.region)[:, np.newaxis], np.ones(1)
        else:
            vectors, share = figure.region_points(self.region)
        own = frame_of(self.ds)
        if own != self.region_frame:
            matrix = sky.rotation_from_icrs(own) @ sky.rotation_from_icrs(self.region_frame).T
            vectors = matrix @ vectors
        weights = share / share.sum()
        return vectors, weights, weights * total

    def vectors(self, irf: bool = False) -> np.ndarray:
        """Return unit vectors of the positions, shape (3, n), in the frame of the dataset."""
        return self._points[0]

    @property
    def weights(self) -> np.ndarray:
        """Part of the region that each position stands for; they sum to one."""
        return self._points[1]

    @functools.cached_property
    def solid_angle(self) -> np.ndarray:
        """Solid angle that each position stands for, sr."""
        return self._points[2]

    @functools.cached_property
    def offset_irf(self) -> np.ndarray:
        """Angle from the pointing of each position, degrees."""
        return self.offset

    @functools.cached_property
    def center_offset(self) -> float:
        """Angle of the centre of the region from the pointing, degrees."""
        vector = figure.center_vector(self.region)[:, np.newaxis]
        return float(sphere.separation(vector, self.pointing_in_region_frame)[0])

    @functools.cached_property
    def pointing_in_region_frame(self) -> np.ndarray:
        """Unit vector towards the pointing, in the frame of the region."""
        vector = sphere.lonlat_to_vector(self.pointing.ra.deg, self.pointing.dec.deg)
        values: np.ndarray = sky.rotation_from_icrs(self.region_frame) @ vector
        return values

    @property
    def shape(self) -> tuple[int, int]:
        """Return (1, n)."""
        return 1, self.weights.size

    @property
    def shape_irf(self) -> tuple[int, int]:
        """Return (1, n)."""
        return self.shape

    @functools.cached_property
    def events(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Unit vectors (3, n) in the frame of the region, energies in TeV, and energy bins (-1 outside)."""
        ra, dec, energy = event_columns(self.obs)
        edges = self.energy_edges
        number = np.searchsorted(edges, energy, side="right") - 1
        inside = (number >= 0) & (number < edges.size - 1)
        vectors = figure.vectors_in_frame(ra[inside], dec[inside], self.region_frame)
        return vectors, energy[inside], number[inside]

    def histogram(self, chosen: np.ndarray) -> np.ndarray:
        """Return the chosen ones of `events` in bins of energy, int64."""
        n = self.energy_edges.size - 1
        return np.bincount(self.events[2][chosen], minlength=n).astype(np.int64)

    def radius_of_events(self) -> np.ndarray:
        """Return the energy-dependent radius of the region for each event, degrees."""
        return rad_max_at(self.obs, self.events[1], self.center_offset)

    def check_point_like(self) -> None:
        """Raise if responses made for a cut are used with another region than that cut.

        Raises
        ------
        XGammaError
            Names the region and the radius to use.
        """
        if figure.is_point(self.region) or not observation.is_pointlike(self.obs):
            return
        if "rad_max" in self.obs.children:
            raise XGammaError(
                f"Run {observation.obs_id(self.obs)}: its responses are valid for the cuts of its RAD_MAX table only: use a point as region, for example 'icrs;point(83.63, 22.01)'."
            )
        fixed = fixed_rad_max(self.obs)
        if fixed is None:
            return
        region = f"is a {type(self.region).__name__}"
        if figure.is_circle(self.region):
            radius = float(self.region.radius.to_value("deg"))  # type: ignore[attr-defined]
            if abs(radius - fixed) <= 1e-3 * fixed:
                return
            region = f"has a radius of {radius:g} deg"
        raise XGammaError(
            f"Run {observation.obs_id(self.obs)}: its responses are valid for a circle of RAD_MAX = {fixed:g} deg only, but the region {region}: use a circle of that radius, or a point."
        )
