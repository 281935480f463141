"""Safe data range: which bins of a run can be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import choices, number, scalar
from xgamma.core.arguments import observation as require_observation
from xgamma.core.lazy import hollow, is_lazy, postponed
from xgamma.core.units import position as parse_position
from xgamma.core.units import to_value
from xgamma.dl3 import observation
from xgamma.errors import MissingDataError, XGammaError
from xgamma.makers.energy_threshold import (
    Fold,
    aeff_default,
    aeff_max,
    bkg_peak,
    edisp_bias,
    folded_energy,
    offset_of,
)
from xgamma.model import sky
from xgamma.model.create import kind, require, variable_attrs
from xgamma.model.operation import operation
from xgamma.numerics import sphere
from xgamma.typing import AngleLike, PositionLike

__all__ = ["METHODS", "safe_mask"]

METHODS = ("aeff-default", "aeff-max", "edisp-bias", "offset-max", "bkg-peak")


def _background_valid(ds: xr.Dataset) -> xr.Variable | None:
    """Return where the background is usable; none if there is no background."""
    if "background" not in ds:
        return None
    values = ds["background"].variable
    if kind(ds).endswith("onoff"):
        return xr.Variable(values.dims, np.isfinite(values.data))
    # NaN is not greater than zero, so one comparison drops both.
    return (values > 0.0) & (values < np.inf)


def _offset_max(ds: xr.Dataset, obs: xr.DataTree, offset_max: float) -> xr.Variable:
    pointing = observation.pointing(obs)
    if "x" in ds.dims:
        center = sky.position_vector(ds, pointing)
        near = sphere.separation(sky.pixel_vectors(ds), center) < offset_max
        return xr.Variable(("y", "x"), near)
    from xgamma.model.regions import region_center

    center = region_center(str(ds.coords["region"].values))
    return xr.Variable((), bool(pointing.separation(center).deg < offset_max))


def _radius(offset_max: AngleLike) -> float:
    """Return the largest offset in degrees; one that is absurd is refused."""
    radius = to_value(offset_max, "deg", "offset_max")
    if not 0 < radius <= 180:
        raise XGammaError(
            f"offset_max={offset_max!r} is not an angle between 0 and 180 degrees: give for example '2.5 deg'."
        )
    return float(radius)


def _check(
    methods: Iterable[str], obs: object, where: dict[str, Any], irfs: str
) -> tuple[str, ...]:
    names = choices(methods, "methods", METHODS)
    if not isinstance(irfs, str) or irfs not in {"DL3", "DL4"}:
        raise XGammaError(
            f"irfs={irfs!r} is not known: use 'DL3' (the run's) or 'DL4' (the maps')."
        )
    if where["position"] is not None and where["fixed_offset"] is not None:
        raise XGammaError("Give position or fixed_offset, not both.")
    needs = irfs == "DL3" or where["fixed_offset"] is not None
    if obs is None and (needs or {"offset-max", "aeff-default"} & set(names)):
        raise MissingDataError(
            "These safe-mask methods look at the run: pass the observation, safe_mask(obs, ...)."
        )
    return names


@operation
def safe_mask(
    ds: xr.Dataset,
    obs: xr.DataTree | None = None,
    methods: Iterable[str] = ("aeff-default",),
    aeff_percent: float = 10.0,
    bias_percent: float = 10.0,
    position: PositionLike | None = None,
    fixed_offset: AngleLike | None = None,
    offset_max: AngleLike = "3 deg",
    irfs: str = "DL4",
    fold: bool = False,
) -> xr.Dataset:
    """Find the safe data range of a run; several methods combine with AND.

    Parameters
    ----------
    ds : Dataset
        Filled with that run.
    obs : DataTree, optional
        The run; needed for what looks at its responses or pointing.
    methods : iterable of str
        ``"aeff-default"``: the range that the effective area names (LO_THRES, HI_THRES);
        ``"aeff-max"``: from where the effective area exceeds `aeff_percent` of its largest value;
        ``"edisp-bias"``: from where the energy bias has sunk to `bias_percent`;
        ``"offset-max"``: nearer to the pointing than `offset_max`;
        ``"bkg-peak"``: from the lower edge of the bin with the largest background rate.
    aeff_percent, bias_percent : float
        Thresholds in percent.
    position : SkyCoord, str or (lon, lat), optional
        Where to look at the responses; the middle of the map (``irfs="DL4"``) or of the field
        of view (``irfs="DL3"``) when absent. Texts and pairs are in the frame of the map.
    fixed_offset : Quantity, str or float, optional
        Offset from the pointing to look at, instead of `position`.
    offset_max : Quantity, str or float
        Largest offset; plain numbers are degrees.
    irfs : {"DL4", "DL3"}
        Whether to look at the filled maps or at the run's responses.
    fold : bool
        Turn the thresholds of the effective area, which are true energies, into mean
        reconstructed ones through the run's energy dispersion.

    Returns
    -------
    ds : Dataset
        New dataset with ``mask_safe``; a mask that was there is kept (AND). Bins where the
        background is not finite, or not positive (unless on-off), are never safe. An energy
        bin is safe when it lies wholly inside the range. `ds` stays as it was.

    Raises
    ------
    XGammaError
        For an unknown method or contradicting options.
    MissingDataError
        If the observation is needed and absent.

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
        "position": None if position is None else parse_position(position, sky.frame_of(ds)),
        "fixed_offset": None
        if fixed_offset is None
        else scalar(fixed_offset, "deg", "fixed_offset"),
    }
    names = _check(methods, obs, where, irfs)
    obs = obs if obs is None else require_observation(obs)
    aeff_percent = number(aeff_percent, "aeff_percent", 0, 100)
    bias_percent = number(bias_percent, "bias_percent", 0)
    to_reco: Fold = float
    if fold:
        if obs is None:
            raise MissingDataError("fold=True needs the observation: safe_mask(obs, ...).")
        to_reco = partial(folded_energy, obs, offset=offset_of(obs, **where))
    if is_lazy(ds) and irfs == "DL4" and {"aeff-max", "edisp-bias", "bkg-peak"} & set(names):
        options = {"aeff_percent": aeff_percent, "bias_percent": bias_percent, "irfs": irfs}
        options |= {"position": position, "fixed_offset": fixed_offset, "fold": fold}
        return _postponed(ds, obs, names, offset_max, options)
    parts: list[xr.Variable | None] = [
        ds["mask_safe"].variable if "mask_safe" in ds else None,
        _background_valid(ds),
    ]
    for name in names:
        if name == "offset-max":
            assert obs is not None
            parts.append(_offset_max(ds, obs, _radius(offset_max)))
        elif name == "aeff-default":
            assert obs is not None
            parts.append(aeff_default(ds, obs, to_reco))
        elif name == "aeff-max":
            parts.append(aeff_max(ds, obs, aeff_percent, where, irfs, to_reco))
        elif name == "edisp-bias":
            parts.append(edisp_bias(ds, obs, bias_percent, where, irfs))
        else:
            parts.append(bkg_peak(ds, obs, irfs))
    return ds.assign(mask_safe=_combine(ds, [p for p in parts if p is not None]))


def _postponed(
    ds: xr.Dataset,
    obs: xr.DataTree | None,
    names: tuple[str, ...],
    offset_max: AngleLike,
    options: dict[str, Any],
) -> xr.Dataset:
    """Return the dataset of lazy maps, the mask found when it is computed."""
    needs = {"aeff-max": "exposure", "edisp-bias": "edisp", "bkg-peak": "background"}
    require(ds, *(needs[name] for name in names if name in needs))
    dims = tuple(d for d in ("energy", "y", "x") if d in ds.dims)
    mask = xr.Variable(dims, hollow((ds.sizes[d] for d in dims), bool), variable_attrs("mask_safe"))
    like = ds.assign(mask_safe=mask)
    options = {**options, "methods": names, "offset_max": offset_max}
    return postponed(like, safe_mask, ds, obs, names=["mask_safe"], **options)


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
