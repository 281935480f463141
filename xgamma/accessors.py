"""The accessors ``ds.gamma``, ``da.gamma`` and ``tree.gamma``: thin, each method delegates.

Nothing computed from data is kept on an accessor: xarray keeps the accessor object itself,
so a kept sum would go stale after ``ds["counts"] = ...``.
"""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma import axes as axes_module
from xgamma import gate, model, regions, sky, units
from xgamma.datasets import cutout as cutout_module
from xgamma.datasets import masks
from xgamma.dl3 import observation
from xgamma.hints import Hints

__all__ = ["GammaDataArray", "GammaDataTree", "GammaDataset"]


class _Shared(Hints):
    """What maps and datasets have in common: the sky and the axes."""

    _raw: Any

    def __init__(self, obj: Any):
        self._raw = obj

    @property
    def _obj(self) -> Any:
        return self._raw

    # --- sky and axes -------------------------------------------------------------------
    @property
    def frame(self) -> str:
        """Name of the celestial frame. See `xgamma.sky.frame_of`."""
        return sky.frame_of(self._raw)

    @property
    def wcs(self) -> Any:
        """Parent WCS. See `xgamma.sky.wcs_of`."""
        return sky.wcs_of(self._raw)

    @property
    def center(self) -> Any:
        """Position of the middle of the map. See `xgamma.sky.center`."""
        return sky.center(self._raw)

    @property
    def lonlat(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Longitude and latitude of each pixel. See `xgamma.sky.lonlat`."""
        return sky.lonlat(self._raw)

    @property
    def solid_angle(self) -> xr.DataArray:
        """Solid angle of each pixel. See `xgamma.sky.solid_angle`."""
        return sky.solid_angle(self._raw)

    def separation(self, position: Any) -> xr.DataArray:
        """Angle to a position. See `xgamma.sky.separation`."""
        return sky.separation(self._raw, position)

    def edges(self, dim: str) -> Any:
        """Return the edges of an axis as a quantity. See `xgamma.axes.edges`."""
        from astropy.units import Quantity

        return Quantity(axes_module.edges(self._raw, dim), axes_module.units_of(self._raw, dim))

    def region_mask(self, regions_: Any, inside: bool = True) -> xr.DataArray:
        """Pixels in regions. See `xgamma.regions.region_mask`."""
        return regions.region_mask(self._raw, regions_, inside)

    def boundary_mask(self, width: Any) -> xr.DataArray:
        """Pixels farther than a margin from the edge. See `xgamma.datasets.smooth.boundary_mask`."""
        from xgamma.datasets.smooth import boundary_mask

        return boundary_mask(self._raw, width)

    def energy_mask(self, min: Any = None, max: Any = None, **kwargs: Any) -> xr.DataArray:
        """Energy bins in a range. See `xgamma.datasets.masks.energy_mask`."""
        return masks.energy_mask(self._raw, min, max, **kwargs)

    def cutout(self, position: Any, width: Any, mode: str = "trim", name: str | None = None) -> Any:
        """Part of the map. See `xgamma.datasets.cutout.cutout`."""
        return cutout_module.cutout(self._obj, position, width, mode, name)


@xr.register_dataset_accessor("gamma")
class GammaDataset(_Shared):
    """``ds.gamma``: what a dataset can do."""

    @property
    def _obj(self) -> Any:
        """The dataset, if plain xarray left it fit for operations."""
        return gate.require_usable(self._raw)

    # --- model --------------------------------------------------------------------------
    @property
    def kind(self) -> str:
        """Kind of dataset. See `xgamma.model.kind`."""
        return model.kind(self._raw)

    def validate(self, errors: str = "raise") -> list[str]:
        """Check against the data model. See `xgamma.model.validate`."""
        return model.validate(self._raw, errors)

    def quantity(self, name: str) -> Any:
        """Return the values of a variable with their unit. See `xgamma.units.quantity`."""
        return units.quantity(self._raw[name])

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

    def safe_mask(self, obs: xr.DataTree | None = None, **kwargs: Any) -> xr.Dataset:
        """Find the safe data range. See `xgamma.makers.safe_mask.safe_mask`."""
        from xgamma.makers.safe_mask import safe_mask

        return safe_mask(self._obj, obs, **kwargs)

    def exposure_image(self, **kwargs: Any) -> xr.DataArray:
        """Exposure in reconstructed energy. See `xgamma.makers.exposure.exposure_image`."""
        from xgamma.makers.exposure import exposure_image

        return exposure_image(self._obj, **kwargs)

    def stack(self, *others: xr.Dataset, name: str | None = None) -> xr.Dataset:
        """Stack others onto this grid. See `xgamma.datasets.stack.stack`."""
        from xgamma.datasets.stack import stack

        return stack(self._obj, *others, name=name)

    # --- background ---------------------------------------------------------------------
    def fov_background(self, exclusion: Any = None, **kwargs: Any) -> xr.Dataset:
        """Scale or fit the background. See `xgamma.makers.fov.fov_background`."""
        from xgamma.makers.fov import fov_background

        return fov_background(self._obj, exclusion=exclusion, **kwargs)

    def ring_background(self, r_in: Any, width: Any, **kwargs: Any) -> xr.Dataset:
        """Off counts from a ring. See `xgamma.makers.ring.ring_background`."""
        from xgamma.makers.ring import ring_background

        return ring_background(self._obj, r_in=r_in, width=width, **kwargs)

    def adaptive_ring_background(
        self, r_in: Any, width: Any, r_out_max: Any, **kwargs: Any
    ) -> xr.Dataset:
        """Off counts from a growing ring. See `xgamma.makers.ring.adaptive_ring_background`."""
        from xgamma.makers.ring import adaptive_ring_background

        return adaptive_ring_background(
            self._obj, r_in=r_in, width=width, r_out_max=r_out_max, **kwargs
        )

    def reflected_background(self, obs: xr.DataTree, **kwargs: Any) -> xr.Dataset:
        """Off counts from turned regions. See `xgamma.makers.reflected.reflected_background`."""
        from xgamma.makers.reflected import reflected_background

        return reflected_background(self._obj, obs, **kwargs)

    def phase_background(
        self, obs: xr.DataTree, on_phase: Any, off_phase: Any, **kwargs: Any
    ) -> xr.Dataset:
        """Off counts from the off phase. See `xgamma.makers.phase.phase_background`."""
        from xgamma.makers.phase import phase_background

        return phase_background(self._obj, obs, on_phase=on_phase, off_phase=off_phase, **kwargs)

    def significance(self, correlation_radius: Any = None, **kwargs: Any) -> xr.Dataset:
        """Significance of the excess. See `xgamma.datasets.significance.significance`."""
        from xgamma.datasets.significance import significance

        return significance(self._obj, correlation_radius, **kwargs)

    def significance_profile(self, center: Any, radii: Any, **kwargs: Any) -> xr.Dataset:
        """Excess in rings. See `xgamma.datasets.significance.significance_profile`."""
        from xgamma.datasets.significance import significance_profile

        return significance_profile(self._obj, center, radii, **kwargs)

    def cumulative(self) -> xr.Dataset:
        """Per-run table with running sums. See `xgamma.datasets.cumulative.cumulative`."""
        from xgamma.datasets.cumulative import cumulative

        return cumulative(self._obj)

    @property
    def off_regions(self) -> dict[Any, list[Any]]:
        """Off regions of each run. See `xgamma.plot_regions.off_regions`."""
        from xgamma.plot_regions import off_regions

        return off_regions(self._obj)

    def plot_regions(self, ax: Any = None) -> Any:
        """Draw on and off regions. See `xgamma.plot_regions.plot_regions`."""
        from xgamma.plot_regions import plot_regions

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

    # --- datasets (operations) ----------------------------------------------------------
    def info(self) -> Any:
        """Summary that prints. See `xgamma.datasets.info.info`."""
        from xgamma.datasets.info import info

        return info(self._obj)

    def info_dict(self, in_safe_range: bool = True) -> dict[str, Any]:
        """Summary as a dictionary. See `xgamma.datasets.info.info_dict`."""
        from xgamma.datasets.info import info_dict

        return info_dict(self._obj, in_safe_range)

    @property
    def mask(self) -> xr.DataArray | None:
        """What a fit looks at: safe and fit mask. See `xgamma.datasets.masks.mask`."""
        return masks.mask(self._obj)

    @property
    def mask_image(self) -> xr.DataArray | None:
        """Where any energy is used. See `xgamma.datasets.masks.mask_image`."""
        return masks.mask_image(self._obj)

    @property
    def energy_range(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Energies used at each pixel. See `xgamma.datasets.energy_range.energy_range`."""
        from xgamma.datasets.energy_range import energy_range

        return energy_range(self._obj)

    @property
    def energy_range_safe(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Safe energies at each pixel. See `xgamma.datasets.energy_range.energy_range`."""
        from xgamma.datasets.energy_range import energy_range

        return energy_range(self._obj, "mask_safe")

    @property
    def energy_range_fit(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Energies of the fit mask at each pixel. See `xgamma.datasets.energy_range.energy_range`."""
        from xgamma.datasets.energy_range import energy_range

        return energy_range(self._obj, "mask_fit")

    @property
    def energy_range_total(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Energies used anywhere. See `xgamma.datasets.energy_range.energy_range_total`."""
        from xgamma.datasets.energy_range import energy_range_total

        return energy_range_total(self._obj)

    @property
    def energy_range_total_safe(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Safe energies anywhere. See `xgamma.datasets.energy_range.energy_range_total`."""
        from xgamma.datasets.energy_range import energy_range_total

        return energy_range_total(self._obj, "mask_safe")

    @property
    def energy_range_total_fit(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Energies of the fit mask anywhere. See `xgamma.datasets.energy_range.energy_range_total`."""
        from xgamma.datasets.energy_range import energy_range_total

        return energy_range_total(self._obj, "mask_fit")

    def to_masked(self, name: str | None = None) -> xr.Dataset:
        """Zero outside the safe mask. See `xgamma.datasets.masks.to_masked`."""
        return masks.to_masked(self._obj, name)

    def slice_energy(self, min: Any = None, max: Any = None, **kwargs: Any) -> xr.Dataset:
        """Bins wholly in a range. See `xgamma.datasets.select.slice_energy`."""
        from xgamma.datasets.select import slice_energy

        return slice_energy(self._obj, min, max, **kwargs)

    def pad(self, width: int, name: str | None = None) -> xr.Dataset:
        """Add pixels around. See `xgamma.datasets.select.pad`."""
        from xgamma.datasets.select import pad

        return pad(self._obj, width, name)

    def downsample(self, factor: int | None = None, **factors: Any) -> xr.Dataset:
        """Join neighbouring bins. See `xgamma.datasets.resample.downsample`."""
        from xgamma.datasets.resample import downsample

        return downsample(self._obj, factor, **factors)

    def upsample(self, factor: int | None = None, **factors: Any) -> xr.Dataset:
        """Split bins. See `xgamma.datasets.upsample.upsample`."""
        from xgamma.datasets.upsample import upsample

        return upsample(self._obj, factor, **factors)

    def interp_to(self, template: Any, name: str | None = None) -> xr.Dataset:
        """Interpolate onto other pixels. See `xgamma.datasets.regrid.interp_to`."""
        from xgamma.datasets.regrid import interp_to

        return interp_to(self._obj, template, name)

    def reproject_to(self, template: Any, **kwargs: Any) -> xr.Dataset:
        """Reproject onto other pixels. See `xgamma.datasets.regrid.reproject_to`."""
        from xgamma.datasets.regrid import reproject_to

        return reproject_to(self._obj, template, **kwargs)

    def resample_energy(self, edges: Any, name: str | None = None) -> xr.Dataset:
        """Join energy bins. See `xgamma.datasets.resample.resample_energy`."""
        from xgamma.datasets.resample import resample_energy

        return resample_energy(self._obj, edges, name)

    def to_image(self, name: str | None = None) -> xr.Dataset:
        """Join all energy bins. See `xgamma.datasets.resample.to_image`."""
        from xgamma.datasets.resample import to_image

        return to_image(self._obj, name)

    def to_spectrum(self, region: Any, **kwargs: Any) -> xr.Dataset:
        """Collapse over an on region. See `xgamma.datasets.collapse.to_spectrum`."""
        from xgamma.datasets.collapse import to_spectrum

        return to_spectrum(self._obj, region, **kwargs)

    def to_region(self, region: Any, name: str | None = None) -> xr.Dataset:
        """Collapse over a region, PSF kept. See `xgamma.datasets.collapse.to_region`."""
        from xgamma.datasets.collapse import to_region

        return to_region(self._obj, region, name)

    def at_position(self, name: str, position: Any = None, **kwargs: Any) -> xr.DataArray:
        """Return a map at one position. See `xgamma.irf.queries.at_position`."""
        from xgamma.irf.queries import at_position

        return at_position(self._obj, name, position, **kwargs)

    def psf_containment_radius(
        self, energy_true: Any = None, fraction: float = 0.68, position: Any = None
    ) -> xr.DataArray:
        """Radius of a containment. See `xgamma.irf.queries.psf_containment_radius`."""
        from xgamma.irf.queries import psf_containment_radius

        return psf_containment_radius(self._obj, energy_true, fraction, position)

    def psf_kernel(self, position: Any = None, **kwargs: Any) -> xr.DataArray:
        """PSF as a kernel of pixels. See `xgamma.irf.kernels.psf_kernel`."""
        from xgamma.irf.kernels import psf_kernel

        return psf_kernel(self._obj, position, **kwargs)

    def edisp_kernel(self, position: Any = None) -> xr.DataArray:
        """Dispersion kernel at a position. See `xgamma.irf.queries.edisp_kernel`."""
        from xgamma.irf.queries import edisp_kernel

        return edisp_kernel(self._obj, position)

    def edisp_bias_resolution(self, position: Any = None) -> xr.Dataset:
        """Energy bias and resolution. See `xgamma.irf.queries.edisp_bias_resolution`."""
        from xgamma.irf.queries import edisp_bias_resolution

        return edisp_bias_resolution(self._obj, position)

    # --- io -----------------------------------------------------------------------------
    def to_fits(self, path: Any, **kwargs: Any) -> None:
        """Write to FITS. See `xgamma.io.fits_write.write_fits`."""
        from xgamma.io.fits_write import write_fits

        write_fits(self._obj, path, **kwargs)

    def to_ogip(self, path: Any, **kwargs: Any) -> None:
        """Write a spectrum to OGIP. See `xgamma.io.ogip_write.write_ogip`."""
        from xgamma.io.ogip_write import write_ogip

        write_ogip(self._obj, path, **kwargs)

    def to_netcdf(self, path: Any, **kwargs: Any) -> None:
        """Write to NetCDF with CF attributes. See `xgamma.io.storage.to_netcdf`."""
        from xgamma.io.storage import to_netcdf

        to_netcdf(self._obj, path, **kwargs)

    def to_zarr(self, path: Any, **kwargs: Any) -> None:
        """Write to Zarr with CF attributes. See `xgamma.io.storage.to_zarr`."""
        from xgamma.io.storage import to_zarr

        to_zarr(self._obj, path, **kwargs)

    # --- modeling -----------------------------------------------------------------------
    @property
    def models(self) -> Any:
        """Models on the dataset. See `xgamma.modeling.predict.models_of`."""
        from xgamma.modeling.predict import models_of

        return models_of(self._obj)

    def with_models(self, models: Any) -> xr.Dataset:
        """Put models on the dataset. See `xgamma.modeling.predict.with_models`."""
        from xgamma.modeling.predict import with_models

        return with_models(self._obj, models)

    def npred(self, models: Any = None, **kwargs: Any) -> xr.DataArray:
        """Predict counts. See `xgamma.modeling.predict.npred`."""
        from xgamma.modeling.predict import npred

        return npred(self._obj, models, **kwargs)

    def npred_signal(self, models: Any = None, **kwargs: Any) -> xr.DataArray:
        """Predict counts of sources. See `xgamma.modeling.predict.npred_signal`."""
        from xgamma.modeling.predict import npred_signal

        return npred_signal(self._obj, models, **kwargs)

    def npred_background(self, models: Any = None, **kwargs: Any) -> xr.DataArray:
        """Predict background counts. See `xgamma.modeling.predict.npred_background`."""
        from xgamma.modeling.predict import npred_background

        return npred_background(self._obj, models, **kwargs)

    def stat_sum(self, models: Any = None, **kwargs: Any) -> float:
        """Sum of the fit statistic. See `xgamma.modeling.predict.stat_sum`."""
        from xgamma.modeling.predict import stat_sum

        return stat_sum(self._obj, models, **kwargs)

    def stat_array(self, models: Any = None, **kwargs: Any) -> xr.DataArray:
        """Fit statistic of each bin. See `xgamma.modeling.predict.stat_array`."""
        from xgamma.modeling.predict import stat_array

        return stat_array(self._obj, models, **kwargs)

    def fake(self, seed: Any, models: Any = None, **kwargs: Any) -> xr.Dataset:
        """Draw counts from the prediction. See `xgamma.modeling.simulate.fake`."""
        from xgamma.modeling.simulate import fake

        return fake(self._obj, seed, models, **kwargs)

    def asimov(self, models: Any = None, **kwargs: Any) -> xr.Dataset:
        """Counts equal to the prediction. See `xgamma.modeling.simulate.asimov`."""
        from xgamma.modeling.simulate import asimov

        return asimov(self._obj, models, **kwargs)

    def flux_points(self, source: str, energy_edges: Any = None, **kwargs: Any) -> xr.Dataset:
        """Fit the norm of a source in bands of energy. See `xgamma.modeling.points.flux_points`."""
        from xgamma.modeling.points import flux_points

        return flux_points(self._obj, source, energy_edges, **kwargs)

    def sensitivity(self, **kwargs: Any) -> xr.Dataset:
        """Smallest flux that would be seen. See `xgamma.modeling.sensitivity.sensitivity`."""
        from xgamma.modeling.sensitivity import sensitivity

        return sensitivity(self._obj, **kwargs)

    def excess_map(self, correlation_radius: Any = "0.1 deg", **kwargs: Any) -> xr.Dataset:
        """Excess and significance in a disk around each pixel. See `xgamma.modeling.maps.excess_map`."""
        from xgamma.modeling.maps import excess_map

        return excess_map(self._obj, correlation_radius, **kwargs)

    def ts_map(self, model: Any, **kwargs: Any) -> xr.Dataset:
        """Fit a test source at every pixel. See `xgamma.modeling.maps.ts_map`."""
        from xgamma.modeling.maps import ts_map

        return ts_map(self._obj, model, **kwargs)

    def plot_spectrum(self, models: Any = None, **kwargs: Any) -> Any:
        """Plot flux points, model and residuals. See `xgamma.modeling.plot.plot_spectrum`."""
        from xgamma.modeling.plot import plot_spectrum

        return plot_spectrum(self._obj, models, **kwargs)

    def sample_events(self, seed: Any, models: Any = None, **kwargs: Any) -> xr.DataTree:
        """Draw events from models and background. See `xgamma.modeling.events.sample_events`."""
        from xgamma.modeling.events import sample_events

        return sample_events(self._obj, seed, models, **kwargs)

    def residuals(self, models: Any = None, method: str = "diff", **kwargs: Any) -> xr.DataArray:
        """Counts minus prediction. See `xgamma.modeling.predict.residuals`."""
        from xgamma.modeling.predict import residuals

        return residuals(self._obj, models, method, **kwargs)

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


@xr.register_dataarray_accessor("gamma")
class GammaDataArray(_Shared):
    """``da.gamma``: what a labelled array can do."""

    _written = "da"

    @property
    def _obj(self) -> Any:
        """The array, if its pixels are a map."""
        gate.require_even_pixels(self._raw)
        return self._raw

    @property
    def quantity(self) -> Any:
        """Values with their unit. See `xgamma.units.quantity`."""
        return units.quantity(self._obj)

    def to_unit(self, unit: str) -> xr.DataArray:
        """Return the array in another unit. See `xgamma.units.convert`."""
        return units.convert(self._obj, unit)

    # --- datasets (operations) ----------------------------------------------------------
    def smooth(self, width: Any = "0.1 deg", kernel: str = "gauss") -> xr.DataArray:
        """Smooth the map. See `xgamma.datasets.smooth.smooth`."""
        from xgamma.datasets.smooth import smooth

        return smooth(self._obj, width, kernel)

    def convolve(self, kernel: Any) -> xr.DataArray:
        """Convolve with a kernel of pixels. See `xgamma.datasets.smooth.convolve`."""
        from xgamma.datasets.smooth import convolve

        return convolve(self._obj, kernel)

    def dilate(self, width: Any, kernel: str = "disk") -> xr.DataArray:
        """Grow a mask. See `xgamma.datasets.smooth.dilate`."""
        from xgamma.datasets.smooth import dilate

        return dilate(self._obj, width, kernel)

    def erode(self, width: Any, kernel: str = "disk") -> xr.DataArray:
        """Shrink a mask. See `xgamma.datasets.smooth.erode`."""
        from xgamma.datasets.smooth import erode

        return erode(self._obj, width, kernel)

    def radial_profile(self, center: Any, edges: Any, how: str = "sum") -> xr.DataArray:
        """Sum over rings. See `xgamma.datasets.smooth.radial_profile`."""
        from xgamma.datasets.smooth import radial_profile

        return radial_profile(self._obj, center, edges, how)

    def profile(self, edges: Any, along: str = "lon", how: str = "sum") -> xr.DataArray:
        """Sum over strips. See `xgamma.datasets.smooth.profile`."""
        from xgamma.datasets.smooth import profile

        return profile(self._obj, edges, along, how)

    def upsample(self, factor: int, preserve_counts: bool = True) -> xr.DataArray:
        """Split pixels. See `xgamma.datasets.interp.upsample`."""
        from xgamma.datasets.interp import upsample

        return upsample(self._obj, factor, preserve_counts)

    def interp_to(self, template: Any, preserve_counts: bool = False) -> xr.DataArray:
        """Interpolate onto other pixels. See `xgamma.datasets.interp.interp_to`."""
        from xgamma.datasets.interp import interp_to

        return interp_to(self._obj, template, preserve_counts)

    def reproject_to(self, template: Any, **kwargs: Any) -> xr.DataArray:
        """Reproject onto other pixels. See `xgamma.datasets.interp.reproject_to`."""
        from xgamma.datasets.interp import reproject_to

        return reproject_to(self._obj, template, **kwargs)

    # --- io -----------------------------------------------------------------------------
    def to_fits(self, path: Any, **kwargs: Any) -> None:
        """Write one map to FITS. See `xgamma.io.fits_write.write_map`."""
        from xgamma.io.fits_write import write_map

        write_map(self._obj, path, **kwargs)

    # --- plot ---------------------------------------------------------------------------
    @property
    def image_wcs(self) -> Any:
        """WCS of the array's own pixels, to draw with. See `xgamma.plot.maps.image_wcs`."""
        from xgamma.plot.maps import image_wcs

        return image_wcs(self._obj)

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw one image on the sky. See `xgamma.plot.maps.plot_map`."""
        from xgamma.plot.maps import plot_map

        return plot_map(self._obj, ax, **kwargs)

    def plot_grid(self, **kwargs: Any) -> Any:
        """Draw bin by bin. See `xgamma.plot.maps.plot_grid`."""
        from xgamma.plot.maps import plot_grid

        return plot_grid(self._obj, **kwargs)

    def plot_interactive(self, **kwargs: Any) -> Any:
        """Draw one bin at a time with a slider. See `xgamma.plot.maps.plot_interactive`."""
        from xgamma.plot.maps import plot_interactive

        return plot_interactive(self._obj, **kwargs)


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
        """Observation with some of the events. See `xgamma.dl3.select.select_events`."""
        from xgamma.dl3.select import select_events

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
        """Summary of all as a table. See `xgamma.datasets.info.info_table`."""
        from xgamma.datasets.info import info_table

        return info_table(self._obj, cumulative)

    def fov_background(self, exclusion: Any = None, **kwargs: Any) -> xr.DataTree:
        """Scale or fit each background. See `xgamma.makers.fov.fov_background`."""
        from xgamma.makers.collection import each_background

        return each_background(self._obj, "fov", exclusion=exclusion, **kwargs)

    def ring_background(self, r_in: Any, width: Any, **kwargs: Any) -> xr.DataTree:
        """Off counts from rings. See `xgamma.makers.ring.ring_background`."""
        from xgamma.makers.collection import each_background

        return each_background(self._obj, "ring", r_in=r_in, width=width, **kwargs)

    def adaptive_ring_background(
        self, r_in: Any, width: Any, r_out_max: Any, **kwargs: Any
    ) -> xr.DataTree:
        """Off counts from growing rings. See `xgamma.makers.ring.adaptive_ring_background`."""
        from xgamma.makers.collection import each_background

        options = {"r_in": r_in, "width": width, "r_out_max": r_out_max, **kwargs}
        return each_background(self._obj, "adaptive_ring", **options)

    def reflected_background(self, observations: Any, **kwargs: Any) -> xr.DataTree:
        """Off counts from turned regions. See `xgamma.makers.collection.each_background`."""
        from xgamma.makers.collection import each_background

        return each_background(self._obj, "reflected", observations, **kwargs)

    def phase_background(self, observations: Any, **kwargs: Any) -> xr.DataTree:
        """Off counts from the off phase. See `xgamma.makers.collection.each_background`."""
        from xgamma.makers.collection import each_background

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
        """Models on the datasets. See `xgamma.modeling.predict.models_of`."""
        from xgamma.modeling.predict import models_of

        return models_of(self._obj)

    def with_models(self, models: Any) -> xr.DataTree:
        """Put models on each dataset. See `xgamma.modeling.predict.with_models`."""
        from xgamma.modeling.predict import with_models

        return with_models(self._obj, models)

    def flux_points(self, source: str, energy_edges: Any = None, **kwargs: Any) -> xr.Dataset:
        """Fit the norm of a source in bands of energy. See `xgamma.modeling.points.flux_points`."""
        from xgamma.modeling.points import flux_points

        return flux_points(self._obj, source, energy_edges, **kwargs)

    def light_curve(self, source: str, energy_edges: Any = None, **kwargs: Any) -> xr.Dataset:
        """Fit the norm of a source in intervals of time. See `xgamma.modeling.light_curve.light_curve`."""
        from xgamma.modeling.light_curve import light_curve

        return light_curve(self._obj, source, energy_edges, **kwargs)

    def stat_sum(self, models: Any = None, **kwargs: Any) -> float:
        """Sum of the fit statistics. See `xgamma.modeling.predict.stat_sum`."""
        from xgamma.modeling.predict import stat_sum

        return stat_sum(self._obj, models, **kwargs)
