"""What is opened or written harms nothing: no code runs, nothing leaves its store, none is lost."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.core import atomic
from xgamma.core.atomic import replace_folder
from xgamma.core.paths import part_name
from xgamma.errors import XGammaError
from xgamma.tutorial import example_map

zarr = pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")


@pytest.mark.parametrize("name", ["..", ".", "", " ", "a/b", "a\\b", "a\nb", "a\0b"])
def test_names_that_leave_a_store_are_refused(tmp_path, name):
    with pytest.raises(XGammaError, match="cannot be the name of a group or variable"):
        part_name(name, "name")


@pytest.mark.parametrize("name", ["..", "."])
@pytest.mark.parametrize("write", ["to_zarr", "to_netcdf"])
def test_collections_with_such_names(tmp_path, name, write):
    ds = example_map()
    with pytest.raises(XGammaError, match="cannot be the name of a group or variable"):
        xg.collect([ds.assign_attrs(name=name)])
    tree = xr.DataTree(children={name: xr.DataTree(ds)})
    folder = tmp_path / "inner"
    folder.mkdir()
    with pytest.raises(XGammaError, match="cannot be the name of a group or variable"):
        getattr(tree.gamma, write)(folder / "a")
    assert [p.name for p in tmp_path.rglob("*")] == ["inner"]


@pytest.mark.parametrize("obs_id", ["..", ".", "../../x"])
def test_runs_with_such_names(tmp_path, obs_id):
    obs = xg.dl3.simulate_observation("83.63d 22.51d", events=False)
    obs.attrs["OBS_ID"] = obs_id
    folder = tmp_path / "inner"
    folder.mkdir()
    with pytest.raises(XGammaError):
        xg.write_archive([obs], folder / "a.zarr")
    assert [p.name for p in tmp_path.rglob("*")] == ["inner"]


@pytest.mark.parametrize("version", [2, 3])
def test_codecs_that_run_code_are_refused(tmp_path, version):
    folder = tmp_path / "a.zarr"
    example_map()[["counts"]].gamma.to_zarr(folder, zarr_format=version, consolidated=False)
    file = folder / "counts" / {2: ".zarray", 3: "zarr.json"}[version]
    found = json.loads(file.read_text())
    if version == 2:
        found["filters"] = [{"id": "vlen-utf8"}, {"id": "pickle", "protocol": 5}]
    else:
        found["codecs"].insert(0, {"name": "numcodecs.pickle", "configuration": {}})
    file.write_text(json.dumps(found))
    with pytest.raises(XGammaError, match="executes code from the file"):
        xg.open(folder)


def test_lost_and_changed_chunks_are_noticed(tmp_path):
    """Of every array: a lost file is refused when opening, a changed byte when reading."""
    folder = tmp_path / "a.zarr"
    ds = example_map()
    ds = ds.assign(background=ds.background * 0)
    xg.collect([ds, ds.assign_attrs(name="b")]).gamma.to_zarr(folder)
    chunks = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "zarr.json")
    assert len(chunks) > 2 * len(ds.variables) - 2
    for chunk in chunks:
        content = chunk.read_bytes()
        chunk.unlink()
        with pytest.raises(XGammaError, match="is missing"):
            xg.open(folder)
        for position in {0, len(content) // 2, len(content) - 1}:
            damaged = bytearray(content)
            damaged[position] ^= 0x10
            chunk.write_bytes(damaged)
            try:
                found = xg.open(folder).load()
            except Exception:
                continue
            # Bounds and the number of the frame are for other programs: nothing here reads them.
            assert found["b"].to_dataset().equals(ds)
        chunk.write_bytes(content)
    assert xg.open(folder).load()["b"].to_dataset().equals(ds)


def test_a_mosaic_larger_than_memory_has_all_its_chunks(tmp_path):
    store = xg.open_store(xg.dl3.simulate_store(tmp_path / "runs", pointings=["83.63d 22.51d"]))
    axis = xg.energy_axis("1 TeV", "10 TeV", 2)
    template = xg.create_map("83.63d 22.01d", "24 deg", "0.1 deg", axis)
    xg.reduce(store, into=template, cutout_width="2 deg", out=tmp_path / "m.zarr", memory="300 MB")
    xg.open(tmp_path / "m.zarr")
    last = sorted((tmp_path / "m.zarr" / "counts" / "c").rglob("*"))[-1]
    last.unlink()
    with pytest.raises(XGammaError, match="a part of counts is missing"):
        xg.open(tmp_path / "m.zarr")


def _version(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "zarr.json").write_text(text)
    return folder


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_is_replaced_whole(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(atomic, "_exchanged", lambda one, other: False)
    target = _version(tmp_path / "a.zarr", "old")
    replace_folder(_version(tmp_path / ".new", "new"), target)
    assert (target / "zarr.json").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


def test_failing_moves_lose_neither_version(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "_exchanged", lambda one, other: False)
    target, new = _version(tmp_path / "a.zarr", "old"), _version(tmp_path / ".new", "new")
    real, left = Path.rename, [1]

    def rename(self, other):
        if left[0] == 0:
            raise OSError("no")
        left[0] -= 1
        return real(self, other)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(XGammaError, match=r"the old version was kept as .* and the new one as"):
        replace_folder(new, target)
    texts = {p.read_text() for p in tmp_path.rglob("zarr.json")}
    assert texts == {"old", "new"}


def test_readers_always_find_one_whole_version(tmp_path):
    """A reader beside twenty replacements never finds the place empty."""
    target = _version(tmp_path / "a.zarr", "0")
    if not atomic._exchanged(_version(tmp_path / "x", ""), _version(tmp_path / "y", "")):
        pytest.skip("this system cannot exchange two names")
    missing, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            if not (target / "zarr.json").exists() and not (target / "zarr.json").exists():
                missing.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for k in range(20):
        replace_folder(_version(tmp_path / f"n{k}", str(k)), target)
    stop.set()
    reader.join()
    assert not missing
    assert (target / "zarr.json").read_text() == "19"


def test_netcdf_from_eight_threads(tmp_path):
    """The libraries below crash Python when two threads enter them, and when one file is opened
    twice and closed once.
    """
    ds = example_map()
    ds.gamma.to_netcdf(tmp_path / "a.nc")
    faults = []

    def work(k):
        try:
            for n in range(3):
                ds.gamma.to_netcdf(tmp_path / f"{k}-{n}.nc")
                with xg.open(tmp_path / "a.nc") as other:
                    assert np.array_equal(other.counts, ds.counts)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
