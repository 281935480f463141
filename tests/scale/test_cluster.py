"""A dask cluster gives what one thread gives, whatever happens to its workers."""

import pytest

import xgamma as xg
from tests.scale.faults import Fail, Kill
from xgamma.scale import run as run_module

distributed = pytest.importorskip(
    "distributed", reason="distributed is not installed: pip install xgamma[dask]"
)
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def client():
    """Two worker processes of one thread each."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def single(monkeypatch):
    """One run to a task, so that there is a tree to merge."""
    monkeypatch.setattr(run_module, "TASK", 1)


def test_a_cluster_gives_the_serial_result(store, job, serial, same, client):
    same(xg.reduce(store, scheduler=client, **job), serial)


def test_a_collection_from_a_cluster(store, job, client):
    tree = xg.reduce(store, scheduler=client, stack=False, **job)
    assert list(tree.children) == [str(i) for i in store.obs_ids]


def test_a_worker_killed_in_the_middle(store, job, serial, same, client, tmp_path):
    kill = Kill(store.obs_ids[3], tmp_path / "killed")
    same(xg.reduce(store, scheduler=client, background=kill, **job), serial)
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

    def leave(self, total, save=run_module._Kept.save):
        save(self, total)
        saved.append(len(self.done) + len(total.done))
        if len(saved) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_module._Kept, "save", leave)
        with pytest.raises(KeyboardInterrupt):
            xg.reduce(store, **options)
    assert saved == [1, 2, 3]
    same(xg.reduce(store, **options), serial)
