"""The accessors ``ds.gamma``, ``da.gamma`` and ``tree.gamma``: tables of functions.

A member is one line: the function behind it. What it takes, returns and says of itself are the
function's: see `xgamma.accessors.members`. Nothing computed from data is kept on an accessor:
xarray keeps the accessor object itself, so a kept sum would go stale after
``ds["counts"] = ...``.

``__init__.pyi`` tells editors and type checkers the same. It is generated: run
``python -m tests.stubs`` after a change of a table or of a signature.
"""

from xgamma.accessors.array import GammaDataArray
from xgamma.accessors.dataset import GammaDataset
from xgamma.accessors.tree import GammaCollection, GammaDataTree, GammaObservation

__all__ = [
    "GammaCollection",
    "GammaDataArray",
    "GammaDataTree",
    "GammaDataset",
    "GammaObservation",
]
