"""Rebinned maps predict what the fine map predicts in its safe bins, or say that they do not."""

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.point_source import ALONE, POINT, SPECTRUM, npred_of, point_map, some_masks
from xgamma.datasets.masks import safe

DISK = xg.SkyModel(
    SPECTRUM, xg.Disk(lon="83.63 deg", lat="22.01 deg", r_0="0.5 deg"), name="extended"
)
BLOCKS = pytest.mark.filterwarnings("ignore:The safe mask excludes:xgamma.errors.XGammaWarning")


@pytest.fixture(scope="module")
def ds():
    return point_map("0.04 deg")


def _masked(ds, name):
    if name == "thresholds by offset":
        offset = ds.gamma.separation((83.63, 22.41)).values
        flags = np.stack([offset < 0.3 + 0.15 * k for k in range(ds.sizes["energy"])])
    else:
        flags = some_masks(ds)[name]
    return ds.assign(mask_safe=(ds.counts.dims, flags)), flags


@BLOCKS
@pytest.mark.parametrize("model", [POINT, DISK], ids=lambda m: m.name)
@pytest.mark.parametrize("mask", ["half", "half at low energies", "rising"])
def test_blocks_that_are_wholly_safe(ds, mask, model):
    """Exposure is not masked: hidden photons spill into safe pixels. The cure is the warning's."""
    made, flags = _masked(ds, mask)
    fine = npred_of(ds, model).reshape(ds.sizes["energy"], 15, 2, 15, 2).sum(axis=(2, 4))
    coarse = made.gamma.downsample(2)
    cured = coarse.assign(mask_safe=made.mask_safe.coarsen(y=2, x=2).all().variable)
    assert cured.gamma.validate() == []
    found = npred_of(cured, model)[cured.mask_safe.transpose("energy", "y", "x").values]
    whole = flags.reshape(ds.sizes["energy"], 15, 2, 15, 2).all(axis=(2, 4))
    # The disk is drawn on pixels of another size.
    np.testing.assert_allclose(found.sum(), fine[whole].sum(), rtol=5e-3)


def test_blocks_hidden_in_part_are_named(ds):
    made, flags = _masked(ds, "rising")
    with pytest.warns(xg.XGammaWarning, match=r"of the pixels in safe blocks of 2 by 2.*coarsen"):
        coarse = made.gamma.downsample(2)
    # Without the cure 20 % and more are predicted too many.
    found = np.where(safe(coarse).values, npred_of(coarse, DISK), 0.0).sum()
    assert found > 1.2 * np.where(flags, npred_of(ds, DISK), 0.0).sum()
    made, _ = _masked(ds, "threshold")
    assert made.gamma.downsample(2).mask_safe.any()  # no warning


@pytest.mark.parametrize(
    ("mask", "model", "tolerance"),
    [
        # One energy threshold, or half of the map at all energies: exact (half of it was predicted).
        ("threshold", POINT, 1e-6),
        ("threshold", DISK, 1e-6),
        ("half", POINT, 1e-6),
        ("half", DISK, 1e-6),
        ("half at low energies", POINT, 1e-2),
        # Thresholds that rise with the offset within a node of the responses: 0.78 and 0.83 before.
        ("thresholds by offset", POINT, 0.03),
        ("thresholds by offset", DISK, 0.10),
        ("rising", DISK, 0.10),
    ],
    ids=str,
)
def test_joined_energies(ds, mask, model, tolerance):
    made, flags = _masked(ds, mask)
    image = made.gamma.to_image()
    found = np.where(safe(image).values, npred_of(image, model), 0.0).sum()
    expected = np.where(flags, npred_of(ds, model), 0.0).sum()
    np.testing.assert_allclose(found, expected, rtol=tolerance)


@pytest.mark.parametrize("place", [83.63, 83.70, 83.85])
def test_a_point_in_a_region_with_its_psf(place):
    """`to_region` keeps the PSF, and a source's own position and spread decide what is inside."""
    ds = point_map("0.02 deg")
    point = xg.SkyModel(SPECTRUM, xg.PointSource(lon=f"{place} deg", lat="22.01 deg"), name="p")
    region = "icrs;circle(83.63, 22.01, 0.15)"
    inside = ds.gamma.region_mask(region).values
    expected = np.where(inside, npred_of(ds, point), 0.0).sum(axis=(1, 2))
    collapsed = ds.gamma.to_region(region)
    found = npred_of(collapsed, point).ravel()
    # A circle against the pixels whose centres lie in it; exposure at the centre of the region.
    np.testing.assert_allclose(found, expected, rtol=0.12, atol=0.01 * npred_of(ds, POINT).sum())
    assert found.sum() < npred_of(collapsed, ALONE).sum()
