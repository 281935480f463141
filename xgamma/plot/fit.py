"""Pictures of data against their prediction: spectra, and maps of residuals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import choice
from xgamma.core.defaults import CORRELATION_RADIUS, RESIDUAL, SCHEME
from xgamma.core.extras import require_package
from xgamma.errors import XGammaError
from xgamma.fitting.compare import RESIDUALS, residuals
from xgamma.fitting.excess import Excess
from xgamma.fitting.flux_data import (
    point_edges,
    point_residuals,
    reference_energies,
)
from xgamma.fitting.predict import full_likelihood
from xgamma.model.axes import edges_in
from xgamma.model.operation import operation
from xgamma.model.schema import is_flux_points
from xgamma.plot.maps import image_wcs, plot_map
from xgamma.plot.spectra import plot_spectrum
from xgamma.typing import AngleLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from xgamma.modeling.model_base import ModelsLike

__all__ = ["plot_fit", "plot_residuals"]

LABELS = {
    "diff": "counts - model",
    "diff/model": "(counts - model) / model",
    "diff/sqrt(model)": "(counts - model) / sqrt(model)",
    "significance": "significance [sigma]",
}


@operation
def plot_fit(
    ds: xr.Dataset,
    models: ModelsLike | None = None,
    method: str = RESIDUAL,
    axes: Sequence[Axes] | None = None,
) -> Any:
    """Plot the counts spectrum with its prediction, and the residuals below.

    Parameters
    ----------
    ds : Dataset
        Map (its pixels inside the masks are summed first), spectrum, or flux points, which
        `plot_spectrum` draws.
    models : Model or iterable of Model, optional
        By default, the models attached to the dataset.
    method : {"significance", "diff", "diff/model", "diff/sqrt(model)"}
        See `xgamma.fitting.compare.residuals`.
    axes : pair of `~matplotlib.axes.Axes`, optional
        For the spectrum and for the residuals.

    Returns
    -------
    axes : pair of `~matplotlib.axes.Axes`
        The axes.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> top, bottom = plot_fit(example_map(), example_model())
    >>> top.get_ylabel(), bottom.get_ylabel()
    ('Counts', 'significance [sigma]')
    """
    if is_flux_points(ds):
        return plot_spectrum(ds, models, axes)
    if axes is None:
        plt = require_package("matplotlib.pyplot", "Drawing", "plot")
        grid = {"height_ratios": (3, 1), "hspace": 0.05}
        _, axes = plt.subplots(2, sharex=True, gridspec_kw=grid)
    top, bottom = axes
    found = Excess(full_likelihood(ds, models, SCHEME), sum_pixels=True)
    edges = edges_in(ds, "energy", "TeV")
    center = np.sqrt(edges[1:] * edges[:-1])
    counts, npred = found.known(found.counts).ravel(), found.known(found.npred).ravel()
    errors = np.sqrt(counts)
    top.errorbar(center, counts, errors, fmt="o", ms=4, lw=1.2, label="counts")
    top.stairs(npred, edges, color="C1", lw=1.5, label="prediction")
    top.set(xscale="log", ylabel="Counts")
    if np.nanmax(np.append(counts, 0.0)) > 0:
        top.set_yscale("log")
    top.legend(frameon=False)
    _spectral(bottom, found, edges, method)
    return axes


def _spectral(ax: Axes, found: Excess, edges: np.ndarray, method: str) -> None:
    """Draw residuals of sums over pixels, bin by bin."""
    choice(method, "method", RESIDUALS)
    excess, npred = found.known(found.excess).ravel(), found.known(found.npred).ravel()
    positive = np.where(npred > 0, npred, np.nan)
    scale = {"diff": 1.0, "diff/model": positive, "diff/sqrt(model)": np.sqrt(positive)}
    if method == "significance":
        values, errors = found.known(found.sqrt_ts).ravel(), np.ones(npred.size)
    else:
        values = excess / scale[method]
        errors = np.sqrt(np.maximum(found.known(found.counts).ravel(), 0.0)) / scale[method]
    center = np.sqrt(edges[1:] * edges[:-1])
    width = [center - edges[:-1], edges[1:] - center]
    ax.errorbar(center, values, errors, width, fmt="o", ms=4, lw=1.2)
    ax.axhline(0, color="0.5", lw=1)
    ax.set(xscale="log", xlabel="Energy [TeV]", ylabel=LABELS[method])


@operation
def plot_residuals(
    ds: xr.Dataset,
    models: ModelsLike | None = None,
    method: str = RESIDUAL,
    correlation_radius: AngleLike = CORRELATION_RADIUS,
    axes: Axes | Sequence[Axes] | None = None,
) -> Any:
    """Plot the residuals of the data with respect to the model, on the sky and over energy.

    Counts and prediction are summed over energy and discs, or over pixels, before they are
    compared, so that significances of a good fit have a width of one.

    Parameters
    ----------
    ds : Dataset
        Map, spectrum or flux points; the last two have no picture of the sky.
    models : Model or iterable of Model, optional
        By default, the models attached to the dataset.
    method : {"significance", "diff", "diff/model", "diff/sqrt(model)"}
        See `xgamma.fitting.compare.residuals`.
    correlation_radius : Quantity, str or float, optional
        Radius of the discs, as Quantity or number in degrees. By default, each pixel by itself.
    axes : pair of `~matplotlib.axes.Axes`, optional
        For the sky and for the energies; one of them for a spectrum or flux points.

    Returns
    -------
    axes : pair of `~matplotlib.axes.Axes`, or one
        The axes.

    Raises
    ------
    XGammaError
        If `axes` is not a pair for a map.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> sky, spectrum = plot_residuals(example_map(), example_model())
    >>> spectrum.get_xlabel()
    'Energy [TeV]'
    """
    choice(method, "method", RESIDUALS)
    plt = require_package("matplotlib.pyplot", "Drawing", "plot")
    given: Any = axes
    if is_flux_points(ds):
        return _points(plt.subplots()[1] if given is None else given, ds, models, method)
    edges = edges_in(ds, "energy", "TeV")
    found = Excess(full_likelihood(ds, models, SCHEME), sum_pixels=True)
    if not found.likelihood.data.is_map:
        ax = plt.subplots()[1] if given is None else given
        _spectral(ax, found, edges, method)
        return ax
    image = residuals(
        ds, models, method, correlation_radius=correlation_radius, sum_over_energy=True
    )
    if given is None:
        figure = plt.figure(figsize=(11, 4.5), layout="constrained")
        sky = figure.add_subplot(1, 2, 1, projection=image_wcs(image))
        given = sky, figure.add_subplot(1, 2, 2)
    if np.ndim(given) != 1 or len(given) != 2:
        raise XGammaError("axes= must be a pair, for the image and the spectrum.")
    plot_map(image, given[0], title=LABELS[method])
    _spectral(given[1], found, edges, method)
    return given


def _points(ax: Axes, ds: xr.Dataset, models: ModelsLike | None, method: str) -> Any:
    """Draw residuals of flux points over energy."""
    values = point_residuals(ds, models, method).values
    energy = reference_energies(ds)
    low, high = point_edges(ds)
    ax.errorbar(energy, values, None, [energy - low, high - energy], fmt="o", ms=4, lw=1.2)
    ax.axhline(0, color="0.5", lw=1)
    name = LABELS[method].replace("counts", "flux").replace("sqrt(model)", "error")
    ax.set(xscale="log", xlabel="Energy [TeV]", ylabel=name)
    return ax
