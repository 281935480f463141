"""Weights of bins: a mask_fit of numbers multiplies the statistic of each bin."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.errors import XGammaError, XGammaWarning
from xgamma.numerics import statistics as stats
from xgamma.tutorial import example_map, example_model, example_spectrum


def weights_like(counts, seed=1):
    drawn = np.random.default_rng(seed).uniform(0, 1, counts.shape)
    drawn[drawn < 0.2] = 0.0
    return counts.astype(float).copy(data=drawn).assign_attrs(units="")


def with_counts(ds):
    if "counts" not in ds or not float(ds.counts.sum()):
        ds = ds.gamma.fake(seed=3)
    return ds


@pytest.fixture
def data():
    ds = with_counts(example_map().gamma.with_models(example_model()))
    return ds.assign(mask_fit=weights_like(ds.counts))


def test_each_bin_counts_with_its_weight(data):
    bare = data.drop_vars("mask_fit")
    np.testing.assert_allclose(
        data.gamma.stat_array(), bare.gamma.stat_array() * data.mask_fit, rtol=1e-12
    )
    expected = stats.cash(bare.counts.values, bare.gamma.npred().values) * data.mask_fit.values
    assert data.gamma.stat_sum() == pytest.approx(float(expected.sum()), rel=1e-10)
    # Below a bound the weights of zero leave the same bins out as False does.
    one = data.assign(mask_fit=(data.mask_fit > 0).astype(float))
    flags = data.assign(mask_fit=data.mask_fit > 0)
    assert one.gamma.stat_sum() == pytest.approx(flags.gamma.stat_sum(), rel=1e-12)


def test_the_safe_mask_still_leaves_out(data):
    safe = data.gamma.energy_mask("2 TeV", None)
    cut = data.assign(mask_safe=safe)
    expected = data.gamma.stat_array().where(safe, 0).sum()
    assert cut.gamma.stat_sum() == pytest.approx(float(expected), rel=1e-10)


def test_as_gammapy(gammapy):
    """gammapy weighs with ``stat_type = "cash_weighted"``."""
    weight = np.array([0.3, 1.0, 0.0, 0.7])
    counts, npred = np.array([3.0, 5.0, 2.0, 0.0]), np.array([2.5, 6.0, 1.0, 0.4])
    from gammapy.utils.compilation import get_fit_statistics_compiled

    theirs = get_fit_statistics_compiled()["weighted_cash_sum_compiled"](counts, npred, weight)
    ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 4), name="d")
    ds = ds.assign(counts=("energy", counts), background=("energy", npred))
    ds = ds.assign(mask_fit=("energy", weight))
    assert ds.gamma.stat_sum(models=[]) == pytest.approx(theirs, rel=1e-6)


def test_a_fit_with_equal_weights_has_wider_errors(data):
    half = data.assign(mask_fit=xr.full_like(data.mask_fit, 0.25))
    plain = xg.fit(data.drop_vars("mask_fit"))
    weighed = xg.fit(half)
    for name, parameter in plain.models.named_parameters().items():
        other = weighed.models.named_parameters()[name]
        if parameter.frozen:
            continue
        assert other.value == pytest.approx(parameter.value, abs=0.05 * parameter.error)
        assert other.error == pytest.approx(2 * parameter.error, rel=0.1)


def test_on_off_bins_are_weighed():
    ds = example_spectrum()
    assert "counts_off" in ds
    model = xg.SkyModel(xg.PowerLaw(index=2.5, amplitude="3e-11 cm-2 s-1 TeV-1"), name="m")
    ds = ds.gamma.with_models(model)
    weighed = ds.assign(mask_fit=weights_like(ds.counts))
    expected = (ds.gamma.stat_array() * weighed.mask_fit).where(weighed.gamma.mask, 0)
    np.testing.assert_allclose(weighed.gamma.stat_sum(), float(expected.sum()), rtol=1e-10)


def test_weights_that_cannot_be_are_refused(data):
    for bad in (-1.0, np.inf):
        wrong = data.assign(mask_fit=data.mask_fit.where(data.mask_fit > 0.5, bad))
        with pytest.raises(XGammaError, match=r"negative or infinite values.* fit weights"):
            wrong.gamma.stat_sum()
    missing = data.assign(mask_fit=data.mask_fit.where(data.mask_fit > 0.5))
    with pytest.raises(XGammaError, match="partly NaN"):
        missing.gamma.stat_sum()
    with pytest.raises(XGammaError, match=r"TS maps do not support: use ds.assign"):
        data.gamma.ts_map(example_model())


@pytest.mark.parametrize(
    "job",
    [
        lambda ds: ds.gamma.downsample(2),
        lambda ds: ds.gamma.downsample(energy=2),
        lambda ds: ds.gamma.to_spectrum("icrs;circle(83.63, 22.01, 0.3)"),
        lambda ds: xg.stack([ds, ds]),
    ],
    ids=["pixels", "energy", "region", "stack"],
)
def test_who_cannot_keep_weights_says_so(data, job):
    with pytest.warns(XGammaWarning, match="contains weights: the result only keeps where"):
        result = job(data)
    assert result.mask_fit.dtype == bool


def test_files_keep_weights(data, tmp_path):
    data.to_netcdf(tmp_path / "a.nc")
    data.gamma.to_fits(tmp_path / "a.fits")
    for back in (xr.open_dataset(tmp_path / "a.nc"), xg.read_fits(tmp_path / "a.fits")):
        np.testing.assert_allclose(back.mask_fit, data.mask_fit)
        assert back.mask_fit.dtype == float
