"""Maps of a run whose responses are maps already: interpolated to the pixels and bins of a template."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from xgamma.core.arguments import positive
from xgamma.core.units import conversion, parse_unit
from xgamma.dl3 import observation
from xgamma.errors import AxisError, UnitError
from xgamma.makers.field import Field
from xgamma.model import sky
from xgamma.model.axes import centers_in, edges, units_of
from xgamma.model.frame import frame_of
from xgamma.model.responses import is_map, response
from xgamma.model.schema import variable_attrs
from xgamma.numerics import sphere
from xgamma.numerics.interpolation import Axis, apply_weights, sparse_weights
from xgamma.numerics.responses import normalize_rad

__all__ = ["GROUPS", "from_maps", "has_response_maps"]

GROUPS = {"exposure": "aeff", "background": "bkg", "psf": "psf", "edisp": "edisp"}
# Axes that are interpolated in their logarithm.
LOG = ("energy", "energy_true", "rad", "migra")


def has_response_maps(obs: xr.DataTree, names: tuple[str, ...]) -> bool:
    """Tell whether any of the variables to fill comes from a map of the run."""
    groups = [GROUPS[n] for n in names if n in GROUPS]
    return any(is_map(obs.children[g].dataset) for g in groups if g in obs.children)


def from_maps(
    field: Field, names: tuple[str, ...], transits: float | xr.DataArray = 1.0
) -> dict[str, xr.Variable]:
    """Return the variables of a run that come from maps.

    Parameters
    ----------
    field : Field
        Map and observation.
    names : tuple of str
        Of ``exposure``, ``background``, ``psf`` and ``edisp`` those to fill; others are left out, and so
        are those whose response is a table.
    transits : float or DataArray
        Factor on exposure and background, which are those of one transit: a number, or a map of it.

    Returns
    -------
    variables : dict of str to Variable
        As `xgamma.fill` gives them.
    """
    makers: dict[str, Callable[[], dict[str, xr.Variable]]] = {
        "exposure": lambda: {"exposure": _exposure(field, "exposure", transits)},
        "background": lambda: {"background": _background(field, transits)},
        "psf": lambda: _psf(field, transits),
        "edisp": lambda: _edisp(field, transits),
    }
    found: dict[str, xr.Variable] = {}
    for name in names:
        if has_response_maps(field.obs, (name,)):
            found |= makers[name]()
    return found


def _times(field: Field, transits: float | xr.DataArray, irf: bool = False) -> np.ndarray:
    """Return the number of transits, one for all pixels or an image."""
    if isinstance(transits, xr.DataArray):
        if not {"y", "x"} == set(transits.dims):
            raise AxisError(
                f"transits= has the dimensions {transits.dims}, but is a map of y and x, or a number."
            )
        return _on_sky(transits.to_dataset(name="transits"), "transits", field.ds, irf)
    number = positive(transits, "transits")
    return np.asarray(number)


def _on_sky(source: xr.Dataset, name: str, ds: xr.Dataset, irf: bool) -> np.ndarray:
    """Return a map on the pixels of another, bilinear between pixel centres, zero beyond its edges."""
    vectors = sky.pixel_vectors(ds, irf).reshape(3, -1)
    turn = sky.rotation_from_icrs(frame_of(source)) @ sky.rotation_from_icrs(frame_of(ds)).T
    x, y = sky.lonlat_to_pix(source, *sphere.vector_to_lonlat(turn @ vectors))
    weights = []
    for dim, at in (("y", y), ("x", x)):
        labels = np.asarray(source.coords[dim].values, dtype=float)
        half = sky.label_step(source, dim) / 2
        axis = Axis(labels, labels[0] - half, labels[-1] + half)
        weights.append(axis.weights(at.ravel(), constant_edges=True))
    variable = source[name].variable
    rest = [d for d in variable.dims if d not in ("y", "x")]
    values = np.asarray(variable.transpose(*rest, "y", "x").values, dtype=float)
    flat = sparse_weights(*weights) @ values.reshape(-1, values.shape[-2] * values.shape[-1]).T
    shape = tuple(ds.sizes[d] for d in (("y_irf", "x_irf") if irf else ("y", "x")))
    return np.asarray(flat.T).reshape(*values.shape[:-2], *shape)


def _interpolated(
    field: Field, group: str, dims: tuple[str, ...], irf: bool
) -> tuple[np.ndarray, dict[str, object]]:
    """Return a response on the axes and pixels of the template, and its attributes."""
    ds = response(field.obs, group, maps=True)
    variable = ds[group].variable.transpose(*dims, "y", "x")
    thin = xr.Dataset({group: variable}, {n: ds.coords[n] for n in ("y", "x", "wcs")})
    values = variable.values
    for i, dim in enumerate(dims):
        unit = units_of(field.ds, dim)
        own, wanted = centers_in(ds, dim, unit), centers_in(field.ds, dim, unit)
        if own.shape == wanted.shape and np.allclose(own, wanted, rtol=1e-6):
            continue
        bounds = edges(ds, dim) * conversion(units_of(ds, dim), unit)
        weights = Axis(own, bounds[0], bounds[-1], dim in LOG).weights(wanted)
        if not weights.valid.all():
            raise AxisError(
                f"Run {observation.obs_id(field.obs)}: the map of its response {group!r} ends at {bounds[0]:.4g} and {bounds[-1]:.4g} {unit} along {dim!r}, and the template goes beyond: choose its axis within."
            )
        values = apply_weights(values, weights, i)
    thin[group] = ((*dims, "y", "x"), values)
    return _on_sky(thin, group, field.ds, irf), dict(ds[group].attrs)


def _exposure(field: Field, name: str, transits: float | xr.DataArray) -> xr.Variable:
    irf = name != "exposure"
    values, attrs = _interpolated(field, "aeff", ("energy_true",), irf)
    unit = parse_unit(str(attrs.get("units", "")))
    if unit.is_equivalent("m2 s"):
        factor = float(unit.to("m2 s"))
    elif unit.is_equivalent("m2"):
        factor = float(unit.to("m2")) * field.livetime
    else:
        raise UnitError(
            f"Run {observation.obs_id(field.obs)}: its effective area is a map in {str(unit)!r}: correct BUNIT, an exposure is in 'm2 s', an area in 'm2'."
        )
    values = values * factor * _times(field, transits, irf)
    dims = ("energy_true", "y_irf", "x_irf") if irf else ("energy_true", "y", "x")
    kept = variable_attrs(name, pointlike=0)
    if not irf:
        kept["livetime"] = field.livetime
    return xr.Variable(dims, values.astype(np.float32), kept)


def _background(field: Field, transits: float | xr.DataArray) -> xr.Variable:
    ds = response(field.obs, "bkg", maps=True)
    run = observation.obs_id(field.obs)
    own = edges(ds, "energy") * conversion(units_of(ds, "energy"), "TeV")
    wanted = field.energy_edges
    if own.shape != wanted.shape or not np.allclose(own, wanted, rtol=1e-6):
        raise AxisError(
            f"Run {run}: its background is a map of counts in {own.size - 1} bins from {own[0]:.4g} to {own[-1]:.4g} TeV, which cannot be split: give the template these energies, xg.energy_axis_from_edges(...)."
        )
    if str(ds["bkg"].attrs.get("units", "")).strip():
        raise UnitError(
            f"Run {run}: its background is a map in {ds['bkg'].attrs['units']!r}, where counts are expected: correct BUNIT."
        )
    solid = sky.pixel_solid_angle(ds)
    density = ds.assign(bkg=ds["bkg"] / xr.Variable(("y", "x"), solid))
    values = _on_sky(density, "bkg", field.ds, irf=False)
    area = np.nan_to_num(field.solid_angle).reshape(field.shape)
    values = values * area * _times(field, transits)
    return xr.Variable(
        ("energy", "y", "x"), values.astype(np.float32), variable_attrs("background")
    )


def _psf(field: Field, transits: float | xr.DataArray) -> dict[str, xr.Variable]:
    ds = response(field.obs, "psf", maps=True)
    energy = "energy_true" if "energy_true" in ds.dims else "energy"
    values, _ = _interpolated(field, "psf", (energy, "rad"), irf=True)
    edges_rad = edges(field.ds, "rad") * conversion(units_of(field.ds, "rad"), "deg")
    # Densities per pixel of the coarse grid, of unit integral over the axis.
    moved = np.moveaxis(values, 1, -1)
    scaled, integral = normalize_rad(np.ascontiguousarray(moved), edges_rad)
    attrs = variable_attrs("psf")
    if (integral > 0).any():
        attrs["smallest_integral"] = float(integral[integral > 0].min())
    dims = (energy, "rad", "y_irf", "x_irf")
    psf = xr.Variable(dims, np.moveaxis(scaled, -1, 1).astype(np.float32), attrs)
    if energy == "energy":
        # Its weight in a stack would be in true energy: such datasets are not stacked.
        return {"psf": psf}
    return {"psf": psf, "psf_exposure": _exposure(field, "psf_exposure", transits)}


def _edisp(field: Field, transits: float | xr.DataArray) -> dict[str, xr.Variable]:
    second = "migra" if "migra" in field.ds.dims else "energy"
    ds = response(field.obs, "edisp", maps=True)
    if second not in ds.dims:
        raise AxisError(
            f"Run {observation.obs_id(field.obs)}: its energy dispersion is a map over {', '.join(map(str, ds['edisp'].dims))}, and the template asks for {second!r}: make it {'without' if second == 'migra' else 'with'} migra=."
        )
    values, _ = _interpolated(field, "edisp", ("energy_true", second), irf=True)
    dims = ("energy_true", second, "y_irf", "x_irf")
    edisp = xr.Variable(dims, values.astype(np.float32), variable_attrs("edisp"))
    return {"edisp": edisp, "edisp_exposure": _exposure(field, "edisp_exposure", transits)}
