"""Flux points as data: their statistic with a model.

A flux-points dataset has the dim ``energy`` (the reference energies) and the variables
``dnde`` and ``dnde_err`` (or ``dnde_errn`` and ``dnde_errp``), ``dnde_ul``, ``is_ul`` and
``mask_safe`` where known. Points that are only upper limits, or hold no value, are not
safe: they take no part in the chi2. The attribute ``stat_type`` asks for another statistic:
see `xgamma.fitting.point_statistics`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.core.units import conversion, parse_unit
from xgamma.errors import AxisError, MissingDataError, XGammaError
from xgamma.fitting import point_statistics
from xgamma.fitting.attached import chosen_models, models_of
from xgamma.modeling.count_models import FoVBackground, TemplateNPred
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spectrum_base import FLUX
from xgamma.numerics import statistics as stats

if TYPE_CHECKING:
    from xgamma.modeling.model_base import ModelsLike

__all__ = ["FluxPointsLikelihood", "flux_pred", "safe_points"]


def flux_values(ds: xr.Dataset, name: str) -> np.ndarray:
    """Return a differential flux in cm-2 s-1 TeV-1 without units, NaN where masked."""
    if name in ds:
        array = ds[name]
        # Photons are counted, not measured: ph in a unit is one.
        unit = str(array.attrs.get("units", FLUX)).replace("photon", "").replace("ph", "")
        factor = conversion(clean_unit(unit), FLUX)
        return np.asarray(array.values, dtype=float) * factor
    key = name.replace("dnde", "norm")
    if "ref_dnde" in ds and key in ds:
        values: np.ndarray = ds[key].values * flux_values(ds, "ref_dnde")
        return values
    raise MissingDataError(
        f"The flux points {ds.attrs.get('name')!r} have no {name!r}: is it another SED type?"
    )


def clean_unit(text: str) -> str:
    """Return a unit's text after its photons were struck out."""
    stripped = text.strip()
    return f"1 {stripped}" if stripped.startswith("/") else parse_unit(stripped).to_string()


def has_values(ds: xr.Dataset, name: str) -> bool:
    """Return whether a differential flux is given, as such or as a norm."""
    return name in ds or (name.replace("dnde", "norm") in ds and "ref_dnde" in ds)


def reference_energies(ds: xr.Dataset) -> np.ndarray:
    """Return the reference energies in TeV; raise if there is more than one spectrum."""
    name = "dnde" if "dnde" in ds else "ref_dnde"
    further = [str(d) for d in ds[name].dims if d != "energy"] if name in ds else []
    if further:
        raise AxisError(
            f"The flux points {ds.attrs.get('name')!r} contain several spectra, along "
            f"{further[0]!r}: select one with isel({further[0]}=0)."
        )
    units = str(ds.energy.attrs.get("units", "TeV"))
    return np.asarray(ds.energy.values, dtype=float) * conversion(units, "TeV")


def symmetric_error(ds: xr.Dataset) -> np.ndarray:
    """Return ``dnde_err``, or the mean of its lower and upper part."""
    if has_values(ds, "dnde_err"):
        return flux_values(ds, "dnde_err")
    values: np.ndarray = 0.5 * (flux_values(ds, "dnde_errn") + flux_values(ds, "dnde_errp"))
    return values


def one_sided_errors(ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper errors, the symmetric one where they are not known."""
    both = symmetric_error(ds)
    if not (has_values(ds, "dnde_errn") and has_values(ds, "dnde_errp")):
        return both, both
    parts = (flux_values(ds, name) for name in ("dnde_errn", "dnde_errp"))
    low, high = (np.where(np.isfinite(p) & (p > 0), p, both) for p in parts)
    return low, high


def upper_limits(ds: xr.Dataset) -> np.ndarray:
    """Return which points are upper limits only."""
    if "is_ul" in ds:
        return ds["is_ul"].values.astype(bool)
    known = np.isfinite(flux_values(ds, "dnde"))
    if not has_values(ds, "dnde_ul"):
        values: np.ndarray = ~known
        return values
    values = ~known & np.isfinite(flux_values(ds, "dnde_ul"))
    return values


def safe_points(ds: xr.Dataset) -> xr.DataArray:
    """Return which points enter the statistic.

    Parameters
    ----------
    ds : Dataset
        Flux points.

    Returns
    -------
    mask : DataArray
        Dim ``energy``, inside ``mask_safe`` and ``mask_fit``: a value and an error that are
        finite, not an upper limit; with the attribute ``stat_type="distrib"`` limits too, with
        ``"profile"`` all that have a profile.
    """
    kind = point_statistics.statistic_of(ds)
    if kind == "profile":
        mask = np.array([p is not None for p in point_statistics.profiles(ds)])
    else:
        error, limits = symmetric_error(ds), upper_limits(ds)
        mask = np.isfinite(flux_values(ds, "dnde")) & np.isfinite(error) & (error > 0) & ~limits
        if kind == "distrib" and has_values(ds, "dnde_ul"):
            mask |= limits & (flux_values(ds, "dnde_ul") > 0)
    for name in ("mask_safe", "mask_fit"):
        if name in ds:
            mask &= ds[name].values.astype(bool)
    return xr.DataArray(mask, {"energy": ds.energy}, "energy", name="mask")


def flux_pred(ds: xr.Dataset, models: ModelsLike | None = None) -> xr.DataArray:
    """Predict the differential flux at the reference energies.

    Parameters
    ----------
    ds : Dataset
        Flux points.
    models : Model or iterable of Model, optional
        By default, those on the dataset; their spectra add up.

    Returns
    -------
    flux : DataArray
        Dim ``energy``, cm-2 s-1 TeV-1.
    """
    likelihood = FluxPointsLikelihood(ds, chosen_models(ds, models))
    attrs = {"units": FLUX, "long_name": "predicted flux"}
    return xr.DataArray(likelihood.npred(), {"energy": ds.energy}, "energy", "flux_pred", attrs)


def point_info(ds: xr.Dataset) -> dict[str, Any]:
    """Summarise flux points as a dictionary.

    Parameters
    ----------
    ds : Dataset
        Flux points, with models or not.

    Returns
    -------
    info : dict
        Name, kind, range of energies (TeV), numbers of points, of values, of upper limits and
        of points that are fitted, the statistic and, with models, its sum.
    """
    low, high = point_edges(ds)
    out: dict[str, Any] = {
        "name": ds.attrs.get("name", ""),
        "kind": "flux_points",
        "energy_min": float(low.min()),
        "energy_max": float(high.max()),
        "n_bins": ds.sizes["energy"],
        "n_values": int(np.isfinite(flux_values(ds, "dnde")).sum()),
        "n_ul": int(upper_limits(ds).sum()),
        "n_fit_bins": int(safe_points(ds).sum()),
        "stat_type": point_statistics.statistic_of(ds),
        "stat_sum": np.nan,
    }
    if ds.attrs.get("models"):
        out["stat_sum"] = FluxPointsLikelihood(ds, models_of(ds)).stat_sum()
    return out


def point_residuals(
    ds: xr.Dataset, models: ModelsLike | None = None, method: str = "diff"
) -> xr.DataArray:
    """Return fluxes minus prediction.

    Parameters
    ----------
    ds : Dataset
        Flux points.
    models : Model or iterable of Model, optional
        By default, the models attached to the dataset.
    method : {"diff", "diff/model", "diff/sqrt(model)", "significance"}
        "diff" is in cm-2 s-1 TeV-1, "diff/model" relative to the prediction, the others relative to the
        error of each point.

    Returns
    -------
    residuals : DataArray
        Dim ``energy``; NaN for points that are not fitted, as upper limits.
    """
    likelihood = FluxPointsLikelihood(ds, chosen_models(ds, models))
    predicted = likelihood.npred()
    values = np.where(likelihood.mask, likelihood.dnde - predicted, np.nan)
    unit = FLUX if method == "diff" else ""
    if method == "diff/model":
        values = values / np.where(predicted > 0, predicted, np.nan)
    elif method != "diff":
        values = values / np.where(likelihood.mask, likelihood.error, np.nan)
    attrs = {"units": unit, "long_name": f"residuals, {method}"}
    return xr.DataArray(values, {"energy": ds.energy}, "energy", "residuals", attrs)


class PointsData:
    """What a fit asks of the data of a likelihood, for flux points."""

    is_map = False
    dims = ("energy",)
    kind = "flux_points"

    def __init__(self, ds: xr.Dataset) -> None:
        self.ds, self.name = ds, ds.attrs.get("name")


class FluxPointsLikelihood:
    """The chi2 of flux points and the summed spectra of sources."""

    background = None

    def check_counts(self) -> None:
        """Nothing to check: there are no counts, and points without a value are left out."""

    def __init__(self, ds: xr.Dataset, models: Models) -> None:
        if "energy" not in ds.dims:
            raise AxisError("Flux points must have the dimension 'energy'.")
        self.data = PointsData(ds)
        self.models = models.select(self.data.name)
        self.terms: list[Any] = []
        self.sources = [m for m in self.models if isinstance(m, SkyModel)]
        wrong = [m for m in self.models if isinstance(m, (FoVBackground, TemplateNPred))]
        if wrong:
            raise MissingDataError(
                f"The model {wrong[0].name!r} predicts counts, but {self.data.name!r} contains "
                "flux points: restrict the model to other datasets with datasets=."
            )
        self.energy = reference_energies(ds)
        self.mask = safe_points(ds).values
        self.dnde, self.error = flux_values(ds, "dnde"), symmetric_error(ds)
        self.kind = point_statistics.statistic_of(ds)
        if self.kind == "profile":
            self.profiles = point_statistics.profiles(ds)
            self.reference = flux_values(ds, "ref_dnde")

    def npred(self) -> np.ndarray:
        """Summed flux at the reference energies, cm-2 s-1 TeV-1."""
        total = np.zeros_like(self.energy)
        for model in self.sources:
            total += model.spectral.kernel(self.energy)
        return total

    def stat_array(self) -> np.ndarray:
        """The statistic of each point, times its weight; NaN where there is no value."""
        stat = self._stat_array()
        held = self.data.ds.get("mask_fit")
        return stat if held is None or held.dtype.kind != "f" else stat * held.values

    def _stat_array(self) -> np.ndarray:
        flux = self.npred()
        if self.kind == "chi2":
            return stats.chi2(self.dnde, flux, self.error)
        if self.kind == "profile":
            norm = flux / self.reference
            rows = zip(self.profiles, norm, strict=True)
            return np.array([np.nan if p is None else float(p(v)) for p, v in rows])
        ds = self.data.ds
        limit = flux_values(ds, "dnde_ul") if has_values(ds, "dnde_ul") else self.dnde
        return point_statistics.distrib(
            flux, self.dnde, *one_sided_errors(ds), limit, upper_limits(ds)
        )

    def stat_sum(self) -> float:
        """The statistic of the safe points."""
        return float(self.stat_array()[self.mask].sum())

    def check(self) -> None:
        """Raise if a spectrum is not finite."""
        if not np.all(np.isfinite(self.npred())):
            raise XGammaError(
                f"The predicted flux of {[m.name for m in self.sources]} is NaN or infinite at "
                f"some energies of {self.data.name!r}: check the parameters."
            )


def point_edges(ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper energies of the points in TeV; halfway between them if not known."""
    energy = reference_energies(ds)
    if "energy_lo" in ds.coords:
        factor = conversion(str(ds.energy.attrs.get("units", "TeV")), "TeV")
        return ds.energy_lo.values * factor, ds.energy_hi.values * factor
    if energy.size == 1:
        return energy, energy
    middle = np.sqrt(energy[1:] * energy[:-1])
    low = np.append(energy[0] ** 2 / middle[0], middle)
    return low, np.append(middle, energy[-1] ** 2 / middle[-1])
