"""hvplot and HoloViews draw cutouts as they are; only what is shown is computed."""

import warnings

import pytest

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
