"""Workers that meet a full disk, the end of the memory or the kernel's killer: the run is named."""

import contextlib
import os

import pytest

import xgamma as xg
from tests.reduction.faults import Full, Kill

pytest.importorskip("loky", reason="loky is not installed: pip install xgamma[dask]")
distributed = pytest.importorskip("distributed", reason="pip install xgamma[dask]")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")

SAID = {
    "disk": "No space left on device",
    "file": "cannot be written",
    "memory": "needs more memory",
    "killed": "died twice",
}


@contextlib.contextmanager
def options(way):
    """Options of `reduce` for threads, processes, or a cluster of processes."""
    if way != "dask":
        yield {"scheduler": way, "workers": 2}
        return
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield {"scheduler": client}


def fault_of(name, run):
    return Kill(run) if name == "killed" else Full(run, name)


@pytest.mark.filterwarnings("ignore:Port:UserWarning")
@pytest.mark.parametrize("way", ["threads", "processes", "dask"])
def test_the_run_is_named_and_the_others_go_on(store, job, same, way):
    """With errors="raise" the reduction ends, with "warn" only that run is missing."""
    few = store.select(obs_id=store.obs_ids[:3])
    bad = few.obs_ids[1]
    faults = ("disk", "memory") if way == "dask" else ("disk", "file", "memory")
    faults += ("killed",) if way == "processes" else ()
    rest = xg.reduce(few.select(obs_id=[few.obs_ids[0], few.obs_ids[2]]), **job)
    with options(way) as where:
        for fault in faults:
            more = {**job, **where, "background": fault_of(fault, bad)}
            with pytest.raises(xg.XGammaError, match=f"Run {bad}: .*{SAID[fault]}") as caught:
                xg.reduce(few, **more)
            assert "\n" not in str(caught.value)
            assert "()" not in str(caught.value)
            with pytest.warns(xg.XGammaWarning, match=f"Run {bad}: .*{SAID[fault]}"):
                same(xg.reduce(few, errors="warn", **more), rest)
