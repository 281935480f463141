"""One line a member: what an accessor offers is a function, imported and shown at first use.

``stack = Method("xgamma.datasets.stack")`` in the class of an accessor is the whole method. Its
signature is that of the function without the first argument, which is what the accessor hangs
on; so are its types and its docstring. The function checks what it is given: see
`xgamma.model.operation`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MethodType
from typing import Any

from xgamma.accessors.text import adapted
from xgamma.core.late import imported

__all__ = ["Member", "Method", "Property", "members"]

Parameter = inspect.Parameter


class Member:
    """What an accessor offers: a function, and how it is called.

    Parameters
    ----------
    target : str
        The function, ``"module"`` or ``"module:name"``; without a name, that of the member.
    says : str, optional
        First sentence of the docstring. By default, the function's.
    fixed : mapping of str to object, optional
        Arguments that the member chooses and does not offer.
    positional : iterable of str, optional
        Keywords of the function that may be given by position.
    options : str, optional
        Function whose parameters stand for the ``**options`` of `target`.
    """

    def __init__(
        self,
        target: str,
        says: str | None = None,
        *,
        fixed: Mapping[str, Any] | None = None,
        positional: Iterable[str] = (),
        options: str | None = None,
    ):
        self.target, self.says, self.fixed = target, says, dict(fixed or {})
        self.positional, self.options = tuple(positional), options
        self.name, self.owner = target, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.owner = name, owner.__qualname__

    @functools.cached_property
    def function(self) -> Callable[..., Any]:
        """The function behind the member."""
        return self._found(self.target)

    @functools.cached_property
    def path(self) -> str:
        """Where the function stands: ``"xgamma.datasets.stack.stack"``."""
        return f"{self.target.partition(':')[0]}.{self.function.__name__}"

    @functools.cached_property
    def sentence(self) -> str:
        """The first sentence of the docstring, in one line."""
        return " ".join((self.text or "").partition("\n\n")[0].split())

    @functools.cached_property
    def text(self) -> str:
        """The docstring: that of the function, as the member is called."""
        others = () if self.options is None else (inspect.getdoc(self.handed) or "",)
        first, *rest = inspect.signature(self.function).parameters
        hidden = {first, *self.fixed, *(["ds", "obs"] if self.options else [])}
        if isinstance(self, property):
            hidden |= set(rest)
        return adapted(inspect.getdoc(self.function) or "", hidden, self.says, self.path, *others)

    @functools.cached_property
    def parameters(self) -> list[Parameter]:
        """What may be given: the parameters of the function without the first and the fixed."""
        own = list(inspect.signature(self.function).parameters.values())[1:]
        if self.options is not None:
            own = [p for p in own if p.kind is not p.VAR_KEYWORD]
            known = {"ds", "obs", *(p.name for p in own)}
            handed = inspect.signature(self.handed).parameters.values()
            own += [p.replace(kind=p.KEYWORD_ONLY) for p in handed if p.name not in known]
        own = [p for p in own if p.name not in self.fixed]
        own = [
            p.replace(kind=p.POSITIONAL_OR_KEYWORD) if p.name in self.positional else p for p in own
        ]
        rank = {name: number for number, name in enumerate(self.positional)}
        return sorted(own, key=lambda p: (p.kind, rank.get(p.name, -1)))

    @functools.cached_property
    def handed(self) -> Callable[..., Any]:
        """The function that the options are handed to."""
        return self._found(self.options or "")

    def _found(self, path: str) -> Callable[..., Any]:
        function: Callable[..., Any] = imported(path if ":" in path else f"{path}:{self.name}")
        return function

    @functools.cached_property
    def call(self) -> Callable[..., Any]:
        """The function of what the accessor hangs on, and of what is given."""
        if not self.fixed and not self.positional and self.options is None:
            return self.function
        function, fixed, offered = self.function, self.fixed, inspect.Signature(self.parameters)
        if not offered.parameters:
            return functools.partial(function, **fixed)

        def called(obj: Any, *args: object, **kwargs: object) -> Any:
            given = offered.bind(*args, **kwargs)
            arguments = dict(given.arguments)
            for name, parameter in offered.parameters.items():
                if parameter.kind is Parameter.VAR_KEYWORD:
                    arguments |= arguments.pop(name, {})
            return function(obj, **arguments, **fixed)

        return called


class Method(Member):
    """A method of an accessor: see `Member`.

    Examples
    --------
    >>> import inspect
    >>> import xarray as xr
    >>> import xgamma as xg
    >>> list(inspect.signature(xr.Dataset.gamma.stack).parameters)
    ['self', 'others', 'name']
    """

    @functools.cached_property
    def method(self) -> Callable[..., Any]:
        """The method as Python shows it: name, signature, types and docstring."""
        call, function = self.call, self.function

        def method(self: Any, *args: object, **kwargs: object) -> Any:
            return call(self._obj, *args, **kwargs)

        functools.update_wrapper(method, function)
        signature = inspect.signature(function)
        this = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
        known = (this, *self.parameters)
        method.__name__, method.__qualname__ = self.name, f"{self.owner}.{self.name}"
        method.__doc__ = self.text
        method.__signature__ = signature.replace(parameters=known)  # type: ignore[attr-defined]
        method.__annotations__ = {
            p.name: p.annotation for p in self.parameters if p.annotation is not p.empty
        } | {"return": signature.return_annotation}
        return method

    def __get__(self, accessor: Any, owner: type | None = None) -> Any:
        return self.method if accessor is None else MethodType(self.method, accessor)


class Property(Member, property):
    """A property of an accessor: see `Member`.

    Examples
    --------
    >>> import xarray as xr
    >>> import xgamma as xg
    >>> xr.Dataset.gamma.alpha.__doc__.splitlines()[0]
    'Return the ratio of the acceptances, on to off.'
    """

    def __init__(self, target: str, says: str | None = None, **how: Any):
        Member.__init__(self, target, says, **how)
        property.__init__(self, lambda accessor: self.call(accessor._obj))

    # The class's own docstring is not that of the property.
    __doc__ = property(lambda self: self.text, lambda self, text: None)


def members(accessor: type) -> dict[str, Member]:
    """Return what an accessor offers by name, in the order of the source; nothing is imported.

    Examples
    --------
    >>> from xgamma.accessors import GammaDataArray
    >>> members(GammaDataArray)["smooth"].target
    'xgamma.datasets.smooth'
    """
    found: dict[str, Member] = {}
    for cls in reversed(accessor.__mro__):
        found |= {name: member for name, member in vars(cls).items() if isinstance(member, Member)}
    return found
