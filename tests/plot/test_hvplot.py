"""hvplot and HoloViews draw cutouts as they are; only what is shown is computed."""

import warnings

import pytest

import xgamma as xg
from xgamma.tutorial import CRAB, example_map

dask = pytest.importorskip("dask", reason="dask is not installed: pip install xgamma[dask]")


@pytest.fixture(scope="module")
def holoviews():
    """HoloViews with its bokeh backend; its imports warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("hvplot.xarray", reason="hvplot is not installed: xgamma[notebooks]")
        import holoviews

        holoviews.extension("bokeh")
    return holoviews


@pytest.fixture(scope="module")
def cut():
    ds = example_map().chunk({"energy": 1})
    return ds.gamma.cutout(CRAB, "1 deg")


@pytest.mark.filterwarnings("ignore")
def test_an_image_for_each_energy(holoviews, cut):
    picture = cut.counts.hvplot.image(x="x", y="y", groupby="energy", cmap="inferno", aspect=1)
    (dimension,) = picture.kdims
    assert [float(v) for v in dimension.values] == cut.energy.values.tolist()
    image = picture[float(cut.energy[1])]
    expected = cut.counts.isel(energy=1).compute()
    assert float(image.dimension_values("counts").sum()) == float(expected.sum())
    assert image.range("x") == (float(cut.x[0]) - 0.5, float(cut.x[-1]) + 0.5)
    assert holoviews.render(image)


@pytest.mark.filterwarnings("ignore")
def test_nothing_is_computed_before_it_is_drawn(holoviews, cut):
    computed = []

    def scheduler(graph, keys, **options):
        computed.append(keys)
        return dask.get(graph, keys)

    with dask.config.set(scheduler=scheduler):
        picture = cut.counts.hvplot.image(
            x="x", y="y", groupby="energy", dynamic=True, clim=(0, 9), cmap="inferno"
        )
        before = len(computed)
        assert holoviews.render(picture[float(cut.energy[0])])
    assert before == 0
    assert computed


@pytest.mark.filterwarnings("ignore")
def test_longitude_and_latitude_as_axes(holoviews, cut):
    lon, lat = cut.gamma.lonlat
    on_sky = cut.counts.sum("energy").assign_coords(lon=lon, lat=lat)
    picture = on_sky.hvplot.quadmesh(x="lon", y="lat", cmap="inferno", flip_xaxis=True)
    assert [d.name for d in picture.kdims] == ["lon", "lat"]
    assert holoviews.render(picture)


@pytest.mark.filterwarnings("ignore")
def test_a_walk_along_a_store_reads_the_tiles_in_view(holoviews, tmp_path):
    pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
    from dask.callbacks import Callback

    ds = example_map()
    ds.chunk(y=5, x=5).gamma.to_zarr(tmp_path / "tiles.zarr")
    lazy = xg.open(tmp_path / "tiles.zarr", chunks={})
    tasks = []

    def window(column):
        part = lazy.counts.isel(x=slice(column, column + 4), energy=0).compute()
        return part.hvplot.image(x="x", y="y")

    walk = holoviews.DynamicMap(window, kdims=["column"]).redim.values(column=[0, 3, 10])
    with Callback(pretask=lambda key, *_: tasks.append(str(key))):
        picture = walk[10]
    assert len({task for task in tasks if "open_dataset-counts" in task}) == 4
    expected = ds.counts.isel(x=slice(10, 14), energy=0)
    assert float(picture.dimension_values("counts").sum()) == float(expected.sum())
