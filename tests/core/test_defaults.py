"""A default that several functions share is stated once, in `xgamma.core.defaults`."""

import ast
from collections import defaultdict
from pathlib import Path

import xgamma
from xgamma.core import defaults

PACKAGE = Path(xgamma.__file__).parent
# Equal by chance, or the only sensible value of its kind.
APART = {
    "name",
    "errors",
    "role",
    "interp",
    "which",
    "mode",
    "kernel",
    "how",
    "first",
    "unit",
    "index",
    "energy_max",
    "threshold",
    "n_sigma",
    "method",
}


def _defaults(node):
    args = node.args.posonlyargs + node.args.args
    pairs = [*zip(args[len(args) - len(node.args.defaults) :], node.args.defaults, strict=True)]
    return pairs + [
        (arg, value)
        for arg, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if value is not None
    ]


def test_no_default_is_stated_twice():
    found = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef):
                continue
            for arg, value in _defaults(node):
                plain = isinstance(value, ast.Constant) and not isinstance(value.value, bool)
                if plain and value.value not in (None, "", 0, 1) and arg.arg not in APART:
                    found[arg.arg, value.value].append(f"{path.stem}.{node.name}")
    twice = {key: names for key, names in found.items() if len(names) > 1}
    assert twice == {}, "state them in xgamma/core/defaults.py"


def test_each_stated_default_is_used():
    text = "\n".join(p.read_text() for p in PACKAGE.rglob("*.py") if p.stem != "defaults")
    unused = [n for n in defaults.__all__ if n not in text]
    assert unused == []
