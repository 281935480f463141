"""A collapsed map predicts the sum of what the map predicts in the safe pixels of the region."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.dl3 import simulate_observation
from xgamma.errors import XGammaWarning

CENTER = (83.63, 22.01)
SPECTRUM = xg.PowerLaw(index=2.3, amplitude="1e-11 cm-2 s-1 TeV-1")
POINT = xg.SkyModel(SPECTRUM, xg.PointSource(lon="83.63 deg", lat="22.01 deg"), name="point")
ALONE = xg.SkyModel(SPECTRUM, name="alone")
QUIET = pytest.mark.filterwarnings("ignore:The safe mask hides:xgamma.errors.XGammaWarning")


def _map(binsz="0.02 deg", migra=None):
    axes = xg.energy_axis("1 TeV", "20 TeV", 5), xg.energy_axis("0.5 TeV", "40 TeV", 12)
    ds = xg.create_map(CENTER, "1.2 deg", binsz, *axes, migra=migra)
    return ds.gamma.fill(simulate_observation((83.63, 22.41), seed=4))


def _masks(ds):
    """Halves of the map, at all energies or at some of them, and rings that shrink."""
    offset = ds.gamma.separation(CENTER).values
    half = np.broadcast_to(ds.x.values > np.median(ds.x.values), ds.counts.shape[1:])
    n = ds.sizes["energy"]
    rising = np.stack([offset < 0.03 * (k + 1) for k in range(n)])
    return {
        "half": np.broadcast_to(half, ds.counts.shape),
        "half at low energies": np.where(np.arange(n)[:, None, None] < 2, half, True),
        "rising": rising,
        "threshold": np.broadcast_to(np.arange(n)[:, None, None] >= 2, ds.counts.shape),
    }


def _npred(ds, model, mask=None):
    values = ds.gamma.with_models(model).gamma.npred_signal()
    return (values if mask is None else values.where(mask, 0.0)).transpose("energy", ...).values


@pytest.fixture(scope="module")
def ds():
    return _map()


@pytest.mark.parametrize("mask", ["none", "half", "half at low energies", "rising", "threshold"])
@pytest.mark.parametrize("radius", [0.05, 0.11, 0.3])
def test_point_source_with_containment(ds, radius, mask):
    region = f"icrs;circle(83.63, 22.01, {radius})"
    flags = np.ones(ds.counts.shape, bool) if mask == "none" else _masks(ds)[mask]
    made = ds if mask == "none" else ds.assign(mask_safe=(ds.counts.dims, flags))
    spectrum = made.gamma.to_spectrum(region, containment_correction=True)
    inside = ds.gamma.region_mask(region).values & flags
    # The two sample the PSF between its rings on their own, and the kernel ends at 99.9 % of it.
    expected = np.where(inside, _npred(ds, POINT), 0.0).sum(axis=(1, 2))
    found = _npred(spectrum, ALONE)
    used = inside.any(axis=(1, 2))
    np.testing.assert_allclose(found[used], expected[used], rtol=1e-2)


@QUIET
@pytest.mark.parametrize("migra", [None, xg.migra_axis()], ids=["kernel", "migra"])
@pytest.mark.parametrize("mask", ["half", "half at low energies", "rising", "threshold"])
@pytest.mark.parametrize("collapse", ["to_spectrum", "to_region"])
def test_even_source(collapse, mask, migra):
    """By hand: flux, shared by the pixels, times the exposure of each, through the dispersion."""
    ds = _map("0.04 deg", migra)
    flags = _masks(ds)[mask]
    region = "icrs;circle(83.63, 22.01, 0.2)"
    made = ds.assign(mask_safe=(ds.counts.dims, flags))
    spectrum = getattr(made.gamma, collapse)(region)
    inside = ds.gamma.region_mask(region).values
    edges = ds.gamma.edges("energy_true").to_value("TeV")
    flux = SPECTRUM.kernel_integral(edges[:-1], edges[1:]) * 1e4  # cm-2 to m-2
    exposure = ds.exposure.transpose("energy_true", "y", "x").values.astype(float)
    kernel = ds.gamma.edisp_kernel(CENTER).values
    share = (
        np.einsum("tyx,eyx->te", exposure * inside, (flags & inside).astype(float)) / inside.sum()
    )
    expected = np.einsum("t,te,te->e", flux, share, kernel)
    used = (flags & inside).any(axis=(1, 2))
    np.testing.assert_allclose(_npred(spectrum, ALONE)[used], expected[used], rtol=1e-5)


@QUIET
def test_half_masked_amplitude(ds):
    """The case of the issue: half of the region hidden halved the fitted amplitude."""
    flags = _masks(ds)["half"]
    spectrum = ds.assign(mask_safe=(ds.counts.dims, flags)).gamma.to_spectrum(
        "icrs;circle(83.63, 22.01, 0.2)"
    )
    whole = ds.gamma.to_spectrum("icrs;circle(83.63, 22.01, 0.2)")
    ratio = _npred(spectrum, ALONE) / _npred(whole, ALONE)
    np.testing.assert_allclose(ratio, 0.5, atol=0.02)
    xr.testing.assert_identical(spectrum.exposure, whole.exposure)
    assert (spectrum.counts < whole.counts).any()


@pytest.mark.filterwarnings("ignore:The safe mask hides:xgamma.XGammaWarning")
def test_the_share_of_a_region_cannot_be_left_out(ds):
    """It is in the dispersion: a prediction without one would count hidden pixels."""
    flags = _masks(ds)["half"]
    spectrum = ds.assign(mask_safe=(ds.counts.dims, flags)).gamma.to_spectrum(
        "icrs;circle(83.63, 22.01, 0.2)"
    )
    bare = ALONE.copy()
    bare.apply_irf = {"edisp": False}
    with pytest.raises(xg.XGammaError, match="so it cannot be left out"):
        _npred(spectrum, bare)
    _npred(ds.gamma.to_spectrum("icrs;circle(83.63, 22.01, 0.2)"), bare)


def test_a_region_without_gaps_stays_as_it_was(ds):
    region = "icrs;circle(83.63, 22.01, 0.2)"
    flags = _masks(ds)["threshold"]
    masked, plain = (
        d.gamma.to_spectrum(region) for d in (ds.assign(mask_safe=(ds.counts.dims, flags)), ds)
    )
    xr.testing.assert_identical(masked.exposure, plain.exposure)
    xr.testing.assert_identical(masked.edisp, plain.edisp)
    inside = ds.gamma.region_mask(region)
    mean = ds.exposure.where(inside).mean(("y", "x"))
    np.testing.assert_allclose(plain.exposure, mean, rtol=1e-6)
    nothing = ds.assign(mask_safe=xr.zeros_like(ds.counts, dtype=bool))
    xr.testing.assert_identical(nothing.gamma.to_spectrum(region).exposure, plain.exposure)


def test_gaps_are_named(ds):
    made = ds.assign(mask_safe=(ds.counts.dims, _masks(ds)["half at low energies"]))
    region = "icrs;circle(83.63, 22.01, 0.2)"
    with pytest.warns(XGammaWarning, match="hides up to 5.* evenly over it: for a point source"):
        made.gamma.to_spectrum(region)
    with pytest.warns(XGammaWarning, match="hides up to 5"):
        made.gamma.to_region(region)


def test_stack_of_partly_masked_regions(ds):
    region, parts = "icrs;circle(83.63, 22.01, 0.11)", []
    expected = np.zeros(ds.sizes["energy"])
    for mask in ("half", "rising", "threshold"):
        made = ds.assign(mask_safe=(ds.counts.dims, _masks(ds)[mask]))
        parts.append(made.gamma.to_spectrum(region, containment_correction=True))
        expected += np.where(parts[-1].mask_safe, _npred(parts[-1], ALONE), 0.0)
    np.testing.assert_allclose(_npred(parts[0].gamma.stack(*parts[1:]), ALONE), expected, rtol=1e-6)
