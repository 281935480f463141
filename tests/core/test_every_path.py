"""``~`` and ``$VARIABLES`` in every path that is given, to any function, and inside files."""

import inspect
from pathlib import Path

import pytest
from astropy.table import Table

import xgamma as xg
from tests.helpers.doors import functions
from tests.sweeps.cases import KINDS, made, run
from xgamma.config.loading import load_config
from xgamma.core.paths import file_path
from xgamma.dl3.writer import write_store
from xgamma.simulate.observations import simulate_store
from xgamma.tutorial import example_model

# The file of the run in the store.
RUN_FILE = "obs_000001.fits.gz"
# What public functions call a path.
NAMES = {"path", "out", "source", "target", "cache", "resume"}


@pytest.fixture(scope="module")
def things():
    work = made()
    return {
        kind: KINDS[kind](work) for kind in ("map", "spectrum", "points", "norms", "tree", "counts")
    }


def light_curve_table(path):
    table = Table({"TIME": [0.0, 1.0], "NORM": [1.0, 2.0]})
    table.meta = {"MJDREFI": 59000, "MJDREFF": 0.0, "TIMEUNIT": "d", "TIMESYS": "tt"}
    table.write(path)


WRITE = {
    "ds.gamma.to_netcdf": lambda t, p: t["map"].gamma.to_netcdf(f"{p}/a.nc"),
    "ds.gamma.to_zarr": lambda t, p: t["map"].gamma.to_zarr(f"{p}/a.zarr"),
    "ds.gamma.to_fits": lambda t, p: t["map"].gamma.to_fits(f"{p}/a.fits"),
    "da.gamma.to_fits": lambda t, p: t["counts"].gamma.to_fits(f"{p}/b.fits"),
    "ds.gamma.to_ogip": lambda t, p: t["spectrum"].gamma.to_ogip(f"{p}/pha.fits"),
    "tree.gamma.to_netcdf": lambda t, p: t["tree"].gamma.to_netcdf(f"{p}/t.nc"),
    "tree.gamma.to_zarr": lambda t, p: t["tree"].gamma.to_zarr(f"{p}/t.zarr"),
    "write_flux_points": lambda t, p: xg.write_flux_points(t["points"], f"{p}/p.ecsv"),
    "write_flux_maps": lambda t, p: xg.write_flux_maps(t["norms"], f"{p}/ts.fits"),
    "write_datasets": lambda t, p: xg.write_datasets(t["map"], f"{p}/datasets.yaml"),
    "write_store": lambda t, p: write_store([run()], f"{p}/store"),
    "write_archive": lambda t, p: xg.write_archive([run()], f"{p}/runs.zarr"),
    "convert": lambda t, p: xg.convert(f"{p}/a.nc", f"{p}/c.fits"),
    "Models.write": lambda t, p: xg.Models([example_model()]).write(f"{p}/models.yaml"),
    "light curve": lambda t, p: light_curve_table(file_path(f"{p}/curve.fits")),
    "regions": lambda t, p: Path(file_path(f"{p}/on.reg")).write_text(
        "icrs;circle(83.63, 22.01, 0.2)"
    ),
}
READ = {
    "open": lambda p: xg.open(f"{p}/a.nc"),
    "open, Zarr": lambda p: xg.open(f"{p}/a.zarr"),
    "open, FITS": lambda p: xg.open(f"{p}/a.fits"),
    "read_fits": lambda p: xg.read_fits(f"{p}/a.fits"),
    "read_map": lambda p: xg.read_map(f"{p}/b.fits"),
    "read_ogip": lambda p: xg.read_ogip(f"{p}/pha.fits"),
    "read_flux_points": lambda p: xg.read_flux_points(f"{p}/p.ecsv"),
    "read_flux_maps": lambda p: xg.read_flux_maps(f"{p}/ts.fits"),
    "read_datasets": lambda p: xg.read_datasets(f"{p}/datasets.yaml", f"{p}/datasets_models.yaml"),
    "read_events": lambda p: xg.read_events(f"{p}/store/data/{RUN_FILE}"),
    "open_store": lambda p: xg.open_store(f"{p}/store"),
    "open_store, archive": lambda p: xg.open_store(f"{p}/runs.zarr"),
    "Models.read": lambda p: xg.Models.read(f"{p}/models.yaml"),
    "read_light_curve": lambda p: xg.read_light_curve(f"{p}/curve.fits"),
    "regions": lambda p: xg.create_spectrum(f"{p}/on.reg", xg.energy_axis(1, 10, 2)),
}


def test_paths_with_variables_and_tilde(things, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XGAMMA_TEST_HOME", str(tmp_path))
    for prefix in ("~/one", "$XGAMMA_TEST_HOME/two", "${XGAMMA_TEST_HOME}/three"):
        folder = file_path(prefix)
        assert folder.parent == tmp_path
        folder.mkdir()
        for name, write in WRITE.items():
            before = len(list(folder.iterdir()))
            write(things, prefix)
            assert len(list(folder.iterdir())) > before, name
        for name, read in READ.items():
            assert read(prefix) is not None, name
    # Nothing is written where the name stands for itself.
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "three", "two"]


@pytest.mark.parametrize("name", READ)
def test_a_variable_that_is_not_set_is_named(name):
    with pytest.raises(xg.MissingDataError, match=r"NOT_SET_ANYWHERE.*not set: set it"):
        READ[name]("$NOT_SET_ANYWHERE")


def test_every_public_function_with_a_path_is_swept():
    swept = {name.partition(",")[0].rpartition(".")[2] for name in (*WRITE, *READ)}
    # Their tests lie elsewhere: configurations, stores that are simulated, what lies in a cache.
    others = {
        "read_ebl",
        "read_fermipy",
        "read_isotropic",
        "load_config",
        "run_config",
        "simulate_store",
        "fetch",
        "verify",
        "reduce_survey",
    }
    missing = [
        name
        for name, function in functions()
        if NAMES & {p for p in inspect.signature(function).parameters if p == "path"}
        and name.rpartition(".")[2] not in swept | others
    ]
    assert not missing


def test_paths_of_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XGAMMA_TEST_HOME", str(tmp_path))
    (tmp_path / "a.yaml").write_text("nothing: 1")
    with pytest.raises(xg.XGammaError, match="nothing"):
        load_config("$XGAMMA_TEST_HOME/a.yaml")
    made = simulate_store("$XGAMMA_TEST_HOME/runs", n_runs=1, events=False)
    assert made == tmp_path / "runs"
    assert xg.open_store("$XGAMMA_TEST_HOME/runs").path == made
