"""Responses on grids and energies of their own, brought to those of their dataset.

A dataset has one axis of true energy and one coarse grid. Files of gammapy may hold a PSF on
other energies than the exposure, or one node for the whole sky. Where prediction would interpolate
anyway, reading does it: between energies, and of what is the same everywhere. All else is refused,
or interpolated with ``resample=True``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.errors import AxisError, FrameError, warn
from xgamma.fits.files import FitsFile
from xgamma.io.fits_axes import Axis
from xgamma.io.fits_frame import labels_in
from xgamma.io.fits_maps import FitsMap, on_responses
from xgamma.io.regrid import coarse_grid, interpolated
from xgamma.model.create import label_variables
from xgamma.model.schema import IRF_MIN_PIXELS, VARIABLES
from xgamma.numerics.psf_kernels import CONTAINMENT, listed_radii

__all__ = ["RESPONSE_MAPS", "match_energies", "own_grid", "place_responses", "radii_attrs"]

RESPONSE_MAPS = frozenset(name for name, spec in VARIABLES.items() if "y_irf" in spec.dims)
# How far nodes may differ, relative to the largest, when a response is the same everywhere.
EQUAL = 1e-6
# Energies beyond the nodes by less than this part of a bin are covered.
SLACK = 1e-3


def match_energies(maps: dict[str, FitsMap], file: FitsFile, resample: bool) -> None:
    """Bring the true energies of responses to those of the exposure, in place.

    A PSF is interpolated linearly in the logarithm of energy, as gammapy does to predict; beyond
    its nodes the outermost one counts. A dispersion is interpolated with `resample` alone.

    Parameters
    ----------
    maps : dict
        Maps of a file by name.
    file : FitsFile
        The file, for messages.
    resample : bool
        Whether to interpolate a dispersion.

    Raises
    ------
    AxisError
        If a dispersion has other true energies, and `resample` is false.

    Warns
    -----
    XGammaWarning
        If the true energies reach beyond those of a PSF.
    """
    wanted = next((m.axes["energy_true"] for m in maps.values() if "energy_true" in m.axes), None)
    if "exposure" in maps:
        wanted = maps["exposure"].axes.get("energy_true", wanted)
    for name, one in maps.items():
        axis = one.axes.get("energy_true")
        if wanted is None or axis is None or name not in RESPONSE_MAPS or wanted.same(axis):
            continue
        if name.startswith("edisp") and not resample:
            raise AxisError(
                f"The axis 'energy_true' of {name.upper()} differs from that of the exposure in "
                f"{file.path}: pass resample=True to interpolate the dispersion, or read the "
                "maps individually with xg.read_map."
            )
        if name == "psf":
            _warn_beyond(axis, wanted, file)
            one.variable.attrs |= _gammapy_radii(one, wanted)
        _interpolate(one, axis, wanted)


def _log(axis: Axis, units: str) -> np.ndarray:
    """Return the logarithm of the energies of an axis in a unit."""
    return np.log(axis.center * axis.factor_to(units))


def _interpolate(one: FitsMap, axis: Axis, wanted: Axis) -> None:
    nodes, at = _log(axis, wanted.units), _log(wanted, wanted.units)
    which = one.variable.dims.index("energy_true")
    values = np.moveaxis(np.asarray(one.variable.values), which, 0)
    if nodes.size == 1:
        moved = np.repeat(values, at.size, axis=0)
    else:
        low = np.clip(np.searchsorted(nodes, at) - 1, 0, nodes.size - 2)
        part = np.clip((at - nodes[low]) / np.diff(nodes)[low], 0.0, 1.0)
        part = part.reshape(-1, *[1] * (values.ndim - 1))
        moved = (1.0 - part) * values[low] + part * values[low + 1]
    span = f"{axis.center[0]:g} to {axis.center[-1]:g} {axis.units}"
    attrs = {**one.variable.attrs, "interpolated": f"from {axis.size} true energies, {span}"}
    one.variable = xr.Variable(one.variable.dims, np.moveaxis(moved, 0, which), attrs)
    one.axes["energy_true"] = wanted


def _gammapy_radii(one: FitsMap, wanted: Axis) -> dict[str, Any]:
    """Return the attributes from which ``scheme="gammapy"`` knows where gammapy cuts its kernels."""
    rad = one.axes.get("rad")
    if rad is None or not same_everywhere(one):
        return {}
    values = np.asarray(one.variable.transpose("energy_true", "rad", ...).values, dtype=float)
    profile = values.reshape(*values.shape[:2], -1)[..., 0]
    return radii_attrs(profile, rad, wanted.size)


def radii_attrs(profile: np.ndarray, rad: Axis, size: int) -> dict[str, Any]:
    """Return where gammapy cuts the kernels of a PSF with energies of its own, as attributes.

    Parameters
    ----------
    profile : ndarray
        PSF per steradian at its own energies, shape (n, rad).
    rad : Axis
        Its radii.
    size : int
        Number of true energies to which it is interpolated.

    Returns
    -------
    attrs : dict
        What ``scheme="gammapy"`` looks at.
    """
    factor = rad.factor_to("rad")
    edges = np.append(rad.lo, rad.hi[-1]) * factor
    nodes = rad.nodes is not None
    (radii,) = listed_radii(profile, rad.center * factor, edges, nodes, (CONTAINMENT,))
    return {"interpolated_to": size, "gammapy_radii": np.degrees(radii)}


def _warn_beyond(axis: Axis, wanted: Axis, file: FitsFile) -> None:
    nodes, at = _log(axis, wanted.units), _log(wanted, wanted.units)
    slack = SLACK * (nodes[-1] - nodes[0]) / max(nodes.size - 1, 1)
    beyond = int(np.count_nonzero((at < nodes[0] - slack) | (at > nodes[-1] + slack)))
    if beyond and nodes.size > 1:
        warn(
            f"The PSF of {file.path} does not cover all true energies of its exposure: in "
            f"{beyond} of {at.size} bins, the PSF at the nearest energy is used."
        )


def place_responses(
    maps: dict[str, FitsMap], parent: dict[str, Any], file: FitsFile, resample: bool
) -> dict[str, Any]:
    """Bring responses onto one coarse grid in the frame of a map, in place.

    Parameters
    ----------
    maps : dict
        The responses of a file by name.
    parent : dict
        Frame attributes of the dataset.
    file : FitsFile
        The file, for messages.
    resample : bool
        Whether to interpolate what varies on another grid.

    Returns
    -------
    labels : dict
        Coordinates ``y_irf`` and ``x_irf``.

    Raises
    ------
    FrameError
        If responses vary on grids that differ, or are turned or projected otherwise than the
        maps, and `resample` is false.
    """
    if not maps:
        return {}
    grid, owner, problem = None, "", ""
    fits = []
    for name, one in maps.items():
        found = None
        if one.frame is not None:
            try:
                found = labels_in(parent, one.frame, one.shape)
            except FrameError as error:
                problem = problem or str(error)
        fits.append(found)
        if found is not None and grid is None and not _is_whole_sky(one):
            grid, owner = found, name
    if grid is None:
        grid = _own_grid(maps, parent, resample, problem, file)
    x, y, step = grid
    labels = label_variables(x, y, "_irf", step[0])
    labels["y_irf"].attrs["step"] = step[1]
    for (name, one), found in zip(maps.items(), fits, strict=True):
        if found is None or not _same_grid(found, grid):
            why = f"it is on another grid than {owner.upper()}" if found or not problem else problem
            _move(name, one, parent, grid, resample, why, file)
        one.variable = on_responses(one.variable)
    return labels


def _is_whole_sky(one: FitsMap) -> bool:
    """Return whether a map is one or two nodes for the whole sky, which make no grid."""
    assert one.frame is not None
    return abs(float(one.frame["CDELT1"])) * one.shape[1] >= 359.0 and max(one.shape) <= 2


def _same_grid(a: Any, b: Any) -> bool:
    return all(
        p.shape == q.shape and np.array_equal(p, q) for p, q in zip(a[:2], b[:2], strict=True)
    )


def _own_grid(
    maps: dict[str, FitsMap],
    parent: dict[str, Any],
    resample: bool,
    problem: str,
    file: FitsFile,
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Return a grid for responses that have none in the frame: that of pixels as large as theirs."""
    for name, one in maps.items():
        if one.frame is None or same_everywhere(one):
            continue
        if not resample:
            raise FrameError(_turned(name, problem, file))
        return coarse_grid(one.frame, parent)
    return own_grid(int(parent["NAXIS1"]), int(parent["NAXIS2"]))


def own_grid(nx: int, ny: int) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Return the smallest coarse grid over a map, for responses that are the same everywhere.

    Parameters
    ----------
    nx, ny : int
        Pixels of the map.

    Returns
    -------
    x, y : ndarray
        Labels in pixel numbers, counted from the first pixel.
    step : (dx, dy)
        Distance between labels.
    """
    labels, steps = [], []
    for n in (nx, ny):
        steps.append(n / IRF_MIN_PIXELS)
        labels.append((np.arange(IRF_MIN_PIXELS) + 0.5) * steps[-1] - 0.5)
    return labels[0], labels[1], (steps[0], steps[1])


def _turned(name: str, problem: str, file: FitsFile) -> str:
    return (
        f"{name.upper()} does not match the maps of {file.path}: {problem}; pass resample=True "
        "to interpolate it."
    )


def same_everywhere(one: FitsMap) -> bool:
    """Return whether a response has the same values at each node of its grid, or has no grid."""
    if one.frame is None:
        return True
    values = np.asarray(one.variable.values, dtype=float)
    first = values[..., :1, :1]
    limit = EQUAL * np.nanmax(np.abs(first), initial=0.0)
    return bool(np.allclose(values, first, rtol=EQUAL, atol=limit, equal_nan=True))


def _move(
    name: str,
    one: FitsMap,
    parent: dict[str, Any],
    grid: tuple[np.ndarray, np.ndarray, tuple[float, float]],
    resample: bool,
    why: str,
    file: FitsFile,
) -> None:
    """Bring one response onto the grid."""
    x, y, _ = grid
    if same_everywhere(one):
        values = np.asarray(one.variable.values)
        dims = one.variable.dims
        if one.frame is not None:
            values, dims = values[..., 0, 0], dims[:-2]
        spread = np.broadcast_to(values[..., None, None], (*values.shape, y.size, x.size))
        attrs = {**one.variable.attrs, "same_everywhere": 1}
        one.variable = xr.Variable((*dims, "y", "x"), spread.copy(), attrs)
        return
    if not resample:
        raise FrameError(_turned(name, why, file))
    one.variable = interpolated(one, parent, x, y)
