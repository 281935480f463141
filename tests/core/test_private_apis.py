"""What is used of other libraries without a promise: each test says when a new version moves it."""

import ast
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xgamma
from xgamma.core import private_apis
from xgamma.core.lazy_arrays import LazyArray, lazy_variable

PACKAGE = Path(xgamma.__file__).parent
PRIVATE = ("xarray.core", "xarray.backends.", "xarray.namedarray", "xarray.coding", "zarr.core")


class Counted(LazyArray):
    """Numbers that count how often they are read."""

    def __init__(self):
        self.shape, self.dtype, self.reads = (4, 5), np.dtype(float), 0

    def read_part(self, key):
        self.reads += 1
        return np.arange(20.0).reshape(4, 5)[key]


def test_adapters_of_xarray_read_parts_on_demand_and_wholes_once():
    array = Counted()
    ds = xr.Dataset({"v": lazy_variable(("y", "x"), array, {})})
    assert array.reads == 0
    np.testing.assert_array_equal(ds.v.isel(y=[3, 1], x=slice(1, 3)), [[16, 17], [6, 7]])
    reads = array.reads
    assert ds.v.sum() == ds.v.sum() == 190
    assert array.reads == reads + 1


def test_the_lock_of_xarray_is_the_one_that_its_netcdf_files_take():
    from xarray.backends import netCDF4_

    lock = private_apis.NETCDF4_PYTHON_LOCK
    assert netCDF4_.NETCDF4_PYTHON_LOCK is lock
    assert lock.acquire(False)
    lock.release()


def test_stores_of_zarr_run_in_its_loop():
    zarr = pytest.importorskip("zarr")
    store = zarr.storage.MemoryStore()
    private_apis.ensure_open(store)
    prototype = private_apis.buffer_prototype()
    private_apis.sync(store.set("a", prototype.buffer.from_bytes(b"xyz")))
    assert private_apis.sync(store.get("a", prototype)).to_bytes() == b"xyz"


def test_tables_of_naima_have_their_numbers():
    naima = pytest.importorskip("naima")
    from astropy import units as u

    table = naima.models.TableModel(np.arange(1, 6) * u.TeV, np.arange(5, 0, -1) / u.eV)
    energy, values = private_apis.naima_table(table)
    np.testing.assert_allclose(u.Quantity(energy, "eV").value, 1e12 * np.arange(1, 6))
    np.testing.assert_allclose(u.Quantity(values).value, np.arange(5, 0, -1))


def test_zarr_arrays_are_opened_in_the_class_of_ours(tmp_path):
    zarr = pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
    xr.Dataset({"a": ("x", np.arange(3.0))}).to_zarr(tmp_path / "a.zarr", consolidated=False)
    assert private_apis.normalize_path(tmp_path) == str(tmp_path)

    class Ours(private_apis.ZarrArrayWrapper):
        pass

    with xr.open_zarr(tmp_path / "a.zarr", chunks=None, consolidated=False) as ds:
        lazy = ds.a.variable
        while not hasattr(lazy._data, "array") or not isinstance(
            lazy._data.array, private_apis.ZarrArrayWrapper
        ):
            lazy = xr.Variable("x", lazy._data.array, fastpath=True)
        private_apis.replace_array(lazy, private_apis.ZarrArrayWrapper, Ours)
        assert type(lazy._data.array) is Ours
    assert zarr


def test_private_modules_are_imported_in_one_place():
    for path in PACKAGE.rglob("*.py"):
        if path.name == "private_apis.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found = [n for n in names if n.startswith(PRIVATE)]
            assert not found, f"{path.relative_to(PACKAGE)} imports {found[0]}: use private_apis"


def test_a_dataset_grows_without_merging():
    """All of it is compared with `assign` in tests/model/test_assembly.py."""
    ds = xr.Dataset({"a": ("x", [1, 2])}, coords={"x": [3, 4]})
    made = private_apis.grown(ds, {"b": xr.Variable("y", [5])}, {"x": 2, "y": 1}, {"name": "c"})
    xr.testing.assert_identical(made, ds.assign(b=("y", [5])).assign_attrs(name="c"))
    assert dict(made.sizes) == {"x": 2, "y": 1}
    assert ds.attrs == {}
