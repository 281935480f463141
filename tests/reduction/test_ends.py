"""However a session ends, nothing is lost or counted twice, and nothing stays."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xgamma as xg
from tests.studies import kills
from xgamma.reduction import processes, transport
from xgamma.reduction.checkpoint import Checkpoint
from xgamma.reduction.runs import Runs

pytest.importorskip("loky", reason="loky is not installed: pip install xgamma[dask]")
pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return kills.make_store(tmp_path_factory.mktemp("kills"))


@pytest.fixture(scope="module")
def want(archive, tmp_path_factory):
    """All ways give the same maps, so that one serves them all."""
    return kills.finish("threads", archive, tmp_path_factory.mktemp("want"))


@pytest.mark.parametrize(
    ("way", "name"),
    [("threads", "INT"), ("processes", "TERM"), ("processes", "KILL"), ("out, threads", "HUP")],
)
def test_a_killed_session_leaves_nothing_and_loses_nothing(archive, want, way, name):
    """The study `tests.studies.kills` does so at random moments, a hundred times."""
    wrong = kills.trial(way, name, archive, want, 5)
    wanted = {"lost": 0, "doubled": 0, "differ": 0, "orphans": 0, "files": 0, "over": 0}
    assert {key: wrong[key] for key in wanted} == wanted


BARE = """
import sys
print("begin")
import zarr
import xgamma as xg
from tests.helpers.runs import template
zarr.open_group(sys.argv[2], mode="w")  # starts threads
def same(ds, obs):
    return ds
ds = xg.reduce(xg.open_store(sys.argv[1]), into=template("4 deg", "0.1 deg"), offset_max="1.5 deg",
    scheduler="processes", background=same, select=["counts"], workers=1, progress=False)
print(ds.sizes["obs"])
"""


def test_a_script_without_a_main_guard_runs_once(store, tmp_path):
    """Whatever threads there are already: workers never run the script again."""
    file = tmp_path / "script.py"
    file.write_text(BARE)
    command = [sys.executable, str(file), str(store.path), str(tmp_path / "z.zarr")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.stdout.split() == ["begin", str(len(store))], done.stderr[-2000:]


def test_a_full_memory_disk_falls_back(tmp_path, monkeypatch):
    """What finds no room in files goes through the pipe."""

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    value = {"a": np.arange(70000.0)}
    monkeypatch.setattr(Path, "open", full)
    assert transport.leave(value, tmp_path) is None
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(processes, "fold_away", lambda job, task: value)
    monkeypatch.setattr(processes, "leave", lambda value, folder: None)
    assert processes._fold_to_file(tmp_path, None, None) is value


def test_one_session_at_a_time_writes_partial_results(store, job, tmp_path):
    """Two would write over each other's states."""
    other = Checkpoint(tmp_path / "kept", "mark", Runs(store))
    try:
        with pytest.raises(xg.XGammaError, match="Another session is writing the partial results"):
            Checkpoint(tmp_path / "kept", "mark", Runs(store))
    finally:
        other.close()
    Checkpoint(tmp_path / "kept", "mark", Runs(store)).close()


def test_partial_results_of_another_version_are_refused(store, job, tmp_path):
    one = store.select(obs_id=store.obs_ids[:1])
    xg.reduce(one, resume=tmp_path / "kept", **job)
    manifest = tmp_path / "kept" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(', "format": 2', ""))
    with pytest.raises(xg.XGammaError, match="another version of xgamma"):
        xg.reduce(one, resume=tmp_path / "kept", **job)
