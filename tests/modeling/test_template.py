"""Template maps: units of energies, what lies between and beyond planes, files, memory."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.small_datasets import crab, small_map
from xgamma.errors import MissingDataError, UnitError, XGammaError, XGammaWarning
from xgamma.model.make_axes import axis_from_edges, energy_axis
from xgamma.modeling.ebl import read_ebl
from xgamma.modeling.template_file import map_from_text, read_brightness
from xgamma.modeling.template_map import TemplateMap
from xgamma.modeling.template_units import without_photons
from xgamma.modeling.temporal import read_light_curve

FLUX = "cm-2 s-1 TeV-1 sr-1"


def cube(energy, index=2.5, unit=FLUX, width=4.0, binsz=0.1, frame="icrs", position=(83.6, 22.0)):
    """A flat diffuse flux of 1e-9 at 1 TeV that falls as a power law, on an energy axis."""
    ds = xg.create_map(position, width, binsz, frame=frame)
    tev = energy.values * {"TeV": 1.0, "GeV": 1e-3, "MeV": 1e-6}[energy.attrs["units"]]
    flux = 1e-9 * tev**-index
    values = np.broadcast_to(flux[:, None, None], (flux.size, ds.sizes["y"], ds.sizes["x"]))
    coords = {**energy.coords, **{k: ds.coords[k] for k in ("y", "x", "wcs")}}
    made = xr.DataArray(values.copy(), coords, ("energy_true", "y", "x"), attrs={"units": unit})
    return (
        made if "wcs" in made.xindexes else made.set_xindex("wcs", xg.model.frame_index.FrameIndex)
    )


def diffuse(array, **kwargs):
    return xg.SkyModel(xg.PowerLawNorm(), TemplateMap(array, normalize=False, **kwargs), name="iem")


def expected(ds, index=2.5, low=0.0, high=np.inf):
    """Counts per energy of that flux over the whole map, exactly, for a flat exposure."""
    edges = np.append(ds.energy_true_lo.values, ds.energy_true_hi.values[-1])
    a, b = np.clip(edges[:-1], low, high), np.clip(edges[1:], low, high)
    flux = 1e-9 * (a ** (1 - index) - b ** (1 - index)) / (index - 1)
    area = float(ds.gamma.solid_angle.sum())
    return (flux * 1e14 * area) @ ds.edisp.values[:, :, 0, 0]


@pytest.mark.parametrize("unit", ["MeV", "GeV", "TeV"])
def test_the_unit_of_the_energies_counts(unit):
    """The same cube in MeV gave 1e5 to 1e10 times too many counts."""
    ds = small_map(psf=0)
    scale = {"TeV": 1.0, "GeV": 1e3, "MeV": 1e6}[unit]
    axis = axis_from_edges(np.geomspace(0.1, 100, 13) * scale, "energy_true", unit, "log")
    got = ds.gamma.npred_signal(diffuse(cube(axis))).sum(("y", "x"))
    np.testing.assert_allclose(got, expected(ds), rtol=1e-6)


def test_between_planes_a_flux_is_a_power_law():
    """Straight in the flux it was up to 60 % too high; the bins are integrated exactly."""
    ds = small_map(psf=0)
    axis = energy_axis("0.1 TeV", "1000 TeV", 4, name="energy_true")
    got = ds.gamma.npred_signal(diffuse(cube(axis))).sum(("y", "x"))
    np.testing.assert_allclose(got, expected(ds), rtol=1e-6)


@pytest.mark.parametrize(
    ("beyond", "factor"), [("zero", 0.0), ("extrapolate", 6**-2.5), ("hold", 3.0**-2.5)]
)
def test_beyond_its_energies(beyond, factor):
    """One plane a decade: the last centre is at 3.16 TeV, the last edge at 10 TeV."""
    axis = energy_axis("0.1 TeV", "10 TeV", 2, name="energy_true")
    shape = TemplateMap(cube(axis), normalize=False, beyond=beyond)
    point = shape.vectors("icrs")[0][:, None]
    inside, outside = shape.on_points(point, "icrs", np.array([9.9, 60.0]))[:, 0]
    last = axis.values[-1]
    if beyond == "hold":
        assert inside == outside == pytest.approx(1e-9 * last**-2.5)
    else:
        assert inside == pytest.approx(1e-9 * 9.9**-2.5)
        assert outside == pytest.approx(1e-9 * 60**-2.5 if beyond == "extrapolate" else 0.0)
    assert factor >= 0


def test_bins_partly_beyond_count_in_part():
    ds = small_map(psf=0)
    axis = energy_axis("0.1 TeV", "3 TeV", 7, name="energy_true")
    got = ds.gamma.npred_signal(diffuse(cube(axis))).sum(("y", "x"))
    np.testing.assert_allclose(got, expected(ds, high=3.0), rtol=1e-6)
    whole = ds.gamma.npred_signal(diffuse(cube(axis), beyond="extrapolate")).sum(("y", "x"))
    np.testing.assert_allclose(whole, expected(ds), rtol=1e-6)


def test_beyond_is_kept_and_checked(tmp_path):
    axis = energy_axis("0.1 TeV", "3 TeV", 3, name="energy_true")
    model = diffuse(cube(axis), beyond="hold")
    again = xg.Models.from_yaml(xg.Models(model).to_yaml())
    assert again["iem"].spatial.beyond == "hold"
    with pytest.raises(XGammaError, match="beyond='flat' is not recognised"):
        diffuse(cube(axis), beyond="flat")


def test_a_brightness_keeps_its_integral_between_planes():
    """Two planes, two places: halfway each holds half."""
    axis = energy_axis("0.1 TeV", "10 TeV", 2, name="energy_true")
    map_ = cube(axis)
    map_[0, :, :20], map_[1, :, 20:] = 0.0, 0.0
    shape = TemplateMap(map_)
    points = xg.model.sky.pixel_vectors(map_)
    area = xg.model.sky.solid_angle(map_).values
    for energy in (0.3, 1.0, 3.0):
        total = float(np.sum(shape.on_points(points, "icrs", np.array([energy]))[0] * area))
        assert total == pytest.approx(1.0, abs=1e-9)


def test_small_pixels_are_not_missed():
    """A source that fills one pixel of the template, five to a pixel of the map."""
    ds = small_map(psf=0)
    grid = xg.create_map((83.6, 22.0), 1.0, 0.02)
    spot = grid.gamma.separation((83.63, 22.03)) < 0.02
    model = crab()
    model.spatial = TemplateMap(spot.astype(float))
    flat = crab()
    np.testing.assert_allclose(
        ds.gamma.npred_signal(model).sum(("y", "x")),
        ds.gamma.npred_signal(flat).sum(("y", "x")),
        rtol=0.02,
    )
    axis = energy_axis("0.1 TeV", "100 TeV", 3, name="energy_true")
    planes = spot.astype(float) * xr.ones_like(axis)
    model.spatial = TemplateMap(planes.transpose("energy_true", "y", "x"))
    np.testing.assert_allclose(
        ds.gamma.npred_signal(model).sum(("y", "x")),
        ds.gamma.npred_signal(flat).sum(("y", "x")),
        rtol=0.02,
    )


def test_the_corners_count_in_another_frame():
    """A galactic template turned by 60 degrees on an equatorial map."""
    ds = small_map(psf=0, width=5.0)
    center = ds.gamma.center.galactic
    grid = xg.create_map((center.l.deg, center.b.deg), 2.0, 0.05, frame="galactic", proj="TAN")
    model = crab()
    model.spatial = TemplateMap(xr.ones_like(grid.gamma.solid_angle))
    np.testing.assert_allclose(
        ds.gamma.npred_signal(model).sum(("y", "x")),
        ds.gamma.npred_signal(crab()).sum(("y", "x")),
        rtol=5e-3,
    )


def test_without_a_unit_it_says_what_it_takes():
    axis = energy_axis("0.1 TeV", "3 TeV", 3, name="energy_true")
    with pytest.warns(XGammaWarning, match="has no unit: assuming sr-1"):
        shape = TemplateMap(cube(axis, unit=""), normalize=False)
    assert shape.unit == "sr-1"
    with pytest.raises(UnitError, match="in 'm2', which is neither a surface brightness"):
        TemplateMap(cube(axis, unit="m2"), normalize=False)


def test_photons_are_no_unit():
    assert without_photons("photon/cm2/s/MeV/sr") == without_photons("cm-2 s-1 MeV-1 sr-1")
    axis = energy_axis("0.1 TeV", "3 TeV", 3, name="energy_true")
    shape = TemplateMap(cube(axis, unit="photon/cm2/s/TeV/sr"), normalize=False)
    assert shape.unit == "TeV-1 s-1 cm-2 sr-1"


def test_templates_in_memory_travel_with_the_models(tmp_path):
    ds = small_map()
    axis = axis_from_edges(np.geomspace(1e4, 1e8, 6), "energy_true", "MeV", "log")
    extra = xg.TemplateNPred(ds.background * 2, name="extra")
    models = xg.Models([diffuse(cube(axis, unit="cm-2 s-1 MeV-1 sr-1")), extra])
    again = xg.Models.from_yaml(models.to_yaml())
    np.testing.assert_allclose(ds.gamma.npred_signal(again), ds.gamma.npred_signal(models))
    held = ds.gamma.with_models(models)
    np.testing.assert_allclose(held.gamma.npred_signal(), ds.gamma.npred_signal(models))
    models.write(tmp_path / "models.yaml")
    assert xg.Models.read(tmp_path / "models.yaml").names == ["iem", "extra"]
    with pytest.raises(XGammaError, match="damaged"):
        map_from_text("no map")


@pytest.mark.parametrize("where", ["$XGAMMA_TEST_FOLDER/map.fits", "~/map.fits"])
def test_files_named_by_a_variable_or_home(where, tmp_path, monkeypatch):
    monkeypatch.setenv("XGAMMA_TEST_FOLDER", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    axis = energy_axis("0.1 TeV", "3 TeV", 3, name="energy_true")
    cube(axis).gamma.to_fits(tmp_path / "map.fits")
    shape = TemplateMap.read(where, normalize=False)
    assert shape.filename == where
    text = xg.Models(xg.SkyModel(xg.PowerLawNorm(), shape, name="m")).to_yaml()
    assert where in text
    assert xg.Models.from_yaml(text)["m"].spatial.map.equals(shape.map)
    with pytest.raises(MissingDataError, match=r"The template map .* does not exist"):
        TemplateMap.read(where.replace("map", "other"))
    with pytest.raises(MissingDataError, match="environment variable that is not set"):
        TemplateMap.read("$XGAMMA_NOT_SET/map.fits")


def test_nodes_survive_a_file(tmp_path):
    """Labels between the middles of their bins come back as they were."""
    axis = energy_axis("0.1 TeV", "10 TeV", 3, name="energy_true")
    nodes = np.array([0.1, 2.0, 10.0])
    map_ = cube(axis).assign_coords(
        energy_true=("energy_true", nodes, {**axis.attrs, "node_type": "center"})
    )
    map_.gamma.to_fits(tmp_path / "nodes.fits")
    again = xg.read_map(tmp_path / "nodes.fits")
    np.testing.assert_allclose(again.energy_true, nodes, rtol=1e-6)
    plain = map_.drop_vars(["energy_true_lo", "energy_true_hi"])
    shape = TemplateMap(plain, normalize=False)
    assert shape.energy_range == (0.1, 10.0)
    point = shape.vectors("icrs")[0][:, None]
    values = shape.on_points(point, "icrs", np.array([0.099, 0.1, 10.0, 10.1]))[:, 0]
    assert values[0] == values[3] == 0
    assert values[1] > 0
    assert values[2] > 0


GLL = {
    "fermi-3fhl-gc/gll_iem_v06_gc.fits.gz": 30,
    "fermi-3fhl-crab/Fermi-LAT-3FHL_iem.fits": 30,
    "fermi_3fhl/gll_iem_v06_cutout.fits": 30,
}


@pytest.mark.parametrize("name", GLL)
def test_fermi_diffuse_models_against_gammapy(name, data, gammapy):
    """Planes at their nodes; between them and in the outer half bins as gammapy has it."""
    import astropy.units as u
    from gammapy.maps import Map
    from gammapy.modeling.models import TemplateSpatialModel

    unit = "cm-2 s-1 MeV-1 sr-1"
    array = TemplateMap.read(data / name, normalize=False) if "cutout" not in name else None
    theirs = Map.read(data / name)
    if array is None:
        with pytest.warns(XGammaWarning, match="no unit"):
            TemplateMap.read(data / name, normalize=False)
        array = TemplateMap(read_brightness(data / name, unit), normalize=False)
        axis = theirs.geom.axes["energy"]
        true = type(axis).from_nodes(
            axis.center.value, name="energy_true", unit=axis.unit, interp="log"
        )
        theirs = Map.from_geom(theirs.geom.to_image().to_cube([true]), data=theirs.data, unit=unit)
    assert array.unit == "TeV-1 s-1 cm-2 sr-1"
    model = TemplateSpatialModel(theirs, normalize=False)
    nodes = theirs.geom.axes["energy_true"].center.to_value("TeV")
    np.testing.assert_allclose(array.energy, nodes, rtol=1e-7)
    energy = np.concatenate(
        [nodes, np.sqrt(nodes[1:] * nodes[:-1]), [nodes[-1] * 1.1, nodes[-1] * 2]]
    )
    # At the middle of a pixel the two differ along the energy only.
    position = theirs.geom.to_image().get_coord().skycoord[10, 11]
    expected = model.evaluate(position.l, position.b, energy * u.TeV).to_value(
        "cm-2 s-1 TeV-1 sr-1"
    )
    from xgamma.numerics.shapes import unit_vectors

    point = unit_vectors(np.array([position.l.rad]), np.array([position.b.rad]))
    got = array.on_points(point, "galactic", energy)[:, 0]
    np.testing.assert_allclose(got, expected, rtol=2e-5)
    assert got[-1] == 0
    if "cutout" not in name:  # whose axis does not say that it is logarithmic
        alike = array.as_gammapy(point, "galactic", energy)[:, 0]
        np.testing.assert_allclose(alike, expected, rtol=2e-5)


@pytest.mark.filterwarnings("ignore:.*which is not recognised")
def test_a_fermi_file_of_the_collaboration(tmp_path):
    """ENERGIES with the column Energy alone, no AXCOLS, photons in the unit."""
    from astropy.io import fits

    nodes = np.geomspace(58.5, 513056.0, 30)
    header = fits.Header()
    header.update(
        CTYPE1="GLON-CAR", CRPIX1=20.5, CRVAL1=0.0, CDELT1=-0.125, CUNIT1="deg",
        CTYPE2="GLAT-CAR", CRPIX2=10.5, CRVAL2=0.0, CDELT2=0.125, CUNIT2="deg",
        CTYPE3="photon energy", CRPIX3=1.0, CRVAL3=50.0, CDELT3=0.1, CUNIT3="MeV",
    )  # fmt: skip
    data = np.broadcast_to((1e-7 * (nodes / 1e3) ** -2.4)[:, None, None], (30, 20, 40))
    for unit in ("photon/cm2/s/MeV/sr", "", "nonsense"):
        header["BUNIT"] = unit
        table = fits.BinTableHDU.from_columns(
            [fits.Column("Energy", "1D", "MeV", array=nodes)], name="ENERGIES"
        )
        fits.HDUList([fits.PrimaryHDU(data.astype("f4"), header), table]).writeto(
            tmp_path / "gll_iem.fits", overwrite=True
        )
        shape = TemplateMap.read(tmp_path / "gll_iem.fits", normalize=False)
        assert shape.unit == "TeV-1 s-1 cm-2 sr-1"
        point = shape.vectors("galactic")[0][:, None]
        got = shape.on_points(point, "galactic", np.array([1e-3, 0.02, 1.0]))[:, 0]
        np.testing.assert_allclose(got, [1e-1, 1e-1 * 20**-2.4, 0.0], rtol=1e-5)


def test_the_template_of_a_fermi_analysis_predicts_as_gammapy(data, gammapy):
    """Diffuse counts of the 3FHL Galactic Centre: ours integrate over bins, gammapy does not."""
    from gammapy.datasets import MapDataset
    from gammapy.modeling.models import PowerLawNormSpectralModel, SkyModel, TemplateSpatialModel

    from tests.helpers.from_gammapy import map_from_gammapy

    peer = MapDataset.read(data / "dl4/cta-1dc-gc.fits.gz", name="gc").cutout(
        MapDataset.read(data / "dl4/cta-1dc-gc.fits.gz").counts.geom.center_skydir, "2 deg"
    )
    path = data / "fermi-3fhl-gc/gll_iem_v06_gc.fits.gz"
    peer.models = [
        SkyModel(
            PowerLawNormSpectralModel(), TemplateSpatialModel.read(path, normalize=False), name="m"
        )
    ]
    theirs = peer.npred_signal().data
    ours = map_from_gammapy(peer)
    model = xg.SkyModel(xg.PowerLawNorm(), TemplateMap.read(path, normalize=False), name="m")
    mine = ours.gamma.npred_signal(model, scheme="gammapy").values
    np.testing.assert_allclose(mine.sum((1, 2)), theirs.sum((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(mine, theirs, atol=1e-5 * theirs.max())
    exact = ours.gamma.npred_signal(model).values.sum((1, 2))
    # gammapy takes the flux at the middle of a bin of true energy for all of it.
    ratio = exact[:3] / theirs.sum((1, 2))[:3]
    assert np.all((ratio > 1.03) & (ratio < 1.07))


@pytest.mark.parametrize(
    "read",
    [
        lambda path: TemplateMap.read(path),
        lambda path: xg.Models.read(path),
        lambda path: read_light_curve(path),
        lambda path: read_ebl(path, redshift=0.1),
    ],
)
def test_every_file_of_a_model_may_be_named_by_a_variable(read, tmp_path, monkeypatch):
    monkeypatch.setenv("XGAMMA_TEST_FOLDER", str(tmp_path))
    (tmp_path / "a.fits").write_text("not a model")
    with pytest.raises(XGammaError) as found:
        read("$XGAMMA_TEST_FOLDER/a.fits")
    assert "does not exist" not in str(found.value)
    with pytest.raises(MissingDataError, match="environment variable that is not set"):
        read("$XGAMMA_NOT_SET/a.fits")
