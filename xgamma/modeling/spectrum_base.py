"""Base class of spectra, and combinations of two.

A spectrum has a kernel (numbers without units: TeV in, cm-2 s-1 TeV-1 out) for loops, and calls with
units and labels for users.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from xgamma.core.defaults import ENERGY_POWER
from xgamma.core.late import late
from xgamma.core.units import to_value
from xgamma.errors import UnitError, XGammaError
from xgamma.modeling.labels import labelled
from xgamma.modeling.parameter import Component, Parameter
from xgamma.modeling.spectrum_features import SpectrumFeatures
from xgamma.numerics import spectra as kernels
from xgamma.typing import EnergiesLike, EnergyLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FLUX", "CompoundSpectrum", "Spectrum"]

FLUX = "TeV-1 s-1 cm-2"
_plot = late("xgamma.plot.spectra:plot_spectrum_model")


class Spectrum(SpectrumFeatures, Component):
    """Base of all spectra; call one with energies to get the differential flux."""

    registry: ClassVar[dict[str, type[Component]]] = {}
    covariance: np.ndarray | None
    unit: str = FLUX
    """Unit of the differential flux, "" for a factor that multiplies another spectrum."""
    evaluate: ClassVar[Callable[..., np.ndarray]]
    """Kernel: energies in TeV, then the parameters in kernel units and in order."""

    def kernel(self, energy: np.ndarray) -> np.ndarray:
        """Differential flux (cm-2 s-1 TeV-1) at energies in TeV, without units, for loops."""
        return self.evaluate(energy, *self.kernel_values())

    def kernel_integral(self, emin: np.ndarray, emax: np.ndarray, power: int = 0) -> np.ndarray:
        """Integral of ``E^power dN/dE`` between limits in TeV, without units, for loops."""
        corners = self.kernel_corners()
        if corners:
            return kernels.integrate_between(self.kernel, emin, emax, corners, power)
        return kernels.integrate_log_energy(self.kernel, emin, emax, power)

    def kernel_corners(self) -> tuple[float, ...]:
        """Energies in TeV at which the slope jumps, between which integrals are taken."""
        return ()

    def __call__(self, energy: EnergiesLike) -> Any:
        """Return the differential flux.

        Parameters
        ----------
        energy : DataArray, Quantity, str or array_like
            True energy, as Quantity or number in TeV.

        Returns
        -------
        flux : DataArray or Quantity
            In cm-2 s-1 TeV-1; labelled like the input if that is labelled.

        Examples
        --------
        >>> from xgamma.modeling.spectral import PowerLaw
        >>> PowerLaw(index=2)("10 TeV")
        <Quantity 1.e-14 1 / (TeV s cm2)>
        """
        values = self.kernel(np.asarray(to_value(energy, "TeV", "energy")))
        return labelled(values, energy, self.unit)

    def integral(self, energy_min: EnergiesLike, energy_max: EnergiesLike) -> Any:
        """Return the flux integrated between two energies.

        Parameters
        ----------
        energy_min, energy_max : DataArray, Quantity, str or array_like
            Limits, as Quantity or number in TeV.

        Returns
        -------
        flux : DataArray or Quantity
            In cm-2 s-1.

        Examples
        --------
        >>> from xgamma.modeling.spectral import PowerLaw
        >>> PowerLaw(index=2).integral("1 TeV", "10 TeV").round(14)
        <Quantity 9.e-13 1 / (s cm2)>
        """
        return self._moment(energy_min, energy_max, 0)

    def energy_flux(self, energy_min: EnergiesLike, energy_max: EnergiesLike) -> Any:
        """Return the energy flux between two energies.

        Parameters
        ----------
        energy_min, energy_max : DataArray, Quantity, str or array_like
            Limits, as Quantity or number in TeV.

        Returns
        -------
        flux : DataArray or Quantity
            In TeV cm-2 s-1.

        Examples
        --------
        >>> from xgamma.modeling.spectral import PowerLaw
        >>> PowerLaw(index=1).energy_flux("1 TeV", "11 TeV").round(13)
        <Quantity 1.e-11 TeV / (s cm2)>
        """
        return self._moment(energy_min, energy_max, 1)

    def _moment(self, energy_min: EnergiesLike, energy_max: EnergiesLike, power: int) -> Any:
        low = np.asarray(to_value(energy_min, "TeV", "energy_min"))
        high = np.asarray(to_value(energy_max, "TeV", "energy_max"))
        return labelled(
            self.kernel_integral(low, high, power), energy_min, moment_unit(self.unit, power)
        )

    def evaluate_error(self, energy: EnergiesLike) -> tuple[Any, Any]:
        """Return the differential flux and its standard deviation.

        The covariance of the parameters (set by a fit, else their errors, uncorrelated) is
        propagated linearly: ``var = J C J^T`` with the derivatives J taken numerically.

        Parameters
        ----------
        energy : DataArray, Quantity, str or array_like
            True energy, as Quantity or number in TeV.

        Returns
        -------
        flux, error : DataArray or Quantity
            Both in cm-2 s-1 TeV-1.
        """
        points = np.asarray(to_value(energy, "TeV", "energy"))
        value, error = self._propagate(lambda: self.kernel(points))
        return labelled(value, energy, self.unit), labelled(error, energy, self.unit)

    def integral_error(
        self, energy_min: EnergiesLike, energy_max: EnergiesLike, power: int = 0
    ) -> tuple[Any, Any]:
        """Return the integral flux and its standard deviation, propagated as `evaluate_error`.

        Parameters
        ----------
        energy_min, energy_max : Quantity, str or array_like
            Limits, as Quantity or number in TeV.
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

    def __mul__(self, other: Spectrum) -> CompoundSpectrum:
        return CompoundSpectrum(self, other, "mul")

    def __add__(self, other: Spectrum) -> CompoundSpectrum:
        return CompoundSpectrum(self, other, "add")

    def plot(
        self,
        energy_range: tuple[EnergyLike, EnergyLike] = (0.1, 100),
        ax: Axes | None = None,
        power: int = ENERGY_POWER,
        **kwargs: Any,
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
        return _plot(self, energy_range, ax=ax, power=power, **kwargs)

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form other than the parameters."""
        return {}

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> Any:
        """Make the component from its serialised form, parameters at their defaults."""
        return cls()


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
        values: np.ndarray = (up - function()) / (2 * step)
        return values
    finally:
        parameter._value = value


class CompoundSpectrum(Spectrum):
    """Two spectra added, multiplied, subtracted or divided.

    Parameters
    ----------
    model1, model2 : Spectrum
        Operands.
    operator : {"add", "mul", "sub", "truediv"}
        Operation that combines them.

    Examples
    --------
    >>> from xgamma.modeling.spectral import PowerLaw
    >>> from xgamma.modeling.spectral_norms import PowerLawNorm
    >>> spectrum = PowerLaw() * PowerLawNorm(norm=2)
    >>> spectrum("1 TeV")
    <Quantity 2.e-12 1 / (TeV s cm2)>
    """

    tag, short = "CompoundSpectralModel", "compound"

    def __init__(self, model1: Spectrum, model2: Spectrum, operator: str = "mul") -> None:
        super().__init__()
        if operator not in {"add", "mul", "sub", "truediv"}:
            raise XGammaError(
                f"operator={operator!r} is not recognised: use add, mul, sub or truediv."
            )
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
        """The parameters of both, without duplicates."""
        return list(dict.fromkeys([*self.model1.parameters, *self.model2.parameters]))

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Yield each parameter with its dotted name."""
        yield from self.model1.named_parameters(f"{prefix}model1.")
        yield from self.model2.named_parameters(f"{prefix}model2.")

    def kernel_values(self) -> tuple[float, ...]:
        """Return the values of both in the units of the kernels."""
        return self.model1.kernel_values() + self.model2.kernel_values()

    def kernel_corners(self) -> tuple[float, ...]:
        """See `Spectrum.kernel_corners`."""
        return self.model1.kernel_corners() + self.model2.kernel_corners()

    def kernel(self, energy: np.ndarray) -> np.ndarray:
        """See `Spectrum.kernel`."""
        combine = getattr(operator, self.operator)
        values: np.ndarray = combine(self.model1.kernel(energy), self.model2.kernel(energy))
        return values

    def __repr__(self) -> str:
        return f"({self.model1!r} {self.operator} {self.model2!r})"
