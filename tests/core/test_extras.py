"""A package that is not installed is named, with the extra that brings it."""

import sys

import pytest

import xgamma as xg
from xgamma import config
from xgamma.core.extras import require_package
from xgamma.tutorial import example_map, example_model, example_spectrum


@pytest.fixture
def without(monkeypatch):
    """Make a package look as if it were not installed."""

    def hide(package):
        loaded = [m for m in sys.modules if m == package or m.startswith(f"{package}.")]
        for module in {package, *loaded}:
            monkeypatch.setitem(sys.modules, module, None)

    return hide


JOBS = {
    "draw a map": ("matplotlib", "plot", lambda _: example_map().counts[0].gamma.plot()),
    "draw bins": ("matplotlib", "plot", lambda _: example_map().counts.gamma.plot_grid()),
    "draw a dataset": ("matplotlib", "plot", lambda _: example_map().gamma.peek()),
    "draw regions": ("matplotlib", "plot", lambda _: example_spectrum().gamma.plot_regions()),
    "draw a model": ("matplotlib", "plot", lambda _: example_model().spectral.plot((1, 10))),
    "fit": ("iminuit", "fit", lambda _: xg.fit(example_map(), example_model())),
    "write Zarr": ("zarr", "dask", lambda at: example_map().gamma.to_zarr(at / "a.zarr")),
    "open a URL": ("zarr", "dask", lambda _: xg.open("memory://a.zarr")),
    "open an archive": ("zarr", "dask", lambda _: xg.open_store("memory://a.zarr")),
    "write an archive": ("zarr", "dask", lambda at: xg.write_archive([], at / "a.zarr")),
    "resume": ("dask", "dask", lambda at: xg.reduce([], example_map(), resume=at / "r")),
    "out": (
        "zarr",
        "dask",
        lambda at: xg.reduce([], example_map(), out=at / "o.zarr", offset_max=1),
    ),
    "open lazily": ("dask", "dask", lambda at: xg.open(at / "a.nc", chunks={})),
    "regrid": (
        "reproject",
        "reproject",
        lambda _: example_map().counts.gamma.reproject_to(example_map()),
    ),
    "configure": ("pydantic", "config", lambda at: config.reduce_config(at / "a.yaml")),
    "fetch": ("pooch", "tutorial", lambda _: xg.tutorial.fetch("hess-dl3-dr1")),
}


@pytest.mark.parametrize("job", JOBS)
def test_the_extra_is_named(job, without, tmp_path):
    package, extra, run = JOBS[job]
    without(package)
    with pytest.raises(
        xg.MissingDataError, match=rf"needs {package}: .*'xgamma\[{extra}\]'"
    ) as info:
        run(tmp_path)
    assert "\n" not in str(info.value)


def test_a_fault_inside_a_package_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        require_package("broken_package", "The job", "all")
