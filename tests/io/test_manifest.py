"""What is written says what belongs to it: lost folders and edited descriptions are noticed."""

import json
import shutil

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.tutorial import example_map

pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")


@pytest.fixture(scope="module")
def ds():
    """A small map, a part of it zeros, which other programs leave out."""
    return example_map().isel(x=slice(0, 8), y=slice(0, 8)).drop_vars(["psf", "edisp"])


@pytest.fixture(params=["dataset", "lazy", "tree", "lazy tree"])
def store(request, tmp_path, ds):
    path = tmp_path / "a.zarr"
    data = ds.chunk(x=4) if "lazy" in request.param else ds
    if "tree" in request.param:
        data = xg.collect([data, data.assign_attrs(name="b")])
    data.gamma.to_zarr(path)
    return path


def edit(folder, change):
    file = folder / "zarr.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def test_a_lost_folder_is_noticed(store):
    """Each array and group that is removed whole, one at a time."""
    assert xg.verify(store) == []
    for file in sorted(store.rglob("zarr.json")):
        folder = file.parent
        if folder == store:
            continue
        aside = store.with_name("aside")
        shutil.move(folder, aside)
        name = folder.relative_to(store).as_posix()
        for kwargs in ({}, {"chunks": {}}):
            with pytest.raises(xg.XGammaError, match=rf"a\.zarr' is damaged: {name}.* is missing"):
                xg.open(store, **kwargs)
        assert xg.verify(store, "return")
        shutil.move(aside, folder)
    assert xg.verify(store) == []


CHANGES = {
    "type": lambda d: d.update(data_type="int64"),
    "order": lambda d: d["codecs"][0]["configuration"].update(endian="big"),
    "dims": lambda d: d.update(dimension_names=["energy", "x", "y"]),
    "shape": lambda d: d["shape"].__setitem__(-1, 3),
    "rank": lambda d: d.update(shape=d["shape"][1:]),
    "chunks": lambda d: d["chunk_grid"]["configuration"].update(chunk_shape=[1, 1, 1]),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_an_edited_description_is_noticed_at_opening(store, change):
    edit(
        store / "counts" if (store / "counts").exists() else store / "b" / "counts", CHANGES[change]
    )
    with pytest.raises(xg.XGammaError, match=r"counts .*(write it again|restore it)"):
        xg.open(store)


def test_edited_attributes_are_told_by_verify(store):
    group = store / "b" if (store / "b").exists() else store
    edit(group / "counts", lambda d: d["attributes"].update(note="edited"))
    xg.open(store)  # Attributes may be edited.
    with pytest.raises(xg.XGammaError, match=r"attributes or the size of .*counts were changed"):
        xg.verify(store)
    edit(group / "counts", lambda d: d["attributes"].pop("note"))
    edit(group, lambda d: d["attributes"].update(models="components: []"))
    assert len(xg.verify(store, "return")) == 1


def test_writing_again_renews_the_list(store, tmp_path):
    with xg.open(store) as data:
        data = data.load()
    if isinstance(data, xr.DataTree):
        data = xr.DataTree.from_dict({"/b": data["b"].to_dataset().assign_attrs(name="c")})
    else:
        data = data.drop_vars("exposure").assign_attrs(note="edited")
    data.gamma.to_zarr(store, overwrite=True)
    assert xg.verify(store) == []
    assert xg.open(store).load().identical(data)


def test_what_others_add_or_copy_is_opened(tmp_path, ds):
    """They leave out chunks of zeros, and know of no list."""
    path, copy = tmp_path / "a.zarr", tmp_path / "copy.zarr"
    ds.gamma.to_zarr(path)
    import zarr

    group = zarr.open_group(path, mode="a")
    group.create_array("more", data=np.zeros(5), dimension_names=["z"])
    assert xg.verify(path) == []
    assert "more" in xg.open(path)
    with xr.open_zarr(path, consolidated=False) as bare:
        zeros = bare.load().drop_vars(["exposure", "more"])
        zeros["counts"] = zeros.counts * 0
        zeros.drop_encoding().to_zarr(copy, consolidated=False)
    assert float(xg.open(copy).counts.sum()) == 0
    assert "another program" in xg.verify(copy, "return")[0]
    # Variables that bare xarray appends in place.
    xr.Dataset({"extra": ("w", np.zeros(3))}).to_zarr(path, mode="a", consolidated=False)
    assert "extra" in xg.open(path)


def test_older_stores_without_a_list_open(tmp_path, ds):
    path = tmp_path / "a.zarr"
    ds.gamma.to_zarr(path)

    def older(document):
        document["attributes"].pop("_nc_xgamma_manifest")
        document["attributes"]["xgamma_sealed"] = "crc32c"

    edit(path, older)
    assert xg.open(path).load().identical(ds)
    assert xg.verify(path) == []
    next(p for p in (path / "counts" / "c").rglob("*") if p.is_file()).unlink()
    with pytest.raises(xg.XGammaError, match="a part of counts is missing"):
        xg.open(path)


@pytest.mark.parametrize("wrong", [[], {"counts": None}, {"": [1, 2, 3, 4]}, "text", 5])
def test_a_damaged_list_is_a_sentence(tmp_path, ds, wrong):
    ds.gamma.to_zarr(tmp_path / "a.zarr")
    edit(tmp_path / "a.zarr", lambda d: d["attributes"].update(_nc_xgamma_manifest=wrong))
    with pytest.raises(xg.XGammaError, match="the list of its contents"):
        xg.open(tmp_path / "a.zarr")
    assert xg.verify(tmp_path / "a.zarr", "return")


def test_a_run_lost_from_an_archive(tmp_path):
    obs = xg.dl3.simulate_observation("83.63d 22.51d", events=False)
    path = tmp_path / "a.zarr"
    xg.write_archive([obs], path)
    assert xg.verify(path) == []
    (run,) = (p for p in (path / "runs").iterdir() if p.is_dir())
    edit(run, lambda d: d["attributes"].update(OBJECT="other"))
    assert xg.verify(path, "return")
    shutil.rmtree(run)
    with pytest.raises(xg.XGammaError, match=f"runs/{run.name} is missing"):
        xg.verify(path)
    store = xg.open_store(path)
    with pytest.raises(xg.XGammaError, match=f"run {run.name} is missing"):
        store.open(store.table.obs_id.values.tolist()[0])


def test_remote_stores(ds):
    pytest.importorskip("fsspec", reason="fsspec is not installed: pip install fsspec")
    import fsspec

    url = "memory://manifest/a.zarr"
    ds.gamma.to_zarr(url, overwrite=True)
    assert xg.open(url).load().identical(ds)
    files = fsspec.filesystem("memory")
    root = json.loads(files.cat("/manifest/a.zarr/zarr.json"))
    assert "counts" in root["attributes"]["_nc_xgamma_manifest"]
    del root["consolidated_metadata"]["metadata"]["counts"]
    files.pipe("/manifest/a.zarr/zarr.json", json.dumps(root).encode())
    with pytest.raises(xg.XGammaError, match="counts is missing"):
        xg.open(url)
    plain = "memory://manifest/b.zarr"
    ds.gamma.to_zarr(plain, overwrite=True, consolidated=False)
    assert xg.open(plain).load().identical(ds)


@pytest.mark.filterwarnings("ignore:.*its checksum is missing")
@pytest.mark.parametrize("form", ["dataset", "lazy", "tree"])
def test_edited_netcdf_files_are_told_by_verify(tmp_path, ds, form):
    """An attribute that is edited in place, or in the bytes; other programs read the file."""
    netCDF4 = pytest.importorskip("netCDF4")
    path = tmp_path / "a.nc"
    data = ds.chunk(x=4) if form == "lazy" else ds
    data = xg.collect([data, data.assign_attrs(name="b")]) if form == "tree" else data
    data.gamma.to_netcdf(path)
    assert xg.verify(path) == []
    with xr.open_datatree(path) as bare:
        bare.load()
    content = path.read_bytes()
    place = content.index(b"TeV")
    path.write_bytes(content[:place] + b"GeV" + content[place + 3 :])
    assert xg.verify(path, "return")
    path.write_bytes(content)
    with netCDF4.Dataset(path, "a") as file:
        (file["b"] if form == "tree" else file)["counts"].note = "edited"
    with pytest.raises(xg.XGammaError, match="by another program"):
        xg.verify(path)
    with xg.open(path) as again:
        again.load().gamma.to_netcdf(tmp_path / "b.nc")
    assert xg.verify(tmp_path / "b.nc") == []


@pytest.mark.filterwarnings("ignore:.*its checksum is missing")
def test_netcdf_files_of_others_are_sound(tmp_path, ds):
    ds.gamma.to_netcdf(tmp_path / "a.nc")
    ds.to_netcdf(tmp_path / "b.nc")
    assert xg.verify(tmp_path / "b.nc") == []
    with xr.open_dataset(tmp_path / "a.nc") as bare:
        bare.load().drop_vars("exposure").to_netcdf(tmp_path / "c.nc")
    assert "exposure" not in xg.open(tmp_path / "c.nc")
    assert "written again" in xg.verify(tmp_path / "c.nc", "return")[0]
