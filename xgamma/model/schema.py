"""The data model as data: the variables that a dataset may hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import xarray as xr

from xgamma.core.units import conversion
from xgamma.errors import MissingDataError, UnitError
from xgamma.model.axes import coord_variable

__all__ = [
    "MODEL_VERSION",
    "VARIABLES",
    "Variable",
    "has_reco_psf",
    "in_own_units",
    "is_flux_points",
    "kind",
    "require",
    "variable_attrs",
]

MODEL_VERSION = 1
IRF_MIN_PIXELS = 3


@dataclass(frozen=True)
class Variable:
    """One canonical variable: its name, dimensions, unit, kind of value and meaning."""

    name: str
    dims: tuple[str, ...]
    units: str | None
    dtype: str
    long_name: str
    optional_dims: tuple[str, ...] = ()


RECO = ("energy", "y", "x")
TRUE = ("energy_true", "y", "x")
IRF = ("energy_true", "y_irf", "x_irf")
ROW = ("obs", "energy")

VARIABLES: dict[str, Variable] = {
    v.name: v
    for v in (
        Variable("counts", RECO, "", "number", "counts"),
        Variable("background", RECO, "", "number", "background counts"),
        Variable("counts_off", RECO, "", "number", "off counts"),
        Variable("acceptance", RECO, "", "number", "acceptance"),
        Variable("acceptance_off", RECO, "", "number", "off acceptance"),
        Variable("acceptance_region", RECO, "", "number", "acceptance of the on region"),
        Variable("mask_safe", RECO, None, "bool", "safe data range"),
        Variable("mask_fit", RECO, None, "bool", "fit range, or weights"),
        Variable("exposure", TRUE, "m2 s", "number", "exposure"),
        Variable(
            "psf",
            ("energy_true", "rad", "y_irf", "x_irf"),
            "sr-1",
            "number",
            "point spread function",
            # HAWC and SWGO give it in reconstructed energy, in place of the true one.
            ("energy",),
        ),
        Variable("psf_exposure", IRF, "m2 s", "number", "exposure that weights the PSF"),
        Variable(
            "edisp",
            ("energy_true", "energy", "y_irf", "x_irf"),
            "",
            "number",
            "energy dispersion",
            ("migra",),
        ),
        Variable("edisp_exposure", IRF, "m2 s", "number", "exposure that weights the dispersion"),
        Variable("gti_start", ("gti",), "s", "number", "start of the good time intervals"),
        Variable("gti_stop", ("gti",), "s", "number", "stop of the good time intervals"),
        Variable("obs_id", ("obs",), None, "any", "observation"),
        Variable("livetime", ("obs",), "s", "number", "live time"),
        Variable("ontime", ("obs",), "s", "number", "on time"),
        Variable("pointing_lon", ("obs",), "deg", "number", "right ascension of the pointing"),
        Variable("pointing_lat", ("obs",), "deg", "number", "declination of the pointing"),
        Variable("time_start", ("obs",), "s", "number", "start of the observation"),
        Variable("time_stop", ("obs",), "s", "number", "stop of the observation"),
        Variable("telescope", ("obs",), None, "any", "telescope"),
        Variable("off_regions", ("obs",), None, "any", "off regions, DS9 text"),
        Variable("counts_sum", ROW, "", "number", "safe counts of the run"),
        Variable("counts_off_sum", ROW, "", "number", "safe off counts of the run"),
        Variable("background_sum", ROW, "", "number", "safe background of the run"),
        Variable("background_norm", ROW, "", "number", "factor on the background"),
        Variable("background_norm_error", ROW, "", "number", "error of that factor"),
        Variable("background_norm_group", ROW, None, "number", "group of energy bins"),
        Variable("background_norm_counts", ROW, "", "number", "counts used for the norm"),
        Variable("background_norm_npred", ROW, "", "number", "background used for the norm"),
        Variable("background_tilt", ROW, "", "number", "tilt of the background"),
        Variable("background_tilt_error", ROW, "", "number", "error of the tilt"),
    )
}
SPATIAL = ("y", "x", "y_irf", "x_irf")
MASKS = ("mask_safe", "mask_fit")
AXES = ("energy", "energy_true", "rad", "migra")
ONOFF = ("counts_off", "acceptance", "acceptance_off")


def variable_attrs(name: str, **extra: object) -> dict[str, Any]:
    """Return the attributes that a canonical variable carries."""
    spec = VARIABLES[name]
    attrs: dict[str, Any] = {"long_name": spec.long_name}
    if spec.units is not None:
        attrs["units"] = spec.units
    return attrs | extra


def in_own_units(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset whose variables are in the units of the data model.

    Parameters
    ----------
    ds : Dataset
        With canonical variables in any unit of the right kind.

    Returns
    -------
    ds : Dataset
        The same object if there is nothing to convert; lazy variables stay lazy.

    Raises
    ------
    UnitError
        If a variable has a unit of another kind.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> in_own_units(ds) is ds
    True
    >>> other = ds.assign(exposure=ds.exposure.gamma.to_unit("cm2 s"))
    >>> in_own_units(other).exposure.attrs["units"]
    'm2 s'
    """
    new = {}
    for name, variable in ds.variables.items():
        spec = VARIABLES.get(str(name))
        units = variable.attrs.get("units")
        if spec is None or spec.units is None or units is None or units == spec.units:
            continue
        try:
            factor = conversion(str(units), spec.units)
        except UnitError as error:
            raise UnitError(f"{name}: {error}") from None
        if factor != 1.0:
            attrs = {**variable.attrs, "units": spec.units}
            new[name] = xr.Variable(variable.dims, variable.data * factor, attrs)
    return ds.assign(new) if new else ds


def is_flux_points(ds: xr.Dataset) -> bool:
    """Return whether a dataset holds flux points: on the sky they are flux maps."""
    return {"energy"} == {"energy", "y", "x"} & set(ds.dims) and any(
        name in ds.variables for name in ("dnde", "ref_dnde")
    )


def has_reco_psf(ds: xr.Dataset) -> bool:
    """Return whether the PSF of a dataset is given in reconstructed energy, as those of HAWC are."""
    return "psf" in ds.variables and "energy" in ds.variables["psf"].dims


def kind(ds: xr.Dataset) -> str:
    """Return the kind of a dataset.

    Parameters
    ----------
    ds : Dataset
        A dataset that follows the data model.

    Returns
    -------
    kind : {"map", "map_onoff", "spectrum", "spectrum_onoff", "flux_points"}
        Flux points have ``dnde`` or ``ref_dnde``. A spectrum has no ``y`` and ``x``; an on-off
        dataset has an acceptance or off counts.

    Examples
    --------
    >>> from xgamma.model.make_axes import energy_axis
    >>> from xgamma.model.create import create_map
    >>> kind(create_map((83.6, 22.0), "5 deg", "0.1 deg", energy_axis(1, 10, 5)))
    'map'
    """
    if is_flux_points(ds):
        return "flux_points"
    base = "map" if "x" in ds.dims and "y" in ds.dims else "spectrum"
    return f"{base}_onoff" if any(name in ds for name in ONOFF) else base


def issue_of_dims(ds: xr.Dataset, name: str) -> str | None:
    """Return a description of the problem with the dimensions or the kind of a canonical variable, if any."""
    variable = ds.variables[name]
    spec = VARIABLES[name]
    if name == "psf" and {"energy", "energy_true"} <= set(variable.dims):
        return "psf has the dimensions 'energy' and 'energy_true', but is defined over one of them: reduce 'energy'."
    for dim in variable.dims:
        if dim not in spec.dims and dim not in spec.optional_dims:
            if dim in RECO:
                return f"{name} has the dimension {str(dim)!r}, but is defined over {', '.join(spec.dims)}: ds.where(ds.mask_safe) applies the mask to every variable, whereas ds.gamma.to_masked() applies it to counts and background only; otherwise reduce {str(dim)!r}."
            return f"{name} has the dimension {str(dim)!r}, but is defined over {', '.join(spec.dims)}: select one with isel, reduce it, or keep several datasets in a DataTree (xg.collect)."
    if spec.dims == RECO and name not in MASKS:
        # Without any energy it is an image; with a scalar one, the dimension was dropped.
        lost = ["energy"] if "energy" in ds.variables and "energy" not in variable.dims else []
        if ("y" in variable.dims) != ("x" in variable.dims):
            lost.append("x" if "y" in variable.dims else "y")
        if lost:
            return f"{name} has lost its dimension {lost[0]!r}: select with isel({lost[0]}=[0]) or a slice to keep it."
    if spec.dtype == "bool" and variable.dtype != bool:
        if bool(variable.isnull().any()):
            return f"{name} is partly NaN, as after assigning the mask of a smaller map: use mask.reindex_like(ds, fill_value=False)."
        if name == "mask_fit" and variable.dtype.kind == "f":
            if bool(((variable >= 0) & (variable < float("inf"))).all()):
                return None
            return "mask_fit has negative or infinite values, but must contain fit weights: use mask_fit.clip(0, 1)."
        return f"{name} has dtype {variable.dtype}, but is a mask: use .astype(bool)."
    return None


def issue_of_pixels(obj: xr.Dataset | xr.DataArray, dim: str) -> str | None:
    """Return a description of the problem with the pixel labels of a dimension, if any."""
    if dim not in obj.dims or dim not in obj.coords:
        return None
    labels = coord_variable(obj, dim).values
    if labels.size < 2:
        return None
    steps = labels[1:] - labels[:-1]
    if steps[0] < 0:
        return f"The pixels run backwards along {dim!r}: use .sortby({dim!r})."
    if steps[0] == 0 or steps.max() - steps.min() > 1e-6 * steps[0]:
        return f"The pixel labels {dim!r} are not evenly spaced: select pixels with a slice, or fill the gaps with .reindex({dim}=...)."
    return None


def require(ds: xr.Dataset, *names: str) -> None:
    """Raise a `MissingDataError` that names the first missing variable of a dataset."""
    for name in names:
        if name not in ds:
            raise MissingDataError(
                f"The dataset {ds.attrs.get('name', '')!r} has no {name!r}: fill it first with ds.gamma.fill(obs)."
            )
