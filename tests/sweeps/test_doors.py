"""Function, method, tree and collection give the same and refuse the same."""

import re

import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.doors import ACCESSORS
from tests.sweeps.cases import (
    CASES,
    KINDS,
    doors,
    made,
    other_run,
    phased,
    physical,
    run,
    same,
    targets,
)
from xgamma.accessors.members import members
from xgamma.model.operation import is_operation

DOORS = doors()
PHASES = {"on_phase": (0.4, 0.6), "off_phase": (0.7, 1.0)}
# Methods that choose, or put an argument of their own before the others.
CHOSEN = {
    "ds.gamma.energy_range_fit": {"which": "mask_fit"},
    "ds.gamma.energy_range_safe": {"which": "mask_safe"},
    "ds.gamma.energy_range_total_fit": {"which": "mask_fit"},
    "ds.gamma.energy_range_total_safe": {"which": "mask_safe"},
    **{
        f"ds.gamma.fill_{n}": {"select": n}
        for n in ["counts", "exposure", "background", "psf", "edisp"]
    },
    "tree.gamma.off_run_background": {
        "background": "off-run",
        "observations": [run()],
        "off": other_run(),
    },
    "tree.gamma.phase_background": {"background": "phase", "observations": [phased()], **PHASES},
    "tree.gamma.reflected_background": {"background": "reflected"},
}


def member(door):
    """The line of the table for a method."""
    written, _, name = door.split(".")
    return members(ACCESSORS[written])[name]


def through(door, thing, arguments):
    """What a method gives, or a property."""
    found = getattr(thing.gamma, door.rpartition(".")[2])
    return found if isinstance(member(door), property) else found(**arguments)


def kind_of(door):
    return {"ds": xr.Dataset, "da": xr.DataArray, "tree": xr.DataTree}.get(door.partition(".")[0])


def entered(key, case, door):
    """The thing that a door is entered with, of the kind that it hangs on."""
    world = made()
    thing = KINDS[case.on](world)
    wanted = kind_of(door)
    if not isinstance(thing, wanted):
        if wanted is xr.DataArray:
            thing = world["map"].counts
        elif wanted is xr.Dataset:
            thing = thing[0] if isinstance(thing, list) else KINDS["map"](world)
        else:
            thing = xg.collect([thing])
    return thing, world


METHODS = [
    door
    for door, (key, _) in DOORS.items()
    if "gamma" in door and key in CASES and CASES[key].compare
]


@pytest.mark.parametrize("door", METHODS)
@pytest.mark.filterwarnings("ignore::xgamma.XGammaWarning")
def test_the_method_gives_what_the_function_gives(door):
    key, function = DOORS[door]
    case = CASES[key]
    thing, world = entered(key, case, door)
    arguments = case.arguments(world)
    chosen = {**arguments, **CHOSEN.get(door, {})}
    offered = {p.name for p in member(door).parameters}
    plain = {k: v for k, v in chosen.items() if k in offered}
    expected = _expected(function, thing, chosen, door)
    same(physical(expected), physical(through(door, thing, plain)), case.rtol)


def _expected(function, thing, arguments, door):
    """What the function gives; of a collection each dataset's, where it takes one only."""
    if (
        isinstance(thing, xr.DataTree)
        and function.__module__.startswith("xgamma.background.")
        and ("each" not in function.__name__)
    ):
        return xr.DataTree.from_dict(
            {n: function(ds, **arguments) for n, ds in physical_datasets(thing).items()}
        )
    return function(thing, **arguments)


def physical_datasets(tree):
    return {name: node.to_dataset() for name, node in tree.children.items()}


UNEVEN = {"y": [0, 1, 4, 5]}
REFUSING = [
    (door, key)
    for door, (key, function) in DOORS.items()
    if key in CASES and is_operation(function) and door != "xg.reduce"
]


@pytest.mark.parametrize(("door", "key"), REFUSING, ids=lambda v: v)
def test_every_door_refuses_the_same(door, key):
    """Uneven pixels, whatever the door: one sentence, the same."""
    case, function = CASES[key], targets()[key]
    world = made()
    if case.on in ("spectrum", "spectra", "points", "norms", "curve", "run", "runs", "onoff"):
        return
    arguments = case.arguments(world | {"folder": None}) if "path" not in _names(function) else {}
    arguments = {"path": "a", **arguments} if "path" in _names(function) else arguments
    spoilt = {**world, "map": world["map"].isel(UNEVEN)}
    try:
        thing = KINDS[case.on](spoilt)
    except xg.FrameError:
        thing = xr.DataTree.from_dict({"a": spoilt["map"]})
    if "gamma" in door and not isinstance(thing, kind_of(door)):
        return
    enter = through if "gamma" in door else _directly
    with pytest.raises(xg.FrameError, match=re.escape("'y' are not evenly spaced")):
        enter(door, thing, arguments)


def _directly(door, thing, arguments):
    return targets()[DOORS[door][0]](thing, **arguments)


def _names(function):
    import inspect

    return inspect.signature(function).parameters


TREES = {
    "stat_sum": lambda x: x.gamma.stat_sum(),
    "flux_points": lambda x: x.gamma.flux_points("crab", [1, 10]),
    "models": lambda x: x.gamma.models.names,
    "stack": lambda x: xg.stack([x]) if isinstance(x, xr.Dataset) else x.gamma.stack_reduce(),
    "fit": lambda x: xg.fit(x).total_stat,
    "light_curve": lambda x: xg.light_curve(
        {"a": x} if isinstance(x, xr.Dataset) else x, "crab", ["1 TeV", "10 TeV"]
    ),
}


@pytest.mark.parametrize("what", TREES)
def test_a_collection_of_one_gives_what_the_dataset_gives(what):
    ds = made()["spectrum"]
    tree = xr.DataTree.from_dict({"/deep/down": ds})
    expected = physical(TREES[what](ds))
    for other in (xg.collect([ds]), tree, xr.DataTree(ds)):
        same(expected, physical(TREES[what](other)), 1e-3)
