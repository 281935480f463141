"""``tree.gamma``: what an observation can do, and what a collection of datasets can do."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.accessors.members import Method, Property, members
from xgamma.accessors.shared import Accessor, OfDatasets
from xgamma.errors import AccessorError
from xgamma.model.runs import is_observation

__all__ = ["GammaCollection", "GammaDataTree", "GammaObservation"]


class _Tree(Accessor):
    """What every tree can do."""

    _written = "tree"

    to_netcdf = Method("xgamma.io.storage:tree_to_netcdf")
    to_zarr = Method("xgamma.io.storage:tree_to_zarr")
    verify = Method("xgamma.io.verify")

    def _missing(self, name: str) -> AccessorError:
        if name not in members(GammaDataTree):
            return super()._missing(name)
        if is_observation(self._obj):
            number = self._obj.attrs.get("OBS_ID", self._obj.name)
            return AccessorError(
                f"This tree is the observation {number}, but tree.gamma.{name} requires a collection of datasets: turn it into a dataset with ds.gamma.fill(obs) or xg.reduce."
            )
        return AccessorError(
            f"This tree is a collection of datasets, but tree.gamma.{name} requires an observation: open one with xg.open_store(folder)[obs_id]."
        )


class GammaObservation(_Tree):
    """``tree.gamma`` of an observation: events, good time intervals, pointing, responses."""

    obs_id = Property("xgamma.dl3.observation")
    pointing = Property("xgamma.dl3.observation")
    pointing_altaz = Property("xgamma.dl3.observation")
    location = Property("xgamma.dl3.observation")
    tmid = Property("xgamma.dl3.observation")
    tstart = Property("xgamma.dl3.observation")
    tstop = Property("xgamma.dl3.observation")
    ontime = Property("xgamma.dl3.observation")
    livetime = Property("xgamma.dl3.observation")
    is_pointlike = Property("xgamma.dl3.observation")
    events = Property("xgamma.dl3.observation:group", "The event list.", fixed={"name": "events"})
    gti = Property(
        "xgamma.dl3.observation:group", "The good time intervals.", fixed={"name": "gti"}
    )
    select_events = Method("xgamma.dl3.selection")
    field_counts = Method("xgamma.acceptance.field_counts")
    with_background = Method("xgamma.acceptance.in_run")


def _on_each(says: str, method: str, module: str, runs: bool = False, **how: Any) -> Method:
    """Return a background method that runs on each dataset, each with its run if it needs one."""
    fixed = {"background": method} | ({} if runs else {"observations": None})
    target = "xgamma.background.collection:each_background"
    return Method(target, says, options=f"xgamma.background.{module}", fixed=fixed, **how)


class GammaCollection(OfDatasets, _Tree):
    """``tree.gamma`` of a collection of datasets, nested or not."""

    names = Property("xgamma.datasets.collection:names_of")
    dataset = Method("xgamma.datasets.collection")
    add = Method("xgamma.datasets.collection")
    remove = Method("xgamma.datasets.collection")
    map = Method("xgamma.datasets.collection:map_datasets")
    slice_energy = Method("xgamma.datasets.collection_energies:slice_energies")
    energy_ranges = Property("xgamma.datasets.collection_energies")
    stack_reduce = Method("xgamma.datasets.collection")
    info_table = Method("xgamma.estimators.info")
    cumulative = Method("xgamma.datasets.cumulative")
    light_curve = Method("xgamma.estimators.light_curve")

    # --- background ---
    each_background = Method("xgamma.background.collection")
    fov_background = _on_each(
        "Scale or fit the background of each dataset.", "fov", "fov", positional=["exclusion"]
    )
    ring_background = _on_each(
        "Off counts from rings, in each dataset.", "ring", "ring", positional=["r_in", "width"]
    )
    adaptive_ring_background = _on_each(
        "Off counts from growing rings, in each dataset.",
        "adaptive_ring",
        "ring",
        positional=["r_in", "width", "r_out_max"],
    )
    reflected_background = _on_each(
        "Off counts from reflected regions, for each dataset.", "reflected", "reflected", runs=True
    )
    phase_background = _on_each(
        "Off counts from the off phase, for each dataset.", "phase", "phase", runs=True
    )
    off_run_background = _on_each(
        "Off counts from another run, for each dataset.", "off-run", "off_run", runs=True
    )


class GammaDataTree(GammaObservation, GammaCollection):
    """What ``xr.DataTree.gamma`` lists: the members of both accessors of trees."""


class _Chosen:
    """``tree.gamma``, chosen when it is asked for: a tree may become an observation later.

    An accessor registered with xarray would be made once for each tree and kept.
    """

    def __get__(self, tree: xr.DataTree | None, owner: type) -> Any:
        if tree is None:
            return GammaDataTree
        return (GammaObservation if is_observation(tree) else GammaCollection)(tree)


xr.DataTree.gamma = _Chosen()  # type: ignore[attr-defined]
