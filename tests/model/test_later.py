"""What is put off calls the operation again with all that it was given, as it was then."""

import pytest
import xarray as xr

import xgamma as xg
from tests.sweeps.cases import made
from xgamma.model.operation import later, operation
from xgamma.tutorial import example_map, example_model

dask = pytest.importorskip("dask", reason="dask is not installed")

# Each with arguments that are none of the defaults.
CALLS = {
    "fov_background": {
        "exclusion": "icrs;circle(83.63, 22.01, 0.3)",
        "method": "fit",
        "min_counts": 1,
        "energy_groups": 1,
    },
    "ring_background": {
        "r_in": "0.2 deg",
        "width": "0.2 deg",
        "exclusion": "icrs;circle(84, 22, 0.1)",
    },
    "adaptive_ring_background": {
        "r_in": "0.2 deg",
        "width": "0.1 deg",
        "r_out_max": "0.7 deg",
        "stepsize": "0.1 deg",
        "threshold_alpha": 0.05,
        "theta": "0.15 deg",
        "method": "fixed_r_in",
    },
    "excess_map": {
        "correlation_radius": "0.2 deg",
        "n_sigma": 2,
        "errors": True,
        "sum_energy": False,
    },
    "significance": {"correlation_radius": "0.2 deg", "sum_over_energy": True},
    "significance_profile": {
        "center": "83.63d 22.01d",
        "radii": [0, 0.2, 0.5],
        "sum_over_energy": False,
    },
    "adaptive_smooth": {
        "scales": [0.1, 0.2],
        "threshold": 2.0,
        "kernel": "disk",
        "method": "asmooth",
    },
    "residuals": {"method": "diff/sqrt(model)", "correlation_radius": "0.2 deg"},
    "stat_array": {"scheme": "gammapy"},
    "npred": {"scheme": "gammapy"},
    "npred_background": {},
    "npred_signal": {"model_names": ["crab"], "stack": False},
    "asimov": {"scheme": "gammapy"},
    "fake": {"seed": 3, "scheme": "gammapy"},
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore::xgamma.XGammaWarning")
def test_every_argument_reaches_the_task(name):
    ds = made()["map"]
    lazy = getattr(ds.chunk().gamma, name)(**CALLS[name])
    found = lazy.compute()
    assert lazy.chunks, "not put off"
    eager = getattr(ds.gamma, name)(**CALLS[name])
    eager = (
        eager[list(found.data_vars)]
        if isinstance(found, xr.Dataset) and name[:3] == "fov"
        else eager
    )
    xr.testing.assert_allclose(found, eager)
    assert found.attrs == eager.attrs


def test_models_that_change_later_change_nothing():
    ds, models = example_map().chunk(), xg.Models([example_model()])
    lazy = ds.gamma.npred(models)
    expected = lazy.compute()
    models["crab"].spectral.amplitude.value *= 2
    xr.testing.assert_identical(lazy.compute(), expected)


def test_an_operation_within_another_puts_off_itself():
    @operation
    def inner(array: xr.DataArray, factor: int) -> xr.DataArray:
        return later(array) if array.chunks else factor * array

    @operation
    def outer(array: xr.DataArray, factor: int) -> xr.DataArray:
        return inner(array, 10 * factor) + 1

    counts = example_map().counts
    found = outer(counts.chunk(), 2).compute(scheduler="synchronous")
    assert int(found.sum()) == int((20 * counts + 1).sum())
