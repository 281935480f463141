"""Two sessions, threads or readers at one place at once: one whole version counts at any moment."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import xgamma as xg
from tests.reduction.faults import Wait
from xgamma.tutorial import example_map

pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
pytest.importorskip("dask", reason="dask is not installed: pip install xgamma[dask]")


@pytest.mark.parametrize("out", [False, True])
def test_a_second_session_in_the_same_folder_is_refused(store, job, tmp_path, out):
    """While the first is at work; what it makes is whole."""
    few = store.select(obs_id=store.obs_ids[:2])
    options = {**job, "resume": tmp_path / "kept", "workers": 1}
    if out:
        options |= {"out": tmp_path / "m.zarr", "overwrite": True}
    waiting = {**options, "background": Wait(few.obs_ids[1], tmp_path / "go")}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(xg.reduce, few, **waiting)
        try:
            while not list((tmp_path / "kept").glob("manifest.json")):
                assert not first.done(), first.result()
            with pytest.raises(
                xg.XGammaError, match="Another session is writing the partial results"
            ):
                xg.reduce(few, **waiting)
        finally:
            (tmp_path / "go").touch()
        assert first.result().sizes["obs"] == 2


def test_two_sessions_make_one_mosaic(store, job, tmp_path):
    """The later one counts, whole; nothing of the other is left."""
    one, two = (store.select(obs_id=store.obs_ids[k : k + 1]) for k in (0, 1))
    options = {**job, "out": tmp_path / "m.zarr", "overwrite": True, "workers": 1}
    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(xg.reduce, runs, **options) for runs in (one, two)]
        for session in made:
            session.exception()
    found = xg.open(tmp_path / "m.zarr").load()
    assert found.obs_id.values.tolist() in ([one.obs_ids[0]], [two.obs_ids[0]])
    assert xg.verify(tmp_path / "m.zarr") == []
    assert [p.name for p in tmp_path.iterdir()] == ["m.zarr"]


def test_two_threads_reduce_one_store(store, job, serial):
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: xg.reduce(store, workers=1, **job), range(2)))
    assert all(ds.identical(serial) for ds in made)


WRITE = """
import sys
import xgamma as xg
from xgamma.tutorial import example_map
ds = example_map()
for k in range(12):
    new = ds.assign(counts=ds.counts * 0 + k).assign_attrs(name=str(k))
    getattr(new.gamma, sys.argv[2])(sys.argv[1], overwrite=True)
"""


@pytest.mark.parametrize(
    ("method", "file"), [("to_zarr", "a.zarr"), ("to_netcdf", "a.nc"), ("to_fits", "a.fits")]
)
def test_a_reader_finds_one_version(tmp_path, method, file):
    """Another process replaces the file: old or new, never a mixture; or a sentence."""
    path = tmp_path / file
    getattr(example_map().assign_attrs(name="start").gamma, method)(path)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", WRITE, str(path), method]
    names = set()
    with subprocess.Popen(command, env=environment) as process:
        while process.poll() is None:
            try:
                with xg.open(path) as data:
                    ds = data.load()
            except xg.XGammaError:
                continue  # A Zarr folder that was replaced between two of its files.
            names.add(ds.attrs["name"])
            if ds.attrs["name"] != "start":
                assert (ds.counts == int(ds.attrs["name"])).all()
    assert process.returncode == 0
    assert xg.open(path).attrs["name"] == "11"
    assert names


@pytest.mark.parametrize("tree", [False, True])
@pytest.mark.parametrize("chunks", [None, {}])
def test_values_of_another_version_are_refused(tmp_path, tree, chunks):
    """Lazily opened, replaced, then read: attributes of one version, counts of the other."""
    path = tmp_path / "a.zarr"
    ds = example_map()
    new = ds.assign(counts=ds.counts + 1)
    one, two = (xg.collect([d, d.assign_attrs(name="b")]) if tree else d for d in (ds, new))
    one.gamma.to_zarr(path)
    lazy = xg.open(path, **({} if chunks is None else {"chunks": chunks}))
    two.gamma.to_zarr(path, overwrite=True)
    with pytest.raises(xg.XGammaError, match="was replaced by another version"):
        lazy["b/counts" if tree else "counts"].load()
    assert (xg.open(path)["b/counts" if tree else "counts"] == new.counts).all()


def _read(path, queue):
    signal.alarm(60)
    with xg.open(path) as ds:
        queue.put(float(ds.counts.sum()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_reads_while_a_thread_holds_the_lock(tmp_path):
    """A lock that a thread holds at the fork is held for ever in the child, unless it is made anew."""
    from xgamma.io.hdf5_lock import hdf5_lock

    path = tmp_path / "a.nc"
    ds = example_map()
    ds.gamma.to_netcdf(path)
    held, leave = threading.Event(), threading.Event()

    def hold():
        with hdf5_lock():
            held.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 warns of forks beside threads.
        child = context.Process(target=_read, args=(path, queue))
        child.start()
    try:
        child.join(30)
        assert child.exitcode == 0
        np.testing.assert_allclose(queue.get(timeout=10), float(ds.counts.sum()))
    finally:
        leave.set()
        thread.join()
        if child.is_alive():
            child.kill()


NETCDF = """
import sys, threading
import numpy as np
import xgamma as xg
from xgamma.tutorial import example_map
ds, folder, faults = example_map(), sys.argv[1], []
ds.gamma.to_netcdf(folder + "/a.nc")
barrier = threading.Barrier(8)
def work(k):
    try:
        barrier.wait()
        for n in range(4):
            ds.gamma.to_netcdf(f"{folder}/{k}-{n}.nc")
            for path in (f"{folder}/{k}-{n}.nc", f"{folder}/a.nc"):
                with xg.open(path) as other:
                    assert np.array_equal(other.counts, ds.counts)
    except BaseException as error:
        faults.append(error)
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(faults or "no problems found")
"""


def test_netcdf_from_eight_threads_of_a_fresh_process(tmp_path):
    """They begin at once: nothing is imported or opened before."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", NETCDF, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert (done.returncode, done.stdout) == (0, "no problems found\n"), done.stderr[-2000:]
