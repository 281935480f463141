"""Flux points: the norm of a source in bands of energy."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xgamma.arguments import positive
from xgamma.axes import edges_in
from xgamma.errors import AxisError, MissingDataError, XGammaError
from xgamma.modeling.attach import chosen_models, datasets_of
from xgamma.modeling.fit import Objective
from xgamma.modeling.likelihood import CashLikelihood
from xgamma.modeling.result import minimise_part
from xgamma.modeling.sky_model import Model, Models, SkyModel
from xgamma.modeling.spectral import PowerLawNorm, Spectrum
from xgamma.units import to_value

__all__ = ["flux_points"]

SCAN = np.geomspace(0.2, 5, 11)
# Below this significance a point is called an upper limit.
LIMIT_SQRT_TS = 2.0
QUANTITIES = ("dnde", "e2dnde", "flux", "eflux")
UNITS = {
    "dnde": "TeV-1 s-1 cm-2",
    "e2dnde": "TeV s-1 cm-2",
    "flux": "s-1 cm-2",
    "eflux": "TeV s-1 cm-2",
}


def flux_points(
    data: Any,
    source: str,
    energy_edges: Any = None,
    models: Model | Iterable[Model] | None = None,
    n_sigma: float = 1.0,
    n_sigma_ul: float = 2.0,
    norm_values: Any = None,
    refit: bool = False,
    scheme: str = "exact",
    progress: bool = False,
) -> xr.Dataset:
    """Fit the norm of a source in bands of reconstructed energy.

    The source keeps the form of its spectrum: a factor on it is fitted in each band, and
    turned into fluxes with the form's flux there.

    Parameters
    ----------
    data : Dataset, DataTree, or iterable or mapping of Dataset
        Map or spectrum datasets, on-off or not; more than one are fitted together.
    source : str
        Name of the model.
    energy_edges : Quantity, list of str or array_like, optional
        Edges of the bands; plain numbers are TeV. A bin belongs to the band that holds its
        centre, and the band then ends where its bins do. All bins by themselves when absent.
    models : Model or iterable of Model, optional
        Those on the datasets when absent.
    n_sigma, n_sigma_ul : float
        Levels of the asymmetric errors and of the upper limits.
    norm_values : array_like, optional
        Norms (dimensionless) at which the likelihood profile is kept; 0.2 to 5 when absent.
    refit : bool
        Whether free norms of other models (backgrounds, other sources) are fitted again in
        each band.
    scheme : {"exact", "gammapy"}
        See `xgamma.modeling.predict.npred_signal`.
    progress : bool
        Whether to show a bar over the bands.

    Returns
    -------
    points : Dataset
        Dim ``energy`` (reference energies, with ``energy_lo`` and ``energy_hi``): ``norm``,
        ``norm_err``, ``norm_errn``, ``norm_errp``, ``norm_ul``; the same of ``dnde``, ``e2dnde``,
        ``flux`` and ``eflux``; ``ref_...`` of each; ``ts``, ``sqrt_ts``, ``stat``, ``stat_null``,
        ``is_ul``, ``success``; ``stat_scan`` (energy, norm_scan); ``counts``, ``npred`` and
        ``npred_excess`` (energy, dataset). A flux-points dataset: `xgamma.fit` takes it.

    Raises
    ------
    MissingDataError
        If there is no such model, or no bin in any band.

    Examples
    --------
    >>> import numpy as np, xgamma as xg
    >>> ds = xg.create_spectrum("icrs;circle(83.6, 22, 0.1)", xg.energy_axis(1, 10, 4), name="d")
    >>> ds["exposure"] = ("energy_true", np.full(4, 1e10), {"units": "m2 s"})
    >>> ds["background"] = ("energy", np.full(4, 10.0), {"units": ""})
    >>> model = xg.SkyModel(xg.PowerLaw(index=2.5), name="s")
    >>> points = flux_points(ds.gamma.asimov(model), "s", [1, 3, 10], models=model)
    >>> bool((abs(points.norm - 1) < 1e-2).all())
    True
    """
    n_sigma, n_sigma_ul = positive(n_sigma, "n_sigma"), positive(n_sigma_ul, "n_sigma_ul")
    datasets = datasets_of(data)
    chosen = chosen_models(data, models)
    form, scaled, factor = scaled_source(chosen, source, refit)
    grid = SCAN if norm_values is None else np.atleast_1d(to_value(norm_values, "", "norm_values"))
    bands: Iterable[tuple[float, float]] = energy_bands(next(iter(datasets.values())), energy_edges)
    if progress:
        from tqdm.auto import tqdm

        bands = tqdm(bands, desc="bands")
    rows = []
    for low, high in bands:
        parts = {n: band_of(ds, low, high) for n, ds in datasets.items()}
        used = {n: ds for n, ds in parts.items() if ds is not None}
        rows.append(
            one_point(
                used, list(datasets), scaled, source, factor, grid, n_sigma, n_sigma_ul, scheme
            )
        )
    points = assemble_points(rows, bands_array(datasets, energy_edges), form, grid)
    points.attrs = {
        "name": f"{source}-points",
        "source": source,
        "n_sigma": n_sigma,
        "n_sigma_ul": n_sigma_ul,
    }
    return points


def scaled_source(
    models: Models, source: str, refit: bool
) -> tuple[Spectrum, Models, PowerLawNorm]:
    """Return the source's spectrum, and copies of the models with a free factor on it."""
    scaled = models.copy()
    model = scaled[source]
    if not isinstance(model, SkyModel):
        raise XGammaError(f"{source!r} is not a source but a {type(model).__name__}.")
    keep = [
        p
        for m in scaled
        if refit and m.name != source
        for p in m.parameters
        if p.log and not p.frozen
    ]
    scaled.freeze()
    for parameter in keep:
        parameter.frozen = False
    factor = PowerLawNorm()
    form = models[source].spectral
    model.spectral = model.spectral * factor
    return form, scaled, factor


def energy_bands(ds: xr.Dataset, energy_edges: Any) -> list[tuple[float, float]]:
    """Return bands in TeV that end where bins of the dataset do."""
    edges = edges_in(ds, "energy", "TeV")
    if energy_edges is None:
        return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    wanted = np.atleast_1d(np.asarray(to_value(energy_edges, "TeV", "energy_edges")))
    if wanted.size < 2 or np.any(np.diff(wanted) <= 0):
        raise AxisError("energy_edges must be at least two energies that increase.")
    centers = np.sqrt(edges[:-1] * edges[1:])
    bands = []
    for low, high in itertools.pairwise(wanted):
        inside = np.flatnonzero((centers >= low) & (centers < high))
        if inside.size:
            bands.append((float(edges[inside[0]]), float(edges[inside[-1] + 1])))
    if not bands:
        raise MissingDataError(
            f"No energy bin of {ds.attrs.get('name')!r} lies between {wanted[0]:g} and "
            f"{wanted[-1]:g} TeV: it has {edges[0]:g} to {edges[-1]:g} TeV."
        )
    return bands


def bands_array(datasets: dict[str, xr.Dataset], energy_edges: Any) -> np.ndarray:
    """Return the bands, shape (n, 2), TeV."""
    return np.array(energy_bands(next(iter(datasets.values())), energy_edges))


def band_of(ds: xr.Dataset, low: float, high: float) -> xr.Dataset | None:
    """Return the energy bins of a dataset within a band, None if all are masked."""
    edges = edges_in(ds, "energy", "TeV")
    centers = np.sqrt(edges[:-1] * edges[1:])
    inside = np.flatnonzero((centers >= low) & (centers < high))
    if not inside.size:
        return None
    part = ds.isel(energy=slice(int(inside[0]), int(inside[-1]) + 1))
    for name in ("mask_safe", "mask_fit"):
        if name in part and not bool(part[name].any()):
            return None
    return part


class NormScan:
    """The statistic as a function of the norm, the other free parameters fitted again."""

    def __init__(
        self, datasets: dict[str, xr.Dataset], models: Models, factor: PowerLawNorm, scheme: str
    ) -> None:
        factor.norm.value, factor.norm.frozen = 1.0, False
        self.objective = Objective(datasets, models, scheme, check_effect=False)
        self.index = next(i for i, p in enumerate(self.objective.parameters) if p is factor.norm)
        self.x = self.objective.x.copy()
        self.free = [i for i in range(self.x.size) if i != self.index]

    def __call__(self, norm: float) -> float:
        """Return the statistic at a norm."""
        x = self.x.copy()
        x[self.index] = norm / self.objective.scale[self.index]
        if not self.free:
            return self.objective(x)
        return minimise_part(self.objective, x, self.free)

    def minimum(self) -> tuple[float, float, bool]:
        """Return the best norm, its statistic, and whether it was found."""
        from scipy.optimize import minimize_scalar

        here, nothing = self(1.0), self(0.0)
        top = 1.0
        while self(top) < min(here, nothing) + 4 and top < 1e6:
            top *= 2
        bottom, least = -1.0, self.least()
        while self(bottom) < min(here, nothing) + 4 and bottom > max(-top, least):
            bottom *= 2
        bottom = max(bottom, least)
        if self(bottom) <= self(bottom + 1e-6 * (top - bottom)):
            # Fewer counts than the background has where the source is: the bound is the best.
            best = self(bottom)
            if best <= min(here, nothing):
                return bottom, best, True
        found = minimize_scalar(
            self, bounds=(bottom, top), method="bounded", options={"xatol": 1e-6 * (top - bottom)}
        )
        return float(found.x), float(found.fun), bool(found.success)

    def least(self) -> float:
        """Return the norm below which a bin of known background would be predicted negative.

        Counts say nothing there: a statistic that counts a negative prediction as none is flat.
        Off counts bound the signal by themselves.
        """
        least = -np.inf
        for likelihood in self.objective.likelihoods:
            if not isinstance(likelihood, CashLikelihood):
                continue
            self(1.0)
            with_source = likelihood.npred()
            self(0.0)
            rest = likelihood.npred()
            source = np.where(likelihood.data.mask, with_source - rest, 0.0)
            # What is left of rounding, far from the source, bounds nothing.
            reached = source > 1e-6 * source.max(initial=0.0)
            if reached.any():
                least = max(least, -float((rest[reached] / source[reached]).min()))
        return least

    def crossing(self, start: float, target: float, step: float) -> float:
        """Return where the statistic reaches a target on one side of a start."""
        from scipy.optimize import brentq

        inner, outer = start, start + step
        for _ in range(60):
            if self(outer) > target:
                return float(brentq(lambda v: self(v) - target, inner, outer, rtol=1e-6))
            inner, outer = outer, outer + 2 * (outer - inner)
        return float("nan")


def one_point(
    datasets: dict[str, xr.Dataset],
    names: Sequence[str],
    models: Models,
    source: str,
    factor: PowerLawNorm,
    grid: np.ndarray,
    n_sigma: float,
    n_sigma_ul: float,
    scheme: str,
) -> dict[str, Any]:
    """Fit the norm in one band."""
    row: dict[str, Any] = dict.fromkeys(
        ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul", "ts", "stat", "stat_null"), np.nan
    )
    row |= {"success": False, "stat_scan": np.full(grid.size, np.nan)}
    row |= {k: np.full(len(names), np.nan) for k in ("counts", "npred", "npred_excess")}
    if not datasets:
        return row
    scan = NormScan(datasets, models, factor, scheme)
    norm, stat, success = scan.minimum()
    null = scan(0.0)
    step = max(abs(norm), 0.1)
    errp = scan.crossing(norm, stat + n_sigma**2, 0.3 * step) - norm
    errn = norm - scan.crossing(norm, stat + n_sigma**2, -0.3 * step)
    # A flux is not negative: the limit of a negative norm is that of none.
    physical, reference = (norm, stat) if norm > 0 else (0.0, null)
    limit = scan.crossing(physical, reference + n_sigma_ul**2, 0.6 * step)
    row |= {"norm": norm, "stat": stat, "stat_null": null, "ts": max(null - stat, 0.0)}
    row |= {"norm_errp": errp, "norm_errn": errn, "norm_ul": limit, "success": success}
    row["norm_err"] = curvature_error(scan, norm, stat, errp / n_sigma)
    row["stat_scan"] = np.array([scan(v) for v in grid])
    scan(norm)
    for likelihood in scan.objective.likelihoods:
        at = list(names).index(str(likelihood.data.name))
        mask = likelihood.data.mask
        row["counts"][at] = float(likelihood.data.counts[mask].sum())
        row["npred"][at] = float(likelihood.npred()[mask].sum())
        for term in likelihood.terms:
            if term.model.name == source:
                inside = mask[:, term.box[0], term.box[1]]
                row["npred_excess"][at] = float(np.sum(term.npred, where=inside))
    return row


def curvature_error(scan: NormScan, norm: float, stat: float, scale: float) -> float:
    """Return the error from the second derivative at the minimum."""
    step = 0.3 * scale if np.isfinite(scale) and scale > 0 else 0.1
    second = (scan(norm + step) - 2 * stat + scan(norm - step)) / step**2
    return float(np.sqrt(2 / second)) if second > 0 else float("nan")


def assemble_points(
    rows: list[dict[str, Any]], bands: np.ndarray, form: Spectrum, grid: np.ndarray
) -> xr.Dataset:
    """Turn fitted norms into fluxes, with labels."""
    low, high = bands.T
    energy = np.sqrt(low * high)
    dnde = form.kernel(energy)
    reference = {
        "dnde": dnde,
        "e2dnde": dnde * energy**2,
        "flux": form.kernel_integral(low, high, 0),
        "eflux": form.kernel_integral(low, high, 1),
    }
    attrs = {"units": "TeV", "interp": "log", "long_name": "reconstructed energy"}
    coords = {
        "energy": ("energy", energy, attrs),
        "energy_lo": ("energy", low, {"units": "TeV"}),
        "energy_hi": ("energy", high, {"units": "TeV"}),
        "norm_scan": ("norm_scan", grid),
    }
    out = xr.Dataset(coords=coords)
    norms = {k: np.array([r[k] for r in rows]) for k in rows[0]}
    ts = norms["ts"]
    for key in ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul"):
        out[key] = ("energy", norms[key], {"units": ""})
    for name in QUANTITIES:
        out[f"ref_{name}"] = ("energy", reference[name], {"units": UNITS[name]})
        for suffix in ("", "_err", "_errn", "_errp", "_ul"):
            values = norms[f"norm{suffix}"] * reference[name]
            out[f"{name}{suffix}"] = ("energy", values, {"units": UNITS[name]})
    for key in ("ts", "stat", "stat_null"):
        out[key] = ("energy", norms[key], {"units": ""})
    out["sqrt_ts"] = ("energy", np.sign(norms["norm"]) * np.sqrt(ts), {"units": ""})
    out["is_ul"] = ("energy", ~(out["sqrt_ts"].values >= LIMIT_SQRT_TS))
    out["success"] = ("energy", norms["success"])
    out["stat_scan"] = (("energy", "norm_scan"), norms["stat_scan"], {"units": ""})
    for key in ("counts", "npred", "npred_excess"):
        out[key] = (("energy", "dataset"), norms[key], {"units": ""})
    return out
