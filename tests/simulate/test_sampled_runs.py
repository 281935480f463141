"""Events of pulsars, of sources at the border, of templates; dead time; what models refuse."""

import numpy as np
import pytest
from astropy.time import Time

import xgamma as xg
from tests.helpers.small_datasets import crab, small_map
from xgamma.errors import XGammaError
from xgamma.fitting.likelihood import likelihood_of
from xgamma.simulate.events import sample_events


def events_of(ds, model, seed=0):
    return sample_events(ds, seed, model)["events"].to_dataset()


def start_of(ds):
    return Time(str(ds.gti_start.attrs["reference_time"]), scale="tt")


@pytest.mark.parametrize("f0", ["29.946923 s-1", "0.01 s-1"])
def test_events_of_a_pulsar_have_its_phase(f0):
    """A pulse of a tenth of the period: 9 of 100 events were in it, all should be."""
    ds = small_map(background=0.0)
    model = crab(amplitude="1e-10 cm-2 s-1 TeV-1")
    zero = start_of(ds).utc.mjd
    curve = xg.PhaseCurve(
        [0, 0.3, 0.3001, 0.4, 0.4001, 1], [0, 0, 1, 1, 0, 0], f0=f0, f1="-3.7e-10 s-2", t_ref=zero
    )
    model.temporal = curve
    events = events_of(ds, model)
    source = events.where(events.mc_id == 1, drop=True)
    assert source.sizes["event"] > 1000
    mjd = zero + source.time.values / 86400.0
    phase = np.mod(curve.cycles(mjd), 1.0)
    # The clock of a float MJD ticks in 0.6 us, 2e-5 of the fast period.
    assert np.mean((phase > 0.2995) & (phase < 0.4005)) == 1.0
    # Uniform inside the pulse.
    assert np.mean(phase) == pytest.approx(0.35, abs=4 * 0.029 / np.sqrt(phase.size))


def test_times_follow_a_light_curve_over_several_intervals():
    ds = small_map(background=0.0)
    model = crab(amplitude="2e-10 cm-2 s-1 TeV-1")
    zero = start_of(ds).utc.mjd
    day = 1.0 / 86400.0
    model.temporal = xg.LightCurve(np.array([0, 900, 1800]) * day, [0, 1, 0], t_ref=zero)
    ds = ds.drop_vars(["gti_start", "gti_stop"])
    ref = {"units": "s", "reference_time": "2000-01-01"}
    ds["gti_start"] = ("gti", [0.0, 900.0], ref)
    ds["gti_stop"] = ("gti", [450.0, 1800.0], ref)
    model.temporal.t_ref = Time("2000-01-01", scale="tt").utc.mjd
    time = events_of(ds, model).time.values
    # Triangle: areas 1/8 and 1/2 of the rise and the fall.
    early = time < 450
    assert np.mean(early) == pytest.approx(0.2, abs=4 * 0.4 / np.sqrt(time.size))
    assert np.mean(time[early]) == pytest.approx(300, abs=4 * 106 / np.sqrt(early.sum()))
    assert np.mean(time[~early]) == pytest.approx(1200, abs=4 * 212 / np.sqrt((~early).sum()))


@pytest.mark.parametrize(
    "shape",
    [
        xg.PointSource(lon="83.6 deg", lat="23.55 deg"),
        xg.PointSource(lon="83.6 deg", lat="23.48 deg"),
        xg.Gaussian(lon="83.6 deg", lat="23.6 deg", sigma="0.15 deg"),
    ],
)
def test_what_leaks_in_over_the_border_is_drawn(shape):
    """The border of the map is at 23.5 deg."""
    ds = small_map(background=0.0, psf=0.1)
    model = crab(amplitude="3e-10 cm-2 s-1 TeV-1")
    model.spatial = shape
    predicted = float(ds.gamma.npred_signal(model).sum())
    assert predicted > 500
    drawn = sum(events_of(ds, model, seed).sizes["event"] for seed in range(3))
    # The kernel of the prediction ends at 99.9 % and is scaled to one.
    assert drawn == pytest.approx(3 * predicted, abs=4 * np.sqrt(3 * predicted) + 0.01 * predicted)


def test_a_source_far_away_gives_no_events():
    ds = small_map(background=0.0)
    model = crab()
    model.spatial.lat = "-60 deg"
    assert events_of(ds, model).sizes["event"] == 0


def test_predicted_counts_given_as_a_template_are_drawn():
    ds = small_map(background=1.0)
    extra = xg.TemplateNPred(ds.background * 0 + 0.5, name="extra")
    events = events_of(ds, [crab(), extra])
    drawn = int((events.mc_id == 2).sum())
    expected = 0.5 * ds.background.size
    assert drawn == pytest.approx(expected, abs=4 * np.sqrt(expected))
    assert events.attrs["MMN00002"] == "extra"


def test_sampled_runs_keep_their_dead_time():
    ds = small_map()
    assert sample_events(ds, 0, crab()).attrs["DEADC"] == 1.0
    ds = ds.assign(livetime=("obs", [1692.0], {"units": "s"}))
    root = sample_events(ds, 0, crab()).attrs
    assert root["ONTIME"] == 1800.0
    assert root["LIVETIME"] == pytest.approx(1692.0)
    assert root["DEADC"] == pytest.approx(0.94)


@pytest.mark.parametrize(
    "switches", [{"psff": False}, {"psf": "no"}, {"aeff": True}, {"psf": None}]
)
def test_apply_irf_refuses_what_it_does_not_know(switches):
    with pytest.raises(
        XGammaError, match=r"apply_irf=.* must map exposure, psf, edisp to True or False"
    ):
        xg.SkyModel(xg.PowerLaw(), xg.PointSource(), name="m", apply_irf=switches)
    model = crab()
    model.apply_irf.update(switches)
    with pytest.raises(XGammaError, match="of the model 'crab'"):
        likelihood_of(small_map(), [model]).stat_sum()


def test_tables_beyond_their_ends_as_gammapy(gammapy):
    """From gammapy's YAML the ends carry on; our own YAML says which it is."""
    import astropy.units as u
    from gammapy.modeling.models import Models, SkyModel, TemplateSpectralModel

    nodes = np.array([1.0, 3.0, 10.0])
    values = np.array([1e-11, 1e-12, 5e-14])
    theirs = TemplateSpectralModel(nodes * u.TeV, values * u.Unit("cm-2 s-1 TeV-1"))
    mine = xg.Models.from_yaml(Models([SkyModel(theirs, name="m")]).to_yaml())["m"].spectral
    energy = np.array([0.1, 0.5, 1, 2, 5, 10, 30, 100])
    np.testing.assert_allclose(
        mine(energy).value, theirs(energy * u.TeV).to_value("cm-2 s-1 TeV-1"), rtol=1e-9
    )
    low, high = energy[:-1], energy[1:]
    expected = theirs.integral(low * u.TeV, high * u.TeV).to_value("cm-2 s-1")
    np.testing.assert_allclose(mine.kernel_integral(low, high), expected, rtol=2e-3)
    # Exact: three power laws.
    steep = np.log(values[2] / values[1]) / np.log(nodes[2] / nodes[1])
    above = values[2] * 10 * ((100 / 10) ** (steep + 1) - 1) / (steep + 1)
    got = mine.kernel_integral(np.array([10.0]), np.array([100.0]))
    assert got[0] == pytest.approx(above, rel=1e-12)
    for extrapolate in (True, False):
        table = xg.TemplateSpectrum(
            nodes * u.TeV, values * u.Unit("cm-2 s-1 TeV-1"), extrapolate=extrapolate
        )
        text = xg.Models(xg.SkyModel(table, name="m")).to_yaml()
        assert xg.Models.from_yaml(text)["m"].spectral.extrapolate is extrapolate
        assert bool(table(30.0).value > 0) is extrapolate
