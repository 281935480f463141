"""The command line: what it prints, its exit statuses, its errors in one sentence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.runs import template
from xgamma.cli import main
from xgamma.dl3 import simulate_store


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli")
    store = simulate_store(path / "store", n_runs=2, livetime="2 min")
    options = {"into": template("3 deg", "0.2 deg"), "offset_max": "1 deg"}
    tree = xg.reduce(xg.open_store(store), stack=False, **options)
    tree.gamma.to_netcdf(path / "tree.nc")
    for k, node in enumerate(tree.children.values()):
        node.to_dataset().gamma.to_netcdf(path / f"run-{k}.nc")
    xg.reduce(xg.open_store(store), **options).gamma.to_netcdf(path / "sum.nc")
    return path


def test_without_a_command_it_lists_them(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "xgamma demo" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_reader_that_has_seen_enough(folder):
    command = f"{sys.executable} -m xgamma info {folder / 'tree.nc'}"
    shell = ["bash", "-c", f"{command} | head -n 1; exit ${{PIPESTATUS[0]}}"]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode in (0, 141)


def test_help(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for command in ("demo", "config", "reduce", "info", "validate", "plot", "convert", "stack"):
        assert f"\n    {command}" in text
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert len(capsys.readouterr().out.splitlines()) > 5
    assert "exit status" in text


@pytest.mark.parametrize("wrong", [[], ["what"], ["info"], ["plot", "a.nc"], ["config"]])
def test_a_command_that_is_not_understood(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_info(folder, capsys):
    assert main(["info", str(folder / "sum.nc")]) == 0
    assert "Total counts" in capsys.readouterr().out
    assert main(["info", str(folder / "store")]) == 0
    assert "2 observations" in capsys.readouterr().out
    assert main(["info", str(folder / "tree.nc")]) == 0
    assert capsys.readouterr().out.startswith("1: ")
    assert main(["info", str(folder / "store/data/obs_000001.fits.gz")]) == 0
    assert "1 observation" in capsys.readouterr().out


def test_validate(folder, tmp_path, capsys):
    assert main(["validate", str(folder / "sum.nc")]) == 0
    assert main(["validate", str(folder / "tree.nc")]) == 0
    assert "no problems found" in capsys.readouterr().out
    ds = xg.open(folder / "sum.nc")
    ds.exposure.attrs["units"] = "s"
    xg.model.frame.drop_frame(ds).to_netcdf(tmp_path / "bad.nc")
    assert main(["validate", str(tmp_path / "bad.nc")]) == 1
    assert "exposure" in "".join(capsys.readouterr())


def test_validate_runs(folder, tmp_path, capsys):
    """Stores, archives and single runs, in FITS, Zarr and NetCDF, are checked run by run."""
    pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
    store = xg.open_store(folder / "store")
    assert main(["convert", str(folder / "store"), str(tmp_path / "a.zarr"), "--quiet"]) == 0
    store[1].to_netcdf(tmp_path / "run.nc")
    run = next((folder / "store").rglob("*1.fits*"))
    for path in (folder / "store", tmp_path / "a.zarr", run, tmp_path / "run.nc"):
        assert main(["validate", str(path)]) == 0
        assert capsys.readouterr().out == f"{path}: no problems found\n"
    bad = store[2].copy()
    area = bad["aeff"].to_dataset().assign_attrs(LO_THRES=-1.0)
    bad["aeff"] = xr.DataTree(area.assign(aeff=-area.aeff.assign_attrs(area.aeff.attrs)))
    bad["bkg"] = xr.DataTree((0 * bad["bkg"].to_dataset()).assign_attrs(bad["bkg"].attrs))
    xg.dl3.write_store([store[1], bad], tmp_path / "bad")
    want = ("LO_THRES=-1", "'aeff' are negative", "all values of 'bkg' are zero")
    for path in (tmp_path / "bad", next((tmp_path / "bad").rglob("*2.fits*"))):
        assert main(["validate", str(path)]) == 1
        lines = capsys.readouterr().out.splitlines()
        assert all(line.startswith("2: ") for line in lines)
        for text in want:
            assert sum(text in line for line in lines) == 1, lines


def test_validate_a_store_with_a_damaged_file(folder, tmp_path, capsys):
    """A run that cannot be opened is a line among the others."""
    shutil.copytree(folder / "store", tmp_path / "store")
    file = next((tmp_path / "store").rglob("*1.fits*"))
    file.write_bytes(file.read_bytes()[:20000])
    assert main(["validate", str(tmp_path / "store")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("1: ")


def test_stack_equals_reduce(folder, tmp_path, capsys):
    files = [str(folder / f"run-{k}.nc") for k in range(2)]
    assert main(["stack", *files, "--out", str(tmp_path / "all.nc")]) == 0
    assert "Total counts" in capsys.readouterr().out
    whole, part = xg.open(folder / "sum.nc"), xg.open(tmp_path / "all.nc")
    assert int(part.counts.sum()) == int(whole.counts.sum())
    assert part.obs_id.values.tolist() == [1, 2]
    assert main(["stack", *files, "--out", str(tmp_path / "all.nc")]) == 1
    assert "already exists" in capsys.readouterr().err
    assert main(["stack", *files, "--out", str(tmp_path / "all.nc"), "--overwrite", "--quiet"]) == 0
    assert main(["stack", str(folder / "tree.nc"), "--out", str(tmp_path / "no.nc")]) == 1
    assert "several datasets" in capsys.readouterr().err


def test_bars_on_a_terminal(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    files = [str(folder / f"run-{k}.nc") for k in range(2)]
    assert main(["stack", *files, "--out", str(tmp_path / "a.nc")]) == 0
    assert "2/2" in capsys.readouterr().err
    assert main(["stack", *files, "--out", str(tmp_path / "b.nc"), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    archive = str(tmp_path / "a.zarr")
    assert main(["convert", str(folder / "store"), archive]) == 0
    assert "2/2" in capsys.readouterr().err


def test_as_a_program(folder):
    """What a shell sees: output, sentences on standard error, exit status, no traceback."""
    environment = {**os.environ, "PYTHONPATH": str(Path(xg.__file__).parents[1])}

    def run(*arguments):
        whole = [sys.executable, "-m", "xgamma", *map(str, arguments)]
        return subprocess.run(whole, capture_output=True, text=True, env=environment)

    done = run("info", folder / "sum.nc")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Total counts" in done.stdout
    done = run("info", folder / "absent.nc")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("xgamma: The file")
    assert "Traceback" not in done.stderr
    assert "Traceback" in run("--debug", "info", folder / "absent.nc").stderr
    assert run("what").returncode == 2


def test_plot_and_convert(folder, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    picture = tmp_path / "a.png"
    assert main(["plot", str(folder / "sum.nc"), "--out", str(picture), "--dpi", "50"]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(["plot", str(folder / "tree.nc"), "--out", str(picture)]) == 1
    capsys.readouterr()
    assert main(["plot", str(folder / "sum.nc"), "--out", str(tmp_path / "a.xyz")]) == 1
    assert (
        "'{}' is not a supported image format".format(tmp_path / "a.xyz") in capsys.readouterr().err
    )
    assert main(["plot", str(folder / "sum.nc"), "--out", str(picture)]) == 1
    assert "a.png' already exists: add --overwrite to replace it." in capsys.readouterr().err
    assert main(["convert", str(folder / "sum.nc"), str(tmp_path / "a.fits.gz"), "--quiet"]) == 0
    assert xg.open(tmp_path / "a.fits.gz").counts.equals(xg.open(folder / "sum.nc").counts)


def test_urls(folder, tmp_path, capsys):
    pytest.importorskip("zarr", reason="zarr is not installed: pip install xgamma[dask]")
    url = f"{tmp_path.as_uri()}/deep/a.zarr"
    assert main(["convert", str(folder / "sum.nc"), url, "--quiet"]) == 0
    assert main(["info", url]) == 0
    assert "Total counts" in capsys.readouterr().out
    assert main(["validate", url]) == 0
    assert main(["stack", url, str(folder / "sum.nc"), "--out", url, "--quiet"]) == 1
    assert "already exists: add --overwrite" in capsys.readouterr().err


def test_reduce_and_config(folder, tmp_path, capsys):
    pytest.importorskip("pydantic", reason="pydantic is not installed")
    assert main(["config", "--example"]) == 0
    text = capsys.readouterr().out
    changes = {
        "hess-dl3-dr1 ": f"{folder / 'store'} ",
        "target:": "# target:",
        "0.02 deg": "0.2 deg",
        "  - path: crab.fits.gz": "# ",
        "    overwrite: true": "# ",
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "a.yaml"
    file.write_text(text)
    assert main(["config", "--check", str(file)]) == 0
    assert main(["reduce", str(file)]) == 0
    out = capsys.readouterr().out
    assert f"Written: {tmp_path / 'crab.nc'}" in out
    assert xg.open(tmp_path / "crab.nc").attrs["config"] == text
    file.write_text(text.replace("nbin: 12", "nbin: twelve"))
    assert main(["reduce", str(file)]) == 1
    error = capsys.readouterr().err
    assert "line 14: template.energy.nbin: a whole number is required." in error
    assert len(error.splitlines()) == 1


def test_errors_are_sentences_unless_asked(tmp_path, capsys):
    absent = str(tmp_path / "absent.nc")
    assert main(["info", absent]) == 1
    assert capsys.readouterr().err.startswith("xgamma: The file or folder")
    for place in (["--debug", "info", absent], ["info", absent, "--debug"]):
        with pytest.raises(xg.MissingDataError):
            main(place)


def test_a_fault_of_ours_and_an_interruption(monkeypatch, capsys):
    def fail(path):
        raise error

    monkeypatch.setattr("xgamma.cli._opened", fail)
    error = KeyError("x")
    assert main(["info", "a"]) == 1
    assert "KeyError" in capsys.readouterr().err
    error = KeyboardInterrupt()
    assert main(["info", "a"]) == 130


def test_warnings_are_sentences(monkeypatch, capsys):
    import warnings

    def beware(path):
        warnings.warn("beware", xg.XGammaWarning, stacklevel=1)
        raise xg.XGammaError("and stop")

    monkeypatch.setattr("xgamma.cli._opened", beware)
    warnings.simplefilter("always")
    main(["info", "a"])
    assert "xgamma: warning: beware\n" in capsys.readouterr().err


def test_a_command_imports_only_what_it_needs():
    code = (
        "import sys; from xgamma.cli import main; main(['config', '--example']);"
        "heavy = {'matplotlib', 'dask', 'distributed', 'zarr', 'netCDF4', 'scipy.optimize'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
