"""Facts of the formats stand in one module: equal tables, patterns and functions are found here."""

import ast
from collections import defaultdict
from pathlib import Path

import xgamma

PACKAGE = Path(xgamma.__file__).parent
LAYERS = ("model", "fits", "irf", "dl3", "io")
# What is equal by chance, or a list of arguments: the texts, sorted.
BY_CHANCE = {("energy_true", "x", "y"), ("detx", "dety", "energy")}


def sources():
    for layer in LAYERS:
        for path in sorted((PACKAGE / layer).rglob("*.py")):
            yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text())


def tables(tree):
    """Tables of at least three texts (or pairs), as written, whatever their order and type."""
    listed = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Assign) and is_all(n)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict)) and id(node) not in listed:
            try:
                value = ast.literal_eval(node)
            except ValueError:
                continue
            if isinstance(value, dict):
                found = tuple(sorted(repr(item) for item in value.items()))
            elif all(isinstance(item, str) for item in value):
                found = tuple(sorted(value))
            else:
                continue
            if len(found) >= 3 and found not in BY_CHANCE:
                yield found


def is_all(node):
    return any(getattr(target, "id", "") == "__all__" for target in node.targets)


def patterns(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "compile":
            yield from (a.value for a in node.args[:1] if isinstance(a, ast.Constant))


def bodies(tree):
    """Bodies of functions of some length, without docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = [n for n in node.body if not isinstance(getattr(n, "value", None), ast.Constant)]
            text = "\n".join(ast.dump(n) for n in body)
            if len(text) > 300:
                yield text


def homes(what):
    found = defaultdict(set)
    for name, tree in sources():
        for fact in what(tree):
            found[fact].add(name)
    return {fact: names for fact, names in found.items() if len(names) > 1}


def test_tables_of_texts_stand_once():
    assert homes(tables) == {}


def test_patterns_stand_once():
    assert homes(patterns) == {}


def test_functions_stand_once():
    assert homes(bodies) == {}


def test_constants_of_formats_stand_once():
    """Block size and zero points."""
    for text in ("2880", "2**15", "2**31"):
        named = [
            path.relative_to(PACKAGE).as_posix()
            for layer in (*LAYERS, "makers", "datasets", "fitting", "simulate")
            for path in (PACKAGE / layer).rglob("*.py")
            if any(
                text in line and ">>>" not in line and "read(2**15)" not in line
                for line in path.read_text().splitlines()
            )
        ]
        assert len(named) == 1, f"{text} in {named}"
