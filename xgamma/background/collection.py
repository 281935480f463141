"""Background methods on a collection: a `DataTree` with a dataset for each run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import xarray as xr

from xgamma.background.registry import BackgroundCall, find_background
from xgamma.dl3 import observation
from xgamma.errors import MissingDataError, XGammaError
from xgamma.model.operation import operation
from xgamma.model.trees import collection_of, datasets_in

# Runs by number, or one for each dataset in order: a Store is both.
RunsLike: TypeAlias = Mapping[int, xr.DataTree] | Iterable[xr.DataTree]

__all__ = ["each_background"]


def _observations(tree: xr.DataTree, observations: RunsLike | None) -> Iterator[Any]:
    """Yield the observation of each child: by number from a store or mapping, else in order."""
    found = datasets_in(tree)
    if observations is None:
        yield from (None for _ in found)
        return
    if isinstance(observations, Mapping) or hasattr(observations, "obs_ids"):
        by_number: Any = observations
        for name, ds in found.items():
            if "obs_id" not in ds or ds["obs_id"].size != 1:
                raise MissingDataError(
                    f"The dataset {name!r} does not record its run: give the observations as a list in the same order."
                )
            yield by_number[ds["obs_id"].values.ravel()[0].item()]
        return
    runs = list(observations)
    if len(runs) != len(found):
        raise XGammaError(
            f"There are {len(runs)} observations for {len(found)} datasets: give one for each, in the same order."
        )
    yield from runs


@operation
def each_background(
    tree: xr.DataTree,
    background: str,
    observations: RunsLike | None = None,
    **options: Any,
) -> xr.DataTree:
    """Run a background method on each dataset of a collection.

    Parameters
    ----------
    tree : DataTree
        A child dataset for each run, as of ``xg.reduce(..., stack=False)``.
    background : str
        Name of the method, as in ``xg.reduce``: one of `xgamma.list_backgrounds`.
    observations : Store, dict, or list of DataTree, optional
        The runs, for methods that use them (``"reflected"``, ``"phase"``): found by number in a
        store or dict, or in the order of the children (so that slices of one run are told apart).
    **options
        Of the method.

    Returns
    -------
    tree : DataTree
        New collection; `tree` is not modified.

    Raises
    ------
    MissingDataError
        If the method needs observations and there are none.
    XGammaError
        If their number differs from that of the datasets, or the error of the method, with the name
        of the dataset.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> runs = [simulate_observation("83.63d 22.51d", seed=i, obs_id=i) for i in (1, 2)]
    >>> empty = xg.create_map("83.63d 22.01d", "2 deg", "0.1 deg", xg.energy_axis(1, 10, 2))
    >>> tree = xg.reduce(runs, into=empty, stack=False)
    >>> ring = tree.gamma.ring_background("0.4 deg", "0.2 deg")
    >>> [node.dataset.gamma.kind for node in ring.children.values()]
    ['map_onoff', 'map_onoff']
    """
    call = BackgroundCall(find_background(background), options)
    if call.record.needs_run and observations is None:
        raise MissingDataError(
            f"The method {background!r} requires the runs: pass the observations, for example a store."
        )
    made: dict[str, xr.Dataset] = {}
    for (name, ds), obs in zip(
        datasets_in(tree).items(), _observations(tree, observations), strict=True
    ):
        try:
            made[name] = call(ds, obs)
        except XGammaError as error:
            run = observation.obs_id(obs) if obs is not None else name
            raise type(error)(f"Run {run}: {error}") from error
    return collection_of(made, tree)
