"""Every public name is described: what it does, dims and units, an example."""

import inspect
import re

import pytest

import xgamma as xg
from tests.helpers.doors import methods

METHODS = dict(methods())
# What an array or a dataset argument or result must say: its dims, units or kind.
ARRAYS = re.compile(r"\b(DataArray|ndarray|array_like)\b")
SAYS = re.compile(
    r"\bdims?\b|\bunits?\b|``|\bbool\b|degrees|\bdeg\b|TeV|sr-1|dimensionless|of the counts|boolean"
)


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


@pytest.mark.parametrize("written", METHODS)
def test_accessor_method(written):
    """The functions behind the methods: their docstrings are those of the methods."""
    function = METHODS[written]
    assert inspect.getdoc(function), "no docstring"
    assert has_examples(function), f"{function.__module__}.{function.__name__} has no example"
