"""The discrete correlation of light curves: against gammapy, and a lag that is known."""

import numpy as np
import pytest
import xarray as xr
from astropy import units as u

import xgamma as xg
from xgamma.errors import MissingDataError, XGammaError

START = np.datetime64("2020-01-01", "ns")


def curve(hours, flux, err=0.01):
    time = START + (np.asarray(hours) * 3600).astype("timedelta64[s]")
    data = xr.DataArray(flux, {"time": time}, ("time",), attrs={"units": "s-1 cm-2"})
    return xr.Dataset({"flux": data, "flux_err": xr.full_like(data, err)})


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # gammapy divides by zero in bins of one pair
def test_as_gammapy(gammapy, alone):
    from gammapy.stats import discrete_correlation

    rng = np.random.default_rng(1)
    hours = np.sort(rng.uniform(0, 60, 40))
    first, second = rng.normal(3, 1, (2, 40))
    found = xg.discrete_correlation(
        curve(hours, first), None if alone else curve(hours, second), width="3 h"
    )
    other = first if alone else second
    err = np.full((40, 1), 0.01)
    # Times in whole seconds, as a light curve keeps them.
    at = np.floor(hours * 3600) * u.s
    lag, expected, error = discrete_correlation(
        first[:, None], err, other[:, None], err, at, at, 3 * u.h
    )
    np.testing.assert_allclose(found.lag, lag.to_value("s"), rtol=1e-9)
    filled = found.n_pairs.values > 1
    np.testing.assert_allclose(found.correlation[filled], expected[filled, 0], rtol=1e-6)
    np.testing.assert_allclose(found.correlation_err[filled], error[filled, 0], rtol=1e-6)


def test_a_lag_is_found_in_each_band_and_gaps_are_left_out():
    hours = np.arange(60.0)
    early = curve(hours, 2 + np.sin(hours / 3))
    late = curve(hours + 4, 2 + np.sin(hours / 3))
    late["flux"][7] = np.nan
    both = [xr.concat([c, 3 * c], "energy") for c in (late, early)]
    found = xg.discrete_correlation(*both, width="1 h")
    best = found.lag[found.correlation.argmax("lag")]
    np.testing.assert_allclose(best, 4.5 * 3600)
    np.testing.assert_allclose(found.correlation.max("lag"), 1, atol=0.02)
    assert int(found.n_pairs.isel(energy=0).sum()) == 59 * 60


def test_without_scatter_there_is_no_correlation():
    found = xg.discrete_correlation(curve(np.arange(5.0), np.ones(5)))
    assert np.isnan(found.correlation).all()


def test_what_cannot_be_is_refused():
    one = curve(np.arange(5.0), np.arange(5.0))
    with pytest.raises(XGammaError, match="select the same bands of both"):
        xg.discrete_correlation(one, xr.concat([one, one], "energy"))
    with pytest.raises(MissingDataError, match="no 'eflux' along 'time'"):
        xg.discrete_correlation(one, quantity="eflux")
    with pytest.raises(XGammaError, match="width"):
        xg.discrete_correlation(one, width="0 h")
