"""The statistic of datasets as a function of free parameters, each of order one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.defaults import SCHEME
from xgamma.core.units import conversion
from xgamma.errors import FrameError, MissingDataError, XGammaError
from xgamma.fitting.likelihood import Likelihood, likelihood_of
from xgamma.fitting.predict import outside_message
from xgamma.modeling.models import Models
from xgamma.modeling.parameter import Parameter
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spatial_base import rotation
from xgamma.numerics.shapes import tangent_frame

__all__ = ["Objective"]


class Objective:
    """The statistic of datasets as a function of the free parameters, each of order one.

    Parameters
    ----------
    datasets : dict of str to Dataset
        Datasets.
    models : Models
        Models; their parameters are changed by a call.
    scheme : {"exact", "gammapy"}
        See `Compiled`.
    check_effect : bool
        Whether to make sure that every free parameter changes the statistic.

    Raises
    ------
    XGammaError
        If nothing is free, a prediction is not finite, or a free parameter has no effect.
    FrameError
        If a source with free parameters lies outside every dataset.
    """

    def __init__(
        self,
        datasets: dict[str, xr.Dataset],
        models: Models,
        scheme: str = SCHEME,
        check_effect: bool = True,
    ) -> None:
        self.models = models
        self.likelihoods: list[Likelihood] = [
            likelihood_of(ds, models, scheme) for ds in datasets.values()
        ]
        idle = self._idle_parameters()
        named = {
            n: p for n, p in models.named_parameters().items() if not p.frozen and id(p) not in idle
        }
        if not named:
            raise XGammaError("No parameter is free: unfreeze one, or use ds.gamma.stat_sum().")
        self.names = list(named)
        self.parameters: list[Parameter] = list(named.values())
        self._priors = [p for p in models.parameters if p.prior is not None]
        for likelihood in self.likelihoods:
            likelihood.check()
            likelihood.check_counts()
        self._check_inside()
        self.bounds = [self._bounds(n, p) for n, p in named.items()]
        self.scale = np.array([natural_scale(p) for p in self.parameters])
        self.calls = 0
        self.watch: Callable[[float], None] | None = None
        if check_effect:
            self._check_effect()

    @property
    def x(self) -> np.ndarray:
        """Values of the free parameters over their scales."""
        values: np.ndarray = np.array([p._value for p in self.parameters]) / self.scale
        return values

    def assign(self, x: np.ndarray) -> None:
        """Set the free parameters."""
        for parameter, value in zip(self.parameters, x * self.scale, strict=True):
            parameter._value = float(value)

    def __call__(self, x: np.ndarray) -> float:
        """Return the statistic at scaled parameters, which stay set."""
        self.assign(np.asarray(x))
        self.calls += 1
        value = self.evaluate()
        if self.watch is not None:
            self.watch(value)
        return value

    def evaluate(self) -> float:
        """Return the statistic, priors included, at the present values."""
        total = sum(likelihood.stat_sum() for likelihood in self.likelihoods)
        for parameter in self._priors:
            assert parameter.prior is not None
            total += parameter.prior.stat(parameter._value)
        if np.isnan(total):
            raise XGammaError(f"The fit statistic is NaN at {self.describe()}: bound these values.")
        return float(total)

    def describe(self) -> str:
        """Return names and values of the free parameters."""
        pairs = zip(self.names, self.parameters, strict=True)
        return ", ".join(f"{n} = {p._value:.5g} {p.unit}".strip() for n, p in pairs)

    def _bounds(self, name: str, parameter: Parameter) -> tuple[float, float]:
        low = -np.inf if np.isnan(parameter.min) else parameter.min
        high = np.inf if np.isnan(parameter.max) else parameter.max
        if parameter.prior is not None and parameter.prior.weight > 0:
            # Outside the statistic is infinite: no minimiser can follow it there.
            allowed = parameter.prior.limits
            low, high = max(low, allowed[0]), min(high, allowed[1])
        if parameter.name in {"lon_0", "lat_0"}:
            sky_low, sky_high = self._sky_bounds(parameter)
            low, high = max(low, sky_low), min(high, sky_high)
        if not low <= parameter._value <= high:
            raise XGammaError(
                f"The parameter {name!r} = {parameter._value:g} starts outside its range "
                f"{low:g} to {high:g}: start inside it."
            )
        return low, high

    def _sky_bounds(self, parameter: Parameter) -> tuple[float, float]:
        """Return the range of a position that keeps its source on a map."""
        low, high = np.inf, -np.inf
        for likelihood in self.likelihoods:
            for model in likelihood.models:
                shape = getattr(model, "spatial", None)
                if shape is None or not likelihood.data.is_map:
                    continue
                for key in ("lon_0", "lat_0"):
                    if shape._parameters.get(key) is parameter:
                        one = map_range(likelihood, shape, key)
                        low, high = min(low, one[0]), max(high, one[1])
        return (low, high) if low < high else (-np.inf, np.inf)

    @cached_property
    def reach(self) -> np.ndarray:
        """How far a position may go in one stage of a fit, scaled; infinite for all others.

        Some widths of the PSF: farther away the statistic has forgotten the source.
        """
        reach = np.full(len(self.parameters), np.inf)
        where = {id(p): i for i, p in enumerate(self.parameters)}
        for likelihood in self.likelihoods:
            if not likelihood.data.is_map:
                continue
            width = np.degrees(likelihood.data.resolution)
            for model in likelihood.models:
                shape = getattr(model, "spatial", None)
                if shape is None:
                    continue
                named = shape._parameters
                for key in {"lon_0", "lat_0"} & set(named):
                    parameter = named[key]
                    i = where.get(id(parameter), -1)
                    if i < 0:
                        continue
                    own = width + (shape.extent if np.isfinite(shape.extent) else 0.0)
                    if key == "lon_0":
                        own /= max(np.cos(shape.kernel_values()[1]), 1e-3)
                    own *= conversion("deg", parameter.unit) / self.scale[i]
                    reach[i] = min(reach[i], own)
        return reach

    def _idle_parameters(self) -> set[int]:
        """Return positions and shapes that no map looks at: spectra and flux points have none."""
        used: set[int] = set()
        shapes: set[int] = set()
        for model in self.models:
            seen = any(x.data.is_map and model.acts_on(x.data.name) for x in self.likelihoods)
            for role, component in model.components().items():
                where = shapes if role == "spatial" and not seen else used
                where.update(id(p) for p in component.parameters)
        return shapes - used

    def _check_inside(self) -> None:
        reached: dict[str, bool] = {}
        for likelihood in self.likelihoods:
            for term in likelihood.terms:
                name = term.model.name
                reached[name] = reached.get(name, False) or term.contributes
        names = ", ".join(repr(x.data.name) for x in self.likelihoods)
        for model in self.models:
            free = any(not p.frozen for p in model.parameters)
            if not free:
                continue
            if isinstance(model, SkyModel) and model.name in reached and not reached[model.name]:
                raise FrameError(outside_message(model.name, self.likelihoods[0].data.name))
            acts = any(model.acts_on(x.data.name) for x in self.likelihoods)
            if not acts:
                raise MissingDataError(
                    f"The model {model.name!r} is for {model.datasets}, but the datasets are named "
                    f"{names}: correct its dataset, or freeze it."
                )

    def _check_effect(self) -> None:
        """Raise if a free parameter changes nothing: its error would be infinite."""
        for name in self.without_effect():
            raise XGammaError(
                f"The parameter {name!r} has no effect on the fit statistic: freeze it."
            )

    def without_effect(self, rtol: float = 0.0) -> Iterator[str]:
        """Yield the names of free parameters that change nothing near their present values.

        Parameters
        ----------
        rtol : float
            Changes below this fraction of the statistic are none.
        """
        x0, start = self.x, self.evaluate()
        try:
            for i, name in enumerate(self.names):
                step = 1e-3 * max(abs(x0[i]), 1.0)
                room = self.bounds[i][1] / self.scale[i] - x0[i]
                moved = x0.copy()
                moved[i] += step if room > step else -step
                self.assign(moved)
                if abs(self.evaluate() - start) <= rtol * abs(start):
                    yield name
        finally:
            self.assign(x0)


def natural_scale(parameter: Parameter) -> float:
    """Return a scale on which a parameter is of order one."""
    value = abs(parameter._value)
    return float(10 ** np.floor(np.log10(value))) if value > 0 and parameter.log else 1.0


def map_range(likelihood: Likelihood, shape: Any, key: str) -> tuple[float, float]:
    """Return the range of a longitude or latitude parameter over the map, in its unit."""
    data = likelihood.data
    pad = data.padding
    vectors = data.vectors[:, pad:-pad, pad:-pad]
    own = np.tensordot(rotation(data.frame, shape.frame), vectors, 1)
    parameter = shape._parameters[key]
    factor = conversion("rad", parameter.unit)
    if key == "lat_0":
        lat = np.arcsin(np.clip(own[2], -1, 1)) * factor
        return float(np.nanmin(lat)), float(np.nanmax(lat))
    at = tangent_frame(*shape.kernel_values()[:2])
    lon0 = np.arctan2(at[0][1], at[0][0])
    # Counted from the source, so that a map across longitude zero is one interval.
    away = np.angle(np.exp(1j * (np.arctan2(own[1], own[0]) - lon0))) * factor
    return parameter._value + float(np.nanmin(away)), parameter._value + float(np.nanmax(away))
