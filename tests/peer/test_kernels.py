"""PSF kernels beside gammapy's, on the Galactic Centre dataset."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import xgamma as xg

pytest.importorskip("gammapy", reason="gammapy is not installed: pip install -e .[peer]")


@pytest.mark.parametrize("position", [None, (1.3, 0.7)])
@pytest.mark.parametrize("max_radius", [None, "0.3 deg"])
def test_kernel_map_by_map(both, position, max_radius):
    import astropy.units as u
    from astropy.coordinates import SkyCoord

    ours, theirs = both
    there = position and SkyCoord(*position, unit="deg", frame="galactic")
    expected = theirs.psf.get_psf_kernel(
        geom=theirs.exposure.geom,
        position=there,
        max_radius=max_radius and u.Quantity(max_radius),
        containment=0.998,
    )
    kernel = ours.gamma.psf_kernel(position, max_radius=max_radius, containment=0.998)
    assert kernel.dims == ("energy_true", "y", "x")
    # gammapy's kernel is in single precision.
    assert_allclose(kernel, expected.data, rtol=0, atol=1e-6 * float(kernel.max()))


def test_where_the_kernel_ends(both):
    # gammapy looks the radius of 99.9 % up in steps: at one energy it is a row of pixels wider.
    ours, theirs = both
    expected = theirs.psf.get_psf_kernel(geom=theirs.exposure.geom).data
    kernel = ours.gamma.psf_kernel()
    difference = np.abs(kernel - expected).max(("y", "x")) / kernel.max(("y", "x"))
    assert float(difference.max()) < 5e-4
    assert int((difference > 1e-6).sum()) <= 1


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_kernel_of_an_image(both):
    import astropy.units as u
    from gammapy.modeling.models import PowerLawSpectralModel

    ours, theirs = both
    image = theirs.psf.to_image(spectral_model=PowerLawSpectralModel(index=2.3))
    geom = theirs.exposure.geom.squash("energy_true")
    expected = image.get_psf_kernel(geom=geom, max_radius=0.3 * u.deg, containment=1)
    kernel = ours.gamma.psf_kernel(max_radius="0.3 deg", containment=1, spectrum=2.3)
    # gammapy normalises the mean of the PSFs, here each of them has the sum one: they differ
    # by what lies beyond the radius, and in how finely a narrow PSF is sampled.
    assert_allclose(kernel, expected.data[0], atol=5e-3 * float(kernel.max()))
    same = ours.gamma.psf_kernel(
        max_radius="0.3 deg", containment=1, spectrum=xg.PowerLaw(index=2.3)
    )
    assert_allclose(kernel, same, rtol=1e-6)


def test_convolution_with_the_kernels(both):
    ours, theirs = both
    options = {"max_radius": "0.3 deg", "containment": 0.998}
    expected = theirs.exposure.convolve(
        theirs.psf.get_psf_kernel(geom=theirs.exposure.geom, **options)
    )
    found = ours.exposure.gamma.convolve(ours.gamma.psf_kernel(**options))
    assert_allclose(found, expected.data, rtol=1e-5, atol=1e-6 * float(found.max()))


def test_kernel_of_a_region_needs_pixels(both):
    ours, _ = both
    region = ours.gamma.to_region("galactic;circle(0, 0, 0.5)")
    with pytest.raises(xg.FrameError, match="binsz"):
        region.gamma.psf_kernel()
    assert_allclose(
        region.gamma.psf_kernel(binsz="0.025 deg").sum(("y", "x")), np.ones(14), rtol=1e-9
    )
