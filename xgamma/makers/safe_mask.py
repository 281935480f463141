"""Safe data range: which bins of a run can be trusted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from xgamma import sky
from xgamma.axes import centers_in, edges_in
from xgamma.deferred import hollow, is_lazy, postponed
from xgamma.dl3 import observation
from xgamma.errors import MissingDataError, XGammaError, XGammaWarning
from xgamma.irf.response import evaluate, grid_axis, grid_edges, response, values_of
from xgamma.makers.edisp import kernel
from xgamma.model import kind, require, variable_attrs
from xgamma.numerics import sphere
from xgamma.units import position as parse_position
from xgamma.units import to_value

__all__ = ["METHODS", "safe_mask"]

# From a threshold in true energy to one in reconstructed energy, both in TeV.
Fold = Callable[[float], float]
METHODS = ("aeff-default", "aeff-max", "edisp-bias", "offset-max", "bkg-peak")
TINY = float(np.finfo(np.float32).tiny)


def _energy_range(ds: xr.Dataset, low: float | None, high: float | None = None) -> xr.Variable:
    """Return which reconstructed-energy bins lie wholly between two energies in TeV."""
    edges = edges_in(ds, "energy", "TeV")
    keep = np.ones(edges.size - 1, dtype=bool)
    # The tolerance keeps a bin whose edge is the threshold itself.
    if low is not None and np.isfinite(low):
        keep &= edges[:-1] >= low * (1.0 - 1e-9)
    if high is not None and np.isfinite(high):
        keep &= edges[1:] <= high * (1.0 + 1e-9)
    return xr.Variable("energy", keep)


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
    from xgamma.regions import region_center

    center = region_center(str(ds.coords["region"].values))
    return xr.Variable((), bool(pointing.separation(center).deg < offset_max))


def _radius(offset_max: Any) -> float:
    """Return the largest offset in degrees; one that is absurd is refused."""
    radius = to_value(offset_max, "deg", "offset_max")
    if not 0 < radius <= 180:
        raise XGammaError(
            f"offset_max={offset_max!r} is not an angle between 0 and 180 degrees: give for example '2.5 deg'."
        )
    return float(radius)


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


def _aeff_default(ds: xr.Dataset, obs: xr.DataTree, fold: Fold) -> xr.Variable:
    attrs = response(obs, "aeff").attrs
    limits: list[float | None] = []
    for key, word in (("LO_THRES", "lower"), ("HI_THRES", "upper")):
        value = attrs.get(key)
        if not value:
            warnings.warn(
                f"Run {observation.obs_id(obs)} has no {key}, so no {word} energy threshold is applied.",
                XGammaWarning,
                stacklevel=4,
            )
            value = None
        limits.append(None if value is None else fold(float(value)))
    return _energy_range(ds, *limits)


def _offset_of(obs: xr.DataTree, position: Any, fixed_offset: float | None) -> float:
    if fixed_offset is not None:
        return fixed_offset
    if position is not None:
        return float(observation.pointing(obs).separation(parse_position(position)).deg)
    return 0.0


def _position_of(ds: xr.Dataset, obs: Any, position: Any, fixed_offset: float | None) -> Any:
    if fixed_offset is not None:
        from astropy import units as u

        return observation.pointing(obs).directional_offset_by(0 * u.deg, fixed_offset * u.deg)
    if position is not None:
        return parse_position(position, sky.frame_of(ds))
    if "x" in ds.dims:
        return sky.center(ds)
    from xgamma.regions import region_center

    return region_center(str(ds.coords["region"].values))


def at_position(ds: xr.Dataset, name: str, position: Any) -> np.ndarray:
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
    warnings.warn(
        f"The {what} of {ds.attrs.get('name', 'the dataset')!r} is zero at the position asked for: nothing is safe.",
        XGammaWarning,
        stacklevel=5,
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


def _aeff_max(
    ds: xr.Dataset, obs: Any, percent: float, where: dict[str, Any], irfs: str, fold: Fold
) -> xr.Variable:
    if irfs == "DL3":
        aeff = response(obs, "aeff")
        energies = grid_edges(aeff, "energy_true")
        area = evaluate(aeff, "aeff", energy_true=energies, offset=_offset_of(obs, **where)).values
        good = energies[area > percent / 100.0 * area.max()]
        return _energy_range(ds, fold(float(good.min())) if good.size else np.inf)
    area = at_position(ds, "exposure", _position_of(ds, obs, **where))
    if not (area > 0).any():
        return _nothing_safe(ds, "exposure")
    energies = centers_in(ds, "energy_true", "TeV")
    first = int(np.argmax(area > 0))
    threshold = first_crossing(energies[first:], area[first:], percent / 100 * area.max(), True)
    return _energy_range(ds, fold(float(energies[first]) if np.isnan(threshold) else threshold))


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
        (or that energy itself, if it never does).
    """
    norm = matrix.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.nan_to_num((matrix * energy).sum(axis=1) / norm)
    values = (mean - energy_true) / energy_true
    start = int(np.argmax(values))
    found = first_crossing(energy_true[start:], values[start:], bias, rising=False)
    return float(energy_true[start] if np.isnan(found) else found) * (1.0 + bias)


def _edisp_bias(
    ds: xr.Dataset, obs: Any, percent: float, where: dict[str, Any], irfs: str
) -> xr.Variable:
    if irfs == "DL3":
        edisp = response(obs, "edisp")
        nodes, edges = grid_axis(edisp, "energy_true").nodes, grid_edges(edisp, "energy_true")
        offset = np.array([_offset_of(obs, **where)])
        matrix = kernel(edisp, nodes, edges, offset)[0]
        return _energy_range(ds, bias_energy(nodes, nodes, matrix, percent / 100.0))
    require(ds, "edisp")
    if "migra" in ds["edisp"].dims:
        raise XGammaError(
            "edisp-bias with irfs='DL4' needs a dispersion kernel: make the template without migra=, or use irfs='DL3'."
        )
    matrix = at_position(ds, "edisp", _position_of(ds, obs, **where))
    if not matrix.any():
        return _nothing_safe(ds, "energy dispersion")
    true, reco = (centers_in(ds, dim, "TeV") for dim in ("energy_true", "energy"))
    return _energy_range(ds, bias_energy(true, reco, matrix, percent / 100.0))


def background_spectrum(bkg: xr.Dataset) -> np.ndarray:
    """Return the background rate per energy, integrated over offset, one value an energy bin."""
    if "offset" in bkg.dims:
        values = values_of(bkg, "bkg", ("energy", "offset"))
        edges = grid_edges(bkg, "offset")
    else:
        cube = values_of(bkg, "bkg", ("energy", "detx", "dety"))
        at = {d: grid_edges(bkg, d) for d in ("detx", "dety")}
        ix, iy = (int(np.searchsorted(at[d], 0.0, side="right")) - 1 for d in ("detx", "dety"))
        values, edges = cube[:, ix:, iy], at["detx"][ix:]
    ring = np.diff(edges) * 0.5 * (edges[1:] + edges[:-1])
    return values @ ring


def _bkg_peak(ds: xr.Dataset, obs: Any, irfs: str) -> xr.Variable:
    if irfs == "DL3":
        bkg = response(obs, "bkg")
        spectrum, edges = background_spectrum(bkg), grid_edges(bkg, "energy")
    else:
        require(ds, "background")
        array = ds["background"]
        spectrum = array.sum([d for d in array.dims if d != "energy"], dtype=float).values
        edges = edges_in(ds, "energy", "TeV")
    return _energy_range(ds, float(edges[int(np.argmax(spectrum))]))


def _check(methods: Iterable[str], obs: Any, where: dict[str, Any], irfs: str) -> tuple[str, ...]:
    names = (methods,) if isinstance(methods, str) else tuple(methods)
    unknown = [m for m in names if m not in METHODS]
    if unknown:
        raise XGammaError(
            f"The safe-mask method {unknown[0]!r} is not known: choose from {', '.join(METHODS)}."
        )
    if irfs not in {"DL3", "DL4"}:
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


def safe_mask(
    ds: xr.Dataset,
    obs: xr.DataTree | None = None,
    methods: Iterable[str] = ("aeff-default",),
    aeff_percent: float = 10.0,
    bias_percent: float = 10.0,
    position: Any = None,
    fixed_offset: Any = None,
    offset_max: Any = "3 deg",
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
        of view (``irfs="DL3"``) when absent.
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
        "position": position,
        "fixed_offset": None
        if fixed_offset is None
        else to_value(fixed_offset, "deg", "fixed_offset"),
    }
    names = _check(methods, obs, where, irfs)
    to_reco: Fold = float
    if fold:
        if obs is None:
            raise MissingDataError("fold=True needs the observation: safe_mask(obs, ...).")
        to_reco = partial(folded_energy, obs, offset=_offset_of(obs, **where))
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
            parts.append(_aeff_default(ds, obs, to_reco))
        elif name == "aeff-max":
            parts.append(_aeff_max(ds, obs, aeff_percent, where, irfs, to_reco))
        elif name == "edisp-bias":
            parts.append(_edisp_bias(ds, obs, bias_percent, where, irfs))
        else:
            parts.append(_bkg_peak(ds, obs, irfs))
    return ds.assign(mask_safe=_combine(ds, [p for p in parts if p is not None]))


def _postponed(
    ds: xr.Dataset, obs: Any, names: tuple[str, ...], offset_max: Any, options: dict[str, Any]
) -> xr.Dataset:
    """Return the dataset of lazy maps, the mask found when it is computed."""
    require(ds, *{"aeff-max": ["exposure"], "edisp-bias": ["edisp"]}.get(names[0], []))
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
