"""Pictures of spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xgamma.units import to_value

if TYPE_CHECKING:
    from xgamma.modeling.spectral import Spectrum

__all__ = ["plot_spectrum_model"]


def axes_or_new(ax: Any) -> Any:
    """Return the given axes, or new ones."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def plot_spectrum_model(
    spectrum: Spectrum,
    energy_range: Any = (0.1, 100),
    ax: Any = None,
    power: int = 2,
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
        The flux is multiplied with ``E^power``.
    band : bool
        Whether to draw the band of one standard deviation, where errors are known.
    **kwargs : dict
        Passed to ``ax.plot``.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes.
    """
    low, high = (to_value(e, "TeV", "energy_range") for e in energy_range)
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
    ax.set(xscale="log", yscale="log", xlabel="Energy [TeV]")
    prefix = {0: "dN/dE [", 1: "E dN/dE [TeV "}.get(power, f"$E^{power}$ dN/dE [TeV$^{power}$ ")
    ax.set_ylabel(f"{prefix}TeV$^{{-1}}$ s$^{{-1}}$ cm$^{{-2}}$]")
    return ax
