"""Positions of the pixels of one sky grid in another, and resampling of maps between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from xgamma.core.arguments import choice
from xgamma.core.defaults import REPROJECTION
from xgamma.core.extras import require_package
from xgamma.io.fits_frame import image_keywords
from xgamma.model import sky
from xgamma.model.frame import frame_of, wcs_from_key
from xgamma.model.stamp import header_key
from xgamma.numerics import sphere
from xgamma.numerics.interpolation import Weights, sparse_weights
from xgamma.typing import DTypeLike, LabelledLike

__all__ = ["Interpolation", "Reprojection", "over_pixels"]

# A pixel that covers less of another than this touches it by rounding.
TOUCHING = 1e-6
# Where corners of both grids coincide, as at a common centre, reproject finds no overlap at all
# and loses what is there: a ten-millionth of a pixel away it does not.
NUDGE = np.array([1.1e-7, 0.7e-7])


class Interpolation:
    """Bilinear and nearest values of one grid at the pixel centres of another.

    Parameters
    ----------
    source, target : Dataset or DataArray
        Maps.
    irf : bool
        Whether the coarse grids of both are meant.
    """

    def __init__(self, source: LabelledLike, target: LabelledLike, irf: bool = False) -> None:
        self.dims = ("y_irf", "x_irf") if irf else ("y", "x")
        vectors = sky.pixel_vectors(target, irf)
        rotation = (
            sky.rotation_from_icrs(frame_of(source)) @ sky.rotation_from_icrs(frame_of(target)).T
        )
        lon, lat = sphere.vector_to_lonlat(np.tensordot(rotation, vectors, axes=1))
        x, y = sky.lonlat_to_pix(source, lon, lat)
        self.shape = x.shape
        axes, near, inside = [], [], np.ones(x.size, dtype=bool)
        for dim, value in zip(self.dims, (y, x), strict=True):
            labels = np.atleast_1d(source.coords[dim].values)
            size = labels.size
            at = (value.ravel() - labels[0]) / sky.label_step(source, dim)
            inside &= (at >= -0.5) & (at <= size - 0.5)
            held = np.clip(np.nan_to_num(at), 0, size - 1)
            index = np.minimum(held.astype(int), max(size - 2, 0))
            axes.append(Weights(index, held - index, inside, size))
            near.append(np.minimum(np.floor(held + 0.5).astype(int), size - 1))
        self.inside = inside.reshape(self.shape)
        self._matrix = sparse_weights(*axes)
        self._near = tuple(near)

    def mean(self, images: np.ndarray) -> np.ndarray:
        """Interpolate images (..., y, x); zero beyond half a pixel outside the map."""
        flat = images.reshape(-1, images.shape[-2] * images.shape[-1]).astype(float, copy=False)
        out = np.ascontiguousarray((self._matrix @ flat.T).T)
        return out.reshape(*images.shape[:-2], *self.shape)

    def flag(self, images: np.ndarray) -> np.ndarray:
        """Return the nearest pixels of masks (..., y, x); False outside the map."""
        out = images[(..., *self._near)].reshape(*images.shape[:-2], *self.shape)
        return out & self.inside

    def density(self, images: np.ndarray, used: np.ndarray | None = None) -> np.ndarray:
        """Interpolate images between True pixels of a mask; zero where the nearest is not."""
        if used is None:
            return self.mean(images)
        weight = self.mean(used)
        good = self.flag(used) & (weight > 0)
        total = self.mean(np.where(used, images, 0.0))
        values: np.ndarray = np.divide(total, weight, out=np.zeros_like(total), where=good)
        return values


class Reprojection:
    """Means over the pixels of another grid, by the package reproject.

    Parameters
    ----------
    source, target : Dataset or DataArray
        Maps.
    method : {"exact", "adaptive"}
        Spherical overlap of pixels, or the faster anti-aliased resampling.

    Raises
    ------
    MissingDataError
        If the package reproject is not installed.
    XGammaError
        If the method is not known.
    """

    dims = ("y", "x")

    def __init__(
        self, source: LabelledLike, target: LabelledLike, method: str = REPROJECTION
    ) -> None:
        package = require_package("reproject", "Reprojection", "reproject", "use interp_to")
        methods = {"exact": package.reproject_exact, "adaptive": package.reproject_adaptive}
        self._method = methods[choice(method, "method", methods)]
        self._wcs, goal = (wcs_from_key(header_key(image_keywords(o))) for o in (source, target))
        self._goal = goal.deepcopy()
        self._goal.wcs.crpix = goal.wcs.crpix + NUDGE
        self.shape = tuple(target.sizes[d] for d in self.dims)

    def _image(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean over the covered part of each pixel, and how much of it is covered."""
        values, covered = self._method((image, self._wcs), self._goal, shape_out=self.shape)
        return np.nan_to_num(values), covered

    def _images(self, images: np.ndarray, covered: bool) -> np.ndarray:
        flat = images.reshape(-1, *images.shape[-2:]).astype(float, copy=False)
        out: list[np.ndarray] = []
        for number, image in enumerate(flat):
            # Masks are often the same at neighbouring energies, and the overlap takes long.
            if number and np.array_equal(image, flat[number - 1]):
                out.append(out[-1])
                continue
            values, share = self._image(image)
            out.append(values * share if covered else values)
        return np.stack(out).reshape(*images.shape[:-2], *self.shape)

    def mean(self, images: np.ndarray) -> np.ndarray:
        """Average images (..., y, x) over the part of each pixel that the map covers."""
        return self._images(images, covered=False)

    def density(self, images: np.ndarray, used: np.ndarray | None = None) -> np.ndarray:
        """Average images over whole pixels: zero beyond the map and beside True pixels of a mask."""
        kept = images if used is None else np.where(used, images, 0.0)
        return self._images(kept, covered=True)

    def flag(self, images: np.ndarray) -> np.ndarray:
        """Return which pixels touch True pixels of masks (..., y, x)."""
        return self._images(images, covered=True) > TOUCHING


def over_pixels(
    variable: xr.Variable,
    function: Callable[..., np.ndarray],
    grid: Interpolation | Reprojection,
    dtype: DTypeLike,
    *others: xr.Variable,
) -> xr.Variable:
    """Apply a function of whole images to variables; dask arrays stay lazy.

    Parameters
    ----------
    variable, *others : Variable
        With the pixels of the grid; the others need not have the further dimensions of the first.
    function : callable
        Takes arrays (..., y, x) and returns one on the target's pixels.
    grid : Interpolation or Reprojection
        Names the pixels' dims, and the shape of the result.
    dtype : dtype
        Of the result.

    Returns
    -------
    variable : Variable
        Same order of dims.
    """
    dims = list(grid.dims)
    inputs = [
        v.chunk(dict.fromkeys(dims, -1)) if hasattr(v.data, "dask") else v
        for v in (variable, *others)
    ]
    out = xr.apply_ufunc(
        lambda *images: function(*images).astype(dtype, copy=False),
        *inputs,
        input_core_dims=[dims] * len(inputs),
        output_core_dims=[dims],
        exclude_dims=set(dims),
        dask="parallelized",
        output_dtypes=[dtype],
        dask_gufunc_kwargs={"output_sizes": dict(zip(dims, grid.shape, strict=True))},
    )
    return xr.Variable(out.dims, out.data, variable.attrs).transpose(*variable.dims)
