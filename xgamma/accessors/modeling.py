"""``ds.gamma``: predict, compare, fit and draw."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.accessors.shared import Shared

__all__ = ["ModelMethods"]


class ModelMethods(Shared):
    """Models on a dataset, estimates and pictures."""

    # --- modeling -----------------------------------------------------------------------
    @property
    def models(self) -> Any:
        """Models on the dataset. See `xgamma.fitting.attached.models_of`."""
        from xgamma.fitting.attached import models_of

        return models_of(self._obj)

    def with_models(self, models: Any) -> xr.Dataset:
        """Put models on the dataset. See `xgamma.fitting.attached.with_models`."""
        from xgamma.fitting.attached import with_models

        return with_models(self._obj, models)

    def npred(self, models: Any = None, scheme: str = "exact") -> xr.DataArray:
        """Predict counts. See `xgamma.fitting.predict.npred`."""
        from xgamma.fitting.predict import npred

        return npred(self._obj, models, scheme=scheme)

    def npred_signal(
        self, models: Any = None, model_names: Any = None, stack: bool = True, scheme: str = "exact"
    ) -> xr.DataArray:
        """Predict counts of sources. See `xgamma.fitting.predict.npred_signal`."""
        from xgamma.fitting.predict import npred_signal

        return npred_signal(self._obj, models, model_names=model_names, stack=stack, scheme=scheme)

    def npred_background(self, models: Any = None, scheme: str = "exact") -> xr.DataArray:
        """Predict background counts. See `xgamma.fitting.predict.npred_background`."""
        from xgamma.fitting.predict import npred_background

        return npred_background(self._obj, models, scheme=scheme)

    def stat_sum(self, models: Any = None, scheme: str = "exact") -> float:
        """Sum of the fit statistic. See `xgamma.fitting.compare.stat_sum`."""
        from xgamma.fitting.compare import stat_sum

        return stat_sum(self._obj, models, scheme=scheme)

    def stat_array(self, models: Any = None, scheme: str = "exact") -> xr.DataArray:
        """Fit statistic of each bin. See `xgamma.fitting.compare.stat_array`."""
        from xgamma.fitting.compare import stat_array

        return stat_array(self._obj, models, scheme=scheme)

    def fake(
        self,
        seed: Any,
        models: Any = None,
        background: xr.DataArray | None = None,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Draw counts from the prediction. See `xgamma.simulate.counts.fake`."""
        from xgamma.simulate.counts import fake

        return fake(self._obj, seed, models, background=background, scheme=scheme)

    def asimov(
        self, models: Any = None, background: xr.DataArray | None = None, scheme: str = "exact"
    ) -> xr.Dataset:
        """Counts equal to the prediction. See `xgamma.simulate.counts.asimov`."""
        from xgamma.simulate.counts import asimov

        return asimov(self._obj, models, background=background, scheme=scheme)

    def flux_points(
        self,
        source: str,
        energy_edges: Any = None,
        models: Any = None,
        n_sigma: float = 1.0,
        n_sigma_ul: float = 2.0,
        norm_values: Any = None,
        refit: bool = False,
        scheme: str = "exact",
        progress: bool = False,
    ) -> xr.Dataset:
        """Fit the norm of a source in bands of energy. See `xgamma.estimators.flux_points.flux_points`."""
        from xgamma.estimators.flux_points import flux_points

        return flux_points(
            self._obj,
            source,
            energy_edges,
            models=models,
            n_sigma=n_sigma,
            n_sigma_ul=n_sigma_ul,
            norm_values=norm_values,
            refit=refit,
            scheme=scheme,
            progress=progress,
        )

    def energy_morphology(
        self, source: str, energy_edges: Any, models: Any = None, **options: Any
    ) -> xr.Dataset:
        """Test for a shape that changes. See `xgamma.estimators.energy_morphology.energy_morphology`."""
        from xgamma.estimators.energy_morphology import energy_morphology

        return energy_morphology(self._obj, source, energy_edges, models, **options)

    def flux_profile(
        self,
        regions: Any,
        energy_edges: Any = None,
        spectrum: Any = None,
        models: Any = None,
        n_sigma: float = 1.0,
        n_sigma_ul: float = 2.0,
        norm_values: Any = None,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Flux in one region after another. See `xgamma.estimators.flux_profile.flux_profile`."""
        from xgamma.estimators.flux_profile import flux_profile

        return flux_profile(
            self._obj,
            regions,
            energy_edges,
            spectrum,
            models,
            n_sigma=n_sigma,
            n_sigma_ul=n_sigma_ul,
            norm_values=norm_values,
            scheme=scheme,
        )

    def nested_test(
        self,
        null: Any,
        models: Any = None,
        backend: str = "minuit",
        scheme: str = "exact",
        **options: Any,
    ) -> xr.Dataset:
        """Test whether data ask for a parameter. See `xgamma.estimators.nested.nested_test`."""
        from xgamma.estimators.nested import nested_test

        return nested_test(self._obj, null, models, backend, scheme, **options)

    def variability(self, quantity: str = "flux") -> xr.Dataset:
        """How much and how fast a light curve varies. See `xgamma.estimators.variability.variability`."""
        from xgamma.estimators.variability import variability

        return variability(self._obj, quantity)

    def sensitivity(
        self,
        spectrum: Any = None,
        n_sigma: float = 5.0,
        min_counts: float = 10.0,
        background_fraction: float = 0.05,
    ) -> xr.Dataset:
        """Smallest flux that would be seen. See `xgamma.estimators.sensitivity.sensitivity`."""
        from xgamma.estimators.sensitivity import sensitivity

        return sensitivity(
            self._obj,
            spectrum=spectrum,
            n_sigma=n_sigma,
            min_counts=min_counts,
            background_fraction=background_fraction,
        )

    def excess_map(
        self,
        correlation_radius: Any = "0.1 deg",
        models: Any = None,
        n_sigma: float = 1.0,
        n_sigma_ul: float = 2.0,
        errors: bool = False,
        sum_energy: bool = True,
    ) -> xr.Dataset:
        """Excess and significance in a disk around each pixel. See `xgamma.estimators.maps.excess_map`."""
        from xgamma.estimators.maps import excess_map

        return excess_map(
            self._obj,
            correlation_radius,
            models=models,
            n_sigma=n_sigma,
            n_sigma_ul=n_sigma_ul,
            errors=errors,
            sum_energy=sum_energy,
        )

    def ts_map(
        self,
        model: Any,
        models: Any = None,
        kernel_width: Any = None,
        mask: xr.DataArray | None = None,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Fit a test source at every pixel. See `xgamma.estimators.maps.ts_map`."""
        from xgamma.estimators.maps import ts_map

        return ts_map(
            self._obj, model, models=models, kernel_width=kernel_width, mask=mask, scheme=scheme
        )

    def plot_spectrum(self, models: Any = None, **kwargs: Any) -> Any:
        """Plot flux points, model and residuals. See `xgamma.plot.spectra.plot_spectrum`."""
        from xgamma.plot.spectra import plot_spectrum

        return plot_spectrum(self._obj, models, **kwargs)

    def sample_events(self, seed: Any, models: Any = None, obs_id: int = 1) -> xr.DataTree:
        """Draw events from models and background. See `xgamma.simulate.events.sample_events`."""
        from xgamma.simulate.events import sample_events

        return sample_events(self._obj, seed, models, obs_id=obs_id)

    def residuals(
        self,
        models: Any = None,
        method: str = "diff",
        scheme: str = "exact",
        correlation_radius: Any = None,
        sum_over_energy: bool = False,
    ) -> xr.DataArray:
        """Counts minus prediction. See `xgamma.fitting.compare.residuals`."""
        from xgamma.fitting.compare import residuals

        return residuals(
            self._obj,
            models,
            method,
            scheme=scheme,
            correlation_radius=correlation_radius,
            sum_over_energy=sum_over_energy,
        )

    def model_significance(
        self,
        models: Any = None,
        correlation_radius: Any = None,
        mask: xr.DataArray | None = None,
        sum_over_energy: bool = False,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Significance of data against a model. See `xgamma.fitting.compare.model_significance`."""
        from xgamma.fitting.compare import model_significance

        return model_significance(
            self._obj,
            models,
            correlation_radius=correlation_radius,
            mask=mask,
            sum_over_energy=sum_over_energy,
            scheme=scheme,
        )

    def plot_fit(self, models: Any = None, method: str = "significance", axes: Any = None) -> Any:
        """Counts, prediction and residuals. See `xgamma.plot.fit.plot_fit`."""
        from xgamma.plot.fit import plot_fit

        return plot_fit(self._obj, models, method=method, axes=axes)

    def plot_residuals(
        self,
        models: Any = None,
        method: str = "significance",
        correlation_radius: Any = "0.1 deg",
        axes: Any = None,
    ) -> Any:
        """Residuals on the sky and over energy. See `xgamma.plot.fit.plot_residuals`."""
        from xgamma.plot.fit import plot_residuals

        return plot_residuals(
            self._obj, models, method=method, correlation_radius=correlation_radius, axes=axes
        )

    # --- plot ---------------------------------------------------------------------------
    def peek(self) -> Any:
        """Draw what the dataset holds. See `xgamma.plot.datasets.peek`."""
        from xgamma.plot.datasets import peek

        return peek(self._obj)

    def plot_counts(self, ax: Any = None) -> Any:
        """Draw the counts spectrum. See `xgamma.plot.datasets.plot_counts`."""
        from xgamma.plot.datasets import plot_counts

        return plot_counts(self._obj, ax)

    def plot_edisp(self, position: Any = None, ax: Any = None) -> Any:
        """Draw the dispersion matrix. See `xgamma.plot.datasets.plot_edisp`."""
        from xgamma.plot.datasets import plot_edisp

        return plot_edisp(self._obj, position, ax)
