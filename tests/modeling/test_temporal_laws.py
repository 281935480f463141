"""Time profiles given by a formula: values, integrals, YAML, against gammapy and quadrature."""

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from scipy.integrate import quad

import xgamma as xg
from xgamma.errors import XGammaError
from xgamma.fitting.gammapy_scheme import mean_factor
from xgamma.modeling.time_profile import TimeProfile

START, STOP = np.array([59000.1, 59003.0]), np.array([59000.6, 59003.25])
LAWS = [
    xg.LinearTemporal(alpha=1.2, beta="-0.05 d-1", t_ref=59000),
    xg.ExpDecayTemporal(t0="36 h", t_ref=58999),
    xg.GaussianTemporal(t_ref=59002, sigma="1.5 d"),
    xg.GaussianTemporal(t_ref=58990, sigma="1 d"),
    xg.GaussianTemporal(t_ref=59015, sigma="1 d"),
    xg.GeneralizedGaussianTemporal(t_ref=59000.3, t_rise="0.4 d", t_decay="2 d", eta=0.8),
    xg.PowerLawTemporal(alpha=-1.4, t_ref=58999.5, t0="0.5 d"),
    xg.PowerLawTemporal(alpha=-1, t_ref=58999.5),
    xg.PowerLawTemporal(alpha=2, t_ref=58999.5),
    xg.SineTemporal(amp=0.6, omega="5 rad d-1", t_ref=59000.2),
]
# gammapy's integral of these two is not that of its own values.
SUMMED = (xg.GeneralizedGaussianTemporal, xg.SineTemporal)


# gammapy evaluates a model that it makes, at dates of its own.
pytestmark = pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")


def peer_of(law, gammapy):
    from gammapy.modeling.models import Models as PeerModels

    model = xg.SkyModel(xg.PowerLaw(), temporal=law, name="m")
    return PeerModels.from_yaml(xg.Models(model).to_yaml())


def name(law):
    return type(law).__name__


@pytest.mark.parametrize("law", LAWS, ids=name)
def test_integral_is_the_integral(law):
    expected = [
        quad(lambda t: float(law.kernel(np.array(t))), a, b, epsabs=0, epsrel=1e-11, limit=300)[0]
        for a, b in zip(START, STOP, strict=True)
    ]
    np.testing.assert_allclose(law.kernel_integral(START, STOP), expected, rtol=1e-8)
    # The panels that a law without a formula of its own falls back on; a kink costs digits.
    np.testing.assert_allclose(TimeProfile.kernel_integral(law, START, STOP), expected, rtol=1e-5)


@pytest.mark.parametrize("law", LAWS, ids=name)
@pytest.mark.parametrize("scale", ["utc", "tt"])
def test_values_and_integrals_against_gammapy(gammapy, law, scale):
    law = law.copy()
    law.scale = scale
    peer = peer_of(law, gammapy)[0].temporal_model
    assert peer.scale == scale
    times = Time(np.linspace(59000.0, 59004.0, 50), format="mjd", scale="utc")
    np.testing.assert_allclose(law(times), u.Quantity(peer(times)).to_value(""), rtol=1e-6)
    start, stop = (Time(t, format="mjd", scale=scale) for t in (START, STOP))
    theirs = u.Quantity(peer.integral(start, stop)).to_value("").sum()
    assert mean_factor(law, START, STOP) == pytest.approx(float(theirs), rel=1e-6)
    if not isinstance(law, SUMMED):
        assert law.mean(start, stop) == pytest.approx(float(theirs), rel=1e-6)


@pytest.mark.parametrize("law", LAWS, ids=name)
def test_yaml_both_ways(gammapy, law):
    law = law.copy()
    law.scale = "tt"
    peer = peer_of(law, gammapy)
    for full in (True, False):
        back = xg.Models.from_yaml(peer.to_yaml(full_output=full))["m"].temporal
        assert type(back) is type(law)
        assert back.scale == "tt"
        for ours, again in zip(law.parameters, back.parameters, strict=True):
            assert again.to_value(ours.unit) == pytest.approx(ours.value, rel=1e-12)
            assert again.frozen == ours.frozen


def test_every_temporal_model_of_gammapy_is_here(gammapy):
    from gammapy.modeling.models import TEMPORAL_MODEL_REGISTRY

    xg.Models.from_yaml("components: []")
    tags = {tag for cls in TEMPORAL_MODEL_REGISTRY for tag in cls.tag}
    assert tags <= set(TimeProfile.registry)


def test_gammapys_integral_of_a_sine_is_of_another_phase(gammapy):
    law = xg.SineTemporal(amp=0.6, omega="5 rad d-1", t_ref=59000)
    peer = peer_of(law, gammapy)[0].temporal_model
    start, stop = (Time([t], format="mjd", scale="utc") for t in (59000.0, 59000.3))
    mean = quad(lambda t: 1 + 0.6 * np.sin(5 * t), 0, 0.3)[0] / 0.3
    assert law.mean(start, stop) == pytest.approx(mean, rel=1e-8)
    theirs = float(np.sum(peer.integral(start, stop)))
    assert theirs == pytest.approx(1 - 0.6 / 5 * np.sin(1.5) / 0.3, rel=1e-6)
    assert theirs / mean == pytest.approx(0.437, abs=0.005)


def test_gammapys_integral_of_a_generalized_gaussian_is_a_hundredth_too_large(gammapy):
    law = xg.GeneralizedGaussianTemporal(t_ref=59000, t_rise="1 d", t_decay="1 d")
    peer = peer_of(law, gammapy)[0].temporal_model
    start, stop = (Time([t], format="mjd", scale="utc") for t in (59000.0, 59000.1))
    theirs = float(np.sum(u.Quantity(peer.integral(start, stop)).to_value("")))
    assert theirs / law.mean(start, stop) == pytest.approx(100 / 99, rel=1e-4)


def test_short_and_late_intervals_keep_their_digits():
    second = 1 / 86400
    start = np.array([59000.0])
    decay = xg.ExpDecayTemporal(t0="1000 d", t_ref=59000)
    assert decay.kernel_mean(start, start + second) == pytest.approx(1, rel=1e-7)
    late = xg.GaussianTemporal(t_ref=58980, sigma="1 d")
    # The mean of 0.1 d near the value in its middle; the tail is e^-200.
    mean = late.kernel_mean(start, start + 0.01)
    assert mean == pytest.approx(float(late.kernel(start + 0.005)[0]), rel=0.02)
    still = xg.SineTemporal(amp=0.5, omega="0 rad d-1")
    assert still.kernel_mean(start, start + 1) == 1


def test_a_power_law_of_time_begins_at_its_reference():
    law = xg.PowerLawTemporal(alpha=-0.5, t_ref=59001)
    with pytest.raises(XGammaError, match=r"begins at t_ref = MJD 59001.* set t_ref before"):
        law("2020-05-31T00:00:00")
    with pytest.raises(XGammaError, match="before that"):
        law.kernel_mean(START, STOP)
    # From the reference itself a power above -1 has an integral.
    assert law.kernel_mean(np.array([59001.0]), np.array([59002.0])) == pytest.approx(2.0)


def test_a_wrong_scale_is_refused():
    with pytest.raises(XGammaError, match="scale='gps' is not a time scale: use one of utc"):
        xg.LinearTemporal(scale="gps")


@pytest.mark.parametrize("law", LAWS, ids=name)
def test_drawn_times_follow_the_profile(law):
    fraction = np.linspace(0.1, 0.9, 9)
    start, stop = np.full(9, START[0]), np.full(9, STOP[0])
    days = law.kernel_quantile(start, stop, fraction)
    passed = law.kernel_integral(start, start + days) / law.kernel_integral(start, stop)
    np.testing.assert_allclose(passed, fraction, rtol=1e-6)


def test_no_times_are_drawn_from_a_negative_factor():
    falling = xg.LinearTemporal(alpha=1, beta="-1 d-1", t_ref=59000)
    ends = np.array([59000.0]), np.array([59002.0])
    with pytest.raises(XGammaError, match=r"LinearTemporal.* is negative at MJD 59001.0"):
        falling.kernel_quantile(*ends, np.array([0.5]))
