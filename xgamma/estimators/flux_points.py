"""Flux points: the norm of a source in bands of energy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from tqdm.auto import tqdm

from xgamma.core.arguments import positive
from xgamma.core.defaults import N_SIGMA_UL, SCHEME
from xgamma.core.units import to_value
from xgamma.errors import FrameError, XGammaError
from xgamma.estimators.bands import band_of, energy_bands
from xgamma.estimators.norm_scan import NormScan
from xgamma.fitting.attached import chosen_models, datasets_of
from xgamma.fitting.reach import warn_of_short_axes
from xgamma.model.operation import DatasetsLike, operation
from xgamma.modeling.model_base import ModelsLike
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spectral_norms import PowerLawNorm
from xgamma.modeling.spectrum_base import Spectrum
from xgamma.typing import ArrayLike, EnergiesLike

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


@operation
def flux_points(
    data: DatasetsLike,
    source: str,
    energy_edges: EnergiesLike | None = None,
    models: ModelsLike | None = None,
    n_sigma: float = 1.0,
    n_sigma_ul: float = N_SIGMA_UL,
    norm_values: ArrayLike | None = None,
    refit: bool = False,
    scheme: str = SCHEME,
    progress: bool = False,
) -> xr.Dataset:
    """Fit the norm of a source in bands of reconstructed energy.

    The spectral shape of the source is held fixed: in each band a factor on it is fitted, and
    converted to fluxes with the flux of that spectrum in the band.

    Parameters
    ----------
    data : Dataset, DataTree, or iterable or mapping of Dataset
        Map or spectrum datasets, on-off or not; several are fitted jointly.
    source : str
        Name of the model.
    energy_edges : Quantity, list of str or array_like, optional
        Edges of the bands, as Quantity or number in TeV. A bin belongs to the band that contains its
        centre. The edges of a band are moved to bin edges common to all datasets, with a warning if
        they change. By default, each bin is a band.
    models : Model or iterable of Model, optional
        By default, the models attached to the datasets.
    n_sigma, n_sigma_ul : float
        Confidence levels of the asymmetric errors and upper limits, in standard deviations.
    norm_values : array_like, optional
        Norms (dimensionless) at which the likelihood profile is evaluated; by default, 0.2 to 5.
    refit : bool
        Whether free norms of other models (backgrounds, other sources) are refitted in each band.
    scheme : {"exact", "gammapy"}
        See `xgamma.fitting.predict.npred_signal`.
    progress : bool
        Whether to show a bar over the bands.

    Returns
    -------
    points : Dataset
        Dim ``energy`` (reference energies, with ``energy_lo`` and ``energy_hi``): ``norm``,
        ``norm_err``, ``norm_errn``, ``norm_errp``, ``norm_ul``; the same of ``dnde``, ``e2dnde``,
        ``flux`` and ``eflux``; ``ref_...`` of each; ``ts``, ``sqrt_ts``, ``stat``, ``stat_null``,
        ``is_ul``, ``success``; ``stat_scan`` (energy, norm_scan); ``counts``, ``npred`` and
        ``npred_excess`` (energy, dataset). A flux-points dataset, which `xgamma.fit` accepts.

    Raises
    ------
    MissingDataError
        If there is no such model, or no bin in any band.
    AxisError
        If the datasets have different bins, and some straddle the bands.
    FrameError
        If the source lies outside all datasets.

    Warns
    -----
    XGammaWarning
        If a band contains no bin and is left out. If an edge of a band is moved to a bin edge by
        more than a hundredth of a bin; the warning names the band used, whose edges are also
        ``energy_lo`` and ``energy_hi``. If the true energies do not extend beyond the reconstructed
        ones.

    Notes
    -----
    All values are NaN in a band without bins to fit, or without any expected signal. ``norm_err``
    is NaN where the statistic has no second derivative at its minimum, for example without counts.
    ``norm_errn`` extends at most to the norm at which the prediction in a bin becomes negative;
    below that norm ``stat_scan`` is NaN.

    Examples
    --------
    >>> import numpy as np, xgamma as xg
    >>> ds = xg.create_spectrum(
    ...     "icrs;circle(83.6, 22, 0.1)", xg.energy_axis(1, 10, 4), "reco", name="d"
    ... )
    >>> ds["exposure"] = ("energy_true", np.full(4, 1e10), {"units": "m2 s"})
    >>> ds["background"] = ("energy", np.full(4, 10.0), {"units": ""})
    >>> model = xg.SkyModel(xg.PowerLaw(index=2.5), name="s")
    >>> points = flux_points(
    ...     ds.gamma.asimov(model), "s", ds.gamma.edges("energy")[::2], models=model
    ... )
    >>> bool((abs(points.norm - 1) < 1e-2).all())
    True
    """
    datasets = datasets_of(data)
    bands = energy_bands(datasets, energy_edges)
    chosen = chosen_models(data, models)
    warn_of_short_axes(datasets.values(), chosen)
    setup = PointSetup(chosen, source, n_sigma, n_sigma_ul, norm_values, refit, scheme)
    shown: Iterable[np.ndarray] = bands
    if progress:
        shown = tqdm(bands, desc="bands")
    rows = [setup.point(datasets, low, high) for low, high in shown]
    setup.check(rows)
    return setup.assemble(rows, bands)


class PointSetup:
    """What all points of a source have in common: its form, and how norms are looked at.

    Parameters
    ----------
    models : Models
        All models.
    source : str
        Name of one.
    n_sigma, n_sigma_ul, norm_values, refit, scheme
        See `flux_points`.
    """

    def __init__(
        self,
        models: Models,
        source: str,
        n_sigma: float = 1.0,
        n_sigma_ul: float = N_SIGMA_UL,
        norm_values: ArrayLike | None = None,
        refit: bool = False,
        scheme: str = SCHEME,
    ) -> None:
        self.n_sigma, self.n_sigma_ul = (
            positive(n_sigma, "n_sigma"),
            positive(n_sigma_ul, "n_sigma_ul"),
        )
        self.source, self.scheme = source, scheme
        self.form, self.models, self.factor = scaled_source(models, source, refit)
        self.grid = (
            SCAN if norm_values is None else np.atleast_1d(to_value(norm_values, "", "norm_values"))
        )
        self.outside: FrameError | None = None

    def point(self, datasets: dict[str, xr.Dataset], low: float, high: float) -> dict[str, Any]:
        """Fit the norm in one band (TeV); NaN where nothing of the source can be seen."""
        parts = {n: band_of(ds, low, high) for n, ds in datasets.items()}
        used = {n: ds for n, ds in parts.items() if ds is not None}
        row = empty_row(self.grid.size, len(datasets))
        if not used:
            return row
        try:
            scan = NormScan(used, self.models, self.factor, self.scheme)
        except FrameError as error:
            self.outside = error
            return row
        if np.isfinite(scan.width):
            row |= norm_row(scan, self.grid, self.n_sigma, self.n_sigma_ul)
            row |= counts_row(scan, list(datasets), self.source)
        return row

    def check(self, rows: Iterable[dict[str, Any]]) -> None:
        """Raise if the source lies outside all that was looked at."""
        if self.outside is not None and not any(np.isfinite(r["norm"]) for r in rows):
            raise self.outside

    def assemble(self, rows: list[dict[str, Any]], bands: np.ndarray) -> xr.Dataset:
        """Turn fitted norms into fluxes, with labels."""
        points = assemble_points(rows, bands, self.form, self.grid)
        points.attrs = {
            "name": f"{self.source}-points",
            "source": self.source,
            "n_sigma": self.n_sigma,
            "n_sigma_ul": self.n_sigma_ul,
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


def empty_row(n_grid: int, n_datasets: int) -> dict[str, Any]:
    """Return a point of which nothing is known."""
    keys = ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul", "ts", "stat", "stat_null")
    row: dict[str, Any] = dict.fromkeys(keys, np.nan)
    row |= {"success": False, "stat_scan": np.full(n_grid, np.nan)}
    return row | {k: np.full(n_datasets, np.nan) for k in ("counts", "npred", "npred_excess")}


def norm_row(scan: NormScan, grid: np.ndarray, n_sigma: float, n_sigma_ul: float) -> dict[str, Any]:
    """Return the best norm, its errors and limit, and the profile; the best norm stays set."""
    norm, stat = scan.minimum()
    null = scan(0.0)
    errp = scan.crossing(norm, stat + n_sigma**2, scan.width) - norm
    errn = norm - scan.crossing(norm, stat + n_sigma**2, -scan.width)
    # A flux is not negative: the limit of a negative norm is that of none.
    physical, reference = (norm, stat) if norm > 0 else (0.0, null)
    row: dict[str, Any] = {
        "norm": norm,
        "norm_err": scan.error(norm, stat, errp / n_sigma),
        "norm_errn": errn,
        "norm_errp": errp,
        "norm_ul": scan.crossing(physical, reference + n_sigma_ul**2, scan.width),
        "stat": stat,
        "stat_null": null,
        "ts": max(null - stat, 0.0),
        "stat_scan": np.array([scan(v) if v >= scan.least else np.nan for v in grid]),
    }
    row["success"] = bool(np.isfinite([row["norm"], row["norm_errp"], row["norm_ul"]]).all())
    scan(norm)
    return row


def counts_row(scan: NormScan, names: Sequence[str], source: str) -> dict[str, Any]:
    """Return counts and prediction of each dataset at the norm that is set."""
    row = {k: np.full(len(names), np.nan) for k in ("counts", "npred", "npred_excess")}
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
