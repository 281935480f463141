"""How a run is told from a collection of datasets."""

from __future__ import annotations

import xarray as xr

__all__ = ["RUN_GROUPS", "is_observation"]

# Groups of an observation: a tree with one of them is a run, not a collection of datasets, as is
# one with a response, which says so in HDUCLAS4.
RUN_GROUPS = frozenset({"events", "gti", "pointing", "aeff"})


def is_observation(tree: xr.DataTree) -> bool:
    """Return whether a tree is an observation: events, good time intervals and responses of a run.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> is_observation(simulate_observation(events=False)), is_observation(xr.DataTree())
    (True, False)
    """
    if not RUN_GROUPS.isdisjoint(tree.children):
        return True
    return any("HDUCLAS4" in node.attrs for node in tree.children.values())
