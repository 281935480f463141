"""Run the loop of `reduce` in threads: several runs at a time, results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from xgamma.errors import XGammaError

__all__ = ["default_workers", "in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def default_workers() -> int:
    """Return the number of threads used when none is asked for: the processors, two at most.

    The makers spend about half of their time in Python, which threads share, so that more than
    two gain nothing.
    """
    return min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Callable[[], Result]]]:
    """Apply a function to items in threads, and give the results back in the order of the items.

    Parameters
    ----------
    function : callable
        Applied to each item; its exceptions are raised where its result is asked for.
    items : iterable
        Taken from one at a time, by the calling thread.
    workers : int
        Threads. No more items than that are under way or waiting, so memory does not grow with
        the number of items.

    Yields
    ------
    item : object
        The item.
    result : callable
        Returns its result, or raises.

    Raises
    ------
    XGammaError
        If there is less than one worker.

    Examples
    --------
    >>> [result() for _, result in in_order(lambda x: x * x, range(4), workers=2)]
    [0, 1, 4, 9]
    """
    if workers < 1:
        raise XGammaError(f"workers={workers} must be a positive whole number.")
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="xgamma") as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) >= workers:
                    done, future = waiting.popleft()
                    yield done, future.result
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result
        finally:
            for _, future in waiting:
                future.cancel()
