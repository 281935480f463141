"""Find the peaks of an image: pixels above all others around them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import ndimage

from xgamma.core.arguments import number, scalar
from xgamma.errors import AxisError, FrameError, XGammaError
from xgamma.model import sky
from xgamma.model.frame import frame_of
from xgamma.model.operation import operation
from xgamma.numerics import sphere
from xgamma.typing import AngleLike

__all__ = ["find_peaks"]


@operation
def find_peaks(
    image: xr.DataArray,
    threshold: float | xr.DataArray = 5.0,
    min_distance: AngleLike | None = None,
) -> xr.Dataset:
    """Find the local maxima of an image.

    Parameters
    ----------
    image : DataArray
        Map of dims ``(y, x)``, such as a significance map; NaN counts as lower than any number.
    threshold : float or DataArray
        Value that a peak must exceed, in the unit of the image; a map of dims ``(y, x)`` sets one
        for each pixel.
    min_distance : Quantity, str or float, optional
        Minimum separation: of two closer peaks, only the higher is kept, as Quantity or number
        in degrees. A peak is always compared with its eight neighbours.

    Returns
    -------
    peaks : Dataset
        Dim ``peak``, the highest first, perhaps empty: ``value`` (units of the image), ``lon``
        and ``lat`` (degrees, in the frame of the map, which is the attribute ``frame``), ``x``
        and ``y`` (labels of the pixel).

    Raises
    ------
    AxisError
        If the array has no pixels, or other dimensions with more than one bin.

    Notes
    -----
    Adjacent pixels of equal height count as one peak, at the pixel nearest to their centre. A
    constant map has no peaks. ``maps.sel(x=peaks.x, y=peaks.y)`` selects the values of other maps
    at the peaks.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> maps = example_map().gamma.excess_map("0.1 deg")
    >>> peaks = find_peaks(maps.sqrt_ts, threshold=5, min_distance="0.5 deg")
    >>> peaks.sizes["peak"], round(float(peaks.value[0]))
    (1, 25)
    """
    image = _image(image)
    values = np.asarray(image.values, dtype=float)
    values = np.where(np.isnan(values), -np.inf, values)
    rows, columns = _summits(values)
    above = values[rows, columns] > _levels(threshold, image)[rows, columns]
    rows, columns = rows[above], columns[above]
    order = np.argsort(-values[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    y, x = image["y"].values[rows], image["x"].values[columns]
    lon, lat = (part.values[rows, columns] for part in sky.lonlat(image))
    if min_distance is not None:
        angle = scalar(min_distance, "deg", "min_distance")
        if not 0 <= angle <= 180:
            raise XGammaError(
                f"min_distance={min_distance!r} must be an angle between 0 and 180 deg."
            )
        kept = _apart(sphere.lonlat_to_vector(lon, lat), angle)
        y, x, lon, lat = y[kept], x[kept], lon[kept], lat[kept]
        rows, columns = rows[kept], columns[kept]
    degrees = {"units": "deg"}
    return xr.Dataset(
        {
            "value": ("peak", values[rows, columns], {"units": image.attrs.get("units", "")}),
            "lon": ("peak", lon, {**degrees, "long_name": "longitude"}),
            "lat": ("peak", lat, {**degrees, "long_name": "latitude"}),
            "x": ("peak", x, {"long_name": "pixel label along x"}),
            "y": ("peak", y, {"long_name": "pixel label along y"}),
        },
        attrs={"frame": frame_of(image)},
    )


def _image(array: xr.DataArray) -> xr.DataArray:
    """Return a map of pixels alone."""
    for dim in ("y", "x"):
        if dim not in array.dims:
            raise AxisError(f"{array.name or 'The array'} has no pixels along {dim!r}.")
    rest = [str(d) for d in array.dims if d not in ("y", "x")]
    several = [d for d in rest if array.sizes[d] != 1]
    if several:
        raise AxisError(
            "Peaks are searched in a single image, but this map has the dimension "
            f"{several[0]!r}: select a bin with isel({several[0]}=0), or sum over them."
        )
    return array.isel(dict.fromkeys(rest, 0)).transpose("y", "x")


def _levels(threshold: float | xr.DataArray, image: xr.DataArray) -> np.ndarray:
    """Return the threshold of each pixel."""
    if not isinstance(threshold, xr.DataArray):
        return np.full(image.shape, number(threshold, "threshold"))
    level = _image(threshold)
    try:
        xr.align(image, level, join="exact")
    except ValueError:
        raise FrameError(
            "threshold= is not on the pixels of the image: use interp_to first."
        ) from None
    return np.asarray(level.values, dtype=float)


def _summits(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of pixels not lower than their neighbours, a plateau once."""
    square = np.ones((3, 3), bool)
    finite = np.isfinite(values)
    if not finite.any() or np.ptp(values[finite]) == 0:
        return np.zeros(0, int), np.zeros(0, int)
    highest = ndimage.maximum_filter(values, footprint=square, mode="constant", cval=-np.inf)
    marked = finite & (values == highest)
    # A plateau is not a summit if any part of it borders on something higher.
    others = np.where(marked, -np.inf, values)
    slope = marked & (ndimage.maximum_filter(others, footprint=square) == values)
    level, n = ndimage.label(marked, square)
    level[np.isin(level, level[slope])] = 0
    level, n = ndimage.label(level > 0, square)
    rows, columns = np.nonzero(level)
    which = level[rows, columns] - 1
    size = np.bincount(which, minlength=n)
    middle = [np.bincount(which, part, n) / size for part in (rows, columns)]
    away = np.hypot(rows - middle[0][which], columns - middle[1][which])
    order = np.lexsort((away, which))
    first = order[np.searchsorted(which[order], np.arange(n))]
    return rows[first], columns[first]


def _apart(vectors: np.ndarray, angle: float) -> np.ndarray:
    """Return which positions, the most important first, are that far (deg) from all kept before."""
    nearest = np.cos(np.radians(angle))
    kept: list[int] = []
    for i in range(vectors.shape[-1]):
        if not kept or (vectors[:, kept].T @ vectors[:, i]).max() <= nearest:
            kept.append(i)
    return np.array(kept, dtype=int)
