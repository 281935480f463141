"""What the library offers, found by looking: the functions, and the methods that lead to them."""

import importlib
import inspect
import re

import xgamma as xg
from xgamma import accessors

ACCESSORS = {
    "ds": accessors.GammaDataset,
    "da": accessors.GammaDataArray,
    "tree": accessors.GammaDataTree,
}
SEE = re.compile(r"See `([\w.]+)\.(\w+)`\.")


def methods():
    """Each member of an accessor, as it is written, with the function that it leads to."""
    for written, cls in ACCESSORS.items():
        for name, member in inspect.getmembers(cls):
            if not name.startswith("_"):
                text = inspect.getdoc(member.fget if isinstance(member, property) else member)
                module, function = SEE.search(text or "").groups()
                found = getattr(importlib.import_module(module), function)
                yield f"{written}.gamma.{name}", found


def functions():
    """Each public function."""
    for name in xg.__all__:
        if inspect.isfunction(getattr(xg, name)):
            yield f"xg.{name}", getattr(xg, name)
