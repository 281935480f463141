"""The fit statistic as a function of one norm: its minimum, its errors, its limits.

The statistic of counts is convex in the norm of a source, on the norms at which no bin is
predicted negative. So the minimum is found between two norms at which it rises, however far
they are, or it is the least of those norms.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.optimize import brentq, minimize_scalar

from xgamma.fitting.held import minimise_part
from xgamma.fitting.likelihood import CashLikelihood
from xgamma.fitting.objective import Objective
from xgamma.modeling.models import Models
from xgamma.modeling.spectral_norms import PowerLawNorm

__all__ = ["NormScan"]

DOUBLINGS = 200


class NormScan:
    """The statistic as a function of the norm, the other free parameters fitted again.

    Parameters
    ----------
    datasets : dict of str to Dataset
        Datasets, cut to a band.
    models : Models
        Models, with a free factor on the source.
    factor : PowerLawNorm
        That factor.
    scheme : {"exact", "gammapy"}
        See `xgamma.fitting.compiled.Compiled`.
    """

    def __init__(
        self, datasets: dict[str, xr.Dataset], models: Models, factor: PowerLawNorm, scheme: str
    ) -> None:
        factor.norm.value, factor.norm.frozen = 1.0, False
        self.objective = Objective(datasets, models, scheme, check_effect=False)
        self.index = next(i for i, p in enumerate(self.objective.parameters) if p is factor.norm)
        self.x = self.objective.x.copy()
        self.free = [i for i in range(self.x.size) if i != self.index]
        self.least, self.width = self._range()

    def __call__(self, norm: float) -> float:
        """Return the statistic at a norm."""
        x = self.x.copy()
        x[self.index] = norm / self.objective.scale[self.index]
        if not self.free:
            return self.objective(x)
        return minimise_part(self.objective, x, self.free)

    def _range(self) -> tuple[float, float]:
        """Return the least norm, and roughly the error of the norm (NaN without a source).

        Below the least norm a bin of known background would be predicted negative. Counts say
        nothing there: a statistic that counts a negative prediction as none is flat. Off counts
        bound the signal by themselves.
        """
        least, counts, signal = -np.inf, 0.0, 0.0
        for likelihood in self.objective.likelihoods:
            mask = likelihood.data.mask
            self(1.0)
            with_source = likelihood.npred_signal()
            self(0.0)
            source = np.where(mask, with_source - likelihood.npred_signal(), 0.0)
            # What is left of rounding, far from the source, bounds nothing.
            reached = source > 1e-6 * source.max(initial=0.0)
            if not reached.any():
                continue
            counts += float(likelihood.data.counts[reached].sum())
            signal += float(source.sum())
            if isinstance(likelihood, CashLikelihood):
                rest = likelihood.npred()
                least = max(least, -float((rest[reached] / source[reached]).min()))
        width = np.sqrt(counts + 1) / signal if signal > 0 else np.nan
        return min(least, 0.0), float(width)

    def minimum(self) -> tuple[float, float]:
        """Return the best norm and its statistic."""
        nothing = self(0.0)
        top = self._rise(nothing, self.width)
        bottom = 0.0 if top > self.width else self._rise(nothing, -self.width)
        span = top - bottom
        found = minimize_scalar(
            self, bounds=(bottom, top), method="bounded", options={"xatol": 1e-7 * span}
        )
        best = [(float(found.fun), float(found.x))]
        if bottom == self.least and found.x - bottom < 1e-3 * span:
            # The method never looks at the ends of its range.
            best.append((self(bottom), bottom))
        stat, norm = min(best)
        return norm, stat

    def _rise(self, start: float, step: float) -> float:
        """Return a norm beyond the minimum on one side of zero: the statistic rises there."""
        at, last = step, start
        for _ in range(DOUBLINGS):
            if at <= self.least:
                return self.least
            value = self(at)
            if value > last:
                break
            at, last = 2 * at, value
        return at

    def crossing(self, start: float, target: float, step: float) -> float:
        """Return where the statistic reaches a target on one side of a start.

        The least norm if it does not; NaN if it never does.
        """
        inner, outer = start, start + step
        for _ in range(DOUBLINGS):
            outer = max(outer, self.least)
            if self(outer) > target:
                return float(brentq(lambda v: self(v) - target, inner, outer, rtol=1e-7))
            if outer == self.least:
                return outer
            inner, outer = outer, outer + 2 * (outer - inner)
        return float("nan")

    def error(self, norm: float, stat: float, scale: float) -> float:
        """Return the error from the second derivative at the minimum.

        NaN where there is none: the statistic is a line without counts, and has a kink at zero
        where neither on nor off counts are.
        """
        # Where other parameters are fitted again, rounding asks for longer steps.
        step = (0.3 if self.free else 0.1) * scale
        whole, half = (self._second(norm, stat, h) for h in (step, step / 2))
        smooth = abs(half - whole) < 0.25 * whole and whole * scale**2 > 1e-3
        # The steps err by their square: extrapolated to none.
        best = half if self.free else (4 * half - whole) / 3
        return float(np.sqrt(2 / best)) if smooth and best > 0 else float("nan")

    def _second(self, norm: float, stat: float, step: float) -> float:
        """Return the second derivative, from one side beside the least norm."""
        if norm - step > self.least:
            return (self(norm + step) - 2 * stat + self(norm - step)) / step**2
        values = [self(norm + i * step) for i in (1, 2, 3)]
        return (2 * stat - 5 * values[0] + 4 * values[1] - values[2]) / step**2
