"""Spectra: differential flux against true energy.

Formulas: the Fermi-LAT source model definitions
(https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/source_models.html) and the
4FGL catalogue, Abdollahi et al. 2020, ApJS 247, 33, whose parameter names are kept.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from xgamma.modeling.parameter import Spec
from xgamma.modeling.spectrum_base import FLUX, Spectrum
from xgamma.numerics import spectra as kernels

__all__ = [
    "BrokenPowerLaw",
    "Constant",
    "ExpCutoffPowerLaw",
    "LineSpectrum",
    "LogParabola",
    "LogParabola2",
    "PowerLaw",
    "PowerLaw2",
    "SmoothBrokenPowerLaw",
]

AMPLITUDE = Spec(1e-12, FLUX, log=True)
REFERENCE = Spec(1.0, "TeV", frozen=True)


class PowerLaw(Spectrum):
    r"""Power law, :math:`\phi_0 (E/E_0)^{-\Gamma}`.

    Examples
    --------
    >>> PowerLaw(index=2.6, amplitude="3.5e-11 cm-2 s-1 TeV-1")
    PowerLaw(index=2.6, amplitude=3.5e-11 1 / (TeV s cm2), reference=1 TeV)
    """

    tag, short = "PowerLawSpectralModel", "pl"
    specs: ClassVar[dict[str, Spec]] = {
        "index": Spec(2.0),
        "amplitude": AMPLITUDE,
        "reference": REFERENCE,
    }
    evaluate = staticmethod(kernels.power_law)

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`; exact here."""
        return kernels.power_law_moment(emin, emax, power, *self.kernel_values())


class PowerLaw2(Spectrum):
    r"""Power law given by its integral flux between `emin` and `emax`.

    Examples
    --------
    >>> PowerLaw2(amplitude="1e-11 cm-2 s-1", emin="1 TeV", emax="10 TeV").integral(1, 10)
    <Quantity 1.e-11 1 / (s cm2)>
    """

    tag, short = "PowerLaw2SpectralModel", "pl-2"
    specs: ClassVar[dict[str, Spec]] = {
        "amplitude": Spec(1e-12, "s-1 cm-2", log=True),
        "index": Spec(2.0),
        "emin": Spec(0.1, "TeV", frozen=True),
        "emax": Spec(100.0, "TeV", frozen=True),
    }

    @staticmethod
    def evaluate(energy: np.ndarray, *parameters: float) -> np.ndarray:
        """Evaluate at energies in TeV."""
        amplitude, index, emin, emax = parameters
        values: np.ndarray = kernels.power_law(
            energy, index, amplitude, 1.0
        ) / kernels.power_law_moment(np.asarray(emin), np.asarray(emax), 0, index, 1.0, 1.0)
        return values

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`; exact here."""
        amplitude, index, low, high = self.kernel_values()
        whole = kernels.power_law_moment(np.asarray(low), np.asarray(high), 0, index, 1.0, 1.0)
        values: np.ndarray = (
            kernels.power_law_moment(emin, emax, power, index, amplitude, 1.0) / whole
        )
        return values


class Constant(Spectrum):
    """A flux that does not depend on energy.

    Examples
    --------
    >>> Constant(const="1e-12 cm-2 s-1 TeV-1").integral("1 TeV", "3 TeV")
    <Quantity 2.e-12 1 / (s cm2)>
    """

    tag, short = "ConstantSpectralModel", "const"
    specs: ClassVar[dict[str, Spec]] = {"const": Spec(1e-12, FLUX)}

    @staticmethod
    def evaluate(energy: np.ndarray, *parameters: float) -> np.ndarray:
        """Evaluate at energies in TeV."""
        return np.full(np.shape(energy), parameters[0])

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`; exact here."""
        (const,) = self.kernel_values()
        values: np.ndarray = const * (emax ** (power + 1) - emin ** (power + 1)) / (power + 1)
        return values


class ExpCutoffPowerLaw(Spectrum):
    r"""Power law with an exponential cutoff, :math:`\phi_0 (E/E_0)^{-\Gamma} e^{-(\lambda E)^\alpha}`.

    With ``alpha`` above 1 the cutoff is super-exponential.

    Examples
    --------
    >>> ExpCutoffPowerLaw(index=2, amplitude="1e-11 cm-2 s-1 TeV-1", lambda_="0.1 TeV-1")("10 TeV")
    <Quantity 3.67879441e-14 1 / (TeV s cm2)>
    """

    tag, short = "ExpCutoffPowerLawSpectralModel", "ecpl"
    specs: ClassVar[dict[str, Spec]] = {
        "index": Spec(1.5),
        "amplitude": AMPLITUDE,
        "reference": REFERENCE,
        "lambda_": Spec(0.1, "TeV-1"),
        "alpha": Spec(1.0, frozen=True),
    }
    evaluate = staticmethod(kernels.exp_cutoff_power_law)

    def kernel_peak(self) -> float:
        """See ``SpectrumFeatures.kernel_peak``; exact."""
        index, _, _, lambda_, alpha = self.kernel_values()
        if not (alpha > 0 and lambda_ > 0 and index < 2):
            return np.nan
        return float(((2 - index) / alpha) ** (1 / alpha) / lambda_)


class BrokenPowerLaw(Spectrum):
    """Power law whose index changes at `ebreak`, where the flux is `amplitude`.

    Examples
    --------
    >>> BrokenPowerLaw(index1=2, index2=3, ebreak="2 TeV")("4 TeV")
    <Quantity 1.25e-13 1 / (TeV s cm2)>
    """

    tag, short = "BrokenPowerLawSpectralModel", "bpl"
    specs: ClassVar[dict[str, Spec]] = {
        "index1": Spec(2.0),
        "index2": Spec(2.0),
        "amplitude": AMPLITUDE,
        "ebreak": Spec(1.0, "TeV"),
    }
    evaluate = staticmethod(kernels.broken_power_law)

    def kernel_corners(self) -> tuple[float, ...]:
        """See `Spectrum.kernel_corners`: the break."""
        return (self.kernel_values()[3],)

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`; exact here: one power law on each side of the break."""
        index1, index2, amplitude, ebreak = self.kernel_values()
        low, high = np.clip(emin, None, ebreak), np.clip(emax, None, ebreak)
        below = kernels.power_law_moment(low, high, power, index1, amplitude, ebreak)
        low, high = np.clip(emin, ebreak, None), np.clip(emax, ebreak, None)
        values: np.ndarray = below + kernels.power_law_moment(
            low, high, power, index2, amplitude, ebreak
        )
        return values


class SmoothBrokenPowerLaw(Spectrum):
    r"""Broken power law with a bend of width `beta` (Aharonian et al. 2006, A&A 457, 899).

    Examples
    --------
    >>> SmoothBrokenPowerLaw(index1=2, index2=3, ebreak="2 TeV", beta=0.5)("4 TeV")
    <Quantity 2.79508497e-14 1 / (TeV s cm2)>
    """

    tag, short = "SmoothBrokenPowerLawSpectralModel", "sbpl"
    specs: ClassVar[dict[str, Spec]] = {
        "index1": Spec(2.0),
        "index2": Spec(2.0),
        "amplitude": AMPLITUDE,
        "ebreak": Spec(1.0, "TeV"),
        "reference": REFERENCE,
        "beta": Spec(1.0, frozen=True),
    }
    evaluate = staticmethod(kernels.smooth_broken_power_law)


class LogParabola(Spectrum):
    r"""Log parabola, :math:`\phi_0 (E/E_0)^{-\alpha - \beta \ln(E/E_0)}`.

    Examples
    --------
    >>> LogParabola(alpha=2.3, beta=0.1, reference="1 TeV")("10 TeV")
    <Quantity 2.94945307e-15 1 / (TeV s cm2)>
    """

    tag, short = "LogParabolaSpectralModel", "lp"
    specs: ClassVar[dict[str, Spec]] = {
        "amplitude": AMPLITUDE,
        "reference": Spec(10.0, "TeV", frozen=True),
        "alpha": Spec(2.0),
        "beta": Spec(1.0),
    }
    evaluate = staticmethod(kernels.log_parabola)

    def kernel_peak(self) -> float:
        """See ``SpectrumFeatures.kernel_peak``; exact."""
        _, reference, alpha, beta = self.kernel_values()
        return float(reference * np.exp((2 - alpha) / (2 * beta))) if beta > 0 else np.nan


class LogParabola2(Spectrum):
    r"""Log parabola of two energies, :math:`\phi_0 (E/E_0)^{-\alpha - \beta \ln(E/E_s)}`.

    The flux is `amplitude` at `reference`; `escale` is where :math:`\beta` counts from.

    Examples
    --------
    >>> LogParabola2(alpha=2.3, beta=0.1, reference="1 TeV", escale="10 TeV")("10 TeV")
    <Quantity 5.01187234e-15 1 / (TeV s cm2)>
    """

    tag, short = "LogParabola2SpectralModel", "lp2"
    specs: ClassVar[dict[str, Spec]] = {
        "amplitude": AMPLITUDE,
        "reference": Spec(10.0, "TeV", frozen=True),
        "alpha": Spec(2.0),
        "beta": Spec(1.0),
        "escale": Spec(1.0, "TeV", frozen=True),
    }
    evaluate = staticmethod(kernels.log_parabola_2)

    def kernel_peak(self) -> float:
        """See ``SpectrumFeatures.kernel_peak``; exact: between `reference` and `escale`."""
        _, reference, alpha, beta, escale = self.kernel_values()
        if not beta > 0:
            return np.nan
        return float(np.sqrt(reference * escale) * np.exp((2 - alpha) / (2 * beta)))


class LineSpectrum(Spectrum):
    """A gaussian line of integral flux `amplitude`.

    Examples
    --------
    >>> LineSpectrum(mean="1 TeV", sigma="0.1 TeV").integral("0.5 TeV", "2 TeV")
    <Quantity 9.99999713e-13 1 / (s cm2)>
    """

    tag, short = "GaussianSpectralModel", "gauss"
    specs: ClassVar[dict[str, Spec]] = {
        "amplitude": Spec(1e-12, "s-1 cm-2", log=True),
        "mean": Spec(1.0, "TeV"),
        "sigma": Spec(2.0, "TeV"),
    }

    @staticmethod
    def evaluate(energy: np.ndarray, *parameters: float) -> np.ndarray:
        """Evaluate at energies in TeV."""
        amplitude, mean, sigma = parameters
        scale = amplitude / (sigma * np.sqrt(2 * np.pi))
        values: np.ndarray = scale * np.exp(-0.5 * ((energy - mean) / sigma) ** 2)
        return values

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`; exact here."""
        return kernels.line_moment(emin, emax, power, *self.kernel_values())
