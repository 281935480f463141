"""Spectra: differential flux against true energy.

Formulas: the Fermi-LAT source model definitions
(https://fermi.gsfc.nasa.gov/ssc/data/analysis/scitools/source_models.html) and the
4FGL catalogue, Abdollahi et al. 2020, ApJS 247, 33, whose parameter names are kept.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from xgamma.errors import UnitError, XGammaError
from xgamma.modeling.parameter import Component, Parameter, Spec
from xgamma.numerics import spectra as kernels
from xgamma.units import conversion, parse_unit, to_value

__all__ = [
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

FLUX = "TeV-1 s-1 cm-2"
AMPLITUDE = Spec(1e-12, FLUX, log=True)
REFERENCE = Spec(1.0, "TeV", frozen=True)
NORM = Spec(1.0, log=True)


class Spectrum(Component):
    """Base of all spectra; call one with energies to get the differential flux."""

    registry: ClassVar[dict[str, type[Component]]] = {}
    covariance: np.ndarray | None
    unit: str = FLUX
    """Unit of the differential flux, "" for a factor that multiplies another spectrum."""
    evaluate: ClassVar[Callable[..., np.ndarray]]
    """Kernel: energies in TeV, then the parameters in kernel units and in order."""

    def kernel(self, energy: np.ndarray) -> np.ndarray:
        """Differential flux (cm-2 s-1 TeV-1) at energies in TeV: plain numbers, for loops."""
        return self.evaluate(energy, *self.kernel_values())

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """Integral of ``E^power dN/dE`` between limits in TeV: plain numbers, for loops."""
        return kernels.integrate_log_energy(self.kernel, emin, emax, power)

    def __call__(self, energy: Any) -> Any:
        """Return the differential flux.

        Parameters
        ----------
        energy : DataArray, Quantity, str or array_like
            True energy; plain numbers are TeV.

        Returns
        -------
        flux : DataArray or Quantity
            In cm-2 s-1 TeV-1; labelled like the input if that is labelled.

        Examples
        --------
        >>> PowerLaw(index=2)("10 TeV")
        <Quantity 1.e-14 1 / (TeV s cm2)>
        """
        values = self.kernel(np.asarray(to_value(energy, "TeV", "energy")))
        return labelled(values, energy, self.unit)

    def integral(self, energy_min: Any, energy_max: Any) -> Any:
        """Return the flux integrated between two energies.

        Parameters
        ----------
        energy_min, energy_max : DataArray, Quantity, str or array_like
            Limits; plain numbers are TeV.

        Returns
        -------
        flux : DataArray or Quantity
            In cm-2 s-1.

        Examples
        --------
        >>> PowerLaw(index=2).integral("1 TeV", "10 TeV").round(14)
        <Quantity 9.e-13 1 / (s cm2)>
        """
        return self._moment(energy_min, energy_max, 0)

    def energy_flux(self, energy_min: Any, energy_max: Any) -> Any:
        """Return the energy flux between two energies.

        Parameters
        ----------
        energy_min, energy_max : DataArray, Quantity, str or array_like
            Limits; plain numbers are TeV.

        Returns
        -------
        flux : DataArray or Quantity
            In TeV cm-2 s-1.

        Examples
        --------
        >>> PowerLaw(index=1).energy_flux("1 TeV", "11 TeV").round(13)
        <Quantity 1.e-11 TeV / (s cm2)>
        """
        return self._moment(energy_min, energy_max, 1)

    def _moment(self, energy_min: Any, energy_max: Any, power: int) -> Any:
        low = np.asarray(to_value(energy_min, "TeV", "energy_min"))
        high = np.asarray(to_value(energy_max, "TeV", "energy_max"))
        return labelled(
            self.kernel_integral(low, high, power), energy_min, moment_unit(self.unit, power)
        )

    def evaluate_error(self, energy: Any) -> tuple[Any, Any]:
        """Return the differential flux and its standard deviation.

        The covariance of the parameters (set by a fit, else their errors, uncorrelated) is
        propagated linearly: ``var = J C J^T`` with the derivatives J taken numerically.

        Parameters
        ----------
        energy : DataArray, Quantity, str or array_like
            True energy; plain numbers are TeV.

        Returns
        -------
        flux, error : DataArray or Quantity
            Both in cm-2 s-1 TeV-1.
        """
        points = np.asarray(to_value(energy, "TeV", "energy"))
        value, error = self._propagate(lambda: self.kernel(points))
        return labelled(value, energy, self.unit), labelled(error, energy, self.unit)

    def integral_error(self, energy_min: Any, energy_max: Any, power: int = 0) -> tuple[Any, Any]:
        """Return the integral flux and its standard deviation, propagated as `evaluate_error`.

        Parameters
        ----------
        energy_min, energy_max : Quantity, str or array_like
            Limits; plain numbers are TeV.
        power : int
            0 for the flux (cm-2 s-1), 1 for the energy flux (TeV cm-2 s-1).

        Returns
        -------
        flux, error : DataArray or Quantity
            The integral and its error.
        """
        low = np.asarray(to_value(energy_min, "TeV", "energy_min"))
        high = np.asarray(to_value(energy_max, "TeV", "energy_max"))
        value, error = self._propagate(lambda: self.kernel_integral(low, high, power))
        unit = moment_unit(self.unit, power)
        return labelled(value, energy_min, unit), labelled(error, energy_min, unit)

    def _propagate(self, function: Callable[[], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        value = function()
        covariance = self.parameter_covariance()
        rows, used = [], []
        for i, parameter in enumerate(self.parameters):
            sigma = float(np.sqrt(covariance[i, i]))
            if sigma > 0:
                rows.append(derivative(function, parameter, 1e-3 * sigma))
                used.append(i)
        if not rows:
            return value, np.zeros_like(value)
        jacobian = np.stack(rows)
        part = covariance[np.ix_(used, used)]
        variance = np.einsum("i...,ij,j...->...", jacobian, part, jacobian)
        return value, np.sqrt(np.maximum(variance, 0.0))

    def parameter_covariance(self) -> np.ndarray:
        """Covariance of the parameters in their units, shape (n, n)."""
        if self.covariance is not None:
            return self.covariance
        return np.diag([p.error**2 for p in self.parameters])

    def pivot_energy(self, energy_min: Any = "0.01 TeV", energy_max: Any = "100 TeV") -> Any:
        """Return the energy at which the relative error of the flux is smallest.

        Parameters
        ----------
        energy_min, energy_max : Quantity, str or float
            Where to look; plain numbers are TeV.

        Returns
        -------
        energy : `~astropy.units.Quantity`
            TeV.

        Raises
        ------
        XGammaError
            If the spectrum has no errors yet, or no minimum inside the range.
        """
        from astropy.units import Quantity

        low, high = to_value(energy_min, "TeV", "min"), to_value(energy_max, "TeV", "max")
        for _ in range(3):
            grid = np.geomspace(low, high, 201)
            value, error = self._propagate(lambda grid=grid: self.kernel(grid))  # type: ignore[misc]
            best = int(np.argmin(error / value))
            if not 0 < best < 200 or not np.any(error > 0):
                raise XGammaError(
                    "The relative error of the spectrum has no minimum in "
                    f"{energy_min} to {energy_max}: fit it first, or widen the range."
                )
            low, high = grid[best - 1], grid[best + 1]
        return Quantity(np.sqrt(low * high), "TeV")

    def __mul__(self, other: Any) -> CompoundSpectrum:
        return CompoundSpectrum(self, other, "mul")

    def __add__(self, other: Any) -> CompoundSpectrum:
        return CompoundSpectrum(self, other, "add")

    def plot(
        self, energy_range: Any = (0.1, 100), ax: Any = None, power: int = 2, **kwargs: Any
    ) -> Any:
        """Plot ``E^power dN/dE``, with its error band once errors are known.

        Parameters
        ----------
        energy_range : pair of Quantity, str or float
            Plain numbers are TeV.
        ax : `~matplotlib.axes.Axes`, optional
            Axes.
        power : int
            2 gives the spectral energy distribution.
        **kwargs : dict
            Passed to ``ax.plot``.

        Returns
        -------
        ax : `~matplotlib.axes.Axes`
            The axes.
        """
        from xgamma.modeling.plot import plot_spectrum_model

        return plot_spectrum_model(self, energy_range, ax=ax, power=power, **kwargs)

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form beside the parameters."""
        return {}

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> Any:
        """Make the component from its serialised form, parameters at their defaults."""
        return cls()


def labelled(values: np.ndarray, like: Any, unit: str) -> Any:
    """Give values the labels of a DataArray and a unit, or make them a Quantity."""
    if isinstance(like, xr.DataArray):
        return like.copy(data=values).rename(None).assign_attrs(units=unit)
    from astropy.units import Quantity

    return Quantity(values, parse_unit(unit))


def moment_unit(unit: str, power: int) -> str:
    """Unit of the integral of ``E^power`` times something in `unit`."""
    if unit == FLUX:
        return ("s-1 cm-2", "TeV s-1 cm-2")[power]
    return ("TeV", "TeV2")[power]


def derivative(function: Callable[[], np.ndarray], parameter: Parameter, step: float) -> np.ndarray:
    """Central derivative with respect to a parameter, whose value is put back."""
    value = parameter._value
    try:
        parameter._value = value + step
        up = function()
        parameter._value = value - step
        return (up - function()) / (2 * step)
    finally:
        parameter._value = value


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
    r"""A factor, :math:`N (E/E_0)^{-\mathrm{tilt}}`, that corrects another spectrum or a background."""

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
    """A flux that does not depend on energy."""

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
    """A factor with the form of `ExpCutoffPowerLaw`."""

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
    r"""Cutoff of the 3FGL catalogue, :math:`\phi_0 (E/E_0)^{-\Gamma} e^{(E_0 - E)/E_c}`."""

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
    r"""Super-exponential cutoff of 3FGL, with :math:`e^{(E_0/E_c)^{\Gamma_2} - (E/E_c)^{\Gamma_2}}`."""

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
    r"""Super-exponential cutoff of 4FGL, with :math:`e^{a (E_0^{\Gamma_2} - E^{\Gamma_2})}`, E in MeV."""

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
    """Super-exponential cutoff as 4FGL-DR3 writes it, with the local index and curvature at `reference`."""

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
    """Power law whose index changes at `ebreak`, where the flux is `amplitude`."""

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
    r"""Broken power law with a bend of width `beta` (Aharonian et al. 2006, A&A 457, 899)."""

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
    r"""Log parabola, :math:`\phi_0 (E/E_0)^{-\alpha - \beta \ln(E/E_0)}`."""

    tag, short = "LogParabolaSpectralModel", "lp"
    specs: ClassVar[dict[str, Spec]] = {
        "amplitude": AMPLITUDE,
        "reference": Spec(10.0, "TeV", frozen=True),
        "alpha": Spec(2.0),
        "beta": Spec(1.0),
    }
    evaluate = staticmethod(kernels.log_parabola)


class LogParabolaNorm(Spectrum):
    """A factor with the form of `LogParabola`."""

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
    """A gaussian line of integral flux `amplitude`."""

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
        """See `Spectrum.kernel_integral`; exact within the table."""
        if self.extrapolate or self.energy.size < 2:
            return super().kernel_integral(emin, emax, power)
        return kernels.loglog_moment(emin, emax, self.energy, self.values, power)

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form beside the parameters."""
        return {
            "energy": {"data": self.energy.tolist(), "unit": "TeV"},
            "values": {"data": self.values.tolist(), "unit": self.unit},
        }

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> TemplateSpectrum:
        """Make the component from its serialised form."""
        return cls(table_quantity(data["energy"]), table_quantity(data["values"]))

    def __repr__(self) -> str:
        low, high = self.energy[[0, -1]]
        return f"TemplateSpectrum({self.energy.size} nodes, {low:.3g} to {high:.3g} TeV)"


def table_quantity(data: dict[str, Any]) -> Any:
    """Read ``{"data": [...], "unit": "..."}``."""
    from astropy.units import Quantity

    return Quantity(data["data"], parse_unit(str(data.get("unit", ""))))


class CompoundSpectrum(Spectrum):
    """Two spectra added, multiplied, subtracted or divided.

    Parameters
    ----------
    model1, model2 : Spectrum
        Operands.
    operator : {"add", "mul", "sub", "truediv"}
        What is done to them.

    Examples
    --------
    >>> spectrum = PowerLaw() * PowerLawNorm(norm=2)
    >>> spectrum("1 TeV")
    <Quantity 2.e-12 1 / (TeV s cm2)>
    """

    tag, short = "CompoundSpectralModel", "compound"

    def __init__(self, model1: Spectrum, model2: Spectrum, operator: str = "mul") -> None:
        super().__init__()
        if operator not in {"add", "mul", "sub", "truediv"}:
            raise XGammaError(f"operator={operator!r} is not known: use add, mul, sub or truediv.")
        same = model1.unit == model2.unit
        fine = same if operator in {"add", "sub"} else not model2.unit or not model1.unit
        if not fine:
            raise UnitError(
                f"{type(model1).__name__} in {model1.unit or 'no unit'!r} and "
                f"{type(model2).__name__} in {model2.unit or 'no unit'!r} cannot be combined "
                f"with {operator!r}: multiply a flux by a factor, or add two fluxes."
            )
        self.model1, self.model2, self.operator = model1, model2, operator
        self.unit = model1.unit or model2.unit

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters of both, a shared one once."""
        return list(dict.fromkeys([*self.model1.parameters, *self.model2.parameters]))

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Yield each parameter with its dotted name."""
        yield from self.model1.named_parameters(f"{prefix}model1.")
        yield from self.model2.named_parameters(f"{prefix}model2.")

    def kernel_values(self) -> tuple[float, ...]:
        """Return the values of both in the units of the kernels."""
        return self.model1.kernel_values() + self.model2.kernel_values()

    def kernel(self, energy: np.ndarray) -> np.ndarray:
        """See `Spectrum.kernel`."""
        combine = getattr(operator, self.operator)
        return combine(self.model1.kernel(energy), self.model2.kernel(energy))

    def __repr__(self) -> str:
        return f"({self.model1!r} {self.operator} {self.model2!r})"
