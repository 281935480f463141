"""Archives of runs in Zarr, and conversion between formats."""

import itertools

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.filled_datasets import filled
from xgamma.cli import main
from xgamma.simulate.observations import simulate_observation


@pytest.fixture(scope="module")
def runs():
    return [
        simulate_observation("83.63d 22.51d", obs_id=i, seed=i, livetime="60 s") for i in (3, 1)
    ]


def test_runs_go_to_zarr_and_back(runs, tmp_path):
    xg.write_archive(runs, tmp_path / "a.zarr")
    store = xg.open_store(tmp_path / "a.zarr")
    assert store.obs_ids == [3, 1]
    for run, back in zip(runs, store, strict=True):
        xr.testing.assert_identical(back.load(), run)
        assert list(back.children) == list(run.children)
    only = store.open(3, groups=["aeff"])
    assert list(only.children) == ["aeff"]
    assert store.select([1]).obs_ids == [1]
    assert type(store.select([1])) is type(store)
    assert "2 observations" in repr(store)
    with pytest.raises(xg.MissingDataError, match="no run 7"):
        store[7]
    with pytest.raises(xg.MissingDataError, match="no group 'x'"):
        store.open(3, groups=["x"])


def test_two_runs_of_one_number_are_refused(runs, tmp_path):
    with pytest.raises(xg.XGammaError, match="Two runs have the OBS_ID 3"):
        xg.write_archive([runs[0], runs[0]], tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []
    filled("map").gamma.to_zarr(tmp_path / "map.zarr")
    with pytest.raises(xg.XGammaError, match="contains no runs"):
        xg.open_store(tmp_path / "map.zarr")


def test_an_archive_of_real_runs_reduces_to_the_same(data, tmp_path):
    store = xg.open_store(data / "hess-dl3-dr1").select([23523, 23526])
    xg.write_archive(store, tmp_path / "a.zarr")
    archive = xg.open_store(tmp_path / "a.zarr")
    xr.testing.assert_identical(archive.table.reset_coords(), store.table.reset_coords())
    ds = xg.create_map(
        "83.63d 22.01d", "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3), energy_true="reco"
    )
    for run in (23523, 26526 - 3000):
        one, two = (ds.gamma.fill(s[run]) for s in (store, archive))
        for name in ("counts", "exposure", "background"):
            np.testing.assert_array_equal(one[name], two[name])


def test_conversion_of_datasets(tmp_path):
    ds = filled("map")
    ds.gamma.to_fits(tmp_path / "a.fits.gz")
    chain = ["a.fits.gz", "a.nc", "a.zarr", "b.fits"]
    for source, target in itertools.pairwise(chain):
        assert main(["convert", str(tmp_path / source), str(tmp_path / target), "--quiet"]) == 0
        with xg.open(tmp_path / target) as back:
            xr.testing.assert_identical(back.load(), ds)
    assert main(["convert", str(tmp_path / "a.nc"), str(tmp_path / "b.fits")]) == 1
    assert main(["convert", str(tmp_path / "a.nc"), str(tmp_path / "b.xyz")]) == 1
    tree = xr.DataTree.from_dict({"/a": ds, "/b": ds})
    tree.gamma.to_zarr(tmp_path / "t.zarr")
    with pytest.raises(xg.XGammaError, match="not a collection: write"):
        xg.convert(tmp_path / "t.zarr", tmp_path / "t.fits")


def test_conversion_of_archives(runs, tmp_path):
    xg.write_archive(runs, tmp_path / "a.zarr")
    xg.convert(tmp_path / "a.zarr", tmp_path / "gadf")
    xg.convert(tmp_path / "gadf", tmp_path / "b.zarr")
    store = xg.open_store(tmp_path / "b.zarr")
    assert sorted(store.obs_ids) == [1, 3]
    np.testing.assert_array_equal(store[3].events.energy, runs[0].events.energy)
    with pytest.raises(xg.XGammaError, match=r"ending .zarr for 'a.nc'"):
        xg.convert(tmp_path / "gadf", tmp_path / "a.nc")
