"""What numbers can be: the bins of an axis, the values of a response or a map, a keyword.

The rules are stated here once. Readers ask for axes when a file is opened, makers for values and
keywords before they use them, and `xgamma.validate` for all of them.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from xgamma.core.units import conversion
from xgamma.errors import UnitError
from xgamma.model.dimensions import DIMENSIONS

__all__ = ["issue_of_bins", "issue_of_keyword", "issue_of_values", "issue_of_zeros"]

# Neighbouring bins in files agree to this fraction of a bin: edges are often single precision.
FILE_TOLERANCE = 1e-3


class ValueRule(NamedTuple):
    """Range of valid values of a variable.

    Attributes
    ----------
    not_negative : bool
        Whether negative values are impossible.
    undershoot : float
        How far below zero they may be nevertheless, as a fraction of the largest value: smoothing
        of tabulated densities undershoots (0.15 % in a run of H.E.S.S. DL3 DR1).
    not_all_zero : bool
        Whether it means nothing where all of it is zero: no area, no width, no rate.
    """

    not_negative: bool = True
    undershoot: float = 0.0
    not_all_zero: bool = False


# A density that was tabulated, and smoothed.
DENSITY = ValueRule(undershoot=0.01, not_all_zero=True)
FREE = ValueRule(not_negative=False)
# Variables of datasets; columns of responses carry theirs (`xgamma.irf.kind`).
RULES = {
    "psf": DENSITY,
    "edisp": DENSITY,
    **dict.fromkeys(
        ("counts", "counts_off", "background", "exposure", "psf_exposure", "edisp_exposure",
         "acceptance", "acceptance_off", "livetime", "ontime"),
        ValueRule(),
    ),
}  # fmt: skip


class Range(NamedTuple):
    """The numbers that a keyword may have."""

    low: float
    high: float
    above: bool = False

    def holds(self, value: float) -> bool:
        """Return whether a number is in the range."""
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    def __str__(self) -> str:
        if self.high == np.inf:
            return f"above {self.low:g}" if self.above else f"of at least {self.low:g}"
        start = f"above {self.low:g}" if self.above else f"from {self.low:g}"
        return f"{start} to {self.high:g}"


_POSITIVE = Range(0.0, np.finfo(float).max, above=True)
_SIZE = Range(0.0, np.finfo(float).max)
# A quotient of rounded times may exceed one a little.
FRACTION_TOLERANCE = 1e-4
KEYWORDS = {
    "DEADC": Range(0.0, 1.0 + FRACTION_TOLERANCE, above=True),
    "LIVETIME": _SIZE,
    "ONTIME": _SIZE,
    "EXPOSURE": _POSITIVE,
    "BACKSCAL": _POSITIVE,
    "AREASCAL": _POSITIVE,
    # From 1858 to 2132.
    "MJDREFI": Range(0.0, 1e5),
    "MJDREF": Range(0.0, 1e5),
    "MJDREFF": Range(0.0, 1.0),
    "LO_THRES": _SIZE,
    "HI_THRES": _SIZE,
    "RAD_MAX": Range(0.0, 180.0, above=True),
}


def issue_of_bins(
    name: str,
    lo: np.ndarray,
    hi: np.ndarray,
    units: str,
    nodes: bool = False,
    tolerance: float = FILE_TOLERANCE,
) -> str | None:
    """Return a description of the problem with the bins of an axis, if any.

    Parameters
    ----------
    name : str
        Dimension; energies, angles and migrations have a range.
    lo, hi : ndarray
        Lower and upper edges, shape (n,).
    units : str
        Unit of the edges.
    nodes : bool
        Whether all bins may be points (lower edge = upper edge).
    tolerance : float
        How far neighbouring edges may differ, as a fraction of the narrower bin.

    Returns
    -------
    issue : str or None
        What follows "The bins of the axis …" in a sentence.

    Examples
    --------
    >>> edges = np.array([0.0, 1.0, 2.0])
    >>> issue_of_bins("offset", edges[:-1], edges[1:], "deg")
    >>> issue_of_bins("offset", edges[1::-1], edges[:0:-1], "deg")
    'do not increase'
    >>> issue_of_bins("offset", edges[:-1] - 1, edges[1:] - 1, "deg")
    'extend from -1 to 1 deg, beyond the possible range of 0 to 180 deg'
    """
    low, high = (np.ascontiguousarray(v, dtype=float) for v in (lo, hi))
    return _issue_of_bins(name, low.tobytes(), high.tobytes(), units, nodes, tolerance)


@functools.lru_cache(maxsize=512)
def _issue_of_bins(
    name: str, low: bytes, high: bytes, units: str, nodes: bool, tolerance: float
) -> str | None:
    """Answer from bytes, once: the runs of an archive share their axes."""
    lo, hi = np.frombuffer(low), np.frombuffer(high)
    if lo.size != hi.size:
        return f"have {lo.size} lower and {hi.size} upper edges"
    if not (np.isfinite(lo).all() and np.isfinite(hi).all()):
        return "have edges that are NaN or infinite"
    width = hi - lo
    points = nodes and bool((width == 0).all())
    if (np.diff(lo) <= 0).any() or (np.diff(hi) <= 0).any():
        return "do not increase"
    if not points and (width <= 0).any():
        return "do not have upper edges above the lower ones"
    gaps = np.abs(lo[1:] - hi[:-1])
    if not points and (gaps > tolerance * np.minimum(width[1:], width[:-1])).any():
        return "have gaps or overlap"
    return _issue_of_range(name, lo, hi, units, points)


def _issue_of_range(
    name: str, lo: np.ndarray, hi: np.ndarray, units: str, points: bool
) -> str | None:
    if name not in DIMENSIONS or not lo.size:
        return None
    unit, _, low, high, _ = DIMENSIONS[name]
    try:
        factor = conversion(units, unit)
    except UnitError:
        return None  # Said elsewhere, in a sentence of its own.
    # The last digit of single precision.
    slack = 1e-6 * abs(high) if np.isfinite(high) else 0.0
    first, last = lo[0] * factor, hi[-1] * factor
    logarithmic = name.startswith("energy")
    if first < low - slack or last > high + slack or (logarithmic and points and first <= 0):
        limits = f"of {low:g} to {high:g}" if np.isfinite(high) else f"above {low:g}"
        return f"extend from {first:g} to {last:g} {unit}, beyond the possible range {limits} {unit}".rstrip()
    return None


def issue_of_values(
    name: str,
    values: np.ndarray,
    used: np.ndarray | None = None,
    label: str | None = None,
    rule: ValueRule | None = None,
) -> str | None:
    """Return a description of the problem with the values of a variable, if any.

    Parameters
    ----------
    name : str
        Variable of a dataset, or column of a response; most must not be negative.
    values : ndarray
        Its values.
    used : ndarray, optional
        Where they matter (boolean, of a shape that broadcasts). By default, everywhere.
    label : str, optional
        How a message names the variable. By default, its name in quotes.
    rule : ValueRule, optional
        What its values may be. By default, that of the variable of a dataset.

    Returns
    -------
    issue : str or None
        How many values are NaN, infinite or negative.

    Examples
    --------
    >>> issue_of_values("counts", np.array([0.0, 1.0]))
    >>> issue_of_values("counts", np.array([1.0, np.nan]))
    "1 of 2 values of 'counts' are NaN or infinite"
    >>> issue_of_values("counts", np.array([1.0, -1.0]), used=np.array([True, False]))
    """
    if values.dtype.kind not in "iuf" or not values.size:
        return None
    low, high = float(values.min()), float(values.max())
    allowed = RULES.get(name, FREE) if rule is None else rule
    floor = 0.0 if allowed.not_negative else -np.inf
    # NaN is not greater than anything, so these comparisons pass only what is sound.
    if -np.inf < low and high < np.inf and low >= floor - allowed.undershoot * high:
        return None
    finite = np.isfinite(values)
    floor -= allowed.undershoot * float(values[finite].max(initial=0.0))
    for bad, what in ((~finite, "NaN or infinite"), (finite & (values < floor), "negative")):
        number = int(np.count_nonzero(bad if used is None else bad & used))
        if number:
            return f"{number} of {values.size} values of {label or repr(name)} are {what}"
    return None


def issue_of_zeros(
    name: str, values: np.ndarray, label: str | None = None, rule: ValueRule | None = None
) -> str | None:
    """Return that a column of a response is empty, if it is.

    Parameters
    ----------
    name : str
        Variable of a response.
    values : ndarray
        Its values.
    label : str, optional
        How a message names the variable. By default, its name in quotes.
    rule : ValueRule, optional
        What its values may be. By default, that of the variable of a dataset.

    Returns
    -------
    issue : str or None
        A clause.

    Examples
    --------
    >>> issue_of_zeros("psf", np.zeros((2, 3)))
    "all values of 'psf' are zero"
    >>> issue_of_zeros("psf", np.array([0.0, 1.0]))
    """
    allowed = RULES.get(name, FREE) if rule is None else rule
    if not allowed.not_all_zero or not values.size or values.any():
        return None
    return f"all values of {label or repr(name)} are zero"


def issue_of_keyword(key: str, value: object) -> str | None:
    """Return a description of the problem with a keyword, if any; what is absent or a text is not judged.

    Parameters
    ----------
    key : str
        Keyword of a header, an attribute.
    value : float
        What it says.

    Returns
    -------
    issue : str or None
        A clause that names the keyword.

    Examples
    --------
    >>> issue_of_keyword("DEADC", 0.94)
    >>> issue_of_keyword("DEADC", 94)
    'DEADC=94 is not a number above 0 to 1'
    >>> issue_of_keyword("LIVETIME", -1)
    'LIVETIME=-1 is not a number of at least 0'
    """
    allowed = KEYWORDS.get(key)
    if allowed is None or value is None or isinstance(value, str):
        return None
    if isinstance(value, (int, float, np.number)) and allowed.holds(float(value)):
        return None
    return f"{key}={value} is not a number {_shown(allowed)}"


def _shown(allowed: Range) -> str:
    high = np.inf if allowed.high == np.finfo(float).max else allowed.high
    return str(Range(allowed.low, round(high, 3) if np.isfinite(high) else high, allowed.above))
