"""Nested models: the distribution under the null hypothesis, gammapy, and what cannot be tested."""

import numpy as np
import pytest
from scipy.stats import chi2, norm

import xgamma as xg
from tests.helpers.small_datasets import crab, small_map, small_spectrum
from xgamma.numerics.ratio_test import log_chance, ts_significance


def cut_off(lambda_=0.0):
    spectrum = xg.ExpCutoffPowerLaw(
        index=2.0, amplitude="3e-11 cm-2 s-1 TeV-1", lambda_=f"{lambda_} TeV-1"
    )
    return xg.SkyModel(spectrum, name="s")


@pytest.mark.parametrize("dof", [1, 2, 5])
@pytest.mark.parametrize("ts", [0.0, 1.0, 30.0, 400.0, 498.0, 520.0, 600.0])
def test_chance_and_significance_are_those_of_scipy(ts, dof):
    assert log_chance(ts, dof) == pytest.approx(chi2.logsf(ts, dof), rel=1e-9)
    assert ts_significance(ts, dof) == pytest.approx(norm.isf(chi2.sf(ts, dof) / 2), rel=1e-8)


def test_significance_of_anything():
    """gammapy: infinite from a ts of 1400 on."""
    assert ts_significance(10000.0) == 100.0
    assert ts_significance(10000.0, 3) == pytest.approx(99.9, abs=0.1)
    assert np.isnan(ts_significance(np.nan))
    assert np.isnan(ts_significance(3.0, 0))
    assert ts_significance(-0.01, 2) == 0.0


def test_the_statistic_is_the_difference_of_two_fits():
    ds = small_spectrum().gamma.fake(1, cut_off(0.05))
    test = xg.nested_test(ds, {"lambda_": 0}, cut_off(0.01))
    free = xg.fit(ds, cut_off(0.01))
    power_law = xg.SkyModel(xg.PowerLaw(index=2.0, amplitude="3e-11 cm-2 s-1 TeV-1"), name="s")
    fixed = xg.fit(ds, power_law)
    assert float(test.ts) == pytest.approx(fixed.total_stat - free.total_stat, abs=1e-3)
    assert int(test.dof) == 1
    assert float(test.significance) == pytest.approx(np.sqrt(float(test.ts)))
    assert float(test.p_value) == pytest.approx(chi2.sf(float(test.ts), 1))
    assert test.tested.values.tolist() == [n.endswith("lambda_") for n in test.parameter.values]
    assert test.null_value.sel(parameter="s.spectral.lambda_") == 0
    null = xg.Models.from_yaml(test.attrs["models_null"])
    assert null["s"].spectral.index.value == pytest.approx(
        fixed.models["s"].spectral.index.value, abs=1e-3
    )
    assert test.gamma.models["s"].spectral.lambda_.value == pytest.approx(
        free.models["s"].spectral.lambda_.value, abs=1e-4
    )


@pytest.mark.filterwarnings("ignore::xgamma.XGammaWarning")
def test_gammapy_finds_the_same_cut_off(data):
    """A run on the Crab nebula, the same spectrum for both: ts to 1e-3."""
    pytest.importorskip("gammapy.modeling", reason="gammapy is not installed")
    from gammapy.datasets import Datasets, SpectrumDatasetOnOff
    from gammapy.modeling.models import ExpCutoffPowerLawSpectralModel, SkyModel
    from gammapy.modeling.selection import select_nested_models

    path = data / "joint-crab/spectra/hess/pha_obs23523.fits"
    peer = SpectrumDatasetOnOff.read(path)
    model = SkyModel(ExpCutoffPowerLawSpectralModel(amplitude="3e-11 cm-2 s-1 TeV-1"), name="s")
    datasets = Datasets([peer])
    datasets.models = [model]
    expected = select_nested_models(datasets, [model.spectral_model.lambda_], [0])
    test = xg.nested_test(xg.read_ogip(path), {"lambda_": 0}, cut_off(0.1), scheme="gammapy")
    assert float(test.ts) == pytest.approx(expected["ts"], abs=1e-3)


@pytest.mark.filterwarnings("ignore::xgamma.XGammaWarning")
def test_chance_is_flat_under_the_null_hypothesis():
    """Sixty spectra without a cutoff: a fraction p has a chance below p, to 3 sigma."""
    ds, truth = small_spectrum(), cut_off()
    ds["exposure"] = ds.exposure * 10
    ds["exposure"].attrs["units"] = "m2 s"
    rng = np.random.default_rng(5)
    chance = np.array(
        [
            float(xg.nested_test(ds.gamma.fake(rng, truth), {"lambda_": 0}, truth).p_value)
            for _ in range(60)
        ]
    )
    for level in (0.1, 0.3, 0.5, 0.7):
        width = np.sqrt(level * (1 - level) / chance.size)
        assert (chance < level).mean() == pytest.approx(level, abs=3 * width)


def test_a_source_that_is_not_there_has_no_other_parameters():
    """Without flux neither index nor position acts: four parameters are tested."""
    ds = small_map().gamma.fake(1, crab())
    models = [crab(), xg.FoVBackground("d")]
    test = ds.gamma.nested_test({"crab.spectral.amplitude": 0}, models)
    assert int(test.dof) == 4
    alone = xg.fit(ds, xg.FoVBackground("d"))
    assert float(test.stat_null) == pytest.approx(alone.total_stat, abs=1e-3)
    assert float(test.ts) > 100
    only = xg.nested_test(ds, {"amplitude": 0}, crab())
    assert float(only.stat_null) == pytest.approx(xg.stat_sum(ds, []))
    assert bool(only.success)


def test_shared_or_not_shared():
    """Two spectra of one index or of two."""
    one, two = cut_off(), cut_off()
    one.spectral.lambda_.frozen = two.spectral.lambda_.frozen = True
    one.name, two.name = "a", "b"
    one.datasets, two.datasets = ["a"], ["b"]
    first, second = (small_spectrum(n) for n in "ab")
    soft = two.copy()
    soft.spectral.index = 2.6
    sets = [first.gamma.fake(1, one), second.gamma.fake(2, soft)]
    test = xg.nested_test(sets, {"b.spectral.index": "a.spectral.index"}, [one, two])
    assert int(test.dof) == 1
    shared = [one.copy(), two.copy()]
    shared[1].spectral.index = shared[0].spectral.index
    expected = xg.fit(sets, shared).total_stat - xg.fit(sets, [one, two]).total_stat
    assert float(test.ts) == pytest.approx(expected, abs=1e-3)
    assert float(test.ts) > 4
    assert one.spectral.index is not two.spectral.index


def test_a_frozen_parameter_is_freed_and_collections_are_taken():
    ds = small_spectrum().gamma.fake(1, cut_off(0.2))
    model = cut_off(0.01)
    model.spectral.lambda_.frozen = True
    tree = xg.collect([ds]).gamma.with_models(model)
    test = tree.gamma.nested_test({"lambda_": "0 TeV-1"})
    assert int(test.dof) == 1
    assert float(test.ts) > 4
    assert model.spectral.lambda_.frozen


def test_a_bound_is_told():
    ds = small_spectrum().gamma.fake(1, cut_off(0.2))
    model = cut_off(0.1)
    model.spectral.lambda_.min = 0
    with pytest.warns(xg.XGammaWarning, match="is a bound of the parameter"):
        xg.nested_test(ds, {"lambda_": 0}, model)


WRONG = {
    "none": ({}, "give the tested values"),
    "a name": ("lambda_", "give the tested values"),
    "another name": ({"cutoff": 0}, "is not a parameter: choose from s.spectral.index"),
    "itself": ({"lambda_": "s.spectral.lambda_"}, "against itself"),
    "another unit": ({"lambda_": "1 cm"}, "cm"),
    "no number": ({"lambda_": "none"}, "is not a quantity"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_tested_is_refused(what):
    null, sentence = WRONG[what]
    with pytest.raises(xg.XGammaError, match=sentence):
        xg.nested_test(small_spectrum().gamma.asimov(cut_off()), null, cut_off(0.1))
    with pytest.raises(xg.MissingDataError, match="no models"):
        xg.nested_test(small_spectrum(), {"lambda_": 0})
