"""The datasets of a `DataTree`, however deep they lie: the one walk that everything uses."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from xgamma.errors import XGammaError
from xgamma.model.frame import set_frame
from xgamma.model.runs import is_observation

__all__ = ["collection_of", "datasets_in"]


def datasets_in(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    """Return the datasets of a collection by path, in order.

    Parameters
    ----------
    tree : DataTree
        Collection, which may be nested.

    Returns
    -------
    datasets : dict of str to Dataset
        Each node that holds variables, or that has no children and holds coordinates, by its
        path below the root (``"crab/23523"``); the root itself, if it holds variables, by its
        name. What a node inherits is in its dataset, and its frame is guarded.

    Raises
    ------
    XGammaError
        If the tree is an observation, or one of its nodes is.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> tree = xr.DataTree.from_dict({"/crab/1": example_map(), "/crab/2": example_map()})
    >>> list(datasets_in(tree))
    ['crab/1', 'crab/2']
    """
    if is_observation(tree):
        raise XGammaError(
            f"This tree is the observation {tree.attrs.get('OBS_ID', tree.name)}, not a collection of datasets: turn it into a dataset with ds.gamma.fill(obs) or xg.reduce."
        )
    found = {}
    for node in tree.subtree:
        root = node is tree
        if is_observation(node):
            raise XGammaError(
                f"This tree contains the observation {node.attrs.get('OBS_ID', node.name)} and is not a collection of datasets: turn observations into datasets with xg.reduce."
            )
        if node.data_vars or (not root and not node.children and node.coords):
            name = _root_name(tree) if root else node.relative_to(tree)
            found[name] = set_frame(node.to_dataset())
    return found


def collection_of(datasets: Mapping[str, xr.Dataset], like: xr.DataTree) -> xr.DataTree:
    """Return a collection of datasets by path, with the name and attributes of another.

    Parameters
    ----------
    datasets : mapping of str to Dataset
        As of `datasets_in`.
    like : DataTree
        Whose name and attributes the result has.

    Returns
    -------
    tree : DataTree
        A node for each dataset, nested as their paths say.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> tree = xr.DataTree.from_dict({"/crab/1": example_map()}, name="runs")
    >>> again = collection_of(datasets_in(tree), tree)
    >>> again.name, list(datasets_in(again))
    ('runs', ['crab/1'])
    """
    nodes = {f"/{path}": ds for path, ds in datasets.items()}
    root = nodes.pop(f"/{_root_name(like)}") if like.data_vars else xr.Dataset(attrs=like.attrs)
    return xr.DataTree.from_dict({"/": root, **nodes}, name=like.name)


def _root_name(tree: xr.DataTree) -> str:
    return tree.name or "dataset"
