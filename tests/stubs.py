"""Write what editors, type checkers and the reference know of the accessors: ``python -m tests.stubs``.

The tables of `xgamma.accessors` name functions; ``xgamma/accessors/__init__.pyi`` says the same
with the types of their arguments and results, ``docs/reference/accessors.md`` lists the members.
"""

import ast
import builtins
import functools
import importlib
import inspect
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from xgamma import accessors
from xgamma.accessors.members import Member, members

STUB = Path(accessors.__file__).with_suffix(".pyi")
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "accessors.md"
# What each accessor hangs on: what functions return "of the same kind" is that.
KINDS = {
    accessors.GammaDataset: "xr.Dataset",
    accessors.GammaDataArray: "xr.DataArray",
    accessors.GammaObservation: "xr.DataTree",
    accessors.GammaCollection: "xr.DataTree",
}
HEAD = '''"""The members of the accessors with their types.

Generated from the tables and the functions behind them by ``python -m tests.stubs``: do not edit.
"""

'''
BOTH = '''class GammaDataTree(GammaObservation, GammaCollection):
    """What ``xr.DataTree.gamma`` lists: the members of both accessors of trees."""
'''


@functools.cache
def imported(path: str) -> dict[str, str]:
    """The line that imports each name of a module, also of those for type checkers only."""
    found = {}
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                known = alias.asname or alias.name.partition(".")[0]
                found[known] = start + ast.unparse(ast.Import([alias]))
    return found


class Types:
    """Annotations as they stand in the stub, and the imports that they need."""

    def __init__(self) -> None:
        self.imports: dict[str, str] = {"xr": "import xarray as xr"}

    def written(self, annotation: Any, function: Callable[..., Any], kind: str) -> str:
        """Return an annotation of a function for the stub."""
        if annotation is inspect.Parameter.empty:
            return "Any"
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        inner = inspect.unwrap(function)
        tree = ast.parse(text, mode="eval")
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                node.id = self._known(node.id, inner, kind)
        return ast.unparse(tree)

    def _known(self, name: str, function: Any, kind: str) -> str:
        """Return what a name is in the stub, and note its import."""
        thing = function.__globals__.get(name)
        if isinstance(thing, TypeVar):
            return kind
        if hasattr(builtins, name) and thing is None:
            return name
        line = imported(function.__code__.co_filename).get(
            name, f"from {function.__module__} import {name}"
        )
        if line.startswith("from xgamma"):
            # A class is imported from where it is defined, not from where it is handed on.
            thing = getattr(importlib.import_module(line.split()[1]), line.split()[3])
            home = getattr(thing, "__module__", "")
            line = f"from {home} import {name}" if inspect.isclass(thing) else line
        if self.imports.setdefault(name, line) != line:
            raise ValueError(f"{name!r} is {line!r} and {self.imports[name]!r}.")
        return name


def default(value: Any) -> str:
    """Return a default as it is written: what is no literal is left out."""
    text = repr(value)
    try:
        ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return "..."
    return text


def arguments(member: Member, types: Types, kind: str) -> Iterator[str]:
    """Yield the arguments of a method, with types and defaults."""
    own = inspect.signature(member.function).parameters
    kinds = inspect.Parameter
    yield "self"
    starred = False
    for parameter in member.parameters:
        function = member.function if parameter.name in own else member.handed
        star = {kinds.VAR_POSITIONAL: "*", kinds.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        if parameter.kind is kinds.KEYWORD_ONLY and not starred:
            yield "*"
        starred = starred or parameter.kind in (kinds.KEYWORD_ONLY, kinds.VAR_POSITIONAL)
        text = f"{star}{parameter.name}: {types.written(parameter.annotation, function, kind)}"
        if parameter.default is not parameter.empty:
            text += f" = {default(parameter.default)}"
        yield text


def lines(cls: type, types: Types) -> Iterator[str]:
    """Yield the lines of a class."""
    kind = KINDS[cls]
    yield f'class {cls.__name__}:\n    """{inspect.getdoc(cls)}"""\n'
    yield f"    def __init__(self, obj: {kind}) -> None: ..."
    for name, member in members(cls).items():
        returns = types.written(
            inspect.signature(member.function).return_annotation, member.function, kind
        )
        if isinstance(member, property):
            yield f"    @property\n    def {name}(self) -> {returns}:"
        else:
            yield f"    def {name}({', '.join(arguments(member, types, kind))}) -> {returns}:"
        sentence = member.sentence.replace("\\", "\\\\")
        yield f'        """{sentence} See `{member.path}`."""'


def stub() -> str:
    """Return the stub, as ``ruff format`` leaves it."""
    types = Types()
    classes = ["\n".join(lines(cls, types)) for cls in KINDS]
    names = sorted([*(cls.__name__ for cls in KINDS), "GammaDataTree"])
    text = HEAD + "\n".join(sorted(set(types.imports.values())))
    text += f"\n\n__all__ = {names!r}\n\n" + "\n\n".join([*classes, BOTH])
    for command in (["check", "--fix", "--select", "I,RUF022", "-q"], ["format", "-q"]):
        ruff = [_ruff(), *command, "--stdin-filename", str(STUB), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


def page() -> str:
    """Return the page of the accessors, its lists of members brought up to date."""
    text = PAGE.read_text(encoding="utf8").partition("   Dataset.gamma.")[0]
    start, marker, _ = text.rpartition(".. autosummary::")
    lists = []
    for written, cls in (
        ("Dataset", accessors.GammaDataset),
        ("DataArray", accessors.GammaDataArray),
        ("DataTree", accessors.GammaDataTree),
    ):
        for template in ("attribute", "method"):
            names = [
                f"   {written}.gamma.{name}"
                for name, member in sorted(members(cls).items())
                if isinstance(member, property) == (template == "attribute")
            ]
            head = f"{marker}\n   :toctree: generated/\n   :template: autosummary/accessor_{template}.rst\n"
            lists.append("\n".join([head, *names]))
    return start + "\n\n".join(lists) + "\n```\n"


def _ruff() -> str:
    beside = Path(sys.executable).with_name("ruff")
    return str(beside) if beside.exists() else shutil.which("ruff") or "ruff"


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf8")
    PAGE.write_text(page(), encoding="utf8")
