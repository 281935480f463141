import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xgamma as xg
from xgamma.errors import MissingDataError, UnitError, XGammaError, XGammaWarning
from xgamma.numerics.convolve import disk_kernel, kernel_sum, ring_kernel

DIMS = ("energy", "y", "x")
CENTER = "icrs;circle(83.63, 22.01, 0.3)"


def brute_force(image, kernel):
    """The sum of an image over a kernel around each pixel, one shift at a time."""
    half_y, half_x = (n // 2 for n in kernel.shape)
    padded = np.pad(image, ((0, 0), (half_y, half_y), (half_x, half_x)))
    total = np.zeros(image.shape, dtype=image.dtype)
    ny, nx = image.shape[1:]
    for dy, dx in np.argwhere(kernel > 0):
        total += padded[:, dy : dy + ny, dx : dx + nx]
    return total


# --- kernels ----------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.5, 9), st.floats(0, 6), st.integers(3, 15))
def test_kernel_sum_is_the_direct_sum(seed, width, inner, size):
    rng = np.random.default_rng(seed)
    kernel = ring_kernel((inner, inner), (inner + width, inner + width))
    counts = rng.poisson(0.3, size=(2, size, size + 2))
    weights = rng.random(counts.shape) * (rng.random(counts.shape) > 0.7)
    np.testing.assert_array_equal(kernel_sum(counts, [kernel])[0], brute_force(counts, kernel))
    found, expected = kernel_sum(weights, [kernel])[0], brute_force(weights, kernel)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    assert ((found == 0) == (expected == 0)).all()
    assert (found >= 0).all()


def test_rings_nest_without_gap_or_overlap():
    radii = [0.0, 2.0, 5.0, 7.0]
    discs = [disk_kernel((r, r)).sum() for r in radii[1:]]
    assert discs == [13, 81, 149]
    ring = ring_kernel((5.0, 5.0), (7.0, 7.0))
    rim = ring_kernel((5.0, 5.0), (5.0, 5.0)).sum()
    assert ring.sum() == 149 - 81 + rim


def test_pixels_that_are_not_square():
    kernel = disk_kernel((2.0, 4.0))
    assert kernel.shape == (9, 5)
    assert kernel[:, 2].sum() == 9


def test_huge_counts_stay_exact():
    counts = np.full((1, 8, 8), 2**30)
    kernel = np.ones((3, 3))
    assert kernel_sum(counts, [kernel])[0][0, 4, 4] == 9 * 2**30


# --- ring -------------------------------------------------------------------------------


def test_off_maps_are_direct_sums_bin_by_bin(flat_map):
    mask = flat_map.gamma.region_mask(CENTER, inside=False)
    ds = flat_map.gamma.ring_background("0.5 deg", "0.2 deg", exclusion=mask)
    kernel = ring_kernel((10.0, 10.0), (14.0, 14.0))
    counts = np.where(mask, flat_map.counts, 0)
    np.testing.assert_array_equal(ds.counts_off, brute_force(counts, kernel))
    background = np.where(mask, flat_map.background, 0.0)
    np.testing.assert_allclose(ds.acceptance_off, brute_force(background, kernel), rtol=1e-10)
    np.testing.assert_array_equal(ds.acceptance, flat_map.background)
    assert ds.counts_off.dtype.kind == "i"
    assert "background" not in ds
    assert ds.gamma.kind == "map_onoff"


def test_masked_counts_do_not_leak_into_off(flat_map):
    safe = np.ones(flat_map.counts.shape, dtype=bool)
    safe[:, :, :30] = False
    loud = flat_map.counts.where(xr.DataArray(safe, dims=DIMS), 100_000)
    ds = flat_map.assign(counts=loud.astype(int), mask_safe=(DIMS, safe))
    off = ds.gamma.ring_background("0.5 deg", "0.2 deg").counts_off
    assert int(off.max()) < 5000
    assert not ds.gamma.ring_background("0.5 deg", "0.2 deg").mask_safe[:, :, :30].any()


def test_nan_background_under_the_mask_stays_out(flat_map):
    safe = np.ones(flat_map.counts.shape, dtype=bool)
    safe[:, :10] = False
    background = flat_map.background.values.copy()
    background[:, :10] = np.nan
    ds = flat_map.assign(background=(DIMS, background), mask_safe=(DIMS, safe))
    ring = ds.gamma.ring_background("0.5 deg", "0.2 deg")
    for name in ("counts_off", "acceptance", "acceptance_off"):
        assert np.isfinite(ring[name]).all()


def test_the_input_stays_as_it_was(flat_map):
    safe = flat_map.assign(mask_safe=(DIMS, flat_map.counts.values >= 0))
    before = safe.copy(deep=True)
    exclusion = safe.gamma.region_mask(CENTER, inside=False)
    kept = exclusion.copy(deep=True)
    ring = safe.gamma.ring_background("0.5 deg", "0.2 deg", exclusion=exclusion)
    ring.counts_off[...] = 0
    ring.mask_safe[...] = False
    xr.testing.assert_identical(safe, before)
    xr.testing.assert_identical(exclusion, kept)


def test_dims_in_any_order(flat_map):
    turned = flat_map.transpose("x", "energy", "y", ...)
    expected = flat_map.gamma.ring_background("0.5 deg", "0.2 deg").counts_off
    found = turned.gamma.ring_background("0.5 deg", "0.2 deg").counts_off
    np.testing.assert_array_equal(found.transpose(*DIMS), expected)


def test_no_acceptance_anywhere_masks_all_with_a_warning(flat_map):
    everything = "icrs;circle(83.63, 22.01, 5)"
    with pytest.warns(XGammaWarning, match=r"Run 'flat': no ring has any acceptance"):
        ds = flat_map.gamma.ring_background("0.5 deg", "0.2 deg", exclusion=everything)
    assert not ds.mask_safe.any()
    assert float(ds.gamma.background.sum()) == 0.0
    assert np.isfinite(ds.gamma.alpha).all()


def test_pixels_with_an_empty_ring_alone_are_masked(flat_map):
    ring = flat_map.gamma.ring_background(
        "0.2 deg", "0.1 deg", exclusion="icrs;circle(83.63, 22.01, 0.6)"
    )
    near = flat_map.gamma.separation("83.63d 22.01d") < 0.25
    assert not ring.mask_safe.where(near, False).any()
    assert ring.mask_safe.where(~near, True).mean() > 0.9
    assert (ring.counts_off.values[~ring.mask_safe.values] == 0).all()


# --- exclusion --------------------------------------------------------------------------


def test_exclusions_of_every_kind_agree(flat_map, tmp_path):
    path = tmp_path / "crab.reg"
    path.write_text(CENTER.replace(";", "\n"))
    mask = flat_map.gamma.region_mask(CENTER, inside=False)
    cube = mask.expand_dims(energy=flat_map.sizes["energy"])
    cube = cube.assign_coords(energy=flat_map.energy, energy_lo=flat_map.energy_lo)
    cube = cube.assign_coords(energy_hi=flat_map.energy_hi)
    small = mask.isel(x=slice(15, 45), y=slice(15, 45))
    results = [
        flat_map.gamma.ring_background("0.5 deg", "0.2 deg", exclusion=e).counts_off
        for e in (CENTER, str(path), path, mask, cube, small)
    ]
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_a_mask_on_another_frame_is_looked_up_by_position(flat_map):
    frame = xg.create_map("83.63d 22.01d", "2 deg", "0.01 deg", proj="TAN")
    galactic = xg.create_map(
        frame.gamma.center.galactic, "2 deg", "0.01 deg", proj="TAN", frame="galactic"
    )
    mask = galactic.gamma.region_mask(CENTER, inside=False)
    found = flat_map.gamma.ring_background("0.5 deg", "0.2 deg", exclusion=mask)
    expected = flat_map.gamma.ring_background("0.5 deg", "0.2 deg", exclusion=CENTER)
    np.testing.assert_allclose(found.acceptance_off, expected.acceptance_off, rtol=0.02)
    # Outside of the mask nothing is excluded.
    np.testing.assert_array_equal(found.counts_off[:, :5, :5], expected.counts_off[:, :5, :5])


def test_a_mask_of_numbers_is_refused(flat_map):
    mask = flat_map.gamma.region_mask(CENTER, inside=False).astype(int)
    with pytest.raises(XGammaError, match="must be boolean"):
        flat_map.gamma.ring_background("0.5 deg", "0.2 deg", exclusion=mask)


# --- options ----------------------------------------------------------------------------


def test_angles_need_units_and_sense(flat_map):
    with pytest.raises(UnitError, match=r"r_in=0\.5 has no unit"):
        flat_map.gamma.ring_background(0.5, "0.2 deg")
    with pytest.raises(UnitError):
        flat_map.gamma.ring_background("0.5 TeV", "0.2 deg")
    with pytest.raises(XGammaError, match="must lie between"):
        flat_map.gamma.ring_background("500 deg", "0.2 deg")
    with pytest.raises(XGammaError, match="must lie between"):
        flat_map.gamma.ring_background("-0.5 deg", "0.2 deg")


def test_what_is_missing_is_named(flat_map):
    with pytest.raises(MissingDataError, match="background"):
        flat_map.drop_vars("background").gamma.ring_background("0.5 deg", "0.2 deg")
    spectrum = xg.create_spectrum(CENTER, xg.energy_axis(1, 10, 2), energy_true="reco")
    with pytest.raises(XGammaError, match="requires a map"):
        spectrum.gamma.ring_background("0.5 deg", "0.2 deg")


# --- adaptive ring ----------------------------------------------------------------------

ADAPTIVE = {"r_in": "0.4 deg", "width": "0.2 deg", "r_out_max": "1.4 deg", "stepsize": "0.1 deg"}


@pytest.mark.parametrize("method", ["fixed_width", "fixed_r_in"])
def test_adaptive_ring_takes_the_first_ring_that_suffices(flat_map, method):
    one = flat_map.isel(energy=slice(0, 1))
    mask = one.gamma.region_mask("icrs;circle(83.63, 22.01, 0.7)", inside=False)
    ds = one.gamma.adaptive_ring_background(
        **ADAPTIVE, theta="0.2 deg", method=method, exclusion=mask, threshold_alpha=0.2
    )
    disk = disk_kernel((4.0, 4.0))
    region = brute_force(one.background.values, disk)
    np.testing.assert_allclose(ds.acceptance_region, region, rtol=1e-10)
    background = np.where(mask, one.background, 0.0)
    counts = np.where(mask, one.counts, 0)
    expected_off = np.zeros(region.shape)
    expected_counts = np.zeros(region.shape)
    steps = np.arange(0.0, 0.79, 0.1)
    for step in steps[::-1]:
        r_in, r_out = (0.4 + step, 0.6 + step) if method == "fixed_width" else (0.4, 0.6 + step)
        kernel = ring_kernel((r_in / 0.05,) * 2, (r_out / 0.05,) * 2)
        off = brute_force(background, kernel)
        good = (off > 0) & (region <= 0.2 * off)
        expected_off[good] = off[good]
        expected_counts[good] = brute_force(counts, kernel)[good]
    np.testing.assert_allclose(ds.acceptance_off, expected_off, rtol=1e-9)
    np.testing.assert_array_equal(ds.counts_off, expected_counts)
    np.testing.assert_array_equal(ds.mask_safe, expected_off > 0)
    assert np.unique(np.round(expected_off / region, 1)).size > 5


def test_adaptive_ring_options(flat_map):
    with pytest.raises(XGammaError, match="not recognised"):
        flat_map.gamma.adaptive_ring_background(**ADAPTIVE, method="growing")
    with pytest.raises(XGammaError, match="fits between"):
        flat_map.gamma.adaptive_ring_background("0.5 deg", "0.5 deg", "0.9 deg")
    with pytest.raises(XGammaError, match="stepsize"):
        flat_map.gamma.adaptive_ring_background(**{**ADAPTIVE, "stepsize": "0 deg"})


def test_reduce_and_trees_take_rings(wobble_run):
    empty = xg.create_map(
        "83.63d 22.01d", "3 deg", "0.1 deg", xg.energy_axis(1, 10, 2), energy_true="reco"
    )
    options = {"method": "ring", "r_in": "0.5 deg", "width": "0.3 deg", "exclusion": CENTER}
    ds = xg.reduce([wobble_run, wobble_run], into=empty, background=options)
    tree = xg.reduce([wobble_run, wobble_run], into=empty, background=options, stack=False)
    parts = [node.to_dataset() for node in tree.children.values()]
    np.testing.assert_allclose(
        ds.gamma.background, sum(p.gamma.background for p in parts), rtol=1e-6
    )
    options = {"method": "adaptive_ring", **ADAPTIVE, "exclusion": CENTER, "threshold_alpha": 1.0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert xg.reduce([wobble_run], into=empty, background=options).gamma.kind == "map_onoff"
