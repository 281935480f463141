"""Time profiles given by a formula: lines, decays, flares and oscillations.

Parameter names and defaults are those of gammapy's YAML. The integrals over good time are
exact.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from xgamma.errors import XGammaError
from xgamma.modeling.parameter import Spec
from xgamma.modeling.time_profile import TimeProfile
from xgamma.numerics import time_laws as kernels

__all__ = [
    "ExpDecayTemporal",
    "GaussianTemporal",
    "GeneralizedGaussianTemporal",
    "LinearTemporal",
    "PowerLawTemporal",
    "SineTemporal",
]

# 2000-01-01, as in gammapy.
T_REF = Spec(51544.0, "d", frozen=True)
PEAK = Spec(51544.0, "d")
DAY = Spec(1.0, "d", log=True)


class LinearTemporal(TimeProfile):
    r"""A straight line, :math:`\alpha + \beta\,(t - t_\mathrm{ref})`.

    Examples
    --------
    >>> float(LinearTemporal(alpha=1, beta="0.5 d-1", t_ref=59000).kernel(np.array(59002.0)))
    2.0
    """

    tag, short = "LinearTemporalModel", "linear"
    specs: ClassVar[dict[str, Spec]] = {
        "alpha": Spec(1.0),
        "beta": Spec(0.0, "d-1"),
        "t_ref": T_REF,
    }

    @staticmethod
    def evaluate(mjd: np.ndarray, alpha: float, beta: float, t_ref: float) -> np.ndarray:
        """Evaluate at times in MJD."""
        return alpha + beta * (mjd - t_ref)

    def kernel_integral(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel_integral`; exact."""
        return kernels.linear_integral(start, stop, *self.kernel_values())


class ExpDecayTemporal(TimeProfile):
    r"""An exponential decay, :math:`e^{-(t - t_\mathrm{ref})/t_0}`.

    Examples
    --------
    >>> float(ExpDecayTemporal(t0="2 d", t_ref=59000).kernel(np.array(59002.0)).round(4))
    0.3679
    """

    tag, short = "ExpDecayTemporalModel", "exp-decay"
    specs: ClassVar[dict[str, Spec]] = {"t0": DAY, "t_ref": T_REF}

    @staticmethod
    def evaluate(mjd: np.ndarray, t0: float, t_ref: float) -> np.ndarray:
        """Evaluate at times in MJD."""
        return np.exp(-(mjd - t_ref) / t0)

    def kernel_integral(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel_integral`; exact."""
        return kernels.exp_decay_integral(start, stop, *self.kernel_values())


class GaussianTemporal(TimeProfile):
    r"""A flare, :math:`e^{-(t - t_\mathrm{ref})^2 / 2\sigma^2}`.

    Examples
    --------
    >>> float(GaussianTemporal(sigma="1 d", t_ref=59000).kernel(np.array(59001.0)).round(4))
    0.6065
    """

    tag, short = "GaussianTemporalModel", "gauss"
    specs: ClassVar[dict[str, Spec]] = {"t_ref": PEAK, "sigma": DAY}

    @staticmethod
    def evaluate(mjd: np.ndarray, t_ref: float, sigma: float) -> np.ndarray:
        """Evaluate at times in MJD."""
        return np.exp(-0.5 * ((mjd - t_ref) / sigma) ** 2)

    def kernel_integral(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel_integral`; exact."""
        return kernels.gaussian_integral(start, stop, *self.kernel_values())


class GeneralizedGaussianTemporal(TimeProfile):
    r"""A flare of two sides, :math:`e^{-(|t - t_\mathrm{ref}|/\tau)^{1/\eta}/2}`.

    :math:`\tau` is `t_rise` before the peak and `t_decay` after it (Norris et al. 1996,
    ApJ 459, 393).

    Examples
    --------
    >>> flare = GeneralizedGaussianTemporal(t_ref=59000, t_rise="1 d", t_decay="4 d")
    >>> flare.kernel(np.array([58999.0, 59004.0])).round(4)
    array([0.6065, 0.6065])
    """

    tag, short = "GeneralizedGaussianTemporalModel", "gengauss"
    specs: ClassVar[dict[str, Spec]] = {
        "t_ref": PEAK,
        "t_rise": DAY,
        "t_decay": DAY,
        "eta": Spec(0.5),
    }
    evaluate = staticmethod(kernels.general_gaussian)

    def kernel_integral(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel_integral`; exact."""
        return kernels.general_gaussian_integral(start, stop, *self.kernel_values())


class PowerLawTemporal(TimeProfile):
    r"""A power law of the time since `t_ref`, :math:`((t - t_\mathrm{ref})/t_0)^\alpha`.

    A decay has a negative `alpha`. Times before `t_ref` raise an error.

    Examples
    --------
    >>> float(PowerLawTemporal(alpha=-1, t_ref=59000).kernel(np.array(59004.0)))
    0.25
    """

    tag, short = "PowerLawTemporalModel", "powerlaw"
    specs: ClassVar[dict[str, Spec]] = {
        "alpha": Spec(1.0),
        "t_ref": T_REF,
        "t0": Spec(1.0, "d", frozen=True),
    }

    @staticmethod
    def evaluate(mjd: np.ndarray, alpha: float, t_ref: float, t0: float) -> np.ndarray:
        """Evaluate at times in MJD."""
        return ((mjd - t_ref) / t0) ** alpha

    def kernel(self, mjd: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel`."""
        self._require_begun(mjd)
        return super().kernel(np.asarray(mjd, dtype=float))

    def kernel_integral(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel_integral`; exact."""
        self._require_begun(start)
        return kernels.power_law_integral(start, stop, *self.kernel_values())

    def _require_begun(self, mjd: np.ndarray) -> None:
        t_ref = self.kernel_values()[1]
        first = float(np.min(mjd, initial=np.inf))
        if first < t_ref:
            raise XGammaError(
                f"The power law in time begins at t_ref = MJD {t_ref:.6f}, and MJD {first:.6f} "
                "is before that: set t_ref before the first good time interval."
            )


class SineTemporal(TimeProfile):
    r"""An oscillation, :math:`1 + a \sin(\omega\,(t - t_\mathrm{ref}))`.

    Examples
    --------
    >>> float(SineTemporal(amp=0.5, omega="1 rad d-1", t_ref=59000).kernel(np.array(59000.0)))
    1.0
    """

    tag, short = "SineTemporalModel", "sinus"
    specs: ClassVar[dict[str, Spec]] = {
        "amp": Spec(1.0),
        "omega": Spec(1.0, "rad d-1"),
        "t_ref": PEAK,
    }

    @staticmethod
    def evaluate(mjd: np.ndarray, amp: float, omega: float, t_ref: float) -> np.ndarray:
        """Evaluate at times in MJD."""
        return 1 + amp * np.sin(omega * (mjd - t_ref))

    def kernel_integral(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel_integral`; exact."""
        return kernels.sine_integral(start, stop, *self.kernel_values())
