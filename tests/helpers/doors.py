"""What the library offers, found by looking: the functions, and the methods that lead to them."""

import inspect

import xgamma as xg
from xgamma import accessors
from xgamma.accessors.members import members

ACCESSORS = {
    "ds": accessors.GammaDataset,
    "da": accessors.GammaDataArray,
    "tree": accessors.GammaDataTree,
}


def methods():
    """Each member of an accessor, as it is written, with the function that it leads to.

    Of what a collection does to each dataset, the function of one.
    """
    for written, cls in ACCESSORS.items():
        for name, member in members(cls).items():
            runs = any(p.name == "observations" for p in member.parameters)
            each = member.options is not None and not runs
            yield f"{written}.gamma.{name}", member.handed if each else member.function


def functions():
    """Each public function."""
    for name in xg.__all__:
        if inspect.isfunction(getattr(xg, name)):
            yield f"xg.{name}", getattr(xg, name)
