"""Predicted counts of one model on one compiled dataset, recomputing only what changed."""

from __future__ import annotations

import itertools
from typing import Any, TypeAlias

import numpy as np
from astropy.time import Time

from xgamma.errors import FrameError
from xgamma.fitting.compiled import Compiled
from xgamma.fitting.extended import Cloud
from xgamma.modeling.parameter import Component
from xgamma.modeling.sky_model import SkyModel, irf_switches
from xgamma.modeling.spatial import Gaussian, PointSource
from xgamma.modeling.spatial_base import Shape
from xgamma.modeling.template_map import TemplateMap
from xgamma.modeling.time_profile import TimeProfile
from xgamma.numerics.convolution import convolve_full, split_point

__all__ = ["Box", "SourceTerm", "component_key"]

Box: TypeAlias = tuple[slice, slice]
MAX_OVERSAMPLING = 200
# A Gaussian of more than WIDE pixels is sampled on the grid, one of less than NARROW is not.
NARROW, WIDE = 3.0, 5.0
SAMPLES_ALONE = 4
# A source smaller than this fraction of a pixel is a point.
POINT_LIKE = 1e-3


def component_key(component: Component | None) -> tuple[float, ...]:
    """Return what the value of a component depends on."""
    return () if component is None else component.kernel_values()


class SourceTerm:
    """Counts of a `SkyModel`.

    The chain is split where parameters act: position and shape give ``response``, the
    brightness times the exposure where the photons come from, convolved with the PSF
    (energy_true, y, x), on a box of the map; the spectrum gives ``flux`` (energy_true); the
    counts are their product through the dispersion. A changed parameter recomputes its own
    part only.

    Parameters
    ----------
    compiled : Compiled
        Dataset.
    model : SkyModel
        Model; its parameters are read at each `update`.
    """

    def __init__(self, compiled: Compiled, model: SkyModel) -> None:
        self.reco_psf = compiled.reco_psf if model.apply_irf.get("psf", True) else None
        if compiled.reco_psf is not None:
            compiled = compiled.without_psf
        self.data, self.model = compiled, model
        irf_switches(model.apply_irf, model.name)
        self.box: Box = (slice(0, compiled.shape[1]), slice(0, compiled.shape[2]))
        self.response = np.zeros((compiled.true_energy.size, 0, 0))
        self.npred = np.zeros((compiled.shape[0], 0, 0))
        self.edisp = np.zeros((compiled.true_energy.size, compiled.shape[0]))
        self.flux = np.zeros(compiled.true_energy.size)
        self._spatial_key: tuple[float, ...] | None = None
        self._spectral_key: tuple[float, ...] | None = None
        self._cloud = Cloud(compiled, model.apply_irf["psf"])

    def update(self) -> bool:
        """Bring `npred` and `box` up to date; return whether they changed."""
        spatial = component_key(self.model.spatial)
        spectral = component_key(self.model.spectral) + component_key(self.model.temporal)
        moved, recoloured = spatial != self._spatial_key, spectral != self._spectral_key
        if not moved and not recoloured:
            return False
        if moved:
            self._place()
        if recoloured:
            self.flux = self._flux()
        folded = self.flux[:, None] * self.edisp
        flat = self.response.reshape(self.response.shape[0], -1)
        self.npred = (folded.T @ flat).reshape(folded.shape[1], *self.response.shape[1:])
        if self.reco_psf is not None and self.npred.size:
            self.npred, self.box = self._spread(self.npred)
        self._spatial_key, self._spectral_key = spatial, spectral
        return True

    def _flux(self) -> np.ndarray:
        edges = self.data.true_edges
        flux = self.model.spectral.kernel_integral(edges[:-1], edges[1:])
        times = self._good_times()
        if times is None:
            return flux
        temporal, start, stop = times
        return flux * temporal.kernel_mean(start, stop)

    def _good_times(self) -> tuple[TimeProfile, np.ndarray, np.ndarray] | None:
        """Return the time profile and the good time intervals in MJD of its scale, if any."""
        temporal = self.model.temporal
        if temporal is None or self.data.gti is None:
            return None
        start, stop, scale = self.data.gti
        first, last = (temporal.mjd(Time(t, format="mjd", scale=scale)) for t in (start, stop))
        return temporal, first, last

    def _place(self) -> None:
        data, shape = self.data, self.model.spatial
        irf = self.model.apply_irf
        if not data.is_map:
            self.response = self._on_region()[:, None, None]
            self.edisp = data.edisp_matrix(0.0, 0.0, irf["edisp"])
            return
        if shape is None:
            raise FrameError(
                f"The model {self.model.name!r} has no spatial component, but {data.name!r} is "
                "a map: give it spatial=, for example xg.PointSource(lon=, lat=)."
            )
        y, x = self.pixel_of(shape)
        self.edisp = data.edisp_matrix(y, x, irf["edisp"])
        if self.is_point(shape):
            image, box = self._point(y, x)
        else:
            image, box = self._extended(shape, y, x)
        self.response, self._bare_box = np.ascontiguousarray(image), box
        self.box = box
        if self.reco_psf is not None:
            self._reco_kernels = self._kernels_after(y, x)

    def _kernels_after(self, y: float, x: float) -> np.ndarray:
        """Return kernels (energy, k, k) of a PSF in reconstructed energy at a pixel."""
        assert self.reco_psf is not None
        return self.reco_psf.psf_kernels(y, x)

    def _spread(self, image: np.ndarray) -> tuple[np.ndarray, Box]:
        """Convolve counts with a PSF in reconstructed energy, which acts after the dispersion.

        What comes from beyond the border of the map is lost.
        """
        kernels = self._reco_kernels
        half = kernels.shape[1] // 2
        rows, columns = self._bare_box
        spread = np.maximum(convolve_full(image, kernels), 0.0)
        return self._clip(spread, rows.start - half, columns.start - half)

    def is_point(self, shape: Shape) -> bool:
        """Return whether a shape is a point; where it is sampled on the grid, a tiny one is."""
        if isinstance(shape, PointSource):
            return True
        sampled = not shape.reach or self.data.scheme == "gammapy"
        return sampled and shape.extent < POINT_LIKE * self._pixel_size()

    def _pixel_size(self) -> float:
        return float(np.degrees(min(self.data.scale)))

    def pixel_of(self, shape: Shape) -> tuple[float, float]:
        """Return the pixel of the shape's position, the middle of the map if it has none."""
        data = self.data
        if "lon_0" not in shape.specs and not isinstance(shape, TemplateMap):
            return 0.5 * (data.shape[1] - 1), 0.5 * (data.shape[2] - 1)
        return data.pixel(shape.vectors(data.frame)[0])

    def _on_region(self) -> np.ndarray:
        """Exposure of a spectrum times the share of the source inside its region."""
        exposure = (
            self.data.exposure[:, 0, 0]
            if self.model.apply_irf["exposure"]
            else np.ones(self.data.true_energy.size)
        )
        values: np.ndarray = exposure * self._region_share()
        return values

    def _region_share(self) -> np.ndarray:
        """Share of the source (energy_true) that is reconstructed in the region of a spectrum."""
        return np.ones(self.data.true_energy.size)

    def _kernels(self, y: float, x: float) -> np.ndarray:
        if self.model.apply_irf["psf"]:
            return self.data.psf_kernels(y, x)
        return np.ones((self.data.true_energy.size, 1, 1))

    def _point(self, y: float, x: float) -> tuple[np.ndarray, Box]:
        if not (np.isfinite(y) and np.isfinite(x)):
            return np.zeros((self.data.true_energy.size, 0, 0)), (slice(0, 0), slice(0, 0))
        iy, ix = int(np.floor(y)), int(np.floor(x))
        half = self.data.kernel_half if self.model.apply_irf["psf"] else 0
        if half == 0:
            image = split_point(self._kernels(y, x), y - iy, x - ix)
        else:
            image, half = self.data.point_image(y, x), half + 1
        if self.model.apply_irf["exposure"]:
            image = image * self.data.exposure_at(y, x)[:, None, None]
        return self._clip(image, iy - half, ix - half)

    def _extended(self, shape: Shape, y: float, x: float) -> tuple[np.ndarray, Box]:
        on_grid = self._part_on_grid(shape)
        if not (np.isfinite(y) and np.isfinite(x)):
            on_grid = 1.0
        if on_grid < 1.0:
            found = self._cloud.image(shape, y, x, self.model.apply_irf["exposure"])
            if found is not None:
                image, top, left = found
                n = self.data.true_energy.size
                points = self._clip(np.broadcast_to(image, (n, *image.shape[1:])), top, left)
                if on_grid == 0.0:
                    return points
                result: tuple[np.ndarray, Box] = blend(points, self._on_grid(shape, y, x), on_grid)
                return result
        return self._on_grid(shape, y, x)

    def _part_on_grid(self, shape: Shape) -> float:
        """Return how much of a shape is sampled on the grid of pixels, not on points that move.

        A Gaussian many pixels wide is as smooth on the grid, and faster: all of it beyond some
        pixels, none below, and a smooth blend of both between.
        """
        if not shape.reach:
            return 1.0
        if not isinstance(shape, Gaussian):
            return 0.0
        size, ratio, _ = shape.axes()
        width = size * ratio / max(self.data.scale)
        t = float(np.clip((width - NARROW) / (WIDE - NARROW), 0.0, 1.0))
        return t * t * (3.0 - 2.0 * t)

    def _on_grid(self, shape: Shape, y: float, x: float) -> tuple[np.ndarray, Box]:
        kernels = self._kernels(y, x)
        ys, xs = self.support(shape, y, x)
        half = kernels.shape[1] // 2
        if ys.stop <= ys.start or xs.stop <= xs.start:
            return np.zeros((kernels.shape[0], 0, 0)), (slice(0, 0), slice(0, 0))
        emitted = self.emitted(shape, ys, xs)
        if half == 0:
            image = np.broadcast_to(emitted, (kernels.shape[0], *emitted.shape[1:]))
        else:
            # The transform leaves rounding of either sign where there is nothing.
            image = np.maximum(convolve_full(emitted, kernels), 0.0)
        pad = self.data.padding
        return self._clip(image, ys.start - pad - half, xs.start - pad - half)

    def emitted(self, shape: Shape, ys: slice, xs: slice) -> np.ndarray:
        """Share of the shape in pixels (1 or energy_true, y, x) times their exposure.

        The slices count from the first padded pixel. What the PSF does comes afterwards: the
        exposure that matters is that of the true position.
        """
        image: np.ndarray = self._brightness(shape, ys, xs) * self.data.solid_angle[ys, xs]
        if self.model.apply_irf["exposure"]:
            image = image * self.data.exposure_on(ys, xs)
        return image

    def support(self, shape: Shape, y: float, x: float) -> Box:
        """Return the slices of the padded map that the shape reaches."""
        vectors, pad = self.data.vectors, self.data.padding
        ny, nx = vectors.shape[1:]
        if not np.isfinite(shape.extent):
            return slice(0, ny), slice(0, nx)
        if not (np.isfinite(y) and np.isfinite(x)):
            return slice(0, 0), slice(0, 0)
        iy = int(np.clip(np.rint(y) + pad, 1, ny - 2)) if ny > 2 else 0
        ix = int(np.clip(np.rint(x) + pad, 1, nx - 2)) if nx > 2 else 0
        # Pixels shrink towards the poles of a cylindrical projection: measure them here.
        step_y = np.linalg.norm(vectors[:, min(iy + 1, ny - 1), ix] - vectors[:, iy, ix])
        step_x = np.linalg.norm(vectors[:, iy, min(ix + 1, nx - 1)] - vectors[:, iy, ix])
        radius = np.radians(shape.extent)
        slices = []
        for at, step, scale, n in (
            (y, step_y, self.data.scale[0], ny),
            (x, step_x, self.data.scale[1], nx),
        ):
            size = step if np.isfinite(step) and step > 0 else scale
            reach = max(int(np.ceil(radius / size)), 1) + 1
            middle = int(np.rint(at)) + pad
            slices.append(
                slice(int(np.clip(middle - reach, 0, n)), int(np.clip(middle + reach + 1, 0, n)))
            )
        return slices[0], slices[1]

    def _brightness(self, shape: Shape, ys: slice, xs: slice) -> np.ndarray:
        """Mean brightness (1 or energy_true, y, x) of pixels, sampled as finely as needed."""
        points = self.data.vectors[:, ys, xs]
        size = float(np.degrees(max(self.data.scale)))
        bin_size = shape.bin_size
        factor = MAX_OVERSAMPLING
        if bin_size > size / MAX_OVERSAMPLING:
            factor = max(int(np.ceil(size / bin_size - 1e-9)), 1)
        if isinstance(shape, Gaussian) and self._part_on_grid(shape) > 0.0:
            # Samples of a Gaussian this wide give its integral; a PSF leaves nothing between them.
            factor = 1 if self._cloud.use_psf else SAMPLES_ALONE
        if factor == 1 or min(points.shape[1:]) < 2:
            return self._brightness_at(shape, points)
        along_y, along_x = np.gradient(points, axis=(1, 2))
        offsets = (np.arange(factor) + 0.5) / factor - 0.5
        # Planes of energy fill the memory: their parts of a pixel are taken one by one.
        columns = offsets[:, None] if shape.energy_dependent else offsets[None]
        total = np.zeros(1)
        for dy, dx in itertools.product(offsets, columns):
            row = points + dy * along_y
            sub = row[..., None] + dx * along_x[..., None]
            total = total + self._brightness_at(shape, sub).sum(axis=-1)
        return total / factor**2

    def _brightness_at(self, shape: Shape, points: np.ndarray) -> np.ndarray:
        """Brightness (1 or energy_true, ...) at unit vectors (3, ...)."""
        if isinstance(shape, TemplateMap) and shape.energy_dependent:
            values = shape.on_bins(points, self.data.frame, self.data.true_edges)
        else:
            values = shape.on_points(points, self.data.frame)[None]
        found: np.ndarray = np.nan_to_num(values)
        return found

    def _clip(self, image: np.ndarray, y0: int, x0: int) -> tuple[np.ndarray, Box]:
        """Cut an image whose first pixel is (y0, x0) of the map to the map."""
        _, ny, nx = self.data.shape
        y1, x1 = y0 + image.shape[1], x0 + image.shape[2]
        top, left = int(np.clip(y0, 0, ny)), int(np.clip(x0, 0, nx))
        bottom, right = int(np.clip(y1, top, ny)), int(np.clip(x1, left, nx))
        inner = image[:, top - y0 : bottom - y0, left - x0 : right - x0]
        return inner, (slice(top, bottom), slice(left, right))

    @property
    def contributes(self) -> bool:
        """Whether any of the model can fall into the dataset (after `update`)."""
        return self.response.size > 0 and bool(np.any(self.response))


def blend(first: tuple[np.ndarray, Box], second: tuple[np.ndarray, Box], t: float) -> Any:
    """Return two images on boxes of the map as one: so much of the second, the rest of the first."""
    boxes = first[1], second[1]
    rows, columns = (
        slice(min(b[i].start for b in boxes), max(b[i].stop for b in boxes)) for i in (0, 1)
    )
    shape = (first[0].shape[0], rows.stop - rows.start, columns.stop - columns.start)
    image = np.zeros(shape)
    for (part, box), share in ((first, 1.0 - t), (second, t)):
        top, left = box[0].start - rows.start, box[1].start - columns.start
        image[:, top : top + part.shape[1], left : left + part.shape[2]] += share * part
    return image, (rows, columns)
