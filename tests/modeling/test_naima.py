"""Spectra by Naima, against Naima and gammapy."""

import numpy as np
import pytest
from astropy import units as u

import xgamma as xg
from xgamma.errors import MissingDataError, XGammaError
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spectrum_base import Spectrum

models = pytest.importorskip("naima.models", reason="naima is not installed")
# Naima divides by zero at the ends of its tables.
pytestmark = pytest.mark.filterwarnings("ignore:(divide|overflow|invalid):RuntimeWarning")


def electrons():
    return models.ExponentialCutoffPowerLaw(1e36 / u.eV, 1 * u.TeV, 2.1, 13 * u.TeV)


def protons():
    return models.PowerLaw(1e46 / u.eV, 1 * u.TeV, 2.2)


FIELDS = ["CMB", ["FIR", 30 * u.K, 0.5 * u.eV / u.cm**3]]
MADE = {
    "ic": lambda: models.InverseCompton(electrons(), seed_photon_fields=FIELDS, Eemax=1 * u.PeV),
    "pion": lambda: models.PionDecay(protons(), nh=3 / u.cm**3),
    "synchrotron": lambda: models.Synchrotron(electrons(), B=3e-4 * u.G),
    "bremsstrahlung": lambda: models.Bremsstrahlung(electrons(), n0=5 / u.cm**3),
}


@pytest.mark.parametrize("kind", MADE)
def test_fluxes_as_naima_and_gammapy(gammapy, kind):
    from gammapy.modeling.models import NaimaSpectralModel

    energy = np.geomspace(1e-4 if kind == "synchrotron" else 100, 2e4, 12) * u.GeV
    energy = energy * 1e-6 if kind == "synchrotron" else energy
    spectrum = xg.NaimaSpectrum(MADE[kind](), "2 kpc")
    direct = MADE[kind]().flux(energy, distance=2 * u.kpc)
    peer = NaimaSpectralModel(MADE[kind](), distance=2 * u.kpc)
    flux = spectrum(energy)
    np.testing.assert_allclose(flux.to_value(direct.unit), direct.value, rtol=1e-10)
    np.testing.assert_allclose(flux.value, peer(energy).to_value(flux.unit), rtol=1e-6)
    assert [p.name for p in spectrum.parameters] == peer.parameters.names


@pytest.mark.parametrize("kind", MADE)
def test_yaml_keeps_all_of_it(kind):
    spectrum = xg.NaimaSpectrum(MADE[kind](), "2 kpc")
    spectrum.amplitude = spectrum.amplitude.value * 3
    text = Models(SkyModel(spectrum, name="m")).to_yaml()
    back = Models.from_yaml(text)
    assert back.to_yaml() == text
    energy = [0.3e-6, 1, 5] * u.TeV if kind == "synchrotron" else [0.3, 1, 5] * u.TeV
    np.testing.assert_allclose(back["m"].spectral(energy), spectrum(energy), rtol=1e-10)
    assert back["m"].spectral.e_0.frozen


def table():
    energy = np.geomspace(1, 1e3, 12) * u.GeV
    return models.TableModel(energy, 1e37 * (energy.value / 10) ** -2.3 / u.eV, amplitude=2)


NESTED = {"SSC": {"B": "120 uG", "radius": 2 * u.pc}}


def test_a_table_of_particles_as_gammapy(gammapy):
    from gammapy.modeling.models import NaimaSpectralModel

    spectrum = xg.NaimaSpectrum(models.PionDecay(table()), "2 kpc")
    peer = NaimaSpectralModel(models.PionDecay(table()), distance=2 * u.kpc)
    energy = [1, 10, 100] * u.GeV
    np.testing.assert_allclose(spectrum(energy), peer(energy).to(spectrum(energy).unit), rtol=1e-6)
    assert [p.name for p in spectrum.parameters] == peer.parameters.names == ["amplitude"]
    once = spectrum(energy)
    spectrum.amplitude = 6
    np.testing.assert_allclose(spectrum(energy), 3 * once, rtol=1e-10)
    text = Models(SkyModel(spectrum, name="m")).to_yaml()
    back = Models.from_yaml(text)
    assert back.to_yaml() == text
    np.testing.assert_allclose(back["m"].spectral(energy), spectrum(energy), rtol=1e-10)


def test_self_compton_as_gammapy(gammapy):
    from gammapy.modeling.models import NaimaSpectralModel

    made = models.InverseCompton(electrons(), seed_photon_fields=FIELDS, Eemax=1 * u.PeV)
    nested = {"SSC": {"B": 120 * u.uG, "radius": 2 * u.pc}}
    peer = NaimaSpectralModel(
        models.InverseCompton(electrons(), seed_photon_fields=FIELDS, Eemax=1 * u.PeV),
        distance=2 * u.kpc,
        nested_models=nested,
    )
    spectrum = xg.NaimaSpectrum(made, "2 kpc", nested_models=NESTED)
    energy = [1e-9, 1e-6, 0.1, 1, 10] * u.TeV
    for field in ("120 uG", "300 uG"):
        spectrum.B, peer.B.quantity = field, u.Quantity(field)
        np.testing.assert_allclose(
            spectrum(energy), peer(energy).to(spectrum(energy).unit), rtol=1e-6
        )
    assert [p.name for p in spectrum.parameters] == peer.parameters.names
    assert spectrum.radius.frozen
    # Its own photons are scattered in addition to those of the fields.
    assert spectrum("1 TeV") > xg.NaimaSpectrum(made, "2 kpc")("1 TeV")
    text = Models(SkyModel(spectrum, name="m")).to_yaml()
    back = Models.from_yaml(text)
    assert back.to_yaml() == text
    np.testing.assert_allclose(back["m"].spectral(energy), spectrum(energy), rtol=1e-10)


def test_what_is_no_self_compton_source_is_refused():
    ic = models.InverseCompton(electrons())
    with pytest.raises(XGammaError, match=r"nested_models=.* is not recognised: write {'SSC'"):
        xg.NaimaSpectrum(ic, nested_models={"SSC": {"B": "1 G"}})
    with pytest.raises(XGammaError, match="requires an InverseCompton model, not PionDecay"):
        xg.NaimaSpectrum(models.PionDecay(protons()), nested_models=NESTED)
    with pytest.raises(XGammaError, match="radius=0 pc of the self-Compton source"):
        xg.NaimaSpectrum(ic, nested_models={"SSC": {"B": "1 G", "radius": "0 pc"}})


def test_parameters_and_seeds():
    made = MADE["ic"]()
    both = xg.NaimaSpectrum(made)
    parts = [xg.NaimaSpectrum(made, seed=name)("1 TeV") for name in ("CMB", "FIR")]
    assert both("1 TeV").value == pytest.approx(sum(parts).value, rel=1e-10)
    steep = both.copy()
    steep.alpha = 3
    steep.amplitude = "2e33 keV-1"
    assert steep("1 TeV") != both("1 TeV")
    # What was passed stays as it was.
    assert made.particle_distribution.alpha == 2.1
    assert both.alpha.value == 2.1
    field = xg.NaimaSpectrum(MADE["synchrotron"]())
    weak = field("1 keV")
    field.B = "1 mG"
    assert field("1 keV") > 2 * weak


def test_integrals():
    spectrum = xg.NaimaSpectrum(MADE["ic"]())
    edges = np.geomspace(0.1, 30, 8)
    for power in (0, 1):
        got = spectrum.kernel_integral(edges[:-1], edges[1:], power)
        direct = Spectrum.kernel_integral(spectrum, edges[:-1], edges[1:], power)
        np.testing.assert_allclose(got, direct, rtol=1e-6)


def test_a_fit_finds_the_particles():
    ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(0.5, 20, 6), name="d")
    n = ds.sizes["energy_true"]
    true, reco = ds.gamma.edges("energy_true").value, ds.gamma.edges("energy").value
    low = np.maximum(true[:-1, None], reco[None, :-1])
    share = np.maximum(np.minimum(true[1:, None], reco[None, 1:]) - low, 0)
    ds = ds.assign(
        exposure=("energy_true", np.full(n, 1e11), {"units": "m2 s"}),
        background=("energy", np.full(6, 10.0)),
        edisp=(("energy_true", "energy"), share / np.diff(true)[:, None]),
    )
    truth = xg.NaimaSpectrum(models.InverseCompton(models.PowerLaw(3e36 / u.eV, 1 * u.TeV, 2.4)))
    ds = ds.gamma.with_models(SkyModel(truth, name="m")).gamma.asimov()
    start = truth.copy()
    start.alpha, start.amplitude = 2.2, "2e36 eV-1"
    result = xg.fit(ds, [SkyModel(start, name="m")])
    assert result.models["m"].spectral.alpha.value == pytest.approx(2.4, abs=0.01)
    assert result.models["m"].spectral.amplitude.value == pytest.approx(3e36, rel=0.02)


def test_what_cannot_be_is_refused(gammapy, monkeypatch):
    from gammapy.modeling.models import Models as PeerModels
    from gammapy.modeling.models import NaimaSpectralModel
    from gammapy.modeling.models import SkyModel as PeerSkyModel

    with pytest.raises(XGammaError, match="radiative_model=PowerLaw of NoneType is not recognised"):
        xg.NaimaSpectrum(protons())
    with pytest.raises(
        XGammaError, match="'NIR' is not a seed photon field of the model: it has CMB"
    ):
        xg.NaimaSpectrum(MADE["ic"](), seed="NIR")
    with pytest.raises(XGammaError, match="distance=0 kpc must be a length"):
        xg.NaimaSpectrum(MADE["ic"](), "0 kpc")
    peer = PeerModels([PeerSkyModel(NaimaSpectralModel(MADE["pion"]()), name="m")])
    with pytest.raises(XGammaError, match="which gammapy does not write to YAML: create it"):
        Models.from_yaml(peer.to_yaml())
    monkeypatch.setitem(__import__("sys").modules, "naima", None)
    with pytest.raises(
        MissingDataError, match=r"needs naima: install it with pip install 'xgamma\[naima\]'"
    ):
        xg.NaimaSpectrum(MADE["ic"]())
