"""Models of counts: the background of a dataset, and counts given as a map."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from xgamma.errors import UnitError, XGammaError
from xgamma.modeling.model_base import COUNTER, Model, name_list
from xgamma.modeling.spatial_base import Shape
from xgamma.modeling.spectral_norms import PowerLawNorm
from xgamma.modeling.spectrum_base import Spectrum

__all__ = ["FoVBackground", "TemplateNPred"]


class FoVBackground(Model):
    """The background of one dataset, corrected by a factor that may depend on energy.

    Parameters
    ----------
    dataset : str or list of str
        Name of the dataset.
    spectral : Spectrum, optional
        Factor; a free norm and a frozen tilt by default.
    spatial : Shape, optional
        Factor over the sky, evaluated as it is (not normalised).
    name : str, optional
        Unique name; by default, the name of the dataset with ``-bkg`` appended.

    Examples
    --------
    >>> FoVBackground(dataset="crab").name
    'crab-bkg'
    """

    def __init__(
        self,
        dataset: str | Iterable[str],
        spectral: Spectrum | None = None,
        spatial: Shape | None = None,
        name: str | None = None,
    ) -> None:
        self.spectral = PowerLawNorm() if spectral is None else spectral
        self.spatial = spatial
        self.datasets = name_list(dataset)
        if self.spectral.unit:
            raise UnitError(
                f"The background of {dataset!r} must be scaled by a dimensionless factor, not a "
                "flux: use PowerLawNorm."
            )
        if not self.datasets:
            raise XGammaError(
                "A FoVBackground requires the name of its dataset, for example dataset='crab'."
            )
        self.name = name or f"{self.datasets[0]}-bkg"


class TemplateNPred(Model):
    """Predicted counts given as a map, scaled by a factor.

    Parameters
    ----------
    map : DataArray
        Counts, dims those of the dataset's counts.
    spectral : Spectrum, optional
        Factor; a free norm by default.
    name : str, optional
        Unique name.
    datasets : str or list of str, optional
        Names of the datasets that it applies to; by default, all.
    filename : str, optional
        File that holds the map, for YAML.

    Examples
    --------
    >>> import xarray as xr
    >>> extra = TemplateNPred(xr.DataArray([1.0, 2.0], dims="energy"), name="extra")
    >>> extra.spectral.norm.value
    1.0
    """

    def __init__(
        self,
        map: xr.DataArray,
        spectral: Spectrum | None = None,
        name: str | None = None,
        datasets: str | Iterable[str] | None = None,
        filename: str | None = None,
    ) -> None:
        self.map, self.filename = map, filename
        self.spectral = PowerLawNorm() if spectral is None else spectral
        self.name = name or f"template-{next(COUNTER)}"
        self.datasets = name_list(datasets)
        if self.spectral.unit:
            raise UnitError(
                f"The template {self.name!r} must be scaled by a dimensionless factor: use PowerLawNorm."
            )
        if np.issubdtype(map.dtype, np.floating) and bool(np.isnan(map).any()):
            raise XGammaError(f"The template {self.name!r} contains NaN: fill it before use.")
