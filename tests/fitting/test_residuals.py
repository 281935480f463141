"""Residuals are formed after summing: on a perfect model significances have a width of one."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.small_datasets import crab, small_map, small_spectrum
from xgamma.errors import XGammaError
from xgamma.fitting.compare import model_significance, residuals
from xgamma.numerics import statistics as stats


def good_fit(seed=1, onoff=False, background=5.0):
    """A map drawn from its model."""
    ds, source = small_map(background=background), crab(amplitude="3e-12 cm-2 s-1 TeV-1")
    if not onoff:
        return ds.gamma.fake(seed, source), source
    made = ds.drop_vars("background").assign(
        acceptance=xr.ones_like(ds.background), acceptance_off=xr.full_like(ds.background, 5.0)
    )
    made["counts_off"] = 5 * ds.background
    return made.gamma.fake(seed, source, background=ds.background), source


@pytest.mark.parametrize("onoff", [False, True])
@pytest.mark.parametrize("radius", [None, "0.2 deg"])
def test_summed_residuals_of_a_good_fit_have_width_one(onoff, radius):
    """Adding up significances of four bins gives a width of two: sums come first here."""
    ds, source = good_fit(onoff=onoff)
    found = residuals(ds, source, "significance", correlation_radius=radius, sum_over_energy=True)
    assert found.dims == ("y", "x")
    # 900 pixels, or 70 independent discs.
    tolerance = 0.08 if radius is None else 0.3
    assert float(found.std()) == pytest.approx(1, abs=tolerance)
    assert float(found.mean()) == pytest.approx(0, abs=2 * tolerance)
    wrong = residuals(ds, source, "diff/sqrt(model)").sum("energy")
    assert float(wrong.std()) > 1.4
    both = model_significance(ds, source, radius, sum_over_energy=True)
    xr.testing.assert_allclose(both.significance.drop_attrs(), found.drop_attrs())
    np.testing.assert_allclose(both.excess, both.counts - both.npred, atol=1e-9)


@pytest.mark.parametrize("method", ["diff", "diff/model", "diff/sqrt(model)", "significance"])
def test_sums_against_numpy(method):
    ds, source = good_fit()
    safe = (ds.counts >= 0) & (ds.x < 25) & (ds.energy < 5)
    masked = ds.assign(mask_safe=safe)
    found = residuals(masked, source, method, correlation_radius="0.1 deg", sum_over_energy=True)
    npred = ds.gamma.npred(source).where(safe, 0).sum("energy").values
    counts = ds.counts.where(safe, 0).sum("energy").values
    cross = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
    n, mu = (sum(v[15 + j, 15 + i] for j, i in cross) for v in (counts, npred))
    expected = {
        "diff": n - mu,
        "diff/model": (n - mu) / mu,
        "diff/sqrt(model)": (n - mu) / np.sqrt(mu),
        "significance": stats.cash_significance(n, mu),
    }
    assert float(found[15, 15]) == pytest.approx(expected[method], rel=1e-6)
    assert np.isnan(found[:, 27:]).all()


def test_spectra_images_and_lazy_maps():
    source = xg.SkyModel(xg.PowerLaw(index=2.4, amplitude="3e-12 cm-2 s-1 TeV-1"), name="s")
    ds = small_spectrum(background=30.0).gamma.fake(2, source)
    each = residuals(ds, source, "significance")
    expected = stats.cash_significance(ds.counts.values, ds.gamma.npred(source).values)
    np.testing.assert_allclose(each, expected)
    assert residuals(ds, source, "significance", sum_over_energy=True).ndim == 0
    with pytest.raises(XGammaError, match="no pixels to correlate"):
        residuals(ds, source, "significance", correlation_radius="0.1 deg")
    data, crab_model = good_fit()
    options = {"method": "significance", "correlation_radius": 0.2, "sum_over_energy": True}
    lazy = residuals(data.chunk(), crab_model, **options)
    xr.testing.assert_allclose(lazy.compute(), residuals(data, crab_model, **options))
    assert lazy.chunks is not None


def test_nan_in_nan_out():
    ds, source = good_fit()
    bad = ds.assign(counts=ds.counts.astype(float).copy(deep=True))
    bad["counts"][1, 10, 12] = np.nan
    found = residuals(bad, source, "significance", sum_over_energy=True)
    assert int(np.isnan(found).sum()) == 1
    near = residuals(
        bad, source, "significance", sum_over_energy=True, correlation_radius="0.1 deg"
    )
    assert int(np.isnan(near).sum()) == 5


@pytest.mark.parametrize("method", ["diff", "diff/model", "diff/sqrt(model)", "significance"])
def test_pictures(method):
    import matplotlib as mpl

    mpl.use("Agg")
    data, source = good_fit()
    sky, spectrum = data.gamma.plot_residuals(source, method)
    drawn = spectrum.lines[0].get_ydata()
    total = data.counts.sum(("y", "x")).values
    npred = data.gamma.npred(source).sum(("y", "x")).values
    expected = {
        "diff": total - npred,
        "diff/model": (total - npred) / npred,
        "diff/sqrt(model)": (total - npred) / np.sqrt(npred),
        "significance": stats.cash_significance(total, npred),
    }
    np.testing.assert_allclose(drawn, expected[method])
    assert sky.images
    _, bottom = data.gamma.plot_fit(source, method)
    np.testing.assert_allclose(bottom.lines[0].get_ydata(), expected[method])
    model = xg.SkyModel(xg.PowerLaw(), name="s")
    one = small_spectrum(onoff=True).gamma.fake(1, model)
    assert one.gamma.plot_residuals(model, method).get_xlabel() == "Energy [TeV]"
    assert len(one.gamma.plot_fit(model, method)) == 2
    with pytest.raises(XGammaError, match="pair"):
        data.gamma.plot_residuals(source, axes=bottom)
