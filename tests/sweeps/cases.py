"""A call of every public function and method, and the small datasets that they are called with."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import astropy.units as u
import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import SkyCoord

import xgamma as xg
from tests.helpers.doors import functions, methods
from xgamma.dl3 import simulate_observation
from xgamma.tutorial import example_model

SOURCE = "83.63d 22.01d"
REGION = "icrs;circle(83.63, 22.01, 0.2)"
# Plain numbers would be a position in the frame of the map.
CENTER = SkyCoord(83.63, 22.01, unit="deg")


@cache
def run() -> xr.DataTree:
    """A simulated run on a source like the Crab nebula."""
    return simulate_observation("83.63d 22.31d", SOURCE, seed=3)


@cache
def other_run() -> xr.DataTree:
    """A simulated run on an empty field."""
    return simulate_observation("20d 22.31d", None, target="20d 22d", seed=4, obs_id=2)


@cache
def phased() -> xr.DataTree:
    """The same run with a phase for each event."""
    obs = run().copy(deep=True)
    phase = np.random.default_rng(1).uniform(size=obs["events"].sizes["event"])
    obs["events"] = xr.DataTree(obs["events"].to_dataset().assign(phase=("event", phase)))
    return obs


def template(**kwargs: Any) -> xr.Dataset:
    """What the maps are filled into: three energies, 14 by 14 pixels."""
    settings = {"npix": 14, "binsz": "0.1 deg", "binsz_irf": "0.4 deg", "name": "small"}
    return xg.create_map(
        CENTER,
        energy=xg.energy_axis("1 TeV", "10 TeV", 3),
        energy_true=xg.energy_axis("0.4 TeV", "25 TeV", 9, name="energy_true"),
        rad=xg.rad_axis("0.5 deg", 25),
        **(settings | kwargs),
    )


@cache
def _map() -> xr.Dataset:
    ds = xg.fill(template(), run()).gamma.with_models(example_model())
    near = ds.gamma.separation(SOURCE) < 0.6
    return ds.assign(mask_safe=(near & (ds.energy < 7)).transpose("energy", "y", "x"))


@cache
def _spectrum() -> xr.Dataset:
    axes = {k: v for k, v in template().coords.items() if k in ("energy", "energy_true")}
    empty = xg.create_spectrum("icrs;circle(83.63, 22.01, 0.1)", **axes, name="small")
    filled = xg.fill(empty, run(), ["counts", "exposure", "edisp"], containment_correction=True)
    on_off = filled.gamma.reflected_background(run())
    source = xg.SkyModel(example_model().spectral, name="crab")
    return on_off.gamma.with_models(source)


def made() -> dict[str, xr.Dataset]:
    """The datasets from which all others are made."""
    return {"map": _map().copy(deep=True), "spectrum": _spectrum().copy(deep=True)}


def later(ds: xr.Dataset) -> dict[str, xr.Variable]:
    """The good time of a dataset, two hours later."""
    hours = 7200 * u.s.to(ds.gti_start.attrs["units"])
    return {n: ds[n].variable + hours for n in ("gti_start", "gti_stop")}


# From these two each kind of thing that a function may be called with.
KINDS: dict[str, Callable[[dict[str, xr.Dataset]], Any]] = {
    "map": lambda w: w["map"],
    "spectrum": lambda w: w["spectrum"],
    "onoff": lambda w: w["map"].gamma.to_onoff(
        counts_off=10 * w["map"].counts, acceptance=1.0, acceptance_off=10.0
    ),
    "counts": lambda w: w["map"].counts,
    "image": lambda w: w["map"].counts.isel(energy=0, drop=True),
    "mask": lambda w: w["map"].counts > 0,
    "maps": lambda w: [w["map"], w["map"].assign_attrs(name="again")],
    "tree": lambda w: xg.collect([w["map"], w["map"].assign_attrs(name="again")]),
    "points": lambda w: xg.flux_points(w["map"], "crab", [1, 10]),
    "norms": lambda w: xg.ts_map(w["map"], example_model(), kernel_width="0.5 deg"),
    "curve": lambda w: xg.light_curve(
        [w["spectrum"], w["spectrum"].assign_attrs(name="again").assign(later(w["spectrum"]))],
        "crab",
        [1, 10],
    ),
    "spectra": lambda w: xg.collect([w["spectrum"]]),
    "run": lambda w: run(),
    "runs": lambda w: [run()],
}


class Case(NamedTuple):
    """How a function is called: with what, and the other arguments."""

    on: str
    arguments: Callable[[dict[str, xr.Dataset]], dict[str, Any]] = lambda w: {}
    # What cannot be compared: drawings, files, models.
    compare: bool = True
    rtol: float = 1e-5
    # The end of the names of results that are not compared.
    leave: str = "-"


def file(path: str) -> Case:
    return Case("map", lambda w: {"path": w["folder"] / path, "overwrite": True}, compare=False)


CASES: dict[str, Case] = {
    "adaptive_smooth.adaptive_smooth": Case(
        "map", lambda w: {"scales": [0.1, 0.2], "threshold": 2}
    ),
    "collapse.to_region": Case("map", lambda w: {"region": REGION}),
    "collapse.to_spectrum": Case("map", lambda w: {"region": REGION}),
    "collection.add": Case("tree"),
    "collection.collect": Case("maps"),
    "collection.dataset": Case("tree", lambda w: {"which": 0}),
    "collection.names_of": Case("tree"),
    "collection_energies.energy_ranges": Case("tree"),
    "collection.map_datasets": Case("tree", lambda w: {"function": lambda ds: ds.gamma.to_image()}),
    "collection.remove": Case("tree"),
    "collection_energies.slice_energies": Case("tree", lambda w: {"min": "2 TeV"}),
    "collection.stack_reduce": Case("tree"),
    "cumulative.cumulative": Case("map"),
    "cutout.cutout": Case("map", lambda w: {"position": CENTER, "width": "0.8 deg"}),
    "energy_range.energy_range": Case("map"),
    "energy_range.energy_range_total": Case("map"),
    "info.info": Case("map", compare=False),
    "info.info_dict": Case("map"),
    "info.info_table": Case("tree", compare=False),
    "interp.interp_to": Case("counts", lambda w: {"template": template(binsz="0.15 deg")}),
    "interp.reproject_to": Case("image", lambda w: {"template": template(binsz="0.15 deg")}),
    "interp.upsample": Case("counts", lambda w: {"factor": 2}),
    "masks.coarse_mask": Case("map"),
    "masks.energy_mask": Case("map", lambda w: {"min": "2 TeV"}),
    "masks.mask": Case("map"),
    "masks.mask_image": Case("map"),
    "masks.to_masked": Case("map"),
    "onoff.alpha": Case("onoff"),
    "onoff.background": Case("onoff"),
    "onoff.excess": Case("onoff"),
    "onoff.from_onoff": Case("onoff"),
    "onoff.to_onoff": Case(
        "map", lambda w: {"counts_off": 5, "acceptance": 1.0, "acceptance_off": 10.0}
    ),
    "peaks.find_peaks": Case("image", lambda w: {"threshold": 0.5}),
    "regrid.interp_to": Case("map", lambda w: {"template": template(binsz="0.15 deg")}),
    "regrid.reproject_to": Case("map", lambda w: {"template": template(npix=6)}),
    "responses.with_responses": Case(
        "map", lambda w: {"exposure": template().energy_true.copy().assign_attrs(units="m2 s")}
    ),
    "resample.downsample": Case("map", lambda w: {"factor": 2}),
    "resample.resample_energy": Case("map", lambda w: {"edges": ["1 TeV", "10 TeV"]}),
    "resample.to_image": Case("map"),
    "select.pad": Case("map", lambda w: {"width": 1}),
    "select.slice_energy": Case("map", lambda w: {"min": "2 TeV"}),
    "significance.significance": Case("map", lambda w: {"correlation_radius": "0.2 deg"}),
    "significance.significance_profile": Case(
        "map", lambda w: {"center": CENTER, "radii": [0, 0.1, 0.3]}
    ),
    "smooth.boundary_mask": Case("map", lambda w: {"width": "0.2 deg"}),
    "smooth.convolve": Case("counts", lambda w: {"kernel": np.ones((3, 3))}),
    "smooth.dilate": Case("mask", lambda w: {"width": "0.1 deg"}),
    "smooth.erode": Case("mask", lambda w: {"width": "0.1 deg"}),
    "profiles.profile": Case("counts", lambda w: {"edges": [-0.5, 0, 0.5]}),
    "profiles.radial_profile": Case("counts", lambda w: {"center": CENTER, "edges": [0, 0.2, 0.5]}),
    "smooth.smooth": Case("counts"),
    "stack.stack": Case("map"),
    "stack.stack_all": Case("maps"),
    "theta2.theta2": Case("runs", lambda w: {"position": CENTER, "max": "0.04 deg2"}),
    "upsample.upsample": Case("map", lambda w: {"factor": 2}),
    "fits_write.write_fits": file("a.fits"),
    "fits_write.write_map": file("b.fits")._replace(on="counts"),
    "flux_points.write_flux_points": file("c.fits")._replace(on="points"),
    "flux_map_files.write_flux_maps": file("d.fits")._replace(on="norms"),
    "datasets_files.write_datasets": file("a.yaml")._replace(on="tree"),
    "ogip_write.write_ogip": file("pha_obs1.fits")._replace(on="spectrum"),
    "storage.to_netcdf": file("a.nc"),
    "storage.to_zarr": file("a.zarr"),
    "storage.tree_to_netcdf": file("b.nc")._replace(on="tree"),
    "storage.tree_to_zarr": file("b.zarr")._replace(on="tree"),
    "kernels.psf_kernel": Case("map"),
    "queries.at_position": Case("map", lambda w: {"name": "exposure"}),
    "dispersion.edisp_bias_resolution": Case("map"),
    "dispersion.edisp_kernel": Case("map"),
    "queries.psf_containment_radius": Case("map", lambda w: {"energy_true": "2 TeV"}),
    "collection.each_background": Case(
        "spectra", lambda w: {"background": "reflected", "observations": [run()]}
    ),
    "exposure.exposure_image": Case("map"),
    "fill.fill": Case("map", lambda w: {"obs": run()}),
    "fov.fov_background": Case("map"),
    "livetime_map.effective_livetime_map": Case("runs", lambda w: {"into": w["map"]}),
    "livetime_map.observation_time_map": Case("runs", lambda w: {"into": w["map"]}),
    "front.reduce": Case("runs", lambda w: {"into": w["map"], "progress": False}),
    "reflected.reflected_background": Case("spectrum", lambda w: {"obs": run()}),
    "ring.adaptive_ring_background": Case(
        "map", lambda w: {"r_in": "0.2 deg", "width": "0.1 deg", "r_out_max": "0.5 deg"}
    ),
    "ring.ring_background": Case("map", lambda w: {"r_in": "0.2 deg", "width": "0.1 deg"}),
    "safe_mask.safe_mask": Case("map", lambda w: {"obs": run(), "methods": "aeff-max"}),
    "attached.models_of": Case("map", compare=False),
    "attached.with_models": Case("map", lambda w: {"models": example_model()}),
    "compare.residuals": Case("map"),
    "compare.stat_array": Case("map"),
    "compare.stat_sum": Case("map"),
    "compare.model_significance": Case("map"),
    # Errors of positions on so small a map are NaN or not by the last digits of a fit.
    "energy_morphology.energy_morphology": Case(
        "map",
        lambda w: {"source": "crab", "energy_edges": [2.154435, 4.641589, 10]},
        rtol=0.1,
        leave="_err",
    ),
    "events.sample_events": Case("map", lambda w: {"seed": 1}, compare=False),
    # MIGRAD stops within its tolerance.
    "fit.fit": Case("spectrum", rtol=1e-3),
    "flux_profile.flux_profile": Case(
        "map", lambda w: {"regions": xg.ring_regions(SOURCE, [0, 0.2, 0.4]), "models": []}
    ),
    "light_curve.light_curve": Case("spectra", lambda w: {"source": "crab"}),
    "maps.excess_map": Case("map"),
    "maps.ts_map": Case("map", lambda w: {"model": example_model(), "kernel_width": "0.5 deg"}),
    # The difference of two fits, each to within MIGRAD's tolerance.
    "nested.nested_test": Case("spectrum", lambda w: {"null": {"spectral.index": 2.0}}, rtol=1e-2),
    "spectra.plot_flux_points": Case("points", compare=False),
    "spectra.plot_spectrum": Case("points", compare=False),
    "flux_points.flux_points": Case(
        "spectrum", lambda w: {"source": "crab", "energy_edges": ["1 TeV", "10 TeV"]}
    ),
    "predict.npred": Case("map"),
    "predict.npred_background": Case("map"),
    "predict.npred_signal": Case("map"),
    "sensitivity.sensitivity": Case("spectrum"),
    "counts.asimov": Case("map"),
    "counts.fake": Case("map", lambda w: {"seed": 1}, compare=False),
    "variability.variability": Case("curve"),
    "correlation.discrete_correlation": Case("curve"),
    "datasets.peek": Case("map", compare=False),
    "datasets.plot_counts": Case("map", compare=False),
    "datasets.plot_edisp": Case("map", compare=False),
    "fit.plot_fit": Case("map", compare=False),
    "fit.plot_residuals": Case("map", compare=False),
    "maps.image_wcs": Case("image", compare=False),
    "maps.plot_grid": Case("counts", compare=False),
    "maps.plot_map": Case("image", compare=False),
    "regions.off_regions": Case("spectrum", compare=False),
    "regions.plot_regions": Case("spectrum", compare=False),
    "regions.region_mask": Case("map", lambda w: {"regions": REGION}),
    "quantities.edges_of": Case("map", lambda w: {"dim": "energy"}),
    # A quantity has no names of dims: of a transposed map it is transposed, of a spectrum not.
    "quantities.values_of": Case("spectrum", lambda w: {"name": "exposure"}),
    "frame.frame_of": Case("map", compare=False),
    "frame.wcs_of": Case("map", compare=False),
    "sky.center": Case("map", compare=False),
    "sky.lonlat": Case("map"),
    "sky.separation": Case("map", lambda w: {"position": CENTER}),
    "sky.solid_angle": Case("map"),
    "schema.kind": Case("map"),
    "validation.validate": Case("map", lambda w: {"errors": "return"}),
    "units.convert": Case("counts", lambda w: {"unit": ""}),
    "units.quantity": Case("counts", compare=False),
    "off_run.off_run_background": Case("spectrum", lambda w: {"obs": run(), "off": other_run()}),
    "phase.phase_background": Case(
        "spectrum", lambda w: {"obs": phased(), "on_phase": (0.4, 0.6), "off_phase": (0.7, 1.0)}
    ),
}
# Functions of runs take no dataset, map or collection.
SKIPPED_LAYER = "xgamma.dl3."
# Nor do these: files, numbers; or they need ipywidgets.
OTHERS = {
    "maps.plot_interactive",
    "make_axes.axis_from_edges",
    "make_axes.energy_axis",
    "make_axes.energy_axis_from_edges",
    "make_axes.migra_axis",
    "make_axes.rad_axis",
    "selection.select_events",
    "field_counts.field_counts",
    "in_run.background_at",
    "run_pairs.pair_runs",
    "in_run.with_background",
    "background_model.background_model",
    "opening.open_store",
    "archive.write_archive",
    "convert.convert",
    "assemble.read_events",
    "fermipy.read_fermipy",
    "isotropic.read_isotropic",
    "fits.read_fits",
    "fits_maps.read_map",
    "flux_points.read_flux_points",
    "flux_map_files.read_flux_maps",
    "datasets_files.read_datasets",
    "ogip_read.read_ogip",
    "opening.open",
    "verify.verify",
    "region_finder.reflected_regions",
    "create.create_map",
    "create.create_spectrum",
    "ebl.read_ebl",
    "prior.uniform_prior",
    "registry.list_models",
    "prior.gaussian_prior",
    "prior.generalized_gaussian_prior",
    "registry.find_model",
    "registry.register_model",
    "prior.log_uniform_prior",
    "temporal.read_light_curve",
    *(
        f"registry.{verb}_{what}{'s' * (verb == 'list')}"
        for what in ("background", "safe_mask", "format", "response")
        for verb in ("register", "find", "list")
    ),
    "region_series.ring_regions",
    "region_series.slice_regions",
}


# What is refused, though the plain call works, and why: (change, function) to words of the reason.
REFUSED = {
    ("one energy", "collection_energies.slice_energies"): "No dataset .* has a bin between 2 TeV",
    ("one energy", "select.slice_energy"): "No energy bin lies entirely between 2 TeV",
    ("one energy", "regrid.interp_to"): "axes 'energy' differ",
    ("one energy", "regrid.reproject_to"): "axes 'energy' differ",
    ("one true energy", "regrid.interp_to"): "axes 'energy_true' differ",
    ("one true energy", "regrid.reproject_to"): "axes 'energy_true' differ",
    ("one energy", "energy_morphology.energy_morphology"): "No energy bin",
    ("one true energy", "energy_morphology.energy_morphology"): "has no effect",
    ("one row", "energy_morphology.energy_morphology"): "starts outside its range",
    ("one row", "resample.downsample"): "1 bins along 'y' are not a multiple of 2",
    ("one pixel", "resample.downsample"): "1 bins along 'y' are not a multiple of 2",
    ("one pixel", "flux_profile.flux_profile"): "contains no pixel centre of the map",
}


def works(key: str, change: str, world: dict[str, Any]) -> None:
    """Assert that a function works in a changed world, or refuses with the reason listed."""
    reason = REFUSED.get((change, key))
    if reason is None:
        called(key, world, CASES[key].compare)
    else:
        with pytest.raises(xg.XGammaError, match=reason):
            called(key, world)


def doors() -> dict[str, tuple[str, Callable[..., Any]]]:
    """Each public function and method: the function behind it, by its key and itself."""
    return {
        door: (f"{f.__module__}.{f.__name__}".split(".", f.__module__.count("."))[-1], f)
        for door, f in (*functions(), *methods())
    }


def targets() -> dict[str, Callable[..., Any]]:
    """The function of each case; a case of no function is an error, else a sweep would run nothing."""
    found = dict(doors().values())
    if gone := CASES.keys() - found.keys():
        raise LookupError(f"Cases of no public function (renamed or moved?): {sorted(gone)}.")
    return {key: found[key] for key in sorted(CASES)}


def called(key: str, world: dict[str, Any], compute: bool = True) -> Any:
    """What a function gives in some world."""
    case = CASES[key]
    thing = KINDS[case.on](world)
    found = targets()[key](thing, **case.arguments(world))
    if not compute:
        return found
    numbers = physical(found)
    if not isinstance(numbers, dict):
        return numbers
    return {name: value for name, value in numbers.items() if not name.endswith(case.leave)}


@cache
def expected(key: str) -> Any:
    """What a function gives in the plain world: made once, compared often."""
    return called(key, made())


def physical(found: Any) -> Any:
    """Numbers that can be compared: arrays by name in units of the SI, in one order of dims."""
    if hasattr(found, "to_dataset") and not isinstance(found, xr.DataArray | xr.DataTree):
        found = found.to_dataset()
    if isinstance(found, xr.DataTree):
        return {n.path: physical(n.to_dataset()) for n in found.subtree if n.data_vars}
    if isinstance(found, xr.DataArray):
        found = found.to_dataset(name=found.name or "array")
    if isinstance(found, xr.Variable):
        found = xr.Dataset({"array": found})
    if isinstance(found, xr.Dataset):
        return {str(n): _numbers(v) for n, v in found.variables.items() if v.dtype.kind in "biuf"}
    if isinstance(found, tuple | list):
        return {str(i): physical(item) for i, item in enumerate(found)}
    if isinstance(found, dict):
        return {str(k): physical(v) for k, v in found.items()}
    return found.si.value if hasattr(found, "si") else found


@cache
def _scale(unit: str) -> float:
    """The factor to the units of the SI; `Unit.si` would search for names of products, slowly."""
    return float(u.Unit(unit).decompose().scale)


def _numbers(variable: xr.Variable) -> np.ndarray:
    variable = variable.transpose(*sorted(variable.dims, key=str))
    values = np.asarray(variable.values)
    scale = _scale(str(variable.attrs.get("units", "")))
    return values * scale if scale != 1 else values


def same(one: Any, other: Any, rtol: float = 1e-5, where: str = "") -> None:
    """Assert that two results are the same in all their numbers."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            same(one[key], other[key], rtol, f"{where}/{key}")
    elif isinstance(one, np.ndarray | float | int) and not isinstance(one, bool):
        scale = np.nanmax(np.abs(np.asarray(one, dtype=float)), initial=0)
        if not np.isfinite(scale):
            scale = 0.0
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * 1e-2 * scale, err_msg=where)
    else:
        assert one == other or one is other, where
