"""Field-of-view background: the template scaled, or fitted, to the counts outside exclusions."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.background.exclusion import keep_on
from xgamma.background.registry import BackgroundRecord
from xgamma.background.ring import run_name
from xgamma.core.arguments import choice, number
from xgamma.core.lazy import is_lazy
from xgamma.core.units import to_value
from xgamma.datasets import masks
from xgamma.datasets.onoff import is_onoff, reco_dims, safe
from xgamma.errors import XGammaError, warn
from xgamma.fitting.predict import npred_background, npred_signal
from xgamma.model.axes import centers_in, edges_in
from xgamma.model.operation import later, operation
from xgamma.model.schema import require, variable_attrs
from xgamma.numerics.background_fit import NormFit, fit_norm, fit_norm_tilt, norm_at
from xgamma.typing import ExclusionLike, GroupsLike

__all__ = ["fov_background"]

REFERENCE_TEV = 1.0
SPECTRAL_MODELS = ("norm", "norm+tilt")


def energy_group_numbers(ds: xr.Dataset, energy_groups: GroupsLike) -> np.ndarray:
    """Return the group of each energy bin, counted from 0.

    Parameters
    ----------
    ds : Dataset
        With an energy axis.
    energy_groups : None, "each", int, or list of edges
        One group; one for each bin; so many bins a group; or the edges of the groups (plain
        numbers are TeV): a bin belongs where its centre lies, -1 outside.

    Returns
    -------
    numbers : ndarray of int
        Shape (n_energy,).
    """
    n = ds.sizes["energy"]
    if energy_groups is None:
        return np.zeros(n, dtype=int)
    if isinstance(energy_groups, str) and energy_groups == "each":
        return np.arange(n)
    if isinstance(energy_groups, (int, np.integer)):
        if energy_groups < 1:
            raise XGammaError(f"energy_groups={energy_groups} must be at least one bin per group.")
        return np.arange(n) // int(energy_groups)
    edges = np.atleast_1d(to_value(energy_groups, "TeV", "energy_groups"))
    if edges.size < 2 or (np.diff(edges) <= 0).any():
        raise XGammaError(
            "energy_groups must be 'each', a number of bins, or at least two increasing edges."
        )
    numbers = np.searchsorted(edges, centers_in(ds, "energy", "TeV"), side="right") - 1
    return np.where(numbers < edges.size - 1, numbers, -1)


class _Data:
    """Counts, background and signal of fixed sky models, where they may be used."""

    def __init__(self, ds: xr.Dataset, exclusion: ExclusionLike):
        dims = reco_dims(ds)
        use = np.asarray(safe(ds).data)
        fit = masks.safe(ds, "mask_fit")
        if fit is not None:
            use = use & np.asarray(fit.data)
        keep = keep_on(ds, exclusion)
        if keep is not None:
            use = use & keep.data
        self.counts = np.asarray(ds["counts"].variable.transpose(*dims).data)
        self.background = np.asarray(ds["background"].variable.transpose(*dims).data)
        self.signal: np.ndarray | None = None
        if ds.attrs.get("models"):
            # A norm that a background model has already stays in force beside ours.
            self.background = npred_background(ds).transpose(*dims).values
            self.signal = np.nan_to_num(npred_signal(ds).transpose(*dims).values)
        self.use = use & np.isfinite(self.background)
        self.log_energy = np.log(centers_in(ds, "energy", "TeV") / REFERENCE_TEV)

    def sums(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return counts, background and signal of each energy bin."""
        sums = [
            np.zeros(self.use.shape[0])
            if values is None
            else values.sum(axis=(1, 2), dtype=float, where=self.use)
            for values in (self.counts, self.background, self.signal)
        ]
        return sums[0], sums[1], sums[2]

    def bins(self, chosen: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return counts, background, signal and ln(E / 1 TeV) of what a fit has to look at.

        Without a signal, the pattern of the background on the sky drops out of the Cash
        statistic, so that one sum for each energy is enough; otherwise each pixel counts.
        """
        if self.signal is None:
            return (*(v[chosen] for v in self.sums()), self.log_energy[chosen])
        use = self.use & chosen[:, np.newaxis, np.newaxis]
        logs = np.broadcast_to(self.log_energy[:, np.newaxis, np.newaxis], use.shape)
        arrays = (self.counts, self.background, self.signal, logs)
        return tuple(np.asarray(v[use], dtype=float) for v in arrays)


def _problem(
    counts: float, background: float, signal: float, min_counts: float, min_background: float
) -> str | None:
    """Return why a group cannot be normalised."""
    if not background > 0:
        return "there is no background to scale outside the exclusion mask"
    if background <= min_background:
        return f"only {background:.4g} background counts lie outside the exclusion mask"
    if counts <= min_counts:
        return f"only {counts:.0f} counts lie outside the exclusion mask"
    if counts - signal <= 0:
        return "the sky models predict more than the counts"
    return None


def _solve(
    method: str,
    spectral_model: str,
    counts: np.ndarray,
    background: np.ndarray,
    signal: np.ndarray,
    log_energy: np.ndarray,
) -> NormFit:
    if method == "scale":
        norm = (counts.sum() - signal.sum()) / background.sum()
        # What fluctuates is the counts, also those that a fixed signal explains.
        return NormFit(float(norm), float(np.sqrt(counts.sum()) / background.sum()))
    if spectral_model == "norm":
        return fit_norm(counts, background, signal)
    return fit_norm_tilt(counts, background, signal, log_energy)


def _check(ds: xr.Dataset, method: str, spectral_model: str) -> None:
    if "x" not in ds.dims:
        raise XGammaError("fov_background requires a map: for a spectrum use reflected_background.")
    if is_onoff(ds):
        raise XGammaError(
            "The dataset is already on-off: fov_background requires the instrumental background."
        )
    require(ds, "counts", "background")
    choice(method, "method", ("scale", "fit"))
    choice(spectral_model, "spectral_model", SPECTRAL_MODELS)
    if spectral_model == "norm+tilt" and method == "scale":
        raise XGammaError("spectral_model='norm+tilt' requires method='fit'.")


@operation
def fov_background(
    ds: xr.Dataset,
    obs: xr.DataTree | None = None,
    *,
    exclusion: ExclusionLike | None = None,
    method: str = "scale",
    spectral_model: str = "norm",
    min_counts: float = 0,
    min_npred_background: float = 0,
    energy_groups: GroupsLike = None,
) -> xr.Dataset:
    """Normalise the background of the instrument to the counts outside an exclusion mask.

    Parameters
    ----------
    ds : Dataset
        Map with counts and background. Sky models on it are held fixed and subtracted.
    obs : DataTree, optional
        Not used; all background methods have the same signature.
    exclusion : DataArray, regions, DS9 text or path of a .reg file, optional
        A mask that is False where there may be a signal (any frame, any size), or the regions
        to leave out. It does not touch ``mask_fit``.
    method : {"scale", "fit"}
        Ratio of the sums, or a fit of the Cash statistic with iminuit.
    spectral_model : {"norm", "norm+tilt"}
        What is fitted: the background is multiplied by ``norm (E / 1 TeV)^-tilt``.
    min_counts, min_npred_background : float
        The counts and the background outside the exclusion must exceed these.
    energy_groups : None, "each", int or list of edges, optional
        Normalise groups of energy bins one by one: each bin, so many bins, or between edges.

    Returns
    -------
    ds : Dataset
        With ``background`` multiplied, and what was done along ``energy`` (and ``obs``, if the
        dataset is of one run): ``background_norm``, ``background_norm_error``,
        ``background_norm_group`` (number of the group), ``background_norm_counts`` and
        ``background_norm_npred`` (sums of the group that were used); a fit adds ``background_tilt``
        and its error (zero and NaN if all background lies in one energy bin). A group that cannot
        be normalised becomes unsafe, with a warning. `ds` is not modified.

    Raises
    ------
    XGammaError
        If the dataset is not a map, or an option is not known.
    MissingDataError
        If counts or background are absent, or iminuit for a fit.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> empty = xg.create_map((0, 0), "1 deg", "0.1 deg", xg.energy_axis(1, 10, 2))
    >>> dims, flat = ("energy", "y", "x"), np.ones((2, 10, 10))
    >>> ds = empty.assign(counts=(dims, flat.astype(int)), background=(dims, 0.5 * flat))
    >>> fov_background(ds, exclusion="icrs;circle(0, 0, 0.2)").background_norm.values
    array([2., 2.])
    """
    _check(ds, method, spectral_model)
    min_counts = number(min_counts, "min_counts")
    min_npred_background = number(min_npred_background, "min_npred_background")
    groups = energy_group_numbers(ds, energy_groups)
    if is_lazy(ds, exclusion):
        return later(*_outline(ds, groups, method, spectral_model), then=_with_mask)
    data = _Data(ds, exclusion)
    counts, background, signal = data.sums()
    n = ds.sizes["energy"]
    record = {key: np.full(n, np.nan) for key in ("norm", "error", "tilt", "tilt_error")}
    used = {key: np.zeros(n) for key in ("counts", "npred")}
    bad = groups < 0
    for group in range(groups.max() + 1):
        bins = groups == group
        if not bins.any():
            continue
        sums = [float(v[bins].sum()) for v in (counts, background, signal)]
        used["counts"][bins], used["npred"][bins] = sums[0], sums[1]
        problem = _problem(sums[0], sums[1], sums[2], min_counts, min_npred_background)
        fit = None
        if problem is None:
            fit = _solve(method, spectral_model, *data.bins(bins))
            problem = None if fit.valid else "the fit did not converge"
        if problem is not None or fit is None:
            _warn(ds, bins, problem)
            bad |= bins
            continue
        record["norm"][bins], record["error"][bins] = norm_at(fit, data.log_energy[bins])
        record["tilt"][bins], record["tilt_error"][bins] = fit.tilt, fit.tilt_error
    return _apply(ds, record, used, groups, bad, method, spectral_model)


def _warn(ds: xr.Dataset, bins: np.ndarray, problem: str | None) -> None:
    edges = edges_in(ds, "energy", "TeV")
    low, high = edges[:-1][bins].min(), edges[1:][bins].max()
    warn(
        f"Run {run_name(ds)}: the background could not be normalised from {low:.3g} to {high:.3g} TeV: {problem}. These bins are masked."
    )


def _apply(
    ds: xr.Dataset,
    record: dict[str, np.ndarray],
    used: dict[str, np.ndarray],
    groups: np.ndarray,
    bad: np.ndarray,
    method: str,
    spectral_model: str,
) -> xr.Dataset:
    old = ds["background"].variable
    norm = np.where(np.isfinite(record["norm"]), record["norm"], 1.0)
    factor = xr.Variable("energy", norm.astype(old.dtype if old.dtype.kind == "f" else float))
    scaled = (old * factor).transpose(*old.dims)
    scaled.attrs = {**old.attrs, "method": f"fov-{method}"}
    variables = {"background": scaled} | _recorded(
        ds, record, used, groups, spectral_model == "norm+tilt"
    )
    if bad.any() or "mask_safe" in ds:
        mask = safe(ds) & xr.Variable("energy", ~bad)
        mask = mask.transpose(*reco_dims(ds))
        variables["mask_safe"] = xr.Variable(mask.dims, mask.data, variable_attrs("mask_safe"))
    return ds.assign(variables)


def _outline(
    ds: xr.Dataset, groups: np.ndarray, method: str, model: str
) -> tuple[xr.Dataset, list[str]]:
    """Return the form of the dataset of lazy maps; its mask is always there, as a group may fail."""
    flat = np.ones(groups.size)
    record = dict.fromkeys(("norm", "error", "tilt", "tilt_error"), flat)
    used = {"counts": flat, "npred": flat}
    like = _apply(ds, record, used, groups, flat.astype(bool), method, model)
    names = [n for n in like.data_vars if n not in ds or like[n].variable is not ds[n].variable]
    names = [n for n in names if str(n).startswith("background") or n == "mask_safe"]
    return like, [str(n) for n in names]


def _with_mask(out: xr.Dataset) -> xr.Dataset:
    return out if "mask_safe" in out else out.assign(mask_safe=safe(out))


def _recorded(
    ds: xr.Dataset,
    record: dict[str, np.ndarray],
    used: dict[str, np.ndarray],
    groups: np.ndarray,
    tilt: bool,
) -> dict[str, xr.Variable]:
    values = {
        "background_norm": record["norm"],
        "background_norm_error": record["error"],
        "background_norm_group": groups,
        "background_norm_counts": used["counts"],
        "background_norm_npred": used["npred"],
    }
    if tilt:
        values |= {
            "background_tilt": record["tilt"],
            "background_tilt_error": record["tilt_error"],
        }
    if ds.sizes.get("obs") == 1:
        return {
            k: xr.Variable(("obs", "energy"), v[np.newaxis], variable_attrs(k))
            for k, v in values.items()
        }
    return {k: xr.Variable("energy", v, variable_attrs(k)) for k, v in values.items()}


FOV = BackgroundRecord(
    "fov",
    "The instrumental background, scaled or fitted to the counts.",
    fov_background,
    kinds=("map",),
    safe_only=True,
)
