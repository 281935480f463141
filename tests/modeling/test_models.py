"""Lists of models, links, and YAML both ways with gammapy."""

import numpy as np
import pytest

import xgamma as xg
from xgamma.errors import MissingDataError, UnitError, XGammaError
from xgamma.modeling import spatial, spatial_base, spectral
from xgamma.modeling.count_models import FoVBackground
from xgamma.modeling.models import Models
from xgamma.modeling.prior import gaussian_prior
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spectral_norms import PowerLawNorm
from xgamma.modeling.spectrum_base import Spectrum
from xgamma.modeling.temporal import ConstantTemporal, LightCurve, PhaseCurve


def example() -> Models:
    crab = SkyModel(
        spectral.PowerLaw(index=2.6, amplitude="3.5e-11 cm-2 s-1 TeV-1"),
        spatial.Gaussian(lon="83.63 deg", lat="22.01 deg", sigma="0.1 deg"),
        ConstantTemporal(),
        name="crab",
    )
    other = SkyModel(
        spectral.ExpCutoffPowerLaw() * PowerLawNorm(),
        spatial.PointSource(lon=1.5, lat=-0.3, frame="galactic"),
        name="other",
        datasets=["gc"],
    )
    other.spectral.model1.index = crab.spectral.index
    crab.spectral.index.prior = gaussian_prior(2.5, 0.2)
    crab.spectral.amplitude.error = 1e-12
    crab.spatial.sigma.min, crab.spatial.sigma.max = 0.01, 1
    return Models([crab, other, FoVBackground("gc")])


def test_yaml_round_trip():
    models = example()
    again = Models.from_yaml(models.to_yaml())
    assert again.to_yaml() == models.to_yaml()
    assert again["other"].spectral.model1.index is again["crab"].spectral.index
    assert again["crab"].spatial.sigma.max == 1
    assert again["other"].datasets == ["gc"]


def test_yaml_to_peer_and_back(gammapy):
    from gammapy.modeling.models import Models as PeerModels

    models = example()
    models["crab"].spectral.covariance = np.full((3, 3), 1e-30)
    peer = PeerModels.from_yaml(models.to_yaml())
    assert peer.names == models.names
    for (_, ours), theirs in zip(
        [pair for model in models for pair in model.named_parameters()],
        peer.parameters,
        strict=True,
    ):
        assert ours.name == theirs.name
        assert theirs.quantity.to_value(ours.unit) == pytest.approx(ours.value, rel=1e-12)
        assert (ours.frozen, ours.error) == (theirs.frozen, pytest.approx(theirs.error))
    assert peer["other"].spectral_model.model1.index is peer["crab"].spectral_model.index
    assert peer["crab"].spectral_model.index.prior.sigma.value == 0.2
    assert peer["other"].spatial_model.frame == "galactic"
    for full in (True, False):
        back = Models.from_yaml(peer.to_yaml(full_output=full))
        np.testing.assert_allclose(
            [p.value for p in back.parameters], [p.value for p in models.parameters], rtol=1e-12
        )
        assert [p.frozen for p in back.parameters] == [p.frozen for p in models.parameters]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("role", ["spectral", "spatial"])
def test_every_shared_class_goes_both_ways(gammapy, role):
    from gammapy.modeling.models import SPATIAL_MODEL_REGISTRY, SPECTRAL_MODEL_REGISTRY
    from gammapy.modeling.models import Models as PeerModels

    registry = {"spectral": Spectrum, "spatial": spatial_base.Shape}[role].registry
    peers = {"spectral": SPECTRAL_MODEL_REGISTRY, "spatial": SPATIAL_MODEL_REGISTRY}[role]
    special = {"TemplateSpectrum", "CompoundSpectrum", "EBLAbsorption", "TemplateMap"}
    special |= {"ScaledSpectrum", "TemplateMapND", "TemplateSpectrumND"}
    special |= {"PiecewiseNorm", "PiecewiseNormSpatial", "NaimaSpectrum"}  # in tests of their own
    # Those of other tests' records are not gammapy's.
    classes = {
        cls
        for cls in registry.values()
        if cls.__name__ not in special and "record" not in cls.__dict__
    }
    assert len(classes) >= 7
    for cls in classes:
        component = cls()
        assert {p.name for p in peers.get_cls(cls.tag)().parameters} == set(component.specs)
        parts = {"spectral": spectral.PowerLaw(), role: component}
        if role == "spectral" and component.unit == "":
            parts["spectral"] = spectral.PowerLaw() * component
        model = SkyModel(**parts, name="m")
        peer = PeerModels.from_yaml(Models(model).to_yaml())
        back = Models.from_yaml(peer.to_yaml())
        assert type(getattr(back["m"], role)) is type(getattr(model, role))
        np.testing.assert_allclose(
            [p.value for p in back.parameters], [p.value for p in model.parameters]
        )


def test_file(tmp_path):
    path = tmp_path / "models.yaml"
    example().write(path)
    assert Models.read(path).names == ["crab", "other", "gc-bkg"]
    with pytest.raises(XGammaError, match="overwrite=True"):
        example().write(path)
    with pytest.raises(MissingDataError, match=r"The model file .* does not exist"):
        Models.read(tmp_path / "none.yaml")


def test_errors_are_sentences():
    models = example()
    with pytest.raises(MissingDataError, match="no model 'vela': there are crab, other, gc-bkg"):
        models["vela"]
    with pytest.raises(XGammaError, match="Two models are named 'crab'"):
        Models([models["crab"], models["crab"].copy()])
    with pytest.raises(UnitError, match="is a dimensionless factor"):
        SkyModel(PowerLawNorm(), name="m")
    with pytest.raises(UnitError, match="use PowerLawNorm"):
        FoVBackground("gc", spectral.PowerLaw())
    with pytest.raises(XGammaError, match="'nope' is not recognised"):
        Models.from_yaml("components: [{name: a, spectral: {type: nope}}]")
    with pytest.raises(XGammaError, match="not valid YAML"):
        Models.from_yaml("a: [")
    with pytest.raises(XGammaError, match="no list 'components'"):
        Models.from_yaml("a: 1")
    with pytest.raises(XGammaError, match="is not a Shape"):
        SkyModel(spectral.PowerLaw(), spectral.PowerLaw(), name="m")


def test_copy_keeps_links_and_leaves_the_original():
    models = example()
    copied = models.copy()
    copied["crab"].spectral.index = 3.0
    assert copied["other"].spectral.model1.index.value == 3.0
    assert models["crab"].spectral.index.value == 2.6
    assert len(copied.free_parameters) == len(models.free_parameters)


def test_table():
    table = example().to_dataset()
    assert table.sizes["parameter"] == len(example().parameters)
    assert str(table.unit.sel(parameter="crab.spatial.sigma").item()) == "deg"
    assert "crab.spectral.index" in repr(example())


def test_public_names():
    for name in ("SkyModel", "PowerLaw", "PointSource", "FoVBackground", "Models", "LogParabola"):
        assert getattr(xg, name).__doc__


def test_light_curve_mean_is_exact():
    flare = LightCurve([0, 1, 3], [1, 3, 0], t_ref=59000)
    assert flare.kernel_mean(np.array([59000.0]), np.array([59003.0])) == pytest.approx(5 / 3)
    two = flare.kernel_mean(np.array([59000.0, 59002.0]), np.array([59000.5, 59002.5]))
    assert two == pytest.approx((0.75 + (1.5 + 0.75) / 4) / 1.0)
    before = flare.kernel_mean(np.array([58998.0]), np.array([59000.0]))
    assert before == pytest.approx(1)
    model = SkyModel(spectral.PowerLaw(), temporal=flare, name="flare")
    again = Models.from_yaml(Models(model).to_yaml())["flare"].temporal
    np.testing.assert_allclose(again.norm, flare.norm)
    with pytest.raises(XGammaError, match="negative"):
        LightCurve([0, 1], [1, -1])


def test_phase_curve():
    pulse = PhaseCurve([0, 0.5, 1], [0, 1, 0], f0="1 s-1", t_ref=59000)
    day = 1 / 86400
    assert pulse.kernel(np.array([59000.0 + 0.25 * day]))[0] == pytest.approx(1, abs=1e-4)
    # A whole number of turns has the mean one, a half turn around the peak more.
    start = np.array([59000.0])
    assert pulse.kernel_mean(start, start + 100 * day) == pytest.approx(1, abs=1e-3)
    some = pulse.kernel_mean(start + 0.25 * day, start + 0.75 * day)
    assert some == pytest.approx(1.5, abs=1e-3)


def test_temporal_files_against_peer(tmp_path, gammapy):
    from astropy.table import Table
    from astropy.time import Time
    from gammapy.modeling.models import LightCurveTemplateTemporalModel

    from xgamma.modeling.temporal import read_light_curve

    table = Table({"TIME": [0.0, 1.0, 2.0], "NORM": [1.0, 2.0, 0.5]})
    table["TIME"].unit = "d"
    table.meta.update(MJDREFI=59000, MJDREFF=0.5, TIMESYS="utc", TIMEUNIT="d")
    path = tmp_path / "lc.fits"
    table.write(path)
    ours, theirs = read_light_curve(path), LightCurveTemplateTemporalModel.read(path)
    times = Time(59000.5 + np.array([0.1, 0.7, 1.5]), format="mjd", scale="utc")
    # gammapy reads the reference in UTC and takes it to TT: 69 s of difference at most.
    np.testing.assert_allclose(ours(times), theirs(times).value.ravel(), rtol=2e-3)
    text = Models(SkyModel(spectral.PowerLaw(), temporal=ours, name="m")).to_yaml()
    assert Models.from_yaml(text)["m"].temporal.filename == str(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda m: setattr(m.spectral, "indx", 3),
            "no parameter or attribute 'indx': did you mean",
        ),
        (lambda m: setattr(m.spatial, "siggma", 3), "did you mean 'sigma'"),
        (lambda m: setattr(m, "spectrl", spectral.PowerLaw()), "did you mean 'spectral'"),
        (lambda m: setattr(m.spectral, "gamma", 3), "it has .*amplitude.*index"),
        (lambda m: setattr(m.spectral, "index", np.nan), "must be a finite number"),
        (lambda m: setattr(m.spatial, "e", 2), "outside its range 0 to 1"),
        (lambda m: setattr(m.spectral.amplitude, "value", np.inf), "must be a finite number"),
    ],
)
def test_misspelt_parameters_and_values_that_are_none(change, sentence):
    """Assigning to a name that is not there changed nothing, and said nothing."""
    model = example()["crab"]
    with pytest.raises(XGammaError, match=sentence):
        change(model)


def test_bounds_on_one_side_are_named_as_such():
    with pytest.raises(XGammaError, match="'sigma' = -1 is below its minimum 0"):
        spatial.Gaussian(sigma=-1)


def test_positions_can_be_assigned():
    shape = spatial.PointSource(lon=1, lat=2, frame="galactic")
    shape.position = "3d 4d"
    assert (shape.lon_0.value, shape.lat_0.value) == (3, 4)


def test_wrong_numbers_in_yaml_and_places_in_lists():
    text = example().to_yaml().replace("value: 2.6", "value: soft")
    with pytest.raises(XGammaError, match="value of the parameter 'index' of PowerLaw is 'soft'"):
        Models.from_yaml(text)
    with pytest.raises(MissingDataError, match="no model number 7: there are 3, crab, other"):
        example()[7]


@pytest.mark.parametrize("wrong", ["map.fits", None])
def test_templates_that_are_no_maps(wrong):
    from xgamma.tutorial import example_map

    with pytest.raises(XGammaError, match="must be a map with pixels"):
        xg.TemplateMap(wrong)
    cube = example_map().background
    with pytest.raises(XGammaError, match="dimension 'energy': sum over it"):
        xg.TemplateMap(cube)
