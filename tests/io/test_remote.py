"""Zarr on file systems of fsspec and on store objects: memory, and local by URL."""

import pickle
from typing import ClassVar

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.filled_datasets import filled
from tests.helpers.runs import template
from xgamma.reduction.files import stack_files
from xgamma.simulate.observations import simulate_observation

zarr = pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install fsspec")


@pytest.fixture(params=["memory", "file"])
def url(request, tmp_path):
    """The address of an empty place."""
    if request.param == "file":
        yield tmp_path.as_uri() + "/deep"
        return
    yield "memory://xgamma-test"
    memory = fsspec.filesystem("memory")
    if memory.exists("/xgamma-test"):
        memory.rm("/xgamma-test", recursive=True)


def test_datasets_and_collections(url):
    ds = filled("map")
    ds.gamma.to_zarr(f"{url}/a.zarr")
    xr.testing.assert_identical(xg.open(f"{url}/a.zarr").load(), ds)
    lazy = xg.open(f"{url}/a.zarr", chunks={})
    assert lazy.counts.chunks is not None
    with pytest.raises(xg.XGammaError, match="already exists"):
        ds.gamma.to_zarr(f"{url}/a.zarr")
    ds.gamma.slice_energy(2, None).gamma.to_zarr(f"{url}/a.zarr", overwrite=True)
    assert xg.open(f"{url}/a.zarr").sizes["energy"] < ds.sizes["energy"]
    tree = xr.DataTree.from_dict({"/b": ds, "/a": ds})
    tree.gamma.to_zarr(f"{url}/t.zarr")
    back = xg.open(f"{url}/t.zarr")
    assert list(back.children) == ["b", "a"]
    xr.testing.assert_identical(back["a"].to_dataset().load(), ds)


class Counting(zarr.storage.WrapperStore):
    """A store that keeps the keys that are asked for."""

    keys: ClassVar[list[str]] = []

    async def get(self, key, prototype, byte_range=None):
        self.keys.append(key)
        return await super().get(key, prototype, byte_range)

    def with_read_only(self, read_only=False):
        """Wrap the store again, which zarr's own wrapper did not always do."""
        return type(self)(self._store.with_read_only(read_only))


def test_few_requests(url):
    ds = filled("map").chunk(y=10, x=10)
    ds.gamma.to_zarr(f"{url}/a.zarr")
    store = Counting(zarr.storage.FsspecStore.from_url(f"{url}/a.zarr"))
    Counting.keys.clear()
    lazy = xg.open(store, chunks={})
    # The metadata of all arrays at once, the labels, and what xarray looks for in vain.
    assert len(Counting.keys) < len(lazy.variables) + 10
    assert not [key for key in Counting.keys if key.startswith("counts")]
    Counting.keys.clear()
    part = lazy.counts.isel(y=slice(2, 8), x=slice(12, 18)).compute()
    assert Counting.keys == ["counts/c/0/0/1"]
    xr.testing.assert_identical(part, ds.counts.isel(y=slice(2, 8), x=slice(12, 18)).compute())


def test_writing_reads_nothing():
    Counting.keys.clear()
    filled("map").gamma.to_zarr(Counting(zarr.storage.MemoryStore()))
    assert Counting.keys == []


def broken():
    """A dataset whose exposure fails to be computed, when all else is written."""
    import dask.array

    def fail(block):
        raise OSError("the network is gone")

    ds = filled("map")
    lazy = dask.array.from_array(ds.exposure.values, chunks=-1).map_blocks(
        fail, dtype="f4", meta=np.empty(0, "f4")
    )
    return ds.assign(exposure=ds.exposure.copy(data=lazy))


def test_a_part_is_not_taken_for_the_whole(url):
    ds = filled("map")
    with pytest.raises(OSError, match="network"):
        broken().gamma.to_zarr(f"{url}/a.zarr")
    with pytest.raises(xg.XGammaError, match="is incomplete"):
        xg.open(f"{url}/a.zarr")
    with pytest.raises(xg.XGammaError, match="exists but is incomplete: pass overwrite"):
        ds.gamma.to_zarr(f"{url}/a.zarr")
    ds.gamma.to_zarr(f"{url}/a.zarr", overwrite=True)
    xr.testing.assert_identical(xg.open(f"{url}/a.zarr").load(), ds)
    system, place = fsspec.url_to_fs(f"{url}/a.zarr")
    assert not [name for name in system.find(place) if "unfinished" in name]


def test_an_archive_that_stops(url):
    def runs():
        yield simulate_observation("83.63d 22.51d", livetime="60 s", events=False)
        raise OSError("the network is gone")

    with pytest.raises(OSError, match="network"):
        xg.write_archive(runs(), f"{url}/runs.zarr")
    with pytest.raises(xg.XGammaError, match="is incomplete"):
        xg.open_store(f"{url}/runs.zarr")


@pytest.mark.parametrize("overwrite", [False, True])
def test_other_things_are_not_replaced(url, overwrite):
    system, place = fsspec.url_to_fs(f"{url}/data")
    system.makedirs(place, exist_ok=True)
    system.pipe(f"{place}/thesis.tex", b"all of it")
    with pytest.raises(xg.XGammaError, match="is not a Zarr store and is not overwritten"):
        filled("map").gamma.to_zarr(f"{url}/data", overwrite=overwrite)
    assert system.cat(f"{place}/thesis.tex") == b"all of it"


def test_workers_can_write():
    from xgamma.io.remote_writing import NewStore

    store = NewStore(zarr.storage.MemoryStore())
    zarr.create_array(store, shape=(4,), chunks=(2,), dtype="f4")
    there = zarr.open_array(pickle.loads(pickle.dumps(store)), mode="r+")
    there[:2] = 1.0
    assert there[0] == 1.0


def test_without_consolidated_metadata(url):
    ds = filled("map")
    ds.gamma.to_zarr(f"{url}/a.zarr", consolidated=False)
    group = zarr.open_group(f"{url}/a.zarr", mode="r")
    assert group.metadata.consolidated_metadata is None
    xr.testing.assert_identical(xg.open(f"{url}/a.zarr").load(), ds)


def test_a_store_object():
    ds = filled("map")
    store = zarr.storage.MemoryStore()
    ds.gamma.to_zarr(store)
    xr.testing.assert_identical(xg.open(store).load(), ds)
    with pytest.raises(xg.XGammaError, match="already exists"):
        ds.gamma.to_zarr(store)


def test_an_archive_of_runs(url):
    runs = [
        simulate_observation("83.63d 22.51d", obs_id=i, seed=i, livetime="60 s") for i in (3, 1)
    ]
    xg.write_archive(runs, f"{url}/runs.zarr")
    store = xg.open_store(f"{url}/runs.zarr")
    assert store.obs_ids == [3, 1]
    xr.testing.assert_identical(store[1].load(), runs[1])
    into = template()
    one, two = (xg.reduce(r, into=into, offset_max="1 deg") for r in (runs, store))
    np.testing.assert_array_equal(one.counts, two.counts)
    with pytest.raises(xg.XGammaError, match="already exists"):
        xg.write_archive(runs, f"{url}/runs.zarr")


def test_what_is_not_there(url):
    with pytest.raises(xg.MissingDataError, match=r"The store .* does not exist"):
        xg.open(f"{url}/absent.zarr")
    with pytest.raises(xg.XGammaError, match="contains no runs"):
        xg.open_store(f"{url}/absent.zarr")
    with pytest.raises(xg.MissingDataError, match="cannot be opened"):
        xg.open("nowhere://a.zarr")


def test_conversion_and_stacking(url, tmp_path):
    ds = filled("map")
    ds.gamma.to_netcdf(tmp_path / "a.nc")
    xg.convert(tmp_path / "a.nc", f"{url}/a.zarr")
    xg.convert(f"{url}/a.zarr", tmp_path / "b.nc")
    xr.testing.assert_identical(xg.open(tmp_path / "b.nc").load(), ds)
    with pytest.raises(
        xg.XGammaError, match=r"URLs are supported for Zarr only: use the ending .zarr for '.*a.nc'"
    ):
        xg.convert(tmp_path / "a.nc", f"{url}/a.nc")
    stack_files([f"{url}/a.zarr", tmp_path / "a.nc"], f"{url}/sum.zarr")
    assert xg.open(f"{url}/sum.zarr").counts.equals(xg.stack([ds, ds]).counts)
    with pytest.raises(xg.XGammaError, match=r"sum.zarr' already exists"):
        stack_files([f"{url}/a.zarr"], f"{url}/sum.zarr")


def test_runs_are_converted_from_a_url(url, tmp_path):
    xg.write_archive([simulate_observation("83.63d 22.51d", seed=1, obs_id=7)], f"{url}/r.zarr")
    xg.convert(f"{url}/r.zarr", tmp_path / "local.zarr")
    assert xg.open_store(tmp_path / "local.zarr").obs_ids == [7]
