"""Pages, docstrings and tests call gammapy by its name, and keep to one spelling."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "xgamma/**/*.py", "docs/**/*.md", "tests/**/*.py", "notebooks/*.py")
    for path in ROOT.glob(pattern)
    if "generated" not in path.parts and path != Path(__file__)
)
REFUSED = {
    "gammapy by its name": r"\bthe[\s#]+peers?\b",
    "British spelling": r"\b(behavior|modeled|labeled|normalized|normalization)\b",
}


@pytest.mark.parametrize("rule", REFUSED)
def test_words_are_those_of_the_field(rule):
    found = []
    for path in PAGES:
        text = path.read_text(encoding="utf8")
        found += [
            f"{path.relative_to(ROOT)}:{text[: m.start()].count(chr(10)) + 1}: {m[0]!r}"
            for m in re.finditer(REFUSED[rule], text, re.I)
        ]
    assert found == []


# Phrases that are not idiomatic, and what NumPy, xarray and astropy write instead.
PHRASES = {
    "is no X: is not a X": r"(?<!here )(?<!here\n)\bis no (?!longer\b|more\b|other\b|less\b|such\b|need\b|\w+er\b)\w",
    "lacks: has no, does not have": r"\black(s|ed)\b",
    "mend: correct, cure": r"\bmend(s|ed|ing)?\b",
    "when absent: by default": r"\bwhen absent\b",
    "plain numbers: Quantity or number in degrees": r"\bplain numbers are\b",
    "anew: again": r"\banew\b",
    "outside of: outside": r"\boutside of\b",
    "taken for: treated as": r"\bis taken for\b",
    "where GADF wants: but GADF requires": r"\bwhere \w+ wants\b",
    "what a user gives: user input": r"\bwhat a user gives\b",
}
IN_MESSAGES = {
    "holds no: contains no": r"\bholds (no|several|neither)\b",
    "beside: next to": r"\bbeside\b",
    "turned into: converted to": r"\bturned into\b",
    "is not known: is not recognised": r"\bis not known: ",
    "leave out: omit, drop, remove": r"\b(leave|left) (it )?out\b(?! the run)",
    "make one with: create one with": r"\bmake (one|it) with\b",
    "write for example: use for example": r"\bwrite for example\b",
    "fetch again: download again": r"\bfetch (it|the file) again\b",
    "nothing is safe: no bin is safe": r"\bnothing is safe\b",
    "for instance: for example": r"\bfor instance\b",
    "not as written: differs from what was written": r"\bas it was written\b",
}
SUMMARY = r"(As|Like) `[^`]*`\."  # the whole description of a name
MODULES = sorted((ROOT / "xgamma").rglob("*.py"))
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            text = ast.get_docstring(node)
            if text is not None:
                yield getattr(node, "lineno", 1), text


def _sentences(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the string literals of a module that are not docstrings; fields of f-strings are …."""
    passed = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            passed.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = [v.value if isinstance(v, ast.Constant) else "…" for v in node.values]
            passed.update(v for v in ast.walk(node) if v is not node)
            yield node.lineno, "".join(map(str, parts))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in passed:
            yield node.lineno, node.value


def _found(rule: str, texts: Iterator[tuple[int, str]], path: Path) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}: {' '.join(text[m.start() - 30 * (m.start() > 30) : m.end() + 20].split())!r}"
        for line, text in texts
        for m in re.finditer(rule, text)
    ]


@pytest.fixture(scope="module")
def trees():
    return {path: ast.parse(path.read_text(encoding="utf8")) for path in MODULES}


@pytest.mark.parametrize("advice", PHRASES)
def test_docstrings_are_idiomatic(advice, trees):
    assert [f for p, t in trees.items() for f in _found(PHRASES[advice], _docstrings(t), p)] == []


@pytest.mark.parametrize("advice", PHRASES | IN_MESSAGES)
def test_messages_are_idiomatic(advice, trees):
    rule = (PHRASES | IN_MESSAGES)[advice]
    assert [f for p, t in trees.items() for f in _found(rule, _sentences(t), p)] == []


def test_a_description_is_more_than_a_reference(trees):
    rule = re.compile(rf"^ *{SUMMARY}$", re.MULTILINE)
    found = [
        f"{path.relative_to(ROOT)}:{line}: {m[0].strip()}"
        for path, tree in trees.items()
        for line, text in _docstrings(tree)
        for m in rule.finditer(text)
    ]
    assert found == []
