"""The mechanism of operations: arguments are checked once, around the public function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from copy import deepcopy
from typing import Any, ParamSpec, TypeAlias, TypeVar

import xarray as xr

from xgamma.core.lazy import postponed
from xgamma.errors import XGammaError
from xgamma.model.check import (
    require_array,
    require_dataset,
    require_map,
    require_tree,
    require_usable,
)
from xgamma.model.runs import is_observation
from xgamma.model.schema import has_reco_psf
from xgamma.model.trees import collection_of, datasets_in

__all__ = ["DatasetsLike", "is_operation", "later", "operation"]

P = ParamSpec("P")
R = TypeVar("R")

# What functions of one or many datasets take: each of them is checked.
# Operations that take a PSF in reconstructed energy, or neither use nor change it.
RECO_PSF = frozenset(
    [
        "npred",
        "npred_signal",
        "npred_background",
        "stat_sum",
        "stat_array",
        "residuals",
        "model_significance",
        "fit",
        "with_models",
        "fake",
        "asimov",
        "fill",
        "safe_mask",
        "region_mask",
        "energy_mask",
        "mask",
        "mask_image",
        "to_masked",
        "energy_range",
        "energy_range_total",
        "collect",
        "add",
        "map_datasets",
        "cutout",
        "slice_energy",
        "alpha",
        "background",
        "excess",
        "excess_map",
        "radial_profile",
        "profile",
        "significance",
        "info_dict",
        "info",
        "info_table",
        "plot_counts",
        "plot_residuals",
        "plot_fit",
        "plot_regions",
        "off_regions",
        "image_wcs",
        "to_netcdf",
        "to_zarr",
        "tree_to_netcdf",
        "tree_to_zarr",
        "write_fits",
        "edisp_kernel",
        "edisp_bias_resolution",
    ]
)

DatasetsLike: TypeAlias = xr.Dataset | xr.DataTree | Iterable[xr.Dataset] | Mapping[Any, xr.Dataset]

Obj = TypeVar("Obj", xr.Dataset, xr.DataArray)

# Whether an operation is at work: what it calls gets what it made itself, and checks nothing.
_at_work: ContextVar[bool] = ContextVar("xgamma_operation_at_work", default=False)

# The operation that is running, and its arguments by name: what `later` calls again.
_running: ContextVar[tuple[Callable[..., Any], dict[str, Any]]] = ContextVar("xgamma_operation")

LABELLED = (xr.Dataset, xr.DataArray, xr.DataTree)
_MANY = frozenset({"DatasetsLike", "Iterable[xr.Dataset]"})
_ONE: dict[str, Callable[[Any, str], Any]] = {
    "xr.Dataset": require_dataset,
    "xr.DataArray": require_array,
    "xr.DataTree": require_tree,
}


def operation(function: Callable[P, R]) -> Callable[P, R]:
    """Check the datasets, maps and collections that a function is given, before it starts.

    Every public function of labelled data is decorated with it, so that a function, the accessor's
    method and the collection's refuse the same in the same words. Operations that an operation
    calls do not check again.

    Parameters
    ----------
    function : callable
        With annotations: a parameter of type ``xr.Dataset``, ``xr.DataArray`` or ``xr.DataTree``
        takes nothing else, one of `DatasetsLike` or ``Iterable[xr.Dataset]`` takes any
        iterable. Whatever its type, each dataset, map or tree of datasets that is given, alone
        or in a list, tuple or dict, must be usable: see `xgamma.model.check.require_usable`.

    Returns
    -------
    function : callable
        With the same name, signature and docstring.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> @operation
    ... def total(ds: xr.Dataset) -> int:
    ...     return int(ds.counts.sum())
    >>> ds = example_map()
    >>> total(ds) == int(ds.counts.sum())
    True
    >>> total(ds.isel(energy=[0, 2]))
    Traceback (most recent call last):
    xgamma.errors.AxisError: The bins of the axis 'energy' have gaps or overlap: rebin with ...
    """
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    # *args, if there is one, comes behind all named parameters.
    last = code.co_argcount + code.co_kwonlyargcount
    rest = code.co_varnames[last] if code.co_flags & 0x04 else ""
    kinds = {name: str(kind) for name, kind in function.__annotations__.items()}

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if _at_work.get():
            return run(*args, **kwargs)
        named = {name: _given(value, name, kinds.get(name, "")) for name, value in kwargs.items()}
        placed = [
            _given(value, name, kinds.get(name, ""))
            for value, name in zip(args, (*names, *[rest] * len(args)), strict=False)
        ]
        if function.__name__ not in RECO_PSF:
            _refuse_reco_psf((*placed, *named.values()), function.__name__)
        token = _at_work.set(True)
        try:
            return run(*placed, **named)
        finally:
            _at_work.reset(token)

    def run(*args: Any, **kwargs: Any) -> R:
        token = _running.set((checked, {**dict(zip(names, args, strict=False)), **kwargs}))
        try:
            return function(*args, **kwargs)
        finally:
            _running.reset(token)

    checked.is_operation = True  # type: ignore[attr-defined]
    return checked


def is_operation(function: object) -> bool:
    """Return whether a function checks what it is given.

    Examples
    --------
    >>> import xgamma as xg
    >>> is_operation(xg.stat_sum), is_operation(xg.energy_axis)
    (True, False)
    """
    return bool(getattr(function, "is_operation", False))


def later(
    like: Obj,
    names: Iterable[str] | None = None,
    then: Callable[[Any], Any] | None = None,
    **changed: object,
) -> Obj:
    """Return what the operation that is running will give, as one task of the graph.

    The task calls the operation again, computed, with the arguments that it was given: so none
    can be forgotten. What can be changed afterwards, models above all, is copied now.

    Parameters
    ----------
    like : Dataset or DataArray
        The result, with its labels and attributes; see `xgamma.core.lazy.postponed`.
    names : iterable of str, optional
        Variables of a dataset to postpone. By default, all.
    then : callable, optional
        What is done to the result in the task.
    **changed
        Arguments that the task is given instead.

    Returns
    -------
    result : Dataset or DataArray
        As `like`, dask-backed.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> @operation
    ... def times(array: xr.DataArray, factor: int = 1) -> xr.DataArray:
    ...     return array.copy(data=array.values * factor) if array.chunks is None else later(array)
    >>> counts = example_map().counts
    >>> int(times(counts.chunk(), 3).sum()) == 3 * int(counts.sum())
    True
    """
    function, given = _running.get()
    arguments = {
        name: value if isinstance(value, LABELLED) else deepcopy(value)
        for name, value in (given | changed).items()
    }
    return postponed(like, _again, function, arguments, then, names=names)


def _again(
    function: Callable[..., R], arguments: dict[str, Any], then: Callable[[R], R] | None
) -> R:
    """Do an operation that was put off."""
    made = function(**arguments)
    return made if then is None else then(made)


def outside(function: Callable[..., R], *args: object, **kwargs: object) -> R:
    """Call a function of the user's from within an operation: what it calls is checked again.

    Examples
    --------
    >>> outside(max, 1, 2)
    2
    """
    token = _at_work.set(False)
    try:
        return function(*args, **kwargs)
    finally:
        _at_work.reset(token)


def _refuse_reco_psf(values: Iterable[object], name: str) -> None:
    """Raise if a dataset has a PSF in reconstructed energy, which an operation does not know."""
    for value in values:
        if isinstance(value, xr.Dataset):
            if has_reco_psf(value):
                raise XGammaError(
                    f"{name} does not support the PSF in reconstructed energy of the dataset "
                    f"{value.attrs.get('name', '')!r}: drop it with ds.drop_vars('psf')."
                )
        elif isinstance(value, xr.DataTree) and not is_observation(value):
            _refuse_reco_psf(datasets_in(value).values(), name)
        elif isinstance(value, (list, tuple)):
            _refuse_reco_psf(value, name)
        elif isinstance(value, dict):
            _refuse_reco_psf(value.values(), name)


def _given(value: object, name: str, kind: str) -> Any:
    """Return an argument, checked; iterators of datasets become lists, others a safe stream."""
    if kind in _ONE:
        _ONE[kind](value, name)
    if isinstance(value, xr.Dataset):
        return require_usable(value)
    if isinstance(value, xr.DataArray):
        require_map(value)
        return value
    if isinstance(value, xr.DataTree):
        return value if is_observation(value) else _tree(value)
    if kind in _MANY and isinstance(value, Iterable) and not isinstance(value, (Mapping, str)):
        value = list(value)
    elif isinstance(value, Iterator) and not hasattr(value, "read"):
        return _stream(value)
    if isinstance(value, (dict, list, tuple)) and any(
        isinstance(item, LABELLED)
        for item in (value.values() if isinstance(value, dict) else value)
    ):
        if isinstance(value, dict):
            return {key: _each(item, key) for key, item in value.items()}
        return [_each(item, key) for key, item in enumerate(value)]
    return value


def _tree(tree: xr.DataTree) -> xr.DataTree:
    """Return a collection, its datasets checked: the same object unless one had to be changed."""
    found = datasets_in(tree)
    usable = {path: _each(ds, path) for path, ds in found.items()}
    same = all(usable[path] is ds for path, ds in found.items())
    return tree if same else collection_of(usable, tree)


def _each(item: object, key: object) -> Any:
    """Return one of several, checked; the error says which."""
    try:
        return _given(item, "", "")
    except XGammaError as error:
        which = getattr(item, "attrs", {}).get("name", key)
        raise type(error)(f"Dataset {which!r}: {error}") from None


def _stream(items: Iterator[Any]) -> Iterator[Any]:
    """Yield what a generator of the user's makes, whose operations are checked."""
    end = object()
    while (item := outside(next, items, end)) is not end:
        yield item
