"""Every name at home in one module, nothing written twice, nothing that is never used."""

import ast
import copy
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PATHS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted((ROOT / "xgamma").rglob("*.py"))
}
MODULES = {name: ast.parse(path.read_text()) for name, path in PATHS.items()}
# Modules whose purpose is to offer what others define.
FACADES = {
    "xgamma.core.private_apis": "what is not public in other libraries",
    "xgamma.dl3.observation": "all functions of one observation, by the names of GADF",
}
# A shorter function may equal another by chance.
LEAST = 4
# Packages whose modules a registry searches for records: nobody names their variables.
SEARCHED = ("background", "makers.safe_masks", "io.formats", "irf.kinds")
# Callers of `postponed`: helpers of several operations, and what makes `later` of it.
POSTPONE = {
    "xgamma.model.operation",
    "xgamma.datasets.stack_blocks",
    "xgamma.datasets.stack_lazy",
    "xgamma.datasets.profiles",
    "xgamma.datasets.region_response",
}


def _exported(tree):
    """Return the names in ``__all__``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)]
    return []


def _defined(tree):
    """Return the names that a module defines, those under an ``if`` or ``try`` too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


@pytest.mark.parametrize("name", [n for n in MODULES if not n.endswith("__init__")])
def test_a_module_exports_what_it_defines(name):
    others = set(_exported(MODULES[name])) - _defined(MODULES[name])
    assert not others or name in FACADES, f"their home is another module: {sorted(others)}"


class _Renamed(ast.NodeTransformer):
    """Give names by their order, and forget annotations."""

    def __init__(self):
        self.names = {}

    def visit_Name(self, node):
        return ast.Name(self.names.setdefault(node.id, f"n{len(self.names)}"), node.ctx)

    def visit_arg(self, node):
        return ast.arg(self.names.setdefault(node.arg, f"n{len(self.names)}"), None)


def _body(function):
    """Return the statements of a function below its docstring."""
    first = function.body[0]
    stated = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return function.body[1:] if stated else function.body


def test_no_two_functions_have_the_same_body():
    twins = defaultdict(list)
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef):
                continue
            body = _body(node)
            if sum(isinstance(n, ast.stmt) for part in body for n in ast.walk(part)) < LEAST:
                continue
            renamed = _Renamed()
            args = renamed.visit(copy.deepcopy(node.args))
            parts = [args, *(renamed.visit(copy.deepcopy(part)) for part in body)]
            twins["\n".join(map(ast.dump, parts))].append(f"{name}:{node.lineno} {node.name}")
    assert not [found for found in twins.values() if len(found) > 1]


def _record(name, node):
    """Tell whether a variable is a record that a registry finds."""
    inside = name.removeprefix("xgamma.").startswith(SEARCHED)
    return inside and isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)


def _top_names(name, tree):
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not _record(name, node):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))


def test_what_a_module_defines_is_used():
    """By another function, the table of an accessor, or an entry point."""
    words = Counter(re.findall(r"\w+", (ROOT / "pyproject.toml").read_text()))
    for path in PATHS.values():
        words += Counter(re.findall(r"\w+", path.read_text()))
    # Once where it is defined, and once in __all__.
    unused = [
        f"{name}.{one}"
        for name, tree in MODULES.items()
        for one in _top_names(name, tree)
        if words[one] <= 1 + (one in _exported(tree)) and not name.endswith("__init__")
    ]
    assert not unused


def test_operations_wait_by_one_mechanism():
    """An operation calls `later`, which forgets no argument of it."""
    callers = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "postponed"
    }
    assert callers == POSTPONE | {"xgamma.core.lazy"}
