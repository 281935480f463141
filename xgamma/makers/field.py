"""Positions of the pixels of a map in the field of view of an observation."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.dl3 import observation
from xgamma.errors import MissingDataError, XGammaError, warn
from xgamma.model import sky
from xgamma.model.axes import centers_in, edges_in
from xgamma.model.frame import frame_of
from xgamma.model.responses import response
from xgamma.numerics import sphere
from xgamma.numerics.interpolation import Axis

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = ["Field"]


class Field:
    """The geometry that all makers of one run on one map share, each part found once.

    Parameters
    ----------
    ds : Dataset
        Template, cutout, or dataset to fill.
    obs : DataTree
        Observation.
    offset_limit : float, optional
        Offset in degrees beyond which nothing is computed and maps stay zero: what a mask
        will hide need not be found first.
    """

    def __init__(self, ds: xr.Dataset, obs: xr.DataTree, offset_limit: float | None = None):
        if "energy" not in ds.dims:
            raise MissingDataError(
                "The template has no energy axis, so nothing can be filled: pass energy=xg.energy_axis(...) to create_map."
            )
        self.ds, self.obs, self.offset_limit = ds, obs, offset_limit
        # What one maker found and another needs too.
        self.kept: dict[str, Any] = {}

    @functools.cached_property
    def pointing(self) -> SkyCoord:
        """Pointing position, ICRS."""
        return observation.pointing(self.obs)

    def response(self, group: str) -> xr.Dataset:
        """Return a response of the observation, looked up once."""
        if group not in self.kept:
            self.kept[group] = response(self.obs, group)
        found: xr.Dataset = self.kept[group]
        return found

    @functools.cached_property
    def ontime(self) -> float:
        """Sum of the good time intervals, seconds."""
        return observation.ontime(self.obs)

    @functools.cached_property
    def livetime(self) -> float:
        """Ontime corrected for dead time and phase cuts, seconds."""
        return observation.livetime(self.obs)

    @functools.cached_property
    def basis(self) -> np.ndarray:
        """Rows towards the pointing, east, north (ICRS), as vectors in the map's frame."""
        lon, lat = sky.degrees_of(self.pointing)
        icrs = sphere.offset_basis(float(lon), float(lat))
        values: np.ndarray = icrs @ sky.rotation_from_icrs(frame_of(self.ds)).T
        return values

    def vectors(self, irf: bool = False) -> np.ndarray:
        """Return unit vectors of the pixels, shape (3, n), in the map's frame."""
        return sky.pixel_vectors(self.ds, irf).reshape(3, -1)

    @functools.cached_property
    def offset(self) -> np.ndarray:
        """Angle from the pointing of each pixel, degrees, shape (n,); NaN off the sky."""
        return self._limited(sphere.separation(self.vectors(), self.basis[0]), 0.0)

    @functools.cached_property
    def offset_irf(self) -> np.ndarray:
        """The same on the coarse grid."""
        # A coarse pixel is used when any fine pixel around its centre is.
        margin = 2.0 * max(sky.pixel_scale(self.ds))
        return self._limited(sphere.separation(self.vectors(irf=True), self.basis[0]), margin)

    def _limited(self, offset: np.ndarray, margin: float) -> np.ndarray:
        if self.offset_limit is not None:
            offset[offset > self.offset_limit + margin] = np.nan
        return offset

    @functools.cached_property
    def used(self) -> np.ndarray | slice:
        """Numbers of the pixels to compute: all, or those within the offset limit."""
        if self.offset_limit is None:
            return slice(None)
        return np.flatnonzero(np.isfinite(self.offset))

    def detector(self, basis: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return field-of-view coordinates (detx, dety) of the pixels in use, degrees.

        GADF's field-of-view longitude grows to the west (or towards smaller azimuth), so it
        is minus the eastward offset.
        """
        east, north = sphere.offset_coordinates(
            self.vectors()[:, self.used], self.basis if basis is None else basis
        )
        return -east, north

    @functools.cached_property
    def solid_angle(self) -> np.ndarray:
        """Solid angle of each pixel, sr, shape (n,)."""
        return sky.pixel_solid_angle(self.ds).ravel()

    @functools.cached_property
    def energy_true(self) -> np.ndarray:
        """Centres of the true-energy axis, TeV."""
        return centers_in(self.ds, "energy_true", "TeV")

    @functools.cached_property
    def energy_edges(self) -> np.ndarray:
        """Edges of the reconstructed-energy axis, TeV."""
        return edges_in(self.ds, "energy", "TeV")

    @property
    def shape(self) -> tuple[int, int]:
        """Return (ny, nx)."""
        return self.ds.sizes["y"], self.ds.sizes["x"]

    @property
    def shape_irf(self) -> tuple[int, int]:
        """Return (ny, nx) of the coarse grid."""
        return self.ds.sizes["y_irf"], self.ds.sizes["x_irf"]

    def cube(self, flat: np.ndarray, irf: bool = False) -> np.ndarray:
        """Turn values of shape (n, ...) into a view of shape (..., ny, nx)."""
        ny, nx = self.shape_irf if irf else self.shape
        values = flat.reshape(ny, nx, *flat.shape[1:])
        return np.moveaxis(values, (0, 1), (-2, -1))


def require_time(field: Field) -> None:
    """Raise unless the observation has some good time."""
    if not field.ontime > 0:
        raise XGammaError(
            f"Run {observation.obs_id(field.obs)} has no good time interval, and hence neither exposure nor background: remove it from the list, or relax the time selection."
        )


def require_own_run(ds: xr.Dataset, obs: xr.DataTree) -> None:
    """Raise unless the counts of a dataset are those of this run alone: its off counts are.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum; one without a row along ``obs`` is taken at its word.
    obs : DataTree
        Run.

    Raises
    ------
    XGammaError
        If the dataset holds several runs, or another one.
    """
    if "obs_id" not in ds:
        return
    own, run = np.atleast_1d(ds["obs_id"].values).tolist(), observation.obs_id(obs)
    if len(own) != 1 or str(own[0]) != str(run):
        raise XGammaError(
            f"The dataset contains {f'{len(own)} runs' if len(own) != 1 else f'run {own[0]}'}, so the off counts of run {run} alone do not match it: estimate the background run by run, then stack."
        )


def warn_outside(field: Field, name: str, axis: Axis, inside: np.ndarray) -> None:
    """Warn if no energy of the map lies in the range of a response: its map is then zero."""
    if inside.any():
        return
    warn(
        f"Run {observation.obs_id(field.obs)}: the {name} covers {axis.low:.4g} to {axis.high:.4g} TeV and no energy bin of the map lies inside, so it is zero: choose energies in that range."
    )
