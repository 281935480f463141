"""Things found by name: those of xgamma, those that are registered, those of other packages.

A registry holds records of one kind. It finds them in three places:

- the modules of a package of xgamma, imported at the first look-up: every record (a variable of a
  module) belongs to it, so that a new one is one file;
- `Registry.register`, for a notebook or a script;
- entry points of one group, by which another package names its records. Each is loaded once, when
  its name is asked for, or all names are.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import fields
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from xgamma.errors import XGammaError, warn

__all__ = ["Registry"]

T = TypeVar("T")

# So many names are listed in a message; of more, the nearest.
FEW = 12


class Registry(Generic[T]):
    """Records of one kind, by name.

    Parameters
    ----------
    kind : str
        What a record is, for messages: ``"background method"``.
    accepts : type or callable
        Class of the records; or a function that turns what a module or an entry point holds into a
        record, and returns None for what is none.
    group : str
        Of the entry points.
    package : str
        Package of xgamma whose modules hold its own records.
    expected : str
        What an entry point must name, for messages. By default, the name of the class.
    names : callable
        Of a record: the names that it is found by, the first of them its own.
    listing : str
        What names all of many records, for messages.
    records : dict, optional
        Where to keep the records: a dict that classes enter when they are defined.

    Examples
    --------
    >>> from xgamma.core.records import Record
    >>> colours = Registry("colour", Record, "xgamma.colours")
    >>> red = colours.register(Record("red", "That of blood."))
    >>> colours.find("red").summary
    'That of blood.'
    >>> colours.find("rad")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: The colour 'rad' is not recognised: choose from red.
    """

    def __init__(
        self,
        kind: str,
        accepts: type[T] | Callable[[Any], T | None],
        group: str,
        *,
        package: str = "",
        expected: str = "",
        names: Callable[[T], tuple[str, ...]] = lambda record: (record.name,),  # type: ignore[attr-defined]
        listing: str = "",
        records: dict[str, T] | None = None,
    ) -> None:
        self.kind, self.group, self.package = kind, group, package
        self.expected = expected or f"a {getattr(accepts, '__name__', 'record')}"
        self._accepts, self._names = accepts, names
        self._listing = listing
        self._records: dict[str, T] = {} if records is None else records
        self._sources: dict[str, str] = {}
        self._scanned, self._asked = not package, False
        # Entry points that were loaded, and what is wrong with them ("" where nothing is).
        self._loaded: dict[tuple[str, str, str], str] = {}
        # Names that two packages take, and the sentence about it.
        self._contested: dict[str, str] = {}

    def register(self, record: T, source: str = "") -> T:
        """Add a record.

        Parameters
        ----------
        record : Record
            The record. One whose function (or class) is defined again, as in a cell of a notebook
            that is run twice, takes the place of the former.
        source : str
            Who brings it, for messages. By default, the module of its function.

        Returns
        -------
        record : Record
            The same.

        Raises
        ------
        XGammaError
            If it is no such record, or another has its name.
        """
        if self._record_in(record) is None:
            raise XGammaError(f"{record!r} is not a {self.kind}: register {self.expected}.")
        origin = _origin(record)
        if not (self.package and origin.startswith(f"{self.package}.")):
            self._scan()
        source = source or origin
        for name in self._names(record):
            problem = self._clash(record, name, source)
            if problem:
                raise XGammaError(problem)
        for name in self._names(record):
            self._records[name], self._sources[name] = record, source
        return record

    def _clash(self, record: T, name: str, source: str) -> str:
        """Return what is wrong with a name for a record: another has it; "" if nothing is."""
        known, origin = self._records.get(name), _origin(record)
        if known is None or known is record or (origin and _origin(known) == origin):
            return ""
        theirs = self._sources.get(name) or _origin(known)
        theirs = "xgamma" if theirs.partition(".")[0] == "xgamma" else theirs
        return f"The {self.kind} {name!r} of {source} has the same name as that of {theirs}: choose another name."

    def find(self, name: str) -> T:
        """Return the record of a name.

        Parameters
        ----------
        name : str
            The name. Packages that name one by an entry point are asked where xgamma has none.

        Returns
        -------
        record : Record
            The record.

        Raises
        ------
        XGammaError
            If there is none, or the package that should bring it cannot be loaded.
        """
        if not isinstance(name, str):
            self._scan()
            raise XGammaError(
                f"The {self.kind} {name!r} is not recognised: give its name, {self._choice('')}"
            )
        if name not in self._records:
            self._scan()
        if name not in self._records:
            self._ask_packages(name)
        if name in self._contested:
            raise XGammaError(self._contested[name])
        if name not in self._records:
            raise XGammaError(f"The {self.kind} {name!r} is not recognised: {self._choice(name)}")
        return self._records[name]

    def own(self) -> dict[str, T]:
        """Return the records found until now, by their own names: no package is asked."""
        self._scan()
        found = {self._names(record)[0]: record for record in self._records.values()}
        return dict(sorted(found.items()))

    def records(self, again: bool = True) -> dict[str, T]:
        """Return all records by their own names, sorted, those of other packages included.

        Unless `again`, packages are asked once in a session: looking for them takes milliseconds.
        """
        self._scan()
        if again or not self._asked:
            self._ask_packages()
            self._asked = True
        return self.own()

    def summaries(self) -> dict[str, str]:
        """Return the one-line description of each record by name, other packages' included."""
        return {name: getattr(record, "summary", "") for name, record in self.records().items()}

    def _choice(self, name: str) -> str:
        """Return what to choose from: all names, or the nearest of many."""
        own = sorted({self._names(record)[0] for record in self._records.values()})
        if len(own) <= FEW:
            return f"choose from {', '.join(own) or 'none'}."
        near = get_close_matches(name, self._records, 1)
        if near:
            return f"did you mean {near[0]!r}?"
        return (
            f"{self._listing} lists the available ones."
            if self._listing
            else f"choose from {', '.join(own)}."
        )

    def _record_in(self, thing: object) -> T | None:
        if isinstance(self._accepts, type):
            return cast(T, thing) if isinstance(thing, self._accepts) else None
        return self._accepts(thing)

    def _scan(self) -> None:
        """Import the modules of the package and take their records.

        There is no lock: importing has its own, and two threads find the same.
        """
        if self._scanned:
            return
        package = importlib.import_module(self.package)
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{self.package}.{info.name}")
            for thing in list(vars(module).values()):
                record = self._record_in(thing)
                if record is None:
                    continue
                for name in self._names(record):
                    if self._records.setdefault(name, record) is not record:
                        raise XGammaError(f"Two modules of xgamma define the {self.kind} {name!r}.")
                    self._sources[name] = module.__name__
        self._scanned = True

    def _ask_packages(self, name: str | None = None) -> None:
        """Load entry points: those of a name, and if they bring none of that name, all."""
        points = entry_points(group=self.group)
        for point in points:
            if point.name != name:
                continue
            problem = self._load(point)
            if problem:
                raise XGammaError(problem)
        if name is not None and name in self._records:
            return
        for point in points:
            if _key(point) not in self._loaded:
                problem = self._load(point)
                if problem:
                    warn(problem)

    def _load(self, point: EntryPoint) -> str:
        """Take the record of an entry point; return what is wrong with it, one sentence."""
        key = _key(point)
        if key not in self._loaded:
            self._loaded[key] = self._problem(point)
        return self._loaded[key]

    def _problem(self, point: EntryPoint) -> str:
        package = f"the package {_package(point)!r}"
        try:
            thing = point.load()
        except Exception as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            return (
                f"The {self.kind} {point.name!r} of {package} cannot be loaded ({why}): fix or "
                "uninstall the package."
            )
        try:
            record = self._record_in(thing)
            if record is None:
                return (
                    f"The entry point {point.name!r} of {package} refers to {thing!r}: it must "
                    f"refer to {self.expected}."
                )
            self._contest(record, package)
            self.register(record, package)
        except XGammaError as error:
            return str(error)
        return ""

    def _contest(self, record: T, package: str) -> None:
        """Give a name that another package has to neither: which comes first is chance."""
        for name in self._names(record):
            problem = self._clash(record, name, package)
            if problem and self._sources.get(name, "").startswith("the package "):
                self._contested[name] = problem
                del self._records[name], self._sources[name]
                raise XGammaError(problem)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value.partition(".")[0]


def _key(point: EntryPoint) -> tuple[str, str, str]:
    return _package(point), point.name, point.value


def _origin(record: Any) -> str:
    """Return where a class, or the first function of a record, is defined; "" if it is not known."""
    things: Iterable[Any] = (record,)
    if not isinstance(record, type):
        things = (getattr(record, f.name) for f in fields(record))
    thing = next((t for t in things if callable(t)), None)
    name = getattr(thing, "__qualname__", "")
    return f"{thing.__module__}.{name}" if name else ""
