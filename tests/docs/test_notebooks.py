"""The notebooks run from top to bottom, each in its own process, on simulated data."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.md"))
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.M | re.S)


def script(notebook):
    """The code cells as one program, in the order of the page."""
    return "\n\n".join(CELL.findall(notebook.read_text(encoding="utf8")))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_runs(notebook, tmp_path):
    pytest.importorskip("matplotlib", reason="the notebooks draw: pip install -e .[plot]")
    if "import hvplot" in (text := script(notebook)) and "except ImportError" not in text:
        pytest.importorskip("hvplot", reason="hvplot is not installed: pip install -e .[notebooks]")
    program = tmp_path / f"{notebook.stem}.py"
    program.write_text(script(notebook), encoding="utf8")
    environment = {k: v for k, v in os.environ.items() if k != "XGAMMA_DATA"}
    environment |= {"MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_all_are_here():
    assert [p.stem[:2] for p in NOTEBOOKS] == [f"{n:02d}" for n in range(1, 11)]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_code_fits_the_page(notebook):
    wide = [line for line in script(notebook).splitlines() if len(line) > 80]
    assert wide == []
