"""Intervals of phase, in turns: only the fraction of a turn counts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from xgamma.errors import XGammaError
from xgamma.typing import PhasesLike

__all__ = ["in_phase", "phase_intervals"]


def phase_intervals(phase: PhasesLike, name: str = "phase") -> list[tuple[float, float]]:
    """Return disjoint intervals of phase within 0 to 1.

    Parameters
    ----------
    phase : (lo, hi) or list of (lo, hi)
        Intervals; one that reaches below 0 or above 1, or with ``lo > hi``, goes round.
    name : str
        What the argument is called, for the error message.

    Returns
    -------
    intervals : list of (float, float)
        Sorted; those that overlap are joined.

    Raises
    ------
    XGammaError
        If there is no interval, or one is empty or longer than a period.

    Examples
    --------
    >>> phase_intervals([(0.9, 1.1), (0.3, 0.4)])
    [(0.0, 0.1), (0.3, 0.4), (0.9, 1.0)]
    """
    try:
        pairs = np.asarray(phase, dtype=float).reshape(-1, 2)
    except (TypeError, ValueError):
        raise XGammaError(f"{name}={phase!r} must be (lo, hi) or a list of such pairs.") from None
    parts: list[tuple[float, float]] = []
    for lo, hi in pairs:
        length = hi - lo if hi > lo else hi - lo + 1.0
        if not (np.isfinite(length) and 0.0 < length <= 1.0) or lo == hi:
            raise XGammaError(
                f"{name}=({lo:g}, {hi:g}) is empty or longer than a period: give (lo, hi) as fractions of a period."
            )
        start = round(float(lo % 1.0), 12)
        stop = round(start + float(length), 12)
        parts += [(start, stop)] if stop <= 1.0 else [(start, 1.0), (0.0, round(stop - 1.0, 12))]
    if not parts:
        raise XGammaError(f"{name} contains no interval: give (lo, hi) as fractions of a period.")
    joined: list[tuple[float, float]] = []
    for lo, hi in sorted(parts):
        if joined and lo <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(hi, joined[-1][1]))
        else:
            joined.append((lo, hi))
    return joined


def in_phase(phase: np.ndarray, intervals: Iterable[tuple[float, float]]) -> np.ndarray:
    """Return which phases, in turns of any number, lie in intervals, ``lo <= phase < hi``.

    Parameters
    ----------
    phase : ndarray
        Turns.
    intervals : iterable of (float, float)
        As `phase_intervals` gives them.

    Returns
    -------
    inside : ndarray of bool
        Of the shape of `phase`; NaN is in none.

    Examples
    --------
    >>> in_phase(np.array([0.05, 7.95, -0.05, 0.5]), phase_intervals((0.9, 0.1)))
    array([ True,  True,  True, False])
    """
    turn = np.asarray(phase, dtype=float) % 1.0
    inside = np.zeros(turn.shape, dtype=bool)
    for lo, hi in intervals:
        inside |= (turn >= lo) & (turn < hi)
    return inside
