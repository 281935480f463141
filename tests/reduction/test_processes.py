"""Processes give what one thread gives, and say which run failed."""

import concurrent.futures
import threading

import numpy as np
import psutil
import pytest

import xgamma as xg
from tests.reduction.faults import Fail, Kill
from xgamma.core.options import set_options

pytest.importorskip("loky", reason="loky is not installed: pip install xgamma[dask]")


def test_processes_give_the_serial_result(store, job, serial, same):
    same(xg.reduce(store, scheduler="processes", workers=2, **job), serial)


def test_more_workers_than_runs(store, job, same):
    two = store.select(obs_id=store.obs_ids[:2])
    same(xg.reduce(two, scheduler="processes", workers=3, **job), xg.reduce(two, **job))


def test_an_executor_of_the_caller_is_used_and_left(store, job, serial, same):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        same(xg.reduce(store, scheduler=pool, **job), serial)
        assert pool.submit(int, 3).result() == 3


def test_two_time_slices_of_one_run_both_count(store, job):
    run = store[store.obs_ids[0]]
    ds = xg.reduce([run, run, run], scheduler="processes", workers=2, **job)
    one = xg.reduce([run], **job)
    assert ds.sizes["obs"] == 3
    np.testing.assert_array_equal(ds.counts, 3 * one.counts)


def test_collections_keep_the_order(store, job):
    tree = xg.reduce(store, scheduler="processes", workers=2, stack=False, **job)
    assert list(tree.children) == [str(i) for i in store.obs_ids]


def test_a_failed_run_is_named_with_the_traceback_of_the_worker(store, job):
    bad = store.obs_ids[3]
    with pytest.raises(xg.XGammaError, match=f"Run {bad}: the disk is on fire") as caught:
        xg.reduce(store, scheduler="processes", workers=2, background=Fail(bad), **job)
    assert "faults.py" in "".join(caught.value.__notes__)


def test_a_failed_run_is_left_out_when_asked(store, job, same):
    bad = store.obs_ids[3]
    with pytest.warns(xg.XGammaWarning, match=f"(?s)Run {bad}: the disk.*omitted.*faults.py"):
        ds = xg.reduce(
            store, scheduler="processes", workers=2, background=Fail(bad), errors="warn", **job
        )
    same(ds, xg.reduce(store.select(obs_id=[i for i in store.obs_ids if i != bad]), **job))


@pytest.mark.parametrize("scheduler", [None, "processes"])
def test_a_run_that_fails_once_is_tried_again(store, job, serial, same, tmp_path, scheduler):
    bad = Fail(store.obs_ids[2], tmp_path / "failed")
    same(xg.reduce(store, scheduler=scheduler, workers=2, background=bad, **job), serial)
    assert bad.marker.exists()


def test_a_worker_killed_once_changes_nothing(store, job, serial, same, tmp_path):
    kill = Kill(store.obs_ids[2], tmp_path / "killed")
    same(xg.reduce(store, scheduler="processes", workers=2, background=kill, **job), serial)


def test_a_run_that_kills_its_worker_is_named(store, job, same):
    bad = store.obs_ids[2]
    with pytest.raises(xg.XGammaError, match=f"Run {bad}: the worker that reduced it died twice"):
        xg.reduce(store, scheduler="processes", workers=2, background=Kill(bad), **job)
    with pytest.warns(xg.XGammaWarning, match=f"Run {bad}: the worker"):
        ds = xg.reduce(
            store, scheduler="processes", workers=2, background=Kill(bad), errors="warn", **job
        )
    assert ds.obs_id.values.tolist() == [i for i in store.obs_ids if i != bad]


def test_a_run_off_the_map_is_left_out(store, job):
    far = {
        **job,
        "into": xg.create_map(
            (100.0, 60.0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3), energy_true="reco"
        ),
    }
    with (
        pytest.warns(xg.XGammaWarning, match="omitted"),
        pytest.raises(xg.XGammaError, match="No run was reduced"),
    ):
        xg.reduce(store, scheduler="processes", workers=1, **far)


def test_functions_of_a_script_can_be_sent(store, job, serial, same):
    """They are sent as they are, not by name: those of a notebook too."""
    same(
        xg.reduce(store, scheduler="processes", background=lambda ds, obs: ds, **job),
        serial,
    )


def test_options_that_cannot_be_sent(store, job):
    lock = threading.Lock()
    with pytest.raises(xg.XGammaError, match="scheduler='threads'"):
        xg.reduce(store, scheduler="processes", background=lambda ds, obs: lock and ds, **job)


def test_options_of_the_library_hold_in_workers(store, job):
    """A worker is another interpreter: what `set_options` said here holds there too."""
    few = store.select(obs_id=store.obs_ids[:1])
    with (
        set_options(max_bytes=1e3),
        pytest.raises(xg.XGammaError, match=r"set_options\(max_bytes"),
    ):
        xg.reduce(few, scheduler="processes", workers=1, **job)


def test_a_wrong_scheduler(store, job):
    for wrong in ("synchronous", 3):
        with pytest.raises(xg.XGammaError, match="is not recognised: use None, 'threads'"):
            xg.reduce(store, scheduler=wrong, **job)
    with pytest.raises(xg.XGammaError, match="positive whole number"):
        xg.reduce(store, scheduler="processes", workers=0, **job)


def test_no_process_is_left():
    """But loky's own watcher, which ends with this process."""
    mine = psutil.Process().children(recursive=True)
    assert not [p for p in mine if "popen_loky" in " ".join(p.cmdline())]
