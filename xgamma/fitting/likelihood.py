"""Fit statistics of compiled datasets with their models: one number per parameter set.

The Cash statistic of a map is ``2 (sum mu - sum n ln mu)``: the first sum is linear in the
sources, and the second runs over bins with counts only. Where no source reaches, the
logarithm of the background times its factor splits into constants of the data. So only
the bins with counts inside the boxes of the sources are visited at each step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.defaults import SCHEME
from xgamma.errors import XGammaError
from xgamma.fitting.background_terms import BackgroundTerm, TemplateTerm
from xgamma.fitting.compiled import Compiled
from xgamma.fitting.evaluator import SourceTerm
from xgamma.fitting.flux_data import FluxPointsLikelihood
from xgamma.fitting.gammapy_scheme import GammapyRegionTerm, GammapyTerm
from xgamma.fitting.region_term import RegionTerm
from xgamma.model.schema import is_flux_points
from xgamma.modeling.count_models import FoVBackground, TemplateNPred
from xgamma.modeling.model_base import Model
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.numerics import statistics as stats

__all__ = ["CashLikelihood", "Likelihood", "WStatLikelihood", "likelihood_of"]


def background_model(models: Models, name: str | None) -> FoVBackground | None:
    """Return the one background model of a dataset, or None."""
    found = [m for m in models if isinstance(m, FoVBackground) and m.acts_on(name)]
    if len(found) > 1:
        raise XGammaError(
            f"The dataset {name!r} has {len(found)} background models "
            f"({', '.join(m.name for m in found)}): keep one."
        )
    return found[0] if found else None


def make_term(data: Compiled, model: Model) -> SourceTerm | TemplateTerm:
    """Return the term of a source on a dataset."""
    if isinstance(model, TemplateNPred):
        return TemplateTerm(data, model)
    assert isinstance(model, SkyModel)
    if data.scheme == "gammapy":
        return GammapyTerm(data, model) if data.is_map else GammapyRegionTerm(data, model)
    return SourceTerm(data, model) if data.is_map else RegionTerm(data, model)


class Likelihood:
    """What a dataset and its models have in common, whatever the statistic."""

    def __init__(self, data: Compiled, models: Models) -> None:
        self.data = data
        self.models = models.select(data.name)
        self.background: BackgroundTerm | None = None
        self.terms: list[SourceTerm | TemplateTerm] = [
            make_term(data, m) for m in self.models if not isinstance(m, FoVBackground)
        ]

    def update(self) -> None:
        """Bring all terms up to date with the parameters."""
        if self.background is not None:
            self.background.update()
        for term in self.terms:
            term.update()

    def npred_signal(self) -> np.ndarray:
        """Counts of all sources (energy, y, x), after `update`."""
        total = np.zeros(self.data.shape)
        for term in self.terms:
            total[:, term.box[0], term.box[1]] += term.npred
        return total

    def npred(self) -> np.ndarray:
        """Counts of sources and background (energy, y, x), after `update`."""
        total = self.npred_signal()
        return total if self.background is None else total + self.background.npred

    def stat_array(self) -> np.ndarray:
        """Statistic of every bin (energy, y, x), times its weight if it has one; masks not applied."""
        raise NotImplementedError

    def weighed(self, stat: np.ndarray) -> np.ndarray:
        """Return the statistic of every bin times its weight."""
        return stat if self.data.weights is None else stat * self.data.weights

    def stat_sum(self) -> float:
        """Statistic summed over the bins that are safe and fitted."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise if a model predicts NaN, or none of the bins is left."""
        self.update()
        for term in self.terms:
            self.data.check_finite(term.npred, f"the model {term.model.name!r}")
        if self.background is not None:
            self.data.check_finite(self.background.npred, "the background")

    def check_counts(self) -> None:
        """Raise if counts, a background or acceptances that would be fitted cannot be."""
        for name in ("counts", "counts_off", "background", "acceptance", "acceptance_off"):
            values = self.data.counts if name == "counts" else self.data.array(name)
            if values is None:
                continue
            used = values[self.data.mask]
            bad = int(np.count_nonzero(~((used >= 0) & (used < np.inf))))
            if bad:
                raise XGammaError(
                    f"The {name} of the dataset {self.data.name!r} are NaN, infinite or negative in {bad} of the bins to fit: exclude these bins in mask_safe, or correct them."
                )


class CashLikelihood(Likelihood):
    """Poisson counts over a predicted background."""

    def __init__(self, data: Compiled, models: Models) -> None:
        super().__init__(data, models)
        model = background_model(models, data.name)
        if data.background is not None or model is not None:
            self.background = BackgroundTerm(data, model)
        elif not self.terms:
            raise XGammaError(
                f"The dataset {data.name!r} has neither a background nor models: there is nothing to predict."
            )
        self._boxes: tuple[Any, ...] | None = None
        self._prepared = False

    def _prepare(self) -> None:
        """Find the bins with counts: a statistic needs them, a prediction does not."""
        data = self.data
        counts = np.where(data.mask, data.counts, 0.0)
        self._full_mask = bool(data.mask.all())
        self._counts = counts
        self._index = np.full(data.shape, -1, dtype=np.int32)
        where = np.nonzero(counts)
        # What a bin adds to the statistic is linear in its counts and predictions: both are weighed.
        weights = data.weights
        self._n = counts[where] if weights is None else (counts * weights)[where]
        self._index[where] = np.arange(self._n.size, dtype=np.int32)
        self._energy_of = where[0]
        self._prepare_background()
        self._prepared = True

    def _prepare_background(self) -> None:
        """Take out of the background what never changes: its sums and its logarithms."""
        shape = self.data.shape
        base = np.zeros(shape) if self.background is None else self.background.base
        used = np.where(self.data.mask, base, 0.0)
        weights = self.data.weights
        self._base_sum = (used if weights is None else used * weights).sum(axis=(1, 2))
        self._base_n = base[self._counts > 0]
        log_base = np.log(np.maximum(self._base_n, stats.FLOOR))
        positive = self._base_n > 0
        self._base_least = float(self._base_n[positive].min()) if positive.any() else 1.0
        per_bin = np.stack([self._n * log_base, np.where(positive, self._n, 0.0)])
        self._totals = np.array(
            [np.bincount(self._energy_of, weights=row, minlength=shape[0]) for row in per_bin]
        )
        self._per_bin = per_bin
        self._boxes = None

    def _select(self) -> None:
        """Find the bins with counts inside the boxes of the sources; sum the others up."""
        boxes = tuple(
            (t.box[0].start, t.box[0].stop, t.box[1].start, t.box[1].stop) for t in self.terms
        )
        if boxes == self._boxes:
            return
        self._boxes = boxes
        inside = np.zeros(self._n.size, dtype=bool)
        indices = []
        for term in self.terms:
            index = self._index[:, term.box[0], term.box[1]].ravel()
            with_counts = np.flatnonzero(index >= 0)
            indices.append((with_counts, index[with_counts]))
            inside[index[with_counts]] = True
        active = np.flatnonzero(inside)
        position = np.full(self._n.size, -1, dtype=np.intp)
        position[active] = np.arange(active.size)
        # Each bin belongs to one pixel, so adding at these positions never collides.
        self._gather = [(source, position[target]) for source, target in indices]
        self._active_n = self._n[active]
        self._active_base = self._base_n[active]
        self._active_energy = self._energy_of[active]
        shape = self.data.shape[0]
        self._outside = self._totals - np.array(
            [
                np.bincount(self._active_energy, weights=row[active], minlength=shape)
                for row in self._per_bin
            ]
        )

    def stat_sum(self) -> float:
        """See `Likelihood.stat_sum`."""
        self.update()
        if not self._prepared:
            self._prepare()
        if self.background is not None and self.background.reshaped:
            self._prepare_background()
            self.background.reshaped = False
        self._select()
        factor = np.ones(self.data.shape[0]) if self.background is None else self.background.factor
        if self._needs_every_bin(factor):
            return float(self.stat_array()[self.data.mask].sum())
        mu = self._active_base * factor[self._active_energy]
        total = float(self._base_sum @ factor)
        for term, (source, target) in zip(self.terms, self._gather, strict=True):
            total += self._masked_sum(term)
            mu[target] += term.npred.ravel()[source]
        log_sum = float(self._active_n @ np.log(np.maximum(mu, stats.FLOOR)))
        log_sum += float(self._outside[0].sum() + self._outside[1] @ np.log(factor))
        return 2 * (total - log_sum)

    def _masked_sum(self, term: SourceTerm | TemplateTerm) -> float:
        weights = self.data.weights
        if weights is not None:
            part = self.data.mask * weights
            return float(np.vdot(term.npred, part[:, term.box[0], term.box[1]]))
        if self._full_mask:
            return float(term.npred.sum())
        return float(np.sum(term.npred, where=self.data.mask[:, term.box[0], term.box[1]]))

    def _needs_every_bin(self, factor: np.ndarray) -> bool:
        """Return whether a bin may go below zero, where the sums above do not hold."""
        negative = any(t.npred.size and float(t.npred.min()) < 0 for t in self.terms)
        return negative or not bool(np.all(factor * self._base_least > stats.FLOOR))

    def stat_array(self) -> np.ndarray:
        """See `Likelihood.stat_array`."""
        self.update()
        return self.weighed(stats.cash(self.data.counts, self.npred()))


class WStatLikelihood(Likelihood):
    """Poisson counts in an on and an off region."""

    def __init__(self, data: Compiled, models: Models) -> None:
        super().__init__(data, models)
        model = background_model(models, data.name)
        if model is not None:
            raise XGammaError(
                f"The dataset {data.name!r} is on-off: its background comes from the off "
                f"counts, so it cannot have the model {model.name!r}."
            )
        self.n_on = data.counts
        self.alpha = alpha_of(data)
        off = data.array("counts_off")
        self.n_off = np.zeros(data.shape) if off is None else np.nan_to_num(off.astype(float))
        mask = data.mask
        self._on, self._off, self._ratio = (a[mask] for a in (self.n_on, self.n_off, self.alpha))
        self._weights = None if data.weights is None else data.weights[mask]
        self._goodness = self._sum(stats.wstat_goodness(self._on, self._off))

    def stat_sum(self) -> float:
        """See `Likelihood.stat_sum`."""
        self.update()
        signal = self.npred_signal()[self.data.mask]
        stat = stats.wstat(self._on, self._off, self._ratio, signal, goodness=False)
        return self._sum(stat) + self._goodness

    def _sum(self, stat: np.ndarray) -> float:
        """Sum over the bins inside the masks, with their weights."""
        return float(stat.sum() if self._weights is None else stat @ self._weights)

    def stat_array(self) -> np.ndarray:
        """See `Likelihood.stat_array`."""
        self.update()
        stat = stats.wstat(self.n_on, self.n_off, self.alpha, self.npred_signal())
        return self.weighed(stat)

    def npred_background(self) -> np.ndarray:
        """Most likely background in the on region (energy, y, x), after `update`."""
        usable = np.isfinite(self.alpha) & (self.alpha > 0)
        alpha = np.where(usable, self.alpha, 1.0)
        off = stats.wstat_background(self.n_on, self.n_off, alpha, self.npred_signal())
        return np.where(usable, alpha * off, 0.0)

    def npred(self) -> np.ndarray:
        """See `Likelihood.npred`."""
        values: np.ndarray = self.npred_signal() + self.npred_background()
        return values


def alpha_of(data: Compiled) -> np.ndarray:
    """Return acceptance over off acceptance (energy, y, x), zero where there is no off region."""
    acceptance = data.array("acceptance")
    on = np.ones(data.shape) if acceptance is None else np.nan_to_num(acceptance.astype(float))
    off = data.required("acceptance_off").astype(float)
    usable = np.isfinite(off) & (off > 0)
    return np.where(usable, on / np.where(usable, off, 1.0), 0.0)


def likelihood_of(ds: xr.Dataset, models: Iterable[Any], scheme: str = SCHEME) -> Likelihood:
    """Return the likelihood of a dataset with models.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum, on-off or not, or flux points.
    models : iterable of Model
        Models; those that act on other datasets are passed over.
    scheme : {"exact", "gammapy"}
        See `Compiled`.

    Returns
    -------
    likelihood : Likelihood
        Its ``stat_sum()`` reads the parameters of `models` at each call.
    """
    chosen = models if isinstance(models, Models) else Models(models)
    if is_flux_points(ds):
        return FluxPointsLikelihood(ds, chosen)  # type: ignore[return-value]
    data = Compiled(ds, scheme)
    return (
        WStatLikelihood(data, chosen)
        if data.kind.endswith("onoff")
        else CashLikelihood(data, chosen)
    )
