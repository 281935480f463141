"""Safe data range: which bins of a run can be trusted."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import number, scalar
from xgamma.core.arguments import observation as require_observation
from xgamma.core.defaults import AEFF_PERCENT, BIAS_PERCENT, IRFS, SAFE_OFFSET
from xgamma.core.lazy import hollow, is_lazy
from xgamma.core.units import position as parse_position
from xgamma.errors import MissingDataError, XGammaError
from xgamma.makers.safe_masks.registry import SafeMaskRecord, find_safe_masks
from xgamma.model.assembly import with_data
from xgamma.model.frame import frame_of
from xgamma.model.operation import later, operation
from xgamma.model.schema import kind, require, variable_attrs
from xgamma.typing import AngleLike, PositionLike

__all__ = ["choose_safe_masks", "safe_mask"]

DEFAULT = ("aeff-default",)


def _background_valid(ds: xr.Dataset) -> xr.Variable | None:
    """Return where the background is usable; none if there is no background."""
    values = ds.variables.get("background")
    if values is None:
        return None
    if kind(ds).endswith("onoff"):
        return xr.Variable(values.dims, np.isfinite(values.data))
    # NaN is not greater than zero, so one comparison drops both.
    return (values > 0.0) & (values < np.inf)


def _check(
    records: tuple[SafeMaskRecord, ...], obs: xr.DataTree | None, where: dict[str, Any], irfs: str
) -> None:
    if not isinstance(irfs, str) or irfs not in {"DL3", "DL4"}:
        raise XGammaError(
            f"irfs={irfs!r} is not recognised: use 'DL3' (the run's) or 'DL4' (the maps')."
        )
    if where["position"] is not None and where["fixed_offset"] is not None:
        raise XGammaError("Give position or fixed_offset, not both.")
    needs = irfs == "DL3" or where["fixed_offset"] is not None
    if obs is None and (needs or any(record.needs_run for record in records)):
        raise MissingDataError(
            "These safe-mask methods require the run: pass the observation, safe_mask(obs, ...)."
        )


@operation
def safe_mask(
    ds: xr.Dataset,
    obs: xr.DataTree | None = None,
    methods: Iterable[str | SafeMaskRecord] = DEFAULT,
    aeff_percent: float = AEFF_PERCENT,
    bias_percent: float = BIAS_PERCENT,
    position: PositionLike | None = None,
    fixed_offset: AngleLike | None = None,
    offset_max: AngleLike = SAFE_OFFSET,
    irfs: str = IRFS,
    fold: bool = False,
    **options: Any,
) -> xr.Dataset:
    """Compute the safe data range of a run by one or more methods, combined with AND.

    Parameters
    ----------
    ds : Dataset
        Filled with that run.
    obs : DataTree, optional
        The run; required by methods that use its responses or pointing.
    methods : iterable of str
        Names of `xgamma.list_safe_masks`. ``"aeff-default"``: the range in the header of the
        effective area (LO_THRES, HI_THRES); ``"aeff-max"``: above the energy where the effective
        area first exceeds `aeff_percent` of its maximum; ``"edisp-bias"``: above the energy where
        the energy bias falls to `bias_percent`; ``"offset-max"``: within `offset_max` of the
        pointing; ``"bkg-peak"``: above the lower edge of the bin with the largest background rate.
    aeff_percent, bias_percent : float
        Thresholds in percent.
    position : SkyCoord, str or (lon, lat), optional
        Position at which to evaluate the responses; by default, the centre of the map
        (``irfs="DL4"``) or of the field of view (``irfs="DL3"``). Strings and pairs are in the
        frame of the map.
    fixed_offset : Quantity, str or float, optional
        Offset from the pointing at which to evaluate them, instead of `position`.
    offset_max : Quantity, str or float
        Largest offset, as Quantity or number in degrees.
    irfs : {"DL4", "DL3"}
        Whether to use the filled maps or the responses of the run.
    fold : bool
        Whether to convert the thresholds of the effective area from true energy to mean
        reconstructed energy, with the energy dispersion of the run.
    **options
        Options of methods registered by users and other packages.

    Returns
    -------
    ds : Dataset
        New dataset with ``mask_safe``, combined with an existing mask by AND. Bins where the
        background is not finite, or not positive (unless on-off), are never safe. An energy bin is
        safe if it lies entirely within the range. `ds` is not modified.

    Raises
    ------
    XGammaError
        For an unknown method or option, or contradicting options.
    MissingDataError
        If a required observation is missing.

    Notes
    -----
    Thresholds from ``"aeff-default"`` and ``"aeff-max"`` are true energies, and cut
    reconstructed energy, as is the custom: near the threshold the two differ by the bias.
    ``fold=True`` takes that into account.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> obs = simulate_observation("83.63d 22.51d", seed=0)
    >>> empty = xg.create_map("83.63d 22.01d", "6 deg", "0.2 deg", xg.energy_axis(1, 10, 4))
    >>> ds = empty.gamma.fill(obs, select=["counts"])
    >>> bool(safe_mask(ds, obs, methods=["offset-max"], offset_max="1 deg").mask_safe.all())
    False
    """
    where = {
        # One meaning of numbers and texts, whichever responses are looked at.
        "position": None if position is None else parse_position(position, frame_of(ds)),
        "fixed_offset": None
        if fixed_offset is None
        else scalar(fixed_offset, "deg", "fixed_offset"),
    }
    records = find_safe_masks(methods)
    _require_options(records, options)
    _check(records, obs, where, irfs)
    obs = obs if obs is None else require_observation(obs)
    given: dict[str, Any] = {
        "aeff_percent": number(aeff_percent, "aeff_percent", 0, 100),
        "bias_percent": number(bias_percent, "bias_percent", 0),
        "offset_max": offset_max,
        "irfs": irfs,
        "fold": fold,
        **options,
    }
    if fold and obs is None:
        raise MissingDataError("fold=True requires the observation: safe_mask(obs, ...).")
    if is_lazy(ds) and any(record.looks_at_maps(irfs) for record in records):
        return later(_like(ds, records, irfs), names=["mask_safe"], methods=records)
    parts = [
        ds.variables.get("mask_safe"),
        _background_valid(ds),
        *(record.mask(ds, obs, given | where) for record in records),
    ]
    return with_data(ds, {"mask_safe": _combine(ds, [p for p in parts if p is not None])})


def choose_safe_masks(asked: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the options of `safe_mask` with its methods found, so that they can be sent anywhere.

    Parameters
    ----------
    asked : mapping, optional
        Options of `safe_mask`, its ``methods`` among them.

    Returns
    -------
    options : dict or None
        The same, the names of methods replaced by their records.

    Raises
    ------
    XGammaError
        If there is no such method or option.

    Examples
    --------
    >>> choose_safe_masks({"methods": "aeff-max", "aeff_percents": 10})
    Traceback (most recent call last):
    xgamma.errors.XGammaError: safe_mask has no option 'aeff_percents': choose from aeff_percent, ...
    """
    if asked is None:
        return None
    if not isinstance(asked, Mapping):
        raise XGammaError(
            f"safe_mask={asked!r} is not valid: give methods, or a dict such as {{'methods': "
            "['aeff-max'], 'aeff_percent': 10}."
        )
    records = find_safe_masks(asked.get("methods", DEFAULT))
    own = {"methods", *_own_options()}
    _require_options(records, {n: value for n, value in asked.items() if n not in own})
    return {**asked, "methods": records}


@functools.lru_cache(maxsize=1)
def _own_options() -> list[str]:
    parameters = list(inspect.signature(safe_mask).parameters.values())[3:]
    return [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]


def _require_options(records: tuple[SafeMaskRecord, ...], options: Mapping[str, Any]) -> None:
    """Raise unless every further option is one of a method, and every method has what it needs."""
    own = _own_options()
    for record in records:
        record.require_options([*own, *options], others=True)
    theirs = [n for record in records for n in record.options if n not in own]
    unknown = [name for name in options if name not in theirs]
    if unknown:
        raise XGammaError(
            f"safe_mask has no option {unknown[0]!r}: choose from {', '.join([*own, *theirs])}."
        )


def _like(ds: xr.Dataset, records: tuple[SafeMaskRecord, ...], irfs: str) -> xr.Dataset:
    """Return a dataset of lazy maps with a mask that says what the one to come looks like."""
    require(ds, *(n for r in records if r.looks_at_maps(irfs) for n in r.needs))
    dims = tuple(d for d in ("energy", "y", "x") if d in ds.dims)
    mask = xr.Variable(dims, hollow((ds.sizes[d] for d in dims), bool), variable_attrs("mask_safe"))
    return ds.assign(mask_safe=mask)


def _combine(ds: xr.Dataset, parts: list[xr.Variable]) -> xr.Variable:
    """AND the masks over the dims of the counts, spatial dims first as the makers lay them out."""
    spatial = tuple(d for d in ("y", "x") if d in ds.dims)
    dims = (*spatial, "energy")
    first, *rest = sorted(parts, key=lambda p: -p.ndim) or [xr.Variable((), True)]
    if first.ndim < len(dims):
        first = first.set_dims({d: ds.sizes[d] for d in dims})
    mask = first.transpose(*dims)
    for part in rest:
        mask = mask & part
    return xr.Variable(dims, mask.data, variable_attrs("mask_safe")).transpose("energy", *spatial)
