"""Spectra: differential flux against true energy.

Formulas: the Fermi-LAT source model definitions
(https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/source_models.html) and the
4FGL catalogue, Abdollahi et al. 2020, ApJS 247, 33, whose parameter names are kept.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from xgamma.errors import XGammaError
from xgamma.modeling.parameter import Spec
from xgamma.modeling.spectrum import FLUX, CompoundSpectrum, Spectrum
from xgamma.numerics import spectra as kernels
from xgamma.units import conversion, parse_unit, to_value

__all__ = [
    "FLUX",
    "BrokenPowerLaw",
    "CompoundSpectrum",
    "Constant",
    "ExpCutoffPowerLaw",
    "ExpCutoffPowerLaw3FGL",
    "ExpCutoffPowerLawNorm",
    "LineSpectrum",
    "LogParabola",
    "LogParabolaNorm",
    "PowerLaw",
    "PowerLaw2",
    "PowerLawNorm",
    "SmoothBrokenPowerLaw",
    "Spectrum",
    "SuperExpCutoff3FGL",
    "SuperExpCutoff4FGL",
    "SuperExpCutoff4FGLDR3",
    "TemplateSpectrum",
]

AMPLITUDE = Spec(1e-12, FLUX, log=True)
REFERENCE = Spec(1.0, "TeV", frozen=True)
NORM = Spec(1.0, log=True)


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
        return kernels.power_law(energy, index, amplitude, 1.0) / kernels.power_law_moment(
            np.asarray(emin), np.asarray(emax), 0, index, 1.0, 1.0
        )

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`; exact here."""
        amplitude, index, low, high = self.kernel_values()
        whole = kernels.power_law_moment(np.asarray(low), np.asarray(high), 0, index, 1.0, 1.0)
        return kernels.power_law_moment(emin, emax, power, index, amplitude, 1.0) / whole


class PowerLawNorm(Spectrum):
    r"""A factor, :math:`N (E/E_0)^{-\mathrm{tilt}}`, that corrects another spectrum or a background.

    Examples
    --------
    >>> PowerLawNorm(norm=0.9, tilt=0.1)("10 TeV").round(4)
    <Quantity 0.7149>
    """

    tag, short = "PowerLawNormSpectralModel", "pl-norm"
    unit = ""
    specs: ClassVar[dict[str, Spec]] = {
        "tilt": Spec(0.0, frozen=True),
        "norm": NORM,
        "reference": REFERENCE,
    }
    evaluate = staticmethod(kernels.power_law)

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`; exact here."""
        return kernels.power_law_moment(emin, emax, power, *self.kernel_values())


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
        return const * (emax ** (power + 1) - emin ** (power + 1)) / (power + 1)


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


class ExpCutoffPowerLawNorm(Spectrum):
    """A factor with the form of `ExpCutoffPowerLaw`.

    Examples
    --------
    >>> ExpCutoffPowerLawNorm(lambda_="0.1 TeV-1")("10 TeV").round(4)
    <Quantity 0.3679>
    """

    tag, short = "ExpCutoffPowerLawNormSpectralModel", "ecpl-norm"
    unit = ""
    specs: ClassVar[dict[str, Spec]] = {
        "index": Spec(0.0),
        "norm": NORM,
        "reference": REFERENCE,
        "lambda_": Spec(0.1, "TeV-1"),
        "alpha": Spec(1.0, frozen=True),
    }
    evaluate = staticmethod(kernels.exp_cutoff_power_law)


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
        return kernels.power_law(energy, index_1, amplitude, reference) * cutoff


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

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`; exact here: one power law on each side of the break."""
        index1, index2, amplitude, ebreak = self.kernel_values()
        low, high = np.clip(emin, None, ebreak), np.clip(emax, None, ebreak)
        below = kernels.power_law_moment(low, high, power, index1, amplitude, ebreak)
        low, high = np.clip(emin, ebreak, None), np.clip(emax, ebreak, None)
        return below + kernels.power_law_moment(low, high, power, index2, amplitude, ebreak)


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


class LogParabolaNorm(Spectrum):
    """A factor with the form of `LogParabola`.

    Examples
    --------
    >>> LogParabolaNorm(norm=0.9, beta=0.1, reference="1 TeV")("10 TeV").round(4)
    <Quantity 0.5296>
    """

    tag, short = "LogParabolaNormSpectralModel", "lp-norm"
    unit = ""
    specs: ClassVar[dict[str, Spec]] = {
        "norm": NORM,
        "reference": Spec(10.0, "TeV", frozen=True),
        "alpha": Spec(0.0),
        "beta": Spec(0.0),
    }
    evaluate = staticmethod(kernels.log_parabola)


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
        return scale * np.exp(-0.5 * ((energy - mean) / sigma) ** 2)

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`; exact here."""
        return kernels.line_moment(emin, emax, power, *self.kernel_values())


class TemplateSpectrum(Spectrum):
    """A spectrum given by a table.

    Interpolation is linear in log energy and log flux; beyond the table the flux is zero
    unless ``extrapolate=True``.

    Parameters
    ----------
    energy : Quantity or array_like
        Nodes, increasing; plain numbers are TeV.
    values : Quantity or array_like
        Flux at the nodes; plain numbers are factors without a unit.
    extrapolate : bool
        Whether to carry the slope of the ends on.

    Examples
    --------
    >>> from astropy import units as u
    >>> table = TemplateSpectrum([1, 100] * u.TeV, [1e-12, 1e-16] * u.Unit("cm-2 s-1 TeV-1"))
    >>> table("10 TeV").round(16)
    <Quantity 1.e-14 1 / (TeV s cm2)>
    """

    tag, short = "TemplateSpectralModel", "template"

    def __init__(self, energy: Any, values: Any, extrapolate: bool = False) -> None:
        super().__init__()
        self.energy = np.atleast_1d(to_value(energy, "TeV", "energy"))
        unit = str(getattr(values, "unit", ""))
        self.unit = "" if parse_unit(unit).physical_type == "dimensionless" else FLUX
        self.values = np.atleast_1d(np.asarray(getattr(values, "value", values), dtype=float))
        self.values = self.values * conversion(unit, self.unit)
        self.extrapolate = extrapolate
        if self.energy.shape != self.values.shape or np.any(np.diff(self.energy) <= 0):
            raise XGammaError(
                f"A template needs increasing energies and one value each, "
                f"not {self.energy.size} energies and {self.values.size} values."
            )

    def kernel(self, energy: np.ndarray) -> np.ndarray:
        """See `Spectrum.kernel`."""
        value = kernels.loglog_table(energy, self.energy, self.values)
        if self.extrapolate:
            return value
        # Half a billionth of slack keeps nodes that went through a unit conversion inside.
        low, high = self.energy[0] * (1 - 5e-10), self.energy[-1] * (1 + 5e-10)
        return np.where((energy >= low) & (energy <= high), value, 0.0)

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """See `Spectrum.kernel_integral`; exact, beyond the table too."""
        if self.energy.size < 2:
            return super().kernel_integral(emin, emax, power)
        nodes = self.energy
        if self.extrapolate:
            below, above = np.min(emin), np.max(emax)
            ends = [e for e in (below, above) if not nodes[0] <= e <= nodes[-1]]
            nodes = np.sort(np.concatenate([nodes, ends]))
        values = kernels.loglog_table(nodes, self.energy, self.values)
        return kernels.loglog_moment(emin, emax, nodes, values, power)

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form beside the parameters."""
        return {
            "energy": {"data": self.energy.tolist(), "unit": "TeV"},
            "values": {"data": self.values.tolist(), "unit": self.unit},
            "extrapolate": self.extrapolate,
        }

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> TemplateSpectrum:
        """Make the component from its serialised form.

        gammapy's, which does not say, carries the slope of the ends on.
        """
        extrapolate = bool(data.get("extrapolate", True))
        return cls(table_quantity(data["energy"]), table_quantity(data["values"]), extrapolate)

    def __repr__(self) -> str:
        low, high = self.energy[[0, -1]]
        return f"TemplateSpectrum({self.energy.size} nodes, {low:.3g} to {high:.3g} TeV)"


def table_quantity(data: dict[str, Any]) -> Any:
    """Read ``{"data": [...], "unit": "..."}``."""
    from astropy.units import Quantity

    return Quantity(data["data"], parse_unit(str(data.get("unit", ""))))
