import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.dl3 import simulate_observation
from xgamma.errors import MissingDataError, UnitError, XGammaError

CIRCLE = "icrs;circle(83.63, 22.01, 0.2)"


@pytest.fixture(scope="module")
def runs():
    return [
        simulate_observation((83.63, 22.01 + d), obs_id=k, seed=k) for k, d in ((1, 0.5), (2, -0.5))
    ]


@pytest.fixture(scope="module")
def maps(runs):
    empty = xg.create_map(
        "83.63d 22.01d", "3 deg", "0.1 deg", xg.energy_axis(1, 10, 2), energy_true="reco"
    )
    return xg.reduce(runs, into=empty, stack=False)


@pytest.fixture(scope="module")
def spectra(runs):
    empty = xg.create_spectrum(CIRCLE, xg.energy_axis(1, 10, 2), energy_true="reco")
    return xg.reduce(runs, into=empty, select=["counts"], stack=False)


CALLS = {
    "fov": lambda g: g.fov_background(CIRCLE),
    "ring": lambda g: g.ring_background("0.4 deg", "0.3 deg", exclusion=CIRCLE),
    "adaptive": lambda g: g.adaptive_ring_background("0.4 deg", "0.3 deg", "1 deg"),
}


@pytest.mark.parametrize("method", CALLS)
def test_maps(maps, method):
    before = maps.copy(deep=True)
    found = CALLS[method](maps.gamma)
    xr.testing.assert_identical(maps, before)
    assert list(found.children) == list(maps.children)
    for name, node in found.children.items():
        expected = CALLS[method](maps[name].to_dataset().gamma)
        xr.testing.assert_identical(node.to_dataset(), expected)


def test_spectra_find_their_runs(spectra, runs):
    in_order = spectra.gamma.reflected_background(runs)
    by_number = spectra.gamma.reflected_background({2: runs[1], 1: runs[0]})
    xr.testing.assert_identical(in_order, by_number)
    for obs, (name, node) in zip(runs, in_order.children.items(), strict=True):
        expected = spectra[name].to_dataset().gamma.reflected_background(obs)
        xr.testing.assert_identical(node.to_dataset(), expected)
    table = in_order.gamma.cumulative()
    assert table.sizes["obs"] == 2
    assert np.isfinite(table.significance_sum).all()


def test_what_is_missing_is_named(spectra, maps, runs):
    from xgamma.background.collection import each_background

    with pytest.raises(MissingDataError, match="pass the observations"):
        each_background(spectra, "reflected")
    with pytest.raises(XGammaError, match="1 observations for 2 datasets"):
        spectra.gamma.reflected_background(runs[:1])
    with pytest.raises(UnitError, match="Run 1: r_in"):
        maps.gamma.ring_background(0.4, "0.3 deg")
    anonymous = xr.DataTree(
        children={"a": xr.DataTree(spectra["1"].to_dataset().drop_vars("obs_id"))}
    )
    with pytest.raises(MissingDataError, match="does not record its run"):
        anonymous.gamma.reflected_background({1: runs[0]})
