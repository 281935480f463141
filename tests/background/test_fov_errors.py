"""Errors of a fitted background norm, against toys and the curvature of the statistic."""

import numpy as np
import pytest

import xgamma as xg

DIMS = ("energy", "y", "x")
NPIX = 5


def _map(edges, expected):
    """A flat map whose background sums to `expected` in each energy bin."""
    empty = xg.create_map(
        (0, 0), "1 deg", "0.2 deg", xg.energy_axis_from_edges(edges, "TeV"), energy_true="reco"
    )
    flat = np.ones((NPIX, NPIX)) / NPIX**2
    background = np.multiply.outer(np.asarray(expected, dtype=float), flat)
    return empty.assign(background=(DIMS, background))


def _draw(ds, rng, truth=1.0):
    return ds.assign(counts=(DIMS, rng.poisson(ds.background.values * truth)))


@pytest.mark.parametrize("low", [0.1, 10.0], ids=["around 1 TeV", "far above 1 TeV"])
def test_pulls_of_the_norm_with_a_tilt_are_of_width_one(low):
    # 300 toys: the standard deviation of a pull is known to 4 %, its mean to 0.06.
    ds = _map(low * np.geomspace(1, 100, 7), [2000, 900, 400, 180, 80, 36])
    energy = ds.energy.values
    truth = 1.1 * (energy / energy[2]) ** -0.3
    rng = np.random.default_rng(17)
    pulls = []
    for _ in range(300):
        toy = _draw(ds, rng, truth[:, np.newaxis, np.newaxis])
        fit = toy.gamma.fov_background(method="fit", spectral_model="norm+tilt")
        pulls.append(((fit.background_norm - truth) / fit.background_norm_error).values)
    pulls = np.array(pulls)
    np.testing.assert_allclose(pulls.std(axis=0), 1.0, atol=0.13)
    np.testing.assert_allclose(pulls.mean(axis=0), 0.0, atol=0.2)


def test_error_of_the_norm_is_that_of_the_curvature():
    # Expected counts as data: the inverse of the Fisher matrix, propagated to each energy.
    ds = _map(np.geomspace(0.5, 50, 7), np.array([3000, 1500, 700, 300, 150, 60]))
    ds = ds.assign(counts=ds.background)
    fit = ds.gamma.fov_background(method="fit", spectral_model="norm+tilt")
    expected = ds.background.sum(("y", "x")).values
    log = np.log(ds.energy.values)
    gradient = np.array([np.ones_like(log), -log])  # of norm E^-tilt at norm 1, tilt 0
    fisher = (gradient * expected) @ gradient.T
    covariance = np.linalg.inv(fisher)
    error = np.sqrt(np.einsum("ie,ij,je->e", gradient, covariance, gradient))
    np.testing.assert_allclose(fit.background_norm_error, error, rtol=2e-3)
    np.testing.assert_allclose(fit.background_tilt_error[0], covariance[1, 1] ** 0.5, rtol=2e-3)
    # Scaled as the norm alone, the error of the highest bin would be half of that.
    assert covariance[0, 0] ** 0.5 < 0.6 * error[-1]


@pytest.mark.parametrize("groups", [None, "each"])
def test_one_bin_says_nothing_of_a_tilt(groups):
    edges = [1.0, 10.0] if groups is None else [1.0, 2.0, 10.0]
    ds = _draw(_map(edges, [2300] * (len(edges) - 1)), np.random.default_rng(3))
    options = {"method": "fit", "energy_groups": groups}
    norm = ds.gamma.fov_background(**options)
    tilt = ds.gamma.fov_background(spectral_model="norm+tilt", **options)
    np.testing.assert_allclose(tilt.background_norm, norm.background_norm)
    np.testing.assert_allclose(tilt.background_norm_error, norm.background_norm_error)
    np.testing.assert_allclose(norm.background_norm_error, 2300**-0.5, rtol=0.05)
    assert (tilt.background_tilt == 0).all()
    assert np.isnan(tilt.background_tilt_error).all()


@pytest.mark.parametrize("method", ["scale", "fit"])
def test_pulls_with_a_fixed_source(method):
    # A bright source inside: what fluctuates is all counts, not those of the background alone.
    ds = _map([1.0, 10.0], [400.0]).assign(
        exposure=(("energy_true", "y", "x"), np.full((1, NPIX, NPIX), 1e10), {"units": "m2 s"})
    )
    disk = xg.Disk(lon="0 deg", lat="0 deg", r_0="0.35 deg")
    spectrum = xg.PowerLaw(index=2, amplitude="5.4e-12 cm-2 s-1 TeV-1")
    ds = ds.gamma.with_models(xg.SkyModel(spectrum, disk, name="bright"))
    signal = ds.gamma.npred_signal().values
    assert 450 < signal.sum() < 550
    rng = np.random.default_rng(5)
    found = []
    for _ in range(150):
        toy = ds.assign(counts=(DIMS, rng.poisson(ds.background.values + signal)))
        fit = toy.gamma.fov_background(method=method)
        found.append((float(fit.background_norm[0]), float(fit.background_norm_error[0])))
    norm, error = np.array(found).T
    # 150 toys: the width to 6 %.
    np.testing.assert_allclose(((norm - 1) / error).std(), 1.0, atol=0.18)
