"""Keywords as files write them: numbers that may be text, and the numbers of runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["number", "run_id", "run_ids"]


def number(value: Any) -> float:
    """Return a keyword as a number, NaN where it is absent, a text such as 'NONE', or T or F."""
    if isinstance(value, bool):
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def run_id(value: object) -> int | str:
    """Return an OBS_ID as a whole number where it is one, else as text without outer spaces.

    Files write one and the same run as 110380, 110380.0 or '110380'.

    Examples
    --------
    >>> run_id("110380"), run_id(7.0), run_id("chunks 103 - 133 ")
    (110380, 7, 'chunks 103 - 133')
    """
    value = value.item() if isinstance(value, np.generic) else value
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    text = text.strip()
    return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else text


def run_ids(values: Iterable[Any]) -> list[int] | list[str]:
    """Return several OBS_IDs of one kind: numbers, or text where one of them is no number.

    Examples
    --------
    >>> run_ids([1, "2"]), run_ids([1, "b"])
    ([1, 2], ['1', 'b'])
    """
    ids = [run_id(value) for value in values]
    numbers = [one for one in ids if isinstance(one, int)]
    return numbers if len(numbers) == len(ids) else [str(one) for one in ids]
