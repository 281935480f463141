"""Data against prediction: fit statistics and residuals, with labels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from xgamma.arguments import choice
from xgamma.deferred import is_lazy
from xgamma.model import require
from xgamma.modeling.attach import chosen_models, datasets_of
from xgamma.modeling.likelihood import likelihood_of
from xgamma.modeling.predict import labelled, later, npred
from xgamma.modeling.sky_model import Model
from xgamma.operation import DatasetsLike, operation

__all__ = ["residuals", "stat_array", "stat_sum"]

RESIDUALS = ("diff", "diff/model", "diff/sqrt(model)")


@operation
def stat_sum(
    obj: DatasetsLike, models: Model | Iterable[Model] | None = None, scheme: str = "exact"
) -> float:
    """Return the fit statistic summed over the bins that are safe and fitted.

    Parameters
    ----------
    obj : Dataset, DataTree or iterable of Dataset
        Map and spectrum datasets (Cash), on-off datasets (W statistic), flux points (chi2);
        many are added up.
    models : Model or iterable of Model, optional
        Those on the datasets when absent.
    scheme : {"exact", "gammapy"}
        See `npred_signal`.

    Returns
    -------
    stat : float
        -2 ln L up to a constant of the data. Priors are not part of it.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> stat_sum(ds) < stat_sum(ds, models=[])
    True
    """
    chosen = chosen_models(obj, models)
    total = 0.0
    for ds in datasets_of(obj).values():
        likelihood = likelihood_of(ds, chosen, scheme)
        likelihood.check_counts()
        total += likelihood.stat_sum()
    return total


@operation
def stat_array(
    ds: xr.Dataset, models: Model | Iterable[Model] | None = None, scheme: str = "exact"
) -> xr.DataArray:
    """Return the fit statistic of each bin; the masks are not applied.

    Parameters
    ----------
    ds : Dataset
        See `stat_sum`.
    models : Model or iterable of Model, optional
        Those on the dataset when absent.
    scheme : {"exact", "gammapy"}
        See `npred_signal`.

    Returns
    -------
    stat : DataArray
        Dims those of the counts.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> stat_array(ds).dims
    ('energy', 'y', 'x')
    """
    if is_lazy(ds):
        return later(stat_array, ds, models, scheme, "stat", "fit statistic")
    likelihood = likelihood_of(ds, chosen_models(ds, models), scheme)
    return labelled(likelihood, likelihood.stat_array(), "stat", "fit statistic")


@operation
def residuals(
    ds: xr.Dataset,
    models: Model | Iterable[Model] | None = None,
    method: str = "diff",
    scheme: str = "exact",
) -> xr.DataArray:
    """Return counts minus prediction.

    Parameters
    ----------
    ds : Dataset
        With ``counts``.
    models : Model or iterable of Model, optional
        Those on the dataset when absent.
    method : {"diff", "diff/model", "diff/sqrt(model)"}
        What the difference is divided by.
    scheme : {"exact", "gammapy"}
        See `npred_signal`.

    Returns
    -------
    residuals : DataArray
        Dims those of the counts; NaN where the model is zero and is divided by.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> residuals(ds, method="diff/sqrt(model)").dims
    ('energy', 'y', 'x')
    """
    choice(method, "method", RESIDUALS)
    require(ds, "counts")
    predicted = npred(ds, models, scheme)
    counts = ds.variables["counts"].transpose(*predicted.dims)
    difference = xr.apply_ufunc(
        _residuals,
        counts,
        predicted.variable,
        kwargs={"method": method},
        dask="parallelized",
        output_dtypes=[float],
    )
    found = predicted.copy(data=difference.data).rename("residuals")
    found = found.transpose(*ds.variables["counts"].dims)
    return found.assign_attrs(units="", long_name=f"residuals, {method}")


def _residuals(counts: np.ndarray, predicted: np.ndarray, method: str) -> np.ndarray:
    """Return what `residuals` says, of plain arrays."""
    difference = counts - predicted
    if method == "diff":
        return difference
    positive = predicted > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        difference /= predicted if method == "diff/model" else np.sqrt(predicted)
    if not positive.all():
        difference[~positive] = np.nan
    return difference
