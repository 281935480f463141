"""Maps on the sky, with world coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from astropy.units import Quantity

from xgamma.core.extras import require_package
from xgamma.errors import AxisError, MissingPackageError, XGammaError
from xgamma.io.fits_frame import image_keywords
from xgamma.model.axes import edges, units_of
from xgamma.model.frame import frame_of, wcs_from_key
from xgamma.model.operation import operation
from xgamma.model.regions import parse_regions
from xgamma.model.stamp import header_key
from xgamma.typing import RegionsLike

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from astropy.wcs import WCS
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = ["band_title", "image_wcs", "plot_grid", "plot_interactive", "plot_map"]

LABELS = {
    "galactic": ("Galactic longitude", "Galactic latitude"),
    "icrs": ("Right ascension", "Declination"),
    "fk5": ("Right ascension", "Declination"),
}
STRETCHES = ("linear", "sqrt", "log")
# Maps of these may fall below zero, which the colours then show.
SIGNED = ("excess", "residuals", "sqrt_ts", "significance")


def _spatial(array: xr.DataArray) -> tuple[str, str]:
    for dims in (("y", "x"), ("y_irf", "x_irf")):
        if set(dims) <= set(array.dims):
            return dims
    raise AxisError(
        f"{array.name or 'The array'} has no pixels to draw: its dims are {', '.join(map(str, array.dims)) or 'nothing'}."
    )


@operation
def image_wcs(array: xr.DataArray) -> Any:
    """Return the WCS of the image that the labels of a map describe.

    Parameters
    ----------
    array : DataArray
        Map with pixels, dims ``y, x`` or ``y_irf, x_irf`` among others.

    Returns
    -------
    wcs : `~astropy.wcs.WCS`
        Pixel 0 is the first of the array, also of a cutout or a coarse map: the projection of
        an axes that shows it.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> part = example_map().counts.gamma.cutout("83.63d 22.01d", "1 deg")
    >>> part.gamma.wcs.wcs.crpix, image_wcs(part).wcs.crpix
    (array([10.5, 10.5]), array([5.5, 5.5]))
    """
    return wcs_from_key(header_key(image_keywords(array, irf="x_irf" in array.dims)))


def _image(array: xr.DataArray) -> xr.DataArray:
    """Return the array with pixels only, one-bin axes dropped."""
    spatial = _spatial(array)
    more = [d for d in array.dims if d not in spatial and array.sizes[d] > 1]
    if more:
        raise AxisError(
            f"{array.name or 'The array'} has {array.sizes[more[0]]} bins along {more[0]!r}: select or sum them first, or use plot_grid."
        )
    return array.squeeze([d for d in array.dims if d not in spatial]).transpose(*spatial)


def _norm(stretch: str, values: np.ndarray, vmin: float | None, vmax: float | None) -> Any:
    colors = require_package("matplotlib.colors", "Drawing", "plot")

    if stretch not in STRETCHES:
        raise XGammaError(
            f"stretch={stretch!r} is not recognised: use one of {', '.join(STRETCHES)}."
        )
    finite = values[np.isfinite(values)]
    low = (float(finite.min()) if finite.size else 0.0) if vmin is None else vmin
    high = (float(finite.max()) if finite.size else 1.0) if vmax is None else vmax
    high = high if high > low else low + 1.0
    if stretch == "log":
        positive = finite[finite > 0]
        low = low if low > 0 else (float(positive.min()) if positive.size else 0.1)
        return colors.LogNorm(low, max(high, low * 1.001))
    return colors.Normalize(low, high) if stretch == "linear" else colors.PowerNorm(0.5, low, high)


def _diverging(array: xr.DataArray) -> bool:
    name = str(array.name or "")
    return name.startswith(SIGNED) or str(array.attrs.get("long_name", "")).startswith(SIGNED)


def _signed_limit(values: np.ndarray) -> float:
    """Return a symmetric limit that one bright pixel does not set alone."""
    finite = np.abs(values[np.isfinite(values)])
    return float(np.quantile(finite, 0.999)) or float(finite.max()) or 1.0 if finite.size else 1.0


@operation
def plot_map(
    array: xr.DataArray,
    ax: WCSAxes | None = None,
    stretch: str = "linear",
    cmap: str | Colormap | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    add_cbar: bool = True,
    regions: RegionsLike | None = None,
    mask: xr.DataArray | None = None,
    title: str | None = None,
    **kwargs: Any,
) -> Any:
    """Plot an image on the sky.

    Parameters
    ----------
    array : DataArray
        Map with pixels; other dimensions have one bin.
    ax : WCSAxes, optional
        Axes to draw on; by default, those of a new figure.
    stretch : {"linear", "sqrt", "log"}
        Scale of the colours.
    cmap : str or Colormap, optional
        Colours. By default, grey for masks, blue to red around zero for excess, residuals and
        significance, inferno otherwise.
    vmin, vmax : float, optional
        Range of the colours. By default, all values, but for maps around zero the range that
        holds 99.9 % of the pixels, on both sides alike.
    add_cbar : bool
        Whether to draw a colour bar, labelled with name and unit.
    regions : Region, str or list, optional
        Regions drawn on top.
    mask : DataArray, optional
        Its outline is drawn on top.
    title : str, optional
        Title.
    **kwargs
        Passed to ``imshow``.

    Returns
    -------
    ax : WCSAxes
        The axes.

    Raises
    ------
    AxisError
        If the array has no pixels, or more than one bin along another dimension.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.1 deg", frame="galactic")
    >>> ax = plot_map(ds.gamma.separation((0, 0)).rename("separation"))
    >>> ax.get_xlabel() or ax.coords[0].get_axislabel()
    'Galactic longitude'
    """
    image = _image(array)
    values = np.asarray(image.values)
    flag = values.dtype == bool
    wcs = image_wcs(image)
    if ax is None:
        plt = require_package("matplotlib.pyplot", "Drawing", "plot")

        ax = plt.figure(figsize=(7, 5.5), layout="constrained").add_subplot(projection=wcs)
    values = values.astype(float)
    if flag:
        vmin, vmax = 0.0 if vmin is None else vmin, 1.0 if vmax is None else vmax
    around_zero = _diverging(array) and stretch == "linear" and vmin is None and vmax is None
    if around_zero:
        vmax = _signed_limit(values)
        vmin = -vmax
    norm = _norm(stretch, values, vmin, vmax)
    if stretch == "log":
        # A pixel without counts is dark; a pixel without a value stays blank.
        values = np.where(values < norm.vmin, norm.vmin, values)
    colours = cmap or ("gray" if flag else "coolwarm" if around_zero else "inferno")
    shown = ax.imshow(values, origin="lower", cmap=colours, norm=norm, **kwargs)
    if add_cbar and not flag:
        unit = str(array.attrs.get("units", ""))
        name = str(array.attrs.get("long_name", array.name or ""))
        ax.figure.colorbar(shown, ax=ax, label=f"{name} [{unit}]" if unit else name, shrink=0.85)
    for axis, label in zip(ax.coords, LABELS.get(frame_of(image), ("", "")), strict=False):
        axis.set_axislabel(label)
    if mask is not None:
        ax.contour(_image(mask).values.astype(float), levels=[0.5], colors="tab:cyan")
    if regions is not None:
        _draw_regions(ax, wcs, regions)
    if title is not None:
        ax.set_title(title)
    return ax


def _draw_regions(ax: WCSAxes, wcs: WCS, regions: RegionsLike) -> None:
    for region in parse_regions(regions):
        pixels = region.to_pixel(wcs) if hasattr(region, "to_pixel") else region
        pixels.plot(ax=ax, edgecolor="white", facecolor="none", linewidth=1.5)


def _energy_text(value: float, unit: str) -> str:
    """Return an energy in the unit of thousands that suits it: 100 GeV, 1.58 TeV."""
    energy = Quantity(value, unit).to("eV").value
    # The tolerance keeps 0.99999999 TeV from being written as 1000 GeV.
    for name, size in (("PeV", 1e15), ("TeV", 1e12), ("GeV", 1e9), ("MeV", 1e6)):
        if energy >= size * (1 - 1e-9):
            return (
                f"{energy / size:.3g} {name}"
                if energy / size >= 10
                else f"{energy / size:.2f} {name}"
            )
    return f"{value:.3g} {unit}"


def band_title(array: xr.DataArray, dim: str, number: int) -> str:
    """Return the title of one bin, such as ``"1.00 TeV - 1.58 TeV"``."""
    values, unit = edges(array, dim), units_of(array, dim)
    if dim.startswith("energy"):
        low, high = (_energy_text(float(v), unit) for v in values[number : number + 2])
        return f"{low} - {high}"
    return f"{values[number]:.3g} - {values[number + 1]:.3g} {unit}".strip()


def _band_dim(array: xr.DataArray) -> str:
    spatial = _spatial(array)
    dims = [str(d) for d in array.dims if d not in spatial]
    if len(dims) != 1:
        raise AxisError(
            f"A grid is drawn over one dimension other than the pixels, not over {', '.join(dims) or 'none'}: select the others first."
        )
    return dims[0]


@operation
def plot_grid(array: xr.DataArray, ncols: int = 3, add_cbar: bool = False, **kwargs: Any) -> Figure:
    """Plot a map, one panel per bin.

    Parameters
    ----------
    array : DataArray
        Map with pixels and one more dimension, for instance ``energy``.
    ncols : int
        Number of columns.
    add_cbar : bool
        Whether each panel gets a colour bar.
    **kwargs
        Passed to `plot_map`.

    Returns
    -------
    figure : Figure
        One panel a bin, titled with its range.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.1 deg", xg.energy_axis(1, 10, 5))
    >>> ds = ds.assign(counts=(("energy", "y", "x"), np.ones((5, 10, 10))))
    >>> figure = plot_grid(ds.counts)
    >>> figure.axes[0].get_title()
    '1.00 TeV - 1.58 TeV'
    """
    plt = require_package("matplotlib.pyplot", "Drawing", "plot")

    dim = _band_dim(array)
    total = array.sizes[dim]
    ncols = min(ncols, total)
    nrows = -(-total // ncols)
    figure: Figure = plt.figure(figsize=(4.2 * ncols, 3.6 * nrows), layout="constrained")
    wcs = image_wcs(array.isel({dim: 0}))
    for number in range(total):
        ax = figure.add_subplot(nrows, ncols, number + 1, projection=wcs)
        plot_map(
            array.isel({dim: number}),
            ax=ax,
            add_cbar=add_cbar,
            title=band_title(array, dim, number),
            **kwargs,
        )
        inner_labels(ax, left=number % ncols == 0, bottom=number + ncols >= total)
    return figure


def inner_labels(ax: WCSAxes, left: bool, bottom: bool) -> None:
    """Keep the labels of panels at the left and the bottom of a grid only."""
    for coord, kept in zip(ax.coords, (bottom, left), strict=False):
        if not kept:
            coord.set_axislabel("")
            coord.set_ticklabel_visible(False)


@operation
def plot_interactive(array: xr.DataArray, **kwargs: Any) -> Any:
    """Plot one bin at a time, chosen with a slider, in a notebook.

    Parameters
    ----------
    array : DataArray
        Map with pixels and one more dimension.
    **kwargs
        Passed to `plot_map`.

    Returns
    -------
    widget : ipywidgets.interactive
        Shows itself in a notebook.

    Raises
    ------
    MissingDataError
        If ipywidgets is not installed.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> plot_interactive(example_map().counts)  # doctest: +SKIP
    """
    try:
        from ipywidgets import SelectionSlider, interactive
    except ImportError:
        raise MissingPackageError(
            "The slider requires ipywidgets: pip install ipywidgets, or draw all bins with plot_grid."
        ) from None
    plt = require_package("matplotlib.pyplot", "Drawing", "plot")

    dim = _band_dim(array)
    bins = [(band_title(array, dim, number), number) for number in range(array.sizes[dim])]

    def show(number: int) -> None:
        plot_map(array.isel({dim: number}), title=band_title(array, dim, number), **kwargs)
        plt.show()

    return interactive(show, number=SelectionSlider(options=bins, description=dim))
