"""What is drawn: values, titles, labels; and the sentences for what cannot be."""

import matplotlib as mpl
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg

mpl.use("Agg")
DIMS = ("energy", "y", "x")


@pytest.fixture
def ds():
    rng = np.random.default_rng(1)
    empty = xg.create_map(
        (0, 0),
        ("1.2 deg", "0.8 deg"),
        "0.1 deg",
        xg.energy_axis(0.1, 10, 4),
        frame="galactic",
        energy_true="reco",
    )
    shape = (4, 8, 12)
    return empty.assign(
        counts=(DIMS, rng.poisson(2.0, shape)),
        background=(DIMS, rng.uniform(1, 3, shape), {"units": ""}),
        exposure=(("energy_true", "y", "x"), rng.uniform(1, 2, shape), {"units": "m2 s"}),
        mask_safe=(DIMS, rng.random(shape) > 0.5),
    )


def test_an_image_shows_its_values_where_they_lie(ds):
    image = ds.counts.sum("energy")
    ax = image.gamma.plot(add_cbar=False)
    drawn = ax.images[0].get_array()
    assert_array_equal(np.asarray(drawn), image.values)
    # A cutout is drawn in its own pixels, with the sky of its labels.
    part = image.isel(x=slice(4, 9))
    wcs = part.gamma.plot(add_cbar=False).wcs
    lon, lat = wcs.wcs_pix2world(0, 0, 0)
    assert_allclose([lon, lat], [v.values[0, 0] for v in part.gamma.lonlat], atol=1e-9)


def test_units_titles_and_labels(ds):
    ax = ds.exposure.isel(energy_true=0).gamma.plot(title="Exposure")
    assert ax.figure.axes[1].get_ylabel() == "exposure [m2 s]"
    assert ax.get_title() == "Exposure"
    assert ax.coords[1].get_axislabel() == "Galactic latitude"


def test_a_grid_names_its_bands(ds):
    figure = ds.counts.gamma.plot_grid(ncols=2, stretch="sqrt")
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [
        "100 GeV - 316 GeV",
        "316 GeV - 1.00 TeV",
        "1.00 TeV - 3.16 TeV",
        "3.16 TeV - 10 TeV",
    ]


def test_masks_and_regions_on_top(ds):
    image = ds.counts.sum("energy")
    ax = image.gamma.plot(regions="galactic;circle(0, 0, 0.2)", mask=ds.gamma.mask_image)
    assert len(ax.patches) == 1
    assert len(ax.collections) == 1
    flags = ds.mask_safe.isel(energy=0).gamma.plot()
    assert flags.images[0].get_clim() == (0, 1)


def test_peek_of_a_map_and_of_a_spectrum(ds):
    titles = [ax.get_title() for ax in ds.gamma.peek().axes if ax.get_title()]
    assert titles == ["Counts", "Excess counts", "Mean exposure", "Background"]
    spectrum = ds.drop_vars("mask_safe").gamma.to_spectrum("galactic;circle(0, 0, 0.3)")
    assert [ax.get_title() for ax in spectrum.gamma.peek().axes] == ["Counts", "Exposure"]


def test_counts_spectrum(ds):
    ax = ds.gamma.plot_counts()
    points = ax.containers[0].lines[2][0].get_segments()
    middles = [segment[0][1] for segment in points]
    assert_allclose(middles, ds.counts.sum(("y", "x")))


def test_bare_xarray_plots_stay_right(ds):
    # Labels grow upwards and to the right, as pixels do.
    mesh = ds.counts.sum("energy").plot()
    assert mesh.axes.get_ylim()[0] < mesh.axes.get_ylim()[1]


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda ds: ds.counts.gamma.plot(), "4 bins along 'energy'"),
        (lambda ds: ds.energy.gamma.plot(), "no pixels"),
        (lambda ds: ds.counts.sum("energy").gamma.plot(stretch="cube"), "is not recognised"),
        (lambda ds: ds.counts.sum("energy").gamma.plot_grid(), "select the others first"),
        (lambda ds: ds.drop_vars(list(ds.data_vars)).gamma.peek(), "is empty"),
    ],
)
def test_what_cannot_be_drawn(ds, draw, sentence):
    with pytest.raises(xg.XGammaError, match=sentence):
        draw(ds)
