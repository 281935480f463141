"""Factors on a spectrum or on a background: functions of energy without a unit."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from xgamma.core.arguments import choice
from xgamma.core.units import to_value
from xgamma.errors import XGammaError
from xgamma.modeling.parameter import Spec
from xgamma.modeling.spectral_table import table_quantity
from xgamma.modeling.spectrum_base import Spectrum
from xgamma.numerics import spectra as kernels
from xgamma.typing import ArrayLike, EnergiesLike

__all__ = ["ExpCutoffPowerLawNorm", "LogParabolaNorm", "PiecewiseNorm", "PowerLawNorm"]

NORM = Spec(1.0, log=True)
# Stands for zero in logarithms.
SMALLEST = float(np.finfo(float).tiny)
REFERENCE = Spec(1.0, "TeV", frozen=True)


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


class PiecewiseNorm(Spectrum):
    """A factor with a free value at each of several energies, interpolated between them.

    Its parameters are ``norm_0``, ``norm_1``, ... in the order of `energy`. It is constant below
    the first and above the last energy.

    Parameters
    ----------
    energy : Quantity or array_like
        At least two increasing energies, as Quantity or number in TeV.
    norms : array_like, optional
        Factors at these energies; by default, one.
    interp : {"log", "lin"}
        Whether to interpolate linearly in the logarithms of energy and factor, or in energy and
        factor themselves. With ``"log"``, a negative factor counts as zero.

    Examples
    --------
    >>> correction = PiecewiseNorm([1, 100], norms=[1, 4])
    >>> correction("10 TeV")
    <Quantity 2.>
    >>> correction.norm_1 = 9
    >>> correction("10 TeV")
    <Quantity 3.>
    """

    tag, short = "PiecewiseNormSpectralModel", "piecewise-norm"
    unit = ""

    def __init__(
        self, energy: EnergiesLike, norms: ArrayLike | None = None, interp: str = "log"
    ) -> None:
        nodes = np.atleast_1d(np.asarray(to_value(energy, "TeV", "energy"), dtype=float))
        values = np.ones(nodes.shape) if norms is None else np.asarray(norms, dtype=float)
        rising = nodes.ndim == 1 and nodes.size > 1 and np.all(np.diff(nodes) > 0) and nodes[0] > 0
        if not rising or values.shape != nodes.shape:
            raise XGammaError(
                "A piecewise norm requires two or more positive, increasing energies and one "
                f"factor for each, not {nodes.size} energies and {values.size} factors."
            )
        specs = {f"norm_{i}": NORM for i in range(nodes.size)}
        object.__setattr__(self, "specs", specs)
        super().__init__(**dict(zip(specs, values, strict=True)))
        self.energy, self.interp = nodes, choice(interp, "interp", ("log", "lin"))

    def kernel(self, energy: np.ndarray) -> np.ndarray:
        """See `Spectrum.kernel`."""
        norms = np.array(self.kernel_values())
        if self.interp == "lin":
            values: np.ndarray = np.interp(energy, self.energy, norms)
            return values
        logs = np.log(np.maximum(norms, SMALLEST))
        values = np.exp(np.interp(np.log(energy), np.log(self.energy), logs))
        return values

    def kernel_corners(self) -> tuple[float, ...]:
        """See `Spectrum.kernel_corners`: the nodes."""
        return tuple(self.energy)

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form other than the parameters."""
        return {"energy": {"data": self.energy.tolist(), "unit": "TeV"}, "interp": self.interp}

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> PiecewiseNorm:
        """Make the component from its serialised form."""
        return cls(table_quantity(data["energy"]), interp=data.get("interp", "log"))
