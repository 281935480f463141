"""Damage to bytes, whatever they mean."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tests.fuzz.mutant import CHANCE, SHORTER, Mutant

__all__ = ["byte_mutants"]


def _change(folder: Path, name: str, how: str, at: float, value: int) -> None:
    path = folder / name
    data = bytearray(path.read_bytes())
    place = int(at * len(data))
    if how == "truncated":
        data = data[:place]
    elif how == "a block cut out":
        del data[place : place + 2880]
    elif how == "a block of zeros":
        data[place : place + 512] = bytes(len(data[place : place + 512]))
    elif how == "bytes added":
        data[place:place] = bytes([value]) * 37
    else:
        data[place] ^= value
    path.write_bytes(bytes(data))


HOW = ("a byte flipped", "a byte flipped", "a block of zeros", "a block cut out", "bytes added")


def byte_mutants(
    folder: Path, rng: np.random.Generator, each: int, sealed: bool
) -> Iterator[Mutant]:
    """Yield so many truncations, and so many other changes, of each file of a product."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size):
        name = str(path.relative_to(folder))
        for _ in range(each):
            at = rng.random()
            apply = partial(_change, name=name, how="truncated", at=at, value=0)
            text = path.suffix in (".yaml", ".ecsv", ".txt")
            yield Mutant("truncated bytes", f"{name} at {at:.4f}", apply, SHORTER * text)
            # Half of the changes go to the first tenth, where formats describe themselves.
            at, how = rng.random() * rng.choice([0.1, 1.0]), str(rng.choice(HOW))
            value = int(rng.integers(1, 256))
            apply = partial(_change, name=name, how=how, at=at, value=value)
            yield Mutant(
                "flipped bytes",
                f"{name} at {at:.4f}: {how} ({value})",
                apply,
                CHANCE * (not sealed),
            )
