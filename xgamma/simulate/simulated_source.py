"""What shines in a simulated run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from xgamma.core.defaults import AMPLITUDE, INDEX, REFERENCE
from xgamma.core.units import position as as_position
from xgamma.core.units import to_value
from xgamma.errors import XGammaError
from xgamma.typing import AngleLike, EnergyLike, PositionLike, ScalarLike

__all__ = ["SimulatedSource", "SourcesLike"]

# What shines in a simulated run: positions get a power law.
SourcesLike: TypeAlias = "PositionLike | SimulatedSource | Sequence[SimulatedSource]"


@dataclass(frozen=True, init=False)
class SimulatedSource:
    """A source with a power-law spectrum, point-like or a Gaussian on the sky.

    Parameters
    ----------
    position : SkyCoord, str or (lon, lat)
        Where it is; strings and pairs are ICRS.
    amplitude : Quantity, str or float
        Flux density at `reference`; a number is in cm-2 s-1 TeV-1.
    index : float
        Spectral index, positive for a falling spectrum.
    reference : Quantity, str or float
        Reference energy; a number is in TeV.
    sigma : Quantity, str or float, optional
        Width of a Gaussian, as Quantity or number in degrees. By default, a point.

    Examples
    --------
    >>> SimulatedSource("83.63d 22.01d", index=2.0).lon
    83.63
    """

    lon: float
    lat: float
    amplitude: float
    index: float
    reference: float
    sigma: float

    def __init__(
        self,
        position: PositionLike,
        amplitude: ScalarLike = AMPLITUDE,
        index: float = INDEX,
        reference: EnergyLike = REFERENCE,
        sigma: AngleLike | None = None,
    ) -> None:
        place = as_position(position).icrs
        values = {
            "lon": float(place.ra.deg),
            "lat": float(place.dec.deg),
            "amplitude": to_value(amplitude, "cm-2 s-1 TeV-1", "amplitude"),
            "index": float(index),
            "reference": to_value(reference, "TeV", "reference"),
            "sigma": 0.0 if sigma is None else to_value(sigma, "deg", "sigma"),
        }
        for name in ("amplitude", "sigma"):
            if not values[name] >= 0:
                raise XGammaError(f"The source's {name} is {values[name]}: it cannot be negative.")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __call__(self, energy: np.ndarray) -> np.ndarray:
        """Return the flux density in cm-2 s-1 TeV-1 at energies in TeV."""
        return self.amplitude * (energy / self.reference) ** -self.index
