"""Pages, docstrings and tests call gammapy by its name, and keep to one spelling."""

import re
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
