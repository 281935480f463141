"""Whether a prediction knows all of what is reconstructed in the bins that it is for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import xarray as xr

from xgamma.errors import warn
from xgamma.model.axes import TOLERANCE, edges_in
from xgamma.modeling.model_base import Model
from xgamma.modeling.sky_model import SkyModel

__all__ = ["warn_of_short_axes"]


def _uses_dispersion(ds: xr.Dataset, models: Sequence[Model]) -> bool:
    name = ds.attrs.get("name")
    return "edisp" in ds and any(
        isinstance(model, SkyModel) and model.apply_irf["edisp"] and model.acts_on(name)
        for model in models
    )


def _ends_of_use(ds: xr.Dataset) -> tuple[float, float]:
    """Return the lowest and highest reconstructed energy that a mask leaves, TeV."""
    energy = edges_in(ds, "energy", "TeV")
    used = np.ones(energy.size - 1, dtype=bool)
    for name in ("mask_safe", "mask_fit"):
        if name in ds:
            mask = ds.variables[name]
            used &= np.asarray(mask.any([d for d in mask.dims if d != "energy"]).values)
    where = np.flatnonzero(used)
    return (energy[where[0]], energy[where[-1] + 1]) if where.size else (np.inf, 0.0)


def _is_short(ds: xr.Dataset) -> bool:
    """Return whether the true energies end where the reconstructed ones in use do, or before."""
    if "energy_true" not in ds.dims:
        return False
    true = edges_in(ds, "energy_true", "TeV")
    whole = edges_in(ds, "energy", "TeV")
    slack = 1 + TOLERANCE
    if true[0] * slack < whole[0] and true[-1] > whole[-1] * slack:
        return False
    low, high = _ends_of_use(ds)
    return bool(true[0] * slack >= low or true[-1] <= high * slack)


def warn_of_short_axes(datasets: Iterable[xr.Dataset], models: Sequence[Model]) -> None:
    """Warn once if what spills into the bins of some datasets from beyond is not predicted.

    Parameters
    ----------
    datasets : iterable of Dataset
        Datasets that counts are predicted of.
    models : sequence of Model
        Their models.

    Warns
    -----
    XGammaWarning
        If a source goes through an energy dispersion whose axis of true energy does not reach
        beyond the reconstructed energies in use, on both sides.
    """
    short = [ds for ds in datasets if _uses_dispersion(ds, models) and _is_short(ds)]
    if not short:
        return
    ds = short[0]
    true, reco = (edges_in(ds, dim, "TeV")[[0, -1]] for dim in ("energy_true", "energy"))
    others = f" and {len(short) - 1} more" if len(short) > 1 else ""
    warn(
        f"The true energies of {ds.attrs.get('name', 'the dataset')!r}{others} ({true[0]:.4g} to {true[1]:.4g} TeV) do not extend beyond the reconstructed ones ({reco[0]:.4g} to {reco[1]:.4g} TeV): events from outside that are reconstructed inside are not predicted, so fitted fluxes are too high. Create the template with a wider energy_true=, or omit it for a wider default."
    )
