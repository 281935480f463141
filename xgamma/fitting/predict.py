"""Predicted counts of datasets, with labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xgamma.core.defaults import SCHEME
from xgamma.core.lazy import is_lazy, labels_of
from xgamma.errors import XGammaError, shown, warn
from xgamma.fitting.attached import chosen_models
from xgamma.fitting.compiled import Compiled
from xgamma.fitting.likelihood import Likelihood, WStatLikelihood, likelihood_of
from xgamma.fitting.reach import warn_of_short_axes
from xgamma.model.operation import later, operation
from xgamma.modeling.count_models import FoVBackground
from xgamma.modeling.model_base import Model
from xgamma.modeling.models import Models

if TYPE_CHECKING:
    from xgamma.modeling.model_base import ModelsLike

__all__ = ["npred", "npred_background", "npred_signal"]


def labelled(likelihood: Likelihood, values: np.ndarray, name: str, long_name: str) -> xr.DataArray:
    """Give an array (energy, y, x) the labels of its dataset."""
    ds = likelihood.data.ds
    dims = likelihood.data.dims
    attrs = result_attrs(long_name)
    variable = xr.Variable(dims, values.reshape([ds.sizes[d] for d in dims]), attrs)
    return ds.drop_vars(list(ds.data_vars)).assign({name: variable})[name]


def result_attrs(long_name: str) -> dict[str, str]:
    """Return the attributes of a predicted array."""
    return {"units": "", "long_name": long_name}


def is_source(model: Model) -> bool:
    """Return whether a model predicts a signal, rather than background."""
    return not isinstance(model, FoVBackground)


def list_of_names(names: str | Iterable[str] | None) -> list[str]:
    """Return names of models as a list; whether there are such models is for `Models` to say."""
    if isinstance(names, Iterable):
        listed = list(names)
        if all(isinstance(name, str) for name in listed):
            return listed
    raise XGammaError(f"model_names={shown(names)} must be a name or a list of names.")


@operation
def npred_signal(
    ds: xr.Dataset,
    models: ModelsLike | None = None,
    model_names: Iterable[str] | str | None = None,
    stack: bool = True,
    scheme: str = SCHEME,
) -> xr.DataArray:
    """Predict the counts of the sources.

    Spectrum integrated over each bin of true energy, times brightness convolved with the
    PSF, times exposure, through the energy dispersion; see ``docs/science/prediction.md``.

    Parameters
    ----------
    ds : Dataset
        With ``exposure``, and ``psf`` and ``edisp`` where known.
    models : Model or iterable of Model, optional
        By default, the models attached to the dataset.
    model_names : str or iterable of str, optional
        Names of the models to include; by default, all.
    stack : bool
        Whether to sum over sources; otherwise they are stacked along a dimension ``model``.
    scheme : {"exact", "gammapy"}
        "gammapy" reproduces the prediction of gammapy 2.1, for comparisons; see
        ``xgamma.fitting.compiled.Compiled``.

    Returns
    -------
    npred : DataArray
        Dims those of the counts (and ``model``), dimensionless.

    Raises
    ------
    MissingDataError
        If there is no model of a name, or no exposure.
    XGammaError
        If a model predicts NaN.

    Warns
    -----
    XGammaWarning
        If a source lies outside the map, or the true energies do not reach beyond the
        reconstructed ones.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> npred_signal(ds).sum(("y", "x")).values.round(0)
    array([83., 33., 13.,  5.])
    """
    chosen = chosen_models(ds, models)
    if model_names is not None:
        wanted = [model_names] if isinstance(model_names, str) else list_of_names(model_names)
        chosen = Models(chosen[name] for name in wanted)
    if is_lazy(ds):
        like = labels_of(ds, "npred_signal", result_attrs("predicted signal"))
        if not stack:
            sources = [m.name for m in chosen.select(ds.attrs.get("name")) if is_source(m)]
            model = xr.Variable("model", np.array(sources, dtype=np.str_))
            like = like.expand_dims(model=len(sources)).assign_coords(model=model)
        return later(like)
    warn_of_short_axes([ds], chosen)
    likelihood = signal_likelihood(ds, chosen, scheme)
    for term in likelihood.terms:
        if not term.contributes:
            warn(outside_message(term.model.name, likelihood.data.name))
    if stack:
        return labelled(likelihood, likelihood.npred_signal(), "npred_signal", "predicted signal")
    layers = []
    for term in likelihood.terms:
        one = np.zeros(likelihood.data.shape)
        one[:, term.box[0], term.box[1]] += term.npred
        layers.append(labelled(likelihood, one, "npred_signal", "predicted signal"))
    names = [term.model.name for term in likelihood.terms]
    if not layers:
        empty = labelled(likelihood, np.zeros(likelihood.data.shape), "npred_signal", "")
        return empty.expand_dims(model=np.array(names, dtype=np.str_))[:0]
    return xr.concat(layers, xr.Variable("model", np.array(names, dtype=np.str_)))


def outside_message(model: str, dataset: str | None) -> str:
    """Say that a source lies outside a map."""
    return (
        f"The model {model!r} lies outside the dataset {dataset!r} and does not contribute to "
        "it: move it, or restrict it to other datasets with datasets=."
    )


def signal_likelihood(ds: xr.Dataset, models: Models, scheme: str) -> Likelihood:
    """Return the terms of the sources, brought up to date and checked."""
    likelihood = Likelihood(Compiled(ds, scheme), models)
    likelihood.check()
    return likelihood


@operation
def npred_background(
    ds: xr.Dataset, models: ModelsLike | None = None, scheme: str = SCHEME
) -> xr.DataArray:
    """Predict the background counts.

    Parameters
    ----------
    ds : Dataset
        With ``background``; or on-off, where the background is the most likely one given
        the off counts and the predicted signal.
    models : Model or iterable of Model, optional
        By default, the models attached to the dataset.
    scheme : {"exact", "gammapy"}
        See `npred_signal`.

    Returns
    -------
    npred : DataArray
        Dims those of the counts, dimensionless; zero if there is no background.

    Raises
    ------
    XGammaError
        If the background is NaN, infinite or negative in safe bins.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> npred_background(ds).equals(ds.background.astype(float))
    True
    """
    if is_lazy(ds):
        return later(outline(ds, models, "npred_background", "predicted background"))
    likelihood = full_likelihood(ds, models, scheme)
    likelihood.data.require_background()
    if isinstance(likelihood, WStatLikelihood):
        values = likelihood.npred_background()
    elif likelihood.background is not None:
        values = likelihood.background.npred
    else:
        values = np.zeros(likelihood.data.shape)
    return labelled(likelihood, values, "npred_background", "predicted background")


@operation
def npred(ds: xr.Dataset, models: ModelsLike | None = None, scheme: str = SCHEME) -> xr.DataArray:
    """Predict the counts of sources and background together.

    Parameters
    ----------
    ds : Dataset
        See `npred_signal` and `npred_background`.
    models : Model or iterable of Model, optional
        By default, the models attached to the dataset.
    scheme : {"exact", "gammapy"}
        See `npred_signal`.

    Returns
    -------
    npred : DataArray
        Dims those of the counts, dimensionless.

    Raises
    ------
    MissingDataError
        If there is no exposure.
    XGammaError
        If a model predicts NaN, or the background is NaN, infinite or negative in safe bins.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> npred(ds).sum("energy").dims
    ('y', 'x')
    """
    if is_lazy(ds):
        return later(outline(ds, models, "npred", "predicted counts"))
    warn_of_short_axes([ds], chosen_models(ds, models))
    likelihood = full_likelihood(ds, models, scheme)
    likelihood.data.require_background()
    return labelled(likelihood, likelihood.npred(), "npred", "predicted counts")


def outline(ds: xr.Dataset, models: ModelsLike | None, name: str, long_name: str) -> xr.DataArray:
    """Return what a prediction for lazy maps will look like; models are checked now."""
    chosen_models(ds, models)
    return labels_of(ds, name, result_attrs(long_name))


def full_likelihood(ds: xr.Dataset, models: ModelsLike | None, scheme: str) -> Likelihood:
    """Return the likelihood of a dataset, brought up to date and checked."""
    made = ds if "counts" in ds else without_counts(ds)
    likelihood = likelihood_of(made, chosen_models(ds, models), scheme)
    likelihood.check()
    return likelihood


def without_counts(ds: xr.Dataset) -> xr.Dataset:
    """Give a dataset that was never filled with counts none, so that it can predict them."""
    sample = ds.get("background")
    if sample is None:
        dims = [d for d in ("energy", "y", "x") if d in ds.dims]
        sample = xr.DataArray(np.zeros([ds.sizes[d] for d in dims]), dims=dims)
    return ds.assign(counts=xr.zeros_like(sample))
