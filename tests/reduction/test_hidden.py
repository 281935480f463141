"""What lies beyond the largest offset is left out only where nothing can look there again."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.runs import simulated, template
from xgamma.dl3 import observation

NAMES = ("counts", "exposure", "background", "psf", "psf_exposure", "edisp", "edisp_exposure")


def grid():
    return template("6 deg", "0.1 deg", name="d")


@pytest.fixture(scope="module")
def runs():
    return [
        simulated(pointing=at, events=True, seed=i, obs_id=i, livetime="30 min")
        for i, at in enumerate(((83.63, 22.51), (84.1, 21.8)), start=1)
    ]


def by_hand(obs, masks, background=None):
    """Cut, fill and mask one run with nothing left out."""
    ds = (
        grid()
        .gamma.cutout(observation.pointing(obs), "5 deg")
        .gamma.fill(obs, name=str(observation.obs_id(obs)))
    )
    ds = ds.gamma.safe_mask(obs, **masks)
    return ds if background is None else background(ds, obs)


def halo(ds, obs):
    """A background of the user's own: counts between 1.5 and 2.3 deg scale it."""
    radius = ds.gamma.separation(observation.pointing(obs))
    ring = (radius > 1.5) & (radius < 2.3)
    norm = float(ds.counts.where(ring).sum() / ds.background.where(ring).sum())
    return ds.assign(background=ds.background * norm)


OFFSET = {"methods": ["offset-max"], "offset_max": "1 deg"}
# Ways to mask that look somewhere: at the edge, beyond it, near it, at the whole map.
LOOKS = {
    "offset": OFFSET,
    "fixed offset at the limit": {"methods": ["offset-max", "aeff-max"], "fixed_offset": "1 deg"},
    "fixed offset beyond": {"methods": ["offset-max", "aeff-max"], "fixed_offset": "1.7 deg"},
    "fixed offset within": {"methods": ["offset-max", "aeff-max"], "fixed_offset": "0.3 deg"},
    "position beyond": {"methods": ["offset-max", "edisp-bias"], "position": "83.63d 24.1d"},
    "middle": {"methods": ["offset-max", "edisp-bias", "aeff-max"]},
    "peak": {"methods": ["offset-max", "bkg-peak"]},
    "the run's own": {"methods": ["offset-max", "aeff-max"], "irfs": "DL3", "fixed_offset": 1.5},
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_stack_is_that_of_whole_runs(runs, look):
    """`reduce` leaves out what it can, and gives what the loop by hand gives, which leaves out nothing."""
    masks = {"offset_max": "1 deg", **LOOKS[look]}
    want = grid().gamma.stack(*(by_hand(obs, masks) for obs in runs))
    got = xg.reduce(runs, into=grid(), cutout_width="5 deg", safe_mask=masks)
    assert bool(want.mask_safe.any())
    xr.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("scheduler", [None, "processes"])
@pytest.mark.parametrize("background", [None, "own"])
def test_the_cut_of_a_collection_can_be_widened(runs, background, scheduler):
    """Without a stack the maps go on beyond the mask: 667 counts were left of 1806."""
    method = None if background is None else halo
    tree = xg.reduce(
        runs,
        into=grid(),
        cutout_width="5 deg",
        offset_max="1 deg",
        background=method,
        stack=False,
        scheduler=scheduler,
        workers=2,
    )
    for obs in runs:
        ds = tree[str(observation.obs_id(obs))].to_dataset()
        narrow = by_hand(obs, OFFSET, method)
        xr.testing.assert_identical(ds.mask_safe, narrow.mask_safe)
        wide = ds.drop_vars("mask_safe").gamma.safe_mask(obs, ["offset-max"], offset_max="2 deg")
        want = by_hand(obs, OFFSET | {"offset_max": "2 deg"}, method)
        for name in (*NAMES, "mask_safe"):
            np.testing.assert_allclose(wide[name], want[name], rtol=1e-6, err_msg=name)
        assert int(wide.counts.where(wide.mask_safe).sum()) > int(
            ds.counts.where(ds.mask_safe).sum()
        )


def test_a_background_of_ones_own_may_look_anywhere(runs):
    want = grid().gamma.stack(*(by_hand(obs, OFFSET, halo) for obs in runs))
    got = xg.reduce(runs, into=grid(), cutout_width="5 deg", offset_max="1 deg", background=halo)
    xr.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("background", ["fov", "ring"])
def test_backgrounds_look_at_safe_bins_only(runs, background):
    options = {"method": background}
    if background == "ring":
        options |= {"r_in": "0.3 deg", "width": "0.3 deg"}

    def same(ds, obs):
        rest = {k: v for k, v in options.items() if k != "method"}
        return getattr(ds.gamma, f"{background}_background")(**rest)

    got, want = (
        xg.reduce(runs, into=grid(), cutout_width="5 deg", offset_max="1 deg", background=b)
        for b in (options, same)
    )
    xr.testing.assert_allclose(got, want, rtol=1e-6)


def test_what_is_left_out_is_not_safe(runs):
    """Counts beyond the limit have no prediction, so they must not be fitted."""
    ds = grid().gamma.fill(runs[0], offset_limit="1 deg")
    far = ds.gamma.separation(observation.pointing(runs[0])) > 1
    assert int(ds.counts.where(far).sum()) > 0
    np.testing.assert_array_equal(ds.mask_safe, np.broadcast_to(~far, ds.mask_safe.shape))
    assert ds.gamma.validate() == []
    collection = xg.reduce(runs, into=grid(), offset_limit="1 deg", stack=False)
    assert not bool((collection["1"].mask_safe & far).any())


def test_a_spectrum_has_no_offset_limit(runs):
    empty = xg.create_spectrum(
        "icrs;circle(83.63, 22.01, 0.1)", xg.energy_axis(1, 10, 2), energy_true="reco"
    )
    with pytest.raises(xg.XGammaError, match="offset_limit= is for maps"):
        empty.gamma.fill(runs[0], offset_limit="1 deg")
