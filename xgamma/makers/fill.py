"""Fill a template, or a cutout of it, with one observation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import choices, whole
from xgamma.core.bounds import check_size
from xgamma.core.units import to_value
from xgamma.dl3 import observation
from xgamma.errors import XGammaError, warn
from xgamma.makers import background as background_
from xgamma.makers import counts as counts_
from xgamma.makers import edisp as edisp_
from xgamma.makers import exposure as exposure_
from xgamma.makers import psf as psf_
from xgamma.makers.field import Field
from xgamma.makers.response_maps import from_maps, has_response_maps
from xgamma.makers.rows import observation_row, refilled
from xgamma.makers.spectrum import fill_spectrum
from xgamma.model.livetime import reference_time_of
from xgamma.model.operation import operation
from xgamma.model.schema import kind, variable_attrs
from xgamma.typing import AngleLike

__all__ = ["SELECTION", "fill"]

SELECTION = ("counts", "exposure", "background", "psf", "edisp")


BACKGROUND_OPTIONS = ("fill_missing", "rotation_step")
MAP_OPTIONS = (*BACKGROUND_OPTIONS, "transits")
SPECTRUM_OPTIONS = (*BACKGROUND_OPTIONS, "containment_correction", "use_region_center")


def _for_pointlike(wanted: tuple[str, ...], obs: xr.DataTree) -> tuple[str, ...]:
    """Warn that point-like responses hold for one on region only, and leave out what they lack."""
    if not set(wanted) - {"counts"} or not observation.is_pointlike(obs):
        return wanted
    left_out = [name for name in ("psf",) if name in wanted and name not in obs.children]
    also = f"; it has no {left_out[0]}, which is not filled" if left_out else ""
    warn(
        f"Run {observation.obs_id(obs)} has point-like responses, made for a cut around one source: its exposure is not valid elsewhere on the map{also}."
    )
    return tuple(name for name in wanted if name not in left_out)


def fill_variables(
    field: Field, select: Iterable[str], background_oversampling: int | None = None, **options: Any
) -> dict[str, xr.Variable]:
    """Return the variables that one run gives on one map; see `fill`."""
    makers: dict[str, Callable[[], xr.Variable]] = {
        "counts": lambda: counts_.counts(field),
        "exposure": lambda: exposure_.exposure(field),
        "background": lambda: background_.background(field, background_oversampling, **options),
        "psf": lambda: psf_.psf(field),
        "edisp": lambda: edisp_.edisp(field),
    }
    maps = tuple(name for name in select if has_response_maps(field.obs, (name,)))
    transits = options.pop("transits", None)
    variables = from_maps(field, maps, 1.0 if transits is None else transits)
    for name in (name for name in select if name not in maps):
        variables[name] = makers[name]()
        if name in {"psf", "edisp"}:
            weight = f"{name}_exposure"
            variables[weight] = exposure_.exposure_irf(field, weight)
    return variables


def _within_limit(field: Field) -> xr.Variable:
    """Return a mask of the pixels that were computed: counts of the others have no prediction."""
    near = xr.Variable(("y", "x"), np.isfinite(field.offset).reshape(field.shape))
    mask = near.set_dims(
        {"y": field.shape[0], "x": field.shape[1], "energy": field.ds.sizes["energy"]}
    )
    return xr.Variable(mask.dims, mask.data, variable_attrs("mask_safe")).transpose("energy", ...)


@operation
def fill(
    ds: xr.Dataset,
    obs: xr.DataTree,
    select: Iterable[str] = SELECTION,
    background_oversampling: int | None = None,
    name: str | None = None,
    offset_limit: AngleLike | None = None,
    **options: Any,
) -> xr.Dataset:
    """Fill a map with one observation: counts, exposure, background, PSF, energy dispersion.

    Parameters
    ----------
    ds : Dataset
        Template or cutout (a map), or a spectrum dataset. If it is already filled, only its
        coordinates, its ``mask_fit`` and any variables of your own are used.
    obs : DataTree
        Observation, from `open_store`.
    select : str or iterable of str
        Variables to fill. Without ``counts``, the result has no counts.
    background_oversampling : int, optional
        Number of parts into which each energy bin is split when integrating the background.
    name : str, optional
        Name of the result; by default, that of the template.
    offset_limit : Quantity, str or float, optional
        Offset from the pointing beyond which the exposure, background and responses of a map are
        not computed but left at zero, to save time. Pixels beyond it are not safe.
    **options
        ``fill_missing`` and ``rotation_step`` (degrees) for the background; for a spectrum
        ``containment_correction`` and ``use_region_center``; for runs whose responses are maps of
        one transit, ``transits``, their number or a map of it.

    Returns
    -------
    ds : Dataset
        New dataset with the variables, one row along ``obs`` and the good time intervals of the
        run. Everything within `offset_limit` is safe until `safe_mask` is applied. `ds` is not
        modified.

    Raises
    ------
    MissingDataError
        If the template has no energy axis, or a response of the run is missing.
    XGammaError
        If a response holds NaN, the run has no good time, or the map would not fit in memory.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> obs = simulate_observation("83.63d 22.51d", seed=0)
    >>> empty = xg.create_map("83.63d 22.01d", "4 deg", "0.1 deg", xg.energy_axis(1, 10, 4))
    >>> ds = fill(empty, obs, select=["counts", "exposure"])
    >>> sorted(ds.data_vars)[:2], ds.exposure.attrs["units"]
    (['counts', 'exposure'], 'm2 s')
    """
    wanted = choices(select, "select", SELECTION)
    if background_oversampling is not None:
        background_oversampling = whole(background_oversampling, "background_oversampling")
    choices(options, "the option", MAP_OPTIONS if "x" in ds.dims else SPECTRUM_OPTIONS)
    check_size(ds, wanted)
    if kind(ds).startswith("spectrum"):
        if offset_limit is not None:
            raise XGammaError(
                "offset_limit= is for maps only: for a spectrum use safe_mask(obs, methods=['offset-max'], offset_max=...), which accepts or rejects its position."
            )
        return fill_spectrum(ds, obs, wanted, background_oversampling, name=name, **options)
    if options.get("transits") is not None and not has_response_maps(obs, wanted):
        raise XGammaError("transits= is for runs whose responses are maps of one transit: omit it.")
    wanted = _for_pointlike(wanted, obs)
    limit = None if offset_limit is None else to_value(offset_limit, "deg", "offset_limit")
    field = Field(ds, obs, limit)
    variables = fill_variables(field, wanted, background_oversampling, **options)
    variables |= observation_row(field, reference_time_of(ds), wanted == ("counts",))
    if has_response_maps(obs, wanted):
        # Such instruments look at the zenith for weeks: no direction on the sky is theirs.
        variables = {n: v for n, v in variables.items() if not n.startswith("pointing_")}
    if limit is not None:
        variables["mask_safe"] = _within_limit(field)
    return refilled(ds, variables, name)
