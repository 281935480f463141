"""Gamma-ray astronomy on xarray: from DL3 event lists to labelled maps, spectra and fits."""

from typing import Any

from xgamma import accessors as _accessors  # noqa: F401  (registers ds.gamma)
from xgamma._version import __version__  # noqa: F401
from xgamma.core.late import late_names
from xgamma.errors import (
    AxisError,
    FrameError,
    MissingDataError,
    UnitError,
    XGammaError,
    XGammaWarning,
)
from xgamma.model.axes import (
    axis_from_edges,
    energy_axis,
    energy_axis_from_edges,
    migra_axis,
    rad_axis,
)
from xgamma.model.create import create_map, create_spectrum, validate

# Loaded at first use: they need more of astropy and scipy than a notebook's first cell should.
_LAZY: dict[str, str] = {
    "fill": "xgamma.makers.fill",
    "coarse_mask": "xgamma.datasets.masks",
    "collect": "xgamma.datasets.collection",
    "reduce": "xgamma.reduction.front",
    "effective_livetime_map": "xgamma.makers.livetime_map",
    "observation_time_map": "xgamma.makers.livetime_map",
    "reflected_regions": "xgamma.background.region_finder",
    "theta2": "xgamma.estimators.theta2",
    "ring_regions": "xgamma.model.region_series",
    "slice_regions": "xgamma.model.region_series",
    "flux_profile": "xgamma.estimators.flux_profile",
    "adaptive_smooth": "xgamma.estimators.adaptive_smooth",
    "find_peaks": "xgamma.datasets.peaks",
    "safe_mask": "xgamma.makers.safe_mask",
    "stack": "xgamma.datasets.stack:stack_all",
    "set_options": "xgamma.core.options",
    "read_fits": "xgamma.io.fits",
    "read_ogip": "xgamma.io.ogip_read",
    "open": "xgamma.io.opening",
    "read_flux_points": "xgamma.io.flux_points",
    "write_flux_points": "xgamma.io.flux_points",
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
    "sensitivity": "xgamma.estimators.sensitivity",
    "excess_map": "xgamma.estimators.maps",
    "ts_map": "xgamma.estimators.maps",
    "sample_events": "xgamma.simulate.events",
    "plot_spectrum": "xgamma.plot.spectra",
    "plot_flux_points": "xgamma.plot.spectra",
    "FoVBackground": "xgamma.modeling.sky_model",
    "Models": "xgamma.modeling.sky_model",
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
    "ModelRecord": "xgamma.modeling.registry",
    "find_model": "xgamma.modeling.registry",
    "list_models": "xgamma.modeling.registry",
    "register_model": "xgamma.modeling.registry",
}

__all__ = [
    "AxisError",
    "FrameError",
    "MissingDataError",
    "UnitError",
    "XGammaError",
    "XGammaWarning",
    "axis_from_edges",
    "create_map",
    "create_spectrum",
    "energy_axis",
    "energy_axis_from_edges",
    "migra_axis",
    "rad_axis",
    "validate",
    *sorted(_LAZY),
]

_find = late_names("xgamma", _LAZY)


def __getattr__(name: str) -> Any:
    return _find(name)


def __dir__() -> list[str]:
    return sorted(__all__)
