"""Fermi-LAT from the files of the science tools, beside gammapy: values, then whole analyses.

Values agree to single precision, in which the files are. gammapy convolves in single precision:
predictions agree to 1e-5 of the largest pixel, statistics to 1e-6, fits to 1e-4.
"""

import shutil
import warnings

import numpy as np
import pytest

import xgamma as xg
from xgamma.datasets.collection import datasets

pytestmark = [
    # gammapy's copy of the event list has the sum of the original; its true energies end with the others.
    pytest.mark.filterwarnings("ignore:The HDU 'EVENTS' .* is damaged"),
    pytest.mark.filterwarnings("ignore:The header of the HDU .* is damaged"),
    pytest.mark.filterwarnings("ignore:The true energies of .* do not extend"),
]

EXPOSURE = "fermi-3fhl-gc/fermi-3fhl-gc-exposure-cube.fits.gz"
EVENTS = "fermi-3fhl-gc/fermi-3fhl-gc-events.fits.gz"
IEM = "fermi-3fhl-gc/gll_iem_v06_gc.fits.gz"
PSF = "fermi_3fhl/fermi_3fhl_psf_gc.fits.gz"
ISO = "fermi_3fhl/iso_P8R2_SOURCE_V6_v06.txt"
HPX = "fermi_3fhl/fermi_3fhl_exposure_cube_hpx.fits.gz"


def quiet(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


@pytest.mark.parametrize("path", [EXPOSURE, "tests/fermi/bexpmap_00.fits"])
def test_exposure(data, gammapy, path):
    from gammapy.maps import Map

    theirs, ours = quiet(Map.read, data / path), xg.open(data / path).exposure
    np.testing.assert_allclose(ours, theirs.data * 1e-4, rtol=1e-6)
    axis = theirs.geom.axes["energy_true"]
    np.testing.assert_allclose(ours.energy_true, axis.center.to_value("MeV"), rtol=1e-12)
    np.testing.assert_allclose(ours.gamma.edges("energy_true"), axis.edges, rtol=1e-12)


@pytest.mark.parametrize(
    "path", [PSF, "tests/fermi/psf_00.fits", "fermi-3fhl-gc/fermi-3fhl-gc-psf-cube.fits.gz"]
)
def test_psf(data, gammapy, path):
    from gammapy.irf import PSFMap

    theirs, ours = PSFMap.read(data / path, format="gtpsf"), xg.open(data / path)
    np.testing.assert_array_equal(ours.psf, theirs.psf_map.data[..., 0, 0])
    exposure = theirs.exposure_map.quantity.to_value("m2 s")[:, 0, 0, 0]
    np.testing.assert_allclose(ours.psf_exposure, exposure, rtol=1e-14)
    np.testing.assert_array_equal(ours.rad, theirs.psf_map.geom.axes["rad"].center.value)


def test_dispersion(data, gammapy):
    from gammapy.irf import EDispKernelMap

    path = data / "tests/fermi/drm_00.fits"
    theirs, ours = quiet(EDispKernelMap.read, path, format="gtdrm").edisp_map, xg.open(path)
    np.testing.assert_array_equal(ours.edisp, theirs.data[..., 0, 0])
    for name in ("energy", "energy_true"):
        centers = theirs.geom.axes[name].center.to_value("MeV")
        np.testing.assert_allclose(ours[name], centers, rtol=1e-12)


def test_healpix_exposure_at_its_nodes(data, gammapy):
    pytest.importorskip("healpy")
    from gammapy.maps import Map, WcsGeom

    theirs = quiet(Map.read, data / HPX)
    axis = theirs.geom.axes["energy_true"]
    geom = WcsGeom.create(skydir=(0, 0), width=6, binsz=0.2, frame="galactic", axes=[axis])
    goal = xg.create_map((0, 0), "6 deg", "0.2 deg", frame="galactic")
    ours = xg.read_map(data / HPX).gamma.interp_to(goal)
    np.testing.assert_allclose(ours, theirs.interp_to_geom(geom).data * 1e-4, rtol=1e-6)


def test_healpix_exposure_between_nodes(data, gammapy):
    """gammapy interpolates HEALPix linearly in energy, and from the two nodes above; its WCS in log E."""
    pytest.importorskip("healpy")
    from gammapy.maps import Map, MapAxis, WcsGeom

    axis = MapAxis.from_energy_bounds("11 GeV", "1.9 TeV", nbin=23, name="energy_true")
    geom = WcsGeom.create(skydir=(0, 0), width=1, binsz=0.5, frame="galactic", axes=[axis])
    theirs = quiet(Map.read, data / HPX).interp_to_geom(geom).data * 1e-4
    energy = xg.axis_from_edges(axis.edges.value, "energy", "TeV", "log")
    ds = xg.create_map((0, 0), "1 deg", "0.5 deg", energy, energy_true="reco", frame="galactic")
    ours = ds.gamma.with_responses(exposure=xg.read_map(data / HPX)).exposure
    off = np.abs(ours.values / theirs - 1).max()
    assert 1e-4 < off < 0.02


@pytest.mark.parametrize("path", [ISO, "tests/fermi/iso_P8R3_SOURCEVETO_V3_PSF0_v1.txt"])
def test_isotropic_model(data, gammapy, path):
    import astropy.units as u
    from gammapy.modeling.models import create_fermi_isotropic_diffuse_model

    theirs = create_fermi_isotropic_diffuse_model(data / path)
    ours = xg.read_isotropic(data / path)
    assert ours.name == theirs.name
    assert ours.apply_irf == theirs.apply_irf
    energy = np.geomspace(1e-5, 10, 200) * u.TeV
    flux = theirs.spectral_model(energy).to_value("TeV-1 s-1 cm-2")
    np.testing.assert_allclose(ours.spectral(energy).value, flux, rtol=1e-9)


def gammapy_centre(data):
    """The Galactic Centre as in gammapy's tutorial, on a smaller map."""
    from gammapy.data import EventList
    from gammapy.datasets import MapDataset
    from gammapy.irf import EDispKernelMap, PSFMap
    from gammapy.maps import Map, MapAxis
    from gammapy.modeling.models import Models

    events = EventList.read(data / EVENTS)
    for name in ("RA", "DEC", "ENERGY"):
        # gammapy turns positions in single precision, see differences.md.
        events.table[name] = events.table[name].astype(float)
    axis, true = (
        MapAxis.from_energy_bounds("10 GeV", "500 GeV", nbin=6, name=name)
        for name in ("energy", "energy_true")
    )
    place = {"skydir": (0, 0), "npix": (60, 40), "binsz": 0.1, "proj": "TAN", "frame": "galactic"}
    counts = Map.create(**place, axes=[axis], dtype=float)
    counts.fill_events(events)
    cube = Map.read(data / EXPOSURE)
    exposure = Map.from_geom(cube.geom, data=cube.data, unit="cm2 s")
    dataset = MapDataset(
        counts=counts,
        exposure=exposure.interp_to_geom(counts.geom.to_image().to_cube([true])),
        psf=PSFMap.read(data / PSF, format="gtpsf"),
        edisp=EDispKernelMap.from_diagonal_response(axis, true),
        name="gc",
    )
    dataset.models = Models.from_yaml(centre_models(data).to_yaml())
    return dataset


def centre_models(data):
    source = xg.SkyModel(
        xg.PowerLaw(index=2.7, amplitude="5.8e-10 cm-2 s-1 TeV-1", reference="100 GeV"),
        xg.PointSource(lon=0, lat=0, frame="galactic"),
        name="source",
    )
    shape = xg.TemplateMap.read(data / IEM, normalize=False)
    diffuse = xg.SkyModel(xg.PowerLawNorm(), shape, name="iem")
    isotropic = xg.read_isotropic(data / ISO, name="iso")
    for parameter in (*source.spatial.parameters, *isotropic.parameters):
        parameter.frozen = True
    return xg.Models([source, diffuse, isotropic])


def centre(data):
    """The same with xgamma: from events to a dataset."""
    energy = xg.energy_axis("10 GeV", "500 GeV", 6)
    place = {"npix": (60, 40), "binsz": "0.1 deg", "proj": "TAN", "frame": "galactic"}
    ds = xg.create_map((0, 0), energy=energy, energy_true="reco", **place, name="gc")
    ds = ds.gamma.fill_counts(xg.read_events(data / EVENTS))
    return ds.gamma.with_responses(exposure=xg.open(data / EXPOSURE), psf=xg.open(data / PSF))


def assert_same_fit(ours, dataset, rtol):
    from gammapy.modeling import Fit

    stat = quiet(Fit().run, [dataset]).total_stat
    assert ours.total_stat == pytest.approx(stat, rel=1e-6)
    found = {p.name: p for p in ours.models.free_parameters}
    for parameter in dataset.models.parameters.free_parameters:
        mine = found[parameter.name]
        assert mine.value == pytest.approx(parameter.quantity.to_value(mine.unit or ""), rel=rtol)


def test_galactic_centre_from_events_to_fit(data, gammapy):
    ds, theirs = centre(data), quiet(gammapy_centre, data)
    np.testing.assert_array_equal(ds.counts, theirs.counts.data)
    exposure = theirs.exposure.quantity.to_value("m2 s")
    np.testing.assert_allclose(ds.exposure, exposure, rtol=1e-6)
    models = centre_models(data)
    signal = quiet(theirs.npred_signal).data
    found = ds.gamma.npred_signal(models, scheme="gammapy")
    np.testing.assert_allclose(found, signal, atol=5e-5 * signal.max())
    np.testing.assert_allclose(found.sum(), signal.sum(), rtol=1e-5)
    assert_same_fit(xg.fit(ds, models, scheme="gammapy"), theirs, rtol=1e-4)


CRAB = "fermi-3fhl-crab/Fermi-LAT-3FHL_data_Fermi-LAT.fits"


def test_crab_of_3fhl(data, gammapy):
    """Its dataset and models as gammapy keeps them; no event list of it is in gammapy's data."""
    from gammapy.datasets import MapDataset
    from gammapy.modeling.models import Models

    models = xg.Models.read(data / "fermi-3fhl-crab/Fermi-LAT-3FHL_models.yaml")
    ds = xg.read_fits(data / CRAB, name="Fermi-LAT")
    theirs = quiet(MapDataset.read, data / CRAB, name="Fermi-LAT")
    theirs.models = Models.read(data / "fermi-3fhl-crab/Fermi-LAT-3FHL_models.yaml")
    predicted = quiet(theirs.npred).data
    found = ds.gamma.npred(models, scheme="gammapy")
    np.testing.assert_allclose(found, predicted, atol=1e-5 * predicted.max())
    for m in (
        models["Crab Nebula"].spectral.beta,
        theirs.models["Crab Nebula"].spectral_model.beta,
    ):
        m.frozen = True
    assert_same_fit(xg.fit(ds, models, scheme="gammapy"), theirs, rtol=1e-4)


@pytest.fixture
def fermipy(data, tmp_path, monkeypatch):
    """The configuration of gammapy's tests, of two PSF types: the second a copy of the first."""
    folder = data / "tests/fermi"
    for number in (0, 1):
        for stem in ("ccube", "bexpmap", "psf", "drm", "ft1"):
            shutil.copy(folder / f"{stem}_00.fits", tmp_path / f"{stem}_{number:02d}.fits")
        shutil.copy(
            folder / "iso_P8R3_SOURCEVETO_V3_PSF0_v1.txt", tmp_path / f"iso_PSF{number}.txt"
        )
    text = (folder / "config_fermipy_minimal.yaml").read_text()
    parts = [f"- model: {{isodiff: {tmp_path}/iso_PSF{i}.txt}}\n" for i in (0, 1)]
    (tmp_path / "config.yaml").write_text(text + "\ncomponents:\n" + "".join(parts))
    return tmp_path / "config.yaml"


def test_fermipy_configuration(fermipy, gammapy):
    from gammapy.datasets import FermipyDatasetsReader
    from gammapy.modeling.models import Models

    theirs = quiet(FermipyDatasetsReader(fermipy).read)
    tree = xg.read_fermipy(fermipy)
    assert list(tree.children) == theirs.names == ["PSF0", "PSF1"]
    crab = xg.SkyModel(
        xg.PowerLaw(index=2.2, amplitude="1e-8 cm-2 s-1 TeV-1", reference="0.1 TeV"),
        xg.PointSource(lon=83.63, lat=22.017),
        name="crab",
    )
    for parameter in (*crab.spatial.parameters, crab.spectral.index):
        parameter.frozen = True
    models = xg.Models([crab, *tree.gamma.models])
    for model in models[1:]:
        model.spectral.model2.norm.frozen = True
    theirs.models = Models.from_yaml(models.to_yaml())
    for peer, ds in zip(theirs, datasets(tree).values(), strict=True):
        np.testing.assert_array_equal(ds.counts, peer.counts.data)
        edisp = peer.edisp.edisp_map.data[..., 0, 0]
        np.testing.assert_allclose(ds.edisp[..., 0, 0], edisp, rtol=1e-12)
        exposure = peer.exposure.quantity.to_value("m2 s")
        np.testing.assert_allclose(ds.exposure, exposure, rtol=1e-6)
        np.testing.assert_allclose(ds.psf[..., 0, 0], peer.psf.psf_map.data[..., 0, 0], rtol=1e-6)
        predicted = quiet(peer.npred).data
        found = ds.gamma.npred(models, scheme="gammapy")
        np.testing.assert_allclose(found, predicted, atol=2e-5 * predicted.max())
    assert_same_fit_all(xg.fit(tree, models, scheme="gammapy"), theirs)


def assert_same_fit_all(ours, theirs):
    from gammapy.modeling import Fit

    stat = quiet(Fit().run, theirs).total_stat
    assert ours.total_stat == pytest.approx(stat, rel=1e-5)
    amplitude = theirs.models["crab"].spectral_model.amplitude.value
    assert ours.models["crab"].spectral.amplitude.value == pytest.approx(amplitude, rel=1e-4)


def test_events_of_the_crab_are_those_of_its_cube(data, gammapy):
    """From events: gtbin's counts cube of the same events."""
    cube = xg.open(data / "tests/fermi/ccube_00.fits").load()
    again = cube.drop_vars("counts").gamma.fill_counts(
        xg.read_events(data / "tests/fermi/ft1_00.fits")
    )
    np.testing.assert_array_equal(again.counts, cube.counts)
