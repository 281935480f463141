"""``ds.gamma``: what a dataset can do."""

from __future__ import annotations

import xarray as xr

from xgamma.accessors.members import Method, Property
from xgamma.accessors.shared import OfDatasets, OnSky

__all__ = ["GammaDataset"]


@xr.register_dataset_accessor("gamma")
class GammaDataset(OfDatasets, OnSky):
    """``ds.gamma``: what a dataset can do."""

    kind = Property("xgamma.model.schema")
    validate = Method("xgamma.irf.validation")
    quantity = Method("xgamma.model.quantities:values_of")

    # --- fill with a run ---
    fill = Method("xgamma.makers.fill")
    fill_counts = Method("xgamma.makers.fill:fill", "Fill counts only.", fixed={"select": "counts"})
    fill_exposure = Method(
        "xgamma.makers.fill:fill", "Fill the exposure only.", fixed={"select": "exposure"}
    )
    fill_background = Method(
        "xgamma.makers.fill:fill", "Fill the background only.", fixed={"select": "background"}
    )
    fill_psf = Method(
        "xgamma.makers.fill:fill", "Fill the point spread function only.", fixed={"select": "psf"}
    )
    fill_edisp = Method(
        "xgamma.makers.fill:fill", "Fill the energy dispersion only.", fixed={"select": "edisp"}
    )
    with_responses = Method("xgamma.datasets.responses")
    safe_mask = Method("xgamma.makers.safe_mask")
    exposure_image = Method("xgamma.makers.exposure")
    stack = Method("xgamma.datasets.stack")
    cumulative = Method("xgamma.datasets.cumulative", fixed={"region": None})

    # --- background ---
    fov_background = Method("xgamma.background.fov", fixed={"obs": None}, positional=["exclusion"])
    ring_background = Method(
        "xgamma.background.ring", fixed={"obs": None}, positional=["r_in", "width"]
    )
    adaptive_ring_background = Method(
        "xgamma.background.ring", fixed={"obs": None}, positional=["r_in", "width", "r_out_max"]
    )
    reflected_background = Method("xgamma.background.reflected")
    phase_background = Method("xgamma.background.phase", positional=["on_phase", "off_phase"])
    off_run_background = Method("xgamma.background.off_run")
    alpha = Property("xgamma.datasets.onoff")
    background = Property("xgamma.datasets.onoff")
    excess = Property("xgamma.datasets.onoff")
    to_onoff = Method("xgamma.datasets.onoff")
    from_onoff = Method("xgamma.datasets.onoff")
    off_regions = Property("xgamma.plot.regions")

    # --- look, cut, rebin, collapse ---
    info = Method("xgamma.estimators.info")
    info_dict = Method("xgamma.estimators.info")
    mask = Property("xgamma.datasets.masks")
    mask_image = Property("xgamma.datasets.masks")
    energy_range = Property("xgamma.datasets.energy_range")
    energy_range_safe = Property(
        "xgamma.datasets.energy_range:energy_range",
        "Lowest and highest energy of the safe mask at each pixel.",
        fixed={"which": "mask_safe"},
    )
    energy_range_fit = Property(
        "xgamma.datasets.energy_range:energy_range",
        "Lowest and highest energy of the fit mask at each pixel.",
        fixed={"which": "mask_fit"},
    )
    energy_range_total = Property("xgamma.datasets.energy_range")
    energy_range_total_safe = Property(
        "xgamma.datasets.energy_range:energy_range_total",
        "Lowest and highest energy of the safe mask anywhere.",
        fixed={"which": "mask_safe"},
    )
    energy_range_total_fit = Property(
        "xgamma.datasets.energy_range:energy_range_total",
        "Lowest and highest energy of the fit mask anywhere.",
        fixed={"which": "mask_fit"},
    )
    to_masked = Method("xgamma.datasets.masks")
    slice_energy = Method("xgamma.datasets.select")
    pad = Method("xgamma.datasets.select")
    downsample = Method("xgamma.datasets.resample")
    upsample = Method("xgamma.datasets.upsample")
    interp_to = Method("xgamma.datasets.regrid")
    reproject_to = Method("xgamma.datasets.regrid")
    resample_energy = Method("xgamma.datasets.resample")
    to_image = Method("xgamma.datasets.resample")
    to_spectrum = Method("xgamma.datasets.collapse")
    to_region = Method("xgamma.datasets.collapse")
    to_map = Method("xgamma.datasets.onoff:from_onoff")

    # --- responses ---
    at_position = Method("xgamma.irf.queries")
    psf_containment_radius = Method("xgamma.irf.queries")
    psf_kernel = Method("xgamma.irf.kernels")
    edisp_kernel = Method("xgamma.irf.dispersion")
    edisp_bias_resolution = Method("xgamma.irf.dispersion")

    # --- predict, compare, simulate ---
    npred = Method("xgamma.fitting.predict")
    npred_signal = Method("xgamma.fitting.predict")
    npred_background = Method("xgamma.fitting.predict")
    stat_array = Method("xgamma.fitting.compare")
    residuals = Method("xgamma.fitting.compare")
    model_significance = Method("xgamma.fitting.compare")
    fake = Method("xgamma.simulate.counts")
    asimov = Method("xgamma.simulate.counts")
    sample_events = Method("xgamma.simulate.events")

    # --- estimate ---
    significance = Method("xgamma.estimators.significance")
    significance_profile = Method("xgamma.estimators.significance")
    adaptive_smooth = Method("xgamma.estimators.adaptive_smooth")
    excess_map = Method("xgamma.estimators.maps")
    ts_map = Method("xgamma.estimators.maps")
    sensitivity = Method("xgamma.estimators.sensitivity")
    variability = Method("xgamma.estimators.variability")

    # --- plots ---
    peek = Method("xgamma.plot.datasets")
    plot_counts = Method("xgamma.plot.datasets")
    plot_edisp = Method("xgamma.plot.datasets")
    plot_fit = Method("xgamma.plot.fit")
    plot_residuals = Method("xgamma.plot.fit")
    plot_spectrum = Method("xgamma.plot.spectra")
    plot_regions = Method("xgamma.plot.regions")

    # --- files ---
    to_fits = Method("xgamma.io.fits_write:write_fits")
    to_ogip = Method("xgamma.io.ogip_write:write_ogip")
    to_netcdf = Method("xgamma.io.storage")
    to_zarr = Method("xgamma.io.storage")
    verify = Method("xgamma.io.verify")
