"""The demonstration and the command line; the simulated source comes back."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.cli import main
from xgamma.core.units import position
from xgamma.dl3 import open_store, simulate_observation, simulate_store
from xgamma.tutorial.demo import CENTER, demo_dataset, run_demo, significance_image, summary

AMPLITUDE, INDEX = 3.45e-11, 2.63


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    run_demo(folder, quiet=True)
    return folder


@pytest.fixture(scope="module")
def ds(out):
    return demo_dataset(open_store(out / "store"))


def predicted(ds):
    """Counts of the simulated source in each energy bin: exposure and dispersion at its place."""
    lo, hi = ds.energy_true_lo.values, ds.energy_true_hi.values
    flux = AMPLITUDE * 1e4 * (lo ** (1 - INDEX) - hi ** (1 - INDEX)) / (INDEX - 1)
    x, y = (float(v) for v in xg.model.sky.world_to_pix(ds, position(CENTER)))
    exposure = ds.exposure.interp(x=x, y=y).values
    kernel = ds.edisp.interp(x_irf=x, y_irf=y).transpose("energy_true", "energy").values
    return flux * exposure @ kernel


def test_flux_comes_back_within_its_error(ds):
    near = ds.gamma.separation(CENTER) < 0.6
    counts, background = (ds[n].where(near, 0).sum().item() for n in ("counts", "background"))
    ratio = (counts - background) / predicted(ds).sum()
    error = np.sqrt(counts) / predicted(ds).sum()
    assert error < 0.03
    assert abs(ratio - 1) < 2.5 * error


def test_spectrum_of_a_long_run_comes_back(tmp_path):
    """Without background and with 30000 events: to half a percent, in each bin of energy."""
    store = simulate_store(tmp_path, n_runs=2, livetime="10 h", background="none", seed=5)
    template = xg.create_map(
        CENTER,
        "3 deg",
        "0.05 deg",
        xg.energy_axis("0.3 TeV", "30 TeV", 10),
        xg.energy_axis("0.05 TeV", "200 TeV", 96, name="energy_true"),
    )
    select = ("counts", "exposure", "edisp", "psf")
    ds = xg.reduce(open_store(store), into=template, select=select)
    observed, expected = ds.counts.sum(["y", "x"]).values, predicted(ds)
    assert abs(observed.sum() / expected.sum() - 1) < 3 / np.sqrt(expected.sum()) + 0.002
    pulls = (observed - expected) / np.sqrt(expected)
    assert np.sum(pulls**2) < 25


@pytest.mark.parametrize(
    ("archive", "obs_id", "low"), [("hess-dl3-dr1", 23523, 1.0), ("cta-1dc/index/gps", 110380, 0.1)]
)
def test_events_drawn_through_real_responses_come_back(data, archive, obs_id, low):
    """PSF_TABLE and PSF_3GAUSS, BKG_3D with empty cells: drawing and filling are two codes."""
    real = open_store(data / archive)[obs_id]
    obs = simulate_observation((83.63, 22.51), CENTER, irfs=real, livetime="3 h", seed=3)
    template = xg.create_map(
        CENTER,
        "4 deg",
        "0.05 deg",
        xg.energy_axis(low, 30 * low, 9),
        xg.energy_axis(low / 5, 100 * low, 72, name="energy_true"),
    )
    ds = template.gamma.fill(obs, select=("counts", "background", "exposure", "edisp", "psf"))
    near = ds.gamma.separation(CENTER) < 0.6
    field = ~near & (ds.gamma.separation((83.63, 22.51)) < 1.8)
    counts, background = (
        ds[n].where(field, 0).sum(["y", "x"]).values for n in ("counts", "background")
    )
    assert np.sum((counts - background) ** 2 / background) < 25
    counts, background = (
        ds[n].where(near, 0).sum(["y", "x"]).values for n in ("counts", "background")
    )
    assert np.sum((counts - background - predicted(ds)) ** 2 / counts) < 25


def test_background_is_that_of_the_model(ds):
    far = (ds.gamma.separation(CENTER) > 0.6) & ds.mask_safe
    counts, background = (
        ds[n].where(far, 0).sum(["y", "x"]).values for n in ("counts", "background")
    )
    pulls = ((counts - background) / np.sqrt(background))[background > 20]
    assert len(pulls) > 6
    assert np.sum(pulls**2) < 2.5 * len(pulls)


def test_significance_peaks_at_the_source(ds):
    image = significance_image(ds)
    assert image.dims == ("y", "x")
    assert image.max() > 50
    assert float(ds.gamma.separation(CENTER).isel(image.argmax(("y", "x")))) < 0.05
    far = image.where(ds.gamma.separation(CENTER) > 0.8)
    assert abs(float(far.mean())) < 0.2
    assert 0.8 < float(far.std()) < 1.2


def test_files(out, ds):
    assert (out / "demo.png").read_bytes()[:4] == b"\x89PNG"
    with xr.open_dataset(out / "demo.nc") as back:
        np.testing.assert_array_equal(back.counts.transpose(*ds.counts.dims), ds.counts)
    assert len(open_store(out / "store")) == 4


def test_command_line(tmp_path, capsys, ds):
    assert main(["demo", "--out", str(tmp_path / "a")]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(summary(ds))
    assert "demo.png" in printed
    assert main(["demo", "--out", str(tmp_path / "a"), "--seed", "1", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_command_line_errors(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.startswith("xgamma: ")
    with pytest.raises(SystemExit, match="2"):
        main(["no-such-command"])


def test_python_m_xgamma():
    done = subprocess.run(
        [sys.executable, "-m", "xgamma", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"xgamma {xg.__version__}"
