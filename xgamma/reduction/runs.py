"""A list of runs that can be cut into tasks and sent to another process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, Self, TypeAlias, TypeGuard, cast

import xarray as xr

from xgamma.core import arguments
from xgamma.dl3 import observation
from xgamma.dl3.fingerprint import of_observation
from xgamma.errors import XGammaError

__all__ = ["TASK", "Archive", "Runs", "RunsLike", "Task", "runs_of", "split"]

# Runs of one task at most that add up elsewhere: a sum is worth sending, little is lost with a worker.
TASK = 32

RunId: TypeAlias = int | str


class Archive(Protocol):
    """What is asked of a `Store`: runs that are opened when they are reduced."""

    table: xr.Dataset

    @property
    def obs_ids(self) -> list[RunId]:
        """The runs."""

    def __getitem__(self, obs_id: RunId) -> xr.DataTree: ...

    def select(self, *, obs_id: Sequence[RunId]) -> Archive:
        """Return an archive of some runs."""

    def fingerprint(self, obs_id: RunId) -> str:
        """Return a text that differs when the data of a run do."""


RunsLike: TypeAlias = Archive | Iterable[xr.DataTree]


def _is_archive(observations: RunsLike) -> TypeGuard[Archive]:
    return hasattr(observations, "obs_ids")


def runs_of(observations: RunsLike | xr.DataTree) -> RunsLike:
    """Return the runs of what is given: a tree may be one, or hold some.

    Raises
    ------
    XGammaError
        If it is not a list of runs.
    """
    if isinstance(observations, xr.DataTree):
        one = "events" in observations.children or not observations.children
        return [observations] if one else list(observations.children.values())
    if not isinstance(observations, Iterable):
        raise XGammaError(
            f"{type(observations).__name__} is not a list of observations: open them with xg.open_store(folder)."
        )
    return observations


class Task(NamedTuple):
    """Some runs, and where they are in the whole list."""

    runs: Runs
    positions: list[int]

    def singly(self) -> list[Task]:
        """Return a task for each run."""
        return [Task(self.runs.part([k]), [p]) for k, p in enumerate(self.positions)]


class Runs:
    """Runs by position: the ids of a store, opened where they are reduced, or observations.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        The runs. Two observations with one id are two runs (slices in time, say). A generator is
        gone through once, one run at a time, by `stream`; anything else needs the whole list.
    """

    def __init__(self, observations: RunsLike) -> None:
        self.store = observations if _is_archive(observations) else None
        self._source: Iterable[RunId | xr.DataTree]
        if self.store is not None:
            self._source = list(self.store.obs_ids)
        else:
            self._source = cast("Iterable[xr.DataTree]", observations)

    @classmethod
    def _of(cls, items: list[RunId | xr.DataTree], store: Archive | None) -> Self:
        new = cls.__new__(cls)
        new._source, new.store = items, store
        return new

    @property
    def items(self) -> Sequence[RunId | xr.DataTree]:
        """Ids or observations."""
        if not isinstance(self._source, list):
            self._source = list(self._source)
        return self._source

    @property
    def number(self) -> int | None:
        """Their number; None if it shows at the end only."""
        try:
            return len(self._source)  # type: ignore[arg-type]
        except TypeError:
            return None

    def __len__(self) -> int:
        return len(self.items)

    def open(self, position: int) -> xr.DataTree:
        """Return the observation at a position."""
        item = self.items[position]
        if self.store is not None and not isinstance(item, xr.DataTree):
            return self.store[item]
        return arguments.observation(item)

    def label(self, position: int) -> RunId:
        """Return the id that names a run in messages."""
        item = self.items[position]
        return observation.obs_id(item) if isinstance(item, xr.DataTree) else item

    def part(self, positions: list[int]) -> Runs:
        """Return some of the runs, light enough to send."""
        items = [self.items[p] for p in positions]
        store = self.store
        if store is not None:
            store = store.select(obs_id=[i for i in items if not isinstance(i, xr.DataTree)])
        return self._of(items, store)

    def keys(self) -> list[str]:
        """Return a name for each run that is the same in the next session, each another.

        The id, then what tells its data from others under this number, and a number where these
        agree too.
        """
        seen: Counter[str] = Counter()
        names = []
        for position, item in enumerate(self.items):
            if self.store is not None and not isinstance(item, xr.DataTree):
                data = self.store.fingerprint(item)
            else:
                data = of_observation(self.open(position))
            name = f"{self.label(position)}:{data}"
            seen[name] += 1
            names.append(f"{name}#{seen[name]}")
        return names

    def stream(self) -> Iterator[Task]:
        """Give a task for each run, to be done in this process: a list is not needed."""
        for position, item in enumerate(self._source):
            yield Task(self._of([item], self.store), [position])

    def singly(self, positions: Iterable[int]) -> Iterator[Task]:
        """Give a task for each of these runs, to be done in this process."""
        for position in positions:
            yield Task(self._of([self.items[position]], self.store), [position])

    def parts(self, positions: Sequence[int], workers: int, most: int) -> Iterator[Task]:
        """Give tasks of several runs, to be sent."""
        for part in split(positions, workers, most):
            yield Task(self.part(list(part)), list(part))


def split(positions: Sequence[int], workers: int, most: int = TASK) -> Iterator[Sequence[int]]:
    """Cut positions into contiguous parts of nearly equal size, a multiple of the workers.

    Parameters
    ----------
    positions : sequence of int
        Of the runs.
    workers : int
        So many parts at least, if there are as many runs.
    most : int
        The largest size of a part.

    Yields
    ------
    part : sequence of int
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
