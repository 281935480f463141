"""Test whether data ask for a parameter: the same model with it and without."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.core.defaults import BACKEND, SCHEME
from xgamma.errors import MissingDataError, XGammaError, warn
from xgamma.fitting.attached import chosen_models, datasets_of
from xgamma.fitting.fit import fit
from xgamma.fitting.likelihood import likelihood_of
from xgamma.fitting.objective import Objective
from xgamma.model.operation import DatasetsLike, operation
from xgamma.modeling.model_base import ModelsLike
from xgamma.modeling.models import Models
from xgamma.modeling.parameter import Component, Parameter, set_parameter
from xgamma.modeling.spectrum_base import CompoundSpectrum
from xgamma.numerics.ratio_test import log_chance, ts_significance

if TYPE_CHECKING:
    from xgamma.fitting.result import FitResult

__all__ = ["nested_test"]

# A fit that ends this much above the null hypothesis has missed its minimum.
MISSED = 1e-3
# What is left in the statistic of a source without flux as it moves.
ROUNDING = 1e-12


@operation
def nested_test(
    data: DatasetsLike,
    null: Mapping[str, Any],
    models: ModelsLike | None = None,
    backend: str = BACKEND,
    scheme: str = SCHEME,
    **options: Any,
) -> xr.Dataset:
    """Test a model against a nested model in which some parameters are fixed or linked.

    Both models are fitted. The test statistic is the amount by which the fit statistic is lower
    with these parameters free.

    Parameters
    ----------
    data : Dataset, DataTree, or iterable or mapping of Dataset
        See `xgamma.fit`.
    null : dict of str
        Null hypothesis: for each parameter (its full name or an unambiguous ending), a value
        (quantity, text or a number in the unit of the parameter), or the name of another parameter
        to which it is linked. In the alternative these parameters are free.
    models : Model or iterable of Model, optional
        Starting values; by default, the models attached to the datasets. They are not modified.
    backend, scheme, **options
        See `xgamma.fit`.

    Returns
    -------
    test : Dataset
        Scalars: ``ts``, ``dof`` (number of additional free parameters), ``p_value`` and
        ``significance`` (standard deviations, two-sided) after Wilks' theorem, ``stat`` and
        ``stat_null``, ``success``; dim ``parameter`` (the free ones): ``value`` and ``error`` with
        the parameter free, ``null_value`` without (units in the coordinate ``unit``), ``tested``
        (bool). The attributes ``models`` and ``models_null`` are the fitted models as YAML, so
        ``test.gamma.models`` are those with the parameters free.

    Raises
    ------
    MissingDataError
        If there is no such parameter, or no model.
    XGammaError
        If nothing is tested, or a value is not valid for its parameter.

    Warns
    -----
    XGammaWarning
        If a value of the null hypothesis is a bound of the parameter, where the theorem does not
        hold and the significance is too low; as `xgamma.fit` does.

    Notes
    -----
    Parameters without effect under the null hypothesis, such as the index of a source without flux,
    are not fitted there but count in ``dof``; the theorem is then only approximate.

    References
    ----------
    Wilks (1938), Ann. Math. Statist. 9, 60; Protassov et al. (2002), ApJ 571, 545, on where it
    does not hold.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> test = nested_test(ds, {"crab.spectral.index": 2.0})
    >>> int(test.dof), bool(test.significance > 3)
    (1, True)
    """
    datasets = datasets_of(data)
    start = chosen_models(data, models).copy()
    if not start:
        raise MissingDataError("There are no models to test: pass models=, or use with_models.")
    if not isinstance(null, Mapping) or not null:
        raise XGammaError(
            "null= is empty: give the tested values, for example {'crab.spectral.amplitude': 0}."
        )
    for parameter in parameters_named(start, null).values():
        parameter.frozen = False
    names = set(parameters_named(start, null))
    special = start.copy()
    apply_null(special, null)
    settings = {"backend": backend, "scheme": scheme, **options}
    result = fit(datasets, start, **settings)
    for name, parameter in special.named_parameters().items():
        parameter.frozen |= name not in result.names
    fitted_null, stat_null, good_null = fit_what_acts(datasets, special, settings)
    if result.total_stat > stat_null + MISSED:
        result = better(result, fit(datasets, moved_to(start, fitted_null, names), **settings))
    n_null = sum(not p.frozen for p in fitted_null.named_parameters().values())
    ts, dof = stat_null - result.total_stat, len(result.names) - n_null
    found: xr.Dataset = result.to_dataset()[["value", "error"]]
    values = values_of(fitted_null)
    found["null_value"] = ("parameter", [values.get(n, np.nan) for n in result.names])
    found["tested"] = ("parameter", [n in names for n in result.names])
    scalars = {"ts": ts, "dof": dof, "p_value": np.exp(log_chance(ts, dof)) if dof else np.nan}
    scalars |= {"significance": ts_significance(ts, dof), "stat": result.total_stat}
    scalars |= {"stat_null": stat_null, "success": result.success and good_null}
    found = found.assign(scalars)
    # A model with a map that is in no file cannot be written down.
    with contextlib.suppress(MissingDataError):
        found.attrs |= {"models": result.models.to_yaml(), "models_null": fitted_null.to_yaml()}
    return found


def parameters_named(models: Models, names: Iterable[str]) -> dict[str, Parameter]:
    """Return parameters by full name from names, or their unambiguous endings."""
    named = models.named_parameters()
    found = {}
    for name in names:
        ending = [n for n in named if n == name or n.endswith(f".{name}")]
        if len(ending) != 1:
            what = "names more than one parameter" if ending else "is not a parameter"
            raise MissingDataError(f"{name!r} {what}: choose from {', '.join(ending or named)}.")
        found[ending[0]] = named[ending[0]]
    return found


def apply_null(models: Models, null: Mapping[str, Any]) -> None:
    """Give parameters the values of the null hypothesis, or share them with others."""
    named = models.named_parameters()
    for name, value in null.items():
        (full, parameter), *_ = parameters_named(models, [name]).items()
        others = [n for n in named if isinstance(value, str) and f".{n}".endswith(f".{value}")]
        if others:
            other = next(iter(parameters_named(models, [value]).values()))
            if other is parameter:
                raise XGammaError(
                    f"{full!r} cannot be tested against itself: give another parameter."
                )
            for component, key in holders(models, parameter):
                setattr(component, key, other)
            continue
        set_parameter(parameter, value, full)
        parameter.frozen = True
        if parameter.value in (parameter.min, parameter.max):
            warn(
                f"The null hypothesis {full} = {parameter.value:g} is a bound of the parameter: "
                "fluctuations beyond it are cut off, so the significance is too low."
            )


def holders(models: Models, parameter: Parameter) -> Iterator[tuple[Component, str]]:
    """Yield the components that hold a parameter, and what it is called there."""
    parts = [c for model in models for c in model.components().values()]
    while parts:
        component = parts.pop()
        if isinstance(component, CompoundSpectrum):
            parts += [component.model1, component.model2]
        for key, value in component._parameters.items():
            if value is parameter:
                yield component, key


def fit_what_acts(
    datasets: dict[str, xr.Dataset], models: Models, settings: dict[str, Any]
) -> tuple[Models, float, bool]:
    """Fit the parameters that have an effect; return models, statistic and success."""
    scheme = settings["scheme"]
    if any(not p.frozen for p in models.parameters):
        objective = Objective(datasets, models, scheme, check_effect=False)
        idle = set(objective.without_effect(ROUNDING))
        for name, parameter in models.named_parameters().items():
            parameter.frozen |= name in idle
    if any(not p.frozen for p in models.parameters):
        result = fit(datasets, models, **settings)
        return result.models, result.total_stat, result.success
    priors = (p.prior.stat(p._value) for p in models.parameters if p.prior is not None)
    stats = (likelihood_of(ds, models, scheme).stat_sum() for ds in datasets.values())
    return models, float(sum(stats) + sum(priors)), True


def moved_to(start: Models, other: Models, names: set[str]) -> Models:
    """Return models that begin where others are, but for some parameters."""
    moved, values = start.copy(), values_of(other)
    for name, parameter in moved.named_parameters().items():
        if name not in names and not parameter.frozen and name in values:
            parameter._value = values[name]
    return moved


def better(one: FitResult, two: FitResult) -> FitResult:
    """Return the fit with the lower statistic."""
    return two if two.total_stat < one.total_stat else one


def values_of(models: Models) -> dict[str, float]:
    """Return values by each full name, of shared parameters by all of theirs."""
    return {n: p.value for model in models for n, p in model.named_parameters()}
