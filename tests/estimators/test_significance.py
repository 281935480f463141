import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.dl3 import simulate_observation
from xgamma.errors import XGammaError
from xgamma.numerics.convolve import disk_kernel, kernel_sum
from xgamma.numerics.statistics import cash_significance, li_ma

DIMS = ("energy", "y", "x")
CENTER = "83.63d 22.01d"


@pytest.fixture(scope="module")
def flat():
    empty = xg.create_map(CENTER, "4 deg", "0.05 deg", xg.energy_axis(1, 10, 2), energy_true="reco")
    rng = np.random.default_rng(0)
    background = np.stack([np.full((80, 80), 0.8), np.full((80, 80), 0.2)])
    return empty.assign(counts=(DIMS, rng.poisson(background)), background=(DIMS, background))


def independent(maps, step):
    """Significances on a grid of pixels so far apart that their discs do not overlap."""
    values = maps.significance.values[:, ::step, ::step].ravel()
    return values[np.isfinite(values)]


def check_unit_normal(values, n_sigma=4.0):
    """Mean and width within their errors of 0 and 1."""
    n = values.size
    assert n > 50
    assert abs(values.mean()) < n_sigma / np.sqrt(n)
    assert abs(values.std() - 1.0) < n_sigma / np.sqrt(2 * n)


# --- what is summed ---------------------------------------------------------------------


def test_known_background(flat):
    maps = flat.gamma.significance("0.15 deg")
    kernel = disk_kernel((3.0, 3.0))
    counts = kernel_sum(flat.counts.values, [kernel])[0]
    background = kernel_sum(flat.background.values, [kernel])[0]
    np.testing.assert_array_equal(maps.counts, counts)
    np.testing.assert_allclose(maps.significance, cash_significance(counts, background))
    np.testing.assert_allclose(maps.excess, counts - background)
    assert maps.attrs["statistic"] == "cash"


def test_each_bin_alone(flat):
    maps = flat.gamma.significance()
    np.testing.assert_allclose(
        maps.significance, cash_significance(flat.counts.values, flat.background.values)
    )
    spectrum = xg.create_spectrum(
        "icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 2), energy_true="reco"
    )
    spectrum = spectrum.assign(counts=("energy", [5, 1])).gamma.to_onoff([10, 4], 1, 5)
    found = spectrum.gamma.significance()
    np.testing.assert_allclose(found.significance, li_ma([5, 1], [10, 4], 0.2))
    assert found.attrs["statistic"] == "wstat"
    with pytest.raises(XGammaError, match="no pixels"):
        spectrum.gamma.significance("0.1 deg")


def test_energies_can_be_summed(flat):
    maps = flat.gamma.significance("0.15 deg", sum_over_energy=True)
    image = flat.gamma.significance("0.15 deg")
    np.testing.assert_allclose(maps.counts[0], image.counts.sum("energy"))
    assert maps.sizes["energy"] == 1
    assert float(maps.energy_lo[0]) == 1.0
    assert float(maps.energy_hi[0]) == pytest.approx(10.0)


def test_off_counts_of_a_ring_are_not_counted_again(flat):
    ring = flat.gamma.ring_background("0.6 deg", "0.3 deg")
    maps = ring.gamma.significance("0.15 deg")
    np.testing.assert_array_equal(maps.counts_off, ring.counts_off)
    kernel = disk_kernel((3.0, 3.0))
    expected = kernel_sum(ring.gamma.background.values, [kernel])[0]
    np.testing.assert_allclose(maps.background, expected)
    np.testing.assert_allclose(maps.alpha * maps.counts_off, expected)


def test_masks(flat):
    safe = flat.counts.values >= 0
    safe[:, :20] = False
    maps = flat.assign(mask_safe=(DIMS, safe)).gamma.significance("0.15 deg")
    assert np.isnan(maps.significance[:, :20]).all()
    assert np.isfinite(maps.significance[:, 20:]).all()
    assert float(maps.background[0, 20, 40]) < float(maps.background[0, 40, 40])
    region = flat.gamma.region_mask("icrs;circle(83.63, 22.01, 1)")
    some = flat.gamma.significance("0.15 deg", mask=region)
    assert np.isnan(some.significance.where(~region, drop=True)).any()


def test_profile(flat):
    edges = [0.0, 0.3, 0.6, 1.2]
    profile = flat.gamma.significance_profile(CENTER, edges)
    offset = flat.gamma.separation(CENTER)
    for k in range(3):
        ring = (offset >= edges[k]) & (offset < edges[k + 1])
        assert float(profile.counts[0, k]) == float(flat.counts.where(ring, 0).sum())
    np.testing.assert_allclose(profile.background, profile.counts - profile.excess)
    area = np.pi * np.diff(np.square(edges)) * np.deg2rad(1) ** 2
    np.testing.assert_allclose(profile.solid_angle[0], area, rtol=0.02)
    ring = flat.gamma.ring_background("0.6 deg", "0.3 deg").gamma
    onoff = ring.significance_profile(CENTER, edges, sum_over_energy=False)
    assert onoff.significance.dims == ("energy", "rad")
    assert (np.abs(onoff.significance) < 5).all()
    with pytest.raises(XGammaError, match="increasing"):
        flat.gamma.significance_profile(CENTER, [1, 0])


# --- honest statistics: pure background gives a unit normal -----------------------------


@pytest.fixture(scope="module")
def responses():
    """Background maps of two runs on wobble positions, filled from their responses."""
    empty = xg.create_map(
        CENTER, "4 deg", "0.05 deg", xg.energy_axis(0.6, 10, 1), energy_true="reco"
    )
    runs = [
        simulate_observation(
            (83.63, 22.01 + d), None, obs_id=k, seed=k, livetime="10 hour", events=False
        )
        for k, d in enumerate((0.5, -0.5))
    ]
    return [
        empty.gamma.fill(obs, select=["counts", "background"]).gamma.safe_mask(
            obs, methods=["offset-max"], offset_max="1.8 deg"
        )
        for obs in runs
    ]


def draw(ds, seed):
    counts = np.random.default_rng(seed).poisson(ds.background.values)
    return ds.assign(counts=(DIMS, counts))


EXCLUDED = "icrs;circle(83.63, 22.01, 0.3)"
METHODS = {
    "fov": lambda ds: ds.gamma.fov_background(EXCLUDED),
    "fov fit": lambda ds: ds.gamma.fov_background(EXCLUDED, method="fit"),
    "ring": lambda ds: ds.gamma.ring_background("0.5 deg", "0.4 deg", exclusion=EXCLUDED),
    "adaptive ring": lambda ds: ds.gamma.adaptive_ring_background(
        "0.5 deg", "0.2 deg", "1.5 deg", stepsize="0.1 deg", theta="0.1 deg", exclusion=EXCLUDED
    ),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stacked", [False, True])
def test_significance_of_pure_background_is_a_unit_normal(responses, method, stacked):
    values = []
    for seed in range(8):
        # A wrong norm of the template must not matter: counts are drawn from 1.2 times it.
        parts = [
            METHODS[method](
                draw(ds.assign(background=ds.background * 1.2), 10 * seed + k).assign(
                    background=ds.background
                )
            )
            for k, ds in enumerate(responses)
        ]
        ds = xg.stack(parts) if stacked else parts[0]
        assert float(ds.gamma.background.sum()) > 500
        maps = ds.gamma.significance("0.1 deg")
        outside = ~maps.gamma.region_mask("icrs;circle(83.63, 22.01, 0.45)")
        enough = maps.background >= 4
        values.append(independent(maps.where(outside & enough), 5))
    check_unit_normal(np.concatenate(values))


def test_significance_of_reflected_regions_is_a_unit_normal():
    empty = xg.create_spectrum(
        "icrs;circle(83.63, 22.01, 0.2)", xg.energy_axis(0.5, 20, 2), energy_true="reco"
    )
    values = []
    for seed in range(60):
        obs = simulate_observation((83.63, 22.51), None, obs_id=1, seed=seed)
        ds = empty.gamma.fill(obs, select=["counts"]).gamma.reflected_background(obs)
        values.append(ds.gamma.significance().significance.values[:1])
    check_unit_normal(np.concatenate(values))


def test_significance_of_phases_is_a_unit_normal():
    empty = xg.create_spectrum(
        "icrs;circle(83.63, 22.01, 0.3)", xg.energy_axis(0.5, 20, 1), energy_true="reco"
    )
    obs = simulate_observation((83.63, 22.51), None, obs_id=1, seed=0)
    events = obs["events"].to_dataset()
    values = []
    for seed in range(100):
        phase = np.random.default_rng(seed).random(events.sizes["event"])
        obs["events"] = xr.DataTree(events.assign(phase=("event", phase)))
        ds = empty.gamma.fill(obs, select=["counts"])
        ds = ds.gamma.phase_background(obs, (0.0, 0.2), (0.4, 0.9))
        values.append(ds.gamma.significance().significance.values)
    check_unit_normal(np.concatenate(values))
