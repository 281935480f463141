"""Names that are imported when they are first used: the one lazy mechanism of the package.

The package itself uses it for its public names, so that ``import xgamma`` stays quick, a class
for a method that delegates to a layer above its own, such as ``spectrum.plot()``, and
`xgamma.core.heavy` for packages that few jobs need.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

__all__ = ["imported", "late", "late_module", "late_names"]


def late(path: str) -> Callable[..., Any]:
    """Return a function that imports another one when it is called.

    Parameters
    ----------
    path : str
        Module and name, as in ``"xgamma.plot.spectra:plot_spectrum_model"``.

    Returns
    -------
    function : callable
        Takes what the other takes and returns what it returns.

    Examples
    --------
    >>> late("math:sqrt")(9.0)
    3.0
    """

    def function(*args: object, **kwargs: object) -> Any:
        return imported(path)(*args, **kwargs)

    return function


class _LateModule(ModuleType):
    """Stand in for a module until one of its names is used."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def late_module(name: str) -> ModuleType:
    """Return a module that is imported when one of its names is first used.

    Parameters
    ----------
    name : str
        Name of the module, as in ``"colorsys"``.

    Returns
    -------
    module : module
        Its names are those of the module itself, so ``isinstance(x, module.Class)`` holds.

    Examples
    --------
    >>> late_module("math").sqrt(9.0)
    3.0
    """
    return _LateModule(name)


def late_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package whose names are imported at their first use.

    Parameters
    ----------
    package : str
        Its name.
    homes : mapping of str to str
        Name to the module that has it, or to ``"module:name"`` where it has another name there.

    Returns
    -------
    getattr : callable
        Of a name; raises an `AttributeError` if there is none.

    Examples
    --------
    >>> late_names("maths", {"root": "math:sqrt", "pi": "math"})("root")(9.0)
    3.0
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        return imported(home if ":" in home else f"{home}:{name}")

    return find


def imported(path: str) -> Any:
    """Import the object at a path such as ``"math:sqrt"``.

    Examples
    --------
    >>> imported("math:sqrt")(9.0)
    3.0
    """
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
