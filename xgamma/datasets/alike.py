"""Checks that datasets can be stacked: same frame, axes and variables, and valid values."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.datasets.placing import FINE, spatial_dims
from xgamma.errors import AxisError, FrameError, MissingDataError, XGammaError, warn
from xgamma.model.axes import require_same_axis
from xgamma.model.frame_index import FrameIndex
from xgamma.model.sanity import issue_of_values
from xgamma.model.schema import AXES, has_reco_psf

__all__ = ["RESPONSES", "require_alike", "require_same_grid", "require_sound"]

# What is averaged over the datasets that have it.
RESPONSES = ("psf", "edisp")


def require_same_grid(template: xr.Dataset, ds: xr.Dataset) -> None:
    """Raise if frame or axes of a dataset are not those of the template, or its PSF cannot be summed."""
    if has_reco_psf(ds):
        raise XGammaError(
            f"The PSF of {ds.attrs.get('name', '')!r} is a PSF in reconstructed energy, which cannot be stacked: drop it with ds.drop_vars('psf'), or fit the datasets jointly."
        )
    if "wcs" in ds.coords and "wcs" in template.coords:
        own, other = (d.variables["wcs"].attrs for d in (template, ds))
        FrameIndex(own).join(FrameIndex(other))
    if set(spatial_dims(ds, FINE)) != set(spatial_dims(template, FINE)):
        raise FrameError(
            "A map and a spectrum cannot be stacked: collapse the map first with to_spectrum."
        )
    for dim in AXES:
        if (dim in ds.dims) and (dim in template.dims):
            require_same_axis(template, ds, dim)
        elif dim in ds.dims and dim != "rad":
            raise AxisError(
                f"The dataset {ds.attrs.get('name', '')!r} has the axis {dim!r}, but the mosaic has not: create both from the same template."
            )


def require_alike(
    have: set[str], before: set[str], onoff: bool, sum_onoff: bool, name: str
) -> None:
    """Raise if the variables differ from those already stacked."""
    for response in sorted((have ^ before) & set(RESPONSES)):
        warn(
            f"Only some of the datasets have {response!r}: the stacked one is the mean over those."
        )
    have, before = (names - set(RESPONSES) for names in (have, before))
    if onoff != sum_onoff:
        own, other = ("on-off", "not") if onoff else ("not on-off", "on-off")
        raise XGammaError(
            f"{name} is {own}, but the preceding ones are {other}: convert them to one kind first with ds.gamma.to_onoff or from_onoff."
        )
    for missing in sorted(before - have):
        raise MissingDataError(
            f"{name} has no {missing!r}, but the preceding ones have: fill it, or drop it from all with drop_vars."
        )
    for extra in sorted(have - before):
        raise MissingDataError(
            f"{name} has {extra!r}, but the preceding ones have not: fill those, or drop it from all with drop_vars."
        )


def require_sound(
    ds: xr.Dataset, name: str, values: np.ndarray, used: np.ndarray | None = None
) -> None:
    """Raise if values are NaN, infinite or negative where they would be added."""
    issue = issue_of_values(name, values, used)
    if issue is not None:
        raise XGammaError(
            f"The dataset {ds.attrs.get('name', '')!r}: {issue}: exclude these bins in mask_safe, or correct them."
        )
