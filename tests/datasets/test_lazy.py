"""Dask-backed datasets stay lazy: every method of the accessors, or a reason why not."""

import functools

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.accessors import GammaDataArray, GammaDataset
from xgamma.core.lazy import is_lazy, postponed
from xgamma.dl3 import simulate_observation
from xgamma.tutorial import CRAB, example_map, example_model, example_spectrum

dask = pytest.importorskip("dask", reason="dask is not installed: pip install xgamma[dask]")
pytest.importorskip("iminuit", reason="iminuit is not installed: pip install xgamma[fit]")

DISK = "icrs;circle(83.63, 22.01, 0.2)"
MODEL = example_model()
SMALL = xg.create_map(CRAB, "1 deg", "0.05 deg", xg.energy_axis(1, 10, 4))
KINDS = ("map", "map_onoff", "spectrum", "spectrum_onoff")
MAPS, ONOFF, SPECTRA = KINDS[:2], KINDS[1::2], KINDS[2:]
CHUNKS = {"energy": 2, "energy_true": 3, "y": 8, "x": 7}
MASKS = ["aeff-max", "edisp-bias"]


class ComputedError(AssertionError):
    """Something was computed in secret."""


def refuse(*arguments, **options):
    raise ComputedError("a dask array was computed")


@pytest.fixture(scope="module")
def obs():
    """A run whose events have phases."""
    run = simulate_observation("83.63d 22.51d", CRAB, seed=0)
    events = run["events"].to_dataset()
    phase = np.random.default_rng(0).random(events.sizes["event"])
    run["events"] = xr.DataTree(events.assign(phase=("event", phase)))
    return run


@pytest.fixture(scope="module")
def datasets(obs):
    """One dataset of each kind, with both masks."""
    ds = example_map().gamma.safe_mask(obs, methods=["offset-max"], offset_max="0.9 deg")
    inside = ds.gamma.region_mask("icrs;circle(83.63, 22.01, 0.8)")
    fit = inside & ds.gamma.energy_mask("1.5 TeV", None)
    ds["mask_fit"] = fit.transpose("energy", "y", "x")
    spectrum = example_spectrum()
    spectrum["mask_fit"] = spectrum["mask_safe"] = spectrum.gamma.energy_mask("1.5 TeV", None)
    return {
        "map": ds,
        "map_onoff": ds.gamma.ring_background("0.3 deg", "0.2 deg"),
        "spectrum": ds.gamma.to_spectrum(DISK),
        "spectrum_onoff": spectrum,
    }


@functools.cache
def other_run():
    """A run on an empty field."""
    return simulate_observation("20d 22.3d", None, target="20d 22d", seed=5, obs_id=2)


def chunked(ds):
    """The same with dask arrays; the tables of runs and good times stay as they are."""
    maps = [n for n, v in ds.data_vars.items() if not {"obs", "gti"} & set(v.dims)]
    return ds.assign(
        {
            n: ds[n].variable.chunk({d: c for d, c in CHUNKS.items() if d in ds[n].dims})
            for n in maps
        }
    )


def each(call, kinds=KINDS):
    return call, kinds


# Method to one or more calls f(ds, obs), and the kinds that have it.
LAZY = {
    "frame": [each(lambda ds, obs: ds.gamma.frame)],
    "wcs": [each(lambda ds, obs: ds.gamma.wcs)],
    "center": [each(lambda ds, obs: ds.gamma.center, MAPS)],
    "lonlat": [each(lambda ds, obs: ds.gamma.lonlat, MAPS)],
    "solid_angle": [each(lambda ds, obs: ds.gamma.solid_angle, MAPS)],
    "separation": [each(lambda ds, obs: ds.gamma.separation(CRAB), MAPS)],
    "edges": [each(lambda ds, obs: ds.gamma.edges("energy"))],
    "region_mask": [each(lambda ds, obs: ds.gamma.region_mask(DISK), MAPS)],
    "boundary_mask": [each(lambda ds, obs: ds.gamma.boundary_mask("0.2 deg"), MAPS)],
    "energy_mask": [each(lambda ds, obs: ds.gamma.energy_mask("2 TeV"))],
    "cutout": [each(lambda ds, obs: ds.gamma.cutout(CRAB, "1 deg"), MAPS)],
    "kind": [each(lambda ds, obs: ds.gamma.kind)],
    "validate": [each(lambda ds, obs: ds.gamma.validate(values=False))],
    "fill": [each(lambda ds, obs: ds.gamma.fill(obs, select=["counts"]))],
    "fill_counts": [each(lambda ds, obs: ds.gamma.fill_counts(obs))],
    "fill_exposure": [each(lambda ds, obs: ds.gamma.fill_exposure(obs))],
    "fill_background": [each(lambda ds, obs: ds.gamma.fill_background(obs))],
    "fill_psf": [each(lambda ds, obs: ds.gamma.fill_psf(obs))],
    "fill_edisp": [each(lambda ds, obs: ds.gamma.fill_edisp(obs))],
    "safe_mask": [
        each(lambda ds, obs: ds.gamma.safe_mask(obs, methods=["offset-max"], offset_max=0.5)),
        each(lambda ds, obs: ds.gamma.safe_mask(obs, methods=["aeff-default"])),
        each(lambda ds, obs: ds.gamma.safe_mask(obs, methods=MASKS)),
        each(lambda ds, obs: ds.gamma.safe_mask(obs, methods=MASKS, irfs="DL3")),
        each(lambda ds, obs: ds.gamma.safe_mask(obs, methods=["bkg-peak"]), KINDS[::2]),
    ],
    "exposure_image": [each(lambda ds, obs: ds.gamma.exposure_image())],
    "stack": [
        each(lambda ds, obs: ds.gamma.stack(ds)),
        each(lambda ds, obs: xg.stack([ds, ds])),
        each(lambda ds, obs: ds.gamma.stack(ds.gamma.cutout(CRAB, "1 deg")), MAPS),
    ],
    "fov_background": [
        each(lambda ds, obs: ds.gamma.fov_background(DISK), KINDS[:1]),
        each(lambda ds, obs: ds.gamma.fov_background(DISK, energy_groups=2), KINDS[:1]),
        each(
            lambda ds, obs: ds.gamma.fov_background(method="fit", spectral_model="norm+tilt"),
            KINDS[:1],
        ),
    ],
    "ring_background": [
        each(lambda ds, obs: ds.gamma.ring_background("0.3 deg", "0.2 deg"), KINDS[:1]),
        each(
            lambda ds, obs: ds.gamma.ring_background(
                "0.3 deg", "0.2 deg", exclusion=~ds.gamma.region_mask(DISK)
            ),
            KINDS[:1],
        ),
    ],
    "adaptive_ring_background": [
        each(
            lambda ds, obs: ds.gamma.adaptive_ring_background(
                "0.3 deg", "0.1 deg", "0.8 deg", theta="0.1 deg", threshold_alpha=1
            ),
            KINDS[:1],
        )
    ],
    "reflected_background": [each(lambda ds, obs: ds.gamma.reflected_background(obs), SPECTRA)],
    "phase_background": [
        each(lambda ds, obs: ds.gamma.phase_background(obs, (0.9, 0.1), (0.3, 0.5)), KINDS[::2])
    ],
    "off_run_background": [
        each(lambda ds, obs: ds.gamma.off_run_background(obs, off=other_run()), KINDS[::2])
    ],
    "significance": [
        each(lambda ds, obs: ds.gamma.significance()),
        each(lambda ds, obs: ds.gamma.significance("0.2 deg", sum_over_energy=True), MAPS),
        each(lambda ds, obs: ds.gamma.significance("0.2 deg", mask=ds.mask_fit), MAPS),
    ],
    "significance_profile": [
        each(lambda ds, obs: ds.gamma.significance_profile(CRAB, [0, 0.2, 0.4]), MAPS),
        each(
            lambda ds, obs: ds.gamma.significance_profile(CRAB, [0, 0.3], sum_over_energy=False),
            MAPS,
        ),
    ],
    "alpha": [each(lambda ds, obs: ds.gamma.alpha, ONOFF)],
    "background": [each(lambda ds, obs: ds.gamma.background)],
    "excess": [each(lambda ds, obs: ds.gamma.excess)],
    "to_onoff": [
        each(lambda ds, obs: ds.gamma.to_onoff(ds.counts, 1.0, 4.0)),
        each(lambda ds, obs: ds.gamma.to_onoff(ds.counts, ds.acceptance, ds.acceptance_off), ONOFF),
    ],
    "from_onoff": [each(lambda ds, obs: ds.gamma.from_onoff(), ONOFF)],
    "to_map": [each(lambda ds, obs: ds.gamma.to_map(), ["map_onoff"])],
    "mask": [each(lambda ds, obs: ds.gamma.mask)],
    "mask_image": [each(lambda ds, obs: ds.gamma.mask_image)],
    "energy_range": [each(lambda ds, obs: ds.gamma.energy_range)],
    "energy_range_safe": [each(lambda ds, obs: ds.gamma.energy_range_safe)],
    "energy_range_fit": [each(lambda ds, obs: ds.gamma.energy_range_fit)],
    "energy_range_total": [each(lambda ds, obs: ds.gamma.energy_range_total)],
    "energy_range_total_safe": [each(lambda ds, obs: ds.gamma.energy_range_total_safe)],
    "energy_range_total_fit": [each(lambda ds, obs: ds.gamma.energy_range_total_fit)],
    "to_masked": [each(lambda ds, obs: ds.gamma.to_masked())],
    "slice_energy": [each(lambda ds, obs: ds.gamma.slice_energy("1.5 TeV", None))],
    "pad": [each(lambda ds, obs: ds.gamma.pad(2), MAPS)],
    "downsample": [
        each(lambda ds, obs: ds.gamma.downsample(2), MAPS),
        each(lambda ds, obs: ds.gamma.downsample(energy=2)),
    ],
    "upsample": [
        each(lambda ds, obs: ds.gamma.upsample(2), MAPS),
        each(lambda ds, obs: ds.gamma.upsample(energy=2)),
    ],
    "interp_to": [each(lambda ds, obs: ds.gamma.interp_to(SMALL), MAPS)],
    "reproject_to": [each(lambda ds, obs: ds.gamma.reproject_to(SMALL), MAPS)],
    "resample_energy": [
        each(lambda ds, obs: ds.gamma.resample_energy(ds.gamma.edges("energy")[::2]))
    ],
    "to_image": [each(lambda ds, obs: ds.gamma.to_image())],
    "to_spectrum": [each(lambda ds, obs: ds.gamma.to_spectrum(DISK), MAPS)],
    "to_region": [each(lambda ds, obs: ds.gamma.to_region(DISK), MAPS)],
    "at_position": [
        each(lambda ds, obs: ds.gamma.at_position("exposure", CRAB)),
        each(lambda ds, obs: ds.gamma.at_position("psf", CRAB), MAPS),
        each(lambda ds, obs: ds.gamma.at_position("exposure", CRAB, method="linear"), MAPS),
    ],
    "psf_containment_radius": [
        each(lambda ds, obs: ds.gamma.psf_containment_radius(), MAPS),
        each(lambda ds, obs: ds.gamma.psf_containment_radius("2 TeV", fraction=0.9), MAPS),
        each(lambda ds, obs: ds.gamma.psf_containment_radius([1, 2]), MAPS),
    ],
    "edisp_kernel": [
        each(lambda ds, obs: ds.gamma.edisp_kernel()),
        each(lambda ds, obs: ds.assign(edisp=migration(ds)).gamma.edisp_kernel(), MAPS),
    ],
    "edisp_bias_resolution": [each(lambda ds, obs: ds.gamma.edisp_bias_resolution())],
    "models": [each(lambda ds, obs: ds.gamma.with_models(MODEL).gamma.models.names)],
    "with_models": [each(lambda ds, obs: ds.gamma.with_models(MODEL))],
    "npred": [each(lambda ds, obs: ds.gamma.npred(MODEL))],
    "npred_signal": [
        each(lambda ds, obs: ds.gamma.npred_signal(MODEL)),
        each(lambda ds, obs: ds.gamma.npred_signal(MODEL, stack=False)),
    ],
    "npred_background": [each(lambda ds, obs: ds.gamma.npred_background([]))],
    "stat_array": [each(lambda ds, obs: ds.gamma.stat_array(MODEL))],
    "residuals": [
        each(lambda ds, obs: ds.gamma.residuals(MODEL)),
        each(lambda ds, obs: ds.gamma.residuals(MODEL, "diff/sqrt(model)")),
    ],
    "fake": [each(lambda ds, obs: ds.gamma.fake(0, MODEL))],
    "asimov": [each(lambda ds, obs: ds.gamma.asimov(MODEL))],
    "excess_map": [
        each(lambda ds, obs: ds.gamma.excess_map("0.2 deg"), MAPS),
        each(lambda ds, obs: ds.gamma.excess_map("0.2 deg", models=MODEL, sum_energy=False), MAPS),
    ],
}
NUMBERS, DRAWN, FITTED = "gives numbers to read", "draws", "fits step by step"
EAGER = {
    "verify": "reads the file behind the dataset, never its values",
    "quantity": NUMBERS,
    "info": NUMBERS,
    "info_dict": NUMBERS,
    "cumulative": NUMBERS,
    "stat_sum": NUMBERS,
    "off_regions": NUMBERS,
    "plot_regions": DRAWN,
    "plot_spectrum": DRAWN,
    "peek": DRAWN,
    "plot_counts": DRAWN,
    "plot_edisp": DRAWN,
    "plot_fit": DRAWN,
    "plot_residuals": DRAWN,
    "flux_profile": FITTED,
    "nested_test": FITTED,
    "energy_morphology": FITTED,
    "variability": NUMBERS,
    "adaptive_smooth": "the widths depend on the values",
    "model_significance": "sums and convolutions over the whole map",
    "to_fits": "writes",
    "to_ogip": "writes",
    "to_netcdf": "writes",
    "to_zarr": "writes",
    "flux_points": FITTED,
    "sensitivity": FITTED,
    "ts_map": FITTED,
    "with_responses": "the responses are those of files, read whole",
    "psf_kernel": "its size depends on the values",
    "sample_events": "the number of events is the size of the result",
}
LAZY_ARRAY = {
    "frame": [each(lambda ds, obs: ds.counts.gamma.frame)],
    "wcs": [each(lambda ds, obs: ds.counts.gamma.wcs, MAPS)],
    "center": [each(lambda ds, obs: ds.counts.gamma.center, MAPS)],
    "lonlat": [each(lambda ds, obs: ds.counts.gamma.lonlat, MAPS)],
    "solid_angle": [each(lambda ds, obs: ds.counts.gamma.solid_angle, MAPS)],
    "separation": [each(lambda ds, obs: ds.counts.gamma.separation(CRAB), MAPS)],
    "edges": [each(lambda ds, obs: ds.counts.gamma.edges("energy"))],
    "region_mask": [each(lambda ds, obs: ds.counts.gamma.region_mask(DISK), MAPS)],
    "boundary_mask": [each(lambda ds, obs: ds.counts.gamma.boundary_mask("0.2 deg"), MAPS)],
    "energy_mask": [each(lambda ds, obs: ds.counts.gamma.energy_mask("2 TeV"))],
    "cutout": [each(lambda ds, obs: ds.counts.gamma.cutout(CRAB, "1 deg"), MAPS)],
    "image_wcs": [each(lambda ds, obs: ds.counts.gamma.image_wcs, MAPS)],
    "to_unit": [each(lambda ds, obs: ds.exposure.gamma.to_unit("cm2 s"))],
    "smooth": [each(lambda ds, obs: ds.counts.gamma.smooth("0.2 deg"), MAPS)],
    "convolve": [each(lambda ds, obs: ds.counts.gamma.convolve(np.ones((3, 3))), MAPS)],
    "dilate": [each(lambda ds, obs: ds.mask_safe.gamma.dilate("0.2 deg"), MAPS)],
    "erode": [each(lambda ds, obs: ds.mask_safe.gamma.erode("0.2 deg"), MAPS)],
    "radial_profile": [
        each(lambda ds, obs: ds.counts.gamma.radial_profile(CRAB, [0, 0.2, 0.4]), MAPS)
    ],
    "profile": [
        each(lambda ds, obs: ds.exposure.gamma.profile([83.2, 83.5, 83.8], how="mean"), MAPS)
    ],
    "upsample": [each(lambda ds, obs: ds.counts.gamma.upsample(2), MAPS)],
    "interp_to": [
        each(lambda ds, obs: ds.counts.gamma.interp_to(SMALL, preserve_counts=True), MAPS),
        each(lambda ds, obs: ds.mask_safe.gamma.interp_to(SMALL), MAPS),
    ],
    "reproject_to": [each(lambda ds, obs: ds.exposure.gamma.reproject_to(SMALL), MAPS)],
}
EAGER_ARRAY = {
    "quantity": NUMBERS,
    "find_peaks": "the number of peaks is the size of the result",
    "to_fits": "writes",
    "plot": DRAWN,
    "plot_grid": DRAWN,
    "plot_interactive": DRAWN,
}


def migration(ds):
    """A dispersion over migration, lazy if the dataset is."""
    migra = xg.migra_axis()
    values = np.exp(-0.5 * ((migra - 1.0) / 0.2) ** 2) / 0.5
    edisp = values * xr.ones_like(ds.psf_exposure.astype(float))
    return edisp.transpose("energy_true", "migra", "y_irf", "x_irf")


def public(accessor):
    return {name for name in dir(accessor) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("accessor", "lazy", "eager"),
    [(GammaDataset, LAZY, EAGER), (GammaDataArray, LAZY_ARRAY, EAGER_ARRAY)],
)
def test_every_method_is_listed(accessor, lazy, eager):
    """A new method belongs into one of the tables: lazy, or eager with a reason."""
    assert set(lazy) | set(eager) == public(accessor)
    assert not set(lazy) & set(eager)
    assert all(eager.values())


def parts(result):
    """The datasets in a result, or nothing where it holds no maps."""
    if isinstance(result, (tuple, list)):
        return [part for item in result for part in parts(item)]
    if isinstance(result, xr.DataArray):
        return [result.to_dataset(name="array")]
    return [result] if isinstance(result, xr.Dataset) else []


CASES = [
    pytest.param(call, kind, id=f"{prefix}.{name}-{k}-{kind}")
    for prefix, table in (("ds", LAZY), ("da", LAZY_ARRAY))
    for name, calls in table.items()
    for k, (call, kinds) in enumerate(calls)
    for kind in kinds
]


@pytest.mark.filterwarnings("ignore:.*covers no energy:xgamma.XGammaWarning")
@pytest.mark.filterwarnings("ignore:The safe mask excludes:xgamma.XGammaWarning")
@pytest.mark.parametrize(("call", "kind"), CASES)
def test_lazy_in_lazy_out(call, kind, datasets, obs, request):
    if "reproject" in request.node.name:
        pytest.importorskip("reproject", reason="reproject is not installed")
    ds = datasets[kind]
    source = chunked(ds)
    with dask.config.set(scheduler=refuse):
        result = call(source, obs)
    want = call(ds, obs)
    assert all(is_lazy(source[n]) for n in source if not {"obs", "gti"} & set(source[n].dims))
    got, expected = parts(result), parts(want)
    assert len(got) == len(expected)
    for mine, other in zip(got, expected, strict=True):
        assert list(mine.data_vars) == list(other.data_vars)
        assert mine.attrs == other.attrs
        for name in mine.variables:
            assert mine[name].dims == other[name].dims, name
            assert mine[name].shape == other[name].shape, name
            assert mine[name].dtype == other[name].dtype, name
            assert mine[name].attrs == pytest.approx(other[name].attrs), name
        xr.testing.assert_allclose(mine.compute(), other, rtol=1e-5)
    if not expected and isinstance(want, (str, list, np.ndarray)):
        np.testing.assert_array_equal(result, want)


def test_results_that_need_maps_are_lazy(datasets, obs):
    """The walk would pass if everything were loaded beforehand: it is not."""
    source = chunked(datasets["map"])
    with dask.config.set(scheduler=refuse):
        assert is_lazy(source.gamma.npred(MODEL), 1)
        assert is_lazy(source.gamma.stack(source).counts)
        with pytest.raises(ComputedError):
            source.counts.sum().compute()


def test_random_numbers_are_drawn_once(datasets):
    source = chunked(datasets["map"])
    drawn = source.gamma.fake(None, MODEL)
    assert drawn.counts.compute().equals(drawn.counts.compute())
    generator = np.random.default_rng(3)
    now = source.gamma.fake(generator, MODEL)
    assert not is_lazy(now.counts)


def test_models_that_change_later_change_nothing(datasets):
    model = example_model()
    predicted = chunked(datasets["map"]).gamma.npred(model)
    model.spectral.amplitude.value *= 2
    assert predicted.equals(datasets["map"].gamma.npred(example_model()))


def test_a_mosaic_of_many_is_one_task_and_misfits_are_named_at_once(datasets):
    source = chunked(datasets["map"])
    total = xg.stack([source] * 5)
    assert total.sizes["obs"] == 5
    assert int(total.counts.sum()) == 5 * int(datasets["map"].gamma.to_masked().counts.sum())
    with pytest.raises(xg.XGammaError, match="extends beyond the mosaic"):
        source.gamma.cutout(CRAB, "1 deg").gamma.stack(source)


def test_the_livetime_of_what_is_unsafe_everywhere(datasets):
    """It does not count, as far as a mask can be known without computing."""
    ds = datasets["map"]
    hidden = ds.assign(mask_safe=xr.zeros_like(ds.mask_safe))
    want = xg.stack([ds, hidden, ds])
    assert want.exposure.attrs["livetime"] == 2 * ds.exposure.attrs["livetime"]
    known = chunked(hidden).assign(mask_safe=hidden.mask_safe)
    with dask.config.set(scheduler=refuse):
        total = xg.stack([chunked(ds), known, chunked(ds)])
        unknown = xg.stack([chunked(ds), chunked(hidden), chunked(ds)])
    assert total.exposure.attrs == want.exposure.attrs
    xr.testing.assert_allclose(total.compute(), want, rtol=1e-6)
    assert unknown.exposure.attrs["livetime"] == 3 * ds.exposure.attrs["livetime"]
    xr.testing.assert_allclose(unknown.compute(), want, rtol=1e-6)


def test_what_is_postponed_keeps_labels():
    like = xr.DataArray(np.zeros(3), dims="x", coords={"x": [1, 2, 3]}, attrs={"units": "s"})
    out = postponed(like, lambda a: a + 1.0, like.chunk())
    assert out.x.values.tolist() == [1, 2, 3]
    assert out.attrs == {"units": "s"}
    assert out.values.tolist() == [1.0, 1.0, 1.0]
