"""The table of moved names in the changelog: successors exist."""

import importlib
import re
from pathlib import Path

import pytest

CHANGELOG = (Path(__file__).parents[2] / "CHANGELOG.md").read_text()
TABLE = CHANGELOG.partition("| was `xgamma.` … | is `xgamma.` … |\n|---|---|\n")[2].partition(
    "\n\n"
)[0]
ROWS = [row.strip("| ").split(" | ") for row in TABLE.splitlines()]


def _exists(path):
    try:
        importlib.import_module(f"xgamma.{path}")
    except ImportError:
        home, _, name = f"xgamma.{path}".rpartition(".")
        try:
            return hasattr(importlib.import_module(home), name)
        except ImportError:
            return False
    return True


def _names(cell):
    """Return paths; names after the first may stand without the module of the one before."""
    found = []
    for name in re.findall(r"`([\w.]+)`", cell):
        followed = found and "." not in name and found[-1].count(".") == 2
        found.append(f"{found[-1].rpartition('.')[0]}.{name}" if followed else name)
    return found


def test_there_is_a_table():
    assert len(ROWS) > 50


@pytest.mark.parametrize(("old", "new"), ROWS, ids=[old for old, _ in ROWS])
def test_moved_names(old, new):
    was, now = _names(old), _names(new)
    if new.endswith("same names"):
        now = [f"{now[0]}.{path.rpartition('.')[2]}" for path in was]
    assert [path for path in now if not _exists(path)] == []
