"""Predicted counts against what is known exactly, and the fast sums against the plain ones."""

import numpy as np
import pytest
import xarray as xr
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

import xgamma as xg
from tests.helpers.small_datasets import crab, gaussian_rings, small_map, small_spectrum
from xgamma.errors import MissingDataError, XGammaError, XGammaWarning
from xgamma.fitting.likelihood import likelihood_of
from xgamma.modeling.parameter import Parameter


def expected_per_energy(ds, model, area=1e14):
    """Flux times exposure through the dispersion, nothing lost in space."""
    edges = np.append(ds.energy_true_lo.values, ds.energy_true_hi.values[-1])
    flux = model.spectral.kernel_integral(edges[:-1], edges[1:]) * area
    edisp = ds.edisp.values
    return flux @ (edisp[..., 0, 0] if edisp.ndim == 4 else edisp)


@pytest.mark.parametrize("psf", [0, 0.1])
def test_a_point_source_keeps_its_counts_and_its_place(psf):
    ds = small_map(psf=psf)
    model = crab()
    model.spatial.lon = "83.63 deg"
    got = ds.gamma.npred_signal(model)
    assert got.dims == ("energy", "y", "x")
    assert got.attrs["units"] == ""
    expected = expected_per_energy(ds, model)
    np.testing.assert_allclose(got.sum(("y", "x")), expected, rtol=1e-9)
    lon, lat = ds.gamma.lonlat
    weight = got.sum("energy")
    # Flat to a part in a thousand at this latitude and width.
    assert float((weight * lon).sum() / weight.sum()) == pytest.approx(83.63, abs=1e-3)
    assert float((weight * lat).sum() / weight.sum()) == pytest.approx(22.0, abs=1e-3)


def test_a_gaussian_convolved_is_a_wider_gaussian():
    ds = small_map(binsz=0.05, psf=0.1)
    model = crab()
    model.spatial = xg.Gaussian(lon="83.6 deg", lat="22 deg", sigma="0.2 deg")
    got = ds.gamma.npred_signal(model).sum("energy")
    offset = ds.gamma.separation("83.6d 22d")
    share = got / expected_per_energy(ds, model).sum()
    sigma = np.hypot(0.1, 0.2)
    pixel = np.radians(0.05) ** 2
    exact = np.exp(-0.5 * (offset / sigma) ** 2) / (2 * np.pi * np.radians(sigma) ** 2) * pixel
    np.testing.assert_allclose(share, exact, atol=0.01 * float(exact.max()))
    assert float(share.sum()) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("sigma", [1e-6, 0.003, 0.02, 0.06])
def test_a_small_source_is_sampled_finely_enough(sigma):
    ds = small_map()
    model = crab()
    model.spatial = xg.Gaussian(lon="83.63 deg", lat="22.02 deg", sigma=f"{sigma} deg")
    got = ds.gamma.npred_signal(model)
    np.testing.assert_allclose(got.sum(("y", "x")), expected_per_energy(ds, model), rtol=3e-3)


def test_a_source_beyond_the_edge_leaks_in_through_the_psf():
    """Cut from a larger map, the same counts are predicted."""
    big = small_map(width=4.0)
    for shape in (
        xg.Gaussian(lon="83.6 deg", lat="22.95 deg", sigma="0.15 deg"),
        xg.PointSource(lon="83.6 deg", lat="23.1 deg"),
    ):
        model = xg.SkyModel(crab().spectral, shape, name="edge")
        part = big.isel(y=slice(5, 30))
        got, all_of_it = (d.gamma.npred_signal(model) for d in (part, big))
        np.testing.assert_allclose(got, all_of_it.isel(y=slice(5, 30)), atol=1e-9)


def test_cutouts_and_downsampled_labels_predict_the_same():
    ds = small_map(width=4.0)
    model = crab()
    whole = ds.gamma.npred_signal(model)
    part = ds.isel(x=slice(10, 32), y=slice(8, 30))
    np.testing.assert_allclose(
        part.gamma.npred_signal(model), whole.isel(x=slice(10, 32), y=slice(8, 30)), rtol=1e-9
    )


def test_frames_agree():
    """The same point given in another frame."""
    ds = small_map(frame="galactic")
    here = xg.PointSource(lon="0.1 deg", lat="-0.2 deg", frame="galactic")
    there = xg.PointSource(position=here.position.icrs, frame="icrs")
    first, second = (
        ds.gamma.npred_signal(xg.SkyModel(crab().spectral, s, name="m")) for s in (here, there)
    )
    np.testing.assert_allclose(first, second, atol=1e-8)


def test_components_along_model():
    ds = small_map()
    other = crab()
    other.name, other.spectral.amplitude = "other", "1e-12 cm-2 s-1 TeV-1"
    held = ds.gamma.with_models([crab(), other, xg.FoVBackground("d")])
    layers = held.gamma.npred_signal(stack=False)
    assert list(layers.model.values) == ["crab", "other"]
    np.testing.assert_allclose(layers.sum("model"), held.gamma.npred_signal())
    np.testing.assert_allclose(
        layers.sel(model="other"), held.gamma.npred_signal(model_names=["other"])
    )
    np.testing.assert_allclose(
        held.gamma.npred(), held.gamma.npred_signal() + held.gamma.npred_background()
    )
    with pytest.raises(MissingDataError, match="There is no model 'vela'"):
        held.gamma.npred_signal(model_names="vela")


def test_models_survive_netcdf_and_leave_the_input_alone(tmp_path):
    ds = small_map()
    before = ds.copy(deep=True)
    held = ds.gamma.with_models([crab(), xg.FoVBackground("d")])
    assert "models" not in ds.attrs
    held.gamma.npred()
    held.gamma.stat_sum()
    xr.testing.assert_identical(ds, before)
    path = tmp_path / "d.nc"
    held.drop_indexes("wcs", errors="ignore").to_netcdf(path)
    with xr.open_dataset(path) as again:
        assert xg.Models.from_yaml(again.attrs["models"]).names == ["crab", "d-bkg"]
    assert held.gamma.with_models(None).attrs == ds.attrs


def test_dims_in_any_order():
    ds = small_map().gamma.fake(1, crab())
    turned = ds.transpose("x", "x_irf", "y", "rad", "energy", "y_irf", "energy_true", ...)
    np.testing.assert_allclose(
        turned.gamma.npred(crab()).transpose("energy", "y", "x"), ds.gamma.npred(crab())
    )
    assert turned.gamma.stat_sum(crab()) == pytest.approx(ds.gamma.stat_sum(crab()))


def test_dask_input():
    ds = small_map()
    lazy = ds.chunk({"energy": 1})
    np.testing.assert_allclose(lazy.gamma.npred(crab()), ds.gamma.npred(crab()))


def test_background_model():
    ds = small_map()
    bkg = xg.FoVBackground("d")
    bkg.spectral.norm, bkg.spectral.tilt = 2.0, 0.5
    got = ds.gamma.npred_background(bkg)
    factor = 2.0 * ds.energy.values**-0.5
    np.testing.assert_allclose(got, ds.background * factor[:, None, None])
    shaped = xg.FoVBackground("d", spatial=xg.Gaussian(lon="83.6 deg", lat="22 deg"))
    shape = shaped.spatial(*ds.gamma.lonlat)
    np.testing.assert_allclose(ds.gamma.npred_background(shaped), ds.background * shape)
    with pytest.raises(XGammaError, match="has 2 background models"):
        ds.gamma.npred([bkg, xg.FoVBackground("d", name="again")])


def test_the_background_norm_survives_slicing():
    """gammapy lost it: 45000 became 22500."""
    ds = small_map()
    bkg = xg.FoVBackground("d")
    bkg.spectral.norm = 2.0
    held = ds.gamma.with_models([crab(), bkg])
    part = held.isel(energy=slice(1, 3), x=slice(4, 20))
    np.testing.assert_allclose(part.gamma.npred_background(), 2 * part.background)
    np.testing.assert_allclose(
        part.gamma.npred(), held.gamma.npred().isel(energy=slice(1, 3), x=slice(4, 20))
    )


def test_temporal_model_scales_the_prediction():
    ds = small_map()
    start = Time(str(ds.gti_start.attrs["reference_time"]), scale="tt").utc.mjd
    model = crab()
    steady = ds.gamma.npred_signal(model)
    model.temporal = xg.LightCurve([-1, 0, 1], [1.0, 3.0, 3.0], t_ref=start)
    np.testing.assert_allclose(ds.gamma.npred_signal(model), 3 * steady, rtol=1e-6)


def test_template_npred():
    ds = small_map()
    extra = xg.TemplateNPred(ds.background * 2, name="extra")
    extra.spectral.norm = 3
    np.testing.assert_allclose(ds.gamma.npred_signal(extra), 6 * ds.background)
    part = ds.isel(x=slice(5, 9))
    np.testing.assert_allclose(part.gamma.npred_signal(extra), 6 * part.background)
    with pytest.raises(XGammaError, match="not those of the counts"):
        ds.gamma.npred_signal(xg.TemplateNPred(xr.DataArray(np.ones(3), dims="energy"), name="t"))


def test_template_map_with_energies():
    ds = small_map(psf=0)
    grid = xg.Gaussian(lon="83.6 deg", lat="22 deg", sigma="0.3 deg")(*ds.gamma.lonlat)
    cube = grid * xr.ones_like(ds.energy_true)
    model = crab()
    model.spatial = xg.TemplateMap(cube.transpose("energy_true", "y", "x"))
    flat = crab()
    flat.spatial = xg.TemplateMap(grid)
    np.testing.assert_allclose(
        ds.gamma.npred_signal(model), ds.gamma.npred_signal(flat), rtol=1e-9, atol=1e-12
    )


def test_constant_brightness():
    ds = small_map(psf=0)
    model = crab()
    model.spatial = xg.ConstantSpatial()
    got = ds.gamma.npred_signal(model)
    expected = expected_per_energy(ds, model)[:, None, None] * ds.gamma.solid_angle.values
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_spectrum_dataset():
    ds = small_spectrum()
    np.testing.assert_allclose(
        ds.gamma.npred_signal(xg.SkyModel(crab().spectral, name="s")),
        expected_per_energy(ds, crab(), 3e13),
    )


def test_spectrum_holds_the_share_of_the_psf_in_its_circle():
    ds = small_spectrum()
    rad = xg.rad_axis("0.6 deg", 600)
    ds = ds.assign_coords(rad.coords)
    rings = np.tile(gaussian_rings(0.08, rad.values), (ds.sizes["energy_true"], 1))
    with_psf = ds.assign(psf=(("energy_true", "rad"), rings, {"units": "sr-1"}))
    model = crab()
    share = with_psf.gamma.npred_signal(model) / ds.gamma.npred_signal(model)
    np.testing.assert_allclose(share, 1 - np.exp(-0.5 * (0.1 / 0.08) ** 2), rtol=1e-3)


def test_no_dispersion_shares_bins_by_overlap():
    ds = small_map(edisp=0, psf=0)
    model = crab(index=0.0)
    got = ds.gamma.npred_signal(model).sum(("y", "x"))
    exact = model.spectral.kernel_integral(ds.energy_lo.values, ds.energy_hi.values) * 1e14
    np.testing.assert_allclose(got, exact, rtol=1e-9)


def test_migra_dispersion_equals_its_kernel():
    ds = small_map(edisp=0, psf=0)
    migra = xg.migra_axis(0.2, 3, 280)
    from scipy.stats import norm

    ds = ds.assign_coords(migra.coords)
    density = norm.pdf(migra.values, 1, 0.1)
    sizes = [ds.sizes[d] for d in ("energy_true", "y_irf", "x_irf")]
    values = np.broadcast_to(
        density[None, :, None, None], (sizes[0], density.size, *sizes[1:])
    ).copy()
    ds["edisp"] = (("energy_true", "migra", "y_irf", "x_irf"), values, {"units": ""})
    kernel = small_map(edisp=0.1, psf=0)
    np.testing.assert_allclose(
        ds.gamma.npred_signal(crab()).sum(("y", "x")),
        kernel.gamma.npred_signal(crab()).sum(("y", "x")),
        rtol=3e-3,
    )


def test_errors_are_sentences():
    ds = small_map()
    outside = crab()
    outside.spatial.lat = "40 deg"
    with pytest.warns(XGammaWarning, match="'crab' lies outside the dataset 'd'"):
        assert float(ds.gamma.npred_signal(outside).sum()) == 0
    with pytest.raises(MissingDataError, match="has no 'exposure': fill it"):
        ds.drop_vars("exposure").gamma.npred_signal(crab())
    broken = crab()
    broken.spectral.index._value = np.nan
    with pytest.raises(
        XGammaError, match="prediction of the model 'crab' for the dataset 'd' is NaN"
    ):
        ds.gamma.npred_signal(broken)
    with pytest.raises(XGammaError, match="has no spatial component, but 'd' is a map"):
        ds.gamma.npred_signal(xg.SkyModel(xg.PowerLaw(), name="m"))
    with pytest.raises(XGammaError, match="neither a background nor models"):
        ds.drop_vars("background").gamma.npred([])
    with pytest.raises(XGammaError, match="scheme='cubic' is not recognised"):
        ds.gamma.npred(crab(), scheme="cubic")
    with pytest.raises(XGammaError, match="method='x' is not recognised"):
        ds.gamma.residuals(crab(), method="x")


def test_residuals():
    ds = small_map()
    predicted = ds.gamma.npred(crab())
    np.testing.assert_allclose(ds.gamma.residuals(crab()), -predicted)
    np.testing.assert_allclose(ds.gamma.residuals(crab(), "diff/model"), -1.0)
    np.testing.assert_allclose(ds.gamma.residuals(crab(), "diff/sqrt(model)"), -np.sqrt(predicted))


SETTINGS = st.fixed_dictionaries(
    {
        "index": st.floats(1, 4),
        "amplitude": st.floats(-2, 30),
        "lon": st.floats(82.0, 85.0),
        "lat": st.floats(20.3, 23.7),
        "sigma": st.floats(0.0, 0.5, allow_subnormal=False),
        "norm": st.floats(-0.2, 3),
        "tilt": st.floats(-1, 1),
    }
)


@settings(max_examples=40, deadline=None)
@given(st.lists(SETTINGS, min_size=1, max_size=3), st.booleans(), st.integers(0, 2**31))
def test_the_fast_sum_is_the_plain_sum(steps, masked, seed):
    """Along any walk through the parameters, and with negative predictions too."""
    rng = np.random.default_rng(seed)
    ds = small_map(binsz=0.15)
    ds["counts"] = ds.background.copy(data=rng.poisson(ds.background.values))
    ds["background"] = ds.background.copy(data=rng.random(ds.background.shape).round(1))
    if masked:
        ds["mask_safe"] = ds.background.copy(data=rng.random(ds.background.shape) > 0.3)
    extended = xg.SkyModel(xg.PowerLaw(), xg.Gaussian(), name="extended")
    models = xg.Models([crab(), extended, xg.FoVBackground("d")])
    fast = likelihood_of(ds, models)
    for step in steps:
        for name in ("crab", "extended"):
            models[name].spectral.index = step["index"]
            models[name].spectral.amplitude = step["amplitude"] * 1e-12
            models[name].spatial.lon, models[name].spatial.lat = step["lon"], step["lat"]
        extended.spatial.sigma = step["sigma"]
        models["d-bkg"].spectral.norm, models["d-bkg"].spectral.tilt = step["norm"], step["tilt"]
        plain = likelihood_of(ds, models)
        expected = plain.stat_array()[plain.data.mask].sum()
        assert fast.stat_sum() == pytest.approx(expected, rel=1e-10, abs=1e-6)


def test_only_what_changed_is_recomputed(monkeypatch):
    from xgamma.fitting.evaluator import SourceTerm

    calls = {"place": 0, "flux": 0}
    place, flux = SourceTerm._place, SourceTerm._flux
    monkeypatch.setattr(
        SourceTerm, "_place", lambda s: (calls.update(place=calls["place"] + 1), place(s))[1]
    )
    monkeypatch.setattr(
        SourceTerm, "_flux", lambda s: (calls.update(flux=calls["flux"] + 1), flux(s))[1]
    )
    models = xg.Models([crab(), xg.FoVBackground("d")])
    likelihood = likelihood_of(small_map(), models)
    likelihood.stat_sum()
    assert calls == {"place": 1, "flux": 1}
    models["crab"].spectral.index = 3
    likelihood.stat_sum()
    assert calls == {"place": 1, "flux": 2}
    models["crab"].spatial.lon = 83.7
    likelihood.stat_sum()
    assert calls == {"place": 2, "flux": 2}
    models["d-bkg"].spectral.norm = 1.1
    likelihood.stat_sum()
    assert calls == {"place": 2, "flux": 2}


def test_stat_of_many_adds_up():
    first, second = small_map("a"), small_spectrum("b", onoff=True)
    model = crab()
    tree = xr.DataTree.from_dict({"a": first, "b": second})
    total = tree.gamma.stat_sum(model)
    assert total == pytest.approx(first.gamma.stat_sum(model) + second.gamma.stat_sum(model))
    held = tree.gamma.with_models(model)
    assert held.gamma.models.names == ["crab"]
    assert held.gamma.stat_sum() == pytest.approx(total)
    assert first.gamma.stat_array(model).sum() == pytest.approx(first.gamma.stat_sum(model))
    assert isinstance(model.spectral.index, Parameter)


def test_onoff_background_is_profiled():
    ds = small_spectrum(onoff=True).assign()
    ds["counts"] = ds.counts_off / 5
    np.testing.assert_allclose(ds.gamma.npred_background([]), ds.counts_off / 5)
    assert ds.gamma.stat_sum([]) == pytest.approx(0, abs=1e-9)
    ds["acceptance_off"] = ds.acceptance_off.copy(data=np.zeros(8))
    assert np.isfinite(ds.gamma.stat_sum([]))
    assert float(ds.gamma.npred_background([]).sum()) == 0
    with pytest.raises(XGammaError, match="comes from the off counts"):
        ds.gamma.npred([xg.FoVBackground("s")])
