"""A dask cluster gives what one thread gives, whatever happens to its workers."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import xarray as xr

import xgamma as xg
from tests.reduction.faults import Fail, Kill, Wait
from xgamma.reduction import checkpoint, cluster, sums
from xgamma.reduction.checkpoint import MANIFEST

distributed = pytest.importorskip(
    "distributed", reason="distributed is not installed: pip install xgamma[dask]"
)
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@contextmanager
def workers():
    """Give two worker processes of one thread each; a busy machine takes long to start them."""
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "120s"}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client():
    """Workers that all tests share."""
    with workers() as client:
        yield client


@pytest.fixture
def mortal():
    """Workers of one test, which may kill them: they do not always come back."""
    with workers() as client:
        yield client


@pytest.fixture(autouse=True)
def single(monkeypatch):
    """One run to a task, so that there is a tree to merge."""
    monkeypatch.setattr(sums, "TASK", 1)
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0.0)


def test_a_cluster_gives_the_serial_result(store, job, serial, same, client):
    same(xg.reduce(store, scheduler=client, **job), serial)


def test_a_collection_from_a_cluster(store, job, client):
    tree = xg.reduce(store, scheduler=client, stack=False, **job)
    assert list(tree.children) == [str(i) for i in store.obs_ids]


def test_workers_fill_a_netcdf_file(serial, client, tmp_path):
    """They open it one at a time, in the place of the client."""
    tree = xg.collect([serial.drop_vars("psf"), serial.gamma.to_image()])
    tree.chunk().gamma.to_netcdf(tmp_path / "a.nc")
    with xg.open(tmp_path / "a.nc") as back:
        xr.testing.assert_identical(back.load(), tree)


@pytest.mark.parametrize("position", [0, 3, -1])
def test_a_worker_killed_in_the_middle(store, job, serial, same, mortal, tmp_path, position):
    """Also at the last run, when the worker holds the sums of others."""
    kill = Kill(store.obs_ids[position], tmp_path / "killed")
    same(xg.reduce(store, scheduler=mortal, background=kill, **job), serial)
    assert kill.marker.exists()


def test_a_corrupt_run_in_the_middle(store, job, serial, client):
    bad = store.obs_ids[3]
    with pytest.raises(xg.XGammaError, match=f"Run {bad}: the disk is on fire") as caught:
        xg.reduce(store, scheduler=client, background=Fail(bad), **job)
    assert "faults.py" in "".join(caught.value.__notes__)
    with pytest.warns(xg.XGammaWarning, match=f"Run {bad}"):
        ds = xg.reduce(store, scheduler=client, background=Fail(bad), errors="warn", **job)
    assert ds.obs_id.values.tolist() == [i for i in store.obs_ids if i != bad]


def test_a_client_that_goes_away_and_resumes(
    store, job, serial, same, client, tmp_path, monkeypatch
):
    options = {**job, "scheduler": client, "resume": tmp_path / "kept"}
    saved = []

    def leave(self, *arguments, save=checkpoint.Checkpoint.save, **options):
        save(self, *arguments, **options)
        saved.append(len(self.done))
        if len(saved) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "save", leave)
        with pytest.raises(KeyboardInterrupt):
            xg.reduce(store, **options)
    assert saved == [1, 2, 3, 3]
    same(xg.reduce(store, **options), serial)


def test_a_run_that_kills_its_workers_is_named(store, job, mortal):
    def patience(dask_scheduler, deaths):
        dask_scheduler.allowed_failures = deaths

    bad = store.obs_ids[2]
    mortal.run_on_scheduler(patience, deaths=0)
    try:
        with pytest.raises(xg.XGammaError, match=f"Run {bad}: the worker that reduced it died"):
            xg.reduce(store, scheduler=mortal, background=Kill(bad), **job)
    finally:
        mortal.run_on_scheduler(patience, deaths=3)


def test_a_truncated_file_in_the_middle(store, job, client, tmp_path):
    shutil.copytree(store.path, tmp_path / "store")
    bad = store.obs_ids[3]
    (file,) = {place[0] for place in store._hdus[bad].values()}
    broken = tmp_path / "store" / Path(file).relative_to(store.path)
    broken.write_bytes(broken.read_bytes()[:20000])
    damaged = xg.open_store(tmp_path / "store")
    with pytest.raises(xg.XGammaError, match=f"Run {bad}"):
        xg.reduce(damaged, scheduler=client, **job)
    with pytest.warns(xg.XGammaWarning, match=f"Run {bad}"):
        ds = xg.reduce(damaged, scheduler=client, errors="warn", **job)
    rest = [i for i in store.obs_ids if i != bad]
    assert ds.obs_id.values.tolist() == rest
    whole = xg.reduce(store.select(obs_id=rest), **job)
    assert ds.counts.equals(whole.counts)


SESSION = """
import sys
from pathlib import Path
from distributed import Client
import xgamma as xg
from tests.helpers.runs import template
from tests.reduction.faults import Wait
from xgamma.reduction import checkpoint, sums
sums.TASK, checkpoint.INTERVAL, checkpoint.SHARE = 1, 0.0, 0.0
address, folder, store, last = sys.argv[1:]
xg.reduce(
    xg.open_store(store), into=template("4 deg", "0.1 deg"), offset_max="1.5 deg",
    safe_mask=["aeff-default"], progress=False, scheduler=Client(address), resume=folder,
    background=Wait(int(last), Path(folder).with_name("go")),
)
"""


def kept_runs(folder):
    """The runs in the partial results, while another process writes them."""
    try:
        state = json.loads((folder / MANIFEST).read_text())["state"]
        return json.loads((folder / state).read_text())["done"]
    except (OSError, KeyError, ValueError):
        return []


def test_a_client_that_is_killed_and_another_that_resumes(
    store, job, serial, same, client, tmp_path
):
    """A session dies (SIGKILL) while the cluster works for it; the next one goes on."""
    folder, go = tmp_path / "kept", tmp_path / "go"
    address = client.scheduler.address
    command = [sys.executable, "-c", SESSION, address, folder, store.path, str(store.obs_ids[4])]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    session = subprocess.Popen([str(c) for c in command], env=environment)
    try:
        done = []
        deadline = time.monotonic() + 120
        while len(done) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
            done = kept_runs(folder)
    finally:
        session.send_signal(signal.SIGKILL)
        session.wait()
        go.touch()
    assert [key.partition(":")[0] for key in done] == [str(i) for i in store.obs_ids[:4]]
    background = Wait(store.obs_ids[4], go)
    ds = xg.reduce(store, scheduler=client, resume=folder, background=background, **job)
    same(ds, serial)


def test_a_cluster_without_workers_is_waited_for(store, job, serial, same, monkeypatch):
    """It may be a queue: the user is told, and the work goes on when a worker comes."""
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as local,
        distributed.Client(local) as client,
    ):
        late = threading.Timer(1.0, local.scale, [1])
        late.start()
        with pytest.warns(xg.XGammaWarning, match="has no workers left"):
            ds = xg.reduce(store, scheduler=client, **job)
        late.join()
    same(ds, serial)
