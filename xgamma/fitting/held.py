"""The statistic around a minimum: some parameters held, the others fitted again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq, minimize

from xgamma.fitting.objective import Objective
from xgamma.fitting.optimisers import Minimum

__all__ = ["crossing", "minimise_part", "stat_at"]


def stat_at(
    objective: Objective, minimum: Minimum, fixed: dict[int, float], refit: bool = True
) -> float:
    """Return the statistic with some parameters fixed and the others fitted again.

    Parameters
    ----------
    objective : Objective
        Of a fit.
    minimum : Minimum
        What it found: scaled parameters and their covariance.
    fixed : dict of int to float
        Index of a parameter to its value, in its own unit.
    refit : bool
        Whether the others are fitted; if not, they stay at the minimum.

    Returns
    -------
    stat : float
        The statistic.
    """
    x = minimum.x.copy()
    for i, value in fixed.items():
        x[i] = value / objective.scale[i]
    free = [i for i in range(x.size) if i not in fixed]
    if not free or not refit:
        return objective(x)
    # The covariance says where the others go: the fit again has little left to do.
    scaled = minimum.covariance
    if scaled is not None and np.all(np.isfinite(scaled)):
        held = list(fixed)
        shift = np.linalg.solve(scaled[np.ix_(held, held)], x[held] - minimum.x[held])
        x[free] += scaled[np.ix_(free, held)] @ shift
    return minimise_part(objective, x, free)


def crossing(rise: Callable[[float], float], first: float, edge: float, tolerance: float) -> float:
    """Return the distance at which a function that is negative at 0 becomes positive.

    Parameters
    ----------
    rise : callable
        Of the distance.
    first : float
        Where to look first.
    edge : float
        The largest distance that may be asked.
    tolerance : float
        Absolute one of the distance.

    Returns
    -------
    distance : float
        NaN where it stays negative, or nothing is known of where to look.
    """
    if not np.isfinite(first) or first <= 0:
        return float("nan")
    inner, outer = 0.0, min(first, edge)
    for _ in range(12):
        if rise(outer) > 0:
            return float(brentq(rise, inner, outer, xtol=tolerance, rtol=1e-6))
        if outer >= edge:
            break
        inner, outer = outer, min(1.6 * outer, edge)
    return float("nan")


def minimise_part(objective: Objective, x: np.ndarray, free: list[int]) -> float:
    """Minimise over some of the scaled parameters from a start, and return the statistic."""
    try:
        from iminuit import Minuit
    except ImportError:

        def partial(part: np.ndarray) -> float:
            full = x.copy()
            full[free] = part
            return objective(full)

        return float(minimize(partial, x[free], method="Nelder-Mead").fun)
    engine = Minuit(objective, x)
    engine.errordef = Minuit.LEAST_SQUARES
    engine.strategy = 0
    engine.limits = [
        (low / s, high / s)
        for (low, high), s in zip(objective.bounds, objective.scale, strict=True)
    ]
    engine.fixed = [i not in free for i in range(x.size)]
    engine.errors = [
        max(p.error, 1e-6) / s for p, s in zip(objective.parameters, objective.scale, strict=True)
    ]
    engine.migrad()
    return float(engine.fval)
