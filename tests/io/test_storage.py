"""NetCDF and Zarr: what is written is read back, bit for bit."""

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xgamma as xg
from tests.helpers.filled_datasets import KINDS, filled, templates
from xgamma.model.frame import drop_frame, set_frame

FORMS = ("netcdf", "zarr")
SUFFIX = {"netcdf": "nc", "zarr": "zarr"}


def write(obj, form, path, **kwargs):
    getattr(obj.gamma, f"to_{form}")(path, **kwargs)


@pytest.mark.filterwarnings("ignore:The data type .FixedLengthUTF32")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bare", [True, False])
def test_round_trip_of_every_kind(form, kind, bare, tmp_path):
    ds = filled(kind)
    path = tmp_path / f"a.{SUFFIX[form]}"
    if bare:
        getattr(ds, f"to_{form}")(path, **({"consolidated": False} if form == "zarr" else {}))
    else:
        write(ds, form, path)
    with xg.open(path) as back:
        xr.testing.assert_identical(back.load(), ds)
        assert {n: v.dtype for n, v in back.items() if v.dtype.kind not in "UOT"} == {
            n: v.dtype for n, v in ds.items() if v.dtype.kind not in "UOT"
        }
        assert "wcs" in back.xindexes


@settings(max_examples=15, deadline=None)
@given(ds=templates(), form=st.sampled_from(FORMS), dask_backed=st.booleans())
def test_round_trip_of_any_template(ds, form, dask_backed, tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / f"a.{SUFFIX[form]}"
    before = ds.copy(deep=True)
    write(ds.chunk() if dask_backed else ds, form, path)
    with xg.open(path) as back:
        xr.testing.assert_identical(back.load(), before)
    xr.testing.assert_identical(ds, before)


@settings(max_examples=8, deadline=None)
@given(
    nodes=st.lists(templates(), min_size=1, max_size=3),
    form=st.sampled_from(FORMS),
    dask_backed=st.booleans(),
)
def test_round_trip_of_collections(nodes, form, dask_backed, tmp_path_factory):
    path = tmp_path_factory.mktemp("tree") / f"a.{SUFFIX[form]}"
    names = ["z", "b", "m/inner"]
    tree = xr.DataTree.from_dict(dict(zip(names, nodes, strict=False)), name="collection")
    write(tree.chunk() if dask_backed else tree, form, path)
    back = xg.open(path)
    xr.testing.assert_identical(back.load(), tree)
    assert back.name == "collection"
    assert list(back.children) == list(tree.children)
    back.close()


@pytest.mark.parametrize("form", FORMS)
def test_collections_share_axes_at_the_root(form, tmp_path):
    ds = filled("map", n_obs=0)
    shared = drop_frame(ds[["energy", "energy_lo", "energy_hi"]]).drop_vars("wcs")
    cut = ds.isel(x=slice(2, 9))
    tree = xr.DataTree.from_dict({"/": shared, "/one": ds, "/two": cut})
    path = tmp_path / f"a.{SUFFIX[form]}"
    write(tree, form, path)
    xr.testing.assert_identical(xg.open(path).load(), tree)


@pytest.mark.parametrize("form", FORMS)
def test_observations_of_real_runs(form, data, tmp_path):
    run = xr.DataTree.from_dict(
        {
            n.path: n.to_dataset(inherit=False)
            for n in xg.open_store(data / "hess-dl3-dr1")[23523].subtree
        },
        name="23523",
    )
    path = tmp_path / f"run.{SUFFIX[form]}"
    write(run, form, path)
    back = xg.open(path)
    xr.testing.assert_identical(back.load(), run.load())
    assert back.gamma.obs_id == 23523
    assert back.gamma.livetime == run.gamma.livetime


@pytest.mark.parametrize("form", FORMS)
def test_files_follow_cf(form, tmp_path):
    ds = filled("map")
    path = tmp_path / f"a.{SUFFIX[form]}"
    write(ds, form, path)
    options = {"engine": "zarr", "consolidated": False} if form == "zarr" else {}
    with xr.open_dataset(path, decode_coords=False, **options) as raw:
        assert raw.attrs["Conventions"].startswith("CF-")
        assert "written by xgamma" in raw.attrs["history"]
        assert raw.counts.attrs["grid_mapping"] == "wcs"
        assert raw.energy.attrs["bounds"] == "energy_bounds"
        np.testing.assert_array_equal(raw.energy_bounds[:, 0], ds.energy_lo)
        assert raw.mask_safe.attrs["flag_meanings"] == "outside inside"
    write(xg.open(path).load(), form, tmp_path / f"b.{SUFFIX[form]}")


def test_files_are_compressed_and_chunked(tmp_path):
    ds = xg.create_map((0, 0), "40 deg", "0.02 deg", xg.energy_axis(1, 10, 4), energy_true="reco")
    shape = (4, ds.sizes["y"], ds.sizes["x"])
    ds["counts"] = (("energy", "y", "x"), np.zeros(shape, "f4"), {"units": ""})
    ds.gamma.to_netcdf(tmp_path / "a.nc")
    assert (tmp_path / "a.nc").stat().st_size < ds.nbytes / 50
    with netCDF4.Dataset(tmp_path / "a.nc") as raw:
        chunks = raw["counts"].chunking()
        assert np.prod(chunks) * 4 <= 4 * 2**20
    ds.gamma.to_zarr(tmp_path / "a.zarr")
    import zarr

    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    assert group.metadata.zarr_format == 3
    assert list(group["counts"].chunks) == list(chunks)


def test_tiles_of_the_user_are_kept(tmp_path, monkeypatch):
    import dask.array
    import zarr

    def written(data):
        path = tmp_path / "a.zarr"
        ds = xr.Dataset({"counts": (("energy", "y", "x"), data)})
        ds.gamma.to_zarr(path, overwrite=True)
        np.testing.assert_array_equal(xr.open_zarr(path, consolidated=False).counts, data)
        return zarr.open_group(path, mode="r")["counts"].chunks

    data = dask.array.ones((4, 300, 700), dtype="f4")
    assert written(data.rechunk((4, 128, 128))) == (4, 128, 128)
    # Not alike, as a cutout has them, in one piece, or too large: as if in memory.
    plain = written(data.compute())
    assert written(data.rechunk((4, (100, 200), 700))) == plain
    assert written(data.rechunk(-1)) == plain
    monkeypatch.setattr("xgamma.io.cf.KEPT_BYTES", 4 * 4 * 128 * 127)
    assert written(data.rechunk((4, 128, 128))) == plain


@pytest.mark.parametrize("form", FORMS)
def test_opening_is_lazy(form, tmp_path):
    path = tmp_path / f"a.{SUFFIX[form]}"
    write(filled("map"), form, path)
    with xg.open(path) as ds:
        assert not ds.variables["counts"]._in_memory
    with xg.open(path, chunks={}) as ds:
        assert ds.counts.chunks is not None
        # The edges of the axes, which all operations need, are there.
        assert isinstance(ds.variables["energy_lo"].data, np.ndarray)


@pytest.mark.parametrize("form", FORMS)
def test_an_existing_file_stays(form, tmp_path):
    path = tmp_path / f"a.{SUFFIX[form]}"
    ds = filled("map")
    write(ds, form, path)
    with pytest.raises(xg.XGammaError, match="overwrite=True"):
        write(ds, form, path)

    class Full(np.ndarray):
        """Stands for a disk that fills up."""

    def fail(block):
        raise OSError(28, "No space left on device")

    import dask.array

    lazy = dask.array.from_array(ds.exposure.values, chunks=-1).map_blocks(
        fail, dtype="f8", meta=np.empty(0)
    )
    broken = ds.assign(exposure=ds.exposure.copy(data=lazy))
    with pytest.raises(OSError, match="No space"):
        write(broken, form, path, overwrite=True)
    with xg.open(path) as back:
        xr.testing.assert_identical(back.load(), ds)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    changed = ds.assign(counts=ds.counts + 1)
    write(changed, form, path, overwrite=True)
    with xg.open(path) as back:
        xr.testing.assert_identical(back.load(), changed)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("form", FORMS)
def test_a_later_data_model_is_refused(form, tmp_path):
    path = tmp_path / f"a.{SUFFIX[form]}"
    write(filled("map").assign_attrs(model_version=99), form, path)
    with pytest.raises(xg.XGammaError, match="update xgamma"):
        xg.open(path)


def test_damaged_files_are_one_sentence(tmp_path):
    filled("map").gamma.to_netcdf(tmp_path / "a.nc")
    content = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "b.nc").write_bytes(content[: len(content) // 2])
    with pytest.raises(xg.XGammaError, match="truncated or damaged"):
        xg.open(tmp_path / "b.nc")
    (tmp_path / "c.nc").write_bytes(b"nothing known")
    with pytest.raises(xg.XGammaError, match="is not NetCDF, Zarr or FITS"):
        xg.open(tmp_path / "c.nc")
    with pytest.raises(xg.MissingDataError, match="does not exist"):
        xg.open(tmp_path / "absent.nc")
    with pytest.raises(xg.XGammaError, match="is not a Zarr store"):
        xg.open(tmp_path)
    with pytest.raises(xg.XGammaError, match="is not overwritten"):
        filled("map").gamma.to_zarr(tmp_path, overwrite=True)
    with pytest.raises(xg.MissingDataError, match="create it first"):
        filled("map").gamma.to_zarr(tmp_path / "none" / "a.zarr")


def test_open_reads_fits_and_ogip(tmp_path):
    ds = filled("map")
    ds.gamma.to_fits(tmp_path / "a.fits.gz")
    xr.testing.assert_identical(xg.open(tmp_path / "a.fits.gz").load(), ds)
    spectrum = filled("spectrum_onoff", n_obs=0)
    spectrum.gamma.to_ogip(tmp_path / "pha.fits", energy_unit="TeV")
    np.testing.assert_array_equal(xg.open(tmp_path / "pha.fits").counts, spectrum.counts)


def test_many_runs_are_joined_on_one_frame_only(tmp_path):
    def labelled(run):
        return set_frame(run)[["counts"]].assign_coords(run=int(run.attrs["name"]))

    def opened(*names):
        files = [tmp_path / f"{name}.nc" for name in names]
        with xr.set_options(use_new_combine_kwarg_defaults=True):
            return xr.open_mfdataset(files, preprocess=labelled, combine="nested", concat_dim="run")

    runs = {}
    for name, frame in ((1, "icrs"), (2, "icrs"), (3, "galactic")):
        ds = xg.create_map(
            (0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3), frame=frame, energy_true="reco"
        )
        shape = [ds.sizes[d] for d in ("energy", "y", "x")]
        counts = (("energy", "y", "x"), np.full(shape, name), {"units": ""})
        runs[name] = ds.assign(counts=counts).assign_attrs(name=str(name))
        runs[name].gamma.to_netcdf(tmp_path / f"{name}.nc")
    with opened(1, 2) as many:
        assert many.counts.chunks[0] == (1, 1)
        xr.testing.assert_equal(many.counts.sum("run").load(), runs[1].counts + runs[2].counts)
    with pytest.raises(xr.AlignmentError, match="wcs"):
        opened(1, 3)


ODD_ATTRS = {"flag": True, "undefined": None, "nested": {"a": [1, None]}, "switches": [True, False]}


@pytest.mark.parametrize("form", ["nc", "zarr"])
def test_attributes_that_are_neither_text_nor_number(form, tmp_path):
    """FITS headers have keywords that are true, false or without a value; NetCDF has not."""
    ds = filled("map").assign_attrs(ODD_ATTRS)
    ds["counts"].attrs["flag"] = False
    path = tmp_path / f"a.{form}"
    ds.gamma.to_netcdf(path) if form == "nc" else ds.gamma.to_zarr(path)
    back = xg.open(path).load()
    xr.testing.assert_identical(back, ds)
    assert back.attrs["flag"] is True
    assert back.counts.attrs["flag"] is False


def test_header_keywords_of_runs(tmp_path):
    from xgamma.dl3 import simulate_observation

    obs = simulate_observation(livetime="1 s", events=False)
    obs.attrs |= {"GOOD": True, "COMMENTS": None}
    obs.gamma.to_netcdf(tmp_path / "run.nc")
    back = xg.open(tmp_path / "run.nc")
    assert back.attrs["GOOD"] is True
    assert back.attrs["COMMENTS"] is None
