"""Properties of a spectrum: its local index, its peak, and the energy of a given flux."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from astropy.units import Quantity
from scipy.optimize import brentq, minimize_scalar

from xgamma.core.arguments import limit
from xgamma.core.units import to_value
from xgamma.errors import XGammaError
from xgamma.modeling.labels import labelled
from xgamma.typing import EnergiesLike, EnergyLike, ScalarLike

__all__ = ["SpectrumFeatures"]

# Half of the step, in the logarithm of the energy, between which the slope is taken.
STEP = 1e-4
# Where the peak of a spectrum without a formula for it is looked for, TeV.
PEAK_RANGE = (1e-9, 1e6)
POINTS_PER_DECADE = 30


class SpectrumFeatures:
    """Methods of spectra that follow from their values."""

    unit: str
    kernel: Callable[..., np.ndarray]
    _propagate: Callable[[Callable[[], np.ndarray]], tuple[np.ndarray, np.ndarray]]

    def spectral_index(self, energy: EnergiesLike) -> Any:
        r"""Return the local index, :math:`-\mathrm{d}\ln\phi/\mathrm{d}\ln E`.

        Parameters
        ----------
        energy : DataArray, Quantity, str or array_like
            True energy, as Quantity or number in TeV.

        Returns
        -------
        index : DataArray or Quantity
            Dimensionless; NaN where the flux is zero.

        Examples
        --------
        >>> import xgamma as xg
        >>> xg.LogParabola(alpha=2, beta=0.5, reference="1 TeV").spectral_index("1 TeV").round(6)
        <Quantity 2.>
        """
        return self.spectral_index_error(energy, errors=False)[0]

    def spectral_index_error(self, energy: EnergiesLike, errors: bool = True) -> tuple[Any, Any]:
        """Return the local index and its standard deviation, propagated as `evaluate_error`.

        Parameters
        ----------
        energy : DataArray, Quantity, str or array_like
            True energy, as Quantity or number in TeV.
        errors : bool
            Whether to compute the errors; zero otherwise.

        Returns
        -------
        index, error : DataArray or Quantity
            Dimensionless.

        Examples
        --------
        >>> import xgamma as xg
        >>> spectrum = xg.PowerLaw(index=2)
        >>> spectrum.index.error = 0.1
        >>> [value.round(4) for value in spectrum.spectral_index_error("3 TeV")]
        [<Quantity 2.>, <Quantity 0.1>]
        """
        points = np.asarray(to_value(energy, "TeV", "energy"), dtype=float)

        def slope() -> np.ndarray:
            with np.errstate(divide="ignore", invalid="ignore"):
                above, below = (self.kernel(points * np.exp(s)) for s in (STEP, -STEP))
                return np.asarray(np.log(below / above) / (2 * STEP))

        value, error = self._propagate(slope) if errors else (slope(), np.zeros(points.shape))
        return labelled(value, energy, ""), labelled(error, energy, "")

    def inverse(
        self,
        value: ScalarLike,
        energy_min: EnergyLike = "0.1 TeV",
        energy_max: EnergyLike = "100 TeV",
    ) -> Any:
        """Return the energies at which the spectrum has a value.

        Parameters
        ----------
        value : Quantity, str or float
            Differential flux, as Quantity or number in `unit`.
        energy_min, energy_max : Quantity, str or float
            Where to look, as Quantity or number in TeV.

        Returns
        -------
        energies : `~astropy.units.Quantity`
            Increasing, TeV, shape (n,): a curved spectrum may have a value twice.

        Raises
        ------
        XGammaError
            If the spectrum has the value nowhere in the range.

        Examples
        --------
        >>> import xgamma as xg
        >>> xg.PowerLaw(index=2, amplitude="1e-12 cm-2 s-1 TeV-1").inverse(1e-14).round(6)
        <Quantity [10.] TeV>
        """
        wanted = float(to_value(value, self.unit, "value"))
        low, high = (limit(e, "TeV", "energy") for e in (energy_min, energy_max))
        x = np.linspace(np.log(low), np.log(high), points_between(low, high))

        def excess(log_energy: np.ndarray | float) -> Any:
            return self.kernel(np.exp(np.atleast_1d(log_energy))) / wanted - 1

        rest = excess(x)
        exact = x[rest == 0]
        crossed = np.flatnonzero(rest[:-1] * rest[1:] < 0)
        roots = [
            brentq(lambda at: float(excess(at)[0]), x[i], x[i + 1], xtol=1e-13, rtol=1e-14)
            for i in crossed
        ]
        found = np.sort([*exact, *roots])
        if not found.size:
            raise XGammaError(
                f"The spectrum does not reach {value} between {energy_min} and {energy_max}: "
                "widen the range, or choose another value."
            )
        return Quantity(np.exp(found), "TeV")

    @property
    def e_peak(self) -> Any:
        """Energy at which ``E^2 dN/dE`` is largest, a Quantity; NaN where it has no maximum."""
        return Quantity(self.kernel_peak(), "TeV")

    def kernel_peak(self) -> float:
        """Energy of the largest ``E^2 dN/dE`` in TeV, NaN without a maximum: plain number."""
        low, high = np.log(PEAK_RANGE)
        x = np.linspace(low, high, points_between(*PEAK_RANGE))
        with np.errstate(all="ignore"):
            power = np.nan_to_num(np.exp(2 * x) * self.kernel(np.exp(x)))
            best = int(np.argmax(power))
            if not 0 < best < x.size - 1 or not power[best] > power[[0, -1]].max():
                return np.nan
            found = minimize_scalar(
                lambda at: (
                    -float(np.exp(2 * at) * self.kernel(np.exp(np.array([at])))[0]) / power[best]
                ),
                bounds=(x[best - 1], x[best + 1]),
                method="bounded",
                options={"xatol": 1e-10},
            )
        return float(np.exp(found.x))

    def pivot_energy(
        self, energy_min: EnergyLike = "0.01 TeV", energy_max: EnergyLike = "100 TeV"
    ) -> Any:
        """Return the energy at which the relative error of the flux is smallest.

        Parameters
        ----------
        energy_min, energy_max : Quantity, str or float
            Where to look, as Quantity or number in TeV.

        Returns
        -------
        energy : `~astropy.units.Quantity`
            TeV.

        Raises
        ------
        XGammaError
            If the spectrum has no errors yet, or no minimum inside the range.
        """
        low, high = to_value(energy_min, "TeV", "min"), to_value(energy_max, "TeV", "max")
        for _ in range(3):
            grid = np.geomspace(low, high, 201)
            value, error = self._propagate(lambda grid=grid: self.kernel(grid))  # type: ignore[misc]
            best = int(np.argmin(error / value))
            if not 0 < best < 200 or not np.any(error > 0):
                raise XGammaError(
                    f"The relative error of the spectrum has no minimum between {energy_min} "
                    f"and {energy_max}: fit it first, or widen the range."
                )
            low, high = grid[best - 1], grid[best + 1]
        return Quantity(np.sqrt(low * high), "TeV")


def points_between(low: float, high: float) -> int:
    """Return how many points to look at between two energies."""
    return max(int(POINTS_PER_DECADE * np.log10(high / low)), 2) + 1
