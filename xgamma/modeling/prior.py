"""Priors of parameters.

A law of prior knowledge is a record in `LAWS`; `Prior` applies it to numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import gamma

import numpy as np

from xgamma.errors import XGammaError

__all__ = [
    "LAWS",
    "Prior",
    "PriorLaw",
    "gaussian_prior",
    "generalized_gaussian_prior",
    "log_uniform_prior",
    "uniform_prior",
]


@dataclass(frozen=True)
class PriorLaw:
    """One law: its name and those of its numbers in YAML, and its density.

    Parameters
    ----------
    tag : str
        Name in YAML, that of gammapy.
    names : tuple of str
        Names of the numbers in YAML.
    stat : callable
        Of the value and the numbers: ``-2 ln p``, within the limits.
    flaw : callable
        Of the numbers: what is wrong with them, or an empty string.
    limited : bool
        Whether the numbers are limits beyond which the density is zero.
    """

    tag: str
    names: tuple[str, ...]
    stat: Callable[..., float]
    flaw: Callable[..., str]
    limited: bool = False


def generalized_gaussian_stat(x: float, mu: float, sigma: float, eta: float) -> float:
    """Return ``-2 ln p`` of the density that falls as ``exp(-|(x - mu) / (sqrt(2) sigma)|^(1/eta))``."""
    scale = np.sqrt(2.0) * sigma
    return float(2 * (abs(x - mu) / scale) ** (1 / eta) + 2 * np.log(2 * scale * gamma(1 + eta)))


LAWS: dict[str, PriorLaw] = {
    "gaussian": PriorLaw(
        "GaussianPrior",
        ("mu", "sigma"),
        lambda x, mu, sigma: float(((x - mu) / sigma) ** 2 + np.log(2 * np.pi * sigma**2)),
        lambda mu, sigma: "" if sigma > 0 else f"a positive width, not {sigma}",
    ),
    "uniform": PriorLaw(
        "UniformPrior",
        ("min", "max"),
        lambda x, low, high: 2 * float(np.log(high - low)),
        lambda low, high: "" if high > low else f"max > min, not {low} to {high}",
        limited=True,
    ),
    "log-uniform": PriorLaw(
        "LogUniformPrior",
        ("min", "max"),
        lambda x, low, high: 2 * float(np.log(x) + np.log(np.log(high / low))),
        lambda low, high: "" if high > low > 0 else f"max > min > 0, not {low} to {high}",
        limited=True,
    ),
    "generalized-gaussian": PriorLaw(
        "GeneralizedGaussianPrior",
        ("mu", "sigma", "eta"),
        lambda x, mu, sigma, eta: generalized_gaussian_stat(x, mu, sigma, eta),
        lambda mu, sigma, eta: (
            "" if sigma > 0 and eta > 0 else f"a positive width and eta, not {sigma} and {eta}"
        ),
    ),
}


@dataclass(frozen=True)
class Prior:
    """What is known of a parameter before the fit.

    Parameters
    ----------
    kind : {"gaussian", "uniform", "log-uniform", "generalized-gaussian"}
        Law.
    a, b : float
        Mean and width, or lower and upper limit, in the parameter's unit.
    weight : float
        Factor on its contribution to the fit statistic.
    eta : float
        Shape of a generalised Gaussian; others have none.

    Examples
    --------
    >>> known = Prior("gaussian", 2.0, 0.1)
    >>> round(known.stat(2.1) - known.stat(2.0), 6)
    1.0
    """

    kind: str
    a: float
    b: float
    weight: float = 1.0
    eta: float = 0.5

    def __post_init__(self) -> None:
        if self.kind not in LAWS:
            known = " or ".join(repr(kind) for kind in LAWS)
            raise XGammaError(f"The prior {self.kind!r} is not recognised: use {known}.")
        flaw = LAWS[self.kind].flaw(*self.numbers)
        if flaw:
            raise XGammaError(f"A {self.kind} prior requires {flaw}.")

    @property
    def numbers(self) -> tuple[float, ...]:
        """The numbers of the law, in the order of its `names`."""
        return (self.a, self.b, self.eta)[: len(LAWS[self.kind].names)]

    @property
    def limits(self) -> tuple[float, float]:
        """Values between which the density is not zero."""
        return (self.a, self.b) if LAWS[self.kind].limited else (-np.inf, np.inf)

    def stat(self, value: float) -> float:
        """Return ``-2 ln p(value)`` times the weight, infinite where the density is zero."""
        low, high = self.limits
        if np.isfinite(low):
            # A minimiser that ends at a limit comes back from its scale with the last digit changed.
            slack = 1e-9 * (high - low)
            if not low - slack <= value <= high + slack:
                return np.inf if self.weight else 0.0
            value = min(max(value, low), high)
        return self.weight * LAWS[self.kind].stat(value, *self.numbers)

    def scaled(self, factor: float) -> Prior:
        """Return the same knowledge of a value that is `factor` times as large."""
        return replace(self, a=self.a * factor, b=self.b * factor)


def gaussian_prior(mu: float, sigma: float, weight: float = 1.0) -> Prior:
    """Return a gaussian prior: ``model.spectral.index.prior = gaussian_prior(2.2, 0.1)``.

    Parameters
    ----------
    mu, sigma : float
        Centre and width, in the parameter's unit.
    weight : float
        Factor on the term that the prior adds to the statistic.

    Returns
    -------
    prior : Prior
        To assign to a parameter.

    Examples
    --------
    >>> import xgamma as xg
    >>> model = xg.PowerLaw(index=2)
    >>> model.index.prior = gaussian_prior(2.2, 0.1)
    """
    return Prior("gaussian", mu, sigma, weight)


def generalized_gaussian_prior(
    mu: float, sigma: float, eta: float = 0.5, weight: float = 1.0
) -> Prior:
    r"""Return a prior whose density falls as :math:`e^{-|(x-\mu)/(\sqrt{2}\sigma)|^{1/\eta}}`.

    It is a Gaussian for ``eta=0.5``, nearly flat from ``mu - sqrt(2) sigma`` to ``mu + sqrt(2) sigma``
    for small `eta`, and a Laplace distribution, with a corner at `mu`, for ``eta=1``.

    Parameters
    ----------
    mu, sigma : float
        Centre and width, in the parameter's unit.
    eta : float
        Shape, above zero. Above 0.5 the density has a corner at `mu`, where a fit may stop.
    weight : float
        Factor on the term that the prior adds to the statistic.

    Returns
    -------
    prior : Prior
        To assign to a parameter.

    Examples
    --------
    >>> import xgamma as xg
    >>> model = xg.PowerLaw(index=2)
    >>> model.index.prior = generalized_gaussian_prior(2.2, 0.3, eta=0.1)
    """
    return Prior("generalized-gaussian", mu, sigma, weight, eta)


def uniform_prior(min: float, max: float, weight: float = 1.0) -> Prior:
    """Return a prior that is flat from `min` to `max` and zero outside.

    Parameters
    ----------
    min, max : float
        Range, in the parameter's unit.
    weight : float
        Factor on the term that the prior adds to the statistic.

    Returns
    -------
    prior : Prior
        To assign to a parameter.

    Examples
    --------
    >>> import xgamma as xg
    >>> model = xg.PowerLaw(index=2)
    >>> model.index.prior = uniform_prior(1, 4)
    """
    return Prior("uniform", min, max, weight)


def log_uniform_prior(min: float, max: float, weight: float = 1.0) -> Prior:
    """Return a prior that is flat in the logarithm from `min` to `max` and zero outside.

    Its density is ``1 / (x ln(max / min))``: for a scale, such as an amplitude, whose order of
    magnitude is unknown.

    Parameters
    ----------
    min, max : float
        Range, positive, in the parameter's unit.
    weight : float
        Factor on the term that the prior adds to the statistic.

    Returns
    -------
    prior : Prior
        To assign to a parameter.

    Examples
    --------
    >>> import xgamma as xg
    >>> model = xg.PowerLaw(amplitude="1e-12 cm-2 s-1 TeV-1")
    >>> model.amplitude.prior = log_uniform_prior(1e-14, 1e-10)
    """
    return Prior("log-uniform", min, max, weight)
