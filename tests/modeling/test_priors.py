"""Priors: their densities, limits, YAML, and fits that they bound."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import xgamma as xg
from xgamma.errors import XGammaError
from xgamma.modeling.models import Models
from xgamma.modeling.prior import LAWS, Prior
from xgamma.modeling.sky_model import SkyModel

CASES = {
    "gaussian": (Prior("gaussian", 2.2, 0.3), stats.norm(2.2, 0.3)),
    "uniform": (Prior("uniform", 1.0, 4.0), stats.uniform(1.0, 3.0)),
    "log-uniform": (Prior("log-uniform", 0.5, 50.0), stats.loguniform(0.5, 50.0)),
    "generalized-gaussian": (
        Prior("generalized-gaussian", 2.2, 0.3, eta=0.2),
        stats.gennorm(5.0, 2.2, 0.3 * np.sqrt(2)),
    ),
}


def test_every_law_is_tested():
    assert set(CASES) == set(LAWS)


@pytest.mark.parametrize("kind", CASES)
def test_stat_is_minus_two_ln_p(kind):
    prior, law = CASES[kind]
    for value in (0.1, 1.7, 3.9, 60.0):
        expected = -2 * law.logpdf(value)
        assert prior.stat(value) == pytest.approx(float(expected), rel=1e-12)
    assert prior.limits == tuple(law.support())


@pytest.mark.parametrize("kind", CASES)
def test_gammapy_reads_and_writes_the_same(gammapy, kind):
    from gammapy.modeling.models import Models as PeerModels

    model = SkyModel(xg.PowerLaw(index=1.7), name="m")
    model.spectral.index.prior = replace(CASES[kind][0], weight=0.5)
    peer = PeerModels.from_yaml(Models(model).to_yaml())
    assert peer.parameters.prior_stat_sum() == pytest.approx(
        model.spectral.index.prior.stat(1.7), rel=1e-9
    )
    back = Models.from_yaml(peer.to_yaml())
    assert back["m"].spectral.index.prior == model.spectral.index.prior


def test_what_is_no_density_is_refused():
    with pytest.raises(XGammaError, match="log-uniform prior requires max > min > 0, not 0 to 1"):
        xg.log_uniform_prior(0, 1)
    with pytest.raises(XGammaError, match="use 'gaussian' or 'uniform' or 'log-uniform' or 'gen"):
        Prior("jeffreys", 1, 2)
    with pytest.raises(XGammaError, match=r"requires a positive width and eta, not 0.3 and 0"):
        xg.generalized_gaussian_prior(2.2, 0.3, eta=0)


def test_a_generalised_gaussian_is_a_gaussian_and_a_laplacian():
    half, one = (xg.generalized_gaussian_prior(2.2, 0.3, eta) for eta in (0.5, 1.0))
    laplace = stats.laplace(2.2, 0.3 * np.sqrt(2))
    for value in (1.0, 2.2, 3.0):
        assert half.stat(value) == pytest.approx(xg.gaussian_prior(2.2, 0.3).stat(value))
        assert one.stat(value) == pytest.approx(-2 * laplace.logpdf(value))


def test_a_prior_in_another_unit_is_the_same_knowledge():
    model = xg.PowerLaw(reference="1 TeV")
    model.reference.prior = xg.log_uniform_prior(0.1, 10)
    model.reference = "500 GeV"
    model.reference.convert_to("TeV")
    low, high = model.reference.prior.limits
    assert (low, high) == (pytest.approx(0.1), pytest.approx(10))


@pytest.mark.parametrize("prior", [xg.uniform_prior(2.4, 4), xg.log_uniform_prior(2.4, 4)])
def test_a_fit_stops_at_the_end_of_a_prior(prior):
    ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 5))
    n = ds.sizes["energy_true"]
    ds = ds.assign(
        exposure=("energy_true", np.full(n, 1e10), {"units": "m2 s"}),
        background=("energy", np.full(5, 1.0)),
    )
    ds = ds.assign(edisp=(("energy_true", "energy"), _diagonal(ds)))
    model = SkyModel(xg.PowerLaw(index=2.0, amplitude="1e-10 cm-2 s-1 TeV-1"), name="m")
    ds = ds.gamma.with_models(model).gamma.asimov()
    start = model.copy()
    start.spectral.index = 2.6
    start.spectral.index.prior = prior
    with pytest.warns(xg.XGammaWarning, match="index"):
        result = xg.fit(ds, [start])
    assert result.models["m"].spectral.index.value == pytest.approx(2.4, abs=1e-3)


def _diagonal(ds):
    true, reco = ds.gamma.edges("energy_true").value, ds.gamma.edges("energy").value
    low = np.maximum(true[:-1, None], reco[None, :-1])
    high = np.minimum(true[1:, None], reco[None, 1:])
    return np.maximum(high - low, 0) / np.diff(true)[:, None]
