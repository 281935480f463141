"""Code on the pages, run or not, names what exists: functions, methods and their keywords."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import xgamma as xg
from xgamma import accessors

ROOT = Path(__file__).parents[2]
PAGES = [
    *(p for p in (ROOT / "docs").rglob("*.md") if not {"_build", "generated"} & set(p.parts)),
    *ROOT.glob("*.md"),
]
ACCESSORS = (accessors.GammaDataset, accessors.GammaDataArray, accessors.GammaDataTree)


def blocks(page):
    """The code of a page; examples without prompts and output, gammapy's left out."""
    text = page.read_text(encoding="utf8").replace("**gammapy**\n```python", "```gammapy")
    for _, code in re.findall(r"^```(python|\{code-cell\}[^\n]*)\n(.*?)^```", text, re.M | re.S):
        if ">>> " in code:
            lines = [n[4:] for n in code.splitlines() if n.startswith((">>> ", "... "))]
            code = "\n".join(lines)
        yield code


def dotted(node):
    """The name ``a.b.c`` of an attribute, from the last call or subscript on."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return parts[::-1]


def found(parts):
    """What a dotted name of xgamma stands for; None for other names."""
    if parts[0] in ("xg", "xgamma") and len(parts) > 1:
        thing = xg
        for part in parts[1:]:
            if inspect.ismodule(thing) and not hasattr(thing, part):
                importlib.import_module(f"{thing.__name__}.{part}")
            thing = getattr(thing, part)
        return [thing]
    if len(parts) > 1 and parts[-2] == "gamma":
        things = [getattr(a, parts[-1]) for a in ACCESSORS if hasattr(a, parts[-1])]
        assert things, f"no accessor has {parts[-1]!r}"
        return things
    return None


def keywords(thing):
    """The keywords that a callable takes; None for any."""
    if inspect.isclass(thing):
        thing = thing.__init__  # its signature as it is, with the other names of parameters
    parameters = inspect.signature(thing).parameters.values()
    handed_on = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return None if handed_on else {p.name for p in parameters}


def check(node):
    if isinstance(node, ast.Attribute):
        found(dotted(node))
    if isinstance(node, ast.Call):
        things = found(dotted(node.func)) or []
        wanted = {k.arg for k in node.keywords if k.arg}
        takes = [keywords(t) for t in things if callable(t) and not isinstance(t, property)]
        if takes and None not in takes:
            assert any(wanted <= names for names in takes), f"{dotted(node.func)}: {wanted}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_names(page):
    for code in blocks(page):
        for node in ast.walk(ast.parse(code)):
            check(node)
