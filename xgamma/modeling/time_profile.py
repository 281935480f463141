"""Base class of temporal models: a factor on the flux, and its mean over good time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from astropy.time import Time

from xgamma.core.defaults import TIME_SCALE
from xgamma.errors import XGammaError
from xgamma.modeling.parameter import Component, Value
from xgamma.numerics.time_laws import integrate_intervals
from xgamma.typing import TimeLike

__all__ = ["TimeProfile"]

SCALES = ("utc", "tt", "tai", "tcb", "tcg", "tdb", "ut1", "local")
BISECTIONS = 60


class TimeProfile(Component):
    """Base of time profiles.

    Parameters
    ----------
    scale : str
        Time scale in which its MJDs count: utc, tt, tai, tcb, tcg, tdb, ut1 or local.
    **values
        Parameters of the profile.
    """

    registry: ClassVar[dict[str, type[Component]]] = {}
    scale: str = "utc"
    evaluate: ClassVar[Callable[..., np.ndarray]]
    """Kernel: MJDs of the profile's scale, then the parameters in kernel units and in order."""

    def __init__(self, scale: str = TIME_SCALE, **values: Value) -> None:
        if scale not in SCALES:
            raise XGammaError(
                f"scale={scale!r} is not a time scale: use one of {', '.join(SCALES)}."
            )
        super().__init__(**values)
        self.scale = scale

    def kernel(self, mjd: np.ndarray) -> np.ndarray:
        """Factor at times in MJD of the profile's scale, without units."""
        return self.evaluate(mjd, *self.kernel_values())

    def kernel_integral(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """Integral of the factor over each interval, in days, without units."""
        return integrate_intervals(self.kernel, start, stop)

    def mjd(self, time: TimeLike) -> np.ndarray:
        """Return times as MJD in the profile's scale."""
        scaled = getattr(Time(time), self.scale)
        return np.asarray(scaled.mjd)

    def __call__(self, time: TimeLike) -> np.ndarray:
        """Return the factor.

        Parameters
        ----------
        time : Time or str
            When.

        Returns
        -------
        factor : ndarray
            Dimensionless.
        """
        return self.kernel(self.mjd(time))

    def mean(self, start: TimeLike, stop: TimeLike) -> float:
        """Return the mean factor over time intervals, weighted with their lengths.

        Parameters
        ----------
        start, stop : Time
            Intervals.

        Returns
        -------
        mean : float
            Dimensionless.
        """
        first, last = np.atleast_1d(self.mjd(start)), np.atleast_1d(self.mjd(stop))
        return self.kernel_mean(first, last)

    def kernel_mean(self, start: np.ndarray, stop: np.ndarray) -> float:
        """Mean over intervals in MJD of the profile's scale, without units."""
        total = float(np.sum(stop - start))
        return float(np.sum(self.kernel_integral(start, stop))) / total if total > 0 else 1.0

    def kernel_quantile(
        self, start: np.ndarray, stop: np.ndarray, fraction: np.ndarray
    ) -> np.ndarray:
        """Days after `start` at which a fraction of the integral to `stop` has passed."""
        self._require_positive(start, stop)
        wanted = fraction * self.kernel_integral(start, stop)
        low, high = np.zeros_like(start), stop - start
        # A day halved sixty times is shorter than any clock resolves.
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            passed = self.kernel_integral(start, start + middle) < wanted
            low, high = np.where(passed, middle, low), np.where(passed, high, middle)
        values: np.ndarray = 0.5 * (low + high)
        return values

    def _require_positive(self, start: np.ndarray, stop: np.ndarray) -> None:
        """Raise if times cannot be drawn, since the factor is negative at some."""
        intervals = np.unique(np.stack([start, stop], axis=-1).reshape(-1, 2), axis=0)
        times = np.linspace(intervals[:, 0], intervals[:, 1], 101)
        factor = self.kernel(times)
        if np.any(factor < 0):
            first = float(times[factor < 0].min())
            raise XGammaError(
                f"{self!r} is negative at MJD {first:.5f}, where no events can be drawn: change its "
                "parameters, or the good time intervals."
            )

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form other than the parameters."""
        return {"scale": self.scale}

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> Any:
        """Make the component from its serialised form, parameters at their defaults."""
        return cls(scale=data.get("scale", "utc"))
