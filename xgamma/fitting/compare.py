"""Data against prediction: fit statistics and residuals, with labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xgamma.core.arguments import choice, pixel_mask
from xgamma.core.defaults import SCHEME
from xgamma.core.lazy import is_lazy, labels_of
from xgamma.fitting.attached import chosen_models, datasets_of
from xgamma.fitting.excess import Excess
from xgamma.fitting.flux_data import point_residuals
from xgamma.fitting.likelihood import likelihood_of
from xgamma.fitting.predict import full_likelihood, labelled, npred, outline
from xgamma.fitting.reach import warn_of_short_axes
from xgamma.model.operation import DatasetsLike, later, operation
from xgamma.model.schema import is_flux_points, require
from xgamma.typing import AngleLike

if TYPE_CHECKING:
    from xgamma.modeling.model_base import ModelsLike

__all__ = ["model_significance", "residuals", "stat_array", "stat_sum"]

RESIDUALS = ("diff", "diff/model", "diff/sqrt(model)", "significance")


@operation
def stat_sum(obj: DatasetsLike, models: ModelsLike | None = None, scheme: str = SCHEME) -> float:
    """Return the fit statistic summed over the bins in ``mask_safe`` and ``mask_fit``.

    Parameters
    ----------
    obj : Dataset, DataTree or iterable of Dataset
        Map and spectrum datasets (Cash), on-off datasets (W statistic), flux points (chi2);
        many are added up.
    models : Model or iterable of Model, optional
        By default, the models attached to the datasets.
    scheme : {"exact", "gammapy"}
        See `npred_signal`.

    Returns
    -------
    stat : float
        -2 ln L up to a constant that depends on the data only. Priors are not included.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> stat_sum(ds) < stat_sum(ds, models=[])
    True
    """
    chosen, datasets = chosen_models(obj, models), datasets_of(obj)
    warn_of_short_axes(datasets.values(), chosen)
    total = 0.0
    for ds in datasets.values():
        likelihood = likelihood_of(ds, chosen, scheme)
        likelihood.check_counts()
        total += likelihood.stat_sum()
    return total


@operation
def stat_array(
    ds: xr.Dataset, models: ModelsLike | None = None, scheme: str = SCHEME
) -> xr.DataArray:
    """Return the fit statistic of each bin; the masks are not applied.

    Parameters
    ----------
    ds : Dataset
        See `stat_sum`.
    models : Model or iterable of Model, optional
        By default, the models attached to the dataset.
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
        return later(outline(ds, models, "stat", "fit statistic"))
    chosen = chosen_models(ds, models)
    warn_of_short_axes([ds], chosen)
    likelihood = likelihood_of(ds, chosen, scheme)
    likelihood.data.require_background()
    return labelled(likelihood, likelihood.stat_array(), "stat", "fit statistic")


@operation
def residuals(
    ds: xr.Dataset,
    models: ModelsLike | None = None,
    method: str = "diff",
    scheme: str = SCHEME,
    correlation_radius: AngleLike | None = None,
    sum_over_energy: bool = False,
) -> xr.DataArray:
    """Return counts minus prediction, in each bin or summed.

    Parameters
    ----------
    ds : Dataset
        With ``counts``; or flux points, whose residuals are those of their fluxes.
    models : Model or iterable of Model, optional
        By default, the models attached to the dataset.
    method : {"diff", "diff/model", "diff/sqrt(model)", "significance"}
        What the difference is divided by, or its significance in standard deviations (Cash, or
        Li & Ma with a signal). Of flux points "diff/sqrt(model)" is divided by the errors.
    scheme : {"exact", "gammapy"}
        See `npred_signal`.
    correlation_radius : Quantity, str or float, optional
        Radius (Quantity or number in degrees) of the disc in which counts and prediction of a map
        are summed first.
    sum_over_energy : bool
        Whether counts and prediction are summed over energy first.

    Returns
    -------
    residuals : DataArray
        Dims those of the counts (without ``energy`` if summed); NaN where the model is zero and
        is divided by. Sums and significances are of the bins in ``mask_safe`` and ``mask_fit``,
        NaN elsewhere.

    Raises
    ------
    XGammaError
        If a radius is given for a spectrum.

    Notes
    -----
    Residuals in units of their errors cannot be added: the sum of ``diff/sqrt(model)`` over n bins
    has a width of ``sqrt(n)`` for a perfect fit. Use `sum_over_energy` or `correlation_radius` to
    sum first.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> residuals(ds, method="diff/sqrt(model)").dims
    ('energy', 'y', 'x')
    >>> found = residuals(
    ...     ds, method="significance", correlation_radius="0.1 deg", sum_over_energy=True
    ... )
    >>> found.dims
    ('y', 'x')
    """
    choice(method, "method", RESIDUALS)
    if is_flux_points(ds):
        return point_residuals(ds, models, method)
    require(ds, "counts")
    if method != "significance" and correlation_radius is None and not sum_over_energy:
        return _each_bin(ds, models, method, scheme)
    if is_lazy(ds):
        like = labels_of(ds, "residuals", {"units": "", "long_name": f"residuals, {method}"})
        like = like.isel(energy=0, drop=True) if sum_over_energy else like
        chosen_models(ds, models)
        return later(like)
    found = Excess(full_likelihood(ds, models, scheme), correlation_radius, sum_over_energy)
    if method == "significance":
        values = found.sqrt_ts
    else:
        values = _residuals(found.counts, found.npred, method)
    return _labelled_sum(found, values, f"residuals, {method}")


def _labelled_sum(found: Excess, values: np.ndarray, long_name: str) -> xr.DataArray:
    """Label values (energy or 1, y, x) of sums, without the energy if it was summed."""
    likelihood = found.likelihood
    whole = labelled(likelihood, np.zeros(likelihood.data.shape), "residuals", long_name)
    like = whole.isel(energy=0, drop=True) if found.sum_energy else whole
    made = like.copy(data=found.known(values).reshape(like.shape))
    dims = [d for d in likelihood.data.ds["counts"].dims if d in made.dims]
    return made.transpose(*dims)


def _each_bin(ds: xr.Dataset, models: ModelsLike | None, method: str, scheme: str) -> xr.DataArray:
    """Return residuals of each bin, masked or not; lazy if the dataset is."""
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


@operation
def model_significance(
    ds: xr.Dataset,
    models: ModelsLike | None = None,
    correlation_radius: AngleLike | None = None,
    mask: xr.DataArray | None = None,
    sum_over_energy: bool = False,
    scheme: str = SCHEME,
) -> xr.Dataset:
    """Compute the significance of data with respect to a model, in each bin or in discs.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum with counts, on-off or not.
    models : Model or iterable of Model, optional
        Known sources, in addition to the background; by default, the models attached to the
        dataset.
    correlation_radius : Quantity, str or float, optional
        Radius (Quantity or number in degrees) of the disc in which counts and prediction of a map
        are summed first.
    mask : DataArray of bool, optional
        Pixels (y, x) to use, besides the masks of the dataset.
    sum_over_energy : bool
        Whether counts and prediction are summed over energy first.
    scheme : {"exact", "gammapy"}
        See `npred_signal`.

    Returns
    -------
    maps : Dataset
        Dims those of the counts (without ``energy`` if summed): ``counts``, ``npred``, ``excess``
        and ``significance`` (standard deviations, with the sign of the excess). NaN where no bin
        of the masks is in reach.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map()
    >>> found = model_significance(ds, example_model(), sum_over_energy=True)
    >>> bool(abs(found.significance.std() - 1) < 0.1)
    True
    """
    require(ds, "counts")
    chosen = pixel_mask(mask, ds)
    pixels = None if chosen is None else chosen.transpose("y", "x").values.astype(bool)
    likelihood = full_likelihood(ds, models, scheme)
    found = Excess(likelihood, correlation_radius, sum_over_energy, pixels)
    parts = {
        "counts": found.counts,
        "npred": found.npred,
        "excess": found.excess,
        "significance": found.sqrt_ts,
    }
    made = {name: _labelled_sum(found, values, name) for name, values in parts.items()}
    return xr.Dataset(made, attrs={"name": ds.attrs.get("name", "")})


def _residuals(counts: np.ndarray, predicted: np.ndarray, method: str) -> np.ndarray:
    """Return what `residuals` says, of plain arrays."""
    difference: np.ndarray = counts - predicted
    if method == "diff":
        return difference
    positive = predicted > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        difference /= predicted if method == "diff/model" else np.sqrt(predicted)
    if not positive.all():
        difference[~positive] = np.nan
    return difference
