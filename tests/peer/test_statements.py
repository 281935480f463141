"""What the science pages say about gammapy's priors, integrals and limits, measured."""

import itertools

import numpy as np
import pytest
from astropy import units as u
from scipy.integrate import quad

import xgamma as xg
from xgamma.numerics import limits

pytest.importorskip("gammapy")


def test_priors_are_the_same():
    """Both add 2 ln of the width of a uniform prior, not nothing."""
    from gammapy.modeling.models import GaussianPrior, UniformPrior

    for value in (1.0, 2.0, 2.7):
        theirs = UniformPrior(min=1, max=3).evaluate(value, 1, 3)
        assert xg.uniform_prior(1, 3).stat(value) == pytest.approx(theirs)
        assert theirs == pytest.approx(2 * np.log(2))
        theirs = GaussianPrior(mu=2.3, sigma=0.1).evaluate(value, 2.3, 0.1)
        assert xg.gaussian_prior(2.3, 0.1).stat(value) == pytest.approx(theirs)
    assert xg.uniform_prior(1, 3).stat(3.5) == UniformPrior().evaluate(3.5, 1, 3) == np.inf


CURVED = {
    # Name: parameters, and how far gammapy's integrals are from the truth.
    "ExpCutoffPowerLawSpectralModel": ({"lambda_": "0.1 TeV-1", "index": 2}, -5.9e-4),
    "LogParabolaSpectralModel": ({"alpha": 2.3, "beta": 0.1}, -1.4e-5),
    "SmoothBrokenPowerLawSpectralModel": (
        {"index1": 1.5, "index2": 3, "ebreak": "3 TeV", "beta": 0.3},
        -9.7e-5,
    ),
    "BrokenPowerLawSpectralModel": ({"index1": 1.5, "index2": 3, "ebreak": "3 TeV"}, -1.2e-4),
}


def worst_integral(name, settings):
    """Return the largest relative errors of gammapy's and of our integrals, 10 bins a decade."""
    from gammapy.modeling import models

    theirs = getattr(models, name)(**settings)
    spec = models.SkyModel(theirs, name="s")
    ours = xg.Models.from_yaml(models.Models([spec]).to_yaml())["s"].spectral
    errors = []
    edges = np.geomspace(1, 100, 21)
    for low, high in itertools.pairwise(edges):

        def density(log):
            energy = np.exp(log)
            return float(ours.kernel(np.array([energy]))[0]) * energy

        inner = [np.log(3)] if low < 3 < high else None
        truth = quad(density, np.log(low), np.log(high), epsabs=0, epsrel=1e-11, points=inner)[0]
        other = theirs.integral(low * u.TeV, high * u.TeV).to_value("s-1 cm-2")
        own = float(ours.kernel_integral(np.array([low]), np.array([high]))[0])
        errors.append((other / truth - 1, own / truth - 1))
    low, own = np.array(errors).T
    return low[np.abs(low).argmax()], np.abs(own).max()


@pytest.mark.parametrize("name", list(CURVED))
def test_integrals_of_curved_spectra_are_low(name):
    """Chords of the logarithm lie below a curve that bends down: gammapy is low, not high."""
    settings, expected = CURVED[name]
    theirs, ours = worst_integral(name, settings)
    assert theirs == pytest.approx(expected, rel=0.2)
    assert ours < 1e-6


def test_integrals_of_a_steep_cutoff():
    settings = {"lambda_": "0.3 TeV-1", "index": 2, "alpha": 2}
    from gammapy.modeling.models import ExpCutoffPowerLawSpectralModel

    theirs = ExpCutoffPowerLawSpectralModel(**settings)
    # exp(-(0.3 * 20)^2) is 1e-16 of the flux: until there it is seen.
    low, high = 10.0, 12.6
    truth = quad(
        lambda e: theirs(e * u.TeV).to_value("TeV-1 s-1 cm-2"), low, high, epsabs=0, epsrel=1e-11
    )[0]
    other = theirs.integral(low * u.TeV, high * u.TeV).to_value("s-1 cm-2")
    assert other / truth - 1 == pytest.approx(-2.2e-3, rel=0.2)


@pytest.mark.parametrize(("counts", "background"), [(5, 20), (9, 4), (0, 3)])
def test_limits_count_from_zero_here(counts, background):
    """gammapy's limits count from a negative minimum too, and are negative: -9.1 for 5 over 20."""
    from gammapy.stats import CashCountsStatistic, WStatCountsStatistic

    theirs = float(CashCountsStatistic(counts, background).compute_upper_limit(2))
    ours = float(limits.cash_excess_limit(counts, float(background)))
    onoff = float(WStatCountsStatistic(counts, 5 * background, 0.2).compute_upper_limit(2))
    mine = float(limits.wstat_excess_limit(counts, 5 * background, 0.2))
    if counts > background:
        assert ours == pytest.approx(theirs, rel=1e-5)
        assert mine == pytest.approx(onoff, rel=1e-5)
    elif counts:
        assert theirs < -9
        assert onoff < -8
        assert ours > 2
        assert mine > 2
    else:
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_limits_over_a_signal_are_those_of_gammapy():
    from gammapy.stats import WStatCountsStatistic

    theirs = WStatCountsStatistic(60, 100, 0.2, mu_sig=30.0).compute_upper_limit(2)
    assert float(limits.wstat_excess_limit(60, 100, 0.2, 2, 30.0)) == pytest.approx(
        float(theirs), rel=1e-6
    )
