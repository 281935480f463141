"""The programs that draw the pictures of the pages run, and each is on a page."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PROGRAMS = sorted(p for p in (DOCS / "_plots").glob("*.py") if p.name != "scene.py")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_runs(program, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot", reason="pip install -e .[plot]")
    plt.switch_backend("agg")
    monkeypatch.syspath_prepend(str(program.parent))
    with plt.rc_context():
        runpy.run_path(str(program))
        assert len(plt.get_fignums()) == 1
        assert all(ax.has_data() for ax in plt.gcf().axes)
        plt.close("all")


def test_each_is_on_a_page():
    pages = "".join(p.read_text(encoding="utf8") for p in DOCS.rglob("*.md"))
    assert [p.name for p in PROGRAMS if f".. plot:: _plots/{p.name}" not in pages] == []
