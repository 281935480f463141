"""The layout of the tests: folders as in the package, what they share in one place."""

import ast
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "xgamma"
# Folders that stand for no package: see the table in CONTRIBUTING.md.
OTHERS = {"benchmarks", "docs", "fuzz", "helpers", "peer", "studies", "sweeps"}
FILES = [p for p in sorted(TESTS.rglob("*.py")) if "plugin_package" not in p.parts]
TREES = {path.relative_to(TESTS).as_posix(): ast.parse(path.read_text()) for path in FILES}


def test_every_folder_is_a_package():
    lacking = {p.parent for p in FILES if not (p.parent / "__init__.py").exists()}
    assert not lacking


def test_folders_are_those_of_the_package():
    packages = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    folders = {path.partition("/")[0] for path in TREES if "/" in path}
    assert folders - OTHERS <= packages
    assert packages - folders <= {"accessors"}  # tests/test_accessors.py


def test_no_test_imports_another():
    """What two files need stands in tests/helpers, or in a conftest.py."""
    found = [
        f"{path} imports {node.module}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("tests.")
        and node.module.rpartition(".")[2].startswith("test_")
    ]
    assert not found


def test_no_helper_stands_twice():
    """Functions of three lines and more with the same body."""
    places = defaultdict(list)
    for path, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if node.end_lineno - body[0].lineno >= 2:
                    same = ast.dump(ast.Module([ast.Expr(ast.Constant(0)), *body], []))
                    places[ast.dump(node.args) + same].append(f"{path}: {node.name}")
    assert not [names for names in places.values() if len(names) > 1]
