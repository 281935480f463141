"""The groups of an observation, its number and its keywords."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import observation
from xgamma.errors import MissingDataError

__all__ = ["group", "number", "obs_id", "run_id", "run_ids"]


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


def run_id(value: Any) -> int | str:
    """Return an OBS_ID as a whole number where it is one, else as text without outer spaces.

    Files write one and the same run as 110380, 110380.0 or '110380'.

    Examples
    --------
    >>> run_id("110380"), run_id(7.0), run_id("chunks 103 - 133 ")
    (110380, 7, 'chunks 103 - 133')
    """
    value = value.item() if isinstance(value, np.generic) else value
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    text = text.strip()
    return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else text


def run_ids(values: Iterable[Any]) -> list[int] | list[str]:
    """Return several OBS_IDs of one kind: numbers, or text where one of them is no number.

    Examples
    --------
    >>> run_ids([1, "2"]), run_ids([1, "b"])
    ([1, 2], ['1', 'b'])
    """
    ids = [run_id(value) for value in values]
    numbers = [one for one in ids if isinstance(one, int)]
    return numbers if len(numbers) == len(ids) else [str(one) for one in ids]


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
