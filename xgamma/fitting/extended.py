"""Extended shapes on a map: points that move with the shape, shared between pixels.

A shape sampled on the pixels' own grid changes in jumps as its edge passes their centres, and its
flux depends on where it is. Here the shape is points (`xgamma.numerics.rings`) whose weights
sum to one, so that flux is kept exactly and the statistic is smooth in every parameter; a shape
far smaller than a pixel becomes a point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xgamma.model import sky
from xgamma.numerics import deposit
from xgamma.numerics.convolution import convolve_full
from xgamma.numerics.rings import ring_points

if TYPE_CHECKING:
    from xgamma.fitting.compiled import Compiled
    from xgamma.modeling.spatial_base import Shape

__all__ = ["Cloud"]

# Points of a shape are this many (fine) pixels apart, with a PSF that smooths and without.
SPACING, SPACING_ALONE = 0.6, 0.2
MOST_POINTS, MOST_POINTS_ALONE = 150_000, 40_000
LARGEST_STEP = 0.5
# Pixels around the points where their spline coefficients have died out to 2e-6.
BORDER = 10
# Variance of a cubic B-spline, in (fine) pixels.
SPREAD = 1.0 / 3.0
# Without a PSF, a shape larger than this part of a pixel begins to fill pixels evenly.
FILLS = 0.25


class Cloud:
    """The points of one shape on one dataset.

    Parameters
    ----------
    data : Compiled
        Dataset.
    use_psf : bool
        Whether the PSF acts.
    """

    def __init__(self, data: Compiled, use_psf: bool) -> None:
        self.data = data
        self.use_psf = use_psf and data.kernel_half > 0
        self.fine = data.fine if self.use_psf else 1

    def step(self, size: float, reach: float) -> float | None:
        """Return the distance of points over the shape's radius, or None if there were too many.

        Parameters
        ----------
        size : float
            Radius of the shape, in pixels.
        reach : float
            Where the outermost ring is, over this radius.
        """
        spacing, most = (
            (SPACING / self.fine, MOST_POINTS)
            if self.use_psf
            else (SPACING_ALONE, MOST_POINTS_ALONE)
        )
        wanted = spacing / max(size, 1e-9)
        least = reach * float(np.sqrt(np.pi / most))
        if least * size > 2.0:
            return None
        # In powers of two: the number of points changes rarely as a size does in a fit.
        return float(np.clip(2.0 ** np.floor(np.log2(min(wanted, 1.0))), least, LARGEST_STEP))

    def image(
        self, shape: Shape, y: float, x: float, exposed: bool
    ) -> tuple[np.ndarray, int, int] | None:
        """Return the shape times exposure, convolved, and the pixel where the image begins.

        Parameters
        ----------
        shape : Shape
            With rings.
        y, x : float
            Pixel of its position.
        exposed : bool
            Whether to multiply with the exposure.

        Returns
        -------
        image : ndarray
            Shape (1 or energy_true, rows, columns).
        top, left : int
            Its first pixel.
        """
        major, ratio, phi = shape.axes()
        size = major / self._pixel(shape)
        step = self.step(size, shape.reach)
        if step is None:
            return None
        law = shape.rings(step)
        along, across, weights = ring_points(law, step, ratio)
        py, px = self._pixels(shape, major * along, major * across, phi)
        data, fine = self.data, self.fine
        border = BORDER
        far = (data.kernel_half if self.use_psf else 0) + border
        ny, nx = data.shape[1:]
        near = (py > -far) & (py < ny - 1 + far) & (px > -far) & (px < nx - 1 + far)
        if not near.all():
            py, px, weights = py[near], px[near], weights[near]
        if not py.size:
            return np.zeros((1, 0, 0)), 0, 0
        top, left = (int(np.floor(p.min())) - border for p in (py, px))
        rows, columns = (
            int(np.ceil(p.max())) + border + 1 - first
            for p, first in zip((py, px), (top, left), strict=True)
        )
        grid = (rows * fine, columns * fine)
        fy, fx = ((p - first + 0.5) * fine - 0.5 for p, first in ((py, top), (px, left)))
        if self.use_psf:
            image = deposit.spline_deposit(fy, fx, weights, grid)[None]
        else:
            ramp = 1.0 / np.sqrt(1.0 + (size / FILLS) ** 2)
            ramp = min(max(float(ramp), 1.5 * step * size), 1.0)
            image = deposit.ramp_deposit(fy, fx, weights, grid, ramp)[None]
        if exposed:
            pad = data.padding
            exposure = data.exposure_on(
                slice(top + pad, top + pad + rows), slice(left + pad, left + pad + columns)
            )
            image = exposed_image(image[0], exposure, fine) if self.use_psf else image * exposure
        if not self.use_psf:
            return image, top, left
        kernels = data.fine_kernels(y, x)
        half = kernels.shape[1] // 2
        image = convolve_full(image, kernels)
        # What splines overshoot is 1e-4 of the brightest pixel.
        image = np.maximum(image, 0.0)
        before = -half % fine
        image = deposit.block_sum(image, fine, (before, before))
        shift = (half + before) // fine
        return image, top - shift, left - shift

    def _pixel(self, shape: Shape) -> float:
        """Return the smaller side of a pixel where the shape is, radians: as the map has it there."""
        tiny = 0.1 * min(self.data.scale)
        y, x = self._pixels(shape, np.array([0.0, tiny, 0.0]), np.array([0.0, 0.0, tiny]), 0.0)
        moved = np.hypot(y[1:] - y[0], x[1:] - x[0]).max() / tiny
        return 1.0 / moved if np.isfinite(moved) and moved > 0 else min(self.data.scale)

    def _pixels(
        self, shape: Shape, along: np.ndarray, across: np.ndarray, phi: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixels of points given along the axes, on the equal-area plane."""
        center, east, north = shape.vectors(self.data.frame)
        to_east = along * np.sin(phi) + across * np.cos(phi)
        to_north = along * np.cos(phi) - across * np.sin(phi)
        square = to_east**2 + to_north**2
        tilt = np.sqrt(np.maximum(1.0 - 0.25 * square, 0.0))
        vectors = (
            center[:, None] * (1.0 - 0.5 * square)
            + east[:, None] * (tilt * to_east)
            + north[:, None] * (tilt * to_north)
        )
        lon = np.degrees(np.arctan2(vectors[1], vectors[0]))
        lat = np.degrees(np.arcsin(np.clip(vectors[2], -1.0, 1.0)))
        x, y = sky.lonlat_to_pix(self.data.ds, lon, lat)
        (y0, x0), (dy, dx) = self.data.origin, self.data.label_step
        return (y - y0) / dy, (x - x0) / dx


def exposed_image(image: np.ndarray, exposure: np.ndarray, fine: int) -> np.ndarray:
    """Return an image from `spline_deposit` times the exposure where its points are.

    Splines spread points over their surroundings: what arrives in a pixel comes from beside it, on the
    average from where the image is brighter, by the variance of the spline times the slope of the
    image. The exposure is taken there, to first order.

    Parameters
    ----------
    image : ndarray
        Shape (rows * fine, columns * fine).
    exposure : ndarray
        Of pixels, shape (energy_true, rows, columns).
    fine : int
        Parts a side of each pixel.

    Returns
    -------
    image : ndarray
        Shape (energy_true, rows * fine, columns * fine).
    """
    n, rows, columns = exposure.shape
    blocks = (rows, fine, columns, fine)
    inside = (np.arange(fine) + 0.5) / fine - 0.5
    slope_y, slope_x = np.gradient(image)
    from_y = inside[:, None, None] * image.reshape(blocks) + SPREAD / fine * slope_y.reshape(blocks)
    from_x = inside * image.reshape(blocks) + SPREAD / fine * slope_x.reshape(blocks)
    along_y, along_x = np.gradient(exposure, axis=(1, 2))
    total = exposure[:, :, None, :, None] * image.reshape(blocks)
    total += along_y[:, :, None, :, None] * from_y
    total += along_x[:, :, None, :, None] * from_x
    return np.asarray(total.reshape(n, rows * fine, columns * fine))
