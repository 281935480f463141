"""Warnings name the line of the user's that led to them, however deep they are given."""

import warnings

import pytest

import xgamma as xg
from xgamma.dl3 import simulate_observation
from xgamma.tutorial import example_map, example_model

REGION = "icrs;circle(83.63, 22.01, 0.3)"


def run(where="83.63d 22.31d", **kwargs):
    return simulate_observation(where, "83.63d 22.01d", seed=1, **kwargs)


def far():
    """A source that the map does not hold."""
    model = example_model()
    model.spatial.lon_0.value = 10
    return model


def short():
    """True energies no wider than the reconstructed ones."""
    ds = example_map().gamma.with_models(example_model())
    return ds.isel(energy_true=slice(3, 6))


CALLS = {
    "xg.stat_sum": lambda: xg.stat_sum(short()),
    "xg.fit": lambda: xg.fit(short()),
    "npred_signal": lambda: example_map().gamma.npred_signal(far()),
    "stack": lambda: xg.stack([example_map(), example_map().drop_vars("psf")]),
    "flux_points": lambda: xg.flux_points(
        example_map().gamma.with_models(example_model()), "crab", [0.1, 0.2, 1, 10]
    ),
    "reduce": lambda: xg.reduce(
        [run(), run("10d -50d", obs_id=2)], into=example_map(), offset_max="1 deg", progress=False
    ),
    "theta2": lambda: xg.theta2([run()], "83.63d 22.01d", max="1 deg2"),
    "to_spectrum": lambda: (
        example_map()
        .assign(mask_safe=example_map().gamma.separation("83.63d 22.01d") < 0.2)
        .gamma.to_spectrum(REGION)
    ),
}


@pytest.mark.parametrize("what", CALLS)
def test_a_warning_names_the_file_of_the_caller(what):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        CALLS[what]()
    ours = [w for w in caught if issubclass(w.category, xg.XGammaWarning)]
    assert ours, "nothing was warned of"
    assert {w.filename for w in ours} == {__file__}


def test_the_package_warns_in_one_way():
    """`xgamma.errors.warn` alone knows how deep it is called."""
    from pathlib import Path

    package = Path(xg.__file__).parent
    direct = [p for p in package.rglob("*.py") if "warnings.warn(" in p.read_text()]
    assert direct == [package / "errors.py"]
