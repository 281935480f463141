"""The check of what is given stands once, around the functions themselves, whatever the door."""

import pickle

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.doors import functions, methods
from xgamma.dl3 import simulate_observation
from xgamma.model import check as gate
from xgamma.model import operation
from xgamma.tutorial import example_map, example_model

# Modules whose functions take what is there as it is: observations, labels, files, numbers.
ON_LABELS = {
    f"xgamma.model.{n}"
    for n in ["axes", "make_axes", "frame", "quantities", "sky", "schema", "validation"]
} | {"xgamma.core.units"}
MAKE = {
    "xgamma.irf.validation",
    "xgamma.model.create",
    "xgamma.core.options",
    "xgamma.modeling.parameter",
    "xgamma.modeling.prior",
    "xgamma.modeling.registry",
    "xgamma.background.registry",
    "xgamma.makers.safe_masks.registry",
    "xgamma.io.registry",
    "xgamma.io.verify",
    "xgamma.irf.registry",
    "xgamma.modeling.ebl",
    "xgamma.modeling.temporal",
    "xgamma.background.region_finder",
    "xgamma.background.run_pairs",
    "xgamma.model.region_series",
    "xgamma.dl3.archive",
    "xgamma.dl3.convert",
    "xgamma.io.fits",
    "xgamma.io.fits_maps",
    "xgamma.io.ogip_read",
    "xgamma.io.opening",
    "xgamma.config.fermipy",
    "xgamma.modeling.isotropic",
}
# To look into a collection, so that a dataset that is wrong can be found and taken out.
LOOK = {
    "names_of",
    "dataset",
    "remove",
    "models_of",
    "read_datasets",
    "read_flux_maps",
    "read_flux_points",
}
UNEVEN = {"y": [0, 1, 4, 5]}
SENTENCE = "'y' are not evenly spaced"


@pytest.mark.parametrize(
    ("name", "function"), [*functions(), *methods()], ids=lambda v: getattr(v, "__name__", v)
)
def test_every_public_function_checks_what_it_is_given(name, function):
    module = function.__module__
    on_runs = module.startswith(("xgamma.dl3.", "xgamma.simulate.observations"))
    if on_runs or module in ON_LABELS | MAKE or function.__name__ in LOOK:
        assert not operation.is_operation(function)
    else:
        assert operation.is_operation(function), f"put @operation on the function behind {name}"


def uneven():
    return example_map().gamma.with_models(example_model()).isel(UNEVEN)


# Point 5 of issue 13: what took such a dataset, or died inside.
DOORS = {
    "stat_sum": xg.stat_sum,
    "stat_sum of a list": lambda ds: xg.stat_sum([ds]),
    "stat_sum of a dict": lambda ds: xg.stat_sum({"a": ds}),
    "stat_sum of a generator": lambda ds: xg.stat_sum(d for d in [ds]),
    "stack": lambda ds: xg.stack([ds]),
    "stack of a generator": lambda ds: xg.stack(d for d in [ds]),
    "stack onto": lambda ds: example_map().gamma.stack(ds),
    "ts_map": lambda ds: xg.ts_map(ds, example_model()),
    "excess_map": xg.excess_map,
    "flux_points": lambda ds: xg.flux_points(ds, "crab"),
    "light_curve": lambda ds: xg.light_curve([ds], "crab"),
    "fit": xg.fit,
    "sample_events": lambda ds: xg.sample_events(ds, 1),
    "fill": lambda ds: xg.fill(ds, simulate_observation("83.63d 22.51d", seed=1)),
    "reduce": lambda ds: xg.reduce([], into=ds),
    "collect": lambda ds: xg.collect([ds]),
    "a collection's fit": lambda ds: xr.DataTree.from_dict({"a": ds}).gamma.stat_sum(),
    "a collection's stack": lambda ds: xr.DataTree.from_dict({"a/b": ds}).gamma.stack_reduce(),
    "a collection's map": lambda ds: xr.DataTree.from_dict({"a": ds}).gamma.map(lambda d: d),
    "cumulative": lambda ds: xr.DataTree.from_dict({"a": ds}).gamma.cumulative(),
    "the accessor": lambda ds: ds.gamma.stat_sum(),
    "a mask": lambda ds: example_map().gamma.significance(mask=ds.counts > 0),
    "a template": lambda ds: example_map().gamma.interp_to(ds),
}


@pytest.mark.parametrize("door", DOORS)
def test_uneven_pixels_are_refused_at_every_door(door):
    with pytest.raises(xg.FrameError, match=SENTENCE):
        DOORS[door](uneven())


def test_one_of_several_is_named():
    bad = uneven().assign_attrs(name="second")
    with pytest.raises(xg.FrameError, match="Dataset 'second': The pixel labels 'y'"):
        xg.stack([example_map(), bad])


def test_flux_points_may_have_gaps_between_their_bands():
    points = xg.flux_points(example_map().gamma.with_models(example_model()), "crab")
    points = points.isel(energy=[0, 2])
    assert np.isfinite(xg.stat_sum(points, example_model()))
    assert points.gamma.models is not None


WRONG = {
    "a path": (lambda: xg.excess_map("crab.nc"), "ds= must be a dataset, not str: open files"),
    "a collection": (
        lambda: xg.excess_map(xg.collect([example_map()])),
        r"ds= must be a dataset, not DataTree: for a collection, select one with tree.gamma.dataset\(name\)",
    ),
    "a dataset for a map": (
        lambda: xg.write_flux_points("a", "b"),
        "points= must be a dataset, not str",
    ),
    "an observation for a collection": (
        lambda: simulate_observation("83.63d 22.51d", seed=1, obs_id=7).gamma.names,
        "This tree is the observation 7, but tree.gamma.names requires a collection",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_something_else_is_refused_in_a_sentence(what):
    call, sentence = WRONG[what]
    with pytest.raises(xg.XGammaError, match=sentence):
        call()


def test_what_an_operation_calls_is_not_checked_again(monkeypatch):
    ds, calls = example_map().gamma.with_models(example_model()), []
    monkeypatch.setattr(
        operation, "require_usable", lambda ds: calls.append(ds) or gate.require_usable(ds)
    )
    xg.flux_points(ds, "crab")
    assert len(calls) == 1
    ds.gamma.stat_sum()
    assert len(calls) == 2


def test_what_a_users_function_calls_is_checked():
    tree = xg.collect([example_map()])
    with pytest.raises(xg.FrameError, match=SENTENCE):
        tree.gamma.map(lambda ds: ds.isel(UNEVEN).gamma.to_image())
    into = example_map()[["gti_start", "gti_stop"]]

    def runs():
        yield simulate_observation("83.63d 22.51d", seed=1)
        uneven().gamma.to_image()

    with pytest.raises(xg.FrameError, match=SENTENCE):
        xg.reduce(runs(), into=into)


def test_after_an_error_inside_the_next_call_is_checked():
    with pytest.raises(xg.XGammaError):
        example_map().gamma.flux_points("nobody")
    with pytest.raises(xg.FrameError, match=SENTENCE):
        xg.stat_sum(uneven())


def test_a_function_stays_what_it_was():
    assert pickle.loads(pickle.dumps(xg.stat_sum)) is xg.stat_sum
    assert xg.stat_sum.__module__ == "xgamma.fitting.compare"
    assert "fit statistic" in xg.stat_sum.__doc__


# Point 7 of issue 13: a collection within a collection.
def nested():
    runs = {
        f"/crab/{n}": example_map().gamma.with_models(example_model()).assign_attrs(name=n)
        for n in ("23523", "23526")
    }
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs={"made": "today"}), **runs}, name="hess")


def flat():
    return xg.collect(node.to_dataset() for node in nested()["crab"].children.values())


def test_nested_names():
    assert nested().gamma.names == ["crab/23523", "crab/23526"]
    assert nested().gamma.dataset("crab/23526").attrs["name"] == "23526"
    assert nested().gamma.dataset(1).attrs["name"] == "23526"


SAME = {
    "fit": lambda tree: xg.stat_sum(tree),
    "stat_sum": lambda tree: tree.gamma.stat_sum(),
    "stack_reduce": lambda tree: float(tree.gamma.stack_reduce().counts.sum()),
    "cumulative": lambda tree: tree.gamma.stack_reduce().gamma.cumulative().counts_sum.values,
    "info_table": lambda tree: tree.gamma.info_table().counts.to_numpy(),
    "energy_ranges": lambda tree: tree.gamma.energy_ranges.energy_min.values,
    "models": lambda tree: len(tree.gamma.models),
    "flux_points": lambda tree: tree.gamma.flux_points("crab", [1, 10]).norm.values,
    "light_curve": lambda tree: tree.gamma.light_curve("crab").sizes["time"],
}


@pytest.mark.parametrize("what", SAME)
def test_nested_gives_the_same(what):
    np.testing.assert_allclose(SAME[what](nested()), SAME[what](flat()), rtol=1e-6)


KEEP = {
    "map": lambda tree: tree.gamma.map(lambda ds: ds.gamma.to_image()),
    "slice_energy": lambda tree: tree.gamma.slice_energy("1.5 TeV", "6 TeV"),
    "with_models": lambda tree: tree.gamma.with_models(None),
    "ring_background": lambda tree: tree.gamma.ring_background("0.2 deg", "0.1 deg"),
    "add": lambda tree: tree.gamma.add(example_map()).gamma.remove("example"),
}


@pytest.mark.parametrize("what", KEEP)
def test_nested_stays_nested(what):
    made = KEEP[what](nested())
    assert made.gamma.names == ["crab/23523", "crab/23526"]
    assert made.name == "hess"
    assert made.attrs == {"made": "today"}


def test_nested_remove():
    assert nested().gamma.remove("crab/23523").gamma.names == ["crab/23526"]


def test_a_tree_that_is_a_dataset_itself():
    tree = xr.DataTree(example_map(), name="crab")
    assert tree.gamma.names == ["crab"]
    assert tree.gamma.map(lambda ds: ds.gamma.to_image()).dataset.sizes["energy"] == 1
