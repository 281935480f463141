"""Pictures of spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import interval
from xgamma.core.defaults import ENERGY_POWER
from xgamma.core.extras import require_package
from xgamma.errors import XGammaError
from xgamma.fitting import flux_data as fp
from xgamma.fitting.attached import chosen_models
from xgamma.model.operation import operation
from xgamma.typing import EnergyLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from xgamma.modeling.model_base import ModelsLike
    from xgamma.modeling.spectrum_base import Spectrum

__all__ = ["plot_flux_points", "plot_spectrum", "plot_spectrum_model"]


def axes_or_new(ax: Axes | None) -> Any:
    """Return the given axes, or new ones."""
    if ax is not None:
        return ax
    plt = require_package("matplotlib.pyplot", "Drawing", "plot")

    return plt.subplots()[1]


def plot_spectrum_model(
    spectrum: Spectrum,
    energy_range: tuple[EnergyLike, EnergyLike] = (0.1, 100),
    ax: Axes | None = None,
    power: int = ENERGY_POWER,
    band: bool = True,
    **kwargs: Any,
) -> Any:
    """Plot a spectrum and its error band.

    Parameters
    ----------
    spectrum : Spectrum
        What to plot.
    energy_range : pair of Quantity, str or float
        Plain numbers are TeV.
    ax : `~matplotlib.axes.Axes`, optional
        Axes.
    power : int
        The flux is multiplied by ``E^power``.
    band : bool
        Whether to draw the band of one standard deviation, where errors are known.
    **kwargs : dict
        Passed to ``ax.plot``.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes.
    """
    low, high = interval(energy_range, "TeV", "energy_range")
    if not 0 < low < high < np.inf:
        raise XGammaError(f"energy_range={energy_range!r} must be two energies above zero.")
    energy = np.geomspace(low, high, 200)
    value, error = spectrum._propagate(lambda: spectrum.kernel(energy))
    scale = energy**power
    ax = axes_or_new(ax)
    (line,) = ax.plot(energy, value * scale, **kwargs)
    if band and np.any(error > 0):
        # On a logarithmic axis the band is that of the logarithm.
        factor = np.exp(error / np.where(value > 0, value, np.inf))
        ax.fill_between(
            energy,
            value * scale / factor,
            value * scale * factor,
            color=line.get_color(),
            alpha=0.3,
            lw=0,
        )
    label_axes(ax, power)
    return ax


@operation
def plot_flux_points(
    ds: xr.Dataset, ax: Axes | None = None, power: int = ENERGY_POWER, **kwargs: Any
) -> Any:
    """Plot flux points with their errors, and arrows for upper limits.

    Parameters
    ----------
    ds : Dataset
        Flux points, dim ``energy``.
    ax : `~matplotlib.axes.Axes`, optional
        Axes.
    power : int
        The flux is multiplied by ``E^power``.
    **kwargs : dict
        Passed to ``ax.errorbar``.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> points = ds.gamma.flux_points("crab", ds.gamma.edges("energy")[::3])
    >>> ax = plot_flux_points(points)
    >>> ax.get_xscale()
    'log'
    """
    ax = axes_or_new(ax)
    energy = fp.reference_energies(ds)
    low, high = fp.point_edges(ds)
    scale, limits = energy**power, fp.upper_limits(ds)
    value = np.where(limits, np.nan, fp.flux_values(ds, "dnde")) * scale
    asymmetric = fp.has_values(ds, "dnde_errn") and fp.has_values(ds, "dnde_errp")
    names = ("dnde_errn", "dnde_errp") if asymmetric else ("dnde_err", "dnde_err")
    errors = np.array([fp.flux_values(ds, n) for n in names]) * scale
    style = {"fmt": "o", "ms": 4, "lw": 1.2, **kwargs}
    width = np.array([energy - low, high - energy])
    drawn = ax.errorbar(energy, value, np.nan_to_num(errors), width, **style)
    if fp.has_values(ds, "dnde_ul") and limits.any():
        top = fp.flux_values(ds, "dnde_ul")[limits] * scale[limits]
        color = drawn[0].get_color()
        style = {**style, "fmt": "none", "color": color, "label": None}
        ax.errorbar(energy[limits], top, 0.4 * top, width[:, limits], uplims=True, **style)
    label_axes(ax, power)
    return ax


@operation
def plot_spectrum(
    ds: xr.Dataset,
    models: ModelsLike | None = None,
    axes: Sequence[Axes] | None = None,
    power: int = ENERGY_POWER,
    **kwargs: Any,
) -> Any:
    """Plot flux points with the model, its error band, and the residuals below.

    Parameters
    ----------
    ds : Dataset
        Flux points.
    models : Model or iterable of Model, optional
        By default, the models attached to the dataset.
    axes : pair of `~matplotlib.axes.Axes`, optional
        For the spectrum and for the residuals.
    power : int
        The flux is multiplied by ``E^power``.
    **kwargs : dict
        Passed to `plot_flux_points`.

    Returns
    -------
    axes : pair of `~matplotlib.axes.Axes`
        The axes.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> points = ds.gamma.flux_points("crab", ds.gamma.edges("energy")[::3])
    >>> axes = plot_spectrum(points, example_model())
    >>> len(axes)
    2
    """
    chosen = chosen_models(ds, models)
    if axes is None:
        plt = require_package("matplotlib.pyplot", "Drawing", "plot")

        _, axes = plt.subplots(
            2, sharex=True, gridspec_kw={"height_ratios": (3, 1), "hspace": 0.05}
        )
    top, bottom = axes
    plot_flux_points(ds, top, power, **kwargs)
    low, high = fp.point_edges(ds)
    for model in chosen:
        plot_spectrum_model(
            model.spectral, (low.min(), high.max()), top, power, color="C1", label=model.name
        )
    likelihood = fp.FluxPointsLikelihood(ds, chosen)
    mask = likelihood.mask
    pull = (likelihood.dnde - likelihood.npred())[mask] / likelihood.error[mask]
    bottom.errorbar(likelihood.energy[mask], pull, 1.0, fmt="o", ms=4, lw=1.2)
    bottom.axhline(0, color="0.5", lw=1)
    if top.get_legend_handles_labels()[0]:
        top.legend(frameon=False)
    top.set_xlabel("")
    bottom.set(ylabel="residual / error", xlabel="Energy [TeV]")
    return axes


def label_axes(ax: Axes, power: int) -> None:
    """Name the axes of a spectral energy distribution."""
    ax.set(xscale="log", yscale="log", xlabel="Energy [TeV]")
    quantity = {0: "dN/dE", 1: "E dN/dE"}.get(power, f"$E^{power}$ dN/dE")
    energy = {0: "TeV$^{-1}$ ", 1: "", 2: "TeV "}.get(power, f"TeV$^{power - 1}$ ")
    ax.set_ylabel(f"{quantity} [{energy}s$^{{-1}}$ cm$^{{-2}}$]")
