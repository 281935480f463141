"""Excess and TS maps, flux points, light curves and sensitivity."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.small_datasets import crab, small_map, small_spectrum, spectrum_source
from xgamma.errors import MissingDataError, XGammaError
from xgamma.estimators.flux_points import flux_points
from xgamma.estimators.light_curve import light_curve
from xgamma.estimators.maps import excess_map, ts_map
from xgamma.estimators.sensitivity import sensitivity
from xgamma.numerics import statistics as stats


def test_flux_points_of_an_asimov_set_are_the_model():
    ds = small_spectrum(background=3.0)
    model = spectrum_source()
    bands = ds.gamma.edges("energy")[[0, 2, 4, 7]]
    points = flux_points(ds.gamma.asimov(model), "s", bands, models=model)
    np.testing.assert_allclose(points.norm, 1, atol=2e-3)
    np.testing.assert_allclose(points.dnde, model.spectral(points.energy), rtol=2e-3)
    assert points.dnde.attrs["units"] == "TeV-1 s-1 cm-2"
    np.testing.assert_allclose(points.norm_errp, points.norm_err, rtol=0.2)
    assert bool((points.norm_ul > points.norm + points.norm_errp).all())
    # The profile rises by one at the errors.
    row = points.isel(energy=0)
    at = float(row.norm + row.norm_errp)
    again = flux_points(ds.gamma.asimov(model), "s", bands, models=model, norm_values=[at])
    assert float(again.stat_scan[0, 0] - row.stat) == pytest.approx(1, abs=1e-3)
    null = ds.gamma.asimov(model)
    total = flux_points(null, "s", models=model).ts.sum()
    difference = null.gamma.stat_sum([]) - null.gamma.stat_sum(model)
    assert float(total) == pytest.approx(difference, rel=1e-4)


def test_flux_points_are_a_dataset_to_fit():
    ds = small_spectrum(background=3.0)
    model = spectrum_source()
    points = flux_points(ds.gamma.asimov(model), "s", models=model)
    again = xg.fit(points.where(~points.is_ul, drop=True), model)
    assert again.models["s"].spectral.index.value == pytest.approx(2.4, abs=0.02)


def test_empty_and_masked_bands():
    ds = small_spectrum(background=3.0)
    model = spectrum_source()
    data = ds.gamma.fake(2, model)
    data["mask_safe"] = ("energy", np.arange(8) > 1)
    points = flux_points(data, "s", models=model)
    assert np.isnan(points.norm.values[:2]).all()
    assert np.isfinite(points.norm.values[2:]).all()
    assert bool(points.is_ul[:2].all())
    empty = ds.assign(counts=ds.counts * 0, background=ds.background * 0)
    none = flux_points(empty, "s", models=model)
    assert bool(none.is_ul.all())
    # No counts and no background: the limit is where 2 npred reaches the level.
    np.testing.assert_allclose(none.norm_ul * empty.gamma.npred(model).values, 2, rtol=2e-2)
    deficit = flux_points(ds.assign(counts=ds.counts * 0), "s", models=model)
    assert bool((deficit.norm_ul > 0).all())
    with pytest.raises(MissingDataError, match="No energy bin of 's' lies between"):
        flux_points(data, "s", [100, 200], models=model)
    with pytest.raises(MissingDataError, match="There is no model 't'"):
        flux_points(data, "t", models=model)


def test_refitted_background_widens_errors():
    ds = small_map(background=3.0)
    models = xg.Models([crab(), xg.FoVBackground("d")])
    data = ds.gamma.fake(1, models)
    fixed = flux_points(data, "crab", [1, 10], models=models)
    free = flux_points(data, "crab", [1, 10], models=models, refit=True)
    assert float(free.norm_err[0]) >= float(fixed.norm_err[0])
    assert float(free.stat[0]) <= float(fixed.stat[0]) + 1e-6


def test_light_curve():
    model = spectrum_source()
    sets = []
    for i in range(3):
        brighter = spectrum_source(f"{(i + 1) * 3e-11} cm-2 s-1 TeV-1")
        one = small_spectrum(f"run{i}", background=3.0).gamma.asimov(brighter)
        one["gti_start"], one["gti_stop"] = one.gti_start + 86400 * i, one.gti_stop + 86400 * i
        for name, old in (("gti_start", "gti_start"), ("gti_stop", "gti_stop")):
            one[name].attrs = small_spectrum()[old].attrs
        sets.append(one)
    curve = light_curve(sets[::-1], "s", models=model)
    assert dict(curve.sizes)["time"] == 3
    np.testing.assert_allclose(curve.norm[:, 0], [1, 2, 3], rtol=2e-3)
    assert curve.time.dtype.kind == "M"
    from astropy.time import Time

    edges = Time([["1999-12-31", "2000-01-02T12:00:00"], ["2000-01-02T12:00:00", "2000-01-09"]])
    two = light_curve(sets, "s", time_intervals=edges, models=model)
    np.testing.assert_allclose(two.norm[:, 0], [1.5, 3], rtol=2e-2)
    with pytest.raises(MissingDataError, match="No dataset falls"):
        light_curve(sets, "s", time_intervals=edges + 1000, models=model)
    with pytest.raises(MissingDataError, match="no good time intervals"):
        light_curve([sets[0].drop_vars(["gti_start"])], "s", models=model)


@pytest.mark.parametrize("onoff", [False, True])
def test_sensitivity_is_where_a_source_is_significant(onoff):
    ds = small_spectrum(background=30.0, onoff=onoff)
    found = sensitivity(ds, min_counts=0, background_fraction=0)
    if onoff:
        value = stats.li_ma(30 + found.excess, np.full(8, 150.0), np.full(8, 0.2))
    else:
        value = stats.cash_significance(30 + found.excess.values, np.full(8, 30.0))
    np.testing.assert_allclose(value, 5, atol=1e-6)
    assert set(found.criterion.values) == {"significance"}
    assert set(sensitivity(ds, min_counts=1e4).criterion.values) == {"gamma"}
    assert set(sensitivity(ds, background_fraction=9).criterion.values) == {"bkg"}
    assert found.e2dnde.attrs["units"] == "erg s-1 cm-2"
    with pytest.raises(XGammaError, match="extract one with to_spectrum"):
        sensitivity(small_map())


def test_excess_map_sums_over_the_disk():
    ds = small_map(background=2.0)
    data = ds.gamma.fake(4, crab())
    maps = excess_map(data, "0.2 deg")
    counts = data.counts.sum("energy").values
    disk = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if y * y + x * x <= 4]
    expected = sum(counts[15 + dy, 12 + dx] for dy, dx in disk)
    assert float(maps.counts[15, 12]) == expected
    assert float(maps.npred[15, 12]) == pytest.approx(len(disk) * 4 * 2.0)
    significance = stats.cash_significance(expected, len(disk) * 8.0)
    assert float(maps.sqrt_ts[15, 12]) == pytest.approx(significance)
    with_errors = excess_map(data, "0.2 deg", errors=True, sum_energy=False)
    assert with_errors.excess_ul.dims == ("energy", "y", "x")
    assert bool((with_errors.excess_ul >= with_errors.excess).all())
    null = excess_map(ds.gamma.fake(1, []), "0.2 deg")
    assert float(null.sqrt_ts.std()) == pytest.approx(1, abs=0.25)


def test_excess_map_of_onoff_and_masks():
    ds = small_map(background=2.0)
    onoff = ds.drop_vars("background").assign(
        counts=ds.background * 0 + 3,
        counts_off=ds.background * 5,
        acceptance=xr.ones_like(ds.background),
        acceptance_off=xr.full_like(ds.background, 5.0),
    )
    onoff["mask_safe"] = (ds.background > 0) & (onoff.x < 15)
    maps = excess_map(onoff, "0.2 deg")
    n = float(maps.counts[15, 5])
    assert float(maps.npred[15, 5]) == pytest.approx(n * 2 / 3)
    off = n / 3 * 10
    assert float(maps.sqrt_ts[15, 5]) == pytest.approx(stats.li_ma(n, off, 0.2))
    assert bool(np.isnan(maps.sqrt_ts[:, 20:]).all())


def test_ts_map_is_the_fit_of_each_pixel():
    """At a few pixels a full fit of the norm gives the same TS and norm."""
    ds = small_map(background=1.0)
    data = ds.gamma.fake(8, crab(amplitude="1e-11 cm-2 s-1 TeV-1"))
    test = crab(amplitude="1e-11 cm-2 s-1 TeV-1")
    maps = ts_map(data, test)
    lon, lat = data.gamma.lonlat
    for y, x in ((15, 15), (10, 18), (12, 12)):
        here = test.copy()
        here.spatial.lon, here.spatial.lat = float(lon[y, x]), float(lat[y, x])
        points = flux_points(data, "crab", [1, 10], models=here)
        # A source is seen through its own pixel: the kernel is that of the pixel's centre.
        assert float(maps.norm[y, x]) == pytest.approx(float(points.norm[0]), abs=0.02)
        signed = float(points.ts[0]) * np.sign(float(points.norm[0]))
        got = float(maps.ts[y, x]) * np.sign(float(maps.norm[y, x]))
        assert got == pytest.approx(signed, rel=0.01, abs=0.05)
        assert float(maps.norm_err[y, x]) == pytest.approx(float(points.norm_err[0]), rel=0.05)
    best = maps.ts.argmax(("y", "x"))
    assert abs(int(best["y"]) - 15) <= 1
    assert abs(int(best["x"]) - 15) <= 1
    assert maps.flux.attrs["units"] == "s-1 cm-2"


def test_ts_map_mask_and_chunks(monkeypatch):
    from xgamma.numerics import ts_map as module

    ds = small_map(background=1.0).gamma.fake(8, [])
    whole = ts_map(ds, crab())
    mask = (ds.x > 10) & (ds.y > 3)
    part = ts_map(ds, crab(), mask=mask)
    np.testing.assert_allclose(part.ts, whole.ts.where(mask))
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 2000)
    np.testing.assert_allclose(ts_map(ds, crab()).ts, whole.ts, rtol=1e-6, atol=1e-9)
    with pytest.raises(XGammaError, match="TS map requires a map"):
        ts_map(small_spectrum(), spectrum_source())


def test_ts_map_of_nothing_follows_its_law():
    from scipy.stats import chi2, kstest

    ds = small_map(background=2.0)
    values = []
    for seed in range(12):
        maps = ts_map(ds.gamma.fake(seed, []), crab(), kernel_width="0.9 deg")
        # Pixels further apart than the kernel are independent.
        values.append(maps.ts.values[5:26:9, 5:26:9].ravel())
    assert kstest(np.concatenate(values), chi2(1).cdf).pvalue > 1e-3


def test_an_excess_map_keeps_its_pixels():
    from xgamma.tutorial import example_map

    ds = example_map()
    maps = ds.gamma.excess_map("0.2 deg")
    assert maps.indexes["x"].equals(ds.indexes["x"])
    assert maps.x.attrs == ds.x.attrs


def test_flux_points_without_counts_are_known_exactly():
    """With B background counts, s of the source and none seen: -ln L is B + x s where positive.

    So the best norm is -B/s, where nothing is predicted, it rises by 1/2 within 1/(2 s), and
    the limit from no source up is 2/s. Before, the norm was anywhere below.
    """
    energy = xg.energy_axis(1, 10, 3)
    ds = xg.create_spectrum("icrs;circle(83.6, 22, 0.1)", energy, name="d", energy_true="reco")
    background = np.array([2.0, 0.5, 0.1])
    ds = ds.assign(
        counts=("energy", np.zeros(3, dtype=int)),
        background=("energy", background, {"units": ""}),
        exposure=("energy_true", np.full(3, 2e10), {"units": "m2 s"}),
    )
    source = xg.SkyModel(xg.PowerLaw(index=2.5), name="s")
    per_norm = ds.gamma.npred_signal(source).values
    points = ds.gamma.flux_points("s", models=[source])
    np.testing.assert_allclose(points.norm, -background / per_norm, rtol=1e-5)
    np.testing.assert_allclose(points.norm_errp, 0.5 / per_norm, rtol=1e-3)
    np.testing.assert_allclose(points.norm_ul, 2 / per_norm, rtol=1e-3)
    np.testing.assert_allclose(points.ts, 2 * background, rtol=1e-5)
    assert points.success.all()


def test_flux_points_of_faint_bands_predict_nothing_negative():
    """Holes in sparse counts around a source are not worth more than the background there."""
    from xgamma.tutorial import example_map, example_model

    ds = example_map()
    rng = np.random.default_rng(3)
    faint = ds.assign(background=0.02 * ds.background)
    empty = faint.assign(counts=faint.background.copy(data=rng.poisson(faint.background)))
    model = example_model()
    points = empty.gamma.flux_points("crab", models=[model])
    source = empty.gamma.npred_signal([model])
    total = empty.background + points.norm.values[:, None, None] * source
    reached = source > 1e-6 * source.max(("y", "x"))
    assert (points.norm < 0).any()
    assert float(total.where(reached).min()) > -1e-9
