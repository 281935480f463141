"""Predicted counts as gammapy 2.1 makes them, to compare with it: ``scheme="gammapy"``.

Each step differs from `xgamma.fitting.evaluator` in a way that shows in the counts; what
the differences are worth is listed in ``docs/science/prediction.md``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy import sparse

from xgamma.fitting.evaluator import Box, SourceTerm
from xgamma.fitting.region_term import RegionTerm, circle_radius
from xgamma.model import sky
from xgamma.modeling.spatial import Disk, PointSource
from xgamma.modeling.spatial_base import Shape
from xgamma.modeling.spectral import (
    LineSpectrum,
    PowerLaw,
    PowerLaw2,
)
from xgamma.modeling.spectral_norms import PowerLawNorm
from xgamma.modeling.spectrum_base import Spectrum
from xgamma.modeling.template_map import TemplateMap
from xgamma.modeling.temporal import LightCurve
from xgamma.modeling.temporal_laws import GeneralizedGaussianTemporal, SineTemporal
from xgamma.modeling.time_profile import TimeProfile
from xgamma.numerics import convolution, psf_kernels
from xgamma.numerics.psf_kernels import CONTAINMENT
from xgamma.numerics.shapes import edge_area
from xgamma.numerics.spectra import loglog_segments

if TYPE_CHECKING:
    from xgamma.fitting.compiled import Compiled

__all__ = ["GammapyRegionTerm", "GammapyTerm"]

# What gammapy 2.1 calls PSF_MAX_OVERSAMPLING, MAX_OVERSAMPLING, CUTOUT_MARGIN.
PSF_OVERSAMPLING, SHAPE_OVERSAMPLING, MARGIN = 4, 200, 0.1
POINTS_PER_DECADE = 100
TIMES = 100
SUMMED = (LightCurve, GeneralizedGaussianTemporal)
# Points of a shape evaluated at once: bounds the memory.
POINTS = 500_000
EXACT = (PowerLaw, PowerLawNorm, PowerLaw2, LineSpectrum)


class GammapyTerm(SourceTerm):
    """Counts of a `SkyModel`, each step as in gammapy 2.1.

    The exposure acts where photons are reconstructed, after the PSF; the PSF is centred on
    a pixel, sampled four times a side at most, and ends at the 99.9 % radius of its place;
    nothing comes from beyond the border of the map.
    """

    def _flux(self) -> np.ndarray:
        edges = self.data.true_edges
        flux = integral(self.model.spectral, edges[:-1], edges[1:])
        times = self._good_times()
        if times is None:
            return flux
        temporal, start, stop = times
        return flux * mean_factor(temporal, start, stop)

    def _point(self, y: float, x: float) -> tuple[np.ndarray, Box]:
        kernels = self._kernels(y, x)
        n, side = kernels.shape[:2]
        if not (np.isfinite(y) and np.isfinite(x)):
            return np.zeros((n, 0, 0)), (slice(0, 0), slice(0, 0))
        iy, ix = int(np.floor(y)), int(np.floor(x))
        image = np.zeros((n, side + 1, side + 1))
        for dy, dx in np.ndindex(2, 2):
            # Of the four pixels around the source those beyond the border are lost.
            if 0 <= iy + dy < self.data.shape[1] and 0 <= ix + dx < self.data.shape[2]:
                share = (1 - abs(y - iy - dy)) * (1 - abs(x - ix - dx))
                image[:, dy : dy + side, dx : dx + side] += share * kernels
        return self._exposed(*self._clip(image, iy - side // 2, ix - side // 2))

    def _extended(self, shape: Shape, y: float, x: float) -> tuple[np.ndarray, Box]:
        kernels = self._kernels(y, x)
        half = kernels.shape[1] // 2
        width = kernels.shape[1] if self.reco_psf is None else self._kernels_after(y, x).shape[1]
        rows, columns = self._cutout(shape, y, x, width)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return np.zeros((kernels.shape[0], 0, 0)), (slice(0, 0), slice(0, 0))
        share = self._share(shape, y, x, (rows, columns))
        image = np.broadcast_to(share, (kernels.shape[0], *share.shape[1:]))
        if half:
            image = np.maximum(convolution.convolve_full(share, kernels), 0.0)
            image = image[:, half : image.shape[1] - half, half : image.shape[2] - half]
        return self._exposed(image, (rows, columns))

    def _exposed(self, image: np.ndarray, box: Box) -> tuple[np.ndarray, Box]:
        """Multiply an image with the exposure of its own pixels."""
        if self.model.apply_irf["exposure"]:
            image = image * self.data.exposure[:, box[0], box[1]]
        return image, box

    def _scale(self) -> float:
        """Size of a pixel in degrees, the larger of the two."""
        return float(np.degrees(max(self.data.scale)))

    def _cutout(self, shape: Shape, y: float, x: float, side: int) -> Box:
        """Return the part of the map on which gammapy evaluates a shape."""
        if not np.isfinite(shape.extent):
            return slice(0, self.data.shape[1]), slice(0, self.data.shape[2])
        psf_width = side * self._scale() if self._has_psf() else 0.0
        radius = shape.half_width if isinstance(shape, TemplateMap) else shape.extent
        width = psf_width + 2 * (radius + MARGIN)
        sides = [odd(width / float(np.degrees(s))) for s in self.data.scale]
        return self._box(y, x, sides)

    def _has_psf(self) -> bool:
        return self.data.psf is not None or self.reco_psf is not None

    def _box(self, y: float, x: float, sides: list[int]) -> Box:
        """Return the pixels of a rectangle around a position that lie on the map."""
        if not (np.isfinite(y) and np.isfinite(x)):
            return slice(0, 0), slice(0, 0)
        found = []
        for at, side, n in zip((y, x), sides, self.data.shape[1:], strict=True):
            first = int(np.ceil(at - side / 2.0))
            low = min(max(first, 0), n)
            found.append(slice(low, min(max(first + side, low), n)))
        return found[0], found[1]

    def _share(self, shape: Shape, y: float, x: float, box: Box) -> np.ndarray:
        """Return the shape (1 or energy_true, y, x) integrated over the pixels of a box."""
        data, scale = self.data, self._scale()
        factor = 1
        if np.isfinite(shape.bin_size) and not isinstance(shape, TemplateMap):
            factor = SHAPE_OVERSAMPLING
            if shape.bin_size > 0:
                factor = min(int(np.ceil(scale / shape.bin_size)), SHAPE_OVERSAMPLING)
        inner = box
        if factor > 1:
            width = 2 * max(shape.extent, scale)
            sides = [int(np.rint(width / float(np.degrees(s)))) for s in data.scale]
            window = self._box(y, x, sides)
            inner = (overlap(window[0], box[0]), overlap(window[1], box[1]))
        rows, columns = inner
        width = columns.stop - columns.start
        n = data.true_energy.size if shape.energy_dependent else 1
        image = np.zeros((n, box[0].stop - box[0].start, box[1].stop - box[1].start))
        left = columns.start - box[1].start
        step = max(POINTS // max(width * factor**2, 1), 1)
        for first in range(rows.start, rows.stop, step):
            part = slice(first, min(first + step, rows.stop))
            values = self._brightness_at(shape, self._points(part, columns, factor))
            parts = values.reshape(n, part.stop - first, factor, width, factor)
            top = first - box[0].start
            image[:, top : top + parts.shape[1], left : left + width] = parts.mean(axis=(2, 4))
        pad = data.padding
        solid_angle = data.solid_angle[
            box[0].start + pad : box[0].stop + pad, box[1].start + pad : box[1].stop + pad
        ]
        found: np.ndarray = image * solid_angle
        return found

    def _points(self, rows: slice, columns: slice, factor: int) -> np.ndarray:
        """Return unit vectors (3, y, x) of the middles of `factor` parts a side of pixels."""
        pad = self.data.padding
        if factor == 1:
            shifted = (slice(p.start + pad, p.stop + pad) for p in (rows, columns))
            return self.data.vectors[:, *shifted]
        labels = {}
        for d, part, first, step in zip(
            ("y", "x"), (rows, columns), self.data.origin, self.data.label_step, strict=True
        ):
            count = (part.stop - part.start) * factor
            at = part.start - 0.5 + (np.arange(count) + 0.5) / factor
            labels[d] = (d, first + step * at, {"step": step / factor})
        grid = xr.Dataset(coords={**labels, "wcs": self.data.ds.coords["wcs"].variable})
        return sky.pixel_vectors(grid)

    def _brightness_at(self, shape: Shape, points: np.ndarray) -> np.ndarray:
        if isinstance(shape, TemplateMap):
            values = shape.as_gammapy(points, self.data.frame, self.data.true_energy)
        else:
            values = shape.on_points(points, self.data.frame)[None]
        if isinstance(shape, Disk):
            # In gammapy an edge adds to the area.
            values = values * edge_area(shape.edge_width.value)
        found: np.ndarray = np.nan_to_num(values)
        return found

    def _kernels(self, y: float, x: float) -> np.ndarray:
        data = self.data
        if data.psf is None or not self.model.apply_irf["psf"]:
            return np.ones((data.true_energy.size, 1, 1))
        return self._kernels_of(data, y, x)

    def _kernels_after(self, y: float, x: float) -> np.ndarray:
        assert self.reco_psf is not None
        return self._kernels_of(self.reco_psf, y, x)

    def _kernels_of(self, data: Compiled, y: float, x: float) -> np.ndarray:
        n = data.true_energy.size
        profile = psf_profile(data, y, x)
        scale = np.radians(self._scale())
        rings = data.rad_centers, data.rad_edges, data.rad_is_nodes
        wide, core = psf_kernels.listed_radii(profile, *rings, (CONTAINMENT, 0.68))
        own = data.gammapy_radii
        halves = np.array([odd(2 * r / scale) // 2 for r in (wide if own is None else own)])
        factors = [min(int(np.ceil(6 * scale / r)), PSF_OVERSAMPLING) for r in core]
        half = int(halves.max())
        kernels = np.zeros((n, 2 * half + 1, 2 * half + 1))
        centers = tuple(data.rad_centers)
        # gammapy makes a kernel for as many energies as the PSF has: those beyond have none.
        for i in range(min(n, halves.size)):
            weights = kernel_weights(int(halves[i]), factors[i], data.scale, centers)
            side = 2 * halves[i] + 1
            image = np.maximum(weights @ np.maximum(profile[i], 0.0), 0.0).reshape(side, side)
            gap = half - halves[i]
            kernels[i, gap : gap + side, gap : gap + side] = image
        total = kernels.sum(axis=(1, 2), keepdims=True)
        return kernels / np.where(total > 0, total, 1.0)


class GammapyRegionTerm(RegionTerm):
    """Counts of a `SkyModel` in a spectrum as in gammapy 2.1.

    Without a PSF everything counts fully, wherever it is; with one a point counts as if it
    were in the middle of a circle.
    """

    _flux = GammapyTerm._flux

    def _region_share(self) -> np.ndarray:
        shape = self.model.spatial
        if self.data.psf is None or shape is None or not self._regions:
            return np.ones(self.data.true_energy.size)
        radius = circle_radius(self._regions)
        if isinstance(shape, PointSource) and radius is not None:
            return self.data.containment(radius)
        return super()._region_share()


def odd(size: float) -> int:
    """Return the odd number of pixels that gammapy takes for a size."""
    return int(np.ceil(size) // 2 * 2 + 1)


def overlap(first: slice, second: slice) -> slice:
    """Return what two slices have in common."""
    start = max(first.start, second.start)
    return slice(start, max(min(first.stop, second.stop), start))


@lru_cache(maxsize=64)
def kernel_weights(
    half: int, factor: int, scale: tuple[float, float], centers: tuple[float, ...]
) -> sparse.csr_array:
    """Return the matrix that turns a profile into a kernel, kept for the next position."""
    return psf_kernels.kernel_weights(half, factor, scale, np.array(centers), np.inf)


def psf_profile(data: Compiled, y: float, x: float) -> np.ndarray:
    """Return the PSF (energy_true, rad) at a pixel, between all nodes, and straight beyond them."""
    psf = data.psf
    assert psf is not None
    if psf.shape[-2:] == (1, 1):
        return np.asarray(psf[..., 0, 0])
    label = data.label(y, x)
    valid = data.valid["psf"]
    at = []
    for value, labels in zip(label, data.irf_labels, strict=True):
        step = labels[1] - labels[0] if labels.size > 1 else 1.0
        at.append((value - labels[0]) / step)
    size = psf.shape[-2:]
    valid = np.ones(size, dtype=bool) if valid is None or not valid.any() else valid
    near = [int(np.rint(a)) for a in at]
    inside = all(0 <= i < n for i, n in zip(near, size, strict=True))
    if not (inside and valid[near[0], near[1]]):
        good = np.argwhere(valid)
        at = [float(i) for i in good[np.argmin(((good - np.array(at)) ** 2).sum(axis=1))]]
    lows = [int(np.clip(np.floor(a), 0, max(n - 2, 0))) for a, n in zip(at, size, strict=True)]
    ty, tx = (a - low if n > 1 else 0.0 for a, low, n in zip(at, lows, size, strict=True))
    rows, columns = (np.minimum([low, low + 1], n - 1) for low, n in zip(lows, size, strict=True))
    near_psf = psf[..., rows[:, None], columns]
    return np.asarray(near_psf @ np.array([1 - tx, tx]) @ np.array([1 - ty, ty]))


def integral(spectrum: Spectrum, emin: np.ndarray, emax: np.ndarray) -> np.ndarray:
    """Integrate a spectrum over bins: power laws exactly, others by trapezoids in logarithms."""
    if isinstance(spectrum, EXACT):
        return spectrum.kernel_integral(emin, emax)
    number = max(int(np.max(POINTS_PER_DECADE * np.log10(emax / emin))), 2)
    energy = np.geomspace(emin, emax, num=number, axis=-1)
    values: np.ndarray = loglog_segments(spectrum.kernel(energy), energy).sum(axis=-1)
    return values


def mean_factor(profile: TimeProfile, start: np.ndarray, stop: np.ndarray) -> float:
    """Return the mean of a time profile; some are summed over 100 times an interval."""
    if isinstance(profile, SineTemporal):
        # gammapy has -sin where the integral of a sine, -cos, belongs.
        amp, omega, t_ref = profile.kernel_values()
        swing = np.sin(omega * (stop - t_ref)) - np.sin(omega * (start - t_ref))
        return float(np.sum(stop - start - amp / omega * swing) / np.sum(stop - start))
    if not isinstance(profile, SUMMED):
        return profile.kernel_mean(start, stop)
    times, steps = np.linspace(start, stop, TIMES, retstep=True, axis=-1)
    total = np.sum(np.sum(profile.kernel(times), axis=-1) * steps)
    return float(total / np.sum(stop - start))
