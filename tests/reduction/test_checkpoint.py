"""A reduction goes on where it stopped; no run counts twice."""

import json
import shutil
from contextlib import closing
from functools import partial

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.runs import template
from tests.reduction.faults import Fail, Interrupted, Leave
from xgamma.datasets.mosaic import Mosaic
from xgamma.reduction import checkpoint
from xgamma.reduction.checkpoint import MANIFEST, Checkpoint, signature
from xgamma.reduction.fold import Job
from xgamma.reduction.runs import Runs
from xgamma.reduction.sums import Whole

pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")


@pytest.fixture(autouse=True)
def single(monkeypatch):
    """Each run is kept at once."""
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0.0)


def test_a_mosaic_survives_the_disk(store, job, tmp_path):
    mosaic = Mosaic(job["into"])
    options = {k: v for k, v in job.items() if k != "into"}
    for ds in xg.reduce(store, into=job["into"], stack=False, **options).children.values():
        mosaic.add(ds.to_dataset())
    back = kept_and_read(mosaic, store, job["into"], tmp_path / "kept")
    assert back.to_dataset().identical(mosaic.to_dataset())
    assert all(np.array_equal(back.sums[n], mosaic.sums[n]) for n in mosaic.sums)


def kept_and_read(mosaic, store, into, folder):
    """Write a sum as a session does, and read it as the next one does."""
    runs = Runs(store)
    first = Whole(into)
    first.mosaic = mosaic
    with closing(Checkpoint(folder, "mark", runs)) as kept:
        kept.save([1, 0], first.write)
    with closing(Checkpoint(folder, "mark", runs)) as kept:
        second = Whole(into, kept)
    assert second.done == [1, 0]
    return second.mosaic


def test_on_off_sums_survive_the_disk(store, tmp_path):
    empty = xg.create_map((0, 0), "1 deg", "0.5 deg", xg.energy_axis(1, 10, 1), energy_true="reco")
    cube = ("energy", "y", "x")
    parts = {"counts": 3, "counts_off": 8, "acceptance": 1.0, "acceptance_off": 4.0}
    ds = empty.assign({n: (cube, np.full((1, 2, 2), v)) for n, v in parts.items()})
    mosaic = Mosaic(empty)
    mosaic.add(ds)
    back = kept_and_read(mosaic, store, empty, tmp_path / "kept")
    mosaic.add(ds)
    back.add(ds)
    assert back.to_dataset().identical(mosaic.to_dataset())


def test_an_interrupted_reduction_goes_on(store, job, serial, same, tmp_path):
    options = {**job, "resume": tmp_path / "kept", "workers": 1}
    options["background"] = Leave(store.obs_ids[4], tmp_path / "left")
    with pytest.raises(Interrupted):
        xg.reduce(store, **options)
    states = list((tmp_path / "kept").glob("state-*"))
    assert len(states) == 1
    done = json.loads(states[0].read_text())["done"]
    assert [key.partition(":")[0] for key in done] == [str(i) for i in store.obs_ids[:4]]
    same(xg.reduce(store, **options), serial)


def test_a_failure_keeps_what_is_done(store, job, serial, same, tmp_path, monkeypatch):
    monkeypatch.setattr("xgamma.reduction.front.Job", partial(Job, retries=0))
    bad = store.obs_ids[4]
    options = {**job, "background": Fail(bad, tmp_path / "failed"), "resume": tmp_path / "kept"}
    with pytest.warns(xg.XGammaWarning, match=f"Run {bad}"):
        part = xg.reduce(store, errors="warn", **options)
    assert bad not in part.obs_id
    whole = xg.reduce(store, **options)
    assert sorted(whole.obs_id.values) == sorted(store.obs_ids)
    assert int(whole.counts.sum()) == int(serial.counts.sum())


def test_runs_that_come_later_are_added(store, job, serial, same, tmp_path):
    first = store.select(obs_id=store.obs_ids[:4])
    xg.reduce(first, resume=tmp_path / "kept", **job)
    same(xg.reduce(store, resume=tmp_path / "kept", **job), serial)


def test_a_reduction_that_is_done_reads_nothing(store, job, serial, same, tmp_path, monkeypatch):
    xg.reduce(store, resume=tmp_path / "kept", **job)
    monkeypatch.setattr("xgamma.dl3.store.Store.open", None)
    same(xg.reduce(store, resume=tmp_path / "kept", **job), serial)


def test_the_default_folder(store, job, same, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = store.select(obs_id=store.obs_ids[:1])
    xg.reduce(one, resume=True, **job)
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith("xgamma-resume-")


def test_slices_of_one_run_are_kept_apart(store, job, tmp_path):
    run = store[store.obs_ids[0]]
    for _ in range(2):
        ds = xg.reduce([run, run], resume=tmp_path / "kept", **job)
    assert ds.sizes["obs"] == 2
    assert int(ds.counts.sum()) == 2 * int(xg.reduce([run], **job).counts.sum())


@pytest.mark.parametrize("change", [{"offset_max": "1 deg"}, {"into": template("5 deg")}])
def test_another_reduction_is_refused(store, job, tmp_path, change):
    one = store.select(obs_id=store.obs_ids[:1])
    xg.reduce(one, resume=tmp_path / "kept", **job)
    with pytest.raises(xg.XGammaError, match="another template or other options"):
        xg.reduce(one, resume=tmp_path / "kept", **{**job, **change})


def test_a_run_not_asked_for_is_refused(store, job, tmp_path):
    xg.reduce(store, resume=tmp_path / "kept", **job)
    with pytest.raises(xg.XGammaError, match="was not requested"):
        xg.reduce(store.select(obs_id=store.obs_ids[:1]), resume=tmp_path / "kept", **job)


def test_other_folders_are_left_alone(store, job, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(xg.XGammaError, match="something other"):
        xg.reduce(store, resume=tmp_path, **job)
    with pytest.raises(xg.XGammaError, match="is a file"):
        xg.reduce(store, resume=tmp_path / "note.txt", **job)


def test_damaged_state_is_named(store, job, tmp_path):
    one = store.select(obs_id=store.obs_ids[:1])
    xg.reduce(one, resume=tmp_path / "kept", **job)
    manifest = tmp_path / "kept" / MANIFEST
    whole = json.loads(manifest.read_text())
    (tile,) = (tmp_path / "kept").glob("tile-*")
    shutil.rmtree(tile / "exposure")
    with pytest.raises(xg.MissingDataError, match="are incomplete"):
        xg.reduce(one, resume=tmp_path / "kept", **job)
    manifest.write_text(json.dumps({**whole, "state": "state-lost.json"}))
    with pytest.raises(xg.MissingDataError, match="are incomplete"):
        xg.reduce(one, resume=tmp_path / "kept", **job)
    manifest.write_text("{")
    with pytest.raises(xg.XGammaError, match="is damaged"):
        xg.reduce(one, resume=tmp_path / "kept", **job)


def test_resume_needs_a_sum(store, job):
    with pytest.raises(xg.XGammaError, match="stack=False"):
        xg.reduce(store, resume=True, stack=False, **job)


def test_the_signature_tells_options_apart():
    into = template()
    same = {"safe_mask": {"methods": ["aeff-default"]}, "select": ("counts",)}
    assert signature(into, same) == signature(into.copy(), dict(same))
    assert signature(into, same) != signature(into, {**same, "select": ("exposure",)})
    assert signature(into, same) != signature(template("4 deg"), same)


@pytest.mark.parametrize("change", ["touched", "moved", "another"])
def test_other_data_under_the_same_number_are_noticed(store, job, tmp_path, change):
    """A sum cannot be undone, so partial results of a changed run are refused."""
    one = shutil.copytree(store.path, tmp_path / "one")
    runs = xg.open_store(one)
    kept = tmp_path / "kept"
    first = xg.reduce(runs.select(runs.obs_ids[:2]), **job, resume=kept)
    assert xg.reduce(runs.select(runs.obs_ids[:2]), **job, resume=kept).identical(first)
    if change == "touched":
        file = next(iter(one.rglob("obs_*1.fits*")))
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
    elif change == "moved":
        runs = xg.open_store(one.rename(tmp_path / "two"))
    else:
        runs = xg.open_store(shutil.copytree(one, tmp_path / "three"))
    with pytest.raises(xg.XGammaError, match="from other data: its files were changed"):
        xg.reduce(runs.select(runs.obs_ids[:2]), **job, resume=kept)


def test_changed_observations_in_memory_are_noticed(store, job, tmp_path):
    obs = store[store.obs_ids[0]]
    kept = tmp_path / "kept"
    xg.reduce([obs], **job, resume=kept)
    xg.reduce([store[store.obs_ids[0]]], **job, resume=kept)
    other = obs.copy(deep=True)
    other["aeff"]["aeff"] = other["aeff"]["aeff"] * 1.1
    with pytest.raises(xg.XGammaError, match="from other data"):
        xg.reduce([other], **job, resume=kept)


def test_a_damaged_state_is_not_gone_on_with(store, job, tmp_path):
    """Each chunk of the kept sums in turn is lost, or changed in one bit."""
    kept = tmp_path / "kept"
    xg.reduce(store.select(store.obs_ids[:1]), **job, resume=kept)
    chunks = [p for p in kept.rglob("*") if p.is_file() and not p.name.endswith(".json")]
    assert chunks
    for chunk in chunks:
        content = chunk.read_bytes()
        chunk.unlink()
        with pytest.raises(xg.XGammaError, match="are incomplete"):
            xg.reduce(store.select(store.obs_ids[:1]), **job, resume=kept)
        chunk.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(xg.XGammaError, match="are incomplete"):
            xg.reduce(store.select(store.obs_ids[:1]), **job, resume=kept)
        chunk.write_bytes(content)
    xg.reduce(store.select(store.obs_ids[:1]), **job, resume=kept)
