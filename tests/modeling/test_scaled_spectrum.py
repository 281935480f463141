"""A spectrum times a factor: against gammapy, in fits and in YAML."""

import numpy as np
import pytest
from astropy import units as u

import xgamma as xg
from tests.helpers.small_datasets import small_spectrum
from xgamma.errors import XGammaError
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel

CUTOFF = {"index": 1.8, "amplitude": "2e-12 cm-2 s-1 TeV-1", "lambda_": "0.1 TeV-1"}


def test_flux_and_integral_as_gammapy(gammapy):
    from gammapy.modeling.models import ExpCutoffPowerLawSpectralModel, ScaleSpectralModel

    ours = xg.ScaledSpectrum(xg.ExpCutoffPowerLaw(**CUTOFF), norm=0.7)
    peer = ScaleSpectralModel(ExpCutoffPowerLawSpectralModel(**CUTOFF), norm=0.7)
    energy = [0.3, 2, 20] * u.TeV
    np.testing.assert_allclose(ours(energy), peer(energy).to(ours(energy).unit), rtol=1e-6)
    got, expected = (m.integral(1 * u.TeV, 10 * u.TeV) for m in (ours, peer))
    # gammapy integrates by trapezoids of logarithms.
    assert got.value == pytest.approx(expected.to_value(got.unit), rel=1e-3)


def test_a_fit_finds_the_factor_and_holds_the_form():
    form = xg.ExpCutoffPowerLaw(**{**CUTOFF, "amplitude": "2e-11 cm-2 s-1 TeV-1"})
    truth = SkyModel(xg.ScaledSpectrum(form, norm=1.3), name="s")
    data = small_spectrum().gamma.with_models(truth).gamma.asimov()
    result = xg.fit(data, [SkyModel(xg.ScaledSpectrum(form), name="s")])
    fitted = result.models["s"].spectral
    assert fitted.norm.value == pytest.approx(1.3, rel=1e-3)
    assert fitted.model.index.value == 1.8
    assert [p.name for p in result.models.parameters] == ["norm"]


def test_what_is_scaled_may_change_between_predictions():
    spectrum = xg.ScaledSpectrum(xg.PowerLaw(index=2))
    before = spectrum.kernel_values()
    spectrum.model.index = 3
    assert spectrum.kernel_values() != before


def test_a_factor_scales_a_factor():
    corrected = xg.PowerLaw() * xg.ScaledSpectrum(xg.PowerLawNorm(tilt=0.1), norm=2)
    assert corrected("1 TeV").value == pytest.approx(2e-12)


def test_yaml_keeps_the_form():
    models = Models(SkyModel(xg.ScaledSpectrum(xg.ExpCutoffPowerLaw(**CUTOFF), 0.7), name="s"))
    models["s"].spectral.norm.prior = xg.gaussian_prior(1, 0.1)
    back = Models.from_yaml(models.to_yaml())
    assert back.to_yaml() == models.to_yaml()
    assert back["s"].spectral("2 TeV") == models["s"].spectral("2 TeV")


def test_what_cannot_be_is_refused(gammapy):
    from gammapy.modeling.models import Models as PeerModels
    from gammapy.modeling.models import PowerLawSpectralModel, ScaleSpectralModel
    from gammapy.modeling.models import SkyModel as PeerSkyModel

    with pytest.raises(XGammaError, match="model=2 must be a spectrum"):
        xg.ScaledSpectrum(2)
    peer = PeerModels([PeerSkyModel(ScaleSpectralModel(PowerLawSpectralModel()), name="m")])
    with pytest.raises(XGammaError, match="does not specify the spectrum it scales"):
        Models.from_yaml(peer.to_yaml())
