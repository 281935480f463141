"""The check of datasets and observations: the public `xgamma.validate`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import xarray as xr

from xgamma.core.arguments import choice
from xgamma.errors import ArgumentTypeError, AxisError, XGammaError
from xgamma.irf.registry import response_groups, rule_of
from xgamma.model.runs import is_observation
from xgamma.model.sanity import (
    FREE,
    issue_of_bins,
    issue_of_keyword,
    issue_of_values,
    issue_of_zeros,
)
from xgamma.model.validation import validate_dataset

__all__ = ["require_sound_axes", "validate"]


def validate(ds: xr.Dataset | xr.DataTree, errors: str = "raise", values: bool = True) -> list[str]:
    """Check a dataset, or the responses of an observation, against the data model.

    Parameters
    ----------
    ds : Dataset or DataTree
        A dataset, or an observation (axes and values of its responses, and its keywords).
    errors : {"raise", "return"}
        Whether to raise when there are issues, or to return them.
    values : bool
        Whether to check values too, for NaN, infinite or negative ones where they matter. This
        reads or computes lazy data.

    Returns
    -------
    issues : list of str
        Sentences that name the variable and the remedy; empty if there are no issues.

    Raises
    ------
    XGammaError
        If there are issues and ``errors="raise"``.

    Examples
    --------
    >>> from xgamma.model.make_axes import energy_axis
    >>> from xgamma.model.create import create_map
    >>> validate(create_map((83.6, 22.0), "5 deg", "0.1 deg", energy_axis(1, 10, 5)))
    []
    """
    choice(errors, "errors", ("raise", "return"))
    if isinstance(ds, xr.Dataset):
        return validate_dataset(ds, errors, values)
    if not (isinstance(ds, xr.DataTree) and is_observation(ds)):
        raise ArgumentTypeError(
            f"Only a dataset or an observation can be checked, not {type(ds).__name__}: for a collection, select one with tree.gamma.dataset(name)."
        )
    found = _issues_of_observation(ds)
    if found and errors == "raise":
        raise XGammaError("This observation has problems:\n- " + "\n- ".join(found))
    return found


def _responses(obs: xr.DataTree) -> list[str]:
    """Return the groups of an observation that hold responses, sorted."""
    return sorted(set(response_groups()) & set(obs.children))


def _issues_of_response_axes(ds: xr.Dataset, group: str) -> list[str]:
    found = []
    for dim in map(str, ds.dims):
        if not {dim, f"{dim}_lo", f"{dim}_hi"} <= set(ds.coords):
            continue
        lo, hi = (np.atleast_1d(ds.variables[f"{dim}_{end}"].values) for end in ("lo", "hi"))
        issue = issue_of_bins(dim, lo, hi, str(ds[dim].attrs.get("units", "")), nodes=True)
        if issue is not None:
            found.append(
                f"The bins of the axis {dim!r} of {group!r} {issue}: replace its coordinates {dim}, {dim}_lo and {dim}_hi."
            )
    return found


def _issues_of_keywords(attrs: Mapping[Hashable, object], where: str) -> list[str]:
    issues = (issue_of_keyword(str(key), value) for key, value in attrs.items())
    return [f"{where}: {issue}: correct the header." for issue in issues if issue is not None]


def require_sound_axes(obs: xr.DataTree, place: object) -> None:
    """Raise an `AxisError` if an axis of a response cannot be; its values are not read.

    Parameters
    ----------
    obs : DataTree
        An observation; of other trees nothing is asked.
    place : object
        The file, for the message.
    """
    for group in _responses(obs):
        issues = _issues_of_response_axes(obs.children[group].to_dataset(inherit=False), group)
        if issues:
            raise AxisError(f"'{place}' is damaged: {issues[0]}")


def _issues_of_observation(obs: xr.DataTree) -> list[str]:
    """Return what is wrong with the axes, values and keywords of an observation."""
    found = _issues_of_keywords(obs.attrs, "The observation")
    for group in _responses(obs):
        ds = obs.children[group].to_dataset(inherit=False)
        found += _issues_of_response_axes(ds, group) + _issues_of_keywords(ds.attrs, group)
        for name in map(str, ds.data_vars):
            rule = rule_of(ds, name)
            issue = issue_of_values(name, ds[name].values, rule=rule) if rule != FREE else None
            if issue is not None:
                found.append(f"{issue}: leave the run out, or replace them.")
            empty = issue_of_zeros(name, ds[name].values, rule=rule)
            if empty is not None:
                found.append(f"{group}: {empty}: leave the run out, or replace the response.")
    return found
