"""What became of a mutant, in one word."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.mutant import ABSENT, SHOWN, VALUE
from tests.fuzz.products import Product
from xgamma.errors import XGammaError

__all__ = ["BAD", "OUTCOMES", "answer", "judged"]

OUTCOMES = (
    "equal", "clear sentence", "warned", "changed", "silent", "not finite", "wrapped bare",
    "bare traceback", "hang", "memory",
)  # fmt: skip
BAD = OUTCOMES[4:]
# What a message says that only repeats an error of Python.
WRAPPED = re.compile(
    r"\b(Key|Type|Attribute|Index|Assertion|Name|UnboundLocal|Recursion|ZeroDivision)Error\b|NoneType"
    r"|has no attribute|unsupported operand|not subscriptable|cannot unpack|unhashable|object is not "
    r"|positional argument|unexpected keyword|broadcast|out of bounds for axis"
)


def answer(product: Product, folder: Path) -> tuple[dict[str, Any], set[str]]:
    """Return what a product gives, and what was warned of, without names of folders."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = product.use(folder)
    return found, {str(w.message).replace(str(folder), "") for w in told}


def judged(product: Product, folder: Path, expected: Any, meant: str) -> tuple[str, str]:
    """Return the outcome of a mutant, and what there is to say about it."""
    try:
        found, told = answer(product, folder)
    except XGammaError as error:
        text = str(error).replace(str(folder), "")
        return ("clear sentence" if is_sentence(text) else "wrapped bare"), text
    except MemoryError as error:
        return "memory", repr(error)
    except Exception as error:
        return "bare traceback", f"{type(error).__name__}: {error} ({_place(error)})"
    different = [
        n for n in sorted(expected[0].keys() | found.keys()) if not _same(expected[0], found, n)
    ]
    if not different:
        return "equal", ""
    if told - expected[1]:
        return "warned", next(iter(told - expected[1]))
    return _unsaid(expected[0], found, different, meant)


def _unsaid(
    expected: dict[str, Any], found: dict[str, Any], different: list[str], meant: str
) -> tuple[str, str]:
    """Return the outcome where another result came without a word."""
    text = ", ".join(different)
    shown = all(n.startswith("values of ") for n in different)
    if meant == SHOWN:
        alike = shown and all(_alike(expected.get(n), found.get(n)) for n in different)
        return ("changed" if alike else "silent"), text
    both = [n for n in different if n in found and n in expected]
    meant_wild = meant == ABSENT or (meant == VALUE and shown)
    if any(_newly_wild(expected[n], found[n]) for n in both) and not meant_wild:
        return "not finite", text
    return ("changed" if meant else "silent"), text


def is_sentence(text: str) -> bool:
    """Tell whether a message is one that a user can act on; configurations have a line a fault."""
    lines = text.strip().splitlines() or [""]
    short = any(len(line) < 20 or line.rstrip()[-1] not in ".)?':" for line in lines)
    return not short and WRAPPED.search(text) is None


def _place(error: BaseException) -> str:
    """Return where in the package an error came from."""
    at, place = error.__traceback__, ""
    while at is not None:
        name = at.tb_frame.f_code.co_filename
        if "/xgamma/" in name:
            place = f"{name.rpartition('/xgamma/')[2]}:{at.tb_lineno}"
        at = at.tb_next
    return place


def _same(a: dict[str, Any], b: dict[str, Any], name: str) -> bool:
    if name not in a or name not in b:
        return False
    one, two = a[name], b[name]
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_same(one, two, k) for k in one)
    arrays = [isinstance(v, np.ndarray) for v in (one, two)]
    if any(arrays) and not all(arrays):
        return False
    if isinstance(one, (np.ndarray, float)) and isinstance(two, (np.ndarray, float)):
        one, two = np.asarray(one), np.asarray(two)
        if one.shape != two.shape:
            return False
        numbers = all(v.dtype.kind in "iuf" for v in (one, two))
        if one.dtype.kind != two.dtype.kind and not numbers:
            return False
        if numbers or one.dtype.kind == "c":
            return bool(np.allclose(one, two, rtol=1e-6, atol=0, equal_nan=True))
        return bool(np.array_equal(one, two))
    return bool(one == two)


def _alike(one: Any, two: Any) -> bool:
    """Tell whether two arrays have the same shape and type."""
    arrays = isinstance(one, np.ndarray) and isinstance(two, np.ndarray)
    return arrays and one.shape == two.shape and one.dtype.kind == two.dtype.kind


def _newly_wild(one: Any, two: Any) -> bool:
    """Tell whether a result has NaN or infinity where there was none."""
    both = np.asarray(one), np.asarray(two)
    if any(v.dtype.kind != "f" for v in both):
        return False
    return bool(np.isfinite(both[0]).all() and not np.isfinite(both[1]).all())
