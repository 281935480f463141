"""Fits: truth recovered with honest errors, other ways to the same answer, and failures."""

import warnings

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.small_datasets import crab, small_map, small_spectrum
from xgamma.errors import FrameError, MissingDataError, XGammaError, XGammaWarning


@pytest.fixture(scope="module")
def spectrum():
    truth = xg.SkyModel(xg.PowerLaw(index=2.4, amplitude="3e-11 cm-2 s-1 TeV-1"), name="s")
    return small_spectrum().gamma.fake(1, truth), truth


@pytest.fixture(scope="module")
def fitted(spectrum):
    return xg.fit(*spectrum)


def test_fake_is_reproducible_and_pure():
    ds = small_map()
    before = ds.copy(deep=True)
    first, second = ds.gamma.fake(3, crab()), ds.gamma.fake(3, crab())
    xr.testing.assert_identical(first, second)
    xr.testing.assert_identical(ds, before)
    assert first.counts.dtype.kind == "i"
    expected = float(ds.gamma.npred(crab()).sum())
    assert float(first.counts.sum()) == pytest.approx(expected, abs=5 * np.sqrt(expected))
    onoff = small_spectrum(onoff=True).gamma.fake(3, xg.SkyModel(xg.PowerLaw(), name="m"))
    assert float(onoff.counts_off.sum()) == pytest.approx(200, abs=75)


def test_asimov_gives_the_truth_back():
    ds = small_map()
    truth = xg.Models([crab(), xg.FoVBackground("d")])
    data = ds.gamma.asimov(truth)
    start = truth.copy()
    start["crab"].spectral.index, start["crab"].spatial.lon = 2.0, "83.65 deg"
    start["d-bkg"].spectral.norm = 0.8
    result = xg.fit(data, start)
    assert result.success
    np.testing.assert_allclose(
        [p.value for p in result.models.free_parameters],
        [p.value for p in truth.free_parameters],
        rtol=1e-3,
    )
    assert start["crab"].spectral.index.value == 2.0
    assert result.models["crab"].spectral.index.error > 0


def test_backends_agree(spectrum, fitted):
    other = xg.fit(*spectrum, backend="scipy")
    assert other.total_stat == pytest.approx(fitted.total_stat, abs=1e-2)
    np.testing.assert_allclose(other.to_dataset().value, fitted.to_dataset().value, rtol=3e-3)
    np.testing.assert_allclose(other.errors, fitted.errors, rtol=2e-2)
    np.testing.assert_allclose(other.correlation, fitted.correlation, atol=0.02)


def test_result_is_a_dataset(fitted, tmp_path):
    out = fitted.to_dataset()
    assert set(out.dims) == {"parameter", "parameter_2", "dataset"}
    np.testing.assert_allclose(out.error**2, np.diag(out.covariance))
    assert float(out.stat.sum()) == pytest.approx(float(out.total_stat))
    assert "converged" in repr(fitted)
    assert xg.Models.from_yaml(out.attrs["models"])["s"].spectral.index.error > 0
    out.to_netcdf(tmp_path / "fit.nc")


def test_minos_profile_and_contour_agree(fitted):
    engine = fitted._minimum.engine
    engine.minos()
    minos = fitted.minos()
    for i, name in enumerate(fitted.names):
        merror = engine.merrors[name]
        scale = fitted._objective.scale[i]
        assert float(minos.errn[i]) == pytest.approx(-merror.lower * scale, rel=2e-3)
        assert float(minos.errp[i]) == pytest.approx(merror.upper * scale, rel=2e-3)
    value, errp = float(minos.value[0]), float(minos.errp[0])
    profile = fitted.profile("index", [value, value + errp])
    np.testing.assert_allclose(profile.delta_stat, [0, 1], atol=5e-3)
    unprofiled = fitted.profile("index", [value + errp], refit=False)
    assert float(unprofiled.delta_stat[0]) >= 1 - 5e-3
    contour = fitted.contour("index", "amplitude", n_points=16)
    index = contour["s.spectral.index"]
    # The contour of rise one touches the box of the errors of rise one.
    assert float(index.max()) == pytest.approx(value + errp, abs=0.1 * errp)
    assert fitted.total_stat == pytest.approx(fitted._objective.evaluate())
    with pytest.raises(MissingDataError, match="'nope' is not free or does not exist"):
        fitted.profile("nope")


def test_joint_fit_over_a_tree(spectrum):
    data, truth = spectrum
    one = xg.fit(data, truth)
    tree = xr.DataTree.from_dict(
        {"a": data.assign_attrs(name="a"), "b": data.assign_attrs(name="b")}
    )
    both = xg.fit(tree, truth)
    assert both.total_stat == pytest.approx(2 * one.total_stat, rel=1e-6)
    np.testing.assert_allclose(both.errors, one.errors / np.sqrt(2), rtol=1e-2)
    assert list(both.to_dataset().dataset.values) == ["a", "b"]


def test_linked_parameters_are_fitted_as_one(spectrum):
    data, truth = spectrum
    second = xg.SkyModel(xg.PowerLaw(amplitude="1e-12 cm-2 s-1 TeV-1"), name="t", datasets="other")
    second.spectral.index = truth.copy().spectral.index
    models = xg.Models([truth.copy(), second])
    models["t"].spectral.index = models["s"].spectral.index
    other = small_spectrum("other").gamma.fake(2, xg.SkyModel(xg.PowerLaw(index=2.4), name="x"))
    models["s"].datasets = ["s"]
    result = xg.fit([data, other], models)
    assert len(result.names) == 3
    assert result.models["t"].spectral.index is result.models["s"].spectral.index


def test_priors_pull(spectrum):
    data, truth = spectrum
    free = xg.fit(data, truth)
    pulled = truth.copy()
    pulled.spectral.index.prior = xg.gaussian_prior(3.0, 1e-3)
    result = xg.fit(data, pulled)
    assert result.models["s"].spectral.index.value == pytest.approx(3.0, abs=5e-3)
    assert result.total_stat > free.total_stat
    boxed = truth.copy()
    boxed.spectral.index.prior = xg.uniform_prior(2.0, 4.0)
    boxed_result = xg.fit(data, boxed)
    assert boxed_result.models["s"].spectral.index.value == pytest.approx(
        free.models["s"].spectral.index.value, rel=1e-2
    )


def test_errors_propagate_from_the_fit(fitted):
    flux, error = fitted.models["s"].spectral.evaluate_error("2 TeV")
    assert 0 < error < flux
    again = xg.Models.from_yaml(fitted.models.to_yaml())["s"].spectral
    np.testing.assert_allclose(again.evaluate_error("2 TeV")[1].value, error.value, rtol=1e-6)
    pivot = fitted.models["s"].spectral.pivot_energy()
    assert 0.5 < pivot.value < 10


def test_positions_stay_on_the_map():
    """gammapy's free position ran to another part of the sky and returned NaN errors."""
    ds = small_map(background=0.05).gamma.fake(5, [])
    lost = crab(amplitude="1e-13 cm-2 s-1 TeV-1")
    lost.spatial.lon, lost.spatial.lat = "84.9 deg", "23.3 deg"
    lost.spectral.index.frozen = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", XGammaWarning)
        result = xg.fit(ds, lost)
    lon, lat = ds.gamma.lonlat
    shape = result.models["crab"].spatial
    assert float(lon.min()) - 1e-6 <= shape.lon.value <= float(lon.max()) + 1e-6
    assert float(lat.min()) - 1e-6 <= shape.lat.value <= float(lat.max()) + 1e-6


def test_longitude_bounds_across_zero():
    ds = small_map(frame="galactic")
    model = crab()
    model.spatial = xg.PointSource(lon="359.9 deg", lat="0.05 deg", frame="galactic")
    data = ds.gamma.fake(0, model)
    result = xg.fit(data, model)
    low, high = (
        float(result.to_dataset()[k].sel(parameter="crab.spatial.lon_0")) for k in ("min", "max")
    )
    assert low < 359.9 < high
    assert high - low < 3.1


def test_failures_say_why(spectrum):
    data, truth = spectrum
    frozen = truth.copy()
    frozen.freeze()
    with pytest.raises(XGammaError, match="No parameter is free"):
        xg.fit(data, frozen)
    with pytest.raises(MissingDataError, match="no models to fit"):
        xg.fit(data)
    with pytest.raises(XGammaError, match="backend='newton' is not recognised"):
        xg.fit(data, truth, backend="newton")
    outside = crab()
    outside.spatial.lat = "40 deg"
    with pytest.raises(FrameError, match="'crab' lies outside"):
        xg.fit(small_map(), outside)
    with pytest.raises(MissingDataError, match="correct its dataset"):
        xg.fit(data, [truth, xg.FoVBackground("nope")])
    empty = data.assign(background=data.background * 0)
    with pytest.raises(XGammaError, match=r"'s-bkg.spectral.norm' has no effect on the fit"):
        xg.fit(empty, [truth, xg.FoVBackground("s")])
    far = truth.copy()
    far.spectral.index._value, far.spectral.index.max = 9.0, 5.0
    with pytest.raises(XGammaError, match="starts outside its range"):
        xg.fit(data, far)
    with pytest.warns(XGammaWarning, match="The fit failed .* maximum number of calls"):
        bad = xg.fit(data, truth, max_calls=3)
    assert not bad.success
    if not np.isfinite(bad.errors).all():
        with pytest.raises(XGammaError, match="requires a covariance"):
            bad.contour("index", "amplitude")
    with pytest.raises(XGammaError, match="two different parameters"):
        bad.contour("index", "index")


def test_shapes_are_left_alone_where_there_is_no_map(spectrum):
    data, truth = spectrum
    shaped = xg.SkyModel(truth.spectral.copy(), xg.Gaussian(lon=83.6, lat=22), name="s")
    result = xg.fit(data, shaped)
    assert result.names == ["s.spectral.index", "s.spectral.amplitude"]
    assert result.total_stat == pytest.approx(xg.fit(data, truth).total_stat)
    assert result.models["s"].spatial.lon.error == 0


def test_a_parameter_at_its_bound_is_reported(spectrum):
    data, truth = spectrum
    held = truth.copy()
    held.spectral.index.min, held.spectral.index.max = 2.39, 2.4
    held.spectral.index = 2.395
    with pytest.warns(XGammaWarning, match=r"spectral.index' ended at its bound"):
        xg.fit(data, held)


def test_progress(spectrum, capsys):
    xg.fit(*spectrum, progress=True)
    assert "calls" in capsys.readouterr().err


def test_pulls_are_unit_normals():
    """Simulate and fit 200 times: every parameter's pull has mean zero and width one."""
    ds = small_map(width=2.0, binsz=0.2, nbin=3, background=3.0)
    truth = xg.Models([crab(amplitude="2e-11 cm-2 s-1 TeV-1"), xg.FoVBackground("d")])
    expected = np.array([p.value for p in truth.free_parameters])
    rng = np.random.default_rng(42)
    predicted = ds.gamma.npred(truth)
    pulls = []
    for _ in range(200):
        data = ds.assign(counts=predicted.copy(data=rng.poisson(predicted.values)))
        result = xg.fit(data, truth)
        assert result.success, result
        pulls.append((result.to_dataset().value.values - expected) / result.errors)
    mean, width = np.mean(pulls, axis=0), np.std(pulls, axis=0)
    # Three standard errors of the mean and of the width of 200 values.
    assert np.all(np.abs(mean) < 3 / np.sqrt(200)), mean
    assert np.all(np.abs(width - 1) < 3 / np.sqrt(400)), width


def test_ts_of_nothing_follows_its_law():
    """The TS of one free amplitude, negative allowed, is a chi2 of one degree of freedom."""
    from scipy.stats import chi2, kstest

    ds = small_map(width=2.0, binsz=0.2, nbin=2, background=10.0)
    null = crab(amplitude="0 cm-2 s-1 TeV-1")
    null.spatial.freeze()
    null.spectral.index.frozen = True
    null.spectral.amplitude.error = 3e-13
    rng = np.random.default_rng(7)
    values = []
    for _ in range(200):
        data = ds.assign(counts=ds.background.copy(data=rng.poisson(ds.background.values)))
        values.append(data.gamma.stat_sum([]) - xg.fit(data, null).total_stat)
    assert min(values) > -1e-3
    assert kstest(values, chi2(1).cdf).pvalue > 1e-3


@pytest.mark.parametrize("value", [np.nan, -3.0])
@pytest.mark.parametrize("name", ["counts", "counts_off"])
def test_counts_that_are_none(name, value):
    """NaN was blamed on the parameters, negative counts were fitted; masked ones are no matter."""
    from xgamma.tutorial import example_spectrum

    ds = example_spectrum()
    ds = ds.assign({name: ds[name].astype(float).where(ds.energy > 2, value)})
    model = xg.SkyModel(xg.PowerLaw(amplitude="1e-11 cm-2 s-1 TeV-1"), name="crab")
    for call in (xg.fit, xg.stat_sum):
        with pytest.raises(
            xg.XGammaError, match=f"The {name} of .*NaN, infinite or negative in 2 of the bins"
        ):
            call(ds, [model])
    masked = ds.assign(mask_safe=ds.energy > 2)
    assert xg.fit(masked, [model]).success


@pytest.mark.parametrize("wrong", [None, "crab.nc", [1]])
def test_what_is_no_dataset(wrong):
    model = xg.SkyModel(xg.PowerLaw(), name="crab")
    with pytest.raises(xg.XGammaError, match="data= must be a dataset"):
        xg.fit(wrong, [model])
