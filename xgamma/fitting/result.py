"""What a fit found: values, errors, and how to look further."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from xgamma.core.units import to_value
from xgamma.errors import MissingDataError, XGammaError, warn
from xgamma.fitting.held import crossing, stat_at
from xgamma.fitting.objective import Objective
from xgamma.fitting.optimisers import Minimum
from xgamma.modeling.models import Models
from xgamma.modeling.parameter import Component
from xgamma.modeling.spectrum_base import CompoundSpectrum
from xgamma.typing import QuantityLike

__all__ = ["FitResult"]


class FitResult:
    """Result of `xgamma.fit`.

    Attributes
    ----------
    models : Models
        Fitted copies of the models, with errors and covariances.
    total_stat : float
        Statistic at the minimum, priors included.
    success : bool
        Whether the minimiser converged and its covariance holds.
    message : str
        What went well or wrong, in a sentence.
    names : list of str
        Full names of the free parameters.
    covariance : DataArray
        Dims ``(parameter, parameter_2)``, in the units of the parameters.
    """

    def __init__(self, objective: Objective, minimum: Minimum, backend: str) -> None:
        self._objective, self._minimum = objective, minimum
        self.backend = backend
        self.models: Models = objective.models
        self.names = objective.names
        self.total_stat = minimum.stat
        self.n_calls = objective.calls
        objective.assign(minimum.x)
        self._values = np.array([p._value for p in objective.parameters])
        n = len(self.names)
        scaled = np.full((n, n), np.nan) if minimum.covariance is None else minimum.covariance
        self._covariance = scaled * np.outer(objective.scale, objective.scale)
        self._fill_errors()
        self.success = minimum.success and bool(np.all(np.isfinite(self._covariance)))
        self.message = self._message()
        if minimum.problems or not self.success:
            warn(self.message)

    def _message(self) -> str:
        problems = "; ".join(self._minimum.problems)
        if self.success:
            note = f", but {problems}" if problems else ""
            return f"The fit converged after {self.n_calls} calls{note}."
        reason = problems or "no reason was given"
        return f"The fit failed after {self.n_calls} calls: {reason} (at {self._objective.describe()})."

    def _fill_errors(self) -> None:
        errors = np.sqrt(np.maximum(np.diag(self._covariance), 0.0))
        where = {id(p): i for i, p in enumerate(self._objective.parameters)}
        for parameter, error in zip(self._objective.parameters, errors, strict=True):
            parameter.error = float(np.nan_to_num(error))
        for model in self.models:
            for component in model.components().values():
                self._fill_component(component, where)

    def _fill_component(self, component: Component, where: dict[int, int]) -> None:
        if isinstance(component, CompoundSpectrum):
            self._fill_component(component.model1, where)
            self._fill_component(component.model2, where)
        parameters = component.parameters
        full = np.zeros((len(parameters), len(parameters)))
        rows = [i for i, p in enumerate(parameters) if id(p) in where]
        index = [where[id(parameters[i])] for i in rows]
        full[np.ix_(rows, rows)] = self._covariance[np.ix_(index, index)]
        component.covariance = np.nan_to_num(full)

    @property
    def errors(self) -> np.ndarray:
        """Standard deviations of the free parameters."""
        return np.sqrt(np.diag(self._covariance))

    def _labels(self) -> dict[str, Any]:
        names = np.array(self.names, dtype=np.str_)
        units = np.array([p.unit for p in self._objective.parameters], dtype=np.str_)
        return {"parameter": names, "unit": ("parameter", units)}

    def _matrix(self, values: np.ndarray, name: str) -> xr.DataArray:
        coords = {**self._labels(), "parameter_2": np.array(self.names, dtype=np.str_)}
        return xr.DataArray(values, coords, ("parameter", "parameter_2"), name)

    @property
    def covariance(self) -> xr.DataArray:
        """Covariance of the free parameters, dims ``(parameter, parameter_2)``."""
        return self._matrix(self._covariance, "covariance")

    @property
    def correlation(self) -> xr.DataArray:
        """Correlation of the free parameters, dims ``(parameter, parameter_2)``."""
        sigma = self.errors
        return self._matrix(self._covariance / np.outer(sigma, sigma), "correlation")

    def to_dataset(self) -> xr.Dataset:
        """Return everything as a Dataset.

        Returns
        -------
        result : Dataset
            Dim ``parameter``: ``value``, ``error``, ``min``, ``max`` (units in the coordinate
            ``unit``); ``covariance`` and ``correlation`` with ``parameter_2``; dim ``dataset``:
            ``stat``; scalars ``total_stat``, ``n_calls``, ``success``; attributes ``message``,
            ``backend`` and ``models`` (YAML).
        """
        objective = self._objective
        self._restore()
        bounds = np.array(objective.bounds)
        names = np.array([str(x.data.name) for x in objective.likelihoods], dtype=np.str_)
        out = xr.Dataset(
            {
                "value": ("parameter", self._values),
                "error": ("parameter", self.errors),
                "min": ("parameter", bounds[:, 0]),
                "max": ("parameter", bounds[:, 1]),
                "covariance": self.covariance,
                "correlation": self.correlation,
                "stat": ("dataset", [x.stat_sum() for x in objective.likelihoods]),
                "total_stat": self.total_stat,
                "n_calls": self.n_calls,
                "success": self.success,
            },
            {**self._labels(), "dataset": names},
            {"message": self.message, "backend": self.backend},
        )
        # A model with a map that is in no file cannot be written down.
        with contextlib.suppress(MissingDataError):
            out.attrs["models"] = self.models.to_yaml()
        return out

    def _restore(self) -> None:
        self._objective.assign(self._minimum.x)

    def _index(self, parameter: str) -> int:
        ending = [
            i for i, n in enumerate(self.names) if n == parameter or n.endswith("." + parameter)
        ]
        if len(ending) == 1:
            return ending[0]
        what = "is not free or does not exist" if not ending else "names more than one parameter"
        raise MissingDataError(f"{parameter!r} {what}: choose from {', '.join(self.names)}.")

    def minos(
        self, parameters: str | Iterable[str] | None = None, n_sigma: float = 1.0
    ) -> xr.Dataset:
        """Find where the statistic has risen by ``n_sigma^2``, the others fitted again.

        Parameters
        ----------
        parameters : str or iterable of str, optional
            Names, or their unambiguous endings. By default, all free ones.
        n_sigma : float
            Level.

        Returns
        -------
        errors : Dataset
            Dim ``parameter``: ``value``, ``errn``, ``errp`` (positive lengths; NaN where the
            statistic does not rise that far inside the bounds).
        """
        names = [parameters] if isinstance(parameters, str) else parameters
        indices = list(range(len(self.names))) if names is None else [self._index(n) for n in names]
        rows = [(self._crossing(i, -1, n_sigma), self._crossing(i, +1, n_sigma)) for i in indices]
        self._restore()
        labels = self._labels()
        return xr.Dataset(
            {
                "value": ("parameter", self._values[indices]),
                "errn": ("parameter", [r[0] for r in rows]),
                "errp": ("parameter", [r[1] for r in rows]),
            },
            {
                "parameter": labels["parameter"][indices],
                "unit": ("parameter", labels["unit"][1][indices]),
            },
            {"n_sigma": n_sigma},
        )

    def _crossing(self, index: int, sign: int, n_sigma: float) -> float:
        """Return how far one parameter goes until the profile has risen by ``n_sigma^2``."""
        start, error = self._values[index], self.errors[index]
        low, high = self._objective.bounds[index]
        edge = (high if sign > 0 else low) - start

        def rise(distance: float) -> float:
            return self._stat_at({index: start + sign * distance}) - self.total_stat - n_sigma**2

        return crossing(rise, n_sigma * error, abs(edge), 1e-4 * error)

    def _stat_at(self, fixed: dict[int, float], refit: bool = True) -> float:
        """Return the statistic with some parameters fixed and the others fitted again."""
        return stat_at(self._objective, self._minimum, fixed, refit)

    def profile(
        self,
        parameter: str,
        values: QuantityLike | None = None,
        n_values: int = 11,
        n_sigma: float = 2.0,
        refit: bool = True,
    ) -> xr.Dataset:
        """Scan the statistic along one parameter.

        Parameters
        ----------
        parameter : str
            Name, or its unambiguous ending.
        values : array_like or Quantity, optional
            Where, as Quantity or number in the parameter's unit. By default `n_values` points
            within `n_sigma` errors.
        n_values, n_sigma
            See `values`.
        refit : bool
            Whether the others are fitted again at each point.

        Returns
        -------
        profile : Dataset
            Dim named like the parameter; ``stat`` and ``delta_stat`` above the minimum.
        """
        index = self._index(parameter)
        unit = self._objective.parameters[index].unit
        if values is None:
            span = n_sigma * self.errors[index]
            low, high = self._objective.bounds[index]
            value = self._values[index]
            grid = np.linspace(max(value - span, low), min(value + span, high), n_values)
        else:
            grid = np.atleast_1d(to_value(values, unit, parameter))
        stat = np.array([self._stat_at({index: v}, refit) for v in grid])
        self._restore()
        dim = self.names[index]
        return xr.Dataset(
            {"stat": (dim, stat), "delta_stat": (dim, stat - self.total_stat)},
            {dim: (dim, grid, {"units": unit})},
        )

    def contour(self, x: str, y: str, n_sigma: float = 1.0, n_points: int = 20) -> xr.Dataset:
        """Trace where the statistic has risen by ``n_sigma^2`` in the plane of two parameters.

        Parameters
        ----------
        x, y : str
            Names, or their unambiguous endings.
        n_sigma : float
            Level: the rise is its square, which for 1 holds 39 % in two dimensions.
        n_points : int
            Points on the contour.

        Returns
        -------
        contour : Dataset
            Dim ``point``: variables named like the parameters (NaN where the contour is open),
            and the angle from the minimum.

        Raises
        ------
        XGammaError
            If the parameters are the same, or the fit has no covariance.
        """
        i, j = self._index(x), self._index(y)
        if i == j:
            raise XGammaError("A contour requires two different parameters.")
        if not np.all(np.isfinite(self._covariance)):
            raise XGammaError(
                "A contour requires a covariance, but this fit has none: see .message."
            )
        # In the axes of the covariance the contour is nearly a circle.
        root = np.linalg.cholesky(self._covariance[np.ix_([i, j], [i, j])])
        middle, target = self._values[[i, j]], n_sigma**2
        angles = np.linspace(0, 2 * np.pi, n_points, endpoint=False)
        points = []
        for angle in angles:
            direction = root @ np.array([np.cos(angle), np.sin(angle)])

            def rise(t: float, direction: np.ndarray = direction) -> float:
                at = middle + t * direction
                return self._stat_at({i: at[0], j: at[1]}) - self.total_stat - target

            outer = 1.3 * n_sigma
            for _ in range(10):
                if rise(outer) > 0:
                    break
                outer *= 1.5
            closed = rise(outer) > 0
            reach = brentq(rise, 0, outer, xtol=1e-3, rtol=1e-6) if closed else np.nan
            points.append(middle + reach * direction)
        self._restore()
        found = np.array(points)
        names, units = self.names, [p.unit for p in self._objective.parameters]
        return xr.Dataset(
            {
                names[i]: ("point", found[:, 0], {"units": units[i]}),
                names[j]: ("point", found[:, 1], {"units": units[j]}),
            },
            {"angle": ("point", np.degrees(angles), {"units": "deg"})},
            {"n_sigma": n_sigma},
        )

    def __repr__(self) -> str:
        lines = [
            f"FitResult: {self.message}",
            f"  statistic {self.total_stat:.4f}, backend {self.backend}",
        ]
        for name, parameter, error in zip(
            self.names, self._objective.parameters, self.errors, strict=True
        ):
            lines.append(
                f"  {name:<32} {parameter.value:>13.6g} ± {error:<10.3g} {parameter.unit}".rstrip()
            )
        return "\n".join(lines)
