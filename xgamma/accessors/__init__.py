"""The accessors ``ds.gamma``, ``da.gamma`` and ``tree.gamma``: thin, each method delegates.

Nothing computed from data is kept on an accessor: xarray keeps the accessor object itself,
so a kept sum would go stale after ``ds["counts"] = ...``.
"""

from xgamma.accessors.array import GammaDataArray
from xgamma.accessors.dataset import GammaDataset
from xgamma.accessors.tree import GammaDataTree

__all__ = ["GammaDataArray", "GammaDataTree", "GammaDataset"]
