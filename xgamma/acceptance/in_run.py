"""Use a background model in a run: the response of its zenith angle and azimuth."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.arguments import number, scalar
from xgamma.dl3 import observation
from xgamma.errors import ArgumentTypeError, MissingDataError, XGammaError, shown, warn
from xgamma.irf.kind import BackgroundKind
from xgamma.irf.registry import kind_of
from xgamma.model.operation import operation
from xgamma.typing import AngleLike

__all__ = ["background_at", "with_background"]

# A run may lie so far beyond the edges of the bins, in degrees, without a word.
MARGIN = 1.0


@operation
def with_background(obs: xr.DataTree, model: xr.Dataset) -> xr.DataTree:
    """Return a run whose background response is that of a model.

    Parameters
    ----------
    obs : DataTree
        Observation.
    model : Dataset
        From `background_model`, or any background response: ``bkg`` with the dims of GADF BKG_2D or
        BKG_3D.

    Returns
    -------
    obs : DataTree
        The run with the group ``bkg`` replaced; nothing else changes, and nothing is copied.

    Raises
    ------
    XGammaError
        If the model is not a background response.
    MissingDataError
        If the model has bins of zenith or azimuth, and the run has no location.

    Warns
    -----
    XGammaWarning
        If the run lies outside the zenith range of the model: the nearest bin is used.

    See Also
    --------
    background_at : How the response is interpolated.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> runs = [simulate_observation(source=None, seed=i, obs_id=i) for i in (1, 2)]
    >>> model = xg.background_model(runs, xg.energy_axis("0.5 TeV", "10 TeV", 4), progress=False)
    >>> run = with_background(runs[0], model)
    >>> dict(run["bkg"].sizes)
    {'energy': 4, 'offset': 10}
    """
    _require_model(model)
    at: dict[str, float] = {}
    if {"zenith", "azimuth"} & set(model["bkg"].dims):
        try:
            place = observation.pointing_altaz(obs)
        except MissingDataError as error:
            raise MissingDataError(
                f"{error} The background model depends on them: select one bin of the model "
                "first, for example model.isel(zenith=0)."
            ) from None
        at = {"zenith": 90.0 - float(place.alt.deg), "azimuth": float(place.az.deg)}
        _warn_outside(obs, model, at["zenith"])
    response = background_at(model, **at)
    children = {name: node.copy() for name, node in obs.children.items() if name != "bkg"}
    children["bkg"] = xr.DataTree(response)
    return xr.DataTree(obs.to_dataset(inherit=False), children=children, name=obs.name)


@operation
def background_at(
    model: xr.Dataset, zenith: AngleLike | None = None, azimuth: AngleLike | None = None
) -> xr.Dataset:
    """Return the background response of a model at a zenith angle and azimuth.

    Parameters
    ----------
    model : Dataset
        From `background_model`: ``bkg`` with the dims of a response, and ``zenith``, ``azimuth``.
    zenith, azimuth : Quantity, str or float, optional
        In degrees if a number; needed if the model has these dimensions.

    Returns
    -------
    response : Dataset
        ``bkg`` with the dims of GADF's BKG_2D or BKG_3D. The logarithm of the rate is linear in
        the cosine of the zenith angle between the bins and constant beyond them, and linear in
        azimuth, around the circle. Where one of the two rates is zero, the rate itself is linear.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> runs = [simulate_observation(source=None, seed=i, obs_id=i) for i in (1, 2)]
    >>> model = xg.background_model(runs, xg.energy_axis("0.5 TeV", "10 TeV", 4), progress=False)
    >>> background_at(model).attrs["HDUCLAS4"]
    'BKG_2D'
    """
    _require_model(model)
    rate = model["bkg"]
    for dim, value in (("azimuth", azimuth), ("zenith", zenith)):
        if dim not in rate.dims:
            continue
        if value is None:
            raise XGammaError(f"The background model depends on {dim}: give {dim}=.")
        at = number(scalar(value, "deg", dim), dim)
        low, high, weight = _neighbours(model[dim].values, at, dim)
        lower, upper = (
            rate.isel({dim: k}).drop_vars([dim, f"{dim}_lo", f"{dim}_hi"], errors="ignore")
            for k in (low, high)
        )
        rate = _between(lower, upper, weight)
    response = rate.to_dataset(name="bkg")
    names = [str(name) for name in response.coords]
    response = response.drop_vars(
        [n for n in names if n.partition("_")[0] in ("zenith", "azimuth")]
    )
    response["bkg"].attrs = dict(model["bkg"].attrs)
    return response.assign_attrs(model.attrs)


def _require_model(model: object) -> None:
    if not isinstance(model, xr.Dataset):
        raise ArgumentTypeError(f"Expected a background model (Dataset), got {shown(model)}.")
    if "bkg" not in model:
        raise MissingDataError(
            "The background model has no variable 'bkg': create it with xg.background_model(...)."
        )
    bins = {dim: 0 for dim in ("zenith", "azimuth") if dim in model.dims}
    kind_of(model.isel(bins), BackgroundKind)


def _warn_outside(obs: xr.DataTree, model: xr.Dataset, zenith: float) -> None:
    if "zenith_lo" not in model.coords or "zenith" not in model["bkg"].dims:
        return
    low, high = float(model["zenith_lo"].min()), float(model["zenith_hi"].max())
    if not low - MARGIN <= zenith <= high + MARGIN:
        warn(
            f"Run {observation.obs_id(obs)} was taken at a zenith angle of {zenith:.1f} deg, but the "
            f"background model covers {low:g} to {high:g} deg: its nearest bin is used."
        )


def _neighbours(nodes: np.ndarray, value: float, dim: str) -> tuple[int, int, float]:
    """Return the bins below and above, and the weight of that above."""
    if nodes.size == 1:
        return 0, 0, 0.0
    if dim == "azimuth":
        turned = (nodes - value) % 360.0
        above, below = int(turned.argmin()), int(turned.argmax())
        gap = (nodes[above] - nodes[below]) % 360.0
        return below, above, float(((value - nodes[below]) % 360.0) / gap) if gap else 0.0
    order = np.argsort(nodes)  # a model may be sliced backwards
    scale = -np.cos(np.deg2rad(nodes[order]))
    at = float(np.clip(-np.cos(np.deg2rad(value)), scale[0], scale[-1]))
    below = int(np.clip(np.searchsorted(scale, at, side="right") - 1, 0, nodes.size - 2))
    first, second = int(order[below]), int(order[below + 1])
    return first, second, float((at - scale[below]) / (scale[below + 1] - scale[below]))


def _between(lower: xr.DataArray, upper: xr.DataArray, weight: float) -> xr.DataArray:
    if weight in (0.0, 1.0):
        return upper if weight else lower
    a, b = lower.values, upper.values
    with np.errstate(divide="ignore", invalid="ignore"):
        curved = np.exp((1.0 - weight) * np.log(a) + weight * np.log(b))
    straight = (1.0 - weight) * a + weight * b
    return lower.copy(data=np.where((a > 0) & (b > 0), curved, straight))
