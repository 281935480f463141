"""Simulated counts: drawn from a prediction, or equal to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xgamma.core.arguments import generator
from xgamma.core.defaults import SCHEME
from xgamma.core.lazy import hollow, is_lazy
from xgamma.datasets.onoff import onoff_variables
from xgamma.errors import XGammaError
from xgamma.fitting.attached import chosen_models
from xgamma.fitting.likelihood import alpha_of
from xgamma.fitting.predict import full_likelihood, npred_signal
from xgamma.fitting.reach import warn_of_short_axes
from xgamma.model.operation import later, operation
from xgamma.model.schema import kind
from xgamma.numerics.sampling import draw_counts
from xgamma.typing import DTypeLike, SeedLike

if TYPE_CHECKING:
    from xgamma.fitting.likelihood import Likelihood
    from xgamma.modeling.model_base import ModelsLike

__all__ = ["asimov", "fake"]

# What is below zero by less than this part of the largest value is rounding.
ROUNDING = 1e-12


@operation
def fake(
    ds: xr.Dataset,
    seed: SeedLike,
    models: ModelsLike | None = None,
    background: xr.DataArray | None = None,
    scheme: str = SCHEME,
) -> xr.Dataset:
    """Draw counts from the prediction of a dataset and its models.

    Parameters
    ----------
    ds : Dataset
        Dataset of any kind with exposure; existing counts are replaced.
    seed : int or `numpy.random.Generator`
        Seed or random number generator; the same seed gives the same counts.
    models : Model or iterable of Model, optional
        By default, the models attached to the dataset.
    background : DataArray, optional
        Background in the on region of an on-off dataset. By default, its variable
        ``background``, else the most likely one given its off counts.
    scheme : {"exact", "gammapy"}
        See `xgamma.fitting.predict.npred_signal`.

    Returns
    -------
    ds : Dataset
        New, with integer ``counts`` (and ``counts_off``).

    Examples
    --------
    >>> import numpy as np, xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.5 deg", xg.energy_axis(1, 10, 1), name="d")
    >>> ds["background"] = (("energy", "y", "x"), np.full((1, 2, 2), 1000.0), {"units": ""})
    >>> int(fake(ds, 0, models=[]).counts.sum()) in range(3700, 4300)
    True
    """
    if is_lazy(ds, background) and not isinstance(seed, np.random.Generator):
        # Drawn once and for all: what is computed twice must be the same.
        fixed = np.random.SeedSequence().entropy if seed is None else seed
        like, names = _outline(ds, int, models)
        return later(like, names, seed=fixed)
    rng = generator(seed)
    predicted = predictions(ds, models, background, scheme)
    return put_counts(ds, {name: draw_counts(rng, values) for name, values in predicted.items()})


@operation
def asimov(
    ds: xr.Dataset,
    models: ModelsLike | None = None,
    background: xr.DataArray | None = None,
    scheme: str = SCHEME,
) -> xr.Dataset:
    """Replace the counts with the prediction itself (Cowan et al. 2011, EPJC 71, 1554).

    Parameters
    ----------
    ds, models, background, scheme
        As in `fake`.

    Returns
    -------
    ds : Dataset
        New, with fractional ``counts`` (and ``counts_off``).

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> bool((asimov(ds).counts == ds.gamma.npred()).all())
    True
    """
    if is_lazy(ds, background):
        return later(*_outline(ds, float, models))
    return put_counts(ds, predictions(ds, models, background, scheme))


def _outline(
    ds: xr.Dataset, dtype: DTypeLike, models: ModelsLike | None
) -> tuple[xr.Dataset, list[str]]:
    """Return what the counts of lazy maps will look like, and their names."""
    chosen_models(ds, models)
    names = ["counts", "counts_off"] if kind(ds).endswith("onoff") else ["counts"]
    shape = [ds.sizes[d] for d in ("energy", "y", "x") if d in ds.dims]
    return put_counts(ds, dict.fromkeys(names, hollow(shape, dtype))), names


def predictions(
    ds: xr.Dataset,
    models: ModelsLike | None,
    background: xr.DataArray | None,
    scheme: str,
) -> dict[str, np.ndarray]:
    """Return the expected counts (and off counts) of a dataset, in the order of its dims."""
    likelihood = full_likelihood(ds, models, scheme)
    if not kind(ds).endswith("onoff"):
        if background is not None:
            raise XGammaError(
                "background= is for on-off datasets only: for others, assign the variable 'background'."
            )
        warn_of_short_axes([ds], likelihood.models)
        likelihood.data.require_background()
        return {"counts": without_rounding(likelihood.npred()).reshape(shape_of(likelihood))}
    if background is None and "background" in ds:
        background = ds["background"]
    signal = npred_signal(ds, models, scheme=scheme).transpose(*likelihood.data.dims).values
    if background is None:
        on = (likelihood.npred() - likelihood.npred_signal()).reshape(signal.shape)
    else:
        on = dict(onoff_variables(ds, background, 1.0, 1.0))["counts_off"].values
    alpha = alpha_of(likelihood.data).reshape(signal.shape)
    off = np.where(alpha > 0, on / np.where(alpha > 0, alpha, 1.0), 0.0)
    return {"counts": signal + on, "counts_off": off}


def without_rounding(values: np.ndarray) -> np.ndarray:
    """Return values with zero for what rounding left below it, as the background of HAWC has it."""
    limit = -ROUNDING * float(np.max(values, initial=0.0))
    return np.where((values < 0) & (values >= limit), 0.0, values)


def shape_of(likelihood: Likelihood) -> list[int]:
    """Return the sizes of the dims of the counts."""
    return [likelihood.data.ds.sizes[d] for d in likelihood.data.dims]


def put_counts(ds: xr.Dataset, counts: dict[str, np.ndarray]) -> xr.Dataset:
    """Return a dataset with other counts."""
    dims = [d for d in ("energy", "y", "x") if d in ds.dims]
    made = ds
    for name, values in counts.items():
        if np.any(values < 0):
            raise XGammaError(f"The prediction for {name!r} is negative, so nothing can be drawn.")
        long_name = "off counts" if name == "counts_off" else "counts"
        made = made.assign({name: (dims, values, {"units": "", "long_name": long_name})})
    return made
