"""Spectra given by a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.units import Quantity

from xgamma.core.units import conversion, parse_unit, to_value
from xgamma.errors import XGammaError
from xgamma.modeling.spectrum_base import FLUX, Spectrum
from xgamma.numerics import spectra as kernels
from xgamma.typing import EnergiesLike, QuantityLike

__all__ = ["TemplateSpectrum", "table_quantity"]


class TemplateSpectrum(Spectrum):
    """A spectrum given by a table.

    Interpolation is linear in log energy and log flux; beyond the table the flux is zero
    unless ``extrapolate=True``.

    Parameters
    ----------
    energy : Quantity or array_like
        Nodes, increasing, as Quantity or number in TeV.
    values : Quantity or array_like
        Flux at the nodes; numbers without a unit are dimensionless factors.
    extrapolate : bool
        Whether to extrapolate with the slope at the ends.

    Examples
    --------
    >>> from astropy import units as u
    >>> table = TemplateSpectrum([1, 100] * u.TeV, [1e-12, 1e-16] * u.Unit("cm-2 s-1 TeV-1"))
    >>> table("10 TeV").round(16)
    <Quantity 1.e-14 1 / (TeV s cm2)>
    """

    tag, short = "TemplateSpectralModel", "template"

    def __init__(
        self, energy: EnergiesLike, values: QuantityLike, extrapolate: bool = False
    ) -> None:
        super().__init__()
        self.energy = np.atleast_1d(to_value(energy, "TeV", "energy"))
        unit = str(getattr(values, "unit", ""))
        self.unit = "" if parse_unit(unit).physical_type == "dimensionless" else FLUX
        self.values = np.atleast_1d(np.asarray(getattr(values, "value", values), dtype=float))
        self.values = self.values * conversion(unit, self.unit)
        self.extrapolate = extrapolate
        if self.energy.shape != self.values.shape or not np.all(np.diff(self.energy) > 0):
            raise XGammaError(
                "A template requires increasing energies and one value for each, not "
                f"{self.energy.size} energies and {self.values.size} values."
            )

        if not (np.all(self.energy > 0) and np.isfinite([*self.energy, *self.values]).all()):
            raise XGammaError(
                "A template requires finite values at finite energies above 0: remove the others."
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
        """Entries of the serialised form other than the parameters."""
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
    return Quantity(data["data"], parse_unit(str(data.get("unit", ""))))
