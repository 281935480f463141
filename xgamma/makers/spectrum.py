"""Fill a spectrum: counts in a region, responses at its centre or averaged over it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from xgamma.dl3 import observation
from xgamma.errors import XGammaError
from xgamma.irf.kind import PSFKind
from xgamma.irf.registry import kind_of
from xgamma.makers import background as background_
from xgamma.makers import edisp as edisp_
from xgamma.makers import exposure as exposure_
from xgamma.makers import psf as psf_
from xgamma.makers.region_field import RegionField
from xgamma.makers.rows import observation_row, refilled
from xgamma.model import figure
from xgamma.model.livetime import reference_time_of
from xgamma.model.responses import response
from xgamma.model.schema import variable_attrs
from xgamma.numerics import sphere

__all__ = ["fill_spectrum", "region_counts"]


def region_counts(field: RegionField) -> np.ndarray:
    """Return the counts in the on region, shape (n_energy,), int64.

    A point stands for a circle whose radius depends on energy (RAD_MAX).
    """
    field.check_point_like()
    vectors = field.events[0]
    if figure.is_point(field.region):
        separation = sphere.separation(vectors, figure.center_vector(field.region))
        return field.histogram(separation <= field.radius_of_events())
    plane = figure.plane_of(field.region)
    with np.errstate(invalid="ignore"):
        inside = figure.figure_of(field.region, plane).contains(plane.project(vectors))
    return field.histogram(inside)


def _mean(variable: xr.Variable, weights: np.ndarray) -> np.ndarray:
    """Return a maker's variable averaged over the positions (its last axis)."""
    values: np.ndarray = np.asarray(variable.data, dtype=float)[..., 0, :] @ weights
    return values


def _exposure(
    field: RegionField, variable: xr.Variable, share: np.ndarray | None
) -> dict[str, xr.Variable]:
    values = _mean(variable, field.weights)
    attrs = dict(variable.attrs)
    if share is not None:
        values = values * share
        attrs["containment_correction"] = 1
    return {"exposure": xr.Variable("energy_true", values, attrs)}


def _correction(field: RegionField, pointlike: bool) -> np.ndarray:
    run = observation.obs_id(field.obs)
    if pointlike:
        raise XGammaError(
            f"Run {run}: its responses are point-like and already include the cut: use containment_correction=False."
        )
    if not figure.is_circle(field.region):
        raise XGammaError(
            f"Run {run}: containment_correction=True requires a circle as region, not a {type(field.region).__name__}."
        )
    radius = float(field.region.radius.to_value("deg"))  # type: ignore[attr-defined]
    ds = response(field.obs, "psf")
    at = np.array([field.center_offset])
    return kind_of(ds, PSFKind).containment(ds, field.energy_true, radius, at)


def _dispersion(
    field: RegionField, exposure: xr.Variable, contained: np.ndarray | None
) -> dict[str, xr.Variable]:
    """Return the dispersion, averaged with the exposure at each position, and its weight.

    The weight is the exposure that the prediction multiplies the dispersion with: after the
    containment, so that a stack predicts the sum of what its datasets predict.
    """
    weight = np.asarray(exposure.data, dtype=float)[:, 0, :] * field.weights
    total = weight.sum(axis=1)
    matrix = np.asarray(edisp_.edisp(field).data, dtype=float)[:, :, 0, :]
    share = np.where(
        total[:, np.newaxis] > 0,
        weight / np.where(total > 0, total, 1.0)[:, np.newaxis],
        field.weights,
    )
    mean = np.einsum("tep,tp->te", matrix, share)
    second = "migra" if "migra" in field.ds.dims else "energy"
    total = total if contained is None else total * contained
    return {
        "edisp": xr.Variable(("energy_true", second), mean, variable_attrs("edisp")),
        "edisp_exposure": xr.Variable("energy_true", total, variable_attrs("edisp_exposure")),
    }


def _psf(field: RegionField, exposure: xr.Variable) -> dict[str, xr.Variable]:
    variable = psf_.psf(field)
    weight = _mean(exposure, field.weights)
    return {
        "psf": xr.Variable(("energy_true", "rad"), _mean(variable, field.weights), variable.attrs),
        "psf_exposure": xr.Variable("energy_true", weight, variable_attrs("psf_exposure")),
    }


def _background(field: RegionField, oversampling: int | None, **options: Any) -> xr.Variable:
    if figure.is_point(field.region):
        raise XGammaError(
            "A point has no solid angle, and hence no background: remove 'background' from select=, and use reflected_background."
        )
    variable = background_.background(field, oversampling, **options)
    values = np.asarray(variable.data, dtype=float)[:, 0, :].sum(axis=1)
    return xr.Variable("energy", values, variable.attrs)


def fill_spectrum(
    ds: xr.Dataset,
    obs: xr.DataTree,
    select: Iterable[str],
    background_oversampling: int | None = None,
    name: str | None = None,
    containment_correction: bool = False,
    use_region_center: bool = True,
    **options: Any,
) -> xr.Dataset:
    """Fill a spectrum with one observation; called by `fill`.

    Parameters
    ----------
    ds : Dataset
        From `create_spectrum`.
    obs : DataTree
        Observation.
    select : iterable of str
        What to fill; ``"psf"`` is left out unless the spectrum has a ``rad`` axis.
    background_oversampling : int, optional
        Number of parts into which each energy bin is split when integrating the background.
    name : str, optional
        Name of the result.
    containment_correction : bool
        Multiply the exposure by the part of the PSF that lies in the circle.
    use_region_center : bool
        Take the responses at the centre of the region, or average them over it: exposure by
        solid angle, dispersion by solid angle and exposure, background summed.
    **options
        ``fill_missing`` and ``rotation_step`` of the background.

    Returns
    -------
    ds : Dataset
        New dataset; `ds` is not modified. ``edisp_exposure`` is the exposure too, after the
        containment if that is asked for.

    Raises
    ------
    XGammaError
        If the region does not fit the responses or the correction asked for.
    MissingDataError
        If a response of the run is missing.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> obs = simulate_observation("83.63d 22.51d", seed=0)
    >>> empty = xg.create_spectrum("icrs;circle(83.63, 22.01, 0.11)", xg.energy_axis(1, 10, 4))
    >>> ds = empty.gamma.fill(obs, containment_correction=True)
    >>> ds.exposure.dims, ds.edisp.dims
    (('energy_true',), ('energy_true', 'energy'))
    """
    field = RegionField(ds, obs, use_region_center)
    field.check_point_like()
    wanted = tuple(select)
    variables: dict[str, xr.Variable] = {}
    if "counts" in wanted:
        variables["counts"] = xr.Variable("energy", region_counts(field), variable_attrs("counts"))
    if {"exposure", "psf", "edisp"} & set(wanted):
        exposure = exposure_.exposure(field)
    share = None
    if "exposure" in wanted:
        if containment_correction:
            share = _correction(field, bool(exposure.attrs.get("pointlike")))
        variables |= _exposure(field, exposure, share)
    if "background" in wanted:
        variables["background"] = _background(field, background_oversampling, **options)
    if "psf" in wanted and "rad" in ds.dims:
        variables |= _psf(field, exposure)
    if "edisp" in wanted:
        variables |= _dispersion(field, exposure, share)
    variables |= observation_row(field, reference_time_of(ds), wanted == ("counts",))
    return refilled(ds, variables, name)
