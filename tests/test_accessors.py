"""The accessors offer what the functions behind them take, by the same names and defaults."""

import importlib
import inspect
import re

import pytest

from xgamma import accessors

SEE = re.compile(r"See `([\w.]+)\.(\w+)`\.")
# Methods that hand on keywords of several functions, or of another library.
HAND_ON = {"args", "kwargs", "options", "factors", "columns", "conditions"}
# What only makes sense for another kind of object: a background on a dataset needs no run, and
# the rows of a stacked dataset have no region any more.
LEFT_OUT = {"fov_background": {"obs"}, "ring_background": {"obs"}, "cumulative": {"region"}}
LEFT_OUT["adaptive_ring_background"] = LEFT_OUT["ring_background"]


def methods():
    for cls in (accessors.GammaDataset, accessors.GammaDataArray, accessors.GammaDataTree):
        for name, member in inspect.getmembers(cls, inspect.isfunction):
            see = SEE.search(inspect.getdoc(member) or "")
            if not name.startswith("_") and see:
                function = getattr(importlib.import_module(see[1]), see[2])
                yield pytest.param(member, function, id=f"{cls.__name__}.{name}")


@pytest.mark.parametrize(("method", "function"), list(methods()))
def test_same_parameters(method, function):
    offered = inspect.signature(method).parameters
    taken = inspect.signature(function).parameters
    for name, parameter in offered.items():
        if name not in taken or name == "self":
            continue
        # A collection's method may need what the function makes optional.
        if taken[name].default is not inspect.Parameter.empty and name != "observations":
            assert parameter.default == taken[name].default, name
    if not HAND_ON & offered.keys():
        # The first is what the accessor hangs on.
        left_out = LEFT_OUT.get(method.__name__, set()) | HAND_ON
        assert not [name for name in list(taken)[1:] if name not in offered.keys() | left_out]
