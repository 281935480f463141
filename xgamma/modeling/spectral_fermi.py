"""Spectra with the cutoffs of the Fermi-LAT catalogues.

Formulas: the Fermi-LAT source model definitions
(https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/source_models.html), and the 4FGL-DR3
catalogue, Abdollahi et al. 2022, ApJS 260, 53.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from xgamma.modeling.parameter import Spec
from xgamma.modeling.spectrum_base import FLUX, Spectrum
from xgamma.numerics import spectra as kernels

__all__ = [
    "ExpCutoffPowerLaw3FGL",
    "SuperExpCutoff3FGL",
    "SuperExpCutoff4FGL",
    "SuperExpCutoff4FGLDR3",
]

AMPLITUDE = Spec(1e-12, FLUX, log=True)
REFERENCE = Spec(1.0, "TeV", frozen=True)


class ExpCutoffPowerLaw3FGL(Spectrum):
    r"""Cutoff of the 3FGL catalogue, :math:`\phi_0 (E/E_0)^{-\Gamma} e^{(E_0 - E)/E_c}`.

    Examples
    --------
    >>> ExpCutoffPowerLaw3FGL(index=2, ecut="10 TeV")("10 TeV")
    <Quantity 4.0656966e-15 1 / (TeV s cm2)>
    """

    tag, short = "ExpCutoffPowerLaw3FGLSpectralModel", "ecpl-3fgl"
    specs: ClassVar[dict[str, Spec]] = {
        "index": Spec(1.5),
        "amplitude": AMPLITUDE,
        "reference": REFERENCE,
        "ecut": Spec(10.0, "TeV"),
    }

    @staticmethod
    def evaluate(energy: np.ndarray, *parameters: float) -> np.ndarray:
        """Evaluate at energies in TeV."""
        index, amplitude, reference, ecut = parameters
        cutoff = np.exp((reference - energy) / ecut)
        return kernels.power_law(energy, index, amplitude, reference) * cutoff


class SuperExpCutoff3FGL(Spectrum):
    r"""Super-exponential cutoff of 3FGL, with :math:`e^{(E_0/E_c)^{\Gamma_2} - (E/E_c)^{\Gamma_2}}`.

    Examples
    --------
    >>> SuperExpCutoff3FGL(index_1=1.5, index_2=1, ecut="10 TeV")("10 TeV")
    <Quantity 1.28568615e-14 1 / (TeV s cm2)>
    """

    tag, short = "SuperExpCutoffPowerLaw3FGLSpectralModel", "secpl-3fgl"
    specs: ClassVar[dict[str, Spec]] = {
        "amplitude": AMPLITUDE,
        "reference": REFERENCE,
        "ecut": Spec(10.0, "TeV"),
        "index_1": Spec(1.5),
        "index_2": Spec(2.0),
    }

    @staticmethod
    def evaluate(energy: np.ndarray, *parameters: float) -> np.ndarray:
        """Evaluate at energies in TeV."""
        amplitude, reference, ecut, index_1, index_2 = parameters
        cutoff = np.exp((reference / ecut) ** index_2 - (energy / ecut) ** index_2)
        values: np.ndarray = kernels.power_law(energy, index_1, amplitude, reference) * cutoff
        return values


class SuperExpCutoff4FGL(Spectrum):
    r"""Super-exponential cutoff of 4FGL, with :math:`e^{a (E_0^{\Gamma_2} - E^{\Gamma_2})}`, E in MeV.

    Examples
    --------
    >>> SuperExpCutoff4FGL(index_1=1.5, index_2=0.7, expfactor=0.01)("10 TeV")
    <Quantity 2.28385027e-290 1 / (TeV s cm2)>
    """

    tag, short = "SuperExpCutoffPowerLaw4FGLSpectralModel", "secpl-4fgl"
    specs: ClassVar[dict[str, Spec]] = {
        "amplitude": AMPLITUDE,
        "reference": REFERENCE,
        "expfactor": Spec(1e-14),
        "index_1": Spec(1.5),
        "index_2": Spec(2.0),
    }
    evaluate = staticmethod(kernels.super_exp_cutoff_4fgl)


class SuperExpCutoff4FGLDR3(Spectrum):
    """Super-exponential cutoff as 4FGL-DR3 writes it, with the local index and curvature at `reference`.

    Examples
    --------
    >>> SuperExpCutoff4FGLDR3(index_1=1.5, index_2=0.7, expfactor=0.01)("10 TeV")
    <Quantity 3.01111871e-14 1 / (TeV s cm2)>
    """

    tag, short = "SuperExpCutoffPowerLaw4FGLDR3SpectralModel", "secpl-4fgl-dr3"
    specs: ClassVar[dict[str, Spec]] = {
        "amplitude": AMPLITUDE,
        "reference": REFERENCE,
        "expfactor": Spec(0.01),
        "index_1": Spec(1.5),
        "index_2": Spec(2.0),
    }
    evaluate = staticmethod(kernels.super_exp_cutoff_4fgl_dr3)

    def kernel_peak(self) -> float:
        """See ``SpectrumFeatures.kernel_peak``; exact (4FGL-DR3, equation 3 with its derivative)."""
        _, reference, curvature, index_1, index_2 = self.kernel_values()
        if not curvature > 0:
            return np.nan
        if abs(index_2) < 1e-9:
            return float(reference * np.exp((2 - index_1) / curvature))
        turn = 1 + index_2 / curvature * (2 - index_1)
        return float(reference * turn ** (1 / index_2)) if turn > 0 else np.nan
