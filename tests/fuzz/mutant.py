"""One damage to one product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = [
    "ABSENT", "CHANCE", "EXCHANGED", "FRAME", "IMPOSSIBLE", "OBSERVATION", "RANDOM", "SHORTER", "SHOWN", "UNIT", "VALUE", "Mutant",
    "damaged_values",
]  # fmt: skip

# Intents whose place is drawn, not chosen.
RANDOM = ("truncated bytes", "flipped bytes")

# Why another result may be right, and nobody can tell; see the docstring of `tests.fuzz`.
VALUE = "another value in a table, an image or a text"
OBSERVATION = "a keyword that nothing else in the file states"
FRAME = "another place on the sky, of a file without sums"
UNIT = "another unit of the same kind, of a file without sums"
ABSENT = "a part that may be absent, of a file without a list"
EXCHANGED = "two whole chunks of one shape, each with its sum, exchanged"
SHORTER = "a text that ends early, and is one"
CHANCE = "a byte of a file without sums"
SHOWN = "a value that cannot be, shown as it is and used by nothing"


@dataclass(frozen=True)
class Mutant:
    """What to change in the folder of a product.

    Parameters
    ----------
    intent : str
        Kind of damage: headers, axes, columns, units, times, truncated bytes, ….
    what : str
        Where and how, for the report.
    apply : callable
        ``apply(folder)`` changes the files of a copy.
    meant : str
        Why the changed bytes may mean just that, so that another result is right; "" if none is.
    """

    intent: str
    what: str
    apply: Callable[[Path], None]
    meant: str = ""


def damaged_values(values: np.ndarray, seed: int = 1) -> dict[str, np.ndarray]:
    """Give damaged copies of numbers, by the name of the damage; those that change nothing left out."""
    flat = np.asarray(values).ravel()
    if not flat.size:
        return {}
    order = np.random.default_rng(seed).permutation(flat.size)
    middle = np.arange(flat.size) == flat.size // 2
    made = {
        "zero": np.zeros_like(flat),
        "reversed": flat[::-1],
        "shuffled": flat[order],
        "one value everywhere": np.full_like(flat, flat[0]),
        "the first one twice": flat[np.maximum(np.arange(flat.size) - 1, 0)],
    }
    if flat.dtype.kind in "if":
        made["negative"] = -flat
        made["a thousand times"] = 1000 * flat
        made["huge"] = np.where(middle, np.array(2**14 if flat.dtype.kind == "i" else 1e30), flat)
    if flat.dtype.kind == "f":
        made["NaN"] = np.where(middle, np.nan, flat)
        made["all NaN"] = np.full_like(flat, np.nan)
        made["infinite"] = np.where(middle, np.inf, flat)
    kept = {n: v.astype(flat.dtype).reshape(np.shape(values)) for n, v in made.items()}
    return {
        n: v
        for n, v in kept.items()
        if not np.array_equal(v, values, equal_nan=v.dtype.kind == "f")
    }


# Values that cannot be, where a quantity is finite and not negative.
IMPOSSIBLE = ("NaN", "all NaN", "infinite", "negative")
