"""The members of the accessors with their types.

Generated from the tables and the functions behind them by ``python -m tests.stubs``: do not edit.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import xarray as xr
from astropy import units as u
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from astropy.units import Quantity
from astropy.visualization.wcsaxes import WCSAxes
from astropy.wcs import WCS
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from xgamma.background.collection import RunsLike
from xgamma.background.off_run import OffRunsLike
from xgamma.estimators.info import Info
from xgamma.makers.safe_masks.registry import SafeMaskRecord
from xgamma.modeling.model_base import ModelsLike
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spectrum_base import Spectrum
from xgamma.typing import (
    AngleLike,
    AnglesLike,
    ArrayLike,
    CountsLike,
    EnergiesLike,
    EnergyLike,
    ExclusionLike,
    GroupsLike,
    LabelledLike,
    PhasesLike,
    PositionLike,
    QuantityLike,
    RegionLike,
    RegionsLike,
    SeedLike,
    SizeLike,
    TimesLike,
)

__all__ = ["GammaCollection", "GammaDataArray", "GammaDataTree", "GammaDataset", "GammaObservation"]

class GammaDataset:
    """``ds.gamma``: what a dataset can do."""

    def __init__(self, obj: xr.Dataset) -> None: ...
    @property
    def frame(self) -> str:
        """Return the name of the celestial frame: ``icrs``, ``fk5`` or ``galactic``. See `xgamma.model.frame.frame_of`."""
    @property
    def wcs(self) -> WCS:
        """Return the parent WCS of a map. See `xgamma.model.frame.wcs_of`."""
    @property
    def center(self) -> SkyCoord:
        """Return the position of the centre of the map, in its frame. See `xgamma.model.sky.center`."""
    @property
    def lonlat(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Return longitude and latitude of the pixel centres. See `xgamma.model.sky.lonlat`."""
    @property
    def solid_angle(self) -> xr.DataArray:
        """Return the solid angle of each pixel. See `xgamma.model.sky.solid_angle`."""
    def separation(self, position: PositionLike, irf: bool = False) -> xr.DataArray:
        """Return the angle between each pixel centre and a position. See `xgamma.model.sky.separation`."""
    def edges(self, dim: str) -> Quantity:
        """Return the n+1 edges of an axis as a quantity. See `xgamma.model.quantities.edges_of`."""
    def region_mask(self, regions: RegionsLike, inside: bool = True) -> xr.DataArray:
        """Return a mask of the pixels whose centre lies in any of the regions. See `xgamma.model.regions.region_mask`."""
    def boundary_mask(self, width: AngleLike) -> xr.DataArray:
        """Return a mask of the pixels farther than a margin from the edge of the map. See `xgamma.datasets.smooth.boundary_mask`."""
    def energy_mask(
        self,
        min: EnergyLike | None = None,
        max: EnergyLike | None = None,
        dim: str = "energy",
        round_to_edge: bool = False,
    ) -> xr.DataArray:
        """Return a mask of the energy bins that lie entirely within a range. See `xgamma.datasets.masks.energy_mask`."""
    def cutout(
        self, position: PositionLike, width: SizeLike, mode: str = "trim", name: str | None = None
    ) -> xr.Dataset:
        """Cut out a part of a map, including its coarse response grids. See `xgamma.datasets.cutout.cutout`."""
    @property
    def models(self) -> Models:
        """Return the models attached to a dataset, or to all datasets of a tree. See `xgamma.fitting.attached.models_of`."""
    def with_models(self, models: ModelsLike | None) -> xr.Dataset:
        """Attach models to a dataset, or to each dataset of a tree, as YAML text in its attributes. See `xgamma.fitting.attached.with_models`."""
    def stat_sum(self, models: ModelsLike | None = None, scheme: str = "exact") -> float:
        """Return the fit statistic summed over the bins in ``mask_safe`` and ``mask_fit``. See `xgamma.fitting.compare.stat_sum`."""
    def flux_points(
        self,
        source: str,
        energy_edges: EnergiesLike | None = None,
        models: ModelsLike | None = None,
        n_sigma: float = 1.0,
        n_sigma_ul: float = 2.0,
        norm_values: ArrayLike | None = None,
        refit: bool = False,
        scheme: str = "exact",
        progress: bool = False,
    ) -> xr.Dataset:
        """Fit the norm of a source in bands of reconstructed energy. See `xgamma.estimators.flux_points.flux_points`."""
    def energy_morphology(
        self,
        source: str,
        energy_edges: EnergiesLike,
        models: ModelsLike | None = None,
        backend: str = "minuit",
        scheme: str = "exact",
        **options: Any,
    ) -> xr.Dataset:
        """Fit the shape of a source in energy bands, and test it against a common shape. See `xgamma.estimators.energy_morphology.energy_morphology`."""
    def flux_profile(
        self,
        regions: RegionsLike,
        energy_edges: EnergiesLike | None = None,
        spectrum: Spectrum | None = None,
        models: ModelsLike | None = None,
        n_sigma: float = 1.0,
        n_sigma_ul: float = 2.0,
        norm_values: ArrayLike | None = None,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Compute the flux in each of several regions, in excess of known sources. See `xgamma.estimators.flux_profile.flux_profile`."""
    def nested_test(
        self,
        null: Mapping[str, Any],
        models: ModelsLike | None = None,
        backend: str = "minuit",
        scheme: str = "exact",
        **options: Any,
    ) -> xr.Dataset:
        """Test a model against a nested model in which some parameters are fixed or linked. See `xgamma.estimators.nested.nested_test`."""
    @property
    def kind(self) -> str:
        """Return the kind of a dataset. See `xgamma.model.schema.kind`."""
    def validate(self, errors: str = "raise", values: bool = True) -> list[str]:
        """Check a dataset, or the responses of an observation, against the data model. See `xgamma.irf.validation.validate`."""
    def quantity(self, name: str) -> Quantity:
        """Return the values of a variable of a dataset as a quantity. See `xgamma.model.quantities.values_of`."""
    def fill(
        self,
        obs: xr.DataTree,
        select: Iterable[str] = ("counts", "exposure", "background", "psf", "edisp"),
        background_oversampling: int | None = None,
        name: str | None = None,
        offset_limit: AngleLike | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Fill a map with one observation: counts, exposure, background, PSF, energy dispersion. See `xgamma.makers.fill.fill`."""
    def fill_counts(
        self,
        obs: xr.DataTree,
        background_oversampling: int | None = None,
        name: str | None = None,
        offset_limit: AngleLike | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Fill counts only. See `xgamma.makers.fill.fill`."""
    def fill_exposure(
        self,
        obs: xr.DataTree,
        background_oversampling: int | None = None,
        name: str | None = None,
        offset_limit: AngleLike | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Fill the exposure only. See `xgamma.makers.fill.fill`."""
    def fill_background(
        self,
        obs: xr.DataTree,
        background_oversampling: int | None = None,
        name: str | None = None,
        offset_limit: AngleLike | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Fill the background only. See `xgamma.makers.fill.fill`."""
    def fill_psf(
        self,
        obs: xr.DataTree,
        background_oversampling: int | None = None,
        name: str | None = None,
        offset_limit: AngleLike | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Fill the point spread function only. See `xgamma.makers.fill.fill`."""
    def fill_edisp(
        self,
        obs: xr.DataTree,
        background_oversampling: int | None = None,
        name: str | None = None,
        offset_limit: AngleLike | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Fill the energy dispersion only. See `xgamma.makers.fill.fill`."""
    def with_responses(
        self,
        exposure: LabelledLike | None = None,
        psf: LabelledLike | None = None,
        edisp: LabelledLike | None = None,
    ) -> xr.Dataset:
        """Put an exposure, a PSF and an energy dispersion on a map, interpolated to its pixels and energies. See `xgamma.datasets.responses.with_responses`."""
    def safe_mask(
        self,
        obs: xr.DataTree | None = None,
        methods: Iterable[str | SafeMaskRecord] = ("aeff-default",),
        aeff_percent: float = 10.0,
        bias_percent: float = 10.0,
        position: PositionLike | None = None,
        fixed_offset: AngleLike | None = None,
        offset_max: AngleLike = "3 deg",
        irfs: str = "DL4",
        fold: bool = False,
        **options: Any,
    ) -> xr.Dataset:
        """Compute the safe data range of a run by one or more methods, combined with AND. See `xgamma.makers.safe_mask.safe_mask`."""
    def exposure_image(self, index: float = 2.0) -> xr.DataArray:
        """Average the exposure over true energy for each bin of reconstructed energy. See `xgamma.makers.exposure.exposure_image`."""
    def stack(self, *others: xr.Dataset, name: str | None = None) -> xr.Dataset:
        """Stack datasets into a new one on the grid of the first. See `xgamma.datasets.stack.stack`."""
    def cumulative(self) -> xr.Dataset:
        """Return the per-run table, and its running sums with their significance. See `xgamma.datasets.cumulative.cumulative`."""
    def fov_background(
        self,
        exclusion: ExclusionLike | None = None,
        *,
        method: str = "scale",
        spectral_model: str = "norm",
        min_counts: float = 0,
        min_npred_background: float = 0,
        energy_groups: GroupsLike = None,
    ) -> xr.Dataset:
        """Normalise the background of the instrument to the counts outside an exclusion mask. See `xgamma.background.fov.fov_background`."""
    def ring_background(
        self, r_in: AngleLike, width: AngleLike, *, exclusion: ExclusionLike | None = None
    ) -> xr.Dataset:
        """Estimate the background of each pixel from a ring around it. See `xgamma.background.ring.ring_background`."""
    def adaptive_ring_background(
        self,
        r_in: AngleLike,
        width: AngleLike,
        r_out_max: AngleLike,
        *,
        stepsize: AngleLike = "0.02 deg",
        threshold_alpha: float = 0.1,
        theta: AngleLike = "0.22 deg",
        method: str = "fixed_width",
        exclusion: ExclusionLike | None = None,
    ) -> xr.Dataset:
        """Estimate the background of each pixel from a ring that grows until it is large enough. See `xgamma.background.ring.adaptive_ring_background`."""
    def reflected_background(
        self,
        obs: xr.DataTree,
        *,
        exclusion: ExclusionLike | None = None,
        angle_increment: AngleLike = "0.1 rad",
        min_distance: AngleLike = "0 rad",
        min_distance_input: AngleLike = "0.1 rad",
        max_region_number: int = 10000,
        n_off_regions: int | None = None,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Estimate the background of a spectrum from its region rotated around the pointing. See `xgamma.background.reflected.reflected_background`."""
    def phase_background(
        self,
        obs: xr.DataTree,
        on_phase: PhasesLike,
        off_phase: PhasesLike,
        *,
        column: str = "phase",
    ) -> xr.Dataset:
        """Select the on and off counts of a pulsar by intervals of its phase. See `xgamma.background.phase.phase_background`."""
    def off_run_background(
        self,
        obs: xr.DataTree,
        *,
        off: OffRunsLike,
        scale: str = "exposure",
        exclusion: ExclusionLike = None,
        off_exclusion: ExclusionLike = None,
        control_offset: AngleLike = 2.0,
    ) -> xr.Dataset:
        """Take the background of a run from another run, on a field without the source. See `xgamma.background.off_run.off_run_background`."""
    @property
    def alpha(self) -> xr.DataArray:
        """Return the ratio of the acceptances, on to off. See `xgamma.datasets.onoff.alpha`."""
    @property
    def background(self) -> xr.DataArray:
        """Return the background: alpha times off counts, or the variable of a plain dataset. See `xgamma.datasets.onoff.background`."""
    @property
    def excess(self) -> xr.DataArray:
        """Return counts minus background. See `xgamma.datasets.onoff.excess`."""
    def to_onoff(
        self, counts_off: CountsLike, acceptance: CountsLike, acceptance_off: CountsLike
    ) -> xr.Dataset:
        """Turn a dataset into an on-off dataset. See `xgamma.datasets.onoff.to_onoff`."""
    def from_onoff(self) -> xr.Dataset:
        """Turn an on-off dataset into a plain one, its background alpha times off counts. See `xgamma.datasets.onoff.from_onoff`."""
    @property
    def off_regions(self) -> dict[Any, list[Any]]:
        """Return the off regions of each run of an on-off spectrum. See `xgamma.plot.regions.off_regions`."""
    def info(self) -> Info:
        """Summarise a dataset: counts, background, exposure, bins, statistic, models. See `xgamma.estimators.info.info`."""
    def info_dict(self, in_safe_range: bool = True) -> dict[str, Any]:
        """Summarise a dataset as a dictionary. See `xgamma.estimators.info.info_dict`."""
    @property
    def mask(self) -> xr.DataArray | None:
        """Return the mask used in a fit, ``mask_safe`` and ``mask_fit`` combined. See `xgamma.datasets.masks.mask`."""
    @property
    def mask_image(self) -> xr.DataArray | None:
        """Return a mask of pixels with any energy bin in use, dims ``(y, x)``; None without masks. See `xgamma.datasets.masks.mask_image`."""
    @property
    def energy_range(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Return the lowest and highest energy used at each pixel. See `xgamma.datasets.energy_range.energy_range`."""
    @property
    def energy_range_safe(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Lowest and highest energy of the safe mask at each pixel. See `xgamma.datasets.energy_range.energy_range`."""
    @property
    def energy_range_fit(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Lowest and highest energy of the fit mask at each pixel. See `xgamma.datasets.energy_range.energy_range`."""
    @property
    def energy_range_total(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Return the lowest and highest energy used anywhere. See `xgamma.datasets.energy_range.energy_range_total`."""
    @property
    def energy_range_total_safe(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Lowest and highest energy of the safe mask anywhere. See `xgamma.datasets.energy_range.energy_range_total`."""
    @property
    def energy_range_total_fit(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Lowest and highest energy of the fit mask anywhere. See `xgamma.datasets.energy_range.energy_range_total`."""
    def to_masked(self, name: str | None = None) -> xr.Dataset:
        """Set counts, background and acceptances to zero outside the safe mask. See `xgamma.datasets.masks.to_masked`."""
    def slice_energy(
        self, min: EnergyLike | None = None, max: EnergyLike | None = None, name: str | None = None
    ) -> xr.Dataset:
        """Keep the bins of reconstructed energy that lie entirely within a range. See `xgamma.datasets.select.slice_energy`."""
    def pad(self, width: int, name: str | None = None) -> xr.Dataset:
        """Pad a map with pixels that are zero, not safe and without exposure. See `xgamma.datasets.select.pad`."""
    def downsample(
        self, factor: int | None = None, name: str | None = None, **factors: int
    ) -> xr.Dataset:
        """Merge adjacent bins: pixels by a factor, or bins of a named axis. See `xgamma.datasets.resample.downsample`."""
    def upsample(
        self, factor: int | None = None, name: str | None = None, **factors: int
    ) -> xr.Dataset:
        """Split bins into equal parts: pixels by a factor, or bins of a named axis. See `xgamma.datasets.upsample.upsample`."""
    def interp_to(self, template: LabelledLike, name: str | None = None) -> xr.Dataset:
        """Interpolate a map dataset bilinearly at the pixel centres of another. See `xgamma.datasets.regrid.interp_to`."""
    def reproject_to(
        self, template: LabelledLike, method: str = "exact", name: str | None = None
    ) -> xr.Dataset:
        """Reproject a map dataset onto the pixels of another by the overlap of pixels. See `xgamma.datasets.regrid.reproject_to`."""
    def resample_energy(self, edges: EnergiesLike, name: str | None = None) -> xr.Dataset:
        """Rebin reconstructed energy to the existing bin edges nearest to new ones. See `xgamma.datasets.resample.resample_energy`."""
    def to_image(self, name: str | None = None) -> xr.Dataset:
        """Merge all bins of reconstructed energy into one. See `xgamma.datasets.resample.to_image`."""
    def to_spectrum(
        self, region: RegionLike, containment_correction: bool = False, name: str | None = None
    ) -> xr.Dataset:
        """Collapse a map over an on region to a spectrum dataset. See `xgamma.datasets.collapse.to_spectrum`."""
    def to_region(self, region: RegionLike, name: str | None = None) -> xr.Dataset:
        """Collapse a map over a region, keeping its point spread function. See `xgamma.datasets.collapse.to_region`."""
    def to_map(self) -> xr.Dataset:
        """Turn an on-off dataset into a plain one, its background alpha times off counts. See `xgamma.datasets.onoff.from_onoff`."""
    def at_position(
        self, name: str, position: PositionLike | None = None, method: str = "nearest"
    ) -> xr.DataArray:
        """Return the values of a map at one position. See `xgamma.irf.queries.at_position`."""
    def psf_containment_radius(
        self,
        energy_true: EnergiesLike | None = None,
        fraction: float = 0.68,
        position: PositionLike | None = None,
    ) -> xr.DataArray:
        """Return the radius that contains a fraction of a point source. See `xgamma.irf.queries.psf_containment_radius`."""
    def psf_kernel(
        self,
        position: PositionLike | None = None,
        max_radius: AngleLike | None = None,
        spectrum: object = None,
        *,
        binsz: AngleLike | None = None,
        containment: float = 0.999,
        precision_factor: float = 12.0,
    ) -> xr.DataArray:
        """Return the point spread function at a position as a kernel of pixels. See `xgamma.irf.kernels.psf_kernel`."""
    def edisp_kernel(self, position: PositionLike | None = None) -> xr.DataArray:
        """Return the energy-dispersion kernel at a position. See `xgamma.irf.dispersion.edisp_kernel`."""
    def edisp_bias_resolution(self, position: PositionLike | None = None) -> xr.Dataset:
        """Return bias and resolution of the reconstructed energy. See `xgamma.irf.dispersion.edisp_bias_resolution`."""
    def npred(self, models: ModelsLike | None = None, scheme: str = "exact") -> xr.DataArray:
        """Predict the counts of sources and background together. See `xgamma.fitting.predict.npred`."""
    def npred_signal(
        self,
        models: ModelsLike | None = None,
        model_names: Iterable[str] | str | None = None,
        stack: bool = True,
        scheme: str = "exact",
    ) -> xr.DataArray:
        """Predict the counts of the sources. See `xgamma.fitting.predict.npred_signal`."""
    def npred_background(
        self, models: ModelsLike | None = None, scheme: str = "exact"
    ) -> xr.DataArray:
        """Predict the background counts. See `xgamma.fitting.predict.npred_background`."""
    def stat_array(self, models: ModelsLike | None = None, scheme: str = "exact") -> xr.DataArray:
        """Return the fit statistic of each bin; the masks are not applied. See `xgamma.fitting.compare.stat_array`."""
    def residuals(
        self,
        models: ModelsLike | None = None,
        method: str = "diff",
        scheme: str = "exact",
        correlation_radius: AngleLike | None = None,
        sum_over_energy: bool = False,
    ) -> xr.DataArray:
        """Return counts minus prediction, in each bin or summed. See `xgamma.fitting.compare.residuals`."""
    def model_significance(
        self,
        models: ModelsLike | None = None,
        correlation_radius: AngleLike | None = None,
        mask: xr.DataArray | None = None,
        sum_over_energy: bool = False,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Compute the significance of data with respect to a model, in each bin or in discs. See `xgamma.fitting.compare.model_significance`."""
    def fake(
        self,
        seed: SeedLike,
        models: ModelsLike | None = None,
        background: xr.DataArray | None = None,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Draw counts from the prediction of a dataset and its models. See `xgamma.simulate.counts.fake`."""
    def asimov(
        self,
        models: ModelsLike | None = None,
        background: xr.DataArray | None = None,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Replace the counts with the prediction itself (Cowan et al. 2011, EPJC 71, 1554). See `xgamma.simulate.counts.asimov`."""
    def sample_events(
        self, seed: SeedLike, models: ModelsLike | None = None, obs_id: int = 1
    ) -> xr.DataTree:
        """Draw events from the models and the background of a map dataset. See `xgamma.simulate.events.sample_events`."""
    def significance(
        self,
        correlation_radius: AngleLike | None = None,
        mask: xr.DataArray | None = None,
        sum_over_energy: bool = False,
    ) -> xr.Dataset:
        """Compute the significance of the excess in each bin, or in a disc around each pixel. See `xgamma.estimators.significance.significance`."""
    def significance_profile(
        self, center: PositionLike, radii: AnglesLike, sum_over_energy: bool = True
    ) -> xr.Dataset:
        """Compute the excess and its significance in rings around a position. See `xgamma.estimators.significance.significance_profile`."""
    def adaptive_smooth(
        self,
        scales: AnglesLike | None = None,
        threshold: float = 5.0,
        kernel: str = "gauss",
        method: str = "lima",
        index: float = 2.0,
    ) -> xr.Dataset:
        """Smooth a map with a kernel that widens until the excess is significant. See `xgamma.estimators.adaptive_smooth.adaptive_smooth`."""
    def excess_map(
        self,
        correlation_radius: AngleLike = "0.1 deg",
        models: ModelsLike | None = None,
        n_sigma: float = 1.0,
        n_sigma_ul: float = 2.0,
        errors: bool = False,
        sum_energy: bool = True,
    ) -> xr.Dataset:
        """Compute the excess and its significance in a disk around each pixel. See `xgamma.estimators.maps.excess_map`."""
    def ts_map(
        self,
        model: SkyModel,
        models: ModelsLike | None = None,
        kernel_width: AngleLike | None = None,
        mask: xr.DataArray | None = None,
        scheme: str = "exact",
        errors: bool = False,
        n_sigma: float = 1.0,
        n_sigma_ul: float = 2.0,
    ) -> xr.Dataset:
        """Fit the norm of a test source at every pixel. See `xgamma.estimators.maps.ts_map`."""
    def sensitivity(
        self,
        spectrum: Spectrum | None = None,
        n_sigma: float = 5.0,
        min_counts: float = 10.0,
        background_fraction: float = 0.05,
    ) -> xr.Dataset:
        """Compute the smallest detectable flux in each energy bin. See `xgamma.estimators.sensitivity.sensitivity`."""
    def variability(self, quantity: str = "flux") -> xr.Dataset:
        """Measure how much a light curve varies beyond its errors, and how fast. See `xgamma.estimators.variability.variability`."""
    def peek(self) -> Figure:
        """Plot an overview of a dataset: maps, or spectrum, exposure and dispersion. See `xgamma.plot.datasets.peek`."""
    def plot_counts(self, ax: Axes | None = None) -> Any:
        """Plot the counts spectrum with its background, as one bar per bin. See `xgamma.plot.datasets.plot_counts`."""
    def plot_edisp(self, position: PositionLike | None = None, ax: Axes | None = None) -> Any:
        """Plot the energy-dispersion matrix at a position. See `xgamma.plot.datasets.plot_edisp`."""
    def plot_fit(
        self,
        models: ModelsLike | None = None,
        method: str = "significance",
        axes: Sequence[Axes] | None = None,
    ) -> Any:
        """Plot the counts spectrum with its prediction, and the residuals below. See `xgamma.plot.fit.plot_fit`."""
    def plot_residuals(
        self,
        models: ModelsLike | None = None,
        method: str = "significance",
        correlation_radius: AngleLike = "0.1 deg",
        axes: Axes | Sequence[Axes] | None = None,
    ) -> Any:
        """Plot the residuals of the data with respect to the model, on the sky and over energy. See `xgamma.plot.fit.plot_residuals`."""
    def plot_spectrum(
        self,
        models: ModelsLike | None = None,
        axes: Sequence[Axes] | None = None,
        power: int = 2,
        **kwargs: Any,
    ) -> Any:
        """Plot flux points with the model, its error band, and the residuals below. See `xgamma.plot.spectra.plot_spectrum`."""
    def plot_regions(self, ax: WCSAxes | None = None) -> Any:
        """Plot the on region, the off regions and the pointings. See `xgamma.plot.regions.plot_regions`."""
    def to_fits(
        self, path: str | os.PathLike[str], overwrite: bool = False, checksum: bool = True
    ) -> None:
        """Write a dataset to a FITS file that gammapy and FITS viewers read. See `xgamma.io.fits_write.write_fits`."""
    def to_ogip(
        self, path: str | os.PathLike[str], overwrite: bool = False, energy_unit: str = "keV"
    ) -> None:
        """Write a spectrum to OGIP files: PHA, ARF, RMF and BKG. See `xgamma.io.ogip_write.write_ogip`."""
    def to_netcdf(
        self, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any
    ) -> None:
        """Write a dataset to NetCDF, compressed, with CF attributes. See `xgamma.io.storage.to_netcdf`."""
    def to_zarr(self, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any) -> None:
        """Write a dataset to Zarr (version 3), compressed, with CF attributes. See `xgamma.io.storage.to_zarr`."""
    def verify(self, errors: Literal["raise", "return"] = "raise") -> list[str]:
        """Read a file, store or archive completely, and report missing or damaged data. See `xgamma.io.verify.verify`."""

class GammaDataArray:
    """``da.gamma``: what a labelled array can do."""

    def __init__(self, obj: xr.DataArray) -> None: ...
    @property
    def frame(self) -> str:
        """Return the name of the celestial frame: ``icrs``, ``fk5`` or ``galactic``. See `xgamma.model.frame.frame_of`."""
    @property
    def wcs(self) -> WCS:
        """Return the parent WCS of a map. See `xgamma.model.frame.wcs_of`."""
    @property
    def center(self) -> SkyCoord:
        """Return the position of the centre of the map, in its frame. See `xgamma.model.sky.center`."""
    @property
    def lonlat(self) -> tuple[xr.DataArray, xr.DataArray]:
        """Return longitude and latitude of the pixel centres. See `xgamma.model.sky.lonlat`."""
    @property
    def solid_angle(self) -> xr.DataArray:
        """Return the solid angle of each pixel. See `xgamma.model.sky.solid_angle`."""
    def separation(self, position: PositionLike, irf: bool = False) -> xr.DataArray:
        """Return the angle between each pixel centre and a position. See `xgamma.model.sky.separation`."""
    def edges(self, dim: str) -> Quantity:
        """Return the n+1 edges of an axis as a quantity. See `xgamma.model.quantities.edges_of`."""
    def region_mask(self, regions: RegionsLike, inside: bool = True) -> xr.DataArray:
        """Return a mask of the pixels whose centre lies in any of the regions. See `xgamma.model.regions.region_mask`."""
    def boundary_mask(self, width: AngleLike) -> xr.DataArray:
        """Return a mask of the pixels farther than a margin from the edge of the map. See `xgamma.datasets.smooth.boundary_mask`."""
    def energy_mask(
        self,
        min: EnergyLike | None = None,
        max: EnergyLike | None = None,
        dim: str = "energy",
        round_to_edge: bool = False,
    ) -> xr.DataArray:
        """Return a mask of the energy bins that lie entirely within a range. See `xgamma.datasets.masks.energy_mask`."""
    def cutout(
        self, position: PositionLike, width: SizeLike, mode: str = "trim", name: str | None = None
    ) -> xr.DataArray:
        """Cut out a part of a map, including its coarse response grids. See `xgamma.datasets.cutout.cutout`."""
    @property
    def quantity(self) -> u.Quantity:
        """Return the values of a labelled array as a quantity. See `xgamma.core.units.quantity`."""
    def to_unit(self, unit: str) -> xr.DataArray:
        """Convert a labelled array to another unit. See `xgamma.core.units.convert`."""
    def smooth(self, width: AngleLike = "0.1 deg", kernel: str = "gauss") -> xr.DataArray:
        """Smooth a map with a kernel of unit sum. See `xgamma.datasets.smooth.smooth`."""
    def convolve(self, kernel: ArrayLike | xr.DataArray) -> xr.DataArray:
        """Convolve a map with a kernel of pixels. See `xgamma.datasets.smooth.convolve`."""
    def dilate(self, width: AngleLike, kernel: str = "disk") -> xr.DataArray:
        """Grow a mask by a margin. See `xgamma.datasets.smooth.dilate`."""
    def erode(self, width: AngleLike, kernel: str = "disk") -> xr.DataArray:
        """Shrink a mask by a margin; the edge of the map counts as outside. See `xgamma.datasets.smooth.erode`."""
    def radial_profile(
        self, center: PositionLike, edges: QuantityLike, how: str = "sum"
    ) -> xr.DataArray:
        """Sum or average a map over rings around a position. See `xgamma.datasets.profiles.radial_profile`."""
    def profile(self, edges: QuantityLike, along: str = "lon", how: str = "sum") -> xr.DataArray:
        """Sum or average a map over strips of longitude or latitude. See `xgamma.datasets.profiles.profile`."""
    def find_peaks(
        self, threshold: float | xr.DataArray = 5.0, min_distance: AngleLike | None = None
    ) -> xr.Dataset:
        """Find the local maxima of an image. See `xgamma.datasets.peaks.find_peaks`."""
    def upsample(self, factor: int, preserve_counts: bool = True) -> xr.DataArray:
        """Split each pixel of a map into smaller ones. See `xgamma.datasets.interp.upsample`."""
    def interp_to(self, template: LabelledLike, preserve_counts: bool = False) -> xr.DataArray:
        """Interpolate a map bilinearly at the pixel centres of another. See `xgamma.datasets.interp.interp_to`."""
    def reproject_to(
        self, template: LabelledLike, preserve_counts: bool = False, method: str = "exact"
    ) -> xr.DataArray:
        """Reproject a map onto the pixels of another by the overlap of pixels. See `xgamma.datasets.interp.reproject_to`."""
    def to_fits(
        self, path: str | os.PathLike[str], overwrite: bool = False, hdu: str = "PRIMARY"
    ) -> None:
        """Write one sky map to a FITS file. See `xgamma.io.fits_write.write_map`."""
    @property
    def image_wcs(self) -> Any:
        """Return the WCS of the image that the labels of a map describe. See `xgamma.plot.maps.image_wcs`."""
    def plot(
        self,
        ax: WCSAxes | None = None,
        stretch: str = "linear",
        cmap: str | Colormap | None = None,
        vmin: float | None = None,
        vmax: float | None = None,
        add_cbar: bool = True,
        regions: RegionsLike | None = None,
        mask: xr.DataArray | None = None,
        title: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Plot an image on the sky. See `xgamma.plot.maps.plot_map`."""
    def plot_grid(self, ncols: int = 3, add_cbar: bool = False, **kwargs: Any) -> Figure:
        """Plot a map, one panel per bin. See `xgamma.plot.maps.plot_grid`."""
    def plot_interactive(self, **kwargs: Any) -> Any:
        """Plot one bin at a time, chosen with a slider, in a notebook. See `xgamma.plot.maps.plot_interactive`."""

class GammaObservation:
    """``tree.gamma`` of an observation: events, good time intervals, pointing, responses."""

    def __init__(self, obj: xr.DataTree) -> None: ...
    def to_netcdf(
        self, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any
    ) -> None:
        """Write a collection, or an observation, to one NetCDF file with groups. See `xgamma.io.storage.tree_to_netcdf`."""
    def to_zarr(self, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any) -> None:
        """Write a collection, or an observation, to one Zarr store with groups. See `xgamma.io.storage.tree_to_zarr`."""
    def verify(self, errors: Literal["raise", "return"] = "raise") -> list[str]:
        """Read a file, store or archive completely, and report missing or damaged data. See `xgamma.io.verify.verify`."""
    @property
    def obs_id(self) -> int | str:
        """Return OBS_ID, or the name of the tree where there is none: a number where it is one. See `xgamma.dl3.observation.obs_id`."""
    @property
    def pointing(self) -> SkyCoord:
        """Return the pointing position. See `xgamma.dl3.observation.pointing`."""
    @property
    def pointing_altaz(self) -> SkyCoord:
        """Return the pointing in altitude and azimuth. See `xgamma.dl3.observation.pointing_altaz`."""
    @property
    def location(self) -> EarthLocation | None:
        """Return the location of the telescopes (GEOLON, GEOLAT in deg, ALTITUDE in m), or None. See `xgamma.dl3.observation.location`."""
    @property
    def tmid(self) -> Time:
        """Return the time halfway between first start and last stop, scale TT. See `xgamma.dl3.observation.tmid`."""
    @property
    def tstart(self) -> Time:
        """Return the start of the first good time interval, scale TT. See `xgamma.dl3.observation.tstart`."""
    @property
    def tstop(self) -> Time:
        """Return the end of the last good time interval, scale TT. See `xgamma.dl3.observation.tstop`."""
    @property
    def ontime(self) -> float:
        """Return the length of the good time in seconds, the union of its intervals (0 without any). See `xgamma.dl3.observation.ontime`."""
    @property
    def livetime(self) -> float:
        """Return the livetime in seconds: ontime x DEADC x phase fraction. See `xgamma.dl3.observation.livetime`."""
    @property
    def is_pointlike(self) -> bool:
        """Return whether the responses hold for a cut around the source (HDUCLAS3 POINT-LIKE). See `xgamma.dl3.observation.is_pointlike`."""
    @property
    def events(self) -> xr.Dataset:
        """The event list. See `xgamma.dl3.observation.group`."""
    @property
    def gti(self) -> xr.Dataset:
        """The good time intervals. See `xgamma.dl3.observation.group`."""
    def select_events(
        self,
        *,
        energy: tuple[Any, Any] | None = None,
        time: tuple[Any, Any] | None = None,
        offset: tuple[Any, Any] | None = None,
        region: RegionsLike | None = None,
        phase: PhasesLike | None = None,
        fraction: float | None = None,
        seed: int | None = None,
        **columns: object,
    ) -> xr.DataTree:
        """Select the events of an observation that fulfil all conditions. See `xgamma.dl3.selection.select_events`."""
    def field_counts(
        self,
        energy: xr.DataArray,
        offset: AnglesLike | None = None,
        field: AnglesLike | None = None,
        alignment: str = "RADEC",
        exclusion: ExclusionLike = None,
    ) -> xr.Dataset:
        """Count the events of a run in its field of view, and the exposure, outside exclusions. See `xgamma.acceptance.field_counts.field_counts`."""
    def with_background(self, model: xr.Dataset) -> xr.DataTree:
        """Return a run whose background response is that of a model. See `xgamma.acceptance.in_run.with_background`."""

class GammaCollection:
    """``tree.gamma`` of a collection of datasets, nested or not."""

    def __init__(self, obj: xr.DataTree) -> None: ...
    def to_netcdf(
        self, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any
    ) -> None:
        """Write a collection, or an observation, to one NetCDF file with groups. See `xgamma.io.storage.tree_to_netcdf`."""
    def to_zarr(self, path: str | os.PathLike[str], overwrite: bool = False, **kwargs: Any) -> None:
        """Write a collection, or an observation, to one Zarr store with groups. See `xgamma.io.storage.tree_to_zarr`."""
    def verify(self, errors: Literal["raise", "return"] = "raise") -> list[str]:
        """Read a file, store or archive completely, and report missing or damaged data. See `xgamma.io.verify.verify`."""
    @property
    def models(self) -> Models:
        """Return the models attached to a dataset, or to all datasets of a tree. See `xgamma.fitting.attached.models_of`."""
    def with_models(self, models: ModelsLike | None) -> xr.DataTree:
        """Attach models to a dataset, or to each dataset of a tree, as YAML text in its attributes. See `xgamma.fitting.attached.with_models`."""
    def stat_sum(self, models: ModelsLike | None = None, scheme: str = "exact") -> float:
        """Return the fit statistic summed over the bins in ``mask_safe`` and ``mask_fit``. See `xgamma.fitting.compare.stat_sum`."""
    def flux_points(
        self,
        source: str,
        energy_edges: EnergiesLike | None = None,
        models: ModelsLike | None = None,
        n_sigma: float = 1.0,
        n_sigma_ul: float = 2.0,
        norm_values: ArrayLike | None = None,
        refit: bool = False,
        scheme: str = "exact",
        progress: bool = False,
    ) -> xr.Dataset:
        """Fit the norm of a source in bands of reconstructed energy. See `xgamma.estimators.flux_points.flux_points`."""
    def energy_morphology(
        self,
        source: str,
        energy_edges: EnergiesLike,
        models: ModelsLike | None = None,
        backend: str = "minuit",
        scheme: str = "exact",
        **options: Any,
    ) -> xr.Dataset:
        """Fit the shape of a source in energy bands, and test it against a common shape. See `xgamma.estimators.energy_morphology.energy_morphology`."""
    def flux_profile(
        self,
        regions: RegionsLike,
        energy_edges: EnergiesLike | None = None,
        spectrum: Spectrum | None = None,
        models: ModelsLike | None = None,
        n_sigma: float = 1.0,
        n_sigma_ul: float = 2.0,
        norm_values: ArrayLike | None = None,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Compute the flux in each of several regions, in excess of known sources. See `xgamma.estimators.flux_profile.flux_profile`."""
    def nested_test(
        self,
        null: Mapping[str, Any],
        models: ModelsLike | None = None,
        backend: str = "minuit",
        scheme: str = "exact",
        **options: Any,
    ) -> xr.Dataset:
        """Test a model against a nested model in which some parameters are fixed or linked. See `xgamma.estimators.nested.nested_test`."""
    @property
    def names(self) -> list[str]:
        """Return the names of the datasets of a collection, in order. See `xgamma.datasets.collection.names_of`."""
    def dataset(self, which: str | int) -> xr.Dataset:
        """Return one dataset of a collection, by name or by number. See `xgamma.datasets.collection.dataset`."""
    def add(self, *parts: xr.Dataset) -> xr.DataTree:
        """Return the collection with datasets added at its end. See `xgamma.datasets.collection.add`."""
    def remove(self, *names: str) -> xr.DataTree:
        """Return the collection without some datasets. See `xgamma.datasets.collection.remove`."""
    def map(
        self, function: Callable[..., xr.Dataset], *args: object, **kwargs: object
    ) -> xr.DataTree:
        """Apply a function to each dataset of a collection. See `xgamma.datasets.collection.map_datasets`."""
    def slice_energy(
        self, min: EnergyLike | None = None, max: EnergyLike | None = None
    ) -> xr.DataTree:
        """Cut every dataset to an energy range, leaving out those without a bin in it. See `xgamma.datasets.collection_energies.slice_energies`."""
    @property
    def energy_ranges(self) -> xr.Dataset:
        """Return the lowest and highest energy used in each dataset. See `xgamma.datasets.collection_energies.energy_ranges`."""
    def stack_reduce(self, name: str | None = None) -> xr.Dataset:
        """Stack all datasets of a collection into one. See `xgamma.datasets.collection.stack_reduce`."""
    def info_table(self, cumulative: bool = False) -> Any:
        """Summarise a collection as a table, with one row per dataset. See `xgamma.estimators.info.info_table`."""
    def cumulative(self, region: RegionsLike | None = None) -> xr.Dataset:
        """Return the per-run table, and its running sums with their significance. See `xgamma.datasets.cumulative.cumulative`."""
    def light_curve(
        self,
        source: str,
        energy_edges: EnergiesLike | None = None,
        time_intervals: TimesLike | None = None,
        models: ModelsLike | None = None,
        n_sigma: float = 1.0,
        n_sigma_ul: float = 2.0,
        norm_values: ArrayLike | None = None,
        refit: bool = False,
        scheme: str = "exact",
    ) -> xr.Dataset:
        """Fit the norm of a source in time intervals. See `xgamma.estimators.light_curve.light_curve`."""
    def each_background(
        self, background: str, observations: RunsLike | None = None, **options: Any
    ) -> xr.DataTree:
        """Run a background method on each dataset of a collection. See `xgamma.background.collection.each_background`."""
    def fov_background(
        self,
        exclusion: ExclusionLike | None = None,
        *,
        method: str = "scale",
        spectral_model: str = "norm",
        min_counts: float = 0,
        min_npred_background: float = 0,
        energy_groups: GroupsLike = None,
    ) -> xr.DataTree:
        """Scale or fit the background of each dataset. See `xgamma.background.collection.each_background`."""
    def ring_background(
        self, r_in: AngleLike, width: AngleLike, *, exclusion: ExclusionLike | None = None
    ) -> xr.DataTree:
        """Off counts from rings, in each dataset. See `xgamma.background.collection.each_background`."""
    def adaptive_ring_background(
        self,
        r_in: AngleLike,
        width: AngleLike,
        r_out_max: AngleLike,
        *,
        stepsize: AngleLike = "0.02 deg",
        threshold_alpha: float = 0.1,
        theta: AngleLike = "0.22 deg",
        method: str = "fixed_width",
        exclusion: ExclusionLike | None = None,
    ) -> xr.DataTree:
        """Off counts from growing rings, in each dataset. See `xgamma.background.collection.each_background`."""
    def reflected_background(
        self,
        observations: RunsLike | None = None,
        *,
        exclusion: ExclusionLike | None = None,
        angle_increment: AngleLike = "0.1 rad",
        min_distance: AngleLike = "0 rad",
        min_distance_input: AngleLike = "0.1 rad",
        max_region_number: int = 10000,
        n_off_regions: int | None = None,
        scheme: str = "exact",
    ) -> xr.DataTree:
        """Off counts from reflected regions, for each dataset. See `xgamma.background.collection.each_background`."""
    def phase_background(
        self,
        observations: RunsLike | None = None,
        *,
        on_phase: PhasesLike,
        off_phase: PhasesLike,
        column: str = "phase",
    ) -> xr.DataTree:
        """Off counts from the off phase, for each dataset. See `xgamma.background.collection.each_background`."""
    def off_run_background(
        self,
        observations: RunsLike | None = None,
        *,
        off: OffRunsLike,
        scale: str = "exposure",
        exclusion: ExclusionLike = None,
        off_exclusion: ExclusionLike = None,
        control_offset: AngleLike = 2.0,
    ) -> xr.DataTree:
        """Off counts from another run, for each dataset. See `xgamma.background.collection.each_background`."""

class GammaDataTree(GammaObservation, GammaCollection):
    """What ``xr.DataTree.gamma`` lists: the members of both accessors of trees."""
