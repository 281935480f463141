"""Kinds of responses, found by their class (HDUCLAS4), their group and their columns."""

from __future__ import annotations

from typing import TypeVar

import xarray as xr

from xgamma.core.registry import Registry
from xgamma.errors import MissingDataError, XGammaError
from xgamma.fits.tables import Table
from xgamma.irf.kind import ResponseKind
from xgamma.model.sanity import FREE, ValueRule

__all__ = [
    "RESPONSES",
    "find_response",
    "kind_of",
    "kind_of_table",
    "kinds",
    "kinds_of_group",
    "list_responses",
    "register_response",
    "response_groups",
]

KindT = TypeVar("KindT", bound=ResponseKind)

RESPONSES: Registry[ResponseKind] = Registry(
    "kind of response", ResponseKind, "xgamma.responses", package="xgamma.irf.kinds"
)


def register_response(kind: KindT) -> KindT:
    """Register a kind of response in a notebook or script; packages use an entry point.

    Parameters
    ----------
    kind : ResponseKind
        The kind.

    Returns
    -------
    kind : ResponseKind
        The same.

    Raises
    ------
    XGammaError
        If it is not a kind of response, or its name is taken.

    Examples
    --------
    >>> import xgamma as xg
    >>> kind = xg.find_response("PSF_KING")
    >>> xg.register_response(kind) is kind
    True
    """
    RESPONSES.register(kind)
    return kind


def find_response(name: str) -> ResponseKind:
    """Return a kind of response.

    Parameters
    ----------
    name : str
        Its HDUCLAS4; kinds of other packages are found by their entry points in the group
        ``xgamma.responses``.

    Returns
    -------
    kind : ResponseKind
        Its table, and how it is read, written and evaluated.

    Raises
    ------
    XGammaError
        If there is none.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.find_response("AEFF_2D").dims
    ('energy_true', 'offset')
    """
    return RESPONSES.find(name)


def list_responses() -> dict[str, str]:
    """Return the kinds of responses, including those of other packages.

    Returns
    -------
    kinds : dict
        One-line description by name (HDUCLAS4).

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.list_responses()["BKG_2D"]
    'Background rate against energy and offset.'
    """
    return RESPONSES.summaries()


def kinds() -> tuple[ResponseKind, ...]:
    """Return all kinds in the order of the groups; of one group first what has more marks."""
    found = RESPONSES.records(again=False).values()
    return tuple(sorted(found, key=lambda kind: (kind.rank, kind.group, -len(kind.marks))))


def response_groups() -> tuple[str, ...]:
    """Return the groups of an observation that hold responses, in order.

    Examples
    --------
    >>> response_groups()
    ('aeff', 'edisp', 'psf', 'bkg', 'rad_max')
    """
    return tuple(dict.fromkeys(kind.group for kind in kinds()))


def kinds_of_group(group: str) -> tuple[ResponseKind, ...]:
    """Return the kinds of one group."""
    return tuple(kind for kind in kinds() if kind.group == group)


def kind_of(ds: xr.Dataset, cls: type[KindT]) -> KindT:
    """Return the kind of a response: what its HDUCLAS4 says, else what its variables are.

    Parameters
    ----------
    ds : Dataset
        A response.
    cls : type
        `ResponseKind`, or what it must be.

    Returns
    -------
    kind : ResponseKind
        Instance of `cls`.

    Raises
    ------
    XGammaError
        If its kind is not known.
    """
    name = str(ds.attrs.get("HDUCLAS4", "")).strip().upper()
    known = [kind for kind in kinds() if isinstance(kind, cls)]
    for kind in known:
        if kind.name == name and _fits(kind, ds):
            return kind
    for kind in known:
        if name in {"", *(kind.name for kind in known)} and _fits(kind, ds):
            return kind
    raise XGammaError(
        f"The response of the HDU {ds.attrs.get('EXTNAME', '')!r} is of an unsupported kind "
        f"(HDUCLAS4={name!r}): use {_either([kind.name for kind in known])}."
    )


def _fits(kind: ResponseKind, ds: xr.Dataset) -> bool:
    """Return whether a response has the first variable of a kind, over its dimensions."""
    variable = ds.variables.get(kind.columns[0].name)
    return variable is not None and set(variable.dims) == set(kind.dims)


def rule_of(ds: xr.Dataset, name: str) -> ValueRule:
    """Return what the values of a variable of a response may be; anything, of an unknown one."""
    stated = str(ds.attrs.get("HDUCLAS4", "")).upper()
    for kind in sorted(kinds(), key=lambda kind: kind.name != stated):
        rule = kind.rule(name)
        if rule is not None:
            return rule
    return FREE


def kind_of_table(table: Table, group: str) -> ResponseKind:
    """Return the kind of a table of a group, from its columns (files write '2D', '3GAUSS', …).

    Raises
    ------
    MissingDataError
        If its columns are those of no kind.
    """
    known = kinds_of_group(group)
    if len(known) == 1:
        return known[0]
    for kind in known:
        if kind.marks <= set(table.columns):
            return kind
    needs = [f"{kind.name} ({', '.join(sorted(kind.marks))})" for kind in known]
    raise MissingDataError(
        f"The HDU {table.name!r} of {table.file.path} is not a readable {known[0].extname} "
        f"table: it must have the columns of {_either(needs)}."
    )


def group_of_class(hduclas2: str) -> str | None:
    """Return the group of a second class, or None."""
    names = {name: k.group for k in kinds() for name in (k.hduclas2, *k.aliases)}
    return names.get(hduclas2.upper())


def group_of_name(extname: str) -> str | None:
    """Return the group of a table without HDUCLAS keywords, from its name, or None."""
    names = {name: k.group for k in kinds() for name in (k.extname, k.name, *k.aliases)}
    return names.get(extname.strip().upper())


def group_of_columns(columns: set[str]) -> str | None:
    """Return the group of a table from its columns, or None."""
    for kind in kinds():
        if any(signature <= columns for signature in kind.signatures):
            return kind.group
    return None


def _either(names: list[str]) -> str:
    return " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)
