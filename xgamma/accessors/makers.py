"""``ds.gamma``: fill a dataset from a run, and estimate its background."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.accessors.shared import Shared

__all__ = ["MakerMethods"]


class MakerMethods(Shared):
    """Makers of counts, responses, masks and background."""

    # --- makers -------------------------------------------------------------------------
    def fill(self, obs: xr.DataTree, *args: Any, **kwargs: Any) -> xr.Dataset:
        """Fill with one run. See `xgamma.makers.fill.fill`."""
        from xgamma.makers.fill import fill

        return fill(self._obj, obs, *args, **kwargs)

    def fill_counts(self, obs: xr.DataTree, **kwargs: Any) -> xr.Dataset:
        """Fill counts only. See `xgamma.makers.fill.fill`."""
        return self.fill(obs, select="counts", **kwargs)

    def fill_exposure(self, obs: xr.DataTree, **kwargs: Any) -> xr.Dataset:
        """Fill exposure only. See `xgamma.makers.fill.fill`."""
        return self.fill(obs, select="exposure", **kwargs)

    def fill_background(self, obs: xr.DataTree, **kwargs: Any) -> xr.Dataset:
        """Fill background only. See `xgamma.makers.fill.fill`."""
        return self.fill(obs, select="background", **kwargs)

    def fill_psf(self, obs: xr.DataTree, **kwargs: Any) -> xr.Dataset:
        """Fill the point spread function only. See `xgamma.makers.fill.fill`."""
        return self.fill(obs, select="psf", **kwargs)

    def fill_edisp(self, obs: xr.DataTree, **kwargs: Any) -> xr.Dataset:
        """Fill the energy dispersion only. See `xgamma.makers.fill.fill`."""
        return self.fill(obs, select="edisp", **kwargs)

    def safe_mask(
        self,
        obs: xr.DataTree | None = None,
        methods: Any = ("aeff-default",),
        aeff_percent: float = 10.0,
        bias_percent: float = 10.0,
        position: Any = None,
        fixed_offset: Any = None,
        offset_max: Any = "3 deg",
        irfs: str = "DL4",
        fold: bool = False,
    ) -> xr.Dataset:
        """Find the safe data range. See `xgamma.makers.safe_mask.safe_mask`."""
        from xgamma.makers.safe_mask import safe_mask

        return safe_mask(
            self._obj,
            obs,
            methods=methods,
            aeff_percent=aeff_percent,
            bias_percent=bias_percent,
            position=position,
            fixed_offset=fixed_offset,
            offset_max=offset_max,
            irfs=irfs,
            fold=fold,
        )

    def exposure_image(self, index: float = 2.0) -> xr.DataArray:
        """Exposure in reconstructed energy. See `xgamma.makers.exposure.exposure_image`."""
        from xgamma.makers.exposure import exposure_image

        return exposure_image(self._obj, index=index)

    def stack(self, *others: xr.Dataset, name: str | None = None) -> xr.Dataset:
        """Stack others onto this grid. See `xgamma.datasets.stack.stack`."""
        from xgamma.datasets.stack import stack

        return stack(self._obj, *others, name=name)

    # --- background ---------------------------------------------------------------------
    def fov_background(
        self,
        exclusion: Any = None,
        *,
        method: str = "scale",
        spectral_model: str = "norm",
        min_counts: float = 0,
        min_npred_background: float = 0,
        energy_groups: Any = None,
    ) -> xr.Dataset:
        """Scale or fit the background. See `xgamma.background.fov.fov_background`."""
        from xgamma.background.fov import fov_background

        return fov_background(
            self._obj,
            exclusion=exclusion,
            method=method,
            spectral_model=spectral_model,
            min_counts=min_counts,
            min_npred_background=min_npred_background,
            energy_groups=energy_groups,
        )

    def ring_background(self, r_in: Any, width: Any, *, exclusion: Any = None) -> xr.Dataset:
        """Off counts from a ring. See `xgamma.background.ring.ring_background`."""
        from xgamma.background.ring import ring_background

        return ring_background(self._obj, r_in=r_in, width=width, exclusion=exclusion)

    def adaptive_ring_background(
        self,
        r_in: Any,
        width: Any,
        r_out_max: Any,
        *,
        stepsize: Any = "0.02 deg",
        threshold_alpha: float = 0.1,
        theta: Any = "0.22 deg",
        method: str = "fixed_width",
        exclusion: Any = None,
    ) -> xr.Dataset:
        """Off counts from a growing ring. See `xgamma.background.ring.adaptive_ring_background`."""
        from xgamma.background.ring import adaptive_ring_background

        return adaptive_ring_background(
            self._obj,
            r_in=r_in,
            width=width,
            r_out_max=r_out_max,
            stepsize=stepsize,
            threshold_alpha=threshold_alpha,
            theta=theta,
            method=method,
            exclusion=exclusion,
        )

    def reflected_background(
        self,
        obs: xr.DataTree,
        *,
        exclusion: Any = None,
        angle_increment: Any = "0.1 rad",
        min_distance: Any = "0 rad",
        min_distance_input: Any = "0.1 rad",
        max_region_number: int = 10000,
        n_off_regions: int | None = None,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Off counts from turned regions. See `xgamma.background.reflected.reflected_background`."""
        from xgamma.background.reflected import reflected_background

        return reflected_background(
            self._obj,
            obs,
            exclusion=exclusion,
            angle_increment=angle_increment,
            min_distance=min_distance,
            min_distance_input=min_distance_input,
            max_region_number=max_region_number,
            n_off_regions=n_off_regions,
            scheme=scheme,
        )

    def phase_background(
        self, obs: xr.DataTree, on_phase: Any, off_phase: Any, *, column: str = "phase"
    ) -> xr.Dataset:
        """Off counts from the off phase. See `xgamma.background.phase.phase_background`."""
        from xgamma.background.phase import phase_background

        return phase_background(
            self._obj, obs, on_phase=on_phase, off_phase=off_phase, column=column
        )

    def significance(
        self,
        correlation_radius: Any = None,
        mask: xr.DataArray | None = None,
        sum_over_energy: bool = False,
    ) -> xr.Dataset:
        """Significance of the excess. See `xgamma.estimators.significance.significance`."""
        from xgamma.estimators.significance import significance

        return significance(
            self._obj, correlation_radius, mask=mask, sum_over_energy=sum_over_energy
        )

    def significance_profile(
        self, center: Any, radii: Any, sum_over_energy: bool = True
    ) -> xr.Dataset:
        """Excess in rings. See `xgamma.estimators.significance.significance_profile`."""
        from xgamma.estimators.significance import significance_profile

        return significance_profile(self._obj, center, radii, sum_over_energy=sum_over_energy)

    def cumulative(self) -> xr.Dataset:
        """Per-run table with running sums. See `xgamma.datasets.cumulative.cumulative`."""
        from xgamma.datasets.cumulative import cumulative

        return cumulative(self._obj)

    @property
    def off_regions(self) -> dict[Any, list[Any]]:
        """Off regions of each run. See `xgamma.plot.regions.off_regions`."""
        from xgamma.plot.regions import off_regions

        return off_regions(self._obj)

    def plot_regions(self, ax: Any = None) -> Any:
        """Draw on and off regions. See `xgamma.plot.regions.plot_regions`."""
        from xgamma.plot.regions import plot_regions

        return plot_regions(self._obj, ax)

    @property
    def alpha(self) -> xr.DataArray:
        """Ratio of the acceptances. See `xgamma.datasets.onoff.alpha`."""
        from xgamma.datasets.onoff import alpha

        return alpha(self._obj)

    @property
    def background(self) -> xr.DataArray:
        """Background counts of either kind. See `xgamma.datasets.onoff.background`."""
        from xgamma.datasets.onoff import background

        return background(self._obj)

    @property
    def excess(self) -> xr.DataArray:
        """Counts minus background. See `xgamma.datasets.onoff.excess`."""
        from xgamma.datasets.onoff import excess

        return excess(self._obj)

    def to_onoff(self, counts_off: Any, acceptance: Any, acceptance_off: Any) -> xr.Dataset:
        """Turn into an on-off dataset. See `xgamma.datasets.onoff.to_onoff`."""
        from xgamma.datasets.onoff import to_onoff

        return to_onoff(self._obj, counts_off, acceptance, acceptance_off)

    def from_onoff(self) -> xr.Dataset:
        """Turn into a dataset with a background. See `xgamma.datasets.onoff.from_onoff`."""
        from xgamma.datasets.onoff import from_onoff

        return from_onoff(self._obj)
