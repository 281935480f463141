"""Variability of light curves: simulated truth, formulas written out, and gammapy."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.numerics.variability import excess_variance, point_to_point

DAY = np.timedelta64(86400, "s")


def curve(flux, err, times=None):
    """A light curve of two dims from arrays (energy, time)."""
    flux, err = np.atleast_2d(flux), np.atleast_2d(err) * np.ones_like(np.atleast_2d(flux))
    times = np.arange(flux.shape[1]) if times is None else np.asarray(times)
    time = np.datetime64("2020-01-01", "ns") + times * DAY
    units = {"units": "s-1 cm-2"}
    dims = ("energy", "time")
    return xr.Dataset(
        {"flux": (dims, flux, units), "flux_err": (dims, err, units)},
        {"time": time, "energy": np.arange(1.0, flux.shape[0] + 1)},
    )


@pytest.fixture(scope="module")
def measured():
    rng = np.random.default_rng(3)
    true = np.exp(rng.normal(0, 0.5, (3, 40)))
    return true + rng.normal(0, 0.2, true.shape), rng.uniform(0.15, 0.25, true.shape)


def test_a_series_by_hand():
    """Variance 2/3 and mean squared difference 7/3 less the errors 0.01, over the mean 2."""
    found = xg.variability(curve([1.0, 2.0, 2.0, 3.0], 0.1)).isel(energy=0)
    assert float(found.excess_variance) == pytest.approx((2 / 3 - 0.01) / 4)
    assert float(found.fvar) == pytest.approx(np.sqrt((2 / 3 - 0.01) / 4))
    assert float(found.fpp) == pytest.approx(np.sqrt((2 / 3 / 2 - 0.01) / 4))
    assert float(found.chi2) == pytest.approx(2 / 0.01)
    assert (int(found.dof), int(found.n_points)) == (3, 4)
    assert float(found.doubling_time) == pytest.approx(86400)
    assert found.doubling_start.values == np.datetime64("2020-01-01")
    assert np.isnan(found.halving_time)
    assert np.isnat(found.halving_start)


def test_fvar_is_that_of_gammapy(measured):
    """The same formulas: 1e-12."""
    stats = pytest.importorskip("gammapy.stats", reason="gammapy is not installed")
    found = xg.variability(curve(*measured))
    fvar, fvar_err = stats.compute_fvar(measured[0].T, measured[1].T)
    np.testing.assert_allclose(found.fvar, fvar, rtol=1e-12)
    np.testing.assert_allclose(found.fvar_err, fvar_err, rtol=1e-12)


def test_doubling_is_that_of_gammapy(measured):
    """The same pairs, times and errors: 1e-12."""
    stats = pytest.importorskip("gammapy.stats", reason="gammapy is not installed")
    import astropy.units as u

    flux, err = np.abs(measured[0]), measured[1]
    found = xg.variability(curve(flux, err))
    peer = stats.compute_flux_doubling(flux, err, np.arange(40) * u.d, axis=1)
    for name in ("doubling", "halving"):
        np.testing.assert_allclose(found[f"{name}_time"], peer[name].to_value("s"), rtol=1e-12)
        errors = peer[f"{name}_err"].to_value("s")
        np.testing.assert_allclose(found[f"{name}_time_err"], errors, rtol=1e-12)
        days = (found[f"{name}_start"] - found.doubling_start.dtype.type("2020-01-01", "ns")) / DAY
        np.testing.assert_allclose(days, peer[f"{name}_coord"].to_value("d"))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # gammapy's logarithm of negative fluxes
def test_gammapy_on_pks_2155(data):
    """A real light curve, as gammapy has it: 1e-6, the file is in single precision."""
    pytest.importorskip("gammapy.estimators", reason="gammapy is not installed")
    from gammapy.estimators import FluxPoints
    from gammapy.estimators.utils import compute_lightcurve_doublingtime, compute_lightcurve_fvar

    path = data / "estimators/pks2155_hess_lc/pks2155_hess_lc_3bins.fits"
    peer = FluxPoints.read(path, format="lightcurve")
    axis = peer.geom.axes["time"]
    times = (axis.time_mid - axis.time_mid[0]).to_value("s")
    flux, err = (q.data[..., 0, 0].T for q in (peer.flux, peer.flux_err))
    ours = curve(flux, err)
    ours["time"] = ours.time.values[0] + (times * 1e9).astype("timedelta64[ns]")
    found = xg.variability(ours)
    fvar = compute_lightcurve_fvar(peer)
    np.testing.assert_allclose(found.fvar, np.squeeze(fvar["fvar"]), rtol=1e-6)
    np.testing.assert_allclose(found.fvar_err, np.squeeze(fvar["fvar_err"]), rtol=1e-6)
    table = compute_lightcurve_doublingtime(peer)
    doubling = table["doublingtime"].quantity.to_value("s").squeeze()
    np.testing.assert_allclose(found.doubling_time, doubling, rtol=1e-6)


def test_white_noise_has_the_same_fraction_from_point_to_point():
    """Scatter 0.3 of the mean and errors of 0.2: both say 0.3; gammapy's fpp 0.47."""
    stats = pytest.importorskip("gammapy.stats", reason="gammapy is not installed")
    rng = np.random.default_rng(1)
    flux = 1 + rng.normal(0, 0.3, 20000) + rng.normal(0, 0.2, 20000)
    found = xg.variability(curve(flux, 0.2))
    assert float(found.fvar[0]) == pytest.approx(0.3, abs=0.01)
    assert float(found.fpp[0]) == pytest.approx(0.3, abs=0.01)
    peer = stats.compute_fpp(flux[None], np.full((1, 20000), 0.2), axis=1)[0]
    # It leaves the half of the squared differences out.
    assert float(peer[0]) == pytest.approx(np.sqrt(2 * 0.3**2 + 0.2**2), abs=0.01)


def test_a_constant_source_is_constant():
    """Points that scatter as their errors: gammapy finds 0.05 and 0.2 where nothing varies."""
    rng = np.random.default_rng(2)
    series = 1 + rng.normal(0, 0.2, (400, 50))
    found = xg.variability(curve(series, 0.2))
    assert 0.4 < float((found.excess_variance > 0).mean()) < 0.6
    assert (found.fvar.isnull() == (found.excess_variance <= 0)).all()
    assert float((found.p_value < 0.05).mean()) == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize("measure", [excess_variance, point_to_point])
@pytest.mark.parametrize("scatter", [0.0, 0.4])
def test_errors_are_what_measurements_scatter(measure, scatter):
    """1000 measurements of the same fluxes: width of pulls 1 ± 0.1, mean 0 ± 0.1.

    Of a constant source the half with an excess adds the error of that: the width is 0.9.
    """
    rng = np.random.default_rng(4)
    pulls = []
    for _ in range(1000):
        true = 1 + scatter * rng.normal(size=60)
        ideal = measure(true, np.full(60, 1e-9))[0] if scatter else 0.0
        excess, error = measure(true + rng.normal(0, 0.2, 60), np.full(60, 0.2))[:2]
        pulls.append((excess - ideal) / error)
    assert np.std(pulls) == pytest.approx(1 if scatter else 0.88, abs=0.1)
    assert np.mean(pulls) == pytest.approx(0, abs=0.1)


def test_order_of_time_and_gaps_do_not_matter(measured):
    one = curve(*measured)
    gaps = one.copy(deep=True)
    gaps["flux"][:, 5] = np.nan
    gaps["flux_err"][:, 9] = np.nan
    without = xg.variability(one.isel(time=np.delete(np.arange(40), [5, 9])))
    xr.testing.assert_allclose(xg.variability(gaps), without)
    mixed = one.isel(time=np.random.default_rng(0).permutation(40))
    xr.testing.assert_identical(xg.variability(mixed), xg.variability(one))


def test_a_series_that_falls_does_not_double():
    """gammapy takes a pair that falls, with a negative time."""
    stats = pytest.importorskip("gammapy.stats", reason="gammapy is not installed")
    import astropy.units as u

    flux = np.array([4.0, 2.0, 1.0])
    found = xg.variability(curve(flux, 0.1))
    assert np.isnan(found.doubling_time[0])
    assert float(found.halving_time[0]) == 86400
    peer = stats.compute_flux_doubling(flux[None], np.full((1, 3), 0.1), np.arange(3) * u.d, axis=1)
    assert peer["doubling"][0] == -1 * u.d


def test_negative_fluxes_have_no_doubling_time():
    found = xg.variability(curve([-1.0, 1.0, 0.0, 2.0], 0.1))
    assert np.isnan(found.doubling_time[0])
    assert np.isnan(found.halving_time[0])


def test_of_a_light_curve_from_datasets():
    from tests.sweeps.cases import KINDS, made

    points = KINDS["curve"](made())
    found = points.gamma.variability()
    assert found.fvar.dims == ("energy",)
    assert float(found.excess_variance[0]) < 0  # the same counts twice
    assert found["mean"].attrs["units"] == points.flux.attrs["units"]
    assert found.attrs["source"] == "crab"
    assert float(points.gamma.variability("norm")["mean"][0]) == pytest.approx(
        float(points.norm.mean())
    )


def test_what_does_not_vary_in_time_is_refused(measured):
    one = curve(*measured)
    with pytest.raises(xg.MissingDataError, match=r"xg\.light_curve"):
        xg.variability(one.isel(time=0))
    with pytest.raises(xg.XGammaError, match="single time"):
        xg.variability(one.isel(time=[0]))
    with pytest.raises(xg.MissingDataError, match="dnde"):
        xg.variability(one, "dnde")
    with pytest.raises(xg.MissingDataError, match="flux_err"):
        xg.variability(one.drop_vars("flux_err"))
    with pytest.raises(xg.XGammaError, match="quantity"):
        xg.variability(one, "counts")


def test_a_light_curve_from_a_file(data):
    """The flare of PKS 2155-304 is variable beyond doubt; see io/test_light_curve_files.py."""
    curve = xg.read_flux_points(data / "estimators/pks2155_hess_lc/pks2155_hess_lc_3bins.fits")
    assert curve.sizes["time"] > 10
    assert float(xg.variability(curve).p_value.max()) < 1e-3
