"""The groups of an observation, its number and its keywords."""

from __future__ import annotations

import xarray as xr

from xgamma.core.arguments import observation
from xgamma.errors import MissingDataError
from xgamma.fits.keywords import run_id

__all__ = ["group", "obs_id"]


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
    """Return OBS_ID, or the name of the tree where there is none: a number where it is one.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> obs_id(simulate_observation(events=False, obs_id=7))
    7
    """
    value = observation(obs).attrs.get("OBS_ID", obs.name)
    return "" if value is None else run_id(value)
