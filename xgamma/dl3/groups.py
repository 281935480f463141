"""The groups of an observation, its number and its keywords."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.arguments import observation
from xgamma.errors import MissingDataError

__all__ = ["group", "number", "obs_id"]


def number(value: Any) -> float:
    """Return a keyword as a number, NaN where it is absent or a text such as 'NONE'."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def group(obs: xr.DataTree, name: str) -> xr.Dataset:
    """Return one group of an observation as a dataset.

    Parameters
    ----------
    obs : DataTree
        Observation.
    name : str
        ``events``, ``gti``, ``pointing``, ``aeff``, ``edisp``, ``psf``, ``bkg`` or ``rad_max``.

    Returns
    -------
    dataset : Dataset
        The group; its variables share their memory with the observation.

    Raises
    ------
    MissingDataError
        If the observation has no such group.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> group(simulate_observation(events=False), "aeff").aeff.dims
    ('energy_true', 'offset')
    """
    node = obs.children.get(name)
    if node is None:
        raise MissingDataError(
            f"Run {obs_id(obs)} has no {name!r}: it has {', '.join(obs.children) or 'no groups'}."
        )
    return node.to_dataset(inherit=False)


def obs_id(obs: xr.DataTree) -> int | str:
    """Return OBS_ID, or the name of the tree where there is none.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> obs_id(simulate_observation(events=False, obs_id=7))
    7
    """
    value = observation(obs).attrs.get("OBS_ID", obs.name)
    return value if isinstance(value, str) else int(value) if value is not None else ""
