"""Norms of any sign and size: minimum, errors and limits against brute force and gammapy."""

import warnings

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.from_gammapy import spectrum_from_gammapy
from tests.helpers.small_datasets import crab, small_map, small_spectrum
from xgamma.errors import AxisError, FrameError, XGammaError, XGammaWarning
from xgamma.estimators.flux_points import flux_points
from xgamma.estimators.light_curve import light_curve
from xgamma.model.make_axes import axis_from_edges
from xgamma.numerics import limits
from xgamma.numerics import statistics as stats

ENERGY = xg.energy_axis(1, 10, 1)


def one_bin(counts, background=None, off=None, alpha=0.2, name="d", signal=1.0):
    """A spectrum of one bin in which the source `s` is expected to give `signal` counts."""
    ds = xg.create_spectrum("icrs;circle(83.6, 22, 0.1)", ENERGY, name=name, energy_true="reco")
    ds = ds.assign(counts=("energy", [counts]), exposure=("energy_true", [1e10], {"units": "m2 s"}))
    if off is None:
        ds["background"] = ("energy", [float(background)], {"units": ""})
    else:
        ds["counts_off"] = ("energy", [off])
        ds["acceptance"], ds["acceptance_off"] = ("energy", [1.0]), ("energy", [1 / alpha])
    source = xg.SkyModel(xg.PowerLaw(index=2), name="s")
    scale = signal / float(ds.gamma.npred_signal(source).sum())
    source.spectral.amplitude.value = source.spectral.amplitude.value * scale
    return ds, source


@pytest.mark.parametrize("signal", [1e-8, 1.0, 1e6])
@pytest.mark.parametrize(
    ("counts", "background"), [(5, 20.0), (1, 16.0), (0, 3.0), (7, 0.0), (300, 900.0), (9, 2.0)]
)
def test_cash_norms_of_any_size(counts, background, signal):
    """One bin is known in closed form: k = (n - b) / g, whatever size g has.

    Before, k was not below -1, -2 or -4, and not above 1e6.
    """
    ds, source = one_bin(counts, background, signal=signal)
    point = flux_points(ds, "s", models=source).squeeze("energy")
    assert float(point.norm) * signal == pytest.approx(counts - background, rel=1e-5, abs=1e-5)
    errn, errp = limits.cash_excess_error(counts, background)
    assert float(point.norm_errp) * signal == pytest.approx(errp, rel=1e-4)
    assert float(point.norm_errn) * signal == pytest.approx(errn, rel=1e-4, abs=1e-4)
    limit = limits.cash_excess_limit(counts, background)
    assert float(point.norm_ul) * signal == pytest.approx(limit, rel=1e-4)
    expected = np.sqrt(counts) if counts else np.nan
    assert float(point.norm_err) * signal == pytest.approx(expected, rel=2e-3, nan_ok=True)


@pytest.mark.parametrize(
    ("counts", "off"), [(5, 100), (0, 75), (1, 40), (12, 0), (400, 3000), (0, 0), (0, 1)]
)
@pytest.mark.parametrize("signal", [1.0, 1e-4])
def test_wstat_norms_of_any_size(counts, off, signal):
    """On and off counts of one bin: k = (n - alpha m) / g, an excess of -15 is -15, not -4."""
    ds, source = one_bin(counts, off=off, signal=signal)
    point = flux_points(ds, "s", models=source).squeeze("energy")
    best = counts - 0.2 * off
    assert float(point.norm) * signal == pytest.approx(best, rel=1e-4, abs=1e-4)
    errn, errp = limits.wstat_excess_error(counts, off, 0.2)
    assert float(point.norm_errp) * signal == pytest.approx(errp, rel=1e-3)
    assert float(point.norm_errn) * signal == pytest.approx(errn, rel=1e-3)
    limit = limits.wstat_excess_limit(counts, off, 0.2)
    assert float(point.norm_ul) * signal == pytest.approx(limit, rel=1e-3)
    if counts and off:
        error = np.sqrt(counts + 0.2**2 * off)
        assert float(point.norm_err) * signal == pytest.approx(error, rel=2e-3)
    if not counts and not off:
        # A kink at zero: no second derivative. Before, any number.
        assert np.isnan(point.norm_err)


def test_light_curves_do_not_clip_either():
    sets = []
    for i, counts in enumerate((5, 30, 0)):
        ds, source = one_bin(counts, off=100, name=f"run{i}")
        sets.append(ds.assign(_gti(i)))
    curve = light_curve(sets, "s", models=source)
    np.testing.assert_allclose(curve.norm[:, 0], [-15, 10, -20], rtol=1e-4)
    errors = [np.sqrt(n + 4) for n in (5, 30)]
    np.testing.assert_allclose(curve.norm_err[:2, 0], errors, rtol=2e-3)


def _gti(day):
    attrs = small_spectrum().gti_start.attrs
    return {
        "gti_start": ("gti", [86400.0 * day], attrs),
        "gti_stop": ("gti", [86400.0 * day + 1800], attrs),
    }


def test_several_bins_against_a_grid():
    """A band of four bins, on-off, with a deficit: the least of the statistic on a fine grid."""
    ds = small_spectrum(background=6.0, onoff=True)
    rng = np.random.default_rng(5)
    ds["counts"] = ("energy", rng.poisson(2.0, 8))
    ds["counts_off"] = ("energy", rng.poisson(30.0, 8))
    source = xg.SkyModel(xg.PowerLaw(index=2.4, amplitude="1e-13 cm-2 s-1 TeV-1"), name="s")
    points = flux_points(ds, "s", [1, 30], models=source)
    low = float(points.norm[0])
    assert low < -4
    signal = ds.gamma.npred_signal(source).values
    norms = np.linspace(low - 1, low + 1, 20001)
    total = stats.wstat(ds.counts.values, ds.counts_off.values, 0.2, norms[:, None] * signal)
    assert low == pytest.approx(norms[total.sum(1).argmin()], abs=2e-4)
    second = np.gradient(np.gradient(total.sum(1), norms), norms)[10000]
    assert float(points.norm_err[0]) == pytest.approx(np.sqrt(2 / second), rel=1e-2)


def test_negative_points_of_gammapy(gammapy):
    """A deficit of 15 counts: both have the same norm and errors."""
    from astropy import units as u
    from gammapy.datasets import SpectrumDatasetOnOff
    from gammapy.estimators import FluxPointsEstimator
    from gammapy.maps import MapAxis, RegionGeom, RegionNDMap
    from gammapy.modeling.models import Models

    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1)
    true = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1, name="energy_true")
    geom = RegionGeom.create("icrs;circle(83.6, 22, 0.1)", axes=[axis])
    ones = RegionNDMap.from_geom(geom, data=1.0)
    theirs = SpectrumDatasetOnOff(
        counts=ones * 5.0,
        counts_off=ones * 100.0,
        acceptance=ones,
        acceptance_off=ones * 5.0,
        exposure=RegionNDMap.from_geom(
            RegionGeom.create("icrs;circle(83.6, 22, 0.1)", axes=[true]), data=1e10, unit="m2 s"
        ),
        name="d",
    )
    ds = spectrum_from_gammapy(theirs)
    _, source = one_bin(5, off=100)
    theirs.models = Models.from_yaml(xg.Models([source]).to_yaml())
    estimator = FluxPointsEstimator(
        energy_edges=[1, 10] * u.TeV, source="s", selection_optional=["errn-errp", "ul"]
    )
    estimator.norm.min, estimator.norm.max = -100, 100
    estimator.norm.scan_min, estimator.norm.scan_max = -30, 30
    other = estimator.run([theirs])
    point = flux_points(ds, "s", models=source).squeeze("energy")
    assert float(point.norm) == pytest.approx(float(other.norm.data.squeeze()), rel=1e-3)
    assert float(point.norm_err) == pytest.approx(float(other.norm_err.data.squeeze()), rel=2e-2)


# --- bands ------------------------------------------------------------------------------------


def spectrum_on(edges, name, norm=1.0, background=30.0):
    """An Asimov spectrum on given energy edges, and its source."""
    axis = axis_from_edges(np.asarray(edges, float), "energy", "TeV", "log")
    true = xg.energy_axis(0.5, 60, 24, name="energy_true")
    ds = xg.create_spectrum("icrs;circle(83.6, 22, 0.1)", axis, energy_true=true, name=name)
    ds["exposure"] = ("energy_true", np.full(24, 3e9), {"units": "m2 s"})
    ds["background"] = ("energy", np.full(len(edges) - 1, background), {"units": ""})
    source = xg.SkyModel(xg.PowerLaw(index=2.4, amplitude="3e-11 cm-2 s-1 TeV-1"), name="s")
    bright = source.copy()
    bright.spectral.amplitude.value = norm * bright.spectral.amplitude.value
    return ds.gamma.asimov(bright), source


def test_bands_end_where_bins_of_all_datasets_do():
    one, source = spectrum_on([1, 1.5, 2, 3, 5, 8, 10, 20], "one", 1.0)
    two, _ = spectrum_on([0.8, 1, 2, 5, 10, 40], "two", 3.0)
    points = flux_points([one, two], "s", [1, 2, 5, 10], models=source)
    np.testing.assert_allclose(points.energy_lo, [1, 2, 5])
    np.testing.assert_allclose(points.energy_hi, [2, 5, 10])
    for i, (low, high) in enumerate(((1, 2), (2, 5), (5, 10))):
        total = 0.0
        for ds in (one, two):
            inside = (ds.energy_lo >= low * 0.999) & (ds.energy_hi <= high * 1.001)
            total += float(ds.counts.where(inside).sum())
        assert float(points.counts[i].sum()) == pytest.approx(total)
    swapped = flux_points([two, one], "s", [1, 2, 5, 10], models=source)
    np.testing.assert_allclose(swapped.norm, points.norm, rtol=1e-5)
    # Every bin of its own: those that both share.
    alone = flux_points([one, two], "s", models=source)
    np.testing.assert_allclose(alone.energy_lo, [0.8, 1, 2, 5, 10])
    np.testing.assert_allclose(alone.energy_hi, [1, 2, 5, 10, 40])


def test_bins_that_straddle_bands_are_refused():
    """Before, bins of the second dataset went to the band of their centre, and mixed two."""
    one, source = spectrum_on(np.geomspace(1, 20, 9), "one")
    two, _ = spectrum_on(np.geomspace(0.9, 20, 7), "two")
    for edges in (None, [1, 2, 5, 20]):
        with pytest.raises(AxisError, match="'one', 'two' have different energy bins"):
            flux_points([one, two], "s", edges, models=source)
    with pytest.warns(XGammaWarning, match="the band 0.8 to 30 TeV is 0.9 to 20 TeV"):
        whole = flux_points([one, two], "s", [0.8, 30], models=source)
    np.testing.assert_allclose([whole.energy_lo, whole.energy_hi], [[0.9], [20]])
    np.testing.assert_allclose(whole.norm, 1, rtol=1e-4)


def test_bands_without_bins_are_told():
    one, source = spectrum_on([1, 2, 5, 10], "one")
    with pytest.warns(XGammaWarning, match="0.1 to 1 TeV, 10 to 20 TeV: omitted"):
        points = flux_points(one, "s", [0.1, 1, 10, 20], models=source)
    assert points.sizes["energy"] == 1


ESTIMATES = {
    "flux_points": lambda ds, edges, model: flux_points(ds, "s", edges, models=model),
    "light_curve": lambda ds, edges, model: light_curve(
        [ds.assign(_gti(0))], "s", edges, models=model
    ),
}


@pytest.mark.parametrize("estimate", ESTIMATES.values(), ids=list(ESTIMATES))
def test_bands_that_end_elsewhere_are_told_once(estimate):
    """Before, bands snapped to bins without a word: 1 to 2 TeV was 1 to 2.34 TeV."""
    ds, source = spectrum_on(np.geomspace(1, 30, 9), "one")
    with pytest.warns(XGammaWarning) as caught:
        curve = estimate(ds, [1, 2, 5, 20], source)
    assert [str(w.message).partition(": choose")[0] for w in caught] == [
        "energy_edges do not coincide with bin edges, so the band 1 to 2 TeV is 1 to 2.34 TeV, "
        "2 to 5 TeV is 2.34 to 5.477 TeV, 5 to 20 TeV is 5.477 to 19.61 TeV"
    ]
    np.testing.assert_allclose(curve.energy_hi, [2.340, 5.477, 19.61], rtol=1e-3)


@pytest.mark.parametrize("estimate", ESTIMATES.values(), ids=list(ESTIMATES))
@pytest.mark.parametrize("off", [0.0, 0.009, -0.009, 0.011, -0.011])
def test_edges_that_were_rounded_are_the_edges(estimate, off):
    """A hundredth of a bin is let pass without a word, more is not; inside and at both ends."""
    edges = np.geomspace(1, 30, 9)
    ds, source = spectrum_on(edges, "one")
    for at in (0, 1, 2):
        asked = edges[[0, 4, 8]]
        asked[at] *= 30 ** (off / 8)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            got = estimate(ds, asked, source)
        assert len(caught) == (abs(off) > 0.01)
        np.testing.assert_allclose(np.append(got.energy_lo, got.energy_hi[-1]), edges[[0, 4, 8]])


def test_light_curves_have_the_same_bands_at_all_times():
    """Before, each interval had those of its first dataset, and were joined with NaN between."""
    one, source = spectrum_on([1, 1.5, 2, 5, 10], "one", 1.0)
    two, _ = spectrum_on([1, 2, 4, 5, 10], "two", 3.0)
    sets = [one.assign(_gti(0)), two.assign(_gti(1))]
    curve = light_curve(sets, "s", [1, 2, 5, 10], models=source)
    assert dict(curve.sizes)["energy"] == 3
    np.testing.assert_allclose(curve.norm, [[1, 1, 1], [3, 3, 3]], rtol=1e-4)
    whole = light_curve(sets, "s", models=source)
    np.testing.assert_allclose(whole.norm[:, 0], [1, 3], rtol=1e-4)


# --- masks and NaN ----------------------------------------------------------------------------


def test_masks_that_leave_nothing_together_give_nan():
    one, source = spectrum_on([1, 2, 5, 10], "one")
    safe = xr.DataArray([True, True, False], dims="energy")
    fitted = xr.DataArray([False, True, True], dims="energy")
    points = flux_points(one.assign(mask_safe=safe, mask_fit=fitted), "s", models=source)
    np.testing.assert_array_equal(np.isfinite(points.norm), [False, True, False])
    # Both bins of the first band are masked, one by each.
    band = flux_points(one.assign(mask_safe=safe, mask_fit=~safe), "s", [1, 10], models=source)
    assert np.isnan(band.norm).all()


def test_bands_without_exposure_are_nan():
    one, source = spectrum_on([1, 2, 5, 10], "one")
    blind = one.assign(exposure=one.exposure.where(one.energy_true > 3, 0))
    points = flux_points(blind, "s", models=source)
    assert np.isnan(points.norm[0])
    assert np.isfinite(points.norm[2])
    assert not points.success[0]
    assert points.is_ul[0]


def test_sources_outside_of_all_are_refused_and_of_some_are_nan():
    ds = small_map().gamma.fake(1, crab()).assign(_gti(0))
    away = crab()
    away.spatial.lon = 200.0
    with pytest.raises(FrameError, match="lies outside"):
        flux_points(ds, "crab", [1, 10], models=away)
    with pytest.raises(FrameError, match="lies outside"):
        light_curve([ds], "crab", models=away)


@pytest.mark.parametrize("name", ["counts", "background"])
def test_nan_in_a_band_is_refused(name):
    one, source = spectrum_on([1, 2, 5, 10], "one")
    bad = one.assign({name: one[name].where(one.energy > 2)})
    with pytest.raises(XGammaError, match="NaN"):
        flux_points(bad, "s", models=source)
    good = bad.assign(mask_safe=one.energy > 2)
    assert np.isfinite(flux_points(good, "s", models=source).norm[1:]).all()


def test_profiles_end_at_the_least_norm():
    ds, source = one_bin(3, 5.0)
    points = flux_points(ds, "s", models=source, norm_values=[-6, -4, 0, 1])
    np.testing.assert_array_equal(np.isfinite(points.stat_scan[0]), [False, True, True, True])
    expected = stats.cash(3, 5.0 + np.array([-4, 0, 1]))
    np.testing.assert_allclose(points.stat_scan[0, 1:], expected, rtol=1e-6)


# --- excess maps ------------------------------------------------------------------------------


def onoff_map(seed=0, background=2.0):
    ds = small_map(background=background)
    rng = np.random.default_rng(seed)
    source = crab(amplitude="1e-12 cm-2 s-1 TeV-1")
    expected = ds.gamma.npred_signal(source)
    counts = ds.background.copy(data=rng.poisson(ds.background + 1.3 * expected))
    off = ds.background.copy(data=rng.poisson(5 * ds.background))
    made = ds.drop_vars("background").assign(counts=counts, counts_off=off)
    made["acceptance"] = xr.ones_like(ds.background)
    made["acceptance_off"] = xr.full_like(ds.background, 5.0)
    return made, source


def test_excess_limits_over_a_model_on_onoff_data():
    """The limit is of what is beside the model. Before, the model's counts were part of it."""
    ds, source = onoff_map()
    maps = ds.gamma.excess_map("0.2 deg", models=source, errors=True)
    offsets = [(j, i) for j in range(-2, 3) for i in range(-2, 3) if j * j + i * i <= 4]
    signal = ds.gamma.npred_signal(source).sum("energy").values
    on, off = (ds[n].sum("energy").values for n in ("counts", "counts_off"))
    for y, x in ((15, 15), (14, 16), (5, 20)):
        n, m, s = (sum(v[y + j, x + i] for j, i in offsets) for v in (on, off, signal))
        excess = n - 0.2 * m - s
        assert float(maps.excess[y, x]) == pytest.approx(excess)
        # By hand: the least statistic of excesses that are not negative, and a rise of four.
        grid = np.linspace(0, 500, 500_001)
        stat = stats.wstat(n, m, 0.2, s + grid)
        start = max(excess, 0)
        rise = stat - stats.wstat(n, m, 0.2, s + start) - 4
        limit = grid[(grid > start) & (rise > 0)][0]
        assert float(maps.excess_ul[y, x]) == pytest.approx(limit, abs=2e-3)
        ts = stats.wstat(n, m, 0.2, s) - stats.wstat(n, m, 0.2, n - 0.2 * m)
        assert float(maps.ts[y, x]) == pytest.approx(ts)
        up = float(maps.excess_errp[y, x])
        rise = stats.wstat(n, m, 0.2, n - 0.2 * m + up) - stats.wstat(n, m, 0.2, n - 0.2 * m)
        assert float(rise) == pytest.approx(1, abs=1e-6)


def test_excess_maps_take_off_counts_of_rings_once():
    """Off counts of a ring are in every pixel around it: the disk has those of its middle."""
    ds, _ = onoff_map()
    ds["counts_off"].attrs["correlated"] = 1
    maps = ds.gamma.excess_map("0.2 deg", models=[])
    theirs = ds.gamma.significance("0.2 deg", sum_over_energy=True).isel(energy=0)
    np.testing.assert_allclose(maps.sqrt_ts, theirs.significance, atol=1e-6)
    np.testing.assert_allclose(maps.excess, theirs.excess, atol=1e-9)


@pytest.mark.parametrize("name", ["counts", "background"])
@pytest.mark.parametrize("sum_energy", [True, False])
def test_excess_maps_of_nan_are_nan(name, sum_energy):
    ds = small_map(background=2.0).gamma.fake(4, [])
    bad = ds.assign({name: ds[name].astype(float).copy(deep=True)})
    bad[name][1, 10, 12] = np.nan
    maps = bad.gamma.excess_map("0.2 deg", sum_energy=sum_energy, errors=True)
    whole = ds.gamma.excess_map("0.2 deg", sum_energy=sum_energy, errors=True)
    away = np.hypot(ds.y - 10, ds.x - 12)
    for variable in maps.data_vars:
        touched = maps[variable] if sum_energy else maps[variable].isel(energy=1)
        np.testing.assert_array_equal(np.isnan(touched), away <= 2.001)
        xr.testing.assert_allclose(
            maps[variable].where(np.isfinite(maps[variable]), whole[variable]), whole[variable]
        )
    masked = bad.assign(mask_safe=np.isfinite(bad[name]))
    assert np.isfinite(masked.gamma.excess_map("0.2 deg", sum_energy=sum_energy).excess).all()
