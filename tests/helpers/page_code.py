"""The code of the two columns for gammapy users, and the files that it reads."""

import contextlib
import io
import re
import warnings
from pathlib import Path

import pytest

import xgamma as xg
from xgamma import tutorial
from xgamma.dl3 import simulate_observation, wobble_pointings, write_store

FOLDER = Path(__file__).parents[2] / "docs" / "coming-from-gammapy"
RUNS = (23523, 23592, 23526, 23559)


def snippets(page: str, column: str) -> list[str]:
    """The code of one column of a page."""
    text = (FOLDER / f"{page}.md").read_text(encoding="utf8")
    return re.findall(rf"\*\*{column}\*\*\n```python\n(.*?)```", text, re.S)


def simulated(folder: Path) -> None:
    """Write files of the names that the snippets read."""
    runs = [
        simulate_observation(at, tutorial.CRAB, obs_id=run, number=i)
        for i, (run, at) in enumerate(zip(RUNS, wobble_pointings(), strict=True))
    ]
    for run in runs:
        run.attrs["OBJECT"] = "Crab Nebula"
    write_store(runs, folder / "hess-dl3-dr1")
    cta = tutorial.galactic_centre().gamma.cutout((0, 0), "4.8 deg")
    cta.gamma.to_fits(folder / "cta-1dc-gc.fits.gz")
    spectra = folder / "joint-crab" / "spectra" / "hess"
    spectra.mkdir(parents=True)
    one = tutorial.example_spectrum()
    for run in RUNS:
        path = spectra / f"obs{run}.fits"
        one.assign_attrs(name=str(run)).gamma.to_ogip(path)
        path.rename(spectra / f"pha_obs{run}.fits")  # a name that its responses do not share
    ds = tutorial.example_map().gamma.with_models(tutorial.example_model())
    xg.write_flux_points(ds.gamma.flux_points("crab"), folder / "diff_flux_points.fits")


def real(folder: Path, data: Path) -> None:
    """Link the real files under the names that the snippets read."""
    for name, target in {
        "hess-dl3-dr1": "hess-dl3-dr1",
        "cta-1dc-gc.fits.gz": "dl4/cta-1dc-gc.fits.gz",
        "joint-crab": "joint-crab",
        "diff_flux_points.fits": "flux_points/diff_flux_points.fits",
    }.items():
        (folder / name).symlink_to((data / target).resolve())


def run_page(page: str, column: str = "xgamma") -> dict:
    """Run the snippets of a column one after the other; what they define."""
    plt = pytest.importorskip("matplotlib.pyplot", reason="pip install -e .[plot]")
    plt.switch_backend("agg")
    names = {}
    for snippet in snippets(page, column):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(snippet, f"{page}: {snippet.splitlines()[0]}", "exec"), names)
    plt.close("all")
    return names


@pytest.fixture
def at_simulated(tmp_path, monkeypatch):
    monkeypatch.delenv("XGAMMA_DATA", raising=False)
    simulated(tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def at_real(tmp_path, monkeypatch, data):
    real(tmp_path, data)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xg.XGammaWarning)
        yield
