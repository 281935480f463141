"""What accessors offer is what the functions behind them are: nothing is written twice."""

import inspect
import pickle
import pydoc
import re
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.doors import ACCESSORS
from xgamma import accessors
from xgamma.accessors.members import Method, members
from xgamma.datasets import stack as stack_module
from xgamma.dl3 import simulate_observation
from xgamma.tutorial import example_map

ALL = {f"{w}.gamma.{n}": (cls, m) for w, cls in ACCESSORS.items() for n, m in members(cls).items()}


@pytest.mark.parametrize("written", ALL)
def test_a_member_is_the_function_without_its_first_argument(written):
    cls, member = ALL[written]
    shown = getattr(cls, member.name)
    text = inspect.getdoc(shown)
    assert text.splitlines()[0].endswith("."), "the first line is a sentence"
    assert f"{member.path} : the function behind it." in text
    assert ">>> " in text, "no example"
    function = inspect.signature(member.function).parameters
    first = next(iter(function))
    listed = re.split(r"\n[A-Z]\w*( \w+)?\n---", text.partition("\nParameters\n---")[2])[0]
    assert not re.search(rf"^\*?{first}\b", listed, re.M), f"{first} is not offered"
    if isinstance(member, property):
        assert not listed
        return
    assert shown.__name__ == member.name
    assert shown.__qualname__.endswith(f".{member.name}")
    offered = dict(list(inspect.signature(shown).parameters.items())[1:])
    for name, parameter in offered.items():
        assert re.search(rf"^(\*|.*, )*{name}\b", listed, re.M), f"{name} is not described"
        if name in function:
            taken = function[name]
            assert (parameter.default, parameter.annotation) == (taken.default, taken.annotation)
    if member.options is None:
        assert offered.keys() | member.fixed.keys() == set(function) - {first}


@pytest.mark.parametrize("cls", ACCESSORS.values())
def test_a_table_has_nothing_but_lines(cls):
    """A method with a body of its own would bypass the check around the function."""
    public = {name for name in dir(cls) if not name.startswith("_")}
    assert public == members(cls).keys()


def test_help_on_a_method_of_data_and_of_none():
    for stack in (example_map().gamma.stack, xr.Dataset.gamma.stack):
        text = pydoc.plain(pydoc.render_doc(stack))
        assert "stack(" in text
        assert "*others: 'xr.Dataset', name: 'str | None' = None) -> 'xr.Dataset'" in text
        assert "Parameters\n    ----------\n    *others" in text
    assert inspect.signature(example_map().gamma.stack).parameters.keys() == {"others", "name"}
    assert inspect.unwrap(xr.Dataset.gamma.stack) is inspect.unwrap(stack_module.stack)


def test_a_heading_that_an_example_prints_is_no_section():
    text, whole = (
        inspect.getdoc(f) for f in (xr.Dataset.gamma.info, ALL["ds.gamma.info"][1].function)
    )
    assert text.partition("Examples")[2] == whole.partition("Examples")[2]


def test_a_property_shows_the_docstring_without_data():
    text = inspect.getdoc(xr.Dataset.gamma.excess)
    assert text.startswith("Return counts minus background.")
    assert "ds : Dataset" not in text


def test_what_a_member_chooses_cannot_be_given():
    ds, obs = example_map(), simulate_observation("83.63d 22.01d", seed=1)
    assert "select" not in inspect.signature(ds.gamma.fill_counts).parameters
    with pytest.raises(TypeError, match="select"):
        ds.gamma.fill_counts(obs, select="exposure")
    # By position it would have been the second argument of fill().
    filled = ds.gamma.fill_counts(obs, 2)
    assert filled.identical(ds.gamma.fill_counts(obs, background_oversampling=2))


def test_tab_completion_imports_nothing():
    code = (
        "import sys, xgamma, xarray as xr; before = set(sys.modules);"
        "names = dir(xr.Dataset().gamma), dir(xr.DataTree().gamma);"
        "assert 'stack' in names[0] and 'names' in names[1];"
        "print([m for m in set(sys.modules) - before if m.startswith('xgamma')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_import_loads_no_functions_of_members():
    code = (
        "import sys, xgamma; heavy = ['makers', 'fitting', 'estimators', 'dl3', 'io', 'plot'];"
        "print([n for n in heavy if f'xgamma.{n}' in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_bound_method_is_pickled():
    ds = example_map()
    again = pickle.loads(pickle.dumps(ds.gamma.to_image))
    xr.testing.assert_identical(again(), ds.gamma.to_image())


# --- observations and collections ---
OBS = simulate_observation("83.63d 22.01d", seed=1, obs_id=7)


def own(cls):
    return members(cls).keys()


BOTH = {"to_netcdf", "to_zarr", "verify"}


def test_dir_lists_what_fits():
    collection = xg.collect([example_map()])
    run = {n for n in dir(OBS.gamma) if not n.startswith("_")}
    many = {n for n in dir(collection.gamma) if not n.startswith("_")}
    assert run == own(accessors.GammaObservation)
    assert many == own(accessors.GammaCollection)
    assert run & many == BOTH
    assert isinstance(OBS.gamma, accessors.GammaObservation)
    assert isinstance(collection.gamma, accessors.GammaCollection)


@pytest.mark.parametrize("name", sorted(own(accessors.GammaDataTree) - BOTH))
def test_the_other_kind_is_refused_in_a_sentence(name):
    of_runs = name in own(accessors.GammaObservation)
    tree = xg.collect([example_map()]) if of_runs else OBS
    sentence = (
        f"This tree is a collection of datasets, but tree.gamma.{name} requires an observation"
        if of_runs
        else f"This tree is the observation 7, but tree.gamma.{name} requires a collection"
    )
    with pytest.raises(xg.XGammaError, match=sentence):
        getattr(tree.gamma, name)
    assert not hasattr(tree.gamma, name)


def test_a_tree_that_becomes_an_observation():
    tree = xr.DataTree()
    assert tree.gamma.names == []
    tree["events"] = OBS["events"]
    assert tree.gamma.events.sizes["event"] == OBS["events"].sizes["event"]
    with pytest.raises(xg.XGammaError, match="requires a collection"):
        _ = tree.gamma.names


def test_runs_in_a_tree_are_no_datasets():
    runs = xr.DataTree(children={"7": OBS, "map": xr.DataTree(example_map())})
    with pytest.raises(xg.XGammaError, match="contains the observation 7"):
        _ = runs.gamma.names


def test_options_of_the_method_reach_each_dataset():
    """``method=`` of fov_background and adaptive_ring_background was taken for another."""
    ds = example_map()
    tree = xg.collect([ds])
    for name, options in {
        "fov_background": {"method": "fit"},
        "adaptive_ring_background": {
            "r_in": "0.2 deg",
            "width": "0.2 deg",
            "r_out_max": "0.8 deg",
            "method": "fixed_r_in",
        },
    }.items():
        each = getattr(tree.gamma, name)(**options)
        one = getattr(ds.gamma, name)(**options)
        found = "background" if name == "fov_background" else "counts_off"
        np.testing.assert_array_equal(each["example"][found], one[found])


def test_a_new_method_is_one_line():
    class Accessor(accessors.GammaDataset):
        total = Method("xgamma.fitting.compare:stat_sum")

    ds = example_map().gamma.with_models([])
    assert Accessor(ds).total() == xg.stat_sum(ds)
    assert Accessor(ds).total.__doc__.startswith(inspect.getdoc(xg.stat_sum).splitlines()[0])
