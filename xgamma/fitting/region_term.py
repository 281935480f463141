"""Predicted counts of a source in the spectrum of a region: position and extent decide."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from astropy.coordinates import SkyCoord

from xgamma.fitting.compiled import Compiled
from xgamma.fitting.evaluator import SourceTerm
from xgamma.model.create import create_map
from xgamma.model.figure import is_point
from xgamma.model.regions import contains, parse_regions, pixel_region, region_center, region_mask
from xgamma.numerics import radial

if TYPE_CHECKING:
    from regions import Region

__all__ = ["RegionTerm"]

# Pixels across a region, parts of a pixel at its rim, and pixels across a PSF at most.
PIXELS, PARTS, PSF_PIXELS = 40, 10, 60


class RegionTerm(SourceTerm):
    """Counts of a `SkyModel` in a region: the share of its photons that is reconstructed inside.

    Where the exposure is corrected for the containment of a point in the middle (or made for it, as
    that of point-like responses), the share is that beside such a point.

    A point in a circle is a sum over the rings of the PSF; everything else is predicted on a
    small map of the region, and summed with the part of each pixel that lies inside.
    """

    def _region_share(self) -> np.ndarray:
        shape = self.model.spatial
        n = self.data.true_energy.size
        if shape is None or not self._regions:
            return np.ones(n)
        spread = self.data.psf is not None and self.model.apply_irf["psf"]
        if not self.is_point(shape):
            share = self._on_map()
            return share / self._held if spread else share
        if not spread:
            inside = contains(self._map.ds, self._regions, shape.position)
            return np.full(n, float(np.any(inside)))
        radius = circle_radius(self._regions)
        if radius is None:
            return self._on_map()
        values: np.ndarray = self._in_circle(shape.position, radius) / self._held
        return values

    @cached_property
    def _held(self) -> np.ndarray:
        """Containment of a point in the middle that the exposure holds already, per energy.

        One where it holds none: it is not corrected, the region is not a circle, or the PSF is zero.
        """
        attrs = self.data.ds["exposure"].attrs if "exposure" in self.data.ds else {}
        radius = circle_radius(self._regions)
        if radius is None or not (attrs.get("containment_correction") or attrs.get("pointlike")):
            return np.ones(self.data.true_energy.size)
        held = self._in_circle(region_center(self._regions), radius)
        return np.where(held > 0, held, 1.0)

    def _pixel_size(self) -> float:
        return float(np.degrees(min(self._map.scale)))

    @cached_property
    def _regions(self) -> list[Any]:
        """The regions of the spectrum; none if they are points, which have no extent."""
        if "region" not in self.data.ds.coords:
            return []
        regions = parse_regions(str(self.data.ds.coords["region"].item()))
        return [] if all(is_point(region) for region in regions) else regions

    def _in_circle(self, position: SkyCoord, radius: float) -> np.ndarray:
        """Share of the photons from a position, per energy, that end in a circle."""
        center = region_center(self._regions)
        distance = float(position.separation(center).rad)
        psf = self.data.psf
        assert psf is not None
        profile = np.maximum(psf.reshape(*psf.shape[:2], -1)[..., 0], 0.0)
        return radial.share_in_circle(profile, self.data.rad_edges, distance, radius)

    @cached_property
    def _map(self) -> Compiled:
        """A small map of the region, with the PSF of the spectrum."""
        ds = self.data.ds
        center = region_center(self._regions)
        frame = center.frame.name
        place = (center.spherical.lon.deg, center.spherical.lat.deg)
        probe = create_map(place, "1 deg", "0.01 deg", frame=frame, proj="TAN")
        half = max(reach(probe, region) for region in self._regions)
        size = 2.1 * half / PIXELS
        if self.data.psf is not None:
            size = max(size, float(np.degrees(self.data.rad_edges[-1])) * 2 / PSF_PIXELS)
        made = create_map(place, 2.1 * half, size, frame=frame, proj="TAN")
        names = ["energy", self.data.true_name, "rad"]
        axes = [f"{name}{end}" for name in names for end in ("", "_lo", "_hi")]
        made = made.assign_coords({a: ds.coords[a].variable for a in axes if a in ds.coords})
        if self.data.psf is not None:
            profile = self.data.psf.reshape(*self.data.psf.shape[:2], -1)[..., 0]
            made["psf"] = ((self.data.true_name, "rad"), profile, {"units": "sr-1"})
        return Compiled(made)

    @cached_property
    def _weights(self) -> np.ndarray:
        """Part of each pixel (y, x) of the small map that lies inside the region."""
        local = self._map
        labels = {
            d: (np.arange(n * PARTS) + 0.5) / PARTS - 0.5
            for d, n in zip(("y", "x"), local.shape[1:], strict=True)
        }
        coords = {d: (d, v, {"step": 1.0 / PARTS}) for d, v in labels.items()}
        fine = xr.Dataset(coords={**coords, "wcs": local.ds.coords["wcs"].variable})
        mask = region_mask(fine, self._regions).values.astype(float)
        ny, nx = local.shape[1:]
        values: np.ndarray = mask.reshape(ny, PARTS, nx, PARTS).mean(axis=(1, 3))
        return values

    def _on_map(self) -> np.ndarray:
        """Sum the source over the small map, with the part of each pixel inside."""
        model = copy.copy(self.model)
        model.apply_irf = {**self.model.apply_irf, "exposure": False}
        term = SourceTerm(self._map, model)
        term.update()
        values: np.ndarray = np.sum(term.response * self._weights[term.box], axis=(1, 2))
        return values


def circle_radius(regions: list[Any]) -> float | None:
    """Return the radius (radians) of a region that is one circle, or None."""
    radius = getattr(regions[0], "radius", None) if len(regions) == 1 else None
    return None if radius is None else float(radius.to_value("rad"))


def reach(probe: xr.Dataset, region: Region) -> float:
    """Return how far a region reaches from the middle of a map of 0.01 deg pixels, degrees."""
    box = pixel_region(probe, region).bounding_box
    middle = 0.5 * (probe.sizes["x"] - 1)
    ends = (box.ixmin - 1, box.ixmax, box.iymin - 1, box.iymax)
    value: float = 0.01 * max(abs(end - middle) for end in ends)
    return value
