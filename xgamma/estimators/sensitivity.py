"""Sensitivity: the smallest flux that would be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xgamma.core.arguments import number, positive
from xgamma.errors import MissingDataError, XGammaError, shown
from xgamma.fitting.likelihood import WStatLikelihood, likelihood_of
from xgamma.fitting.reach import warn_of_short_axes
from xgamma.model.operation import operation
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spectral import PowerLaw
from xgamma.modeling.spectrum_base import Spectrum
from xgamma.numerics import limits
from xgamma.numerics import statistics as stats

if TYPE_CHECKING:
    from xgamma.fitting.likelihood import Likelihood

__all__ = ["sensitivity"]


@operation
def sensitivity(
    ds: xr.Dataset,
    spectrum: Spectrum | None = None,
    n_sigma: float = 5.0,
    min_counts: float = 10.0,
    background_fraction: float = 0.05,
) -> xr.Dataset:
    """Compute the smallest detectable flux in each energy bin.

    A flux is detectable if its excess has a significance of `n_sigma` (Li & Ma with off counts,
    Cash with a known background), and is at least `min_counts` and at least `background_fraction`
    of the background.

    Parameters
    ----------
    ds : Dataset
        Spectrum dataset with exposure and background or off counts.
    spectrum : Spectrum, optional
        Spectral shape within a bin; by default, a power law of index 2.
    n_sigma, min_counts, background_fraction : float
        The conditions.

    Returns
    -------
    sensitivity : Dataset
        Dim ``energy``: ``e2dnde`` (erg cm-2 s-1), ``dnde`` (cm-2 s-1 TeV-1), ``excess``,
        ``background`` and ``criterion`` (``"significance"``, ``"gamma"`` or ``"bkg"``).

    Raises
    ------
    XGammaError
        If the dataset is a map: make a spectrum of it first.
    MissingDataError
        If it has neither background nor off counts.

    Examples
    --------
    >>> from xgamma.tutorial import example_spectrum
    >>> limits = sensitivity(example_spectrum())
    >>> sorted(limits.data_vars)
    ['background', 'criterion', 'dnde', 'e2dnde', 'excess']
    """
    form = PowerLaw(index=2.0) if spectrum is None else spectrum
    if not isinstance(form, Spectrum):
        raise XGammaError(f"spectrum={shown(form)} must be a spectrum, for example xg.PowerLaw().")
    n_sigma = positive(n_sigma, "n_sigma")
    min_counts = number(min_counts, "min_counts", 0)
    background_fraction = number(background_fraction, "background_fraction", 0)
    source = SkyModel(form.copy(), name="test")
    made = ds if "counts" in ds else ds.assign(counts=("energy", np.zeros(ds.sizes["energy"])))
    likelihood = likelihood_of(made, Models(source))
    data = likelihood.data
    if data.is_map:
        raise XGammaError(
            "The sensitivity requires a spectrum dataset: extract one with to_spectrum(region)."
        )
    likelihood.check()
    data.require_background()
    warn_of_short_axes([made], [source])
    excess, background = excess_needed(likelihood, n_sigma)
    by_fraction = background_fraction * background
    needed = np.maximum(np.maximum(excess, min_counts), by_fraction)
    criterion = np.where(
        needed == excess, "significance", np.where(needed == by_fraction, "bkg", "gamma")
    )
    # Without off region nothing is known of the background, nor of the sensitivity.
    needed = np.where(np.isfinite(excess), needed, np.nan)
    predicted = likelihood.npred_signal()[:, 0, 0]
    norm = needed / np.where(predicted > 0, predicted, np.nan)
    dnde = norm * form.kernel(data.energy)
    names = [n for n in ("energy", "energy_lo", "energy_hi") if n in ds.coords]
    out = xr.Dataset(coords={n: ds.coords[n].variable for n in names})
    erg_per_tev = 1.602176634
    out["e2dnde"] = ("energy", dnde * data.energy**2 * erg_per_tev, {"units": "erg s-1 cm-2"})
    out["dnde"] = ("energy", dnde, {"units": "TeV-1 s-1 cm-2"})
    out["excess"] = ("energy", needed, {"units": ""})
    out["background"] = ("energy", background, {"units": ""})
    out["criterion"] = ("energy", criterion)
    return out.assign_attrs(n_sigma=n_sigma, name=str(ds.attrs.get("name", "")))


def excess_needed(likelihood: Likelihood, n_sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the significant excess and the background, per energy."""
    data = likelihood.data
    if isinstance(likelihood, WStatLikelihood):
        off, alpha = likelihood.n_off[:, 0, 0], likelihood.alpha[:, 0, 0]
        background = alpha * off

        def significance(excess: np.ndarray) -> np.ndarray:
            values: np.ndarray = np.nan_to_num(
                stats.li_ma(background + excess, off, alpha), nan=np.inf
            )
            return values

    elif data.background is not None:
        background = data.background[:, 0, 0]

        def significance(excess: np.ndarray) -> np.ndarray:
            return stats.cash_significance(background + excess, background)

    else:
        raise MissingDataError(
            f"The dataset {data.name!r} has neither a background nor off counts: fill one first."
        )
    found = limits.excess_for_significance(significance, n_sigma, background)
    known = np.ones(found.shape, bool) if data.background is not None else alpha > 0
    return np.where(known, found, np.nan), background
