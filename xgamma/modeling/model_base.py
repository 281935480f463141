"""Base class of the entries of a list of models."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from xgamma.modeling.parameter import Parameter, Sealed
from xgamma.modeling.spectrum_base import Spectrum

__all__ = ["COUNTER", "Model", "ModelsLike", "name_list"]

# What functions of models take: `Models` is one of the iterables.
ModelsLike: TypeAlias = "Model | Iterable[Model]"

# Numbers the models that are given no name.
COUNTER = itertools.count(1)


class Model(Sealed):
    """Base of the entries of `Models`: a name, components, and the datasets it acts on."""

    name: str
    datasets: list[str] | None
    spectral: Spectrum

    def components(self) -> dict[str, Any]:
        """Return the components by role (``spectral``, ``spatial``, ``temporal``)."""
        roles = ("spectral", "spatial", "temporal")
        return {r: getattr(self, r) for r in roles if getattr(self, r, None) is not None}

    @property
    def parameters(self) -> list[Parameter]:
        """All parameters, without duplicates."""
        return list(dict.fromkeys(p for c in self.components().values() for p in c.parameters))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield each parameter with its name, such as ``"crab.spectral.index"``."""
        for role, component in self.components().items():
            yield from component.named_parameters(f"{self.name}.{role}.")

    def acts_on(self, dataset: str | None) -> bool:
        """Return whether the model belongs to the dataset of this name."""
        return self.datasets is None or dataset in self.datasets

    def copy(self) -> Any:
        """Return a deep copy."""
        return copy.deepcopy(self)

    def freeze(self) -> None:
        """Freeze every parameter."""
        for parameter in self.parameters:
            parameter.frozen = True

    def __repr__(self) -> str:
        parts = "".join(f", {role}={c!r}" for role, c in self.components().items())
        return f"{type(self).__name__}({self.name!r}{parts})"


def name_list(value: str | Iterable[str] | None) -> list[str] | None:
    """Return a list of names, or None for all."""
    if value is None:
        return None
    return [value] if isinstance(value, str) else list(value)
