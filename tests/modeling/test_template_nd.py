"""Templates with further axes: against gammapy, between nodes, in fits, in files and YAML."""

import numpy as np
import pytest
import xarray as xr
from astropy import units as u

import xgamma as xg
from tests.helpers.small_datasets import small_map, small_spectrum
from xgamma.errors import XGammaError
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.numerics.shapes import unit_vectors

FLUX = "cm-2 s-1 TeV-1"
AT = {"tau": 2.2, "mass": 17.0}


def peer_axes():
    from gammapy.maps import MapAxis

    return [
        MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", nbin=6, name="energy_true"),
        MapAxis.from_nodes([0.5, 1, 3, 8], name="tau", interp="lin"),
        MapAxis.from_edges(np.geomspace(1, 100, 5), name="mass", unit="GeV", interp="log"),
    ]


@pytest.fixture
def peer_spectrum(gammapy, tmp_path):
    from gammapy.maps import RegionNDMap
    from gammapy.modeling.models import TemplateNDSpectralModel

    table = RegionNDMap.create(None, axes=peer_axes(), unit=FLUX)
    table.data = np.random.default_rng(0).uniform(1, 3, table.data.shape) * 1e-12
    peer = TemplateNDSpectralModel(table, filename=str(tmp_path / "spectrum.fits"))
    peer.write()
    peer.tau.value, peer.mass.value = AT["tau"], AT["mass"]
    return peer


@pytest.fixture
def peer_map(gammapy, tmp_path):
    from gammapy.maps import WcsNDMap
    from gammapy.modeling.models import TemplateNDSpatialModel

    cube = WcsNDMap.create(npix=(7, 6), binsz=0.1, skydir=(83.6, 22), axes=peer_axes(), unit="sr-1")
    cube.data = np.random.default_rng(1).uniform(1, 3, cube.data.shape)
    peer = TemplateNDSpatialModel(cube, filename=str(tmp_path / "map.fits"))
    peer.write()
    peer.tau.value, peer.mass.value = AT["tau"], AT["mass"]
    return peer


ENERGY = np.array([0.05, 0.11, 1.0, 7.0, 90.0, 300.0]) * u.TeV


def test_spectra_written_by_gammapy(peer_spectrum):
    """Its band table of three axes lists planes in another order than its data."""
    ours = xg.TemplateSpectrumND.read(
        peer_spectrum.filename, interp="linear", extrapolate=True, **AT
    )
    np.testing.assert_allclose(ours(ENERGY), peer_spectrum(ENERGY).to(ours(ENERGY).unit), rtol=1e-6)
    for mine, theirs in zip(ours.parameters, peer_spectrum.parameters, strict=True):
        assert (mine.name, mine.unit) == (theirs.name, str(theirs.unit))
        np.testing.assert_allclose((mine.min, mine.max), (theirs.min, theirs.max), rtol=1e-6)
    default = xg.TemplateSpectrumND.read(peer_spectrum.filename)
    assert default.mass.value == pytest.approx(50.5)


def test_spectra_in_yaml_both_ways(peer_spectrum, tmp_path):
    from gammapy.modeling.models import Models as PeerModels
    from gammapy.modeling.models import SkyModel as PeerSkyModel

    text = PeerModels([PeerSkyModel(peer_spectrum, name="m")]).to_yaml()
    ours = Models.from_yaml(text)["m"].spectral
    expected = peer_spectrum(ENERGY)
    np.testing.assert_allclose(ours(ENERGY), expected.to(ours(ENERGY).unit), rtol=1e-6)
    ours.write(tmp_path / "ours.fits")
    back = PeerModels.from_yaml(Models(SkyModel(ours, name="m")).to_yaml())
    np.testing.assert_allclose(
        back["m"].spectral_model(ENERGY), expected.to(expected.unit), rtol=1e-6
    )
    ours.filename = None
    text = Models(SkyModel(ours, name="m")).to_yaml()
    again = Models.from_yaml(text)
    assert again.to_yaml() == text
    np.testing.assert_allclose(again["m"].spectral(ENERGY), ours(ENERGY), rtol=1e-12)


def test_maps_written_by_gammapy(peer_map):
    ours = xg.TemplateMapND.read(peer_map.filename, interp="linear", **AT)
    lon, lat = np.array([83.6, 83.7, 83.55, 84.9]), np.array([22.0, 22.1, 21.83, 22.0])
    points = unit_vectors(np.radians(lon), np.radians(lat))
    energy = np.array([0.05, 0.11, 1.0, 7.0, 90.0])
    got = ours.as_gammapy(points, "icrs", energy)
    for i, value in enumerate(energy):
        expected = peer_map.evaluate(
            lon * u.deg, lat * u.deg, energy=value * u.TeV, tau=AT["tau"], mass=AT["mass"] * u.GeV
        )
        np.testing.assert_allclose(got[i], expected.to_value("sr-1"), rtol=1e-6)
    for mine, theirs in zip(ours.parameters, peer_map.parameters, strict=True):
        assert (mine.name, mine.unit) == (theirs.name, str(theirs.unit))
        np.testing.assert_allclose((mine.min, mine.max), (theirs.min, theirs.max), rtol=1e-6)


def test_maps_in_yaml_both_ways(peer_map, tmp_path):
    from gammapy.modeling.models import Models as PeerModels
    from gammapy.modeling.models import PowerLawSpectralModel
    from gammapy.modeling.models import SkyModel as PeerSkyModel

    model = PeerSkyModel(PowerLawSpectralModel(), peer_map, name="m")
    ours = Models.from_yaml(PeerModels([model]).to_yaml())["m"]
    assert ours.spatial.tau.value == pytest.approx(AT["tau"])
    ours.spatial.write(tmp_path / "ours.fits")
    back = PeerModels.from_yaml(Models(ours).to_yaml())["m"].spatial_model
    np.testing.assert_allclose(back.map.data, peer_map.map.data, rtol=1e-12)
    assert back.parameters.names == ["tau", "mass"]
    assert back.mass.value == pytest.approx(AT["mass"])
    ours.spatial.filename = None
    text = Models(ours).to_yaml()
    assert Models.from_yaml(text).to_yaml() == text


def cutoffs(n=9):
    """Power laws with cutoffs, over the logarithm of the cutoff: the truth between nodes is known."""
    energy = np.geomspace(0.2, 100, 60)
    cut = np.geomspace(1, 30, n)
    values = 3e-11 * energy**-2 * np.exp(-energy / cut[:, None])
    return xr.DataArray(
        np.maximum(values, 1e-40),
        {
            "cut": ("cut", cut, {"units": "TeV", "interp": "log"}),
            "energy_true": ("energy_true", energy, {"units": "TeV", "interp": "log"}),
        },
        ("cut", "energy_true"),
        attrs={"units": FLUX},
    )


def test_between_nodes_a_cubic_is_close_and_has_no_corners():
    exact = 3e-11 * np.exp(-1 / 7.0)
    errors = {}
    for interp in ("linear", "cubic"):
        spectrum = xg.TemplateSpectrumND(cutoffs(), interp=interp, cut="7 TeV")
        errors[interp] = abs(spectrum.kernel(np.array([1.0]))[0] / exact - 1)
        node = spectrum.map.cut.values[4]
        values = []
        for step in (-2e-4, -1e-4, 0, 1e-4, 2e-4):
            spectrum.cut = node * (1 + step)
            values.append(spectrum.kernel(np.array([1.0]))[0])
        second = np.diff(np.log(values), 2) / 1e-8
        # A corner shows as a second difference that grows as the step shrinks.
        assert (np.abs(second).max() < 1) == (interp == "cubic")
    assert errors["cubic"] < 2e-4 < errors["linear"] < 0.02


def test_a_fit_finds_the_parameter():
    truth = SkyModel(xg.TemplateSpectrumND(cutoffs(), cut="7 TeV"), name="s")
    data = small_spectrum().gamma.with_models(truth).gamma.asimov()
    start = truth.copy()
    start.spectral.cut = "12 TeV"
    result = xg.fit(data, [start])
    assert result.success
    assert result.models["s"].spectral.cut.value == pytest.approx(7, rel=1e-3)
    assert result.models["s"].spectral.cut.error > 0


def discs():
    """Gaussians of several widths, per sr."""
    grid = xg.create_map((83.6, 22.0), "2 deg", "0.1 deg")
    away = grid.gamma.separation((83.6, 22.0))
    widths = xr.DataArray([0.2, 0.3, 0.4, 0.5], dims="width", attrs={"units": "deg"})
    made = np.exp(-0.5 * (away / widths.assign_coords(width=widths)) ** 2)
    made["width"].attrs["units"] = "deg"
    return made.assign_attrs(units="sr-1")


def test_a_fit_finds_the_width_of_a_map():
    spatial = xg.TemplateMapND(discs(), normalize=True, width="0.37 deg")
    truth = SkyModel(xg.PowerLaw(amplitude=f"3e-11 {FLUX}"), spatial, name="s")
    data = small_map().gamma.with_models(truth).gamma.asimov()
    counts = data.gamma.npred_signal(truth).sum()
    spatial.width = "0.25 deg"
    # Normalised whatever the width; a little falls beside the map.
    assert data.gamma.npred_signal(truth).sum() == pytest.approx(float(counts), rel=5e-3)
    result = xg.fit(data, [truth])
    assert result.success
    assert result.models["s"].spatial.width.value == pytest.approx(0.37, rel=2e-3)


def test_zeros_are_straight():
    grid = xg.create_map((83.6, 22.0), "1 deg", "0.1 deg")
    away = grid.gamma.separation((83.6, 22.0))
    table = xr.concat([1.0 * (away < r) for r in (0.2, 0.4)], "radius")
    shape = xg.TemplateMapND(
        table.assign_coords(radius=[0.2, 0.4]).assign_attrs(units="sr-1"), radius=0.25
    )
    ring = shape(83.6, 22.3).value
    assert ring == pytest.approx(0.25)
    assert shape(83.6, 22.05).value == pytest.approx(1)


def test_what_cannot_be_is_refused():
    table = cutoffs()
    with pytest.raises(XGammaError, match="'cut' = 31 is outside its range 1 to 30"):
        xg.TemplateSpectrumND(table, cut=31)
    with pytest.raises(
        XGammaError, match=r"no axis other than energy and position: use xg.TemplateSpectrum"
    ):
        xg.TemplateSpectrumND(table.isel(cut=0, drop=True))
    with pytest.raises(XGammaError, match="'unit' of the template map cannot be the name"):
        xg.TemplateSpectrumND(table.rename(cut="unit"))
    with pytest.raises(XGammaError, match="must be positive, finite and increase"):
        xg.TemplateSpectrumND(table.isel(cut=slice(None, None, -1)))
    with pytest.raises(XGammaError, match="has no values: add them"):
        xg.TemplateSpectrumND(table.drop_vars("cut"))
    with pytest.raises(XGammaError, match="NaN or negative values"):
        xg.TemplateSpectrumND(-table)
    with pytest.raises(XGammaError, match="with the dimension 'energy_true'"):
        xg.TemplateSpectrumND(table.isel(energy_true=0))
    with pytest.raises(XGammaError, match="interp='spline'"):
        xg.TemplateSpectrumND(table, interp="spline")
    shape = xg.TemplateMapND(discs())
    with pytest.raises(XGammaError, match="cannot be moved"):
        shape.position = (0, 0)
    with pytest.raises(XGammaError, match="must be a map with pixels"):
        xg.TemplateMapND(table)
    with pytest.raises(XGammaError, match="no axis other than energy and position"):
        xg.TemplateMapND(discs().isel(width=0, drop=True))
