"""``ds.gamma``: what a dataset can do."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.accessors.makers import MakerMethods
from xgamma.accessors.modeling import ModelMethods
from xgamma.accessors.operations import OperationMethods
from xgamma.core import units
from xgamma.model import create as model

__all__ = ["GammaDataset"]


@xr.register_dataset_accessor("gamma")
class GammaDataset(ModelMethods, OperationMethods, MakerMethods):
    """``ds.gamma``: what a dataset can do."""

    @property
    def kind(self) -> str:
        """Kind of dataset. See `xgamma.model.create.kind`."""
        return model.kind(self._obj)

    def validate(self, errors: str = "raise", values: bool = True) -> list[str]:
        """Check against the data model. See `xgamma.model.create.validate`."""
        return model.validate(self._obj, errors, values)

    def quantity(self, name: str) -> Any:
        """Return the values of a variable with their unit. See `xgamma.core.units.quantity`."""
        model.require(self._obj, name)
        return units.quantity(self._obj[name])
