"""Datasets at a glance: counts spectra, dispersion matrices, and a summary picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.core.extras import require_package
from xgamma.datasets.onoff import background as background_of
from xgamma.datasets.onoff import is_onoff
from xgamma.errors import MissingDataError
from xgamma.irf.dispersion import edisp_kernel
from xgamma.model.axes import edges, edges_in, units_of
from xgamma.model.operation import operation
from xgamma.model.schema import ONOFF, kind, require
from xgamma.plot.maps import image_wcs, plot_map
from xgamma.typing import PositionLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["peek", "plot_counts", "plot_edisp", "plot_exposure"]


def _axes(ax: Axes | None) -> Any:
    if ax is not None:
        return ax
    plt = require_package("matplotlib.pyplot", "Drawing", "plot")

    return plt.figure(figsize=(6, 4.5), layout="constrained").add_subplot()


def _background(ds: xr.Dataset) -> xr.DataArray | None:
    if is_onoff(ds):
        return background_of(ds) if all(name in ds for name in ONOFF) else None
    return ds.get("background")


def _over_energy(array: xr.DataArray) -> np.ndarray:
    return np.asarray(array.sum([d for d in array.dims if d != "energy"]).values, dtype=float)


@operation
def plot_counts(ds: xr.Dataset, ax: Axes | None = None) -> Any:
    """Plot the counts spectrum with its background, as one bar per bin.

    Parameters
    ----------
    ds : Dataset
        Map (summed over its pixels) or spectrum.
    ax : Axes, optional
        Axes to draw on; by default, those of a new figure.

    Returns
    -------
    ax : Axes
        The axes, both logarithmic (counts linear if there are none); errors of the counts are
        their square roots.

    Raises
    ------
    MissingDataError
        If there are no counts.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 2))
    >>> plot_counts(ds.assign(counts=("energy", [4, 2]))).get_ylabel()
    'Counts'
    """
    require(ds, "counts")
    ax = _axes(ax)
    values, unit = edges(ds, "energy"), units_of(ds, "energy")
    center = np.sqrt(values[1:] * values[:-1])
    bars = [center - values[:-1], values[1:] - center]
    counts = _over_energy(ds["counts"])
    ax.errorbar(center, counts, yerr=np.sqrt(counts), xerr=bars, fmt="none", label="counts")
    background = _background(ds)
    drawn = counts
    if background is not None:
        steps = _over_energy(background)
        ax.stairs(steps, values, baseline=None, color="black", label="background")
        drawn = np.append(counts, steps)
    ax.set(xscale="log", xlabel=f"Energy [{unit}]", ylabel="Counts")
    if (counts > 0).any():
        # Spectra fall over decades; bars that reach zero are cut at the frame.
        ax.set_yscale("log", nonpositive="clip")
        lowest = max(float(drawn[drawn > 0].min()), 1e-3 * float(counts.max()))
        ax.set_ylim(bottom=0.5 * lowest)
    ax.legend()
    return ax


def plot_exposure(ds: xr.Dataset, ax: Axes | None = None) -> Any:
    """Draw the exposure against true energy (the mean over the pixels of a map).

    Parameters
    ----------
    ds : Dataset
        Map or spectrum with exposure.
    ax : Axes, optional
        Axes to draw on; by default, those of a new figure.

    Returns
    -------
    ax : Axes
        The axes, both logarithmic.
    """
    require(ds, "exposure")
    ax = _axes(ax)
    array = ds["exposure"]
    mean = array.mean([d for d in array.dims if d != "energy_true"])
    ax.plot(ds["energy_true"].values, mean.values)
    ax.set(
        xscale="log",
        yscale="log",
        # From edge to edge, or the labels between two powers of ten run into each other.
        xlim=edges(ds, "energy_true")[[0, -1]],
        xlabel=f"True energy [{units_of(ds, 'energy_true')}]",
        ylabel=f"Exposure [{array.attrs.get('units', '')}]",
    )
    return ax


@operation
def plot_edisp(ds: xr.Dataset, position: PositionLike | None = None, ax: Axes | None = None) -> Any:
    """Plot the energy-dispersion matrix at a position.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum with dispersion.
    position : SkyCoord, str or (lon, lat), optional
        Position; by default, the centre of the map.
    ax : Axes, optional
        Axes to draw on; by default, those of a new figure.

    Returns
    -------
    ax : Axes
        True energy to the right, reconstructed energy upwards.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> plot_edisp(example_map()).get_xlabel()
    'True energy [TeV]'
    """
    ax = _axes(ax)
    kernel = edisp_kernel(ds, position)
    x, y = edges_in(ds, "energy_true", "TeV"), edges_in(ds, "energy", "TeV")
    values = np.asarray(kernel.transpose("energy", "energy_true").values)
    shown = ax.pcolormesh(x, y, np.where(values > 0, values, np.nan), cmap="viridis")
    ax.figure.colorbar(shown, ax=ax, label="probability")
    ax.set(xscale="log", yscale="log", xlabel="True energy [TeV]", ylabel="Energy [TeV]")
    return ax


def _peek_map(ds: xr.Dataset) -> Figure:
    plt = require_package("matplotlib.pyplot", "Drawing", "plot")

    images: dict[str, xr.DataArray] = {}
    if "counts" in ds:
        images["Counts"] = ds["counts"].sum("energy")
    background = _background(ds)
    if "counts" in ds and background is not None:
        excess = ds["counts"].sum("energy") - background.sum("energy")
        images["Excess counts"] = excess.rename("excess").assign_attrs(long_name="excess counts")
    if "exposure" in ds:
        mean = ds["exposure"].mean("energy_true").assign_attrs(ds["exposure"].attrs)
        images["Mean exposure"] = mean
    if background is not None:
        images["Background"] = background.sum("energy")
    if not images:
        raise MissingDataError(
            f"The dataset {ds.attrs.get('name', '')!r} is empty: fill it first with ds.gamma.fill(obs)."
        )
    figure: Figure = plt.figure(figsize=(12, 4.6 * -(-len(images) // 2)), layout="constrained")
    for number, (title, image) in enumerate(images.items(), start=1):
        wcs = image_wcs(image)
        ax = figure.add_subplot(-(-len(images) // 2), 2, number, projection=wcs)
        stretch = "sqrt" if title == "Counts" else "linear"
        plot_map(image, ax=ax, title=title, stretch=stretch)
    return figure


def _peek_spectrum(ds: xr.Dataset) -> Figure:
    plt = require_package("matplotlib.pyplot", "Drawing", "plot")

    drawn: list[tuple[str, Any]] = [
        ("counts", plot_counts),
        ("exposure", plot_exposure),
        ("edisp", plot_edisp),
    ]
    parts = [(name, function) for name, function in drawn if name in ds]
    if not parts:
        raise MissingDataError(
            f"The dataset {ds.attrs.get('name', '')!r} is empty: fill it first with ds.gamma.fill(obs)."
        )
    figure, axes = plt.subplots(
        1, len(parts), figsize=(5 * len(parts), 4), layout="constrained", squeeze=False
    )
    titles = {"counts": "Counts", "exposure": "Exposure", "edisp": "Energy dispersion"}
    for ax, (name, function) in zip(axes[0], parts, strict=True):
        function(ds, ax=ax)
        ax.set_title(titles[name])
    found: Figure = figure
    return found


@operation
def peek(ds: xr.Dataset) -> Figure:
    """Plot an overview of a dataset: maps, or spectrum, exposure and dispersion.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.

    Returns
    -------
    figure : Figure
        Counts, excess, exposure and background of a map; counts, exposure and energy
        dispersion of a spectrum.

    Raises
    ------
    MissingDataError
        If the dataset is empty.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 2))
    >>> [ax.get_title() for ax in peek(ds.assign(counts=("energy", [4, 2]))).axes]
    ['Counts']
    """
    return _peek_map(ds) if kind(ds).startswith("map") else _peek_spectrum(ds)
