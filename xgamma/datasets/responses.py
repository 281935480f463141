"""Responses given as maps and tables, put on a dataset: exposure, PSF and dispersion of any grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.units import conversion
from xgamma.datasets.interp import interp_to
from xgamma.errors import AxisError, FrameError, MissingDataError, OutsideError, XGammaError, warn
from xgamma.io.fits_axes import axis_of
from xgamma.io.fits_responses import own_grid, radii_attrs
from xgamma.model.axes import axis_coords, centers_in, edges_in, require_same_axis
from xgamma.model.create import label_variables
from xgamma.model.operation import operation
from xgamma.model.schema import VARIABLES, variable_attrs
from xgamma.model.sky import label_step
from xgamma.numerics.interpolation import Axis, apply_weights
from xgamma.typing import LabelledLike

__all__ = ["with_responses"]

TRUE = "energy_true"
COARSE = ("y_irf", "x_irf")
# Energies beyond the nodes by less than this part of a bin are covered.
SLACK = 1e-3


@operation
def with_responses(
    ds: xr.Dataset,
    exposure: LabelledLike | None = None,
    psf: LabelledLike | None = None,
    edisp: LabelledLike | None = None,
) -> xr.Dataset:
    """Put an exposure, a PSF and an energy dispersion on a map, interpolated to its pixels and energies.

    For responses that come as files of their own, such as those of the Fermi science tools: what
    `xgamma.open` or `xgamma.read_map` returns for them.

    Parameters
    ----------
    ds : Dataset
        Map, filled or not. If it has no true energies, it takes those of `edisp`, else of
        `exposure`.
    exposure : Dataset or DataArray, optional
        Exposure over ``energy_true`` and the pixels of any map, a WCS or HEALPix, in m2 s or a
        unit of that kind. Interpolated bilinearly on the sky and linearly in the logarithm of
        energy; zero beyond its energies (outer half bins included) and pixels.
    psf : Dataset or DataArray, optional
        PSF over ``(energy_true, rad)``, per sr. Interpolated linearly in the logarithm of energy;
        beyond its energies the outermost counts. The map takes its axis ``rad``.
    edisp : Dataset or DataArray, optional
        Dispersion over ``(energy_true, energy)``, on the axes of the map. Without any, energies
        are predicted as if they were measured exactly.

    Returns
    -------
    ds : Dataset
        With ``exposure``, ``psf``, ``psf_exposure`` and ``edisp`` as far as they are given. `ds` is
        not modified.

    Raises
    ------
    MissingDataError
        If a part does not have the variable, or there are no true energies.
    AxisError
        If the dispersion has other energies than the map.
    OutsideError
        If the exposure covers no pixel of the map, or none of its energies.

    Warns
    -----
    XGammaWarning
        If exposure or PSF do not cover all true energies, or the exposure not all pixels.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import xgamma as xg
    >>> energy = xg.energy_axis("10 GeV", "1 TeV", 4)
    >>> ds = xg.create_map((0, 0), "2 deg", "0.1 deg", energy, energy_true="reco")
    >>> flat = xr.full_like(ds.energy_true, 3e11).assign_attrs(units="cm2 s")
    >>> ds = with_responses(ds, exposure=flat)
    >>> ds.exposure.dims, float(ds.exposure.max()), ds.exposure.attrs["units"]
    (('energy_true', 'y', 'x'), 30000000.0, 'm2 s')
    """
    if not {"y", "x"} <= set(ds.dims):
        raise FrameError("The dataset has no pixels: make a map with xg.create_map.")
    given = {"exposure": exposure, "psf": psf, "edisp": edisp}
    parts = {name: _variable(part, name) for name, part in given.items() if part is not None}
    ds = _with_true_energies(ds, parts)
    if exposure is not None:
        ds = ds.assign(exposure=_exposure(ds, parts["exposure"]))
    if psf is not None:
        weight = psf.get("psf_exposure") if isinstance(psf, xr.Dataset) else None
        ds = _with_psf(ds, parts["psf"], weight)
    if edisp is not None:
        ds = _with_edisp(ds, parts["edisp"])
    return ds


def _variable(part: LabelledLike, name: str) -> xr.DataArray:
    """Return one response as an array in the unit of the data model."""
    if isinstance(part, xr.Dataset):
        if name not in part:
            raise MissingDataError(
                f"{name}= is a dataset without {name!r}: it has {', '.join(map(str, part.data_vars)) or 'nothing'}."
            )
        part = part[name]
    wanted, units = VARIABLES[name].units or "", str(part.attrs.get("units", ""))
    try:
        factor = conversion(units, wanted)
    except XGammaError as error:
        raise type(error)(f"{name}=: {error}") from None
    if TRUE not in part.dims:
        raise AxisError(f"{name}= has no dimension {TRUE!r}: its dimensions are {part.dims}.")
    scaled = part if factor == 1 else part * factor
    return scaled.assign_attrs({**part.attrs, **variable_attrs(name)})


def _with_true_energies(ds: xr.Dataset, parts: dict[str, xr.DataArray]) -> xr.Dataset:
    if TRUE in ds.dims:
        return ds
    source = parts.get("edisp", parts.get("exposure"))
    if source is None:
        raise MissingDataError(
            "The map has no true energies, and neither exposure= nor edisp= is given to take them from."
        )
    return ds.assign_coords(axis_coords(source, TRUE))


def _at_energies(array: xr.DataArray, ds: xr.Dataset, hold: bool) -> tuple[xr.DataArray, int]:
    """Interpolate along true energy; return also how many energies lie beyond the nodes.

    With `hold` the outermost nodes count beyond them, else zero beyond the outer half bins.
    """
    nodes, at = centers_in(array, TRUE, "TeV"), centers_in(ds, TRUE, "TeV")
    edges = edges_in(array, TRUE, "TeV")
    step = np.log(nodes[-1] / nodes[0]) / max(nodes.size - 1, 1)
    reach = np.exp(SLACK * step) if hold else 1 + 1e-9
    low, high = (nodes[0], nodes[-1]) if hold else (edges[0], edges[-1])
    beyond = int(np.count_nonzero((at < low / reach) | (at > high * reach)))
    held = (
        np.clip(at, low, high)
        if hold
        else np.where(
            np.abs(np.log(at / np.clip(at, low, high))) < 1e-9, np.clip(at, low, high), at
        )
    )
    weights = Axis(nodes, low, high, log=True).weights(held)
    values = apply_weights(array.values, weights, array.get_axis_num(TRUE))
    if not hold:
        values = np.maximum(values, 0.0)
    same = [TRUE, f"{TRUE}_lo", f"{TRUE}_hi"]
    coords = {k: v for k, v in array.coords.items() if k not in same}
    moved = xr.DataArray(values, dims=array.dims, coords=coords, attrs=array.attrs, name=array.name)
    return moved.assign_coords(axis_coords(ds, TRUE)), beyond


def _exposure(ds: xr.Dataset, array: xr.DataArray) -> xr.Variable:
    moved, beyond = _at_energies(array, ds, hold=False)
    n = ds.sizes[TRUE]
    if beyond == n:
        raise OutsideError(
            "The exposure covers none of the true energies of the map: choose energy_true= within its energies."
        )
    if beyond:
        warn(
            f"The exposure does not cover {beyond} of {n} true energies of the map, where it is zero: choose "
            "energy_true= within its energies."
        )
    if not {"y", "x", "cell"} & set(moved.dims):
        sizes = {TRUE: n, "y": ds.sizes["y"], "x": ds.sizes["x"]}
        found: xr.Variable = moved.variable.set_dims(sizes).copy(deep=True)
        return found
    one = moved.isel({TRUE: 0}, drop=True)
    covered = interp_to(xr.ones_like(one), ds) > 0.5
    if not bool(covered.any()):
        raise OutsideError("The exposure covers no pixel of the map: it is of another place.")
    if not bool(covered.all()):
        lost = int(covered.size - covered.sum())
        warn(
            f"The exposure does not cover {lost} of {covered.size} pixels of the map, where it is zero: "
            "hide them with mask_safe, or make the map smaller."
        )
    out = interp_to(moved, ds).transpose(TRUE, "y", "x")
    return xr.Variable(out.dims, out.data, moved.attrs)


def _coarse(ds: xr.Dataset) -> xr.Dataset:
    """Return a map with a coarse grid: its own, else the smallest."""
    if set(COARSE) <= set(ds.dims):
        return ds
    x, y, step = own_grid(ds.sizes["x"], ds.sizes["y"])
    placed, steps = [], []
    for dim, labels, one in (("x", x, step[0]), ("y", y, step[1])):
        scale = label_step(ds, dim)
        placed.append(float(ds[dim].values[0]) + scale * labels)
        steps.append(one * scale)
    found = label_variables(placed[0], placed[1], "_irf", steps[0])
    found["y_irf"].attrs["step"] = steps[1]
    return ds.assign_coords(found)


def _spread(ds: xr.Dataset, array: xr.DataArray, name: str, dims: tuple[str, ...]) -> xr.Variable:
    """Return a response that is the same everywhere, on the coarse grid of a map."""
    if set(array.dims) != set(dims):
        raise AxisError(
            f"{name}= has the dimensions {array.dims}, but must be the same everywhere: {dims}."
        )
    variable = array.variable.transpose(*dims)
    sizes: dict[Any, int] = dict(variable.sizes)
    sizes |= {dim: ds.sizes[dim] for dim in COARSE}
    spread: xr.Variable = variable.set_dims(sizes).transpose(*dims, *COARSE).copy(deep=True)
    spread.attrs = {**array.attrs, "same_everywhere": 1}
    return spread


def _with_psf(ds: xr.Dataset, array: xr.DataArray, weight: xr.DataArray | None) -> xr.Dataset:
    rad = axis_of(array, "rad")
    moved, beyond = _at_energies(array, ds, hold=True)
    n = ds.sizes[TRUE]
    if beyond:
        warn(
            f"The PSF ends within the true energies of the map: in {beyond} of {n} bins that of its nearest "
            "energy is taken."
        )
    energies = axis_of(array, TRUE)
    extra: dict[str, Any] = {}
    if not energies.same(axis_of(ds, TRUE)):
        span = f"{energies.center[0]:g} to {energies.center[-1]:g} {energies.units}"
        extra["interpolated"] = f"from {energies.size} true energies, {span}"
        profile = np.asarray(array.transpose(TRUE, "rad", ...).values, dtype=float)
        extra |= radii_attrs(profile.reshape(*profile.shape[:2], -1)[..., 0], rad, n)
    stale = ("psf", "psf_exposure", "rad", "rad_lo", "rad_hi")
    ds = _coarse(ds.drop_vars([name for name in stale if name in ds.variables]))
    new = {"psf": _spread(ds, moved.assign_attrs({**moved.attrs, **extra}), "psf", (TRUE, "rad"))}
    if weight is not None:
        held = _at_energies(_variable(weight, "psf_exposure"), ds, hold=True)[0]
        new["psf_exposure"] = _spread(ds, held, "psf_exposure", (TRUE,))
    return ds.assign_coords(axis_coords(array, "rad")).assign(new)


def _with_edisp(ds: xr.Dataset, array: xr.DataArray) -> xr.Dataset:
    for dim, cure in (
        ("energy", "bring the counts to the energies of the dispersion"),
        (TRUE, "make the map with energy_true= of the dispersion"),
    ):
        if dim not in array.dims:
            raise AxisError(f"edisp= has no dimension {dim!r}: its dimensions are {array.dims}.")
        try:
            require_same_axis(ds, array, dim)
        except AxisError as error:
            said = str(error).partition(": make both")[0]
            raise AxisError(f"edisp= does not fit the map: {said}; {cure}.") from None
    ds = _coarse(ds.drop_vars([n for n in ("edisp", "edisp_exposure") if n in ds]))
    return ds.assign(edisp=_spread(ds, array, "edisp", (TRUE, "energy")))
