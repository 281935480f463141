"""A mosaic larger than memory goes on where it stopped; no run counts twice, whenever it stops."""

import json
import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.runs import template
from tests.reduction.faults import Fail, Interrupted, Leave
from xgamma.reduction import checkpoint, survey
from xgamma.reduction.checkpoint import MANIFEST
from xgamma.reduction.fold import Job

zarr = pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
pytest.importorskip("dask", reason="dask is not installed: pip install xgamma[dask]")


@pytest.fixture(scope="module")
def job():
    return {
        "into": template(("4 deg", "3 deg"), "0.1 deg"),
        "offset_max": "1 deg",
        "safe_mask": ["aeff-default"],
        "progress": False,
        "workers": 1,
    }


@pytest.fixture(scope="module")
def whole(store, job):
    return xg.reduce(store, **job)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Tiles of which a run touches several, and a state after each run."""
    monkeypatch.setattr(survey, "TILE", 12)
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0.0)


def equal(tiled, whole):
    tiled = tiled.load()
    assert tiled.obs_id.values.tolist() == whole.obs_id.values.tolist()
    assert set(tiled.variables) == set(whole.variables)
    for name in whole.variables:
        x, y = tiled[name].values, whole[name].values
        assert x.dtype == y.dtype
        if x.dtype.kind == "f":
            np.testing.assert_allclose(x, y, rtol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(x, y, err_msg=name)
    livetimes = [ds.exposure.attrs["livetime"] for ds in (tiled, whole)]
    assert livetimes[0] == pytest.approx(livetimes[1], rel=1e-12)


class Disk:
    """Stops everything at one of the steps at which files change, and all that would follow.

    What a session does after that, in its ``finally`` clauses say, changes no file either: the
    disk is as a session leaves it that is killed.
    """

    def __init__(self, last=None):
        self.last, self.steps = last, 0

    def step(self, function, *args, **kwargs):
        self.steps += 1
        if self.last is not None and self.steps > self.last:
            raise Interrupted
        return function(*args, **kwargs)

    def attach(self, monkeypatch):
        for place, name in (
            (os, "replace"),
            (shutil, "rmtree"),
            (Path, "write_text"),
            (Path, "unlink"),
            (Path, "rename"),
            (zarr, "open_group"),
            (zarr.Group, "create_array"),
        ):
            function = getattr(place, name)
            monkeypatch.setattr(place, name, lambda *a, _f=function, **k: self.step(_f, *a, **k))


def test_a_session_may_be_killed_at_any_step(store, job, tmp_path):
    """The next one gives the same mosaic, from what is on the disk."""
    store = store.select(obs_id=store.obs_ids[1:4])
    job = {**job, "select": ["counts", "exposure"]}
    whole = xg.reduce(store, **job)
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk()
        disk.attach(patch)
        xg.reduce(store, out=tmp_path / "whole.zarr", resume=tmp_path / "whole", **job)
    seen = set()
    for last in np.unique(np.linspace(0, disk.steps - 1, 11).astype(int)):
        folder = tmp_path / f"{last}"
        folder.mkdir()
        options = {**job, "out": folder / "m.zarr", "resume": folder / "kept"}
        with pytest.MonkeyPatch.context() as patch:
            Disk(last).attach(patch)
            with pytest.raises(Interrupted):
                xg.reduce(store, **options)
        if (folder / "m.zarr").exists():
            equal(xg.open(folder / "m.zarr", chunks={}), whole)
            options["overwrite"] = True
        manifest = folder / "kept" / MANIFEST
        if manifest.exists():
            state = json.loads(manifest.read_text())["state"]
            done = json.loads((folder / "kept" / state).read_text())["done"] if state else []
            seen.add(len(done))
        elif (folder / "kept").exists():
            shutil.rmtree(folder / "kept")
        equal(xg.reduce(store, **options), whole)
        shutil.rmtree(folder)
    assert {0, 1, 2, 3} <= seen


@pytest.mark.parametrize("scheduler", [None, "processes"])
def test_a_user_may_leave(store, job, whole, tmp_path, monkeypatch, scheduler):
    monkeypatch.setattr(checkpoint, "INTERVAL", 1e9)
    options = {**job, "out": tmp_path / "m.zarr", "resume": tmp_path / "kept", "memory": "90 MB"}
    bad = store.obs_ids[1]
    options["background"] = Leave(bad, tmp_path / "left")
    with pytest.raises((Interrupted, xg.XGammaError)):
        xg.reduce(store, scheduler=scheduler, **options)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept", "left"]
    opened = []
    plain = type(store).open
    monkeypatch.setattr(
        type(store), "open", lambda self, i, *a: opened.append(i) or plain(self, i, *a)
    )
    equal(xg.reduce(store, **options), whole)
    assert bad in opened
    if scheduler is None:
        assert 0 < len(opened) < len(store)


def test_runs_that_come_later_and_none_at_all(store, job, whole, tmp_path, monkeypatch):
    options = {**job, "out": tmp_path / "m.zarr", "resume": tmp_path / "kept"}
    first = store.select(obs_id=store.obs_ids[2:4])
    assert xg.reduce(first, **options).sizes["obs"] == 2
    with pytest.raises(xg.XGammaError, match="already exists"):
        xg.reduce(store, **options)
    equal(xg.reduce(store, overwrite=True, **options), whole)
    monkeypatch.setattr("xgamma.dl3.store.Store.open", None)
    equal(xg.reduce(store, overwrite=True, **options), whole)
    with pytest.raises(xg.XGammaError, match="was not requested"):
        xg.reduce(first, overwrite=True, **options)
    with pytest.raises(xg.XGammaError, match="too small"):
        xg.reduce(store, overwrite=True, memory="1 MB", **options)
    names = {p.name.split("-")[0] for p in (tmp_path / "kept").iterdir()}
    assert names == {MANIFEST, "state", "tile"}
    assert len(list((tmp_path / "kept").glob("state-*"))) == 1


def test_a_failure_is_tried_again_in_the_next_session(store, job, whole, tmp_path, monkeypatch):
    monkeypatch.setattr("xgamma.reduction.front.Job", partial(Job, retries=0))
    bad = store.obs_ids[4]
    options = {**job, "background": Fail(bad, tmp_path / "failed"), "resume": tmp_path / "kept"}
    with pytest.warns(xg.XGammaWarning, match=f"Run {bad}"):
        part = xg.reduce(store, errors="warn", out=tmp_path / "a.zarr", **options)
    assert bad not in part.obs_id
    equal(xg.reduce(store, out=tmp_path / "b.zarr", **options), whole)


def test_on_off_sums_go_on(store, job, tmp_path):
    options = {**job, "background": {"method": "ring", "r_in": "0.3 deg", "width": "0.2 deg"}}
    first = store.select(obs_id=store.obs_ids[:3])
    xg.reduce(first, out=tmp_path / "a.zarr", resume=tmp_path / "kept", **options)
    ds = xg.reduce(store, out=tmp_path / "b.zarr", resume=tmp_path / "kept", **options)
    equal(ds, xg.reduce(store, **options))


def test_folders_of_something_else(store, job, tmp_path, monkeypatch):
    one = store.select(obs_id=store.obs_ids[:1])
    xg.reduce(one, resume=tmp_path / "kept", **job)
    with pytest.raises(xg.XGammaError, match="another template or other options"):
        xg.reduce(one, resume=tmp_path / "kept", out=tmp_path / "m.zarr", **job)
    xg.reduce(one, resume=tmp_path / "tiles", out=tmp_path / "m.zarr", **job)
    with pytest.raises(xg.XGammaError, match="another template or other options"):
        xg.reduce(one, resume=tmp_path / "tiles", **job)
    options = {**job, "offset_max": "0.9 deg"}
    with pytest.raises(xg.XGammaError, match="another template or other options"):
        xg.reduce(one, resume=tmp_path / "tiles", out=tmp_path / "n.zarr", **options)
    shutil.rmtree(next((tmp_path / "tiles").glob("tile-*")))
    with pytest.raises(xg.MissingDataError, match="are incomplete"):
        xg.reduce(one, resume=tmp_path / "tiles", out=tmp_path / "n.zarr", **job)
    assert not (tmp_path / "n.zarr").exists()


def test_the_default_folder(store, job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = store.select(obs_id=store.obs_ids[:1])
    xg.reduce(one, resume=True, out="m.zarr", **job)
    assert len(list(tmp_path.glob("xgamma-resume-*"))) == 1
