"""The page of file kinds is true: the tests it names exist, and so do the functions."""

import ast
import re
from pathlib import Path

import pytest

import xgamma as xg
from xgamma.accessors import GammaDataArray, GammaDataset
from xgamma.dl3 import __all__ as dl3_names

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "file-kinds.md"
COLUMNS = 5
NO = "no"


def rows():
    """The rows of all tables: kind, who writes it, read, written, test."""
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] != "kind" and set(line) != {"|", "-"}:
            found.append(cells)
    return found


ROWS = rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_test_of_a_kind_exists(row):
    assert len(row) == COLUMNS
    _, _, read, written, test = row
    if not test:
        assert read.startswith(NO), "what is read has a test"
        assert written.startswith(NO), "what is written has a test"
        return
    path, name = test.strip("`").split("::")
    tree = ast.parse((ROOT / "tests" / path).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_reads_and_writes_a_kind_is_there(row):
    for text in re.findall(r"`([^`]+)`", row[2] + row[3]):
        name = text.partition("(")[0].removeprefix("xgamma.dl3.")
        if name == "Table.read":
            continue
        kind, _, member = name.rpartition(".")
        if kind == "ds.gamma" or name in ("to_netcdf", "to_zarr"):
            assert hasattr(GammaDataset, member)
        elif kind == "da.gamma":
            assert hasattr(GammaDataArray, member)
        elif kind:
            assert hasattr(getattr(xg, kind), member)
        else:
            assert hasattr(xg, name) or name in dl3_names or hasattr(_writer(), name)


def _writer():
    import xgamma.dl3 as dl3

    return dl3


def test_kinds_are_listed_once():
    kinds = [row[0] for row in ROWS]
    assert len(set(kinds)) == len(kinds)
    assert len(kinds) > 40
