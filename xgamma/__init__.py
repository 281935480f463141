"""Gamma-ray astronomy on xarray: from DL3 event lists to labelled maps, spectra and fits."""

from typing import TYPE_CHECKING, Any

from xgamma import accessors as _accessors  # noqa: F401  (registers ds.gamma)
from xgamma._version import __version__  # noqa: F401
from xgamma.core.late import late_names
from xgamma.errors import (
    AccessorError,
    ArgumentTypeError,
    AxisError,
    FrameError,
    MissingDataError,
    MissingFileError,
    MissingPackageError,
    OutsideError,
    UnitError,
    WriteError,
    XGammaError,
    XGammaWarning,
)

if TYPE_CHECKING:
    from xgamma.irf.validation import validate as validate
    from xgamma.model.create import create_map as create_map
    from xgamma.model.create import create_spectrum as create_spectrum
    from xgamma.model.make_axes import axis_from_edges as axis_from_edges
    from xgamma.model.make_axes import energy_axis as energy_axis
    from xgamma.model.make_axes import energy_axis_from_edges as energy_axis_from_edges
    from xgamma.model.make_axes import migra_axis as migra_axis
    from xgamma.model.make_axes import rad_axis as rad_axis

# Loaded at first use: `import xgamma` takes as long as that of xarray, and no more.
_LAZY: dict[str, str] = {
    "axis_from_edges": "xgamma.model.make_axes",
    "energy_axis": "xgamma.model.make_axes",
    "energy_axis_from_edges": "xgamma.model.make_axes",
    "migra_axis": "xgamma.model.make_axes",
    "rad_axis": "xgamma.model.make_axes",
    "create_map": "xgamma.model.create",
    "create_spectrum": "xgamma.model.create",
    "fill": "xgamma.makers.fill",
    "validate": "xgamma.irf.validation",
    "coarse_mask": "xgamma.datasets.masks",
    "collect": "xgamma.datasets.collection",
    "reduce": "xgamma.reduction.front",
    "effective_livetime_map": "xgamma.makers.livetime_map",
    "observation_time_map": "xgamma.makers.livetime_map",
    "BackgroundRecord": "xgamma.background.registry",
    "find_background": "xgamma.background.registry",
    "list_backgrounds": "xgamma.background.registry",
    "register_background": "xgamma.background.registry",
    "reflected_regions": "xgamma.background.region_finder",
    "theta2": "xgamma.estimators.theta2",
    "ring_regions": "xgamma.model.region_series",
    "slice_regions": "xgamma.model.region_series",
    "flux_profile": "xgamma.estimators.flux_profile",
    "adaptive_smooth": "xgamma.estimators.adaptive_smooth",
    "find_peaks": "xgamma.datasets.peaks",
    "safe_mask": "xgamma.makers.safe_mask",
    "SafeMaskRecord": "xgamma.makers.safe_masks.registry",
    "find_safe_mask": "xgamma.makers.safe_masks.registry",
    "list_safe_masks": "xgamma.makers.safe_masks.registry",
    "register_safe_mask": "xgamma.makers.safe_masks.registry",
    "stack": "xgamma.datasets.stack:stack_all",
    "set_options": "xgamma.core.options",
    "read_fits": "xgamma.io.fits",
    "read_ogip": "xgamma.io.ogip_read",
    "open": "xgamma.io.opening",
    "FormatRecord": "xgamma.io.registry",
    "find_format": "xgamma.io.registry",
    "list_formats": "xgamma.io.registry",
    "register_format": "xgamma.io.registry",
    "read_flux_points": "xgamma.io.flux_points",
    "write_flux_points": "xgamma.io.flux_points",
    "verify": "xgamma.io.verify",
    "write_archive": "xgamma.dl3.archive",
    "convert": "xgamma.dl3.convert",
    "read_map": "xgamma.io.fits_maps",
    "open_store": "xgamma.dl3.opening",
    "select_events": "xgamma.dl3.selection",
    "fit": "xgamma.fitting.fit",
    "energy_morphology": "xgamma.estimators.energy_morphology",
    "nested_test": "xgamma.estimators.nested",
    "stat_sum": "xgamma.fitting.compare",
    "flux_points": "xgamma.estimators.flux_points",
    "light_curve": "xgamma.estimators.light_curve",
    "variability": "xgamma.estimators.variability",
    "discrete_correlation": "xgamma.estimators.correlation",
    "sensitivity": "xgamma.estimators.sensitivity",
    "excess_map": "xgamma.estimators.maps",
    "ts_map": "xgamma.estimators.maps",
    "read_flux_maps": "xgamma.estimators.flux_map_files",
    "write_flux_maps": "xgamma.estimators.flux_map_files",
    "sample_events": "xgamma.simulate.events",
    "plot_spectrum": "xgamma.plot.spectra",
    "plot_flux_points": "xgamma.plot.spectra",
    "FoVBackground": "xgamma.modeling.sky_model",
    "Models": "xgamma.modeling.models",
    "SkyModel": "xgamma.modeling.sky_model",
    "TemplateNPred": "xgamma.modeling.sky_model",
    "BrokenPowerLaw": "xgamma.modeling.spectral",
    "ScaledSpectrum": "xgamma.modeling.scaled_spectrum",
    "CompoundSpectrum": "xgamma.modeling.spectrum_base",
    "Constant": "xgamma.modeling.spectral",
    "ExpCutoffPowerLaw": "xgamma.modeling.spectral",
    "ExpCutoffPowerLaw3FGL": "xgamma.modeling.spectral",
    "ExpCutoffPowerLawNorm": "xgamma.modeling.spectral",
    "LineSpectrum": "xgamma.modeling.spectral",
    "LogParabola": "xgamma.modeling.spectral",
    "LogParabola2": "xgamma.modeling.spectral",
    "LogParabolaNorm": "xgamma.modeling.spectral",
    "PiecewiseNorm": "xgamma.modeling.spectral",
    "PowerLaw": "xgamma.modeling.spectral",
    "PowerLaw2": "xgamma.modeling.spectral",
    "PowerLawNorm": "xgamma.modeling.spectral",
    "SmoothBrokenPowerLaw": "xgamma.modeling.spectral",
    "SuperExpCutoff3FGL": "xgamma.modeling.spectral",
    "SuperExpCutoff4FGL": "xgamma.modeling.spectral",
    "SuperExpCutoff4FGLDR3": "xgamma.modeling.spectral",
    "TemplateSpectrum": "xgamma.modeling.spectral",
    "TemplateSpectrumND": "xgamma.modeling.template_nd",
    "EBLAbsorption": "xgamma.modeling.ebl",
    "NaimaSpectrum": "xgamma.modeling.naima_spectrum",
    "read_ebl": "xgamma.modeling.ebl",
    "ConstantSpatial": "xgamma.modeling.spatial",
    "Disk": "xgamma.modeling.spatial",
    "Gaussian": "xgamma.modeling.spatial",
    "GeneralizedGaussian": "xgamma.modeling.spatial",
    "PointSource": "xgamma.modeling.spatial",
    "Shell": "xgamma.modeling.spatial",
    "Shell2": "xgamma.modeling.spatial",
    "PiecewiseNormSpatial": "xgamma.modeling.spatial_norms",
    "TemplateMap": "xgamma.modeling.template_map",
    "TemplateMapND": "xgamma.modeling.template_nd",
    "ConstantTemporal": "xgamma.modeling.temporal",
    "LightCurve": "xgamma.modeling.temporal",
    "PhaseCurve": "xgamma.modeling.temporal",
    "read_light_curve": "xgamma.modeling.temporal",
    "ExpDecayTemporal": "xgamma.modeling.temporal_laws",
    "GaussianTemporal": "xgamma.modeling.temporal_laws",
    "GeneralizedGaussianTemporal": "xgamma.modeling.temporal_laws",
    "LinearTemporal": "xgamma.modeling.temporal_laws",
    "PowerLawTemporal": "xgamma.modeling.temporal_laws",
    "SineTemporal": "xgamma.modeling.temporal_laws",
    "Parameter": "xgamma.modeling.parameter",
    "gaussian_prior": "xgamma.modeling.prior",
    "generalized_gaussian_prior": "xgamma.modeling.prior",
    "log_uniform_prior": "xgamma.modeling.prior",
    "uniform_prior": "xgamma.modeling.prior",
    "find_response": "xgamma.irf.registry",
    "list_responses": "xgamma.irf.registry",
    "register_response": "xgamma.irf.registry",
    "ModelRecord": "xgamma.modeling.registry",
    "find_model": "xgamma.modeling.registry",
    "list_models": "xgamma.modeling.registry",
    "register_model": "xgamma.modeling.registry",
}

__all__ = [
    "AccessorError",
    "ArgumentTypeError",
    "AxisError",
    "FrameError",
    "MissingDataError",
    "MissingFileError",
    "MissingPackageError",
    "OutsideError",
    "UnitError",
    "WriteError",
    "XGammaError",
    "XGammaWarning",
    *sorted(_LAZY),
]

_find = late_names("xgamma", _LAZY)


def __getattr__(name: str) -> Any:
    return _find(name)


def __dir__() -> list[str]:
    return sorted(__all__)
