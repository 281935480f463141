"""A spectrum of a fixed form, scaled by a factor."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from xgamma.errors import XGammaError, shown
from xgamma.modeling.parameter import Spec
from xgamma.modeling.spectrum_base import Spectrum

__all__ = ["ScaledSpectrum"]


class ScaledSpectrum(Spectrum):
    """Another spectrum of fixed shape, multiplied by a free factor `norm`.

    The parameters of the other spectrum are not parameters of this one, so no fit changes them.

    Parameters
    ----------
    model : Spectrum
        Spectrum to scale.
    norm : float
        Factor.

    Raises
    ------
    XGammaError
        If `model` is not a spectrum.

    Examples
    --------
    >>> from xgamma.modeling.spectral import PowerLaw
    >>> half = ScaledSpectrum(PowerLaw(index=2), norm=0.5)
    >>> half("1 TeV")
    <Quantity 5.e-13 1 / (TeV s cm2)>
    >>> [p.name for p in half.parameters]
    ['norm']
    """

    tag, short = "ScaleSpectralModel", "scale"
    specs: ClassVar[dict[str, Spec]] = {"norm": Spec(1.0, log=True)}

    def __init__(self, model: Spectrum, norm: object = 1.0) -> None:
        if not isinstance(model, Spectrum):
            raise XGammaError(f"model={shown(model)} must be a spectrum, such as xg.PowerLaw().")
        super().__init__(norm=norm)
        self.model, self.unit = model, model.unit

    def kernel_values(self) -> tuple[float, ...]:
        """Return the factor, then the values of the other spectrum: the result depends on both."""
        return self.norm.value, *self.model.kernel_values()

    def kernel_corners(self) -> tuple[float, ...]:
        """See `Spectrum.kernel_corners`."""
        return self.model.kernel_corners()

    def kernel(self, energy: np.ndarray) -> np.ndarray:
        """See `Spectrum.kernel`."""
        values: np.ndarray = self.norm.value * self.model.kernel(energy)
        return values

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`."""
        values: np.ndarray = self.norm.value * self.model.kernel_integral(emin, emax, power)
        return values

    def __repr__(self) -> str:
        return f"ScaledSpectrum({self.model!r}, norm={self.norm.value:.6g})"
