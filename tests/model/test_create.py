"""The data model: templates, their defaults, and what validate finds."""

import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from xgamma.model import sky
from xgamma.model.axes import edges
from xgamma.model.create import irf_labels
from xgamma.model.frame import drop_frame, wcs_of
from xgamma.model.schema import VARIABLES, kind

ENERGY = xg.energy_axis("1 TeV", "10 TeV", 3)


@pytest.fixture
def ds():
    ds = xg.create_map("83.63d 22.01d", "3 deg", "0.1 deg", ENERGY, energy_true="reco")
    dims = ("energy", "y", "x")
    shape = [ds.sizes[d] for d in dims]
    return ds.assign(
        counts=xr.Variable(dims, np.ones(shape, int), {"units": ""}),
        mask_safe=xr.Variable(dims, np.ones(shape, bool)),
        exposure=xr.Variable(("energy_true", "y", "x"), np.ones(shape), {"units": "m2 s"}),
    )


# --- create_map --------------------------------------------------------------------------


def test_defaults():
    ds = xg.create_map("83.63d 22.01d", "5 deg", "0.02 deg", ENERGY, energy_true="reco")
    assert dict(ds.sizes) == {
        "energy": 3, "energy_true": 3, "rad": 66, "y": 250, "x": 250, "y_irf": 25, "x_irf": 25, "gti": 0,
    }  # fmt: skip
    assert_allclose(edges(ds, "energy_true"), edges(ds, "energy"))
    assert edges(ds, "rad")[-1] == pytest.approx(0.66)
    assert ds.gamma.frame == "icrs"
    assert ds.wcs.attrs["CTYPE1"] == "RA---CAR"
    assert ds.gti_start.attrs["reference_time"].startswith("2000-01-01")
    assert set(ds.data_vars) == {"gti_start", "gti_stop"}
    assert kind(ds) == ds.gamma.kind == "map"
    assert xg.validate(ds) == []


def test_equal_templates_are_identical():
    # A random name made them differ.
    axis, region = xg.energy_axis(1, 10, 2), "icrs;circle(0, 0, 0.1)"
    xr.testing.assert_identical(xg.create_map(energy=axis), xg.create_map(energy=axis))
    xr.testing.assert_identical(*[xg.create_spectrum(region, axis) for _ in range(2)])
    assert "name" not in xg.create_map().attrs
    assert xg.create_map(name="mine").attrs["name"] == "mine"


GEOMETRIES = [
    {"width": 5.0, "binsz": 0.02, "proj": "CAR", "frame": "icrs"},
    {"width": (8.0, 6.0), "binsz": 0.025, "proj": "CAR", "frame": "galactic", "binsz_irf": 0.5},
    {"width": (3.0, 2.0), "binsz": 0.03, "proj": "TAN", "frame": "icrs"},
    {"width": 1.0, "binsz": 0.05, "proj": "TAN", "frame": "galactic"},
    {"width": 4.7, "binsz": 0.1, "proj": "ZEA", "frame": "icrs"},
    {"width": None, "binsz": 1.0, "proj": "AIT", "frame": "galactic", "binsz_irf": 5.0},
]


@pytest.mark.parametrize("options", GEOMETRIES)
def test_geometry_like_the_peer(options, gammapy):
    """WCS header, shapes, the grid of the responses, and default axes."""
    from gammapy.datasets import MapDataset
    from gammapy.maps import MapAxis, WcsGeom

    options = dict(options)
    coarse = options.pop("binsz_irf", 0.2)
    center = SkyCoord(83.63, 22.01, unit="deg").transform_to(options["frame"])
    axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    ds = xg.create_map(center, energy=ENERGY, binsz_irf=coarse, **options)
    width = options.pop("width")
    geom = WcsGeom.create(skydir=center, axes=[axis], width=width, **options)
    peer = MapDataset.create(geom, binsz_irf=coarse)
    assert (ds.sizes["energy"], ds.sizes["y"], ds.sizes["x"]) == geom.data_shape
    header = geom.wcs.to_header()
    ours = wcs_of(ds).to_header()
    for key in header:
        if key.startswith(("CTYPE", "CRVAL", "CRPIX", "CDELT", "LONPOLE", "LATPOLE", "RADESYS")):
            assert ours[key] == (
                header[key]
                if isinstance(header[key], str)
                else pytest.approx(header[key], abs=1e-9)
            ), key
    kernel = peer.edisp.edisp_map.geom
    assert peer.psf.psf_map.geom.data_shape[-3:] == (66, ds.sizes["y_irf"], ds.sizes["x_irf"])
    theirs = kernel.to_image().get_coord()
    lon, lat = sky.lonlat(ds, irf=True)
    inside = np.isfinite(theirs.lon.to_value("deg")) & np.isfinite(lon.values)
    # A coarse CAR grid is laid out anew from its own centre: the same positions.
    assert_allclose(lat.values[inside], theirs.lat.to_value("deg")[inside], atol=1e-7)
    turned = (lon.values - theirs.lon.to_value("deg") + 180) % 360 - 180
    assert_allclose(turned[inside], 0, atol=1e-7)
    rad = peer.psf.psf_map.geom.axes["rad"].edges.to_value("deg")
    assert_allclose(edges(ds, "rad"), rad)
    assert kernel.axes.names == ["energy", "energy_true"]


def test_labels_of_the_coarse_grid():
    assert_allclose(irf_labels(250, 0.02, 0.2), 4.5 + 10 * np.arange(25))
    assert_allclose(irf_labels(10, 0.02, 0.5), [4.5])
    ds = xg.create_map((0, 0), "1 deg", "0.1 deg", ENERGY, binsz_irf="0.5 deg", energy_true="reco")
    assert_allclose(ds.x_irf, [2, 7])


def test_migration_axis_and_units():
    ds = xg.create_map(
        (0, 0), "60 arcmin", "360 arcsec", ENERGY, migra=xg.migra_axis(), energy_true="reco"
    )
    assert ds.sizes["migra"] == 48
    assert ds.sizes["x"] == 10


@pytest.mark.parametrize("npix", [7, (7, 5)])
def test_number_of_pixels(npix):
    ds = xg.create_map((0, 0), binsz=1, npix=npix)
    assert (ds.sizes["x"], ds.sizes["y"]) == tuple(np.broadcast_to(npix, 2))


def test_image_frame_without_energy():
    ds = xg.create_map((0, 0), "2 deg", "1 deg")
    assert set(ds.dims) == {"x", "y", "gti"}


def test_good_time_intervals():
    ds = xg.create_map(gti=([0, 100], [50, 150]), reference_time="2020-01-01")
    assert_array_equal(ds.gti_stop - ds.gti_start, [50, 50])
    assert ds.gti_start.attrs == ds.gti_stop.attrs | {"long_name": ds.gti_start.attrs["long_name"]}
    with pytest.raises(xg.XGammaError, match="gti="):
        xg.create_map(gti=([100], [50]))
    with pytest.raises(xg.XGammaError, match="3 entries: give a pair"):
        xg.create_map(gti=[(0, 10), (20, 30), (40, 50)])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"energy": [1, 2, 3]}, xg.ArgumentTypeError, "energy= must be an axis, not list"),
        ({"energy": ENERGY, "rad": 7}, xg.ArgumentTypeError, "rad= must be an axis"),
        ({"binsz": "1 TeV"}, xg.UnitError, "binsz"),
        ({"binsz": 0}, xg.FrameError, "positive"),
        ({"binsz_irf": -1}, xg.FrameError, "positive"),
        ({"width": "0.1 deg"}, xg.FrameError, "smaller than a pixel"),
        ({"width": (1, 2, 3)}, xg.FrameError, "one angle or a pair"),
        ({"width": "5 s"}, xg.UnitError, "width"),
        ({"center": "here"}, xg.XGammaError, "not a sky position"),
    ],
)
def test_bad_templates(options, error, message):
    with pytest.raises(error, match=message):
        xg.create_map(**options)


def test_spectrum():
    ds = xg.create_spectrum("icrs;circle(83.63, 22.01, 0.11)", ENERGY, energy_true="reco")
    assert kind(ds) == "spectrum"
    assert "x" not in ds.dims
    assert "rad" not in ds.dims
    assert "circle" in str(ds.region.values)
    assert xg.validate(ds) == []


def test_kinds(ds):
    assert kind(ds) == "map"
    assert kind(ds.assign(acceptance=ds.counts)) == "map_onoff"
    assert kind(ds.assign(counts_off=ds.counts)) == "map_onoff"


# --- validate ----------------------------------------------------------------------------


def test_all_issues_at_once(ds):
    """One call names every one of five defects."""
    broken = ds.assign(
        mask_safe=ds.mask_safe.astype(int),
        exposure=ds.exposure.assign_attrs(units="TeV"),
        background=ds.counts.rename(energy="wavelength").drop_vars(
            ["wavelength", "energy_lo", "energy_hi"], errors="ignore"
        ),
        psf_exposure=ds.exposure.isel(x=0, y=0, drop=True).assign_attrs(units="parsnip"),
    )
    broken.attrs["model_version"] = 99
    issues = xg.validate(broken, errors="return")
    for text in (
        "mask_safe has dtype int64",
        "exposure has the units 'TeV'",
        "background has the dimension 'wavelength'",
        "psf_exposure",
        "data model 99",
    ):
        assert any(text in issue for issue in issues), (text, issues)
    with pytest.raises(xg.XGammaError) as error:
        xg.validate(broken)
    assert all(issue in str(error.value) for issue in issues)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda d: d.coarsen(energy=3).mean().drop_vars("mask_safe").isel(energy=[0, 0]),
            "do not increase",
        ),
        (lambda d: d.isel(energy=[0, 2]), "have gaps or overlap"),
        (lambda d: d.drop_vars("energy_lo"), "energy_lo"),
        (lambda d: drop_frame(d), "no FrameIndex"),
        (lambda d: d.drop_vars("wcs"), "no coordinate 'wcs'"),
        (lambda d: d.isel(x=[0, 1, 5]), "not evenly spaced"),
        (lambda d: d.drop_vars("x"), "no pixel labels"),
        (lambda d: d.assign(counts=d.counts.astype(complex)), "must be numeric"),
        (lambda d: d.assign(exposure=d.exposure.drop_attrs()), "exposure has the units ''"),
        (lambda d: d.assign(counts=d.counts.assign_attrs(units="sr")), "counts: The unit 'sr'"),
    ],
)
def test_each_issue(ds, spoil, message):
    issues = ds.pipe(spoil).gamma.validate(errors="return")
    assert any(message in issue for issue in issues), issues


def test_units_after_arithmetic_are_found(ds):
    """xarray keeps the left operand's units: m2 s times m2 s says m2 s, a set unit is checked."""
    kept = ds.exposure * ds.exposure
    assert kept.attrs["units"] == "m2 s"
    assert xg.validate(ds.assign(exposure=kept.assign_attrs(units="m4 s2")), errors="return")


def test_the_table_is_whole():
    for name, variable in VARIABLES.items():
        assert variable.name == name
        assert variable.long_name
        assert variable.dims
