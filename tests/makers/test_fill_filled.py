"""Filling a dataset that holds something already starts from its labels alone."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.runs import simulated, template

CIRCLE = "icrs;circle(83.63, 22.01, 0.11)"
NAMES = ("counts", "exposure", "background", "edisp", "psf")


def with_phases(obs):
    """The same run, each event with a phase."""
    groups = {"/": obs.to_dataset()} | {n: t.to_dataset() for n, t in obs.children.items()}
    size = groups["events"].sizes["event"]
    phase = np.random.default_rng(0).random(size)
    groups["events"] = groups["events"].assign(phase=("event", phase))
    return xr.DataTree.from_dict(groups, name=obs.name)


@pytest.fixture(scope="module")
def runs():
    """Runs around the Crab nebula that point to different places, with phases."""
    places = ((83.63, 22.51), (83.63, 21.51), (84.1, 22.01), (83.2, 22.01))
    return [
        with_phases(simulated(pointing=at, events=True, seed=i, obs_id=i, livetime="30 min"))
        for i, at in enumerate(places, start=1)
    ]


def empty_map():
    return template(name="d")


def empty_spectrum():
    axes = template()
    energy = xg.energy_axis("0.5 TeV", "20 TeV", 6)
    return xg.create_spectrum(CIRCLE, energy, energy_true=axes.energy_true, name="d")


EMPTY = {"map": empty_map, "spectrum": empty_spectrum}
# What each maker leaves in a dataset, and the kinds that it works on.
MAKERS = {
    "fill": ("map spectrum", lambda ds, obs: ds),
    "safe_mask": (
        "map spectrum",
        lambda ds, obs: ds.gamma.safe_mask(obs, methods=["offset-max"], offset_max="0.8 deg"),
    ),
    "fov": (
        "map",
        lambda ds, obs: ds.gamma.fov_background(method="fit", spectral_model="norm+tilt"),
    ),
    "ring": ("map", lambda ds, obs: ds.gamma.ring_background("0.3 deg", "0.3 deg")),
    "adaptive_ring": (
        "map",
        lambda ds, obs: ds.gamma.adaptive_ring_background(
            r_in="0.3 deg", width="0.3 deg", r_out_max="0.9 deg", threshold_alpha=0.5
        ),
    ),
    "phase": (
        "map spectrum",
        lambda ds, obs: ds.gamma.phase_background(obs, (0.9, 1.1), (0.3, 0.7)),
    ),
    "reflected": ("spectrum", lambda ds, obs: ds.gamma.reflected_background(obs)),
    "stack": ("map spectrum", lambda ds, obs: ds.gamma.stack(ds, ds)),
    "coordinate": (
        "map spectrum",
        lambda ds, obs: ds.gamma.stack(ds).assign_coords(target=("obs", ["a", "b"])),
    ),
    "own_rows": (
        "map spectrum",
        lambda ds, obs: ds.assign(zenith=("obs", [20.0]), comment=("gti", ["clouds"])),
    ),
}
PAIRS = [(kind, name) for name, (kinds, _) in MAKERS.items() for kind in kinds.split()]


@pytest.mark.parametrize(("kind", "maker"), PAIRS)
def test_nothing_of_the_run_before_is_left(runs, kind, maker):
    """As if the template had been filled, whatever was in the dataset before."""
    first, other = runs[:2]
    made = MAKERS[maker][1](EMPTY[kind]().gamma.fill(first), first)
    before = made.copy(deep=True)
    for select in (NAMES, ("counts",)):
        again = made.gamma.fill(other, select=select)
        xr.testing.assert_identical(again, EMPTY[kind]().gamma.fill(other, select=select))
        assert again.gamma.validate() == []
    xr.testing.assert_identical(made, before)


@pytest.mark.parametrize("background", ["none", "fov"])
def test_the_loop_of_the_guides(runs, background):
    """A sum may be what the next run is cut out of: rows of more than one run were in the way."""

    def one(ds, obs):
        ds = ds.gamma.cutout(xg.dl3.observation.pointing(obs), "2.4 deg").gamma.fill(obs)
        ds = ds.gamma.safe_mask(obs, methods=["offset-max"], offset_max="0.9 deg")
        return ds.gamma.fov_background() if background == "fov" else ds

    total = empty_map()
    for obs in runs:
        total = total.gamma.stack(one(total, obs))
    direct = empty_map().gamma.stack(*(one(empty_map(), obs) for obs in runs))
    assert total.obs_id.values.tolist() == [1, 2, 3, 4]
    for name in direct.data_vars:
        # One sum is rounded to single precision after each run, the other at the end.
        if direct[name].dtype.kind == "f":
            np.testing.assert_allclose(
                total[name], direct[name], rtol=2e-6, atol=1e-12, err_msg=name
            )
        else:
            np.testing.assert_array_equal(total[name], direct[name], err_msg=name)


def test_the_loop_over_a_spectrum(runs):
    def one(ds, obs):
        return ds.gamma.fill(
            obs, select=["counts", "exposure", "edisp"]
        ).gamma.reflected_background(obs)

    total = empty_spectrum()
    for obs in runs:
        total = total.gamma.stack(one(total, obs))
    direct = empty_spectrum().gamma.stack(*(one(empty_spectrum(), obs) for obs in runs))
    for name in ("counts", "counts_off", "acceptance", "exposure", "edisp", "counts_sum"):
        np.testing.assert_allclose(total[name], direct[name], rtol=1e-12, err_msg=name)
    np.testing.assert_array_equal(total.off_regions, direct.off_regions)


def test_reduce_into_a_filled_dataset(runs):
    """So does the loop of `reduce`."""
    filled = xg.reduce(runs[:2], into=empty_map(), background="fov", name="d")
    again = xg.reduce(runs[2:], into=filled, background="fov", name="d")
    xr.testing.assert_identical(
        again, xg.reduce(runs[2:], into=empty_map(), background="fov", name="d")
    )


def test_the_fit_range_and_own_maps_stay(runs):
    """They say where, not what was seen: a sum would join a lost fit range as True everywhere."""
    ds = empty_map().gamma.fill(runs[0])
    near = ds.gamma.separation("83.63d 22.01d") < 1
    ds = ds.assign(mask_fit=near.expand_dims(energy=6).variable, trusted=near.variable)
    again = ds.gamma.fill(runs[1])
    xr.testing.assert_identical(again.mask_fit, ds.mask_fit)
    xr.testing.assert_identical(again.trusted, ds.trusted)


@pytest.mark.parametrize("maker", ["phase", "reflected"])
def test_off_counts_of_one_run_do_not_fit_others(runs, maker):
    """Makers that take off counts from the events of a run refuse a sum, and another run."""
    one, other = (empty_spectrum().gamma.fill(obs, select=["counts"]) for obs in runs[:2])
    for ds, what in ((one.gamma.stack(other), "2 runs"), (other, "run 2")):
        with pytest.raises(xg.XGammaError, match=f"contains {what}, so the off counts of run 1"):
            MAKERS[maker][1](ds, runs[0])
