"""Collections of datasets: the children of a `DataTree`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import xarray as xr

from xgamma.core.paths import part_name
from xgamma.datasets.stack import stack_all
from xgamma.errors import MissingDataError
from xgamma.model.assembly import named
from xgamma.model.check import require_dataset, require_tree
from xgamma.model.operation import operation, outside
from xgamma.model.trees import collection_of, datasets_in

__all__ = [
    "add",
    "collect",
    "dataset",
    "datasets",
    "map_datasets",
    "names_of",
    "remove",
    "stack_reduce",
]


@operation
def collect(parts: Iterable[xr.Dataset], name: str | None = None) -> xr.DataTree:
    """Collect datasets as the children of a `DataTree`, numbering duplicate names.

    Parameters
    ----------
    parts : iterable of Dataset
        Datasets of any kind, named by ``attrs["name"]``.
    name : str, optional
        Name of the tree.

    Returns
    -------
    tree : DataTree
        One child per dataset, in order.

    Raises
    ------
    XGammaError
        If a part is not a dataset, or its name would be a path (``"."``).

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 2), name="a")
    >>> list(collect([ds, ds]).children)
    ['a', 'a-2']
    """
    children: dict[str, xr.DataTree] = {}
    for ds in parts:
        require_dataset(ds, "parts")
        key = base = part_name(str(ds.attrs.get("name", "dataset")).replace("/", "_"), "name")
        number = 1
        while key in children:
            number += 1
            key = f"{base}-{number}"
        children[key] = xr.DataTree(ds if ds.attrs.get("name") == key else named(ds, key))
    return xr.DataTree(children=children, name=name)


def datasets(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    """Return the datasets of a collection by name, in order.

    Parameters
    ----------
    tree : DataTree
        Collection, which may be nested.

    Returns
    -------
    datasets : dict of str to Dataset
        By path below the root, however deep they lie; see ``xgamma.model.trees.datasets_in``.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> tree = collect([example_map()])
    >>> list(datasets(tree))
    ['example']
    """
    return datasets_in(require_tree(tree, "tree"))


def names_of(tree: xr.DataTree) -> list[str]:
    """Return the names of the datasets of a collection, in order.

    Parameters
    ----------
    tree : DataTree
        Collection, which may be nested.

    Returns
    -------
    names : list of str
        Paths below the root: ``"crab/23523"``.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> names_of(collect([example_map()]))
    ['example']
    """
    return list(datasets(tree))


def dataset(tree: xr.DataTree, which: str | int) -> xr.Dataset:
    """Return one dataset of a collection, by name or by number.

    Parameters
    ----------
    tree : DataTree
        Collection.
    which : str or int
        Name, or number counted from zero.

    Returns
    -------
    ds : Dataset
        The dataset.

    Raises
    ------
    MissingDataError
        If there is no such dataset.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 2), name="a")
    >>> dataset(collect([ds]), 0).attrs["name"]
    'a'
    """
    found = datasets(tree)
    names = list(found)
    if isinstance(which, str) and which in found:
        return found[which]
    if isinstance(which, int) and -len(names) <= which < len(names):
        return found[names[which]]
    raise MissingDataError(
        f"The collection has no dataset {which!r}: it has {', '.join(names) or 'none'}."
    )


@operation
def add(tree: xr.DataTree, *parts: xr.Dataset) -> xr.DataTree:
    """Return the collection with datasets added at its end.

    Parameters
    ----------
    tree : DataTree
        Collection.
    *parts : Dataset
        Datasets named by ``attrs["name"]``; duplicate names are numbered.

    Returns
    -------
    tree : DataTree
        New collection; `tree` is not modified.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> tree = collect([example_map()])
    >>> list(datasets(add(tree, example_map().assign_attrs(name="other"))))
    ['example', 'other']
    """
    found = datasets(tree)
    new = datasets(collect(parts))
    for name, ds in new.items():
        key, number = name, 1
        while key in found:
            number += 1
            key = f"{name}-{number}"
        found[key] = ds if key == name else named(ds, key)
    return collection_of(found, tree)


def remove(tree: xr.DataTree, *names: str) -> xr.DataTree:
    """Return the collection without some datasets.

    Parameters
    ----------
    tree : DataTree
        Collection.
    *names : str
        Names of the datasets to leave out.

    Returns
    -------
    tree : DataTree
        New collection; `tree` is not modified.

    Raises
    ------
    MissingDataError
        If there is no such dataset.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> tree = collect([example_map(), example_map().assign_attrs(name="other")])
    >>> list(datasets(remove(tree, "other")))
    ['example']
    """
    found = datasets(tree)
    for name in names:
        if name not in found:
            raise MissingDataError(
                f"The collection has no dataset {name!r}: it has {', '.join(found) or 'none'}."
            )
    return collection_of({name: ds for name, ds in found.items() if name not in names}, tree)


@operation
def map_datasets(
    tree: xr.DataTree, function: Callable[..., xr.Dataset], *args: object, **kwargs: object
) -> xr.DataTree:
    """Apply a function to each dataset of a collection.

    Parameters
    ----------
    tree : DataTree
        Collection.
    function : callable
        ``f(ds, *args, **kwargs) -> Dataset``.
    *args, **kwargs
        Passed on.

    Returns
    -------
    tree : DataTree
        Results under the same names; lazy if the function is.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.datasets.resample import to_image
    >>> ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 2), name="a")
    >>> map_datasets(collect([ds]), to_image)["a"].sizes["energy"]
    1
    """
    results = {name: outside(function, ds, *args, **kwargs) for name, ds in datasets(tree).items()}
    return collection_of(results, tree)


@operation
def stack_reduce(tree: xr.DataTree, name: str | None = None) -> xr.Dataset:
    """Stack all datasets of a collection into one.

    Parameters
    ----------
    tree : DataTree
        Collection of one kind, on one frame and set of axes.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        See ``xgamma.datasets.stack.stack_all``.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> one = example_map()
    >>> total = stack_reduce(collect([one, one.assign_attrs(name="again")]))
    >>> int(total.counts.sum()) == 2 * int(one.counts.sum())
    True
    """
    return stack_all(datasets(tree).values(), name)
