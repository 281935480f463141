"""What is read off spectra: local index, peak, inverse; and factors that are free at nodes."""

import numpy as np
import pytest
from astropy import units as u

import xgamma as xg
from xgamma.errors import XGammaError
from xgamma.modeling import spectral as sp
from xgamma.modeling.count_models import FoVBackground
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spectral_fermi import SuperExpCutoff4FGLDR3
from xgamma.modeling.spectral_norms import ExpCutoffPowerLawNorm
from xgamma.modeling.spectrum_features import SpectrumFeatures

PEAKED = [
    sp.LogParabola(alpha=1.8, beta=0.2, reference="1 TeV"),
    sp.LogParabola2(alpha=1.8, beta=0.2, reference="2 TeV", escale="0.5 TeV"),
    sp.ExpCutoffPowerLaw(index=1.4, lambda_="0.1 TeV-1", alpha=0.8),
    SuperExpCutoff4FGLDR3(index_1=1.5, index_2=0.6, expfactor=0.4),
    SuperExpCutoff4FGLDR3(index_1=2.1, index_2=-0.2, expfactor=0.4),
    SuperExpCutoff4FGLDR3(index_1=1.6, index_2=0.0, expfactor=0.4),
]
FLAT = [
    sp.PowerLaw(index=2.5),
    sp.LogParabola(alpha=2.2, beta=-0.1),
    sp.ExpCutoffPowerLaw(index=2.2),
    SuperExpCutoff4FGLDR3(index_1=1.5, index_2=0.6, expfactor=-0.4),
    sp.BrokenPowerLaw(index1=3, index2=2.5),
]
CURVED = [*PEAKED[:4], sp.PowerLaw() * ExpCutoffPowerLawNorm(), sp.PowerLaw(index=3)]


def peer_of(spectrum):
    from gammapy.modeling.models import Models as PeerModels

    text = Models(SkyModel(spectrum, name="m")).to_yaml()
    return PeerModels.from_yaml(text)[0].spectral_model


def name(model):
    return type(model).__name__


@pytest.mark.parametrize("model", PEAKED, ids=name)
def test_the_peak_is_the_largest(model):
    at = float(model.e_peak.to_value("TeV"))
    near = at * np.exp([-1e-3, 0, 1e-3])
    power = near**2 * model.kernel(near)
    assert power[1] > power[0]
    assert power[1] > power[2]
    # The search that other spectra fall back on; a maximum is flat, so its place is known to 1e-6.
    assert SpectrumFeatures.kernel_peak(model) == pytest.approx(at, rel=1e-5)


@pytest.mark.parametrize("model", FLAT, ids=name)
def test_without_a_maximum_there_is_no_peak(model):
    assert np.isnan(model.e_peak.value)
    assert np.isnan(SpectrumFeatures.kernel_peak(model))


def test_the_peak_of_a_combination():
    absorbed = sp.PowerLaw(index=1.5) * ExpCutoffPowerLawNorm(lambda_="0.5 TeV-1")
    assert absorbed.e_peak.to_value("TeV") == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("model", [PEAKED[0], *PEAKED[2:5]], ids=name)
def test_peaks_as_gammapy(gammapy, model):
    assert model.e_peak.to_value("TeV") == pytest.approx(
        peer_of(model).e_peak.to_value("TeV"), rel=1e-6
    )


def test_gammapys_peak_of_two_energies_is_another(gammapy):
    model = PEAKED[1]
    ratio = peer_of(model).e_peak.to_value("TeV") / model.e_peak.to_value("TeV")
    assert ratio == pytest.approx(np.sqrt(0.5 / 2), rel=1e-6)


@pytest.mark.parametrize("model", CURVED, ids=name)
def test_local_index(gammapy, model):
    energy = [0.2, 1.0, 7.0] * u.TeV
    # gammapy takes a one-sided difference of 1e-5: half the curvature times that.
    theirs = peer_of(model).spectral_index(energy)
    np.testing.assert_allclose(model.spectral_index(energy).value, theirs, atol=2e-5)


def test_local_index_is_exact_and_has_an_error():
    model = sp.LogParabola(alpha=2.1, beta=0.3, reference="1 TeV")
    energy = np.array([0.1, 1.0, 30.0])
    expected = 2.1 + 2 * 0.3 * np.log(energy)
    np.testing.assert_allclose(model.spectral_index(energy).value, expected, rtol=1e-8)
    model.beta.error = 0.05
    index, error = model.spectral_index_error(energy)
    np.testing.assert_allclose(index.value, expected, rtol=1e-8)
    np.testing.assert_allclose(error.value, np.abs(0.1 * np.log(energy)), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("model", CURVED, ids=name)
def test_inverse(gammapy, model):
    value = model("2 TeV")
    mine = model.inverse(value)
    assert mine.to_value("TeV") == pytest.approx([2.0], rel=1e-9)
    theirs = np.ravel(peer_of(model).inverse(value).to_value("TeV"))
    assert theirs == pytest.approx([2.0], rel=1e-6)


def test_inverse_of_what_has_a_value_twice_or_never():
    line = sp.LineSpectrum(mean="10 TeV", sigma="2 TeV")
    found = line.inverse(line("12 TeV"))
    np.testing.assert_allclose(found.to_value("TeV"), [8, 12], rtol=1e-9)
    with pytest.raises(XGammaError, match=r"between 0.1 TeV and 100 TeV: widen"):
        sp.PowerLaw().inverse("1 cm-2 s-1 TeV-1")
    assert sp.PowerLaw().inverse(1e-2, "1 MeV", "1 TeV").to_value("MeV") == pytest.approx([10.0])


@pytest.mark.parametrize("interp", ["log", "lin"])
def test_piecewise_norm_both_ways(gammapy, interp):
    from gammapy.modeling.models import Models as PeerModels

    norm = xg.PiecewiseNorm([300, 1000, 9000] * u.GeV, norms=[0.8, 1.3, 0.5], interp=interp)
    norm.norm_1.frozen = True
    peer = PeerModels.from_yaml(Models(FoVBackground("d", norm)).to_yaml())
    energy = np.geomspace(0.05, 90, 60) * u.TeV
    np.testing.assert_allclose(norm(energy).value, peer[0].spectral_model(energy).value, rtol=1e-9)
    for full in (True, False):
        back = Models.from_yaml(peer.to_yaml(full_output=full))[0].spectral
        assert (type(back), back.interp) == (xg.PiecewiseNorm, interp)
        np.testing.assert_allclose(back(energy), norm(energy), rtol=1e-12)
        # What gammapy leaves out of its short form, it does not read again itself.
        assert [p.frozen for p in back.parameters] == [False, full, False]


def test_piecewise_norm_refuses_what_is_no_table():
    for energy, norms in (([1], [1]), ([2, 1], [1, 1]), ([1, 2], [1]), ([0, 1], [1, 1])):
        with pytest.raises(XGammaError, match="two or more positive, increasing energies"):
            xg.PiecewiseNorm(energy, norms)
    with pytest.raises(XGammaError, match="interp="):
        xg.PiecewiseNorm([1, 2], interp="cubic")
    with pytest.raises(XGammaError, match="no parameter or attribute 'norm_2'"):
        xg.PiecewiseNorm([1, 2]).norm_2 = 3


def test_nodes_of_a_background_are_found_by_a_fit():
    ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(0.1, 10, 8))
    truth = xg.PiecewiseNorm([0.1, 1, 10], norms=[0.8, 1.4, 1.1])
    ds = ds.assign(background=("energy", np.geomspace(1e5, 1e3, 8)))
    ds = ds.assign(counts=ds.background * truth(ds.energy))
    ds.attrs["name"] = "d"
    result = xg.fit(ds, [FoVBackground("d", xg.PiecewiseNorm([0.1, 1, 10]))])
    norms = [p.value for p in result.models[0].spectral.parameters]
    np.testing.assert_allclose(norms, [0.8, 1.4, 1.1], rtol=1e-3)
