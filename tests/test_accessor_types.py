"""Editors and type checkers know the members of the accessors: the stub is what the tables say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import stubs

ROOT = Path(__file__).parents[1]
SNIPPET = """
import xarray as xr
from xgamma.accessors import GammaCollection, GammaDataArray, GammaDataset, GammaObservation

def typed(ds: xr.Dataset, da: xr.DataArray, obs: xr.DataTree, tree: xr.DataTree) -> None:
    one: GammaDataset = ds.gamma
    array: GammaDataArray = da.gamma
    run: GammaObservation = obs.gamma
    many: GammaCollection = tree.gamma
    reveal_type(one.stack(ds, name="sum"))  # Dataset
    reveal_type(one.excess)  # DataArray
    reveal_type(one.cutout("0d 0d", "1 deg"))  # Dataset
    reveal_type(array.cutout("0d 0d", "1 deg"))  # DataArray
    reveal_type(one.with_models(None))  # Dataset
    reveal_type(many.with_models(None))  # DataTree
    reveal_type(many.ring_background("0.5 deg", "0.2 deg"))  # DataTree
    reveal_type(run.livetime)  # float
    one.stack(3)  # error: incompatible type "int"; expected "Dataset"
    one.ring_background("0.5 deg", "0.2 deg", "0.1 deg")  # error: Too many positional arguments
    many.livetime  # error: "GammaCollection" has no attribute "livetime"
    run.names  # error: "GammaObservation" has no attribute "names"
"""


def test_the_stub_is_what_the_tables_say():
    pytest.importorskip("matplotlib", reason="types of figures")
    assert stubs.STUB.read_text(encoding="utf8") == stubs.stub(), (
        "a table or a signature has changed: renew the stub with python -m tests.stubs"
    )


def test_the_reference_lists_what_the_tables_say():
    assert stubs.PAGE.read_text(encoding="utf8") == stubs.page(), (
        "a table has changed: renew the page with python -m tests.stubs"
    )


def test_a_type_checker_follows(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")
    file = tmp_path / "snippet.py"
    file.write_text(SNIPPET.strip() + "\n", encoding="utf8")
    # The options and the cache of `mypy xgamma`, which has read the package before.
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout
    told: dict[int, str] = {}
    # An answer from the cache names the file of an earlier run.
    for n, text in re.findall(r"^.*snippet\.py:(\d+): (.*)$", said, re.M):
        told[int(n)] = told.get(int(n), "") + text
    for number, line in enumerate(SNIPPET.strip().splitlines(), 1):
        _, _, expected = line.partition("  # ")
        assert (number in told) == bool(expected), said
        assert all(word in told.get(number, "") for word in expected.split(": ")), said
