"""Reductions described in a file: checked, run, and recorded in their products."""

from typing import Any

from xgamma.core.late import late_names

_HOMES = {
    "example": "xgamma.config.loading",
    "load_config": "xgamma.config.loading",
    "reduce_config": "xgamma.config.running",
}

__all__ = sorted(_HOMES)
_find = late_names("xgamma.config", _HOMES)


def __getattr__(name: str) -> Any:
    return _find(name)


def __dir__() -> list[str]:
    return __all__
