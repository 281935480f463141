"""The reference names everything that is public; pages and README link to what exists."""

import importlib
import inspect
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import xgamma as xg
from xgamma import accessors

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = [
    *(p for p in (ROOT / "docs").rglob("*.md") if not {"_build", "generated"} & set(p.parts)),
    *(ROOT / "notebooks").glob("*.md"),
    *ROOT.glob("*.md"),
]


def listed(page):
    """The entries of the lists of names on a page."""
    text = (REFERENCE / page).read_text(encoding="utf8")
    return set(re.findall(r"^   ([\w.]+)$", text, re.M))


def test_public_names():
    assert set(xg.__all__) <= listed("public.md")


def test_accessors():
    members = {
        f"{kind}.gamma.{name}"
        for kind, accessor in (
            ("Dataset", accessors.GammaDataset),
            ("DataArray", accessors.GammaDataArray),
            ("DataTree", accessors.GammaDataTree),
        )
        for name, _ in inspect.getmembers(accessor)
        if not name.startswith("_")
    }
    assert members == listed("accessors.md")


def test_functions_behind(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs" / "_ext"), *sys.path])
    pytest.importorskip("docutils", reason="Sphinx is not installed: pip install -e .[docs]")
    from accessor_tables import functions

    assert {name.removeprefix("xgamma.") for name in functions()} == listed("functions.md")


@pytest.mark.parametrize("page", ["public.md", "functions.md"])
def test_what_is_listed_is_there(page):
    """Modules move; their pages must follow."""
    for name in sorted(listed(page)):
        module, _, attribute = f"xgamma.{name}".rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


def links(page):
    """The targets of the links of a page; parentheses inside of a target are balanced."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf8"), flags=re.S)
    return re.findall(r"\]\(((?:[^()\s]|\([^()\s]*\))+)\)", text)


def anchors(page):
    """What the headings of a page are called in links."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf8"), flags=re.S)
    for heading in re.findall(r"^#+ (.*)$", text, re.M):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links(page):
    for link in links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name} links to {link}, which is not there"
        if anchor:
            assert anchor in list(anchors(target)), f"{page.name} links to {link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_addresses(page):
    """External links cannot be followed here; they are at least addresses."""
    for link in links(page):
        if "://" in link:
            parts = urlsplit(link)
            assert parts.scheme == "https", f"{page.name}: {link}"
            assert re.fullmatch(r"[\w-]+(\.[\w-]+)+", parts.netloc), f"{page.name}: {link}"


def test_ci_runs_the_command_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    commands = re.findall(r"^python3 -m venv .*-m pytest$", readme, re.M)
    assert len(commands) == 1
    script = (ROOT / ".ci" / "run").read_text(encoding="utf8")
    assert "grep -E '^python3 -m venv .*-m pytest$' README.md" in script
