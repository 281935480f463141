import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.errors import XGammaError, XGammaWarning

DIMS = ("energy", "y", "x")
CENTER = "icrs;circle(83.63, 22.01, 0.3)"


def test_scale_is_the_ratio_of_the_sums_outside(flat_map):
    mask = flat_map.gamma.region_mask(CENTER, inside=False)
    ds = flat_map.gamma.fov_background(mask)
    norm = float(flat_map.counts.where(mask).sum() / flat_map.background.where(mask).sum())
    np.testing.assert_allclose(ds.background_norm, norm)
    np.testing.assert_allclose(ds.background, flat_map.background * norm)
    np.testing.assert_allclose(
        ds.background_norm_error, norm / np.sqrt(float(flat_map.counts.where(mask).sum()))
    )
    assert float(ds.background_norm_counts[0]) == float(flat_map.counts.where(mask).sum())


def test_fit_of_a_norm_agrees_with_the_ratio(flat_map):
    scale = flat_map.gamma.fov_background(CENTER)
    fit = flat_map.gamma.fov_background(CENTER, method="fit")
    np.testing.assert_allclose(fit.background_norm, scale.background_norm, rtol=1e-4)
    np.testing.assert_allclose(fit.background_norm_error, scale.background_norm_error, rtol=1e-2)


def test_fit_recovers_a_tilt(flat_map):
    energy = flat_map.energy.values[:, np.newaxis, np.newaxis]
    truth = flat_map.background.values * 20 * 1.3 * energy**-0.4
    counts = np.random.default_rng(0).poisson(truth)
    ds = flat_map.assign(counts=(DIMS, counts), background=flat_map.background * 20)
    fit = ds.gamma.fov_background(method="fit", spectral_model="norm+tilt")
    tilt, error = float(fit.background_tilt[0]), float(fit.background_tilt_error[0])
    assert abs(tilt - 0.4) < 4 * error
    assert error < 0.02
    np.testing.assert_allclose(fit.background_norm, 1.3 * flat_map.energy.values**-0.4, rtol=0.02)


@pytest.mark.parametrize(
    ("groups", "numbers"),
    [
        ("each", [0, 1, 2]),
        (2, [0, 0, 1]),
        (["1 TeV", "2.5 TeV", "10 TeV"], [0, 1, 1]),
        ([2000, 20000] * 1, [-1, -1, -1]),
    ],
)
def test_energy_groups(flat_map, groups, numbers):
    from xgamma.background.fov import energy_group_numbers

    assert energy_group_numbers(flat_map, groups).tolist() == numbers


def test_each_group_has_its_norm_and_record(flat_map):
    ds = flat_map.gamma.fov_background(CENTER, energy_groups="each")
    mask = flat_map.gamma.region_mask(CENTER, inside=False)
    counts = flat_map.counts.where(mask).sum(("y", "x")).values
    background = flat_map.background.where(mask).sum(("y", "x")).values
    np.testing.assert_allclose(ds.background_norm, counts / background)
    np.testing.assert_array_equal(ds.background_norm_counts, counts)
    np.testing.assert_allclose(ds.background_norm_npred, background)
    assert ds.background_norm_group.values.tolist() == [0, 1, 2]


def test_record_survives_slicing_and_stacking(flat_map):
    one = flat_map.assign(obs_id=("obs", [1]), livetime=("obs", [1.0]))
    ds = one.gamma.fov_background(energy_groups="each")
    assert ds.background_norm.dims == ("obs", "energy")
    part = ds.isel(energy=slice(1, 3))
    np.testing.assert_array_equal(part.background_norm, ds.background_norm[:, 1:])
    stacked = ds.gamma.stack(one.gamma.fov_background())
    assert stacked.background_norm.shape == (2, 3)
    np.testing.assert_allclose(stacked.background.sum(), 2 * flat_map.counts.sum(), rtol=1e-5)


def test_fit_mask_counts_but_is_left_alone(flat_map):
    fit = flat_map.counts.values >= 0
    fit[:, :20] = False
    ds = flat_map.assign(mask_fit=(DIMS, fit))
    before = ds.copy(deep=True)
    done = ds.gamma.fov_background(CENTER)
    xr.testing.assert_identical(ds, before)
    xr.testing.assert_identical(done.mask_fit, ds.mask_fit)
    mask = fit & flat_map.gamma.region_mask(CENTER, inside=False).values
    norm = flat_map.counts.values[mask].sum() / flat_map.background.values[mask].sum()
    np.testing.assert_allclose(done.background_norm, norm)


def test_safe_mask_counts(flat_map):
    safe = flat_map.counts.values >= 0
    safe[0] = False
    ds = flat_map.assign(mask_safe=(DIMS, safe)).gamma.fov_background()
    norm = flat_map.counts.values[safe].sum() / flat_map.background.values[safe].sum()
    np.testing.assert_allclose(ds.background_norm, norm)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"min_counts": 1e9}, "counts lie outside"),
        ({"min_npred_background": 1e9}, "background counts lie outside"),
        ({"exclusion": "icrs;circle(83.63, 22.01, 10)"}, "no background to scale"),
    ],
)
def test_what_cannot_be_normalised_is_masked(flat_map, options, reason):
    with pytest.warns(XGammaWarning, match=f"Run 'flat': .*{reason}"):
        ds = flat_map.gamma.fov_background(**options)
    assert not ds.mask_safe.any()
    assert np.isfinite(ds.background).all()
    np.testing.assert_array_equal(ds.background, flat_map.background)


def test_only_the_bad_group_is_masked(flat_map):
    counts = flat_map.counts.where(flat_map.energy < 4, 0).astype(int)
    ds = flat_map.assign(counts=counts)
    with pytest.warns(XGammaWarning, match="from 4.64 to 10 TeV"):
        done = ds.gamma.fov_background(energy_groups="each")
    assert done.mask_safe.any(("y", "x")).values.tolist() == [True, True, False]


def test_unknown_options_are_named(flat_map):
    for options, message in (
        ({"method": "guess"}, "use 'scale' or 'fit'"),
        ({"spectral_model": "spline"}, "use 'norm' or 'norm\\+tilt'"),
        ({"spectral_model": "norm+tilt"}, "requires method='fit'"),
        ({"energy_groups": 0}, "at least one bin"),
        ({"energy_groups": [3, 1]}, "increasing edges"),
    ):
        with pytest.raises(XGammaError, match=message):
            flat_map.gamma.fov_background(**options)
    onoff = flat_map.gamma.to_onoff(1, 1, 2)
    with pytest.raises(XGammaError, match="already on-off"):
        onoff.gamma.fov_background()


def test_reduce_takes_it(wobble_run):
    empty = xg.create_map(
        "83.63d 22.01d", "3 deg", "0.1 deg", xg.energy_axis(1, 10, 2), energy_true="reco"
    )
    ds = xg.reduce([wobble_run] * 2, into=empty, background={"method": "fov", "exclusion": CENTER})
    keep = ds.gamma.region_mask(CENTER, inside=False)
    np.testing.assert_allclose(
        ds.background.where(keep).sum(), ds.counts.where(keep).sum(), rtol=1e-5
    )


@pytest.mark.parametrize("method", ["scale", "fit"])
def test_sky_models_are_held_fixed(wobble_run, method):
    """With the source in the models nothing needs to be excluded."""
    empty = xg.create_map("83.63d 22.01d", "3 deg", "0.1 deg", xg.energy_axis(1, 10, 2))
    ds = empty.gamma.fill(wobble_run)
    source = xg.SkyModel(
        name="crab",
        spectral=xg.PowerLaw(index=2.63, amplitude="3.45e-11 cm-2 s-1 TeV-1"),
        spatial=xg.PointSource(lon="83.63 deg", lat="22.01 deg"),
    )
    without = ds.gamma.fov_background(method=method)
    excluded = ds.gamma.fov_background("icrs;circle(83.63, 22.01, 0.4)", method=method)
    modelled = ds.gamma.with_models([source])
    before = modelled.copy(deep=True)
    fitted = modelled.gamma.fov_background(method=method)
    xr.testing.assert_identical(modelled, before)
    norm, error = float(fitted.background_norm[0, 0]), float(fitted.background_norm_error[0, 0])
    assert abs(norm - float(excluded.background_norm[0, 0])) < 2 * error
    assert float(without.background_norm[0, 0]) > norm + 2 * error
