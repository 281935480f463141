"""Every public name is described: what it does, dims and units, an example."""

import importlib
import inspect
import re

import pytest

import xgamma as xg
from xgamma import accessors

ACCESSORS = (accessors.GammaDataset, accessors.GammaDataArray, accessors.GammaDataTree)
# What an array or a dataset argument or result must say: its dims, units or kind.
ARRAYS = re.compile(r"\b(DataArray|ndarray|array_like)\b")
SAYS = re.compile(
    r"\bdims?\b|\bunits?\b|``|\bbool\b|degrees|\bdeg\b|TeV|sr-1|dimensionless|of the counts|boolean"
)


def methods():
    for accessor in ACCESSORS:
        for name, member in inspect.getmembers(accessor):
            if not name.startswith("_"):
                yield accessor, name, member.fget if isinstance(member, property) else member


def target(function):
    """The function that an accessor's method delegates to."""
    found = re.search(r"See `([\w.]+)\.(\w+)`\.", inspect.getdoc(function) or "")
    assert found, "the docstring ends with: See `module.function`."
    return getattr(importlib.import_module(found[1]), found[2])


def has_examples(thing):
    return ">>> " in (inspect.getdoc(thing) or "").partition("Examples\n--------")[2]


@pytest.mark.parametrize("name", xg.__all__)
def test_public_name(name):
    thing = getattr(xg, name)
    text = inspect.getdoc(thing)
    assert text, "no docstring"
    assert text.splitlines()[0].endswith("."), "the first line is a sentence"
    assert has_examples(thing), "no example"
    if inspect.isfunction(thing):
        described(thing)


def described(function):
    """Each parameter is listed, and arrays say dims, units or kind."""
    listed = dict(items(function, "Parameters"))
    names = {name.strip(" *") for head in listed for name in head.partition(" : ")[0].split(",")}
    wanted = set(inspect.signature(function).parameters)
    assert wanted <= names, f"undescribed parameters: {sorted(wanted - names)}"
    for head, text in [*listed.items(), *items(function, "Returns")]:
        if ARRAYS.search(head):
            assert SAYS.search(head + text), f"{head}: no dims or units"


def items(function, section):
    """The entries of a section of a docstring: head and description."""
    text = inspect.getdoc(function) + "\n"
    found = re.search(rf"^{section}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.M | re.S)
    for entry in re.split(r"^(?=\S)", found[1] if found else "", flags=re.M)[1:]:
        head, _, description = entry.partition("\n")
        yield head, description


@pytest.mark.parametrize(
    ("accessor", "name", "function"), list(methods()), ids=lambda v: getattr(v, "__name__", str(v))
)
def test_accessor_method(accessor, name, function):
    thing = target(function)
    assert inspect.getdoc(thing), "the target has no docstring"
    assert has_examples(thing), f"{thing.__module__}.{thing.__name__} has no example"
