"""Turn errors of readers into one-sentence messages.

Each reader checks what it knows of its format and says what is wrong. What no check foresaw ends
here: whatever Python or a library below raises while a file is read is the fault of the file.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from xgamma.errors import MissingFileError, XGammaError

__all__ = ["CURE", "OF_CODE", "reader", "reading", "said_of"]

P = ParamSpec("P")
R = TypeVar("R")

CURE = "it is truncated or damaged, or in another format; download or write it again"
# Errors whose words are about code, not about a file.
OF_CODE = (AttributeError, TypeError, LookupError, AssertionError, NameError, RecursionError)
LONGEST = 200


@contextmanager
def reading(place: object, cure: str = CURE) -> Iterator[None]:
    """Turn whatever is raised while something is read into one sentence.

    Parameters
    ----------
    place : path-like, URL or str
        What the block reads, HDU or group included where that is known.
    cure : str
        The likely cause, and what to do.

    Raises
    ------
    XGammaError
        With the place, what was said where a user can make use of it, and the cure. Errors of
        xgamma, absent packages, and warnings that are errors pass as they are.

    Examples
    --------
    >>> with reading("run.fits"):
    ...     [][0]
    Traceback (most recent call last):
    xgamma.errors.XGammaError: 'run.fits' cannot be read: it is truncated or damaged, or in another format; \
download or write it again.
    """
    try:
        yield
    except (XGammaError, ImportError, Warning):
        raise
    except FileNotFoundError as error:
        raise MissingFileError(
            f"The file '{error.filename or place}' does not exist: check the path."
        ) from None
    except MemoryError as error:
        raise XGammaError(
            f"'{place}' needs more memory than is available: it is damaged, or too large for this machine."
        ) from error
    except Exception as error:
        raise XGammaError(f"'{place}' cannot be read{said_of(error)}: {cure}.") from error


def said_of(error: BaseException) -> str:
    """Return what an error says, in brackets, where a user can make use of it; else "".

    Examples
    --------
    >>> said_of(OSError("no such chunk.")), said_of(KeyError("x"))
    (' (no such chunk)', '')
    """
    said = " ".join(str(error).split())[:LONGEST].rstrip(".:")
    return f" ({said})" if said and not isinstance(error, OF_CODE) else ""


def reader(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function that reads what its first argument names raise nothing but sentences.

    Examples
    --------
    >>> @reader
    ... def read_number(path):
    ...     return int("eight")
    >>> read_number("a.txt")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: 'a.txt' cannot be read (invalid literal for int() with base 10: \
'eight'): it is truncated or damaged, or in another format; download or write it again.
    """

    @functools.wraps(function)
    def read(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = inspect.signature(function).bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # Called wrongly: Python says how.
        place: Any = next(iter(bound.arguments.values()), function.__name__)
        with reading(place):
            return function(*args, **kwargs)

    return read
