"""The table of gammapy's methods is whole, and each of its lines runs."""

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

import xgamma
import xgamma as xg
from tests.helpers.random_maps import filled, on_off
from tests.sweeps.cases import KINDS, made
from xgamma.tutorial import example_map, example_model

mpl.use("Agg")
PAGE = Path(__file__).parents[2] / "docs/coming-from-gammapy/methods.md"


def rows() -> list[tuple[str, str, str]]:
    """(section, name, code) of each line of the tables."""
    section, found = "", []
    for line in PAGE.read_text(encoding="utf8").splitlines():
        if line.startswith("## "):
            section = line[3:]
        match = re.match(r"\| `(\w+)` \| (.*?) \| .*\|$", line)
        if match:
            found.append((section, match[1], match[2]))
    return found


@pytest.mark.parametrize("kind", ["single", "collection"])
def test_no_method_is_missing(kind):
    datasets = pytest.importorskip("gammapy.datasets", reason="gammapy is not installed")
    names = {
        "single": ("MapDataset", "MapDatasetOnOff", "SpectrumDataset", "SpectrumDatasetOnOff"),
        "collection": ("Datasets",),
    }[kind]
    public = {m for n in names for m in dir(getattr(datasets, n)) if not m.startswith("_")}
    assert listed(kind) == public


def listed(kind):
    """The names in the sections of a kind."""
    kinds = {"Datasets": "collection", "Estimators": "estimators", "Model selection": "selection"}
    return {name for section, name, _ in rows() if kinds.get(section, "single") == kind}


def test_no_model_selection_is_missing():
    nested = pytest.importorskip("gammapy.modeling.selection.nested", reason="gammapy is missing")
    assert listed("selection") == set(nested.__all__)


def test_no_estimator_is_missing():
    estimators = pytest.importorskip("gammapy.estimators", reason="gammapy is not installed")
    from gammapy.estimators import utils

    assert listed("estimators") == {*estimators.__all__, *utils.__all__}


def with_run(ds: xr.Dataset, number: int) -> xr.Dataset:
    """The dataset with the row and the good time of a run."""
    return ds.drop_vars(["gti_start", "gti_stop"]).assign(
        obs_id=("obs", [number]),
        livetime=("obs", [100.0], {"units": "s"}),
        gti_start=("gti", [0.0], {"units": "s", "reference_time": "2000-01-01T00:00:00"}),
        gti_stop=("gti", [100.0], {"units": "s", "reference_time": "2000-01-01T00:00:00"}),
    )


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the code of the table is written with."""
    path = tmp_path_factory.mktemp("table")
    ds, other = (with_run(filled(n), n) for n in (1, 2))
    ds = ds.assign(exposure=ds.exposure * 1e8)
    ds.attrs["name"], other.attrs["name"] = "ds", "other"
    region = "icrs;circle(10, 20, 0.2)"
    tree = xg.collect([ds, other])
    ds.gamma.to_fits(path / "read.fits")
    ds.gamma.to_netcdf(path / "read.nc")
    model = xg.SkyModel(
        name="source",
        spectral=xg.PowerLaw(),
        spatial=xg.PointSource(lon=10, lat=20, frame="icrs"),
    )
    return {
        "np": np,
        "xr": xr,
        "xg": xg,
        "xgamma": xgamma,
        "ds": ds,
        "crab": example_map().gamma.with_models(example_model()),
        "curve": KINDS["curve"](made()),
        "other": other,
        "onoff": on_off(1),
        "spectrum": ds.gamma.to_spectrum(region),
        "tree": tree,
        "region": region,
        "models": [model],
        "path": path,
        "fits": path / "read.fits",
        "nc": path / "read.nc",
    }


@pytest.mark.parametrize(
    ("section", "name", "code"), [pytest.param(*row, id=f"{row[0][:8]}-{row[1]}") for row in rows()]
)
@pytest.mark.filterwarnings("ignore::xgamma.XGammaWarning")
def test_each_line_runs(names, section, name, code):
    if code == "not here":
        pytest.skip("said not to be here")
    code = code.removeprefix("`").removesuffix("`")
    eval(code, dict(names))
