"""What grows with the number of runs, and how fast: graphs, tasks, and what is sent with them."""

import pickle
import shutil

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.dl3 import simulate_observation
from xgamma.io.storage import write_tree
from xgamma.reduction import sums
from xgamma.reduction.fold import Job
from xgamma.reduction.places import Work
from xgamma.reduction.runs import Runs
from xgamma.reduction.survey import reduce_survey

pytest.importorskip("dask", reason="dask is not installed: pip install xgamma[dask]")
pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")

NUMBERS = (2, 4, 6)


class Future:
    """A result that is there already."""

    def __init__(self, value):
        self.value = value

    def result(self):
        return self.value

    def done(self):
        return True


class Client:
    """Looks like a `distributed.Client`, does everything at once, and counts."""

    def __init__(self):
        self.names = []

    def nthreads(self):
        return {"worker": 2}

    def submit(self, function, *arguments, pure=True):
        self.names.append(function.__name__)
        values = [a.result() if isinstance(a, Future) else a for a in arguments]
        return Future(function(*values))

    def cancel(self, futures):
        pass


def linear(sizes):
    """Equal steps between equally spaced numbers."""
    steps = np.diff(sizes)
    return (steps == steps[0]).all() and steps[0] > 0


def test_a_cluster_gets_three_tasks_a_run(store, job, serial, same, monkeypatch):
    monkeypatch.setattr(sums, "TASK", 1)
    for number in NUMBERS:
        client = Client()
        some = store.select(obs_id=store.obs_ids[:number])
        ds = xg.reduce(some, scheduler=client, **job)
        counted = [client.names.count(n) for n in ("fold_away", "summary", "merge")]
        assert counted == [number, number, number - 1]
    same(ds, serial)


def test_what_a_task_carries_does_not_grow_with_the_runs(store, job):
    what = Job(job["into"], {})
    sizes = []
    for number in NUMBERS:
        runs = Runs(store.select(obs_id=store.obs_ids[:number]))
        sizes.append(len(pickle.dumps((what, runs.part([1]), [1]))))
    assert max(sizes) < 1.01 * min(sizes)


def tasks(ds):
    return len(dict(ds.__dask_graph__()))


def test_the_graph_of_a_lazy_stack_is_linear(store, job):
    one = xg.reduce(store.select(obs_id=store.obs_ids[:1]), **job).chunk({"energy": 2})
    assert linear([tasks(xg.stack([one] * 1 + [one.copy()] * n).counts) for n in NUMBERS])


def test_the_graph_of_many_files_is_linear(store, job, tmp_path):
    tree = xg.reduce(store, job["into"], select=["counts"], stack=False)
    files = []
    for name, node in tree.children.items():
        files.append(tmp_path / f"{name}.nc")
        node.to_dataset().gamma.to_netcdf(files[-1])
    sizes = []
    options = {"combine": "nested", "concat_dim": "run", "join": "exact", "data_vars": "all"}
    options |= {"coords": "minimal", "compat": "override", "preprocess": lambda ds: ds[["counts"]]}
    for number in NUMBERS:
        with xr.open_mfdataset(files[:number], **options) as many:
            sizes.append(tasks(many.counts))
            assert many.counts.sizes["run"] == number
    assert linear(sizes)


def test_the_graph_of_a_mosaic_has_a_task_for_each_chunk(store, job, tmp_path):
    what = Job(job["into"], {"cutout_width": "2 deg"})
    for side, number in ((40, 1), (20, 4), (10, 16)):
        place = tmp_path / f"{side}.zarr"
        ds = reduce_survey(store, what, place, "95 MB", Work(progress=False), side=side)
        assert ds.counts.data.npartitions == number
        # A task a chunk, and a few for the file.
        assert tasks(ds.counts) <= number + 6


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    """An archive of a thousand runs, of which one is there."""
    path = tmp_path_factory.mktemp("thousand") / "a.zarr"
    one = simulate_observation("83.63d 22.51d", obs_id=0, events=False, livetime="60 s")
    xg.write_archive([one], path)
    row = xg.open_store(path).table.reset_coords()
    table = xr.concat([row] * 1000, "obs").assign(obs_id=("obs", np.arange(1000)))
    shutil.rmtree(path / "index")
    write_tree(xr.DataTree(table), path / "index")
    return path


def test_opening_an_archive_reads_its_index_only(thousand, monkeypatch):
    """So a thousand runs open in a twentieth of a second; the benchmark measures it."""

    def forbidden(*arguments, **options):
        raise AssertionError("a run was opened")

    monkeypatch.setattr(xr, "open_datatree", forbidden)
    (thousand / "runs" / "0").rename(thousand / "runs" / "away")
    store = xg.open_store(thousand)
    (thousand / "runs" / "away").rename(thousand / "runs" / "0")
    assert len(store) == 1000
    assert len(store.select(obs_id=range(0, 1000, 2))) == 500
    monkeypatch.undo()
    assert "aeff" in store[0].children
