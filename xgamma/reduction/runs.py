"""A list of runs that can be cut into parts and sent to another process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import xarray as xr

from xgamma.dl3 import observation
from xgamma.dl3.fingerprint import of_observation

__all__ = ["Runs", "split"]

# Runs of one task at most: a partial mosaic is worth sending, and little is lost with a worker.
TASK = 32


class Runs:
    """Runs by position: the ids of a store, opened where they are reduced, or observations.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        The runs. Two observations with one id are two runs (slices in time, say).
    """

    def __init__(self, observations: Any):
        self.store: Any = observations if hasattr(observations, "obs_ids") else None
        self.items = list(observations.obs_ids if self.store is not None else observations)

    def __len__(self) -> int:
        return len(self.items)

    def open(self, position: int) -> xr.DataTree:
        """Return the observation at a position."""
        item = self.items[position]
        return self.store[item] if self.store is not None else item

    def label(self, position: int) -> Any:
        """Return the id that names a run in messages."""
        item = self.items[position]
        return item if self.store is not None else observation.obs_id(item)

    def part(self, positions: list[int]) -> Runs:
        """Return some of the runs, light enough to send."""
        new = Runs.__new__(Runs)
        new.items = [self.items[p] for p in positions]
        new.store = self.store.select(obs_id=new.items) if self.store is not None else None
        return new

    def keys(self) -> list[str]:
        """Return a name for each run that is the same in the next session, each another.

        The id, then what tells its data from others under this number, and a number where these
        agree too.
        """
        seen: Counter[str] = Counter()
        names = []
        for position, item in enumerate(self.items):
            own = self.store is not None
            data = self.store.fingerprint(item) if own else of_observation(item)
            name = f"{self.label(position)}:{data}"
            seen[name] += 1
            names.append(f"{name}#{seen[name]}")
        return names


def split(positions: list[int], workers: int, most: int = TASK) -> Iterator[list[int]]:
    """Cut positions into contiguous parts of nearly equal size, a multiple of the workers.

    Parameters
    ----------
    positions : list of int
        Of the runs.
    workers : int
        So many parts at least, if there are as many runs.
    most : int
        The largest size of a part.

    Yields
    ------
    part : list of int
        In order.

    Examples
    --------
    >>> [len(part) for part in split(list(range(21)), workers=2)]
    [10, 11]
    >>> [len(part) for part in split(list(range(3)), workers=4)]
    [1, 1, 1]
    """
    number = min(len(positions), workers * -(-len(positions) // (workers * most)))
    for k in range(number):
        yield positions[k * len(positions) // number : (k + 1) * len(positions) // number]
