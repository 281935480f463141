"""The exposure of the true position counts: it acts before the PSF, as the sky has it."""

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.small_datasets import crab, small_map
from xgamma.numerics.convolution import cubic_weights

SLOPE = 0.4  # of the exposure, per degree of latitude


@pytest.fixture(scope="module")
def tilted():
    """A map whose exposure rises to the north, and falls with energy."""
    ds = small_map(binsz=0.05, psf=0.15, width=4.0)
    north = ds.gamma.lonlat[1] - 22.0
    ds["exposure"] = (ds.exposure * (1 + SLOPE * north)).assign_attrs(units="m2 s")
    return ds


def moments(ds, counts):
    """Mean and variance along y, degrees."""
    profile = counts.sum(("energy", "x")).values
    y = 0.05 * (np.arange(profile.size) - 0.5 * (profile.size - 1))
    mean = np.sum(profile * y) / profile.sum()
    return mean, np.sum(profile * (y - mean) ** 2) / profile.sum()


def test_a_point_stays_where_it_is(tilted):
    """Its photons all met one exposure; multiplied afterwards they move by slope x variance."""
    mean, variance = moments(tilted, tilted.gamma.npred_signal(crab()))
    assert mean == pytest.approx(0.0, abs=2e-4)
    after, _ = moments(tilted, tilted.gamma.npred_signal(crab(), scheme="gammapy"))
    # Its PSF, shared by four pixels, is wider by up to half a pixel.
    assert after == pytest.approx(SLOPE * variance, rel=0.04)
    assert after * 3600 == pytest.approx(32, abs=2)


SHAPES = {  # and the variance of each along one axis, deg2
    "gauss": (xg.Gaussian(sigma=0.2), 0.2**2),
    "gauss, narrow": (xg.Gaussian(sigma=0.08), 0.08**2),
    "gauss, wide": (xg.Gaussian(sigma=0.3), 0.3**2),
    "disk": (xg.Disk(r_0=0.4, edge_width=0), 0.4**2 / 4),
    "disk, small": (xg.Disk(r_0=0.1, edge_width=0), 0.1**2 / 4),
    "general": (xg.GeneralizedGaussian(r_0=0.15, eta=0.5), 0.15**2 / 2),
}


@pytest.mark.parametrize("psf", [0.15, 0.04])
@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_moves_by_its_own_width_only(tilted, name, psf):
    """A shape times a straight line has its mean at slope x variance, however PSF and pixels are."""
    model = crab()
    model.spatial = SHAPES[name][0].copy()
    model.spatial.position = (83.6, 22.013)
    rings = small_map(binsz=0.05, psf=psf, width=4.0)
    ds = tilted.assign(psf=rings.psf)
    mean, _ = moments(ds, ds.gamma.npred_signal(model))
    shift = SLOPE * SHAPES[name][1] / (1 + SLOPE * 0.013)
    # 2e-5 degrees are 0.07 seconds of arc.
    assert mean == pytest.approx(0.013 + shift, rel=5e-3, abs=2e-5)


@pytest.mark.parametrize("place", [(83.6, 22.0), (83.97, 22.61)])
def test_against_a_double_sum(tilted, place):
    """Every pixel of the source spread by the PSF, one by one."""
    model = crab()
    model.spatial = xg.Gaussian(lon=place[0], lat=place[1], sigma="0.25 deg")
    got = tilted.gamma.npred_signal(model).sum("energy").values
    lon, lat = (v.values for v in tilted.gamma.lonlat)
    brightness = model.spatial(lon, lat).value * tilted.gamma.solid_angle.values
    slope = 1 + SLOPE * (lat - 22.0)
    emitted = (brightness * slope).ravel()
    y, x = np.mgrid[: lat.shape[0], : lat.shape[1]] * 0.05
    expected = np.zeros(emitted.size)
    for i in np.flatnonzero(emitted > 1e-9 * emitted.max()):
        distance2 = (y.ravel() - y.ravel()[i]) ** 2 + (x.ravel() - x.ravel()[i]) ** 2
        spread = np.exp(-0.5 * distance2 / 0.15**2)
        expected += emitted[i] * spread / spread.sum()
    edisp = tilted.edisp.values[:, :, 0, 0]
    edges = np.append(tilted.energy_true_lo.values, tilted.energy_true_hi.values[-1])
    flux = model.spectral.kernel_integral(edges[:-1], edges[1:]) * 1e14
    expected = expected.reshape(lat.shape) * (flux @ edisp).sum()
    # The kernel of the prediction ends at 99.9 %, and is sampled in straight steps.
    np.testing.assert_allclose(got, expected, atol=4e-3 * expected.max())
    assert got.sum() == pytest.approx(expected.sum(), rel=2e-3)


def test_sources_beyond_the_border_have_the_exposure_of_the_border():
    ds = small_map(binsz=0.05, psf=0.15)
    part = ds.isel(y=slice(0, 40))
    model = crab()
    model.spatial.lat = "22.55 deg"
    inside, whole = part.gamma.npred_signal(model), ds.gamma.npred_signal(model)
    np.testing.assert_allclose(inside, whole.isel(y=slice(0, 40)), rtol=1e-9, atol=1e-9)


def test_cubic_weights_are_smooth_and_exact_for_parabolas():
    x = np.arange(12.0)
    values = 3 - 0.2 * x + 0.05 * x**2
    places = np.linspace(1.0, 10.0, 1801)
    found = []
    for at in places:
        index, weights = cubic_weights(at, x.size)
        assert weights.sum() == pytest.approx(1.0, abs=1e-14)
        found.append(values[index] @ weights)
    np.testing.assert_allclose(found, 3 - 0.2 * places + 0.05 * places**2, rtol=1e-13)
    # Random values: the first derivative has no steps.
    rough = np.random.default_rng(0).random(12)
    line = [rough[i] @ w for i, w in (cubic_weights(at, 12) for at in places)]
    slopes = np.diff(line) / np.diff(places)
    assert np.abs(np.diff(slopes)).max() < 20 * 0.005
    for at in (-3.0, 0.0, 11.0, 40.0):
        index, weights = cubic_weights(at, 12)
        assert rough[index] @ weights == rough[0 if at < 5 else 11]
