"""Minimisers: what goes between an objective and a result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from tqdm.auto import tqdm

from xgamma.core.extras import require_package
from xgamma.core.units import conversion
from xgamma.fitting.objective import Objective

if TYPE_CHECKING:
    from iminuit import Minuit


MOST_STAGES = 20

__all__ = ["BACKENDS", "Minimum", "minuit", "progress_bar", "scipy_minimize"]


@dataclass
class Minimum:
    """Where a minimiser ended, in the scaled parameters of the objective."""

    x: np.ndarray
    stat: float
    covariance: np.ndarray | None
    success: bool
    problems: list[str] = field(default_factory=list)
    engine: Any = None


@contextmanager
def progress_bar(objective: Objective, show: bool) -> Iterator[None]:
    """Show calls and the statistic while a minimiser runs."""
    if not show:
        yield
        return
    with tqdm(desc="fit", unit=" calls") as bar:
        best = np.inf

        def watch(value: float) -> None:
            nonlocal best
            best = min(best, value)
            bar.update()
            bar.set_postfix_str(f"stat {best:.3f}", refresh=False)

        objective.watch = watch
        try:
            yield
        finally:
            objective.watch = None


def first_steps(objective: Objective) -> np.ndarray:
    """Return first steps: the error if one is known, else a tenth of the value."""
    steps = []
    for parameter, scale in zip(objective.parameters, objective.scale, strict=True):
        if parameter.error > 0:
            steps.append(parameter.error / scale)
        elif parameter.name in {"lon_0", "lat_0"}:
            # A fraction of any PSF: a wider step may jump to the next source.
            steps.append(0.002 * conversion("deg", parameter.unit) / scale)
        else:
            steps.append(max(0.1 * abs(parameter._value / scale), 0.01))
    values: np.ndarray = np.abs(np.array(steps))
    return values


def minuit(
    objective: Objective, strategy: int = 1, tol: float = 0.1, max_calls: int | None = None
) -> Minimum:
    """Minimise with MIGRAD, and get the covariance from HESSE (James & Roos 1975)."""
    package = require_package("iminuit", "The backend 'minuit'", "fit", "use backend='scipy'")
    Minuit = package.Minuit
    engine = Minuit(objective, objective.x, name=objective.names)
    engine.errordef = Minuit.LEAST_SQUARES
    engine.strategy, engine.tol = strategy, tol
    engine.errors = first_steps(objective)
    migrad_in_stages(engine, objective, max_calls)
    if engine.valid and not engine.fmin.is_above_max_edm:
        engine.hesse()
    x = np.array(engine.values)
    covariance = None if engine.covariance is None else np.array(engine.covariance)
    problems = minuit_problems(engine) + limit_problems(objective, x)
    return Minimum(x, float(engine.fval), covariance, bool(engine.valid), problems, engine)


def migrad_in_stages(engine: Minuit, objective: Objective, max_calls: int | None) -> None:
    """Run MIGRAD with positions held near their start, again from where they reach an edge.

    Where a source is not yet on its excess the statistic hardly curves with the position, and a
    Newton step would carry it out of sight.
    """
    low, high = np.array(objective.bounds).T / objective.scale
    reach = objective.reach
    for _ in range(MOST_STAGES):
        x = np.array(engine.values)
        engine.limits = list(
            zip(np.maximum(low, x - reach), np.minimum(high, x + reach), strict=True)
        )
        engine.migrad(ncall=max_calls)
        if not np.any(np.abs(np.array(engine.values) - x) > 0.8 * reach):
            return


def minuit_problems(engine: Minuit) -> list[str]:
    """Say in sentences what MIGRAD and HESSE complain about."""
    state = engine.fmin
    problems = []
    if state.has_reached_call_limit:
        problems.append(
            f"the maximum number of calls was reached after {state.nfcn}: raise max_calls"
        )
    if state.is_above_max_edm:
        problems.append(f"the estimated distance to the minimum is still {state.edm:.2g}")
    if state.hesse_failed:
        problems.append("the matrix of second derivatives could not be inverted")
    elif not state.has_covariance:
        problems.append("there is no covariance")
    elif not state.has_posdef_covar or state.has_made_posdef_covar:
        problems.append(
            "the covariance was forced to be positive definite, so the errors are only approximate"
        )
    elif not state.has_accurate_covar:
        problems.append("the covariance is only approximate")
    return problems


def limit_problems(objective: Objective, x: np.ndarray) -> list[str]:
    """Name the parameters that ended at one of their bounds."""
    problems = []
    for name, value, (low, high), scale in zip(
        objective.names, x * objective.scale, objective.bounds, objective.scale, strict=True
    ):
        width = high - low if np.isfinite(high - low) else max(abs(value), scale)
        if min(value - low, high - value) < 1e-4 * width:
            edge = low if value - low < high - value else high
            problems.append(f"{name!r} ended at its bound {edge:.5g}")
    return problems


def scipy_minimize(objective: Objective, method: str = "L-BFGS-B", **options: Any) -> Minimum:
    """Minimise with scipy, and get the covariance from a numerical Hessian."""
    bounds = [
        (None if np.isinf(low) else low / s, None if np.isinf(high) else high / s)
        for (low, high), s in zip(objective.bounds, objective.scale, strict=True)
    ]
    found = minimize(objective, objective.x, method=method, bounds=bounds, **options)
    # A simplex from there settles what a gradient with finite steps leaves.
    polished = minimize(
        objective,
        found.x,
        method="Nelder-Mead",
        bounds=bounds,
        options={"xatol": 1e-6, "fatol": 1e-6, "maxfev": 400 * found.x.size},
    )
    best = polished if polished.fun <= found.fun else found
    covariance = numerical_covariance(objective, best.x)
    problems = limit_problems(objective, best.x)
    if covariance is None:
        problems.append("the matrix of second derivatives is not positive definite")
    success = bool(polished.success)
    if not success:
        problems.insert(0, str(polished.message))
    return Minimum(best.x, float(best.fun), covariance, success, problems, None)


def numerical_covariance(objective: Objective, x: np.ndarray) -> np.ndarray | None:
    """Return twice the inverse Hessian, its steps chosen so that the statistic rises by about 0.1.

    Beside a bound it is that of a step inside, since nothing is known beyond.
    """
    middle, steps = x.copy(), np.zeros(x.size)
    for i in range(x.size):
        middle[i], steps[i] = parabola_step(objective, x, i)
    best = objective(middle)
    hessian = np.zeros((x.size, x.size))

    def at(*moves: tuple[int, float]) -> float:
        moved = middle.copy()
        for i, sign in moves:
            moved[i] += sign * steps[i]
        return objective(moved)

    for i in range(x.size):
        hessian[i, i] = (at((i, 1)) - 2 * best + at((i, -1))) / steps[i] ** 2
        for j in range(i):
            cross = at((i, 1), (j, 1)) - at((i, 1), (j, -1)) - at((i, -1), (j, 1))
            cross += at((i, -1), (j, -1))
            hessian[i, j] = hessian[j, i] = cross / (4 * steps[i] * steps[j])
    objective.assign(x)
    if not np.all(np.isfinite(hessian)):
        return None
    try:
        np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return None
    return 2 * np.linalg.inv(hessian)


def parabola_step(objective: Objective, x: np.ndarray, i: int) -> tuple[float, float]:
    """Return the middle and the length of steps along one parameter that bend the statistic by a tenth.

    Both ends of a step are inside the bounds.
    """
    low, high = np.array(objective.bounds[i]) / objective.scale[i]
    widest = 0.49 * (high - low)
    step = min(1e-2 * max(abs(x[i]), 1e-2), widest)
    for _ in range(8):
        moved = x.copy()
        moved[i] = middle = inside(x[i], low, high, step)
        values = []
        for at in (middle - step, middle, middle + step):
            moved[i] = at
            values.append(objective(moved))
        rise = 0.5 * (values[0] + values[2]) - values[1]
        if 0.02 < rise < 0.5:
            break
        wanted = step * (float(np.clip(np.sqrt(0.1 / rise), 0.05, 20)) if rise > 0 else 4)
        if wanted >= widest and step == widest:
            break
        step = min(wanted, widest)
    return inside(x[i], low, high, step), step


def inside(value: float, low: float, high: float, step: float) -> float:
    """Return the nearest value a step away from both bounds, and a little, as priors may end there."""
    return float(np.clip(value, low + 1.001 * step, high - 1.001 * step))


BACKENDS: dict[str, Callable[..., Minimum]] = {"minuit": minuit, "scipy": scipy_minimize}
