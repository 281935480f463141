"""Optional packages, required by some functions only."""

from __future__ import annotations

import importlib
from typing import Any

from xgamma.errors import MissingPackageError

__all__ = ["require_package"]


def require_package(module: str, job: str, extra: str, instead: str = "") -> Any:
    """Import a module of an optional package, or raise an error that says how to install it.

    Parameters
    ----------
    module : str
        Module, such as ``"matplotlib.pyplot"``.
    job : str
        What it is for: the start of the message.
    extra : str
        The extra of xgamma that brings it.
    instead : str
        What to do without it, the end of the message.

    Returns
    -------
    module : module
        The module.

    Raises
    ------
    MissingPackageError
        If its package is not installed.

    Examples
    --------
    >>> require_package("math", "Counting", "all").pi > 3
    True
    >>> require_package("no_such_package", "The job", "all")
    Traceback (most recent call last):
    xgamma.errors.MissingPackageError: The job needs no_such_package: install it with pip install 'xgamma[all]'.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise
    other = f", or {instead}" if instead else ""
    raise MissingPackageError(
        f"{job} needs {package}: install it with pip install 'xgamma[{extra}]'{other}."
    )
