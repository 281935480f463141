"""``tree.gamma``: what an observation, or a collection of datasets, can do."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.core.hints import Hints
from xgamma.dl3 import observation

__all__ = ["GammaDataTree"]


@xr.register_datatree_accessor("gamma")
class GammaDataTree(Hints):
    """``tree.gamma``: what an observation, or a collection of datasets, can do."""

    _written = "tree"

    def __init__(self, obj: xr.DataTree):
        self._obj = obj

    # --- observation --------------------------------------------------------------------
    @property
    def obs_id(self) -> int | str:
        """Number of the run. See `xgamma.dl3.observation.obs_id`."""
        return observation.obs_id(self._obj)

    @property
    def pointing(self) -> Any:
        """Pointing position, ICRS. See `xgamma.dl3.observation.pointing`."""
        return observation.pointing(self._obj)

    @property
    def pointing_altaz(self) -> Any:
        """Pointing in altitude and azimuth. See `xgamma.dl3.observation.pointing_altaz`."""
        return observation.pointing_altaz(self._obj)

    @property
    def location(self) -> Any:
        """Place of the telescopes. See `xgamma.dl3.observation.location`."""
        return observation.location(self._obj)

    @property
    def tmid(self) -> Any:
        """Middle of the run. See `xgamma.dl3.observation.tmid`."""
        return observation.tmid(self._obj)

    @property
    def tstart(self) -> Any:
        """Start of the first good time interval. See `xgamma.dl3.observation.tstart`."""
        return observation.tstart(self._obj)

    @property
    def tstop(self) -> Any:
        """End of the last good time interval. See `xgamma.dl3.observation.tstop`."""
        return observation.tstop(self._obj)

    @property
    def ontime(self) -> float:
        """Sum of the good time intervals, s. See `xgamma.dl3.observation.ontime`."""
        return observation.ontime(self._obj)

    @property
    def livetime(self) -> float:
        """Ontime x DEADC x phase fraction, s. See `xgamma.dl3.observation.livetime`."""
        return observation.livetime(self._obj)

    @property
    def is_pointlike(self) -> bool:
        """Whether responses hold for a cut. See `xgamma.dl3.observation.is_pointlike`."""
        return observation.is_pointlike(self._obj)

    @property
    def events(self) -> xr.Dataset:
        """Event list. See `xgamma.dl3.observation.group`."""
        return observation.group(self._obj, "events")

    @property
    def gti(self) -> xr.Dataset:
        """Good time intervals. See `xgamma.dl3.observation.group`."""
        return observation.group(self._obj, "gti")

    def select_events(self, **conditions: Any) -> xr.DataTree:
        """Observation with some of the events. See `xgamma.dl3.selection.select_events`."""
        from xgamma.dl3.selection import select_events

        return select_events(self._obj, **conditions)

    # --- collections --------------------------------------------------------------------
    @property
    def names(self) -> list[str]:
        """Names of the datasets. See `xgamma.datasets.collection.datasets`."""
        from xgamma.datasets.collection import datasets

        return list(datasets(self._obj))

    def dataset(self, which: str | int) -> xr.Dataset:
        """Return one dataset, by name or number. See `xgamma.datasets.collection.dataset`."""
        from xgamma.datasets.collection import dataset

        return dataset(self._obj, which)

    def add(self, *parts: xr.Dataset) -> xr.DataTree:
        """Add datasets. See `xgamma.datasets.collection.add`."""
        from xgamma.datasets.collection import add

        return add(self._obj, *parts)

    def remove(self, *names: str) -> xr.DataTree:
        """Leave datasets out. See `xgamma.datasets.collection.remove`."""
        from xgamma.datasets.collection import remove

        return remove(self._obj, *names)

    def map(self, function: Any, *args: Any, **kwargs: Any) -> xr.DataTree:
        """Apply a function to each. See `xgamma.datasets.collection.map_datasets`."""
        from xgamma.datasets.collection import map_datasets

        return map_datasets(self._obj, function, *args, **kwargs)

    def slice_energy(self, min: Any = None, max: Any = None) -> xr.DataTree:
        """Cut all to the same energies. See `xgamma.datasets.collection.slice_energies`."""
        from xgamma.datasets.collection import slice_energies

        return slice_energies(self._obj, min, max)

    @property
    def energy_ranges(self) -> xr.Dataset:
        """Energies used in each. See `xgamma.datasets.collection.energy_ranges`."""
        from xgamma.datasets.collection import energy_ranges

        return energy_ranges(self._obj)

    def stack_reduce(self, name: str | None = None) -> xr.Dataset:
        """Stack all into one. See `xgamma.datasets.collection.stack_reduce`."""
        from xgamma.datasets.collection import stack_reduce

        return stack_reduce(self._obj, name)

    def info_table(self, cumulative: bool = False) -> Any:
        """Summary of all as a table. See `xgamma.estimators.info.info_table`."""
        from xgamma.estimators.info import info_table

        return info_table(self._obj, cumulative)

    def fov_background(self, exclusion: Any = None, **kwargs: Any) -> xr.DataTree:
        """Scale or fit each background. See `xgamma.background.fov.fov_background`."""
        from xgamma.background.collection import each_background

        return each_background(self._obj, "fov", exclusion=exclusion, **kwargs)

    def ring_background(self, r_in: Any, width: Any, **kwargs: Any) -> xr.DataTree:
        """Off counts from rings. See `xgamma.background.ring.ring_background`."""
        from xgamma.background.collection import each_background

        return each_background(self._obj, "ring", r_in=r_in, width=width, **kwargs)

    def adaptive_ring_background(
        self, r_in: Any, width: Any, r_out_max: Any, **kwargs: Any
    ) -> xr.DataTree:
        """Off counts from growing rings. See `xgamma.background.ring.adaptive_ring_background`."""
        from xgamma.background.collection import each_background

        options = {"r_in": r_in, "width": width, "r_out_max": r_out_max, **kwargs}
        return each_background(self._obj, "adaptive_ring", **options)

    def reflected_background(self, observations: Any, **kwargs: Any) -> xr.DataTree:
        """Off counts from turned regions. See `xgamma.background.collection.each_background`."""
        from xgamma.background.collection import each_background

        return each_background(self._obj, "reflected", observations, **kwargs)

    def phase_background(self, observations: Any, **kwargs: Any) -> xr.DataTree:
        """Off counts from the off phase. See `xgamma.background.collection.each_background`."""
        from xgamma.background.collection import each_background

        return each_background(self._obj, "phase", observations, **kwargs)

    def cumulative(self, region: Any = None) -> xr.Dataset:
        """Per-run table with running sums. See `xgamma.datasets.cumulative.cumulative`."""
        from xgamma.datasets.cumulative import cumulative

        return cumulative(self._obj, region)

    # --- io -----------------------------------------------------------------------------
    def to_netcdf(self, path: Any, **kwargs: Any) -> None:
        """Write to NetCDF with groups. See `xgamma.io.storage.tree_to_netcdf`."""
        from xgamma.io.storage import tree_to_netcdf

        tree_to_netcdf(self._obj, path, **kwargs)

    def to_zarr(self, path: Any, **kwargs: Any) -> None:
        """Write to Zarr with groups. See `xgamma.io.storage.tree_to_zarr`."""
        from xgamma.io.storage import tree_to_zarr

        tree_to_zarr(self._obj, path, **kwargs)

    # --- modeling -----------------------------------------------------------------------
    @property
    def models(self) -> Any:
        """Models on the datasets. See `xgamma.fitting.attached.models_of`."""
        from xgamma.fitting.attached import models_of

        return models_of(self._obj)

    def with_models(self, models: Any) -> xr.DataTree:
        """Put models on each dataset. See `xgamma.fitting.attached.with_models`."""
        from xgamma.fitting.attached import with_models

        return with_models(self._obj, models)

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

    def nested_test(self, null: Any, models: Any = None, **options: Any) -> xr.Dataset:
        """Test whether data ask for a parameter. See `xgamma.estimators.nested.nested_test`."""
        from xgamma.estimators.nested import nested_test

        return nested_test(self._obj, null, models, **options)

    def light_curve(self, source: str, energy_edges: Any = None, **kwargs: Any) -> xr.Dataset:
        """Fit the norm of a source in intervals of time. See `xgamma.estimators.light_curve.light_curve`."""
        from xgamma.estimators.light_curve import light_curve

        return light_curve(self._obj, source, energy_edges, **kwargs)

    def stat_sum(self, models: Any = None, scheme: str = "exact") -> float:
        """Sum of the fit statistics. See `xgamma.fitting.compare.stat_sum`."""
        from xgamma.fitting.compare import stat_sum

        return stat_sum(self._obj, models, scheme=scheme)
