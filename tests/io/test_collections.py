"""Collections of many datasets in one file: as xarray would write and read them, only faster."""

import netCDF4
import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.io.samples import filled


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
