"""Validated fields of a YAML document of models."""

from __future__ import annotations

from typing import Any

import numpy as np

from xgamma.errors import MissingDataError, XGammaError, shown
from xgamma.modeling.parameter import Component

__all__ = ["entries_of", "field_of", "fields_of", "number_of", "prior_number", "square_of"]


def fields_of(entry: object, what: str) -> dict[str, Any]:
    """Return an entry that must be fields: ``name: value``."""
    if not isinstance(entry, dict):
        raise XGammaError(
            f"{what} in the models' YAML is {shown(entry)}, but must have fields (name: value)."
        )
    return entry


def entries_of(data: dict[str, Any], key: str, what: str) -> list[Any]:
    """Return the entries of a list, none where it is absent or empty."""
    found = data.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise XGammaError(f"{what}: {key} is {shown(found)}, but must be a list.")
    return found


def field_of(data: dict[str, Any], key: str, what: str) -> Any:
    """Return a field that must be there."""
    if key not in data:
        raise MissingDataError(f"{what} in the models' YAML has no field {key!r}: add it.")
    return data[key]


def square_of(rows: object, what: str) -> np.ndarray:
    """Return a covariance: finite numbers in a square."""
    try:
        matrix = np.array(rows, dtype=float)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.ndim != 2 or len(set(matrix.shape)) > 1 or not np.isfinite(matrix).all():
        raise XGammaError(
            f"{what} has a covariance that is not a square table of finite numbers: correct or remove it."
        )
    return matrix


def prior_number(value: Any) -> float:
    """Return a number of a prior."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise XGammaError(
            f"A prior in the models' YAML has {shown(value)} in place of a number."
        ) from None


def number_of(
    component: Component, data: dict[str, Any], key: str, default: float | None = None
) -> float:
    """Return a number of a parameter's entry."""
    value = data.get(key, default)
    try:
        if value is None and key in ("min", "max", "error"):
            value = default
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise XGammaError(
            f"The {key} of the parameter {data['name']!r} of {type(component).__name__} is {shown(value)}, which is not a number."
        ) from None
