"""Everything that writes a file or a folder, to be tried on full disks, links, devices and so on."""

import contextlib
import functools
import hashlib
import io
import os
import resource
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.runs import template
from xgamma.cli import main
from xgamma.config.running import reduce_config
from xgamma.errors import WriteError
from xgamma.estimators.flux_map_files import write_flux_maps
from xgamma.fitting.datasets_files import write_datasets
from xgamma.io.opening import write_dataset
from xgamma.reduction.files import stack_files
from xgamma.tutorial import example_map

CONFIG = """
observations: {{store: {store}, ids: [1]}}
template: {{center: 83.63d 22.01d, width: 2 deg, binsz: 0.2 deg, energy: {{min: 1 TeV, max: 10 TeV, nbin: 2}}}}
makers: {{offset_max: 1 deg, select: [counts, exposure]}}
run: {{{run}}}
outputs: [{{path: {out}, overwrite: true}}]
"""


def make_things(folder):
    """Return what is written, and files to write it from."""
    ds = example_map()
    cube = ds.counts.isel(energy=0, drop=True).assign_attrs(units="sr-1")
    table = xr.DataArray(
        [[1e-12, 1e-14], [1e-11, 1e-14]],
        {
            "mass": [1.0, 3.0],
            "energy_true": ("energy_true", [1.0, 10.0], {"units": "TeV", "interp": "log"}),
        },
        ("mass", "energy_true"),
        attrs={"units": "cm-2 s-1 TeV-1"},
    )
    points = xr.Dataset(
        {"dnde": ("energy", np.ones(3), {"units": "TeV-1 s-1 cm-2"})},
        xg.energy_axis(1, 10, 3).coords,
    ).rename({"energy_lo": "e_min", "energy_hi": "e_max"})
    ds.gamma.to_netcdf(folder / "source.nc")
    spectrum = ds.gamma.to_spectrum("icrs;circle(83.63, 22.01, 0.3)")
    spectrum.gamma.to_netcdf(folder / "spectrum.nc")
    runs = xg.dl3.simulate_store(folder / "runs", n_runs=3, livetime="1 min")
    return {
        "folder": folder,
        "ds": ds,
        "lazy": ds.chunk(x=5),
        "tree": xg.collect([ds, ds.assign_attrs(name="b")]),
        "spectrum": spectrum,
        "obs": xg.dl3.simulate_observation("83.63d 22.51d", events=False),
        "points": points,
        "flux": ds[["counts"]].rename(counts="norm"),
        "models": xg.Models(xg.FoVBackground("a")),
        "map": xg.TemplateMap(cube),
        "table": xg.TemplateSpectrumND(table),
        "store": xg.open_store(runs),
        "source": folder / "source.nc",
    }


def _reduced(things, runs=3, **options):
    store = things["store"].select(obs_id=things["store"].obs_ids[:runs])
    options = {"into": template("2 deg"), "offset_max": "1 deg", "select": ["counts"]} | options
    return xg.reduce(store, progress=False, workers=1, **options)


def _resumed(things, path):
    """Keep more runs than are there: what is kept already would not be written."""
    done = 0
    with contextlib.suppress(OSError):
        done = sum(name.startswith("tile-") for name in os.listdir(path))
    _reduced(things, min(3, 1 + 2 * done), resume=path)


@contextlib.contextmanager
def _any_size():
    """Prepare a test whatever the size that files may have in it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _configured(things, path, run="scheduler: threads"):
    file = things["folder"] / "run.yaml"
    with _any_size():
        file.write_text(CONFIG.format(store=things["store"].path, out=path, run=run))
    return file


def _command(*arguments):
    """Run a command; what it says and its status, as an error."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        status = main([str(a) for a in arguments])
    if status:
        text = said.getvalue().strip().removeprefix("xgamma: ")
        raise (WriteError if "cannot be written" in text else xg.XGammaError)(text)


def _fetched(things, path):
    """Fetch tutorial data from a folder that stands for the server."""
    from xgamma.tutorial import data

    server = things["folder"] / "server"
    server.mkdir(exist_ok=True)
    content = bytes(range(256)) * 40
    # The file that is there is replaced only if it is another.
    with contextlib.suppress(OSError):
        content = (Path(path) / "a.bin").read_bytes()[::-1]
    with _any_size():
        (server / "a.bin").write_bytes(content)
    entry = {"title": "a", "licence": "b", "citation": "c"}
    entry["files"] = {"a.bin": hashlib.sha256(content).hexdigest()}
    registry = data._registry
    data._registry = lambda: {"a": entry}
    try:
        data.fetch("a", server.as_uri(), path, quiet=True)
    finally:
        data._registry = registry


def _demo(path):
    """The demonstration, with less to simulate and to draw."""
    import matplotlib.figure

    from xgamma.tutorial import demo

    with pytest.MonkeyPatch.context() as patch:
        simulated = functools.partial(demo.simulate_store, n_runs=1, livetime="1 min")
        patch.setattr(demo, "simulate_store", simulated)
        patch.setattr(demo, "demo_dataset", lambda store: example_map())
        patch.setattr(demo, "draw", lambda ds: matplotlib.figure.Figure((1, 1)))
        _command("demo", "--out", path, "--quiet")


def _to(method, thing="ds", **options):
    return lambda t, p: getattr(t[thing].gamma, method)(p, overwrite=True, **options)


#: Name of the target, and how it is written over.
WRITERS = {
    "to_netcdf": ("a.nc", _to("to_netcdf")),
    "to_netcdf options": ("a.nc", _to("to_netcdf", unlimited_dims=[])),
    "to_netcdf lazy": ("a.nc", _to("to_netcdf", "lazy")),
    "to_netcdf tree": ("a.nc", _to("to_netcdf", "tree")),
    "to_zarr": ("a.zarr", _to("to_zarr")),
    "to_zarr lazy": ("a.zarr", _to("to_zarr", "lazy")),
    "to_zarr tree": ("a.zarr", _to("to_zarr", "tree")),
    "to_fits": ("a.fits", _to("to_fits")),
    "to_fits packed": ("a.fits.gz", _to("to_fits")),
    "to_ogip": ("a.fits", _to("to_ogip", "spectrum")),
    "to_fits map": ("a.fits", lambda t, p: t["ds"].counts.gamma.to_fits(p, overwrite=True)),
    "write_flux_points": (
        "a.ecsv",
        lambda t, p: xg.write_flux_points(t["points"], p, overwrite=True),
    ),
    "write_flux_points FITS": (
        "a.fits",
        lambda t, p: xg.write_flux_points(t["points"], p, overwrite=True),
    ),
    "write_archive": ("a.zarr", lambda t, p: xg.write_archive([t["obs"]], p, overwrite=True)),
    "write_observation": (
        "a.fits.gz",
        lambda t, p: xg.dl3.write_observation(t["obs"], p, overwrite=True),
    ),
    "write_store": ("store", lambda t, p: xg.dl3.write_store(t["obs"], p, overwrite=True)),
    "simulate_store": (
        "store",
        lambda t, p: xg.dl3.simulate_store(p, n_runs=1, livetime="1 min", overwrite=True),
    ),
    "Models.write": ("a.yaml", lambda t, p: t["models"].write(p, overwrite=True)),
    "Models.write covariance": (
        "a.yaml",
        lambda t, p: t["models"].write(p, overwrite=True, covariance=True),
    ),
    "write_datasets": (
        "datasets.yaml",
        lambda t, p: write_datasets([t["ds"]], p, t["models"], overwrite=True),
    ),
    "write_flux_maps": (
        "a.fits",
        lambda t, p: write_flux_maps(t["flux"], p, xg.PowerLaw(), overwrite=True),
    ),
    "TemplateMap.write": ("a.fits", lambda t, p: t["map"].write(p, overwrite=True)),
    "TemplateSpectrumND.write": ("a.fits", lambda t, p: t["table"].write(p, overwrite=True)),
    "write_dataset": ("a.nc", lambda t, p: write_dataset(t["ds"], p, overwrite=True)),
    "convert": ("a.nc", lambda t, p: xg.convert(t["source"], p, overwrite=True)),
    "convert runs": ("a.zarr", lambda t, p: xg.convert(t["store"].path, p, overwrite=True)),
    "stack_files": ("a.zarr", lambda t, p: stack_files([t["source"]], p, overwrite=True)),
    "reduce out": ("a.zarr", lambda t, p: _reduced(t, out=p, overwrite=True)),
    "reduce resume": ("kept", _resumed),
    "reduce_config": ("a.nc", lambda t, p: reduce_config(_configured(t, p), progress=False)),
    "reduce_config tiled": (
        "a.zarr",
        lambda t, p: reduce_config(_configured(t, p, "memory: 1 GB"), progress=False),
    ),
    "fetch": ("cache", _fetched),
    "xgamma reduce": ("a.fits", lambda t, p: _command("reduce", _configured(t, p), "--quiet")),
    "xgamma plot": (
        "a.png",
        lambda t, p: _command(
            "plot", t["folder"] / "spectrum.nc", "--out", p, "--overwrite", "--dpi", 20
        ),
    ),
    "xgamma convert": (
        "a.fits",
        lambda t, p: _command("convert", t["source"], p, "--overwrite", "--quiet"),
    ),
    "xgamma stack": (
        "a.nc",
        lambda t, p: _command("stack", t["source"], "--out", p, "--overwrite", "--quiet"),
    ),
    "xgamma demo": ("demo", lambda t, p: _demo(p)),
}
#: Those that write into a folder, which may be there, rather than in place of what is there.
INTO = {n for n, (file, _) in WRITERS.items() if file in ("store", "kept", "cache", "demo")}
#: The functions that each stands for; the others are public names.
COVERED = {
    "config.running.reduce_config": "reduce_config",
    "dl3.archive.write_archive": "write_archive",
    "dl3.convert.convert": "convert",
    "dl3.writer.write_observation": "write_observation",
    "dl3.writer.write_store": "write_store",
    "estimators.flux_map_files.write_flux_maps": "write_flux_maps",
    "fitting.datasets_files.write_datasets": "write_datasets",
    "io.fits_write.write_fits": "to_fits",
    "io.fits_write.write_hdus": "write_flux_maps",
    "modeling.covariance_file.write_covariance": "Models.write covariance",
    "io.fits_write.write_map": "to_fits map",
    "io.flux_points.write_flux_points": "write_flux_points",
    "io.ogip_write.write_ogip": "to_ogip",
    "io.opening.write_dataset": "write_dataset",
    "io.registry.FormatRecord.save": "write_dataset",
    "io.storage.to_netcdf": "to_netcdf",
    "io.storage.to_zarr": "to_zarr",
    "io.storage.tree_to_netcdf": "to_netcdf tree",
    "io.storage.tree_to_zarr": "to_zarr tree",
    "modeling.models.Models.write": "Models.write",
    "modeling.template_file.write_template": "TemplateMap.write",
    "modeling.template_map.TemplateMap.write": "TemplateMap.write",
    "modeling.template_nd.TemplateSpectrumND.write": "TemplateSpectrumND.write",
    "reduction.files.stack_files": "stack_files",
    "reduction.front.reduce": "reduce out",
    "reduction.survey.reduce_survey": "reduce out",
    "simulate.observations.simulate_store": "simulate_store",
    "tutorial.data.fetch": "fetch",
    "tutorial.demo.run_demo": "xgamma demo",
}
