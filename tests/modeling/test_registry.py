"""Models of one's own: from a function and a record, and from other packages' entry points."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from astropy.time import Time

import xgamma as xg
from xgamma.errors import XGammaError, XGammaWarning
from xgamma.modeling.models import Models
from xgamma.modeling.registry import GROUPS, REGISTRIES, ROLES
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spectrum_base import Spectrum

FLUX_UNIT = "cm-2 s-1 TeV-1"


@pytest.fixture(autouse=True)
def _registries_as_before(monkeypatch):
    """Forget what a test registers."""
    for registry in REGISTRIES.values():
        registry.own()
        monkeypatch.setattr(registry, "_sources", dict(registry._sources))
        monkeypatch.setattr(registry, "_loaded", {})
    held = {role: dict(base.registry) for role, base in ROLES.items()}
    yield
    for role, base in ROLES.items():
        base.registry.clear()
        base.registry.update(held[role])


def power_law(energy, index, amplitude, reference):
    return amplitude * (energy / reference) ** -index


def power_law_record(**changes):
    parameters = (
        xg.Parameter("index", 2.0),
        xg.Parameter("amplitude", 1e-12, FLUX_UNIT, log=True),
        xg.Parameter("reference", 1000.0, "GeV", frozen=True),
    )
    given = {"function": power_law, "parameters": parameters, "short": "my-pl", **changes}
    return xg.ModelRecord("spectral", "MyPowerLaw", **given)


def test_a_function_and_a_record_make_a_spectrum():
    cls = xg.register_model(power_law_record())
    mine, theirs = cls(index=2.6), xg.PowerLaw(index=2.6)
    energy = np.geomspace(0.1, 10, 7)
    np.testing.assert_allclose(mine.kernel(energy), theirs.kernel(energy))
    # By quadrature, against the exact integral.
    assert mine.integral(1, 10).value == pytest.approx(theirs.integral(1, 10).value, rel=1e-8)
    assert mine.reference.frozen
    assert mine.reference.unit == "GeV"
    assert mine.amplitude.log
    back = Models.from_yaml(Models(SkyModel(mine, name="m")).to_yaml())["m"].spectral
    assert type(back) is cls
    assert back.index.value == 2.6
    assert xg.find_model("spectral", "my-pl") is cls
    assert xg.register_model(cls.record) is cls
    assert "MyPowerLaw" in xg.list_models()["spectral"]


def test_an_exact_integral_is_used():
    def integral(emin, emax, power, index, amplitude, reference):
        return 0 * emin + 42.0

    cls = xg.register_model(power_law_record(integral=integral))
    assert cls().integral(1, 2).value == 42

    profile = xg.ModelRecord(
        "temporal", "MyHalf", lambda t: 0.5 + 0 * t, integral=lambda a, b: 7.0 * (b - a)
    )
    assert xg.register_model(profile)().kernel_mean(np.array([0.0]), np.array([2.0])) == 7


def test_a_function_and_a_record_make_a_shape():
    def profile(separation, sigma):
        return np.exp(-0.5 * (separation / sigma) ** 2)

    record = xg.ModelRecord(
        "spatial",
        "MyGaussian",
        profile,
        (xg.Parameter("sigma", 0.2, "deg", min=0),),
        extent=lambda sigma: 5 * sigma,
    )
    cls = xg.register_model(record)
    mine = cls(lon=83.6, lat=22.0, sigma="9 arcmin")
    theirs = xg.Gaussian(lon=83.6, lat=22.0, sigma="9 arcmin")
    assert mine.extent == pytest.approx(0.75)
    lon, lat = 83.6 + np.linspace(0, 0.5, 6), np.full(6, 22.1)
    # Gaussian in the chord there, in the angle here: they part at the fourth digit.
    np.testing.assert_allclose(mine(lon, lat).value, theirs(lon, lat).value, rtol=2e-4)
    back = Models.from_yaml(Models(SkyModel(xg.PowerLaw(), mine, name="m")).to_yaml())["m"].spatial
    assert type(back) is cls
    assert back.sigma.to_value("deg") == pytest.approx(0.15)

    ds = xg.create_map((83.63, 22.01), "2 deg", "0.05 deg", xg.energy_axis(1, 10, 2))
    ds = ds.assign(exposure=(("energy_true", "y", "x"), np.full((*_true(ds), 40, 40), 1e10)))
    ds["exposure"].attrs["units"] = "m2 s"
    for shape in (mine, theirs):
        ds[type(shape).__name__] = ds.gamma.npred_signal([SkyModel(xg.PowerLaw(), shape)])
    total = float(ds.MyGaussian.sum() / ds.Gaussian.sum())
    assert total == pytest.approx(1, abs=2e-3)


def _true(ds):
    return (ds.sizes["energy_true"],)


def test_a_function_and_a_record_make_a_time_profile():
    def flare(mjd, peak, width):
        return np.exp(-0.5 * ((mjd - peak) / width) ** 2)

    record = xg.ModelRecord(
        "temporal",
        "MyFlare",
        flare,
        (xg.Parameter("peak", 59000.0, "d"), xg.Parameter("width", 6.0, "h")),
    )
    mine = xg.register_model(record)(scale="tt")
    theirs = xg.GaussianTemporal(t_ref=59000, sigma="6 h", scale="tt")
    start = Time([58999.8, 59000.1], format="mjd", scale="tt")
    assert mine.mean(start, start + 0.2) == pytest.approx(theirs.mean(start, start + 0.2), rel=1e-9)
    model = SkyModel(xg.PowerLaw(), temporal=mine, name="m")
    assert Models.from_yaml(Models(model).to_yaml())["m"].temporal.scale == "tt"


def test_what_is_no_model_is_refused():
    with pytest.raises(XGammaError, match="role='spectrum' is not recognised: use one of spectral"):
        xg.ModelRecord("spectrum", "A", power_law)
    with pytest.raises(XGammaError, match="'MyShape' requires extent="):
        xg.ModelRecord("spatial", "MyShape", power_law)
    with pytest.raises(XGammaError, match="is not a valid class name"):
        xg.ModelRecord("spectral", "my model", power_law)
    with pytest.raises(XGammaError, match="must be 'TeV-1 s-1 cm-2', or ''"):
        xg.ModelRecord("spectral", "A", power_law, unit="m")
    with pytest.raises(
        XGammaError, match="function of 'MyPowerLaw' fails with its default parameters"
    ):
        xg.register_model(power_law_record(parameters=()))
    with pytest.raises(XGammaError, match=r"returns the shape \(\) for \(3,\)"):
        xg.register_model(power_law_record(function=lambda e, *values: 1.0))


def test_a_name_belongs_to_one_class():
    with pytest.raises(
        XGammaError, match=r"'PowerLawSpectralModel' of .* is already used by xgamma"
    ):

        class Other(Spectrum):
            tag, short = "PowerLawSpectralModel", "other"

    with pytest.raises(XGammaError, match=r"'pl' of .* choose another tag and short"):
        xg.register_model(power_law_record(short="pl"))
    assert xg.find_model("spectral", "pl") is xg.PowerLaw


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(XGammaError, match="did you mean 'PowerLawSpectralModel'"):
        xg.find_model("spectral", "PowerLawSpectralMode")
    with pytest.raises(XGammaError, match="choose from ConstantTemporalModel, "):
        xg.find_model("temporal", "qqq")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package with entry points: its files on the path, as pip would leave them."""

    def install(entries, code, name="gammaplug"):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(textwrap.dedent(entries))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, name, raising=False)

    return install


PLUGIN = """
    import numpy as np
    import xgamma as xg
    from xgamma.modeling.spectrum_base import Spectrum
    from xgamma.modeling.parameter import Spec

    def rooted(energy, amplitude, scale):
        "A cutoff in the root of the energy."
        return amplitude * np.exp(-np.sqrt(energy / scale))

    record = xg.ModelRecord(
        "spectral", "PluggedSpectralModel", rooted,
        (xg.Parameter("amplitude", 1e-12, "cm-2 s-1 TeV-1"), xg.Parameter("scale", 1.0, "TeV")),
        short="plugged",
    )
    step = xg.ModelRecord("temporal", "StepModel", lambda mjd: 1.0 * (mjd > 59000))
    ring = xg.ModelRecord(
        "spatial", "RingModel", lambda r, width: 1.0 * (r < width),
        (xg.Parameter("width", 0.1, "deg"),), extent=lambda width: width,
    )

    class Flat(Spectrum):
        tag, short = "FlatSpectralModel", "flat"
        specs = {"level": Spec(1e-12, "TeV-1 s-1 cm-2")}

        def kernel(self, energy):
            return np.full(np.shape(energy), self.kernel_values()[0])
"""
ENTRIES = """
    [xgamma.spectral_models]
    PluggedSpectralModel = gammaplug:record
    anything = gammaplug:Flat

    [xgamma.spatial_models]
    RingModel = gammaplug:ring

    [xgamma.temporal_models]
    StepModel = gammaplug:step
"""


def test_models_of_another_package_are_found_by_entry_point(package):
    text = """components:
- name: a
  type: SkyModel
  spectral: {type: PluggedSpectralModel, parameters: [{name: scale, value: 4.0, unit: TeV}]}
  spatial: {type: RingModel, frame: icrs, parameters: [{name: width, value: 0.3, unit: deg}]}
  temporal: {type: StepModel, scale: utc}
- {name: b, type: SkyModel, spectral: {type: flat}}
"""
    with pytest.raises(XGammaError, match="'PluggedSpectralModel' is not recognised"):
        Models.from_yaml(text)
    package(ENTRIES, PLUGIN)
    assert "gammaplug" not in sys.modules
    models = Models.from_yaml(text)
    assert models["a"].spectral("4 TeV").value == pytest.approx(1e-12 * np.exp(-1))
    assert models["a"].spatial.extent == pytest.approx(0.3)
    assert models["a"].temporal("2030-01-01") == 1
    assert models["b"].spectral("1 TeV").value == 1e-12
    assert Models.from_yaml(models.to_yaml()).to_yaml() == models.to_yaml()
    names = xg.list_models()
    assert "FlatSpectralModel" in names["spectral"]
    assert "RingModel" in names["spatial"]
    assert set(names) == set(GROUPS)


def test_a_package_that_cannot_be_loaded_is_named(package):
    package("[xgamma.spectral_models]\nBroken = gammaplug:none\n", "")
    words = "'Broken' of the package 'gammaplug' cannot be loaded"
    with pytest.warns(XGammaWarning, match=words):
        xg.list_models()
    with pytest.raises(XGammaError, match=words):
        xg.find_model("spectral", "Broken")


def test_an_entry_point_that_names_no_model_is_refused(package):
    package("[xgamma.temporal_models]\nOdd = gammaplug:value\n", "value = 3")
    with pytest.raises(XGammaError, match="must refer to a ModelRecord of the role 'temporal'"):
        xg.find_model("temporal", "Odd")


@pytest.mark.parametrize("role", ROLES)
def test_every_model_of_gammapy_is_here(gammapy, role):
    from gammapy.modeling import models

    registry = getattr(models, f"{role.upper()}_MODEL_REGISTRY")
    theirs = {tag for cls in registry for tag in np.atleast_1d(cls.tag)}
    xg.list_models()
    assert theirs <= set(ROLES[role].registry)


def test_every_kind_is_found_in_a_new_session():
    """Kinds whose modules nothing had imported were not recognised: YAML with a power law was refused."""
    names = [(r, n) for r, found in xg.list_models().items() for n in found if "Example" not in n]
    own = [(r, n) for r, n in names if xg.find_model(r, n).__module__.startswith("xgamma.")]
    assert len(own) > 35
    code = "import sys, xgamma as xg; print(xg.find_model(*sys.argv[1:]).tag)"
    lone = [("spectral", "NaimaSpectralModel"), ("spatial", "TemplateNDSpatialModel")]
    for role, name in [
        ("spectral", "PowerLawSpectralModel"),
        ("temporal", "SineTemporalModel"),
        *lone,
    ]:
        assert (role, name) in own
        found = subprocess.run(
            [sys.executable, "-c", code, role, name], capture_output=True, text=True, check=False
        )
        assert found.stdout.strip() == name, found.stderr
