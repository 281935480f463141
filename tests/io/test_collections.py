"""Collections of many datasets in one file: as xarray would write and read them, only faster."""

import pickle
import re
import warnings

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xgamma as xg
from tests.helpers.filled_datasets import filled, templates
from xgamma.io.groups import open_engine


def collection():
    """Datasets of all sorts, one of them deeper, in an order that no file keeps."""
    ds = filled("map")
    nodes = {"/z": ds, "/b": ds.isel(x=slice(3, 9)), "/m/inner": filled("spectrum_onoff")}
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs={"note": "ümlaut"}), **nodes}, name="all")


def described(group):
    """All that a NetCDF group says, but the time of writing."""
    variables = {}
    for name, variable in group.variables.items():
        attrs = {key: variable.getncattr(key) for key in variable.ncattrs()}
        form = (variable.dtype, variable.dimensions, variable.chunking(), variable.filters())
        values = np.ma.getdata(variable[...]).tolist()
        variables[name] = (form, values, attrs)
    return {
        "attrs": {key: group.getncattr(key) for key in group.ncattrs() if key != "history"},
        "dims": {name: len(dim) for name, dim in group.dimensions.items()},
        "variables": variables,
        "groups": {name: described(inner) for name, inner in group.groups.items()},
    }


def test_netcdf_is_what_xarray_would_write(tmp_path):
    tree = collection()
    tree.gamma.to_netcdf(tmp_path / "ours.nc")
    tree.gamma.to_netcdf(tmp_path / "theirs.nc", format="NETCDF4")
    with netCDF4.Dataset(tmp_path / "theirs.nc", "a") as theirs:
        theirs.xgamma_sealed = "sum"
    with (
        netCDF4.Dataset(tmp_path / "ours.nc") as ours,
        netCDF4.Dataset(tmp_path / "theirs.nc") as theirs,
    ):
        np.testing.assert_equal(described(ours), described(theirs))
    with xr.open_datatree(tmp_path / "ours.nc") as plain:
        assert set(plain.groups) == set(tree.groups)
        np.testing.assert_array_equal(plain["z"].counts, tree["z"].counts)


def test_netcdf_defines_all_before_it_fills_any(tmp_path, monkeypatch):
    """A definition after values makes the library go over all groups of the file again."""
    from xarray.backends import NetCDF4DataStore

    steps = []
    prepare = NetCDF4DataStore.prepare_variable
    monkeypatch.setattr(
        NetCDF4DataStore,
        "prepare_variable",
        lambda *args, **kwargs: steps.append("define") or prepare(*args, **kwargs),
    )
    from xgamma.io.netcdf import _Later

    write = _Later.write
    monkeypatch.setattr(
        _Later, "write", lambda *args: steps.append(len(args[0].pairs)) or write(*args)
    )
    tree = collection()
    tree.gamma.to_netcdf(tmp_path / "a.nc")
    number = steps.count("define")
    assert number > sum(len(node.variables) for node in tree.subtree)
    assert steps == ["define"] * number + [number]


@pytest.mark.parametrize("scheduler", ["threads", "sync"])
def test_netcdf_of_lazy_collections(scheduler, tmp_path):
    dask = pytest.importorskip("dask", reason="dask is not installed: pip install xgamma[dask]")
    tree = collection()
    with dask.config.set(scheduler=scheduler):
        tree.chunk().gamma.to_netcdf(tmp_path / "a.nc")
    with xg.open(tmp_path / "a.nc") as back:
        xr.testing.assert_identical(back.load(), tree)


def varied(n=6):
    """Datasets that differ in what those of a survey do: places, attributes, lengths, texts."""
    out = []
    for k in range(n):
        ds = filled("map", seed=k, n_obs=1 + k % 2)
        ds = ds.isel(x=slice(k % 3, 8 + k % 3), energy=slice(0, 2 + k % 2))
        ds["telescope"] = ("obs", np.array(["HESS" if k % 2 else "CTAO-N"] * ds.sizes["obs"]))
        ds.exposure.attrs["livetime"] = 100.0 + k
        if k == 4:
            ds = xg.model.frame.set_frame(
                xg.model.frame.drop_frame(ds).assign_coords(
                    wcs=ds.wcs.assign_attrs(CRVAL1=80.0).reset_coords(drop=True)
                )
            )
        out.append(ds.assign_attrs(name=f"run-{k}"))
    return out


def assert_same_trees(ours, theirs):
    """Trees, read lazily, are alike in all that can be asked of them."""
    assert ours.groups == theirs.groups
    assert ours.name == theirs.name
    for node in ours.subtree:
        other = theirs[node.path]
        one, two = (n.to_dataset(inherit=False) for n in (node, other))
        assert list(one.attrs.items()) == list(two.attrs.items())
        assert one.encoding == two.encoding
        assert set(one.coords) == set(two.coords)
        assert {n: type(i) for n, i in one.xindexes.items()} == {
            n: type(i) for n, i in two.xindexes.items()
        }
        assert all(one.xindexes[n].equals(two.xindexes[n]) for n in one.xindexes)
        for name, variable in one.variables.items():
            twin = two.variables[name]
            assert type(variable) is type(twin)
            assert (variable.dims, variable.shape) == (twin.dims, twin.shape)
            assert variable.dtype == twin.dtype
            assert list(variable.attrs.items()) == list(twin.attrs.items())
            assert repr(variable.encoding) == repr(twin.encoding), name  # for the NaN in them
            if name not in one.coords and variable.dtype.kind != "U":
                assert variable._in_memory == twin._in_memory, name
    xr.testing.assert_identical(ours.load(), theirs.load())


def both(path):
    """A Zarr collection as this library opens it, and by way of `xarray.open_datatree`."""
    return xg.open(path), open_engine(path, "zarr", {"consolidated": False})


@pytest.fixture
def opened(monkeypatch):
    """Count the groups that xarray opens, and do not let it open whole trees."""
    found = []
    plain = xr.open_dataset
    monkeypatch.setattr(
        xr, "open_dataset", lambda *args, **kw: found.append(kw["group"]) or plain(*args, **kw)
    )
    return found


def test_zarr_makes_once_what_groups_share(tmp_path, opened):
    tree = xg.collect(varied(12))
    tree.gamma.to_zarr(tmp_path / "a.zarr")
    ours, theirs = both(tmp_path / "a.zarr")
    assert len(opened) == 2, "the root, and the first dataset"
    assert_same_trees(ours, theirs)
    xr.testing.assert_identical(ours, tree)


def old_flags(values):
    """Flags as older releases of xarray write them."""
    flags = ("i", np.array(values, "i1"), {"dtype": "bool"})
    return xr.Dataset({"v": flags}, {"b": flags})


@pytest.mark.filterwarnings("ignore:The data type .FixedLengthUTF32")
@pytest.mark.parametrize("bare", [False, True])
def test_zarr_of_all_sorts(bare, tmp_path):
    tree = collection()
    extra = {
        "/when": xr.Dataset({"t": ("t", np.array(["2020-01-01", "2021-01-01"], "M8[ns]"))}),
        "/when2": xr.Dataset({"t": ("t", np.array(["2020-01-01", "2022-01-01"], "M8[ns]"))}),
        "/lapse": xr.Dataset({"t": ("i", np.array([1, 2], "m8[s]"))}),
        "/packed": xr.Dataset({"v": ("i", np.array([1.5, np.nan]))}),
        "/words": xr.Dataset({"w": ("w", ["a", "bc"])}, {"u": ("w", ["x", "yz"])}),
        "/words2": xr.Dataset({"w": ("w", ["a", "bd"])}, {"u": ("w", ["x", "y"])}),
        "/none": xr.Dataset(),
        "/empty": xr.Dataset({"v": ("i", np.empty(0))}),
        "/zeros": xr.Dataset({"v": ("i", np.zeros(3))}, {"i": np.zeros(3)}),
        "/zeros2": xr.Dataset({"v": ("i", np.zeros(3))}, {"i": np.arange(3.0)}),
        "/old": old_flags([0, 1]),
        "/old2": old_flags([1, 1]),
        "/flags": xr.Dataset({"v": ("i", [True, False])}, {"b": ("i", [True, True])}),
    }
    tree = xr.DataTree.from_dict({n.path: n.to_dataset() for n in tree.subtree} | extra)
    path = tmp_path / "a.zarr"
    if bare:
        encoding = {"/packed": {"v": {"dtype": "i2", "scale_factor": 0.5, "_FillValue": -1}}}
        plain = tree.map_over_datasets(xg.model.frame.drop_frame)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plain.to_zarr(path, zarr_format=3, consolidated=False, encoding=encoding)
    else:
        tree.gamma.to_zarr(path)
    assert_same_trees(*both(path))


@settings(max_examples=6, deadline=None)
@given(nodes=st.lists(templates(), min_size=2, max_size=4), seed=st.integers(0, 99))
def test_zarr_of_any_templates(nodes, seed, tmp_path_factory):
    path = tmp_path_factory.mktemp("tree") / "a.zarr"
    again = [ds.assign_attrs(name=f"{k}-{seed}") for k, ds in enumerate(nodes * 2)]
    xg.collect(again).gamma.to_zarr(path)
    assert_same_trees(*both(path))


def test_zarr_reads_parts(tmp_path):
    tree = xg.collect(varied(3))
    tree.gamma.to_zarr(tmp_path / "a.zarr")
    for wanted in (
        {"energy": 0},
        {"x": -1, "y": slice(8, 2, -2)},
        {"energy": [1, 0], "x": [0, 3]},
        {"y": xr.DataArray([1, 2], dims="p"), "x": xr.DataArray([0, 4], dims="p")},
        {"x": slice(0, 0)},
    ):
        node = xg.open(tmp_path / "a.zarr")["run-1"]
        assert not node.variables["counts"]._in_memory
        got = node.counts.isel(wanted)
        np.testing.assert_array_equal(got, tree["run-1"].counts.isel(wanted))
    back = pickle.loads(pickle.dumps(xg.open(tmp_path / "a.zarr")))
    assert not back["run-2"].variables["psf"]._in_memory
    xr.testing.assert_identical(back.load(), tree)


def test_zarr_datasets_do_not_share_what_can_change(tmp_path):
    tree = xg.collect(varied(1) * 3)
    tree.gamma.to_zarr(tmp_path / "a.zarr")
    back = xg.open(tmp_path / "a.zarr")
    for name in list(back.children)[:2]:
        back[name].energy_lo.values[0] = 77.0
        back[name].counts.values[:] = 0
        back[name].energy.attrs["units"] = "erg"
        back[name].attrs["models"] = ""
    last = back["run-0-3"].to_dataset()
    xr.testing.assert_identical(last.load(), tree["run-0-3"].to_dataset())


def test_zarr_that_is_damaged_or_unusual_is_for_xarray(tmp_path, opened):
    tree = xg.collect(varied(3))
    path = tmp_path / "a.zarr"
    tree.gamma.to_zarr(path)
    (path / "run-1" / "notes").mkdir()
    with pytest.warns(UserWarning, match="not recognized"):
        xr.testing.assert_identical(xg.open(path).load(), tree)
    assert not opened
    (path / "run-1" / "notes").rmdir()
    (path / "run-1" / "counts" / "zarr.json").write_text("{")
    with pytest.raises((xg.XGammaError, ValueError)):
        xg.open(path)


def test_zarr_of_format_2(tmp_path, opened):
    tree = xr.DataTree.from_dict({"/a": xr.Dataset({"v": ("i", [1, 2])}), "/b": xr.Dataset()})
    tree.to_zarr(tmp_path / "a.zarr", zarr_format=2, consolidated=False)
    xr.testing.assert_identical(xg.open(tmp_path / "a.zarr").load(), tree)
    assert not opened


def contents(folder):
    """The files of a store, the time of writing left out of its descriptions."""
    found = {}
    for file in folder.rglob("*"):
        if file.is_file():
            found[str(file.relative_to(folder))] = text = file.read_bytes()
            if file.name == "zarr.json" and b"history" in text:
                found[str(file.relative_to(folder))] = re.sub(rb'"history": ".*"', b"", text)
    return found


def test_zarr_is_what_xarray_would_write(tmp_path):
    tree = collection()
    tree.gamma.to_zarr(tmp_path / "ours.zarr")
    tree.gamma.to_zarr(tmp_path / "theirs.zarr", zarr_format=3)
    assert contents(tmp_path / "ours.zarr") == contents(tmp_path / "theirs.zarr")
    with xr.open_datatree(tmp_path / "ours.zarr", engine="zarr", consolidated=False) as plain:
        assert set(plain.groups) == set(tree.groups)
        np.testing.assert_array_equal(plain["z"].counts, tree["z"].counts)
