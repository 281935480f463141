"""PSF kernels against a Gaussian, whose integral over a pixel is known."""

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.special import erf

import xgamma as xg
from tests.helpers.gaussian_psf import SIGMA, gaussian_map
from xgamma.fitting.compiled import Compiled


def integral(offset: np.ndarray, step: float, sigma: float) -> np.ndarray:
    """The part of a Gaussian in one dimension that falls in pixels around offsets."""
    low, high = ((offset + s * step / 2) / (np.sqrt(2) * sigma) for s in (-1, 1))
    return 0.5 * (erf(high) - erf(low))


@pytest.mark.parametrize("binsz", ["0.05 deg", ("0.1 deg", "0.04 deg")])
def test_gaussian(binsz):
    pair = binsz if isinstance(binsz, str) else tuple(float(b.split()[0]) for b in binsz)
    ds = gaussian_map(binsz=pair)
    kernel = ds.gamma.psf_kernel((10, 20), max_radius="0.7 deg", containment=1)
    sx, sy = (0.05, 0.05) if isinstance(binsz, str) else (0.1, 0.04)
    assert_allclose(kernel.sum(("y", "x")), 1, rtol=1e-12)
    for number, sigma in enumerate(SIGMA):
        truth = integral(kernel.y.values, sy, sigma)[:, None] * integral(kernel.x.values, sx, sigma)
        assert_allclose(kernel[number], truth, atol=5e-3 * truth.max())
    finer = ds.gamma.psf_kernel(max_radius="0.7 deg", containment=1, precision_factor=1000)
    truth = integral(finer.y.values, sy, 0.12)[:, None] * integral(finer.x.values, sx, 0.12)
    assert_allclose(finer[0], truth, atol=5e-4 * truth.max())


def test_size():
    ds = gaussian_map()
    # 99.9 % of a Gaussian lie within sqrt(-2 ln 0.001) = 3.72 sigma.
    assert ds.gamma.psf_kernel().sizes["x"] == 2 * 9 + 1
    assert ds.gamma.psf_kernel(containment=0.68).sizes["x"] == 2 * 4 + 1
    assert ds.gamma.psf_kernel(max_radius="0.2 deg").sizes["y"] == 9
    # The narrow one ends where it holds its own fraction.
    narrow = ds.gamma.psf_kernel()[1]
    assert float(narrow.where(abs(narrow.x) > 0.21, drop=True).sum()) == 0


def test_same_as_the_one_that_predicts():
    ds = gaussian_map().assign(counts=(("energy", "y", "x"), np.zeros((2, 40, 40))))
    kernel = ds.gamma.psf_kernel()
    assert_allclose(Compiled(ds, "gammapy").psf_kernels(20.0, 20.0), kernel, rtol=1e-12)


def test_prediction_bends_between_rings():
    """Rings of 0.016 deg, a third of the narrower sigma: straight pieces widen it."""
    ds = gaussian_map(rings=50).assign(counts=(("energy", "y", "x"), np.zeros((2, 40, 40))))
    smooth, straight = (Compiled(ds, s).psf_kernels(20.0, 20.0)[1] for s in ("exact", "gammapy"))
    one = integral(0.05 * np.arange(-9, 10), 0.05, SIGMA[1])
    truth = one[:, None] * one
    errors = [np.abs(k - truth).max() / truth.max() for k in (smooth, straight)]
    # What is left of the first comes from the width of the rings.
    assert errors[0] < 8e-3
    assert errors[1] > 1.5 * errors[0], errors


def test_spectrum_weights_with_exposure():
    ds = gaussian_map()
    each = ds.gamma.psf_kernel(max_radius="0.5 deg")
    mean = ds.gamma.psf_kernel(max_radius="0.5 deg", spectrum=xg.PowerLaw(index=2))
    # From 1 to 10 and 10 to 100 TeV: 0.9 and 0.09, times the exposures 1 and 3.
    expected = (0.9 * each[0] + 0.27 * each[1]) / 1.17
    assert mean.dims == ("y", "x")
    assert_allclose(mean, expected, rtol=1e-9)
    with pytest.raises(xg.MissingDataError, match="exposure"):
        ds.drop_vars("psf_exposure").gamma.psf_kernel(spectrum=2)


def test_nodes_without_exposure_bring_nothing_in():
    ds = gaussian_map()
    empty = (ds.x_irf < float(ds.x_irf.mean())) & (ds.psf_exposure > 0)
    spoilt = ds.assign(
        psf=ds.psf.where(~empty, 0), psf_exposure=ds.psf_exposure.where(~empty, 0)
    ).transpose("y_irf", "x_irf", ...)
    for position in ((10.9, 20.0), (10.05, 20.0)):
        assert_allclose(spoilt.gamma.psf_kernel(position), ds.gamma.psf_kernel(), atol=1e-12)
    nothing = ds.assign(psf=ds.psf * 0, psf_exposure=ds.psf_exposure * 0)
    assert float(abs(nothing.gamma.psf_kernel(max_radius="0.1 deg")).sum()) == 0


def test_lazy_psf_is_read_around_the_position_only():
    import dask.array as da

    ds, read = gaussian_map(), []

    def watched(block):
        read.append(block.shape)
        return block

    psf = da.from_array(ds.psf.values, chunks=(2, 400, 1, 1)).map_blocks(
        watched, meta=np.array(0.0)
    )
    lazy = ds.assign(psf=(ds.psf.dims, psf, ds.psf.attrs))
    assert_allclose(lazy.gamma.psf_kernel((10.3, 20.2)), ds.gamma.psf_kernel((10.3, 20.2)))
    assert len(read) <= 4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_radius": "-1 deg"}, "max_radius"),
        ({"containment": 1.2}, "containment"),
        ({"precision_factor": 0}, "precision_factor"),
        ({"binsz": 0}, "binsz"),
        ({"position": (50, 0)}, "outside"),
    ],
)
def test_nonsense_is_refused(options, sentence):
    with pytest.raises(xg.XGammaError, match=sentence):
        gaussian_map().gamma.psf_kernel(**options)


def test_kernels_bin_by_bin():
    ds = gaussian_map()
    flux = xr.zeros_like(ds.psf_exposure.isel(y_irf=0, x_irf=0)).expand_dims(
        y=ds.y, x=ds.x
    ) + ds.gamma.region_mask("icrs;point(10.025, 20.025)")
    kernel = ds.gamma.psf_kernel()
    found = flux.gamma.convolve(kernel)
    row, column = np.argwhere(flux.isel(energy_true=0).transpose("y", "x").values > 0)[0]
    half = kernel.sizes["x"] // 2
    around = found.transpose("energy_true", "y", "x")[
        :, row - half : row + half + 1, column - half : column + half + 1
    ]
    assert_allclose(around.values, kernel.values, atol=1e-12)
    lazy = flux.chunk(energy_true=1).gamma.convolve(kernel)
    assert hasattr(lazy.data, "dask")
    assert_allclose(lazy, found, atol=1e-12)
    with pytest.raises(xg.AxisError, match="energy_true"):
        flux.gamma.convolve(kernel.assign_coords(energy_true_lo=kernel.energy_true_lo * 1.1))
    with pytest.raises(xg.AxisError, match="the map has not"):
        flux.isel(energy_true=0, drop=True).gamma.convolve(kernel)
    with pytest.raises(xg.XGammaError, match="odd number of pixels along each side"):
        flux.gamma.convolve(np.ones((2, 3)))
