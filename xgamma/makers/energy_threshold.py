"""Energy thresholds of a run: from where on its responses can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from astropy import units as u

from xgamma.dl3 import observation
from xgamma.errors import XGammaError, warn
from xgamma.irf.kind import BackgroundKind
from xgamma.irf.kinds.edisp_2d import kernel
from xgamma.irf.registry import kind_of
from xgamma.irf.response import evaluate, grid_axis
from xgamma.model import sky
from xgamma.model.axes import centers_in, edges_in
from xgamma.model.regions import region_center
from xgamma.model.responses import grid_edges, response
from xgamma.model.sanity import issue_of_keyword
from xgamma.model.schema import require
from xgamma.typing import EnergyLike

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = ["aeff_default", "aeff_max", "bkg_peak", "edisp_bias"]

# From a threshold in true energy to one in reconstructed energy, both in TeV.
Fold = Callable[[float], float]
# A row of a dispersion matrix is whole if this part of it lies on the axis.
WHOLE_ROW = 0.99
TINY = float(np.finfo(np.float32).tiny)


def energy_range(ds: xr.Dataset, low: float | None, high: float | None = None) -> xr.Variable:
    """Return which reconstructed-energy bins lie wholly between two energies in TeV."""
    edges = edges_in(ds, "energy", "TeV")
    keep = np.ones(edges.size - 1, dtype=bool)
    # The tolerance keeps a bin whose edge is the threshold itself.
    if low is not None and np.isfinite(low):
        keep &= edges[:-1] >= low * (1.0 - 1e-9)
    if high is not None and np.isfinite(high):
        keep &= edges[1:] <= high * (1.0 + 1e-9)
    return xr.Variable("energy", keep)


def folded_energy(obs: xr.DataTree, energy_true: float, offset: float) -> float:
    """Return the mean reconstructed energy of a true energy, through the run's dispersion.

    Parameters
    ----------
    obs : DataTree
        Run.
    energy_true, offset : float
        TeV, degrees.

    Returns
    -------
    energy : float
        TeV; the true energy where the response is empty.
    """
    edisp = response(obs, "edisp")
    density = evaluate(edisp, "edisp", energy_true=energy_true, offset=offset)
    weight = density.values * np.diff(grid_edges(edisp, "migra"))
    if not weight.sum() > 0:
        return energy_true
    return energy_true * float((weight * grid_axis(edisp, "migra").nodes).sum() / weight.sum())


def aeff_default(ds: xr.Dataset, obs: xr.DataTree, fold: Fold) -> xr.Variable:
    """Return the energy bins in the range that the effective area names (LO_THRES, HI_THRES)."""
    attrs = response(obs, "aeff").attrs
    limits: list[float | None] = []
    for key, word in (("LO_THRES", "lower"), ("HI_THRES", "upper")):
        value = attrs.get(key)
        if not value:
            warn(
                f"Run {observation.obs_id(obs)} has no {key}, so no {word} energy threshold is applied."
            )
            value = None
        limits.append(None if value is None else _threshold(obs, key, value))
    low, high = limits
    if low is not None and high is not None and not low < high:
        raise XGammaError(
            f"Run {observation.obs_id(obs)}: LO_THRES={low:g} is not below HI_THRES={high:g}: correct the header of AEFF."
        )
    kept = energy_range(ds, *(None if value is None else fold(value) for value in limits))
    if not kept.values.any():
        warn(
            f"Run {observation.obs_id(obs)}: no energy bin lies between LO_THRES and HI_THRES ({low} to {high} TeV), so no bin is safe."
        )
    return kept


def _threshold(obs: xr.DataTree, key: str, value: EnergyLike) -> float:
    """Return a threshold from a header in TeV."""
    issue = issue_of_keyword(key, value)
    if isinstance(value, str):
        issue = f"{key}={value!r} is not a number"
    if issue is not None:
        raise XGammaError(
            f"Run {observation.obs_id(obs)}: {issue} (TeV): correct the header of AEFF, or use other safe-mask methods."
        )
    return float(value)


def offset_of(obs: xr.DataTree, position: SkyCoord | None, fixed_offset: float | None) -> float:
    """Return how far from the pointing the responses are looked at, in degrees."""
    if fixed_offset is not None:
        return fixed_offset
    if position is not None:
        return float(observation.pointing(obs).separation(position).deg)
    return 0.0


def _position_of(
    ds: xr.Dataset,
    obs: xr.DataTree | None,
    position: SkyCoord | None,
    fixed_offset: float | None,
) -> Any:
    if fixed_offset is not None:
        assert obs is not None
        pointing = observation.pointing(obs)
        if "x" not in ds.dims:
            return pointing.directional_offset_by(0 * u.deg, fixed_offset * u.deg)
        # Responses hardly depend on the direction: any pixel at this offset will do.
        away = np.abs(sky.separation(ds, pointing).transpose("y", "x").values - fixed_offset)
        y, x = np.unravel_index(np.nanargmin(away), away.shape)
        if away[y, x] > max(sky.pixel_scale(ds)):
            return pointing.directional_offset_by(0 * u.deg, fixed_offset * u.deg)
        return sky.pix_to_world(ds, float(ds["x"].values[x]), float(ds["y"].values[y]))
    if position is not None:
        return position
    if "x" in ds.dims:
        return sky.center(ds)
    return region_center(str(ds.coords["region"].values))


def at_position(ds: xr.Dataset, name: str, position: SkyCoord) -> np.ndarray:
    """Return a variable at one position of the sky (nearest pixel), zero outside the map."""
    require(ds, name)
    array = ds[name].transpose("energy_true", ...)
    if not {"x", "x_irf"} & set(array.dims):
        return np.asarray(array.values, dtype=float)
    suffix = "_irf" if "x_irf" in array.dims else ""
    where: dict[str, float] = {}
    inside = True
    for dim, at in zip(("x", "y"), sky.world_to_pix(ds, position), strict=True):
        half = sky.label_step(ds, dim) / 2.0
        labels = ds.coords[dim].values
        inside &= bool(labels[0] - half <= at <= labels[-1] + half)
        where[f"{dim}{suffix}"] = float(at)
    if not inside:
        return np.zeros([ds.sizes[d] for d in array.dims if d not in where])
    return np.asarray(array.sel(where, method="nearest").values, dtype=float)


def _nothing_safe(ds: xr.Dataset, what: str) -> xr.Variable:
    """Warn that a response is zero where it was looked at, and return an empty mask."""
    warn(
        f"The {what} of {ds.attrs.get('name', 'the dataset')!r} is zero at the given position, so no bin is safe."
    )
    return xr.Variable("energy", np.zeros(ds.sizes["energy"], dtype=bool))


def first_crossing(x: np.ndarray, y: np.ndarray, level: float, rising: bool) -> float:
    """Return where a curve, a power law between its nodes, first crosses a level; NaN if never.

    Parameters
    ----------
    x, y : ndarray
        Nodes; values of zero or less are taken as the smallest float32.
    level : float
        Positive level.
    rising : bool
        Whether to look for an upward crossing.

    Returns
    -------
    x : float
        Position.
    """
    logs, want = np.log(np.maximum(y, TINY)), np.log(level)
    below = logs < want
    change = below[:-1] & ~below[1:] if rising else ~below[:-1] & below[1:]
    if not change.any():
        return float("nan")
    i = int(np.argmax(change))
    part = (want - logs[i]) / (logs[i + 1] - logs[i])
    return float(np.exp(np.log(x[i]) + part * np.log(x[i + 1] / x[i])))


def aeff_max(
    ds: xr.Dataset,
    obs: xr.DataTree | None,
    percent: float,
    where: dict[str, Any],
    irfs: str,
    fold: Fold,
) -> xr.Variable:
    """Return the energy bins from where the effective area exceeds a part of its largest value on."""
    if irfs == "DL3":
        assert obs is not None
        aeff = response(obs, "aeff")
        energies = grid_edges(aeff, "energy_true")
        area = evaluate(aeff, "aeff", energy_true=energies, offset=offset_of(obs, **where)).values
        good = energies[area > percent / 100.0 * area.max()]
        if not good.size:
            return _nothing_safe(ds, "effective area")
        return energy_range(ds, fold(float(good.min())))
    area = at_position(ds, "exposure", _position_of(ds, obs, **where))
    if not (area > 0).any():
        return _nothing_safe(ds, "exposure")
    energies = centers_in(ds, "energy_true", "TeV")
    first = int(np.argmax(area > 0))
    threshold = np.nan
    if percent > 0:
        threshold = first_crossing(energies[first:], area[first:], percent / 100 * area.max(), True)
    return energy_range(ds, fold(float(energies[first]) if np.isnan(threshold) else threshold))


def bias_energy(
    energy_true: np.ndarray, energy: np.ndarray, matrix: np.ndarray, bias: float
) -> float:
    """Return the reconstructed energy above which the energy bias stays below a level.

    Parameters
    ----------
    energy_true, energy : ndarray
        Bin centres in TeV.
    matrix : ndarray
        Dispersion kernel, shape (n_true, n).
    bias : float
        Level, as a fraction.

    Returns
    -------
    energy : float
        TeV: from the energy of the largest bias on, the first where it has sunk to the level
        (or that energy itself, if it never does); zero if the bias is below the level
        everywhere; NaN if no row is whole.

    Notes
    -----
    Rows that are empty, or of which more than a hundredth is reconstructed outside the axis,
    have no mean that could be compared, and are left out.
    """
    norm = matrix.sum(axis=1)
    whole = norm > WHOLE_ROW
    if not whole.any():
        return float("nan")
    energy_true, mean = energy_true[whole], (matrix[whole] @ energy) / norm[whole]
    values = (mean - energy_true) / energy_true
    start = int(np.argmax(values))
    if values[start] <= bias:
        return 0.0
    found = first_crossing(energy_true[start:], values[start:], bias, rising=False)
    return float(energy_true[start] if np.isnan(found) else found) * (1.0 + bias)


def edisp_bias(
    ds: xr.Dataset, obs: xr.DataTree | None, percent: float, where: dict[str, Any], irfs: str
) -> xr.Variable:
    """Return the energy bins from where the energy bias has sunk to a level on."""
    if irfs == "DL3":
        assert obs is not None
        edisp = response(obs, "edisp")
        nodes, edges = grid_axis(edisp, "energy_true").nodes, grid_edges(edisp, "energy_true")
        offset = np.array([offset_of(obs, **where)])
        wide = _widened(edges)
        matrix = kernel(edisp, nodes, wide, offset)[0]
        energy = bias_energy(nodes, np.sqrt(wide[1:] * wide[:-1]), matrix, percent / 100.0)
        if np.isnan(energy):
            return _nothing_safe(ds, "energy dispersion of the run")
        return energy_range(ds, energy)
    require(ds, "edisp")
    if "migra" in ds["edisp"].dims:
        raise XGammaError(
            "edisp-bias with irfs='DL4' requires a dispersion kernel: create the template without migra=, or use irfs='DL3'."
        )
    matrix = at_position(ds, "edisp", _position_of(ds, obs, **where))
    if not matrix.any():
        return _nothing_safe(ds, "energy dispersion")
    true, reco = (centers_in(ds, dim, "TeV") for dim in ("energy_true", "energy"))
    energy = bias_energy(true, reco, matrix, percent / 100.0)
    if np.isnan(energy):
        raise XGammaError(
            f"The energy bias of {ds.attrs.get('name', 'the dataset')!r} cannot be determined: at every true energy, some events are reconstructed outside its energy axis; use irfs='DL3', or a wider axis."
        )
    return energy_range(ds, energy)


def _widened(edges: np.ndarray) -> np.ndarray:
    """Return edges continued by a decade on both sides, so that no migration leaves them."""
    low, high = edges[edges > 0][:2], edges[-2:]
    below, above = (max(int(np.ceil(np.log(10) / np.log(b / a))), 1) for a, b in (low, high))
    down = low[0] * (low[1] / low[0]) ** np.arange(-below, 0.0)
    up = high[1] * (high[1] / high[0]) ** np.arange(1.0, above + 1)
    return np.concatenate([down, edges[edges > 0], up])


def bkg_peak(ds: xr.Dataset, obs: xr.DataTree | None, irfs: str) -> xr.Variable:
    """Return the energy bins from that with the largest background rate on."""
    if irfs == "DL3":
        assert obs is not None
        bkg = response(obs, "bkg")
        spectrum, edges = kind_of(bkg, BackgroundKind).spectrum(bkg), grid_edges(bkg, "energy")
    else:
        require(ds, "background")
        array = ds["background"]
        spectrum = array.sum([d for d in array.dims if d != "energy"], dtype=float).values
        edges = edges_in(ds, "energy", "TeV")
    return energy_range(ds, float(edges[int(np.argmax(spectrum))]))
