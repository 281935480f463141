"""Extended shapes on maps: their flux, their limits, and their pixels against sums done otherwise."""

import numpy as np
import pytest
from scipy.special import erf

import xgamma as xg
from tests.helpers.small_datasets import small_map
from xgamma.fitting.compiled import Compiled
from xgamma.fitting.gammapy_scheme import GammapyTerm

AT = {"lon": 83.613, "lat": 21.979}
SHAPES = {
    "gauss": lambda s: xg.Gaussian(sigma=s, **AT),
    "gauss-ellipse": lambda s: xg.Gaussian(sigma=s, e=0.8, phi=30, **AT),
    "disk": lambda s: xg.Disk(r_0=s, **AT),
    "disk-sharp": lambda s: xg.Disk(r_0=s, edge_width=0, **AT),
    "disk-ellipse": lambda s: xg.Disk(r_0=s, e=0.7, phi=-40, edge_width=0.3, **AT),
    "shell": lambda s: xg.Shell(radius=0.8 * s, width=0.2 * s, **AT),
    "shell2": lambda s: xg.Shell2(r_0=s, eta=0.05, **AT),
    "general": lambda s: xg.GeneralizedGaussian(r_0=0.5 * s, eta=0.8, **AT),
    "general-sharp": lambda s: xg.GeneralizedGaussian(r_0=s, eta=0.05, **AT),
}
SIZES = [1e-6, 0.003, 0.03, 0.049, 0.051, 0.11, 0.23]


def predicted(ds, shape):
    """Counts of a shape."""
    model = xg.SkyModel(xg.PowerLaw(amplitude="1e-10 cm-2 s-1 TeV-1"), shape, name="s")
    return ds.gamma.npred_signal(model).values


@pytest.mark.parametrize("psf", [0.1, 0.03, 0.0])
@pytest.mark.parametrize("name", SHAPES)
def test_flux_whatever_size_and_place(name, psf):
    """Every size and place gives the counts of a point to 1e-3; gammapy's disks do not."""
    ds = small_map(psf=psf, binsz=0.1, width=4.0)
    whole = predicted(ds, xg.PointSource(**AT)).sum()
    for size in SIZES:
        for shift in (0.0, 0.0311, 0.05):
            shape = SHAPES[name](size)
            shape.lon, shape.lat = AT["lon"] + shift, AT["lat"] - 0.7 * shift
            assert predicted(ds, shape).sum() == pytest.approx(whole, rel=1e-3)


def test_disks_of_gammapy_lose_flux_between_pixels(gammapy):
    """A disk of 1.1 pixels loses up to 40 % as its edge meets the border of what is sampled."""
    from gammapy.maps import WcsGeom
    from gammapy.modeling.models import DiskSpatialModel

    geom = WcsGeom.create(skydir=(83.6, 22.0), binsz=0.1, width=2.0, frame="icrs")
    for radius, lost in ((0.11, -0.396), (0.06, -0.064), (0.23, 0.012)):
        at = {"lon_0": f"{AT['lon'] + 0.04} deg", "lat_0": f"{AT['lat'] - 0.028} deg"}
        theirs = DiskSpatialModel(r_0=f"{radius} deg", frame="icrs", **at)
        total = float(theirs.integrate_geom(geom).data.sum())
        assert total - 1 == pytest.approx(lost, abs=2e-3)


@pytest.mark.parametrize("psf", [0.1, 0.05, 0.03])
def test_kernels_against_error_functions(psf):
    """A Gaussian PSF averaged over pixels, on the middle of one and between four of them."""
    ds = small_map(psf=psf, binsz=0.1, width=4.0, nbin=1)
    sigma = psf / 0.1

    def share(at):
        return 0.5 * (erf((at + 0.5) / sigma / 2**0.5) - erf((at - 0.5) / sigma / 2**0.5))

    kernel = Compiled(ds).psf_kernels(20.0, 20.0)[0]
    assert kernel.max() == pytest.approx(share(0.0) ** 2, rel=3e-4)
    image = Compiled(ds).point_image(20.3, 20.4)[0]
    assert image.max() == pytest.approx(share(0.3) * share(0.4), rel=3e-4)
    # That of gammapy: four points a side at most, and straight pieces between rings.
    source = xg.SkyModel(xg.PowerLaw(), xg.PointSource(lon=83.6, lat=22.0), name="s")
    theirs = GammapyTerm(Compiled(ds, "gammapy"), source)._kernels(20.0, 20.0)[0]
    wrong = {0.1: 0.0031, 0.05: 0.0100, 0.03: 0.0156}[psf]
    assert theirs.max() / share(0.0) ** 2 - 1 == pytest.approx(wrong, abs=2e-4)


@pytest.mark.parametrize("psf", [0.1, 0.05, 0.0])
@pytest.mark.parametrize("name", SHAPES)
def test_far_below_a_pixel_is_a_point(name, psf):
    ds = small_map(psf=psf, binsz=0.1, width=2.0)
    point = predicted(ds, xg.PointSource(**AT))
    np.testing.assert_allclose(predicted(ds, SHAPES[name](1e-5)), point, atol=2e-3 * point.max())


@pytest.mark.parametrize("sigma", [0.02, 0.08, 0.2, 0.37, 0.45])
def test_gaussian_through_a_gaussian_psf(sigma):
    """The result is a Gaussian whose variances add, averaged over pixels by error functions."""
    ds = small_map(psf=0.1, binsz=0.1, width=4.0, edisp=0)
    found = predicted(ds, xg.Gaussian(sigma=sigma, lon=83.6, lat=22.0)).sum(0)
    n = found.shape[0]
    edges = (np.arange(n + 1) - 0.5 * n) * 0.1 / np.hypot(sigma, 0.1)
    one = np.diff(0.5 * erf(edges / np.sqrt(2)))
    truth = found.sum() * one[:, None] * one
    # Rings of 0.01 deg, kernels cut at 99.9 % and the curvature of the sky.
    np.testing.assert_allclose(found, truth, atol=6e-3 * truth.max())


@pytest.mark.parametrize("name", ["disk-sharp", "disk-ellipse", "shell", "gauss"])
def test_pixels_without_psf(name):
    """Pixels are the shape's own mean, here over 41 x 41 points of each, up to a ramp at borders."""
    ds = small_map(psf=0, binsz=0.1, width=2.0, edisp=0)
    shape = SHAPES[name](0.4)
    found = predicted(ds, shape).sum(0)
    fine = xg.create_map((83.6, 22.0), 2.0, 0.1 / 41)
    lon, lat = fine.gamma.lonlat
    truth = shape(lon.values, lat.values).value.reshape(20, 41, 20, 41).mean(axis=(1, 3))
    truth *= found.sum() / truth.sum()
    np.testing.assert_allclose(found, truth, atol=0.04 * truth.max())
    assert np.abs(found - truth).sum() < 0.02 * truth.sum()


def test_size_at_multiples_of_a_pixel():
    """A Gaussian grows evenly through 3 pixels / k, where the number of samples used to change."""
    ds = small_map(psf=0.1, binsz=0.1, width=3.0)
    for k in (1, 2, 3, 6):
        sizes = 0.3 / k * np.array([0.998, 0.9999, 1.0001, 1.002])
        images = [predicted(ds, xg.Gaussian(sigma=s, **AT)) for s in sizes]
        jump = np.abs(images[2] - images[1]).sum() / np.abs(images[3] - images[0]).sum()
        # The middle two are a twentieth of the way apart.
        assert jump == pytest.approx(0.05, abs=0.01)
