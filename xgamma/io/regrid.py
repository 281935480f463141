"""Responses on a grid that does not fit that of the counts, interpolated onto one that does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from astropy.coordinates import SkyCoord
from scipy.ndimage import map_coordinates

from xgamma.model.frame import wcs_from_key
from xgamma.model.geometry import lonlat_at
from xgamma.model.stamp import header_key

if TYPE_CHECKING:
    from xgamma.io.fits_maps import FitsMap

__all__ = ["coarse_grid", "interpolated"]


def coarse_grid(
    frame: dict[str, Any], parent: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Return a grid over the image of a dataset, with pixels as large as those of another image.

    Parameters
    ----------
    frame, parent : dict
        Frame attributes of the other image, and of the dataset.

    Returns
    -------
    x, y : ndarray
        Labels in parent pixel numbers.
    step : (dx, dy)
        Distance between labels.
    """
    labels, steps = [], []
    for i in (1, 2):
        step = abs(float(frame[f"CDELT{i}"]) / float(parent[f"CDELT{i}"]))
        n = int(parent[f"NAXIS{i}"])
        count = max(int(np.ceil(n / step)), 1)
        labels.append((n - 1) / 2.0 + (np.arange(count) - (count - 1) / 2.0) * step)
        steps.append(step)
    return labels[0], labels[1], (steps[0], steps[1])


def interpolated(one: FitsMap, parent: dict[str, Any], x: np.ndarray, y: np.ndarray) -> xr.Variable:
    """Interpolate a map bilinearly at labels in the frame of a dataset.

    Parameters
    ----------
    one : FitsMap
        Map with its own frame.
    parent : dict
        Frame attributes of the dataset.
    x, y : ndarray
        Labels in parent pixel numbers.

    Returns
    -------
    variable : Variable
        Same dims. Beyond the map its nearest pixel counts.
    """
    assert one.frame is not None
    wcs, source = (wcs_from_key(header_key(a)) for a in (parent, one.frame))
    grid_x, grid_y = np.meshgrid(x, y)
    lon, lat = lonlat_at(wcs, grid_x, grid_y)
    frames = [_frame_name(a) for a in (parent, one.frame)]
    at = SkyCoord(lon, lat, unit="deg", frame=frames[0]).transform_to(frames[1]).spherical
    pix = source.wcs_world2pix(at.lon.deg.ravel(), at.lat.deg.ravel(), 0)
    where = np.array([pix[1], pix[0]]).reshape(2, *grid_x.shape)
    where = np.where(np.isfinite(where), where, 0.0)
    values = np.asarray(one.variable.values)
    planes = values.reshape(-1, *values.shape[-2:])
    moved = [map_coordinates(p, where, order=1, mode="nearest") for p in planes]
    shape = (*values.shape[:-2], y.size, x.size)
    data = np.asarray(moved, dtype=values.dtype).reshape(shape)
    return xr.Variable(one.variable.dims, data, {**one.variable.attrs, "resampled": 1})


def _frame_name(attrs: dict[str, Any]) -> str:
    if str(attrs["CTYPE1"]).startswith("GLON"):
        return "galactic"
    return str(attrs.get("RADESYS", "ICRS")).strip().lower()
