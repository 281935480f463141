"""A collapsed map predicts the sum of what the map predicts in the safe pixels of the region."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.point_source import (
    ALONE,
    CENTER,
    POINT,
    QUIET,
    SPECTRUM,
    npred_of,
    point_map,
    some_masks,
)
from xgamma.errors import XGammaWarning


@pytest.fixture(scope="module")
def ds():
    return point_map()


@pytest.mark.parametrize("mask", ["none", "half", "half at low energies", "rising", "threshold"])
@pytest.mark.parametrize("radius", [0.05, 0.11, 0.3])
def test_point_source_with_containment(ds, radius, mask):
    region = f"icrs;circle(83.63, 22.01, {radius})"
    flags = np.ones(ds.counts.shape, bool) if mask == "none" else some_masks(ds)[mask]
    made = ds if mask == "none" else ds.assign(mask_safe=(ds.counts.dims, flags))
    spectrum = made.gamma.to_spectrum(region, containment_correction=True)
    inside = ds.gamma.region_mask(region).values & flags
    # The two sample the PSF between its rings on their own, and the kernel ends at 99.9 % of it.
    expected = np.where(inside, npred_of(ds, POINT), 0.0).sum(axis=(1, 2))
    found = npred_of(spectrum, ALONE)
    used = inside.any(axis=(1, 2))
    np.testing.assert_allclose(found[used], expected[used], rtol=1e-2)


@QUIET
@pytest.mark.parametrize("migra", [None, xg.migra_axis()], ids=["kernel", "migra"])
@pytest.mark.parametrize("mask", ["half", "half at low energies", "rising", "threshold"])
@pytest.mark.parametrize("collapse", ["to_spectrum", "to_region"])
def test_even_source(collapse, mask, migra):
    """By hand: flux, shared by the pixels, times the exposure of each, through the dispersion."""
    ds = point_map("0.04 deg", migra)
    flags = some_masks(ds)[mask]
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
    np.testing.assert_allclose(npred_of(spectrum, ALONE)[used], expected[used], rtol=1e-5)


@QUIET
def test_half_masked_amplitude(ds):
    """The case of the issue: half of the region hidden halved the fitted amplitude."""
    flags = some_masks(ds)["half"]
    spectrum = ds.assign(mask_safe=(ds.counts.dims, flags)).gamma.to_spectrum(
        "icrs;circle(83.63, 22.01, 0.2)"
    )
    whole = ds.gamma.to_spectrum("icrs;circle(83.63, 22.01, 0.2)")
    ratio = npred_of(spectrum, ALONE) / npred_of(whole, ALONE)
    np.testing.assert_allclose(ratio, 0.5, atol=0.02)
    xr.testing.assert_identical(spectrum.exposure, whole.exposure)
    assert (spectrum.counts < whole.counts).any()


@pytest.mark.filterwarnings("ignore:The safe mask excludes:xgamma.XGammaWarning")
def test_the_share_of_a_region_cannot_be_left_out(ds):
    """It is in the dispersion: a prediction without one would count hidden pixels."""
    flags = some_masks(ds)["half"]
    spectrum = ds.assign(mask_safe=(ds.counts.dims, flags)).gamma.to_spectrum(
        "icrs;circle(83.63, 22.01, 0.2)"
    )
    bare = ALONE.copy()
    bare.apply_irf = {"edisp": False}
    with pytest.raises(xg.XGammaError, match="so it cannot be ignored"):
        npred_of(spectrum, bare)
    npred_of(ds.gamma.to_spectrum("icrs;circle(83.63, 22.01, 0.2)"), bare)


def test_a_region_without_gaps_stays_as_it_was(ds):
    region = "icrs;circle(83.63, 22.01, 0.2)"
    flags = some_masks(ds)["threshold"]
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
    made = ds.assign(mask_safe=(ds.counts.dims, some_masks(ds)["half at low energies"]))
    region = "icrs;circle(83.63, 22.01, 0.2)"
    with pytest.warns(
        XGammaWarning, match="excludes up to 5.* uniform over the region: for a point source"
    ):
        made.gamma.to_spectrum(region)
    with pytest.warns(XGammaWarning, match="excludes up to 5"):
        made.gamma.to_region(region)


def test_stack_of_partly_masked_regions(ds):
    region, parts = "icrs;circle(83.63, 22.01, 0.11)", []
    expected = np.zeros(ds.sizes["energy"])
    for mask in ("half", "rising", "threshold"):
        made = ds.assign(mask_safe=(ds.counts.dims, some_masks(ds)[mask]))
        parts.append(made.gamma.to_spectrum(region, containment_correction=True))
        expected += np.where(parts[-1].mask_safe, npred_of(parts[-1], ALONE), 0.0)
    np.testing.assert_allclose(
        npred_of(parts[0].gamma.stack(*parts[1:]), ALONE), expected, rtol=1e-6
    )
