"""gammapy reduces a simulated run and agrees map by map."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from xgamma.dl3 import open_store, simulate_store

WIDTH, BINSZ = 3.0, 0.05


@pytest.fixture(scope="module", params=["2d", "3d"])
def pair(request, tmp_path_factory, gammapy):
    """One run reduced by both."""
    from gammapy.data import DataStore
    from gammapy.datasets import MapDataset
    from gammapy.makers import MapDatasetMaker
    from gammapy.maps import MapAxis, WcsGeom

    path = simulate_store(
        tmp_path_factory.mktemp("store"), n_runs=1, background=request.param, livetime="10 min"
    )
    energy = np.geomspace(0.3, 30, 7), np.geomspace(0.1, 100, 13)
    axes = [
        xg.energy_axis_from_edges(e, n)
        for e, n in zip(energy, ("energy", "energy_true"), strict=True)
    ]
    template = xg.create_map((83.63, 22.01), WIDTH, BINSZ, *axes)
    ours = template.gamma.fill(open_store(path)[1])

    geom = WcsGeom.create(
        skydir=(83.63, 22.01),
        width=WIDTH,
        binsz=BINSZ,
        frame="icrs",
        axes=[MapAxis.from_edges(energy[0], unit="TeV", name="energy", interp="log")],
    )
    true = MapAxis.from_edges(energy[1], unit="TeV", name="energy_true", interp="log")
    empty = MapDataset.create(geom, energy_axis_true=true, binsz_irf=0.2)
    return ours, MapDatasetMaker().run(empty, DataStore.from_dir(path).obs(1))


def test_counts(pair):
    ours, peer = pair
    assert ours.counts.sum() > 500
    assert_array_equal(ours.counts.transpose("energy", "y", "x"), peer.counts.data)


@pytest.mark.parametrize("name", ["exposure", "background"])
def test_maps(pair, name):
    ours, peer = pair
    values = getattr(peer, name).quantity.to_value("m2 s" if name == "exposure" else "")
    first = "energy_true" if name == "exposure" else "energy"
    assert_allclose(ours[name].transpose(first, "y", "x"), values, rtol=1e-4)


def test_psf(pair):
    ours, peer = pair
    values = peer.psf.psf_map.quantity.to_value("sr-1")
    psf = ours.psf.transpose("energy_true", "rad", "y_irf", "x_irf").values
    assert psf.shape == values.shape
    assert_allclose(psf, values, rtol=1e-4, atol=1e-4 * values.max())


def test_edisp(pair):
    ours, peer = pair
    kernel = peer.edisp.edisp_map
    assert kernel.geom.axes.names == ["energy", "energy_true"]
    edisp = ours.edisp.transpose("energy_true", "energy", "y_irf", "x_irf").values
    assert edisp.shape == kernel.data.shape
    assert_allclose(edisp, kernel.data, rtol=1e-4, atol=1e-6)
