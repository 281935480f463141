"""Records of registries: a name, a one-line description, and often a function."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from xgamma.errors import XGammaError

__all__ = ["FunctionRecord", "Record"]


@functools.lru_cache(maxsize=256)
def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function: a reduction asks for it several times a run."""
    return inspect.signature(function)


@dataclass(frozen=True)
class Record:
    """Base class of the records of a registry.

    Parameters
    ----------
    name : str
        What it is asked for by: letters, digits, ``-`` and ``_``.
    summary : str
        One-line description.

    Examples
    --------
    >>> Record("my-way", "Do it my way.").name
    'my-way'
    >>> Record("my way", "Do it my way.")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: name='my way' of a Record is not valid: use letters, digits, - and _ only.
    """

    name: str
    summary: str

    def __post_init__(self) -> None:
        what = type(self).__name__
        if not isinstance(self.name, str) or not re.fullmatch(r"[A-Za-z][\w-]*", self.name):
            raise XGammaError(
                f"name={self.name!r} of a {what} is not valid: use letters, digits, - and _ only."
            )
        if not isinstance(self.summary, str) or not self.summary or "\n" in self.summary:
            raise XGammaError(f"summary= of {self.name!r} must be a one-line description.")


@dataclass(frozen=True)
class FunctionRecord(Record):
    """Base of records of functions ``function(ds, obs, **options)``.

    Parameters
    ----------
    name, summary : str
        As of a `Record`.
    function : callable
        Of a dataset, an observation, and options by name. Names, defaults and annotations of the
        options are read from its signature.

    Examples
    --------
    >>> def keep(ds, obs=None, *, share: float = 0.5):
    ...     return ds
    >>> record = FunctionRecord("keep", "Keep everything.", keep)
    >>> list(record.options)
    ['share']
    >>> record.require_options({"shear": 1})
    Traceback (most recent call last):
    xgamma.errors.XGammaError: 'keep' has no option 'shear': choose from share.
    """

    function: Callable[..., Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.function):
            raise XGammaError(f"function={self.function!r} of {self.name!r} must be callable.")
        if len(inspect.signature(self.function).parameters) < 2:
            raise XGammaError(
                f"The function of {self.name!r} must accept a dataset and an observation: "
                "define it as f(ds, obs, **options)."
            )

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """The options of the function, by name: what it takes beyond dataset and observation."""
        named = list(signature_of(self.function).parameters.values())[2:]
        return {p.name: p for p in named if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}

    def require_options(self, given: Iterable[str], others: bool = False) -> None:
        """Raise unless the function takes every option that is given, and needs no other.

        With `others`, some of them are for other functions.
        """
        given = list(given)
        missing = [n for n, p in self.options.items() if p.default is p.empty and n not in given]
        if missing:
            raise XGammaError(f"{self.name!r} requires the option {missing[0]!r}: give it a value.")
        if others:
            return
        parameters = signature_of(self.function).parameters.values()
        unknown = [name for name in given if name not in self.options]
        if unknown and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            known = f"choose from {', '.join(self.options)}" if self.options else "it takes none"
            raise XGammaError(f"{self.name!r} has no option {unknown[0]!r}: {known}.")
