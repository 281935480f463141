"""A progress bar, shown where somebody looks."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from tqdm.auto import tqdm

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(
    total: int | None,
    wanted: bool | None,
    done: int = 0,
    desc: str = "reduce",
    unit: str = "run",
) -> Iterator[Callable[[int], object]]:
    """Give a function that moves a bar on.

    Parameters
    ----------
    total : int or None
        Number of runs.
    wanted : bool, optional
        Whether to show it. By default, on a terminal or in a notebook.
    done : int
        Where it starts.
    desc, unit : str
        What is done to what.

    Yields
    ------
    advance : callable
        Takes the number of runs that were done.
    """
    if wanted is None:
        wanted = "ipykernel" in sys.modules or sys.stderr.isatty()
    if not wanted:
        yield lambda number: None
        return
    with tqdm(total=total, initial=done, desc=desc, unit=unit) as bar:
        yield bar.update
