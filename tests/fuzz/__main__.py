"""``python -m tests.fuzz N SEED [PRODUCT]``: try N mutants, print the table and what is wrong."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

from tests.fuzz.judge import BAD, OUTCOMES
from tests.fuzz.mutant import RANDOM, Mutant
from tests.fuzz.pool import run_pool
from tests.fuzz.products import PRODUCTS
from tests.fuzz.raw_bytes import byte_mutants
from tests.fuzz.unsealed import unseal

# Part of the mutants of a product whose place is drawn.
AT_RANDOM = 0.3


def made(name: str, scratch: Path) -> Path:
    """Make a product in a folder of its own, once, and return the folder."""
    folder = scratch / str(zlib.crc32(name.encode()))
    if folder.exists():
        return folder
    base = PRODUCTS[name].base
    if base:
        shutil.copytree(made(base, scratch), folder)
        unseal(folder)
        return folder
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        PRODUCTS[name].make(folder)
    return folder


def chosen(name: str, folder: Path, n: int, seed: int) -> list[Mutant]:
    """Return n mutants of a product: each kind of damage has the same chance."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    kinds: dict[str, list[Mutant]] = {}
    for mutant in PRODUCTS[name].mutants(folder):
        kinds.setdefault(mutant.intent, []).append(mutant)
    for mutant in byte_mutants(folder, rng, max(2, n // 4), PRODUCTS[name].sealed):
        kinds.setdefault(mutant.intent, []).append(mutant)
    meant = [k for k in kinds if k not in RANDOM]
    picked = []
    for _ in range(n):
        intents = RANDOM if not meant or rng.random() < AT_RANDOM else meant
        mutants = kinds[str(rng.choice(intents))]
        picked.append(mutants[int(rng.integers(len(mutants)))])
    return picked


def table(outcomes: Counter[tuple[str, str]]) -> str:
    """Return how many mutants of each product had each outcome, as a table."""
    names = sorted({name for name, _ in outcomes})
    shown = [
        o for o in (*OUTCOMES, "not made") if o in OUTCOMES or any(outcomes[n, o] for n in names)
    ]
    rows = [f"| | {' | '.join(shown)} | all |", "|---" * (len(shown) + 2) + "|"]
    for name in [*names, "all"]:
        counts = [sum(outcomes[n, o] for n in names if name in (n, "all")) for o in shown]
        rows.append(f"| {name} | {' | '.join(map(str, counts))} | {sum(counts)} |")
    return "\n".join(rows)


def main(n: int, seed: int, only: str = "", workers: int | None = None) -> int:
    """Try n mutants of all products; return how many had an outcome that none may have."""
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    outcomes: Counter[tuple[str, str]] = Counter()
    reasons: Counter[str] = Counter()
    wrong = []
    names = [name for name in PRODUCTS if only in name]
    with tempfile.TemporaryDirectory(prefix="fuzz-products-") as scratch:
        sources, jobs = {}, []
        for name in names:
            sources[name] = made(name, Path(scratch))
            mutants = chosen(name, sources[name], -(-n // len(names)), seed)
            jobs += [(len(jobs) + k, name, mutant) for k, mutant in enumerate(mutants)]
        for (_, name, mutant), outcome, text in run_pool(
            jobs, sources, workers or os.cpu_count() or 1
        ):
            outcomes[name, outcome] += 1
            reasons[mutant.meant] += outcome == "changed"
            if "-v" in sys.argv or outcome in BAD:
                said = f"{outcome:15} {name}: {mutant.intent}: {mutant.what}: {text[:400]}"
                wrong.append(said + f" [{mutant.meant}]" * (outcome == "changed"))
                print(wrong[-1], file=sys.stderr, flush=True)
        shutil.rmtree(scratch, ignore_errors=True)
        Path(scratch).mkdir()
    print("\n".join(sorted(wrong)))
    print(table(outcomes))
    print("\n".join(f"changed {n:5}: {reason}" for reason, n in reasons.most_common() if n))
    print(f"seed {seed}, {time.monotonic() - began:.0f} s")
    return sum(outcomes[name, outcome] for name in names for outcome in BAD)


if __name__ == "__main__":
    argv = [a for a in sys.argv[1:] if a != "-v"]
    sys.exit(bool(main(int(argv[0]), int(argv[1]), *argv[2:3])))
