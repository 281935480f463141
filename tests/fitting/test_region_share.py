"""Sources beside a region, or larger than it: position, extent and PSF decide what it holds."""

import numpy as np
import pytest
from scipy.stats import ncx2, norm

import xgamma as xg
from tests.helpers.small_datasets import crab, gaussian_rings, small_map, small_spectrum
from xgamma.errors import XGammaWarning

CENTER = (83.6, 22.0)


def spectrum(region="icrs;circle(83.6, 22.0, 0.1)", psf=0.0):
    """A spectrum over a region, with a gaussian PSF if it has a width."""
    ds = small_spectrum()
    made = xg.create_spectrum(
        region, ds.energy, energy_true=ds.energy_true, name="s", gti=([0.0], [1800.0])
    )
    made = made.assign({n: ds[n] for n in ("exposure", "edisp", "counts", "background")})
    if psf:
        rad = xg.rad_axis("0.6 deg", 240)
        rings = np.tile(gaussian_rings(psf, rad.values), (ds.sizes["energy_true"], 1))
        made = made.assign_coords(rad.coords)
        made = made.assign(psf=(("energy_true", "rad"), rings, {"units": "sr-1"}))
    return made


def at(distance, shape=xg.PointSource, **kwargs):
    model = crab()
    model.spatial = shape(lon=83.6, lat=22.0 + distance, **kwargs)
    return model


def share(ds, model, **kwargs):
    """Predicted counts over those of the same source without a place."""
    whole = ds.gamma.npred_signal(xg.SkyModel(model.spectral, name="all"))
    return (ds.gamma.npred_signal(model, **kwargs) / whole).values


def in_circle(radius, distance, sigma):
    """Part of a gaussian in a circle at a distance: a non-central chi-square."""
    return ncx2.cdf((radius / sigma) ** 2, 2, max((distance / sigma) ** 2, 1e-12))


@pytest.mark.parametrize("distance", [0.0, 1e-4, 0.05, 0.1, 0.2, 0.35])
def test_a_point_beside_a_circle_leaks_in(distance):
    got = share(spectrum(psf=0.08), at(distance))
    np.testing.assert_allclose(got, in_circle(0.1, distance, 0.08), atol=2e-4)


def test_without_a_psf_a_point_is_inside_or_not():
    np.testing.assert_allclose(share(spectrum(), at(0.09)), 1.0)
    for far in (0.11, 1.0, -90.0):
        with pytest.warns(XGammaWarning, match="'crab' lies outside the dataset 's'"):
            assert float(spectrum().gamma.npred_signal(at(far)).sum()) == 0


def test_a_point_at_the_other_end_of_the_sky_counts_nothing_with_a_psf():
    for far in (5.0, -90.0):
        with pytest.warns(XGammaWarning, match="lies outside"):
            assert float(spectrum(psf=0.08).gamma.npred_signal(at(far)).sum()) == 0


@pytest.mark.parametrize("psf", [0.0, 0.08])
@pytest.mark.parametrize("sigma", [0.03, 0.2, 0.5])
@pytest.mark.parametrize("distance", [0.0, 0.3])
def test_a_gaussian_in_a_circle(psf, sigma, distance):
    ds = spectrum("icrs;circle(83.6, 22.0, 0.4)", psf)
    got = share(ds, at(distance, xg.Gaussian, sigma=f"{sigma} deg"))
    width = np.hypot(sigma, psf)
    # The circle is cut out of pixels a twentieth of its radius, in parts of a tenth.
    np.testing.assert_allclose(got, in_circle(0.4, distance, width), rtol=5e-3, atol=1e-3)


@pytest.mark.parametrize("psf", [0.0, 0.08])
def test_a_rectangle(psf):
    ds = spectrum("icrs;box(83.6, 22.0, 0.4, 0.6, 0)", psf)
    got = share(ds, at(0.1, xg.Gaussian, sigma="0.2 deg"))
    width = np.hypot(0.2, psf)
    along_x = norm.cdf(0.2 / width) - norm.cdf(-0.2 / width)
    along_y = norm.cdf(0.2 / width) - norm.cdf(-0.4 / width)
    np.testing.assert_allclose(got, along_x * along_y, rtol=5e-3)
    point = share(spectrum("icrs;box(83.6, 22.0, 0.4, 0.6, 0)", 0.08), at(0.25))
    exact = (norm.cdf(0.2 / 0.08) - norm.cdf(-0.2 / 0.08)) * norm.cdf(0.05 / 0.08)
    np.testing.assert_allclose(point, exact, rtol=1e-2)


def test_two_circles_hold_both():
    text = "icrs;circle(83.6, 22.0, 0.1);circle(83.6, 22.5, 0.1)"
    for distance in (0.0, 0.5):
        got = share(spectrum(text, 0.04), at(distance))
        np.testing.assert_allclose(got, in_circle(0.1, 0.0, 0.04), rtol=1e-2)


def test_a_point_region_and_no_place_count_all():
    ds = spectrum("icrs;point(83.6, 22.0)")
    np.testing.assert_allclose(share(ds, at(0.0)), 1.0)
    model = xg.SkyModel(crab().spectral, name="s")
    np.testing.assert_allclose(share(spectrum(psf=0.08), model), 1.0)


def test_a_constant_brightness_counts_its_area():
    model = xg.SkyModel(crab().spectral, xg.ConstantSpatial(value="10 sr-1"), name="c")
    area = 2 * np.pi * (1 - np.cos(np.radians(0.1)))
    np.testing.assert_allclose(share(spectrum(), model), 10 * area, rtol=3e-3)
    np.testing.assert_allclose(share(spectrum(psf=0.08), model), 10 * area, rtol=1e-2)


@pytest.mark.parametrize("shape", [xg.PointSource, xg.Gaussian, xg.Disk, xg.Shell])
def test_the_spectrum_of_a_map_predicts_what_the_map_holds(shape):
    """Whatever the shape: cut out of the map, or predicted in the region (which has no PSF)."""
    ds = small_map(binsz=0.02, psf=0, width=3.0, nbin=2, frame="galactic")
    size = {
        xg.PointSource: {},
        xg.Gaussian: {"sigma": "0.3 deg"},
        xg.Disk: {"r_0": "0.4 deg"},
        xg.Shell: {"radius": "0.3 deg", "width": "0.1 deg"},
    }[shape]
    model = crab()
    model.spatial = shape(lon=0, lat=0.25, frame="galactic", **size)
    region = "galactic;circle(0, 0, 0.4)"
    on_map = ds.gamma.npred_signal(model).where(ds.gamma.region_mask(region), 0).sum(("y", "x"))
    got = ds.gamma.to_spectrum(region).gamma.npred_signal(model)
    np.testing.assert_allclose(got, on_map, rtol=0.01)


def test_gammapy_counts_all_of_it(gammapy):
    """Its way: without a PSF everything, with one as if in the middle."""
    np.testing.assert_allclose(share(spectrum(), at(90.0 - 22.0), scheme="gammapy"), 1.0)
    middle = share(spectrum(psf=0.08), at(0.0), scheme="gammapy")
    np.testing.assert_allclose(
        share(spectrum(psf=0.08), at(0.3), scheme="gammapy"), middle, rtol=1e-12
    )
