"""Parameters: named numbers with a unit, bounds and an error, that can be shared.

A component (a spectrum, a shape, a light curve) declares its parameters once, as
data.  To link two components, assign one's parameter to the other: both then hold
the same object.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar, TypeAlias

import numpy as np
from astropy.units import Quantity

from xgamma.core.units import conversion, parse_unit, to_value
from xgamma.errors import XGammaError
from xgamma.modeling.prior import Prior

__all__ = ["Component", "Parameter", "Spec"]


class Parameter:
    """A parameter of a model.

    Parameters
    ----------
    name : str
        Name within the component.
    value : float
        Value in `unit`.
    unit : str
        Unit, as astropy parses it.
    min, max : float
        Bounds, NaN if unbounded.
    frozen : bool
        Whether a fit holds it fixed.
    error : float
        Standard deviation, in `unit`; 0 before a fit.
    prior : Prior, optional
        Prior, added to the fit statistic.
    log : bool
        Whether it is a positive scale factor that is best scanned logarithmically.

    Examples
    --------
    >>> index = Parameter("index", 2.0, min=0, max=5)
    >>> index.value = 7
    Traceback (most recent call last):
    ...
    xgamma.errors.XGammaError: The parameter 'index' = 7 is outside its range 0 to 5: ...
    """

    __slots__ = ("_value", "error", "frozen", "log", "max", "min", "name", "prior", "unit")

    def __init__(
        self,
        name: str,
        value: float,
        unit: str = "",
        min: float = np.nan,
        max: float = np.nan,
        frozen: bool = False,
        error: float = 0.0,
        prior: Prior | None = None,
        log: bool = False,
    ) -> None:
        self.name, self.unit, self.frozen, self.error = name, unit, frozen, error
        self.min, self.max, self.prior, self.log = min, max, prior, log
        self._value = float(value)
        self.check(self._value)

    def check(self, value: float) -> None:
        """Raise unless a value is a number within the bounds."""
        if not np.isfinite(value):
            raise XGammaError(f"The parameter {self.name!r} = {value:g} must be a finite number.")
        if value < self.min or value > self.max:
            if np.isnan(self.max):
                bounds = f"is below its minimum {self.min:g}: give a larger value, or lower min"
            elif np.isnan(self.min):
                bounds = f"is above its maximum {self.max:g}: give a smaller value, or raise max"
            else:
                bounds = f"is outside its range {self.min:g} to {self.max:g}: give a value inside, or change min and max"
            raise XGammaError(f"The parameter {self.name!r} = {value:g} {bounds}.")

    @property
    def value(self) -> float:
        """Value in the parameter's unit."""
        return self._value

    @value.setter
    def value(self, value: float) -> None:
        value = float(value)
        self.check(value)
        self._value = value

    @property
    def quantity(self) -> Any:
        """Value with its unit, an astropy ``Quantity``."""
        return Quantity(self._value, parse_unit(self.unit))

    def to_value(self, unit: str) -> float:
        """Return the value in another unit."""
        return self._value * conversion(self.unit, unit)

    def convert_to(self, unit: str) -> None:
        """Express the value, its bounds and its error in another unit."""
        factor = conversion(self.unit, unit)
        self.unit = unit
        self.min, self.max, self.error = self.min * factor, self.max * factor, self.error * factor
        if self.prior is not None:
            self.prior = self.prior.scaled(factor)
        self._value *= factor

    def __float__(self) -> float:
        return self._value

    def __repr__(self) -> str:
        bounds = (
            "" if np.isnan(self.min) and np.isnan(self.max) else f", {self.min:g}..{self.max:g}"
        )
        error = f" ± {self.error:.3g}" if self.error else ""
        state = ", frozen" if self.frozen else ""
        return f"<{self.name} = {self._value:.6g}{error} {self.unit}{bounds}{state}>".replace(
            " >", ">"
        )


# What a number of a model may be given as.
Value: TypeAlias = "Parameter | Quantity | np.number | str | float"


@dataclass(frozen=True)
class Spec:
    """How a component declares a parameter: its default and the unit kernels want."""

    default: float
    unit: str = ""
    min: float = np.nan
    max: float = np.nan
    frozen: bool = False
    log: bool = False
    # The unit that the NumPy kernels use; other units of the kind are converted to it.
    kernel_unit: str = field(default="")

    def make(self, name: str) -> Parameter:
        """Return a parameter at its default."""
        return Parameter(
            name, self.default, self.unit, self.min, self.max, self.frozen, log=self.log
        )


class Sealed:
    """Base of objects that take no new attributes once they are made: a misspelt one is refused."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = _sealing(cls.__init__)  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Value) -> None:
        known = name.startswith("_") or name in self.__dict__ or hasattr(type(self), name)
        if self.__dict__.get("_making") == 0 and not known:
            public = [
                n
                for n in dir(self)
                if not n.startswith("_") and not inspect.isroutine(getattr(type(self), n, None))
            ]
            near = get_close_matches(name, public, 1)
            cure = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(public)}."
            raise XGammaError(
                f"{type(self).__name__} has no parameter or attribute {name!r}: {cure}"
            )
        object.__setattr__(self, name, value)


def _sealing(init: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor after which an object is sealed, that of a subclass included."""

    @functools.wraps(init)
    def making(self: Any, *args: object, **kwargs: object) -> None:
        depth = self.__dict__.get("_making", 0)
        object.__setattr__(self, "_making", depth + 1)
        init(self, *args, **kwargs)
        object.__setattr__(self, "_making", depth)

    return making


class Component(Sealed):
    """Base of spectra, shapes and time profiles: named parameters, declared in `specs`.

    Assigning a number, a string with a unit or a quantity sets the value of a parameter;
    assigning a `Parameter` shares it (a link).
    """

    specs: ClassVar[dict[str, Spec]] = {}
    tag: ClassVar[str] = ""
    short: ClassVar[str] = ""
    registry: ClassVar[dict[str, type[Component]]]
    _parameters: dict[str, Parameter]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("tag"):
            for name in (cls.tag, cls.short):
                _require_free(cls, name)
                cls.registry[name] = cls
        if "__init__" not in cls.__dict__ and cls.specs:
            only = inspect.Parameter.KEYWORD_ONLY
            cls.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
                [
                    inspect.Parameter(name, only, default=f"{spec.default:g} {spec.unit}".strip())
                    for name, spec in cls.specs.items()
                ]
            )

    def __init__(self, **values: Value) -> None:
        object.__setattr__(self, "_parameters", {})
        object.__setattr__(self, "covariance", None)
        unknown = sorted(set(values) - set(self.specs))
        if unknown:
            known = ", ".join(self.specs) or "none"
            raise XGammaError(
                f"{type(self).__name__} has no parameter {unknown[0]!r}: its parameters are {known}."
            )
        for name, spec in self.specs.items():
            self._parameters[name] = spec.make(name)
            if name in values:
                setattr(self, name, values[name])

    def __getattr__(self, name: str) -> Any:
        parameters = self.__dict__.get("_parameters", {})
        if name in parameters:
            return parameters[name]
        raise AttributeError(f"{type(self).__name__} has no parameter or attribute {name!r}")

    def __setattr__(self, name: str, value: Value) -> None:
        if name not in self.__dict__.get("_parameters", {}):
            super().__setattr__(name, value)
            return
        where = f"{type(self).__name__}.{name}"
        if isinstance(value, Parameter):
            conversion(value.unit, self.specs[name].unit)
            self._parameters[name] = value
        else:
            set_parameter(self._parameters[name], value, where)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._parameters]

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters, in their order."""
        return list(self._parameters.values())

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Yield each parameter with its dotted name."""
        for name, parameter in self._parameters.items():
            yield f"{prefix}{name}", parameter

    def kernel_values(self) -> tuple[float, ...]:
        """Return the values in the units of the kernels, in the order of `specs`."""
        return tuple(
            p._value * conversion(p.unit, spec.kernel_unit or spec.unit)
            for p, spec in zip(self._parameters.values(), self.specs.values(), strict=True)
        )

    def copy(self) -> Any:
        """Return a deep copy; parameters shared inside it stay shared."""
        return copy.deepcopy(self)

    def freeze(self) -> None:
        """Freeze every parameter."""
        for parameter in self.parameters:
            parameter.frozen = True

    def __repr__(self) -> str:
        inside = ", ".join(
            f"{n}={p.value:.6g}{' ' + p.unit if p.unit else ''}" for n, p in self.named_parameters()
        )
        return f"{type(self).__name__}({inside})"


def _require_free(cls: type[Component], name: str) -> None:
    """Raise if a name belongs to another class; one that is defined again replaces itself."""
    other = cls.registry.get(name)
    if other is None:
        return
    theirs, ours = (f"{c.__module__}.{c.__qualname__}" for c in (other, cls))
    if theirs != ours:
        raise XGammaError(
            f"The model name {name!r} of {ours} is already used by {theirs}: choose another tag and short."
        )


def set_parameter(parameter: Parameter, value: Value, where: str) -> None:
    """Set a parameter from a number, a string with a unit, or a quantity, keeping its unit."""
    given: Any = value
    if isinstance(value, str):
        try:
            given = Quantity(value)
        except (TypeError, ValueError):
            raise XGammaError(
                f"{where}={value!r} is not a quantity: use for example '1 {parameter.unit}'."
            ) from None
    unit = getattr(given, "unit", None)
    if unit is not None:
        to_value(given, parameter.unit, where)
        parameter.convert_to(unit.to_string())
        given = given.value
    parameter.value = float(given)
