"""Draw the on region of a spectrum and its off regions on the sky."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.core.extras import require_package
from xgamma.errors import MissingDataError
from xgamma.model import figure
from xgamma.model.operation import operation
from xgamma.model.regions import parse_regions, region_center

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from regions import SkyRegion

__all__ = ["off_regions", "plot_regions"]


@operation
def off_regions(ds: xr.Dataset) -> dict[Any, list[Any]]:
    """Return the off regions of each run of an on-off spectrum.

    Parameters
    ----------
    ds : Dataset
        From `reflected_background`, or a stack of such datasets.

    Returns
    -------
    regions : dict
        From row number to list of sky regions; empty for a run without any.

    Raises
    ------
    MissingDataError
        If the dataset holds none.

    Examples
    --------
    >>> from xgamma.tutorial import example_spectrum
    >>> {run: len(regions) for run, regions in off_regions(example_spectrum()).items()}
    {0: 14}
    """
    if "off_regions" not in ds:
        raise MissingDataError(
            f"The dataset {ds.attrs.get('name', '')!r} has no off regions: create them with ds.gamma.reflected_background."
        )
    rows = [str(text) for text in np.atleast_1d(ds["off_regions"].values)]
    return {row: parse_regions(text) if text else [] for row, text in enumerate(rows)}


@operation
def plot_regions(ds: xr.Dataset, ax: WCSAxes | None = None) -> Any:
    """Plot the on region, the off regions and the pointings.

    Parameters
    ----------
    ds : Dataset
        On-off spectrum from `reflected_background`, or a stack of such.
    ax : WCSAxes, optional
        Axes with a sky projection. By default, made around the on region.

    Returns
    -------
    ax : WCSAxes
        The axes. Each run has its colour.

    Raises
    ------
    MissingDataError
        If the dataset holds no off regions, or matplotlib is not installed.

    Examples
    --------
    >>> from xgamma.tutorial import example_spectrum
    >>> ax = plot_regions(example_spectrum())
    >>> len(ax.patches) > 1
    True
    """
    plt = require_package("matplotlib.pyplot", "Drawing", "plot")
    runs = off_regions(ds)
    on = figure.one_region(str(ds.coords["region"].values))
    plane = figure.plane_of(on)
    frame = figure.frame_name(on)
    if ax is None:
        _, ax = plt.subplots(subplot_kw={"projection": figure.wcs_of_plane(plane, frame)})
    reach = [_draw(ax, on, "black")]
    for row, regions in runs.items():
        colour = f"C{row % 10}"
        reach += [_draw(ax, region, colour) for region in regions]
        if "pointing_lon" in ds:
            at = (float(ds["pointing_lon"][row]), float(ds["pointing_lat"][row]))
            ax.plot(*at, "+", color=colour, transform=ax.get_transform("icrs"))
    points = np.concatenate(reach)
    margin = 0.1 * max(np.ptp(points[:, 0]), np.ptp(points[:, 1]))
    ax.set_xlim(points[:, 0].min() - margin, points[:, 0].max() + margin)
    ax.set_ylim(points[:, 1].min() - margin, points[:, 1].max() + margin)
    ax.set_aspect("equal")
    names = ("l", "b") if frame == "galactic" else ("right ascension", "declination")
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    return ax


def _draw(ax: WCSAxes, region: SkyRegion, colour: str) -> np.ndarray:
    """Draw one region; return the corners of its box, shape (2, 2), in pixels of the axes."""
    pixels = region.to_pixel(ax.wcs)
    if figure.is_point(region):
        x, y = ax.wcs.world_to_pixel(region_center(region))
        ax.plot(x, y, "o", mfc="none", mec=colour)
        return np.array([[x, y], [x, y]])
    pixels.plot(ax=ax, fill=False, edgecolor=colour, facecolor="none")
    box = pixels.bounding_box
    return np.array([[box.ixmin, box.iymin], [box.ixmax, box.iymax]])
