"""A package of plug-ins, one of each kind, installed and used as its author would."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import xgamma as xg
from xgamma.background.registry import REGISTRY as BACKGROUNDS
from xgamma.dl3 import simulate_observation, write_observation
from xgamma.errors import XGammaWarning
from xgamma.io.registry import REGISTRY as FORMATS
from xgamma.irf import registry as responses
from xgamma.makers.safe_masks.registry import REGISTRY as SAFE_MASKS
from xgamma.modeling.registry import REGISTRIES, ROLES

PACKAGE = Path(__file__).parent / "plugin_package"
GROUPS = {"backgrounds", "safe_masks", "formats", "responses"} | {f"{r}_models" for r in ROLES}
REGION = "icrs;circle(83.63, 22.01, 0.2)"


def installed_in(folder, project, changes=None):
    """Leave in a folder what pip leaves of a package's entry points."""
    info = folder / f"{project['name'].replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n"
    (info / "METADATA").write_text(head)
    groups = project["entry-points"] if changes is None else changes
    lines = [f"[{g}]\n" + "\n".join(f"{k} = {v}" for k, v in p.items()) for g, p in groups.items()]
    (info / "entry_points.txt").write_text("\n\n".join(lines) + "\n")
    return folder


def project():
    return tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]


@pytest.fixture(autouse=True)
def _registries_as_before(monkeypatch):
    """Forget what a test finds."""
    record_registries = (BACKGROUNDS, SAFE_MASKS, FORMATS, responses.RESPONSES)
    for registry in (*record_registries, *REGISTRIES.values()):
        registry.own()
        if registry in record_registries:
            monkeypatch.setattr(registry, "_records", dict(registry._records))
        monkeypatch.setattr(registry, "_sources", dict(registry._sources))
        for name in ("_loaded", "_contested"):
            monkeypatch.setattr(registry, name, {})
        monkeypatch.setattr(registry, "_asked", False)
    held = {role: dict(base.registry) for role, base in ROLES.items()}
    for base in ROLES.values():
        # Examples on pages and of docstrings register models, whose functions have no module.
        for tag, kind in list(base.registry.items()):
            if not (kind.__module__ or "").startswith("xgamma."):
                del base.registry[tag]
    yield
    for role, base in ROLES.items():
        base.registry.clear()
        base.registry.update(held[role])
    for name in [n for n in sys.modules if n.startswith("xgamma_example")]:
        del sys.modules[name]


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(PACKAGE)
    monkeypatch.syspath_prepend(installed_in(tmp_path / "site", project()))
    assert not [n for n in sys.modules if n.startswith("xgamma_example")]


def grid():
    return xg.create_map("83.63d 22.01d", "5 deg", "0.2 deg", xg.energy_axis(1, 10, 3))


def test_the_package_has_one_of_each_kind_and_a_file_for_each():
    groups = project()["entry-points"]
    assert set(groups) == {f"xgamma.{group}" for group in GROUPS}
    files = {target.split(":")[0] for points in groups.values() for target in points.values()}
    assert {p.stem for p in (PACKAGE / "xgamma_example").glob("[a-z]*.py")} == {
        name.removeprefix("xgamma_example.") for name in files
    }


def test_a_background(package):
    runs = [simulate_observation("83.63d 22.51d", seed=i, obs_id=i) for i in (1, 2)]
    options = {"into": grid(), "offset_max": "2 deg", "stack": False}
    made = xg.reduce(runs, background={"name": "outer", "radius": "0.8 deg"}, **options)
    tree = xg.reduce(runs, **options)
    again = tree.gamma.each_background("outer", runs, radius="0.8 deg")
    for obs in runs:
        name = str(obs.gamma.obs_id)
        ds = made[name].to_dataset()
        far = (ds.gamma.separation(obs.gamma.pointing) > 0.8) & ds.mask_safe
        counts, background = (v.where(far).sum(["y", "x"]) for v in (ds.counts, ds.background))
        np.testing.assert_allclose(background, counts, rtol=1e-5)
        np.testing.assert_array_equal(again[name].background, ds.background)
    assert xg.list_backgrounds()["outer"].startswith("Scaled")


def test_a_safe_mask_method(package):
    obs = simulate_observation("83.63d 22.51d", seed=1)
    ds = grid().gamma.fill(obs)
    totals = ds.counts.sum(["y", "x"]).values
    level = int(np.median(totals))
    masked = ds.gamma.safe_mask(obs, methods=["enough-counts"], least=level)
    np.testing.assert_array_equal(masked.mask_safe.isel(y=12, x=12), totals >= level)


def test_a_format(package, tmp_path):
    ds = xg.create_spectrum(REGION, xg.energy_axis(1, 10, 3)).assign(counts=("energy", [3, 2, 1]))
    ds.gamma.to_netcdf(tmp_path / "a.nc")
    xg.convert(tmp_path / "a.nc", tmp_path / "a.json")
    back = xg.open(tmp_path / "a.json")
    np.testing.assert_array_equal(back.counts, [3, 2, 1])
    np.testing.assert_allclose(back.gamma.edges("energy"), ds.gamma.edges("energy"))


def test_a_response(package, tmp_path):
    """The run is written and read with a response that only the package knows."""
    obs = simulate_observation("83.63d 22.51d", seed=1)
    kind = next(k for k in responses.kinds() if k.name == "PSF_GAUSS")
    axes = obs["aeff"].dataset
    coords = {n: axes.coords[n] for d in kind.dims for n in (d, f"{d}_lo", f"{d}_hi")}
    obs["psf"] = kind.dataset({"width": 0.1}, coords)
    assert obs["psf"].attrs["HDUCLAS4"] == "PSF_GAUSS"
    write_observation(obs, tmp_path / "run.fits")
    again = xg.open_store(tmp_path / "run.fits")[obs.gamma.obs_id]
    assert float(again["psf"]["width"].max()) == pytest.approx(0.1)
    rad = xg.rad_axis("1 deg", 400)
    empty = xg.create_map("83.63d 22.51d", "2 deg", "0.2 deg", xg.energy_axis(1, 10, 2), rad=rad)
    ds = empty.gamma.fill(again, select=["exposure", "psf"])
    found = ds.gamma.psf_containment_radius("3 TeV", 0.3935)
    # 1 - exp(-1/2) of a Gaussian in two dimensions lies within its width.
    assert float(found) == pytest.approx(0.1, rel=0.02)


def test_models(package):
    text = """components:
- name: a
  type: SkyModel
  spectral: {type: RootedSpectralModel, parameters: [{name: scale, value: 4.0, unit: TeV}]}
  spatial: {type: KingSpatialModel, frame: icrs}
  temporal: {type: OnAndOffModel, scale: utc}
"""
    model = xg.Models.from_yaml(text)["a"]
    assert model.spectral("4 TeV").value == pytest.approx(1e-12 / 16 * np.exp(-1))
    assert model.spatial.extent == pytest.approx(1.0)
    assert float(model.temporal("2020-06-01")) == 1.0
    assert "rooted" in model.spectral.short
    assert "KingSpatialModel" in xg.list_models()["spatial"]


CONFIG = """\
observations: {store: store}
template:
  center: 83.63d 22.01d
  width: 4 deg
  binsz: 0.2 deg
  energy: {min: 1 TeV, max: 10 TeV, nbin: 2}
makers:
  offset_max: 1.5 deg
  safe_mask: {methods: [enough-counts], least: 3}
  background: {name: outer, radius: 0.8 deg}
run: {scheduler: processes, workers: 1}
outputs: [{path: out.nc}]
"""


def test_a_configuration_names_plug_ins_in_a_new_session(tmp_path):
    """The command line, and the processes it starts, find them too."""
    from xgamma.dl3 import simulate_store

    pytest.importorskip("pydantic", reason="pydantic is not installed: pip install xgamma[config]")
    simulate_store(tmp_path / "store", n_runs=2, livetime="5 min")
    (tmp_path / "a.yaml").write_text(CONFIG)
    site = installed_in(tmp_path / "site", project())
    paths = [str(site), str(PACKAGE), str(Path(xg.__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "xgamma", "reduce", "a.yaml"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with xg.open(tmp_path / "out.nc") as ds:
        assert json.loads(ds.attrs["versions"])
        assert int(ds.counts.sum()) > 0
        assert float(ds.background.sum()) > 0


LISTS = {
    "backgrounds": (xg.list_backgrounds, "background method", "ring"),
    "safe_masks": (xg.list_safe_masks, "safe-mask method", "bkg-peak"),
    "formats": (xg.list_formats, "file format", "fits"),
    "responses": (responses.kinds, "kind of response", "PSF_KING"),
    "spectral_models": (xg.list_models, "spectral model", "PowerLawSpectralModel"),
    "spatial_models": (xg.list_models, "spatial model", "PointSpatialModel"),
    "temporal_models": (xg.list_models, "temporal model", "ConstantTemporalModel"),
}


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_a_broken_package_is_named_and_the_others_stay(tmp_path, monkeypatch, group):
    names, kind, own = LISTS[group]
    (tmp_path / "broken_example.py").write_text("raise RuntimeError('no luck')")
    points = {f"xgamma.{group}": {"lost": "broken_example:RECORD"}}
    monkeypatch.syspath_prepend(installed_in(tmp_path, {"name": "broken-example"}, changes=points))
    words = f"{kind} 'lost' of the package 'broken-example' cannot be loaded .*no luck"
    with pytest.warns(XGammaWarning, match=words):
        found = names()
    assert own in str(found)
