"""Representation of accessors, and messages for attributes that do not exist."""

from __future__ import annotations

import difflib
from typing import Any

from xgamma.errors import AccessorError

__all__ = ["Hints"]


class Hints:
    """Base of the accessors: a short text for `print`, and a hint in the place of a bare error.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> example_map().gamma
    <ds.gamma of xgamma: ... methods and properties; dir(ds.gamma) lists them>
    >>> example_map().gamma.counts
    Traceback (most recent call last):
    xgamma.errors.AccessorError: ds.gamma has no 'counts', but the dataset itself has it: use ds.counts.
    """

    _written = "ds"

    def __repr__(self) -> str:
        number = sum(not name.startswith("_") for name in dir(type(self)))
        text = f"{self._written}.gamma"
        return f"<{text} of xgamma: {number} methods and properties; dir({text}) lists them>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in dir(type(self)):
            # Raised inside a property, or by what looks for a protocol: say that.
            return object.__getattribute__(self, name)
        raise self._missing(name)

    def _missing(self, name: str) -> AccessorError:
        """Return the error of a name that is not there."""
        return AccessorError(f"{self._written}.gamma has no {name!r}{self._instead(name)}")

    def _instead(self, name: str) -> str:
        """Return where to look for it."""
        obj = self.__dict__.get("_obj")
        if name in getattr(obj, "variables", {}) or hasattr(type(obj), name):
            kind = {"ds": "dataset", "da": "array", "tree": "tree"}[self._written]
            return f", but the {kind} itself has it: use {self._written}.{name}."
        known = [n for n in dir(type(self)) if not n.startswith("_")]
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        near += [n for n in known if name in n and n not in near][:3]
        return (
            f": did you mean {' or '.join(near)}?" if near else f": see dir({self._written}.gamma)."
        )
