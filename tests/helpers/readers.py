"""Everything that reads a file or a folder: what it reads, and how."""

import contextlib
import io
from pathlib import Path

import numpy as np
import xarray as xr
import yaml
from astropy.io import fits
from astropy.table import Table

import xgamma as xg
from tests.helpers import fermi_files
from tests.helpers.writers import make_things
from xgamma.cli import main
from xgamma.config.loading import load_config
from xgamma.config.running import reduce_config
from xgamma.dl3 import read_observation
from xgamma.dl3.archive import open_archive
from xgamma.dl3.assemble import read_events
from xgamma.estimators.flux_map_files import read_flux_maps, write_flux_maps
from xgamma.fitting.datasets_files import read_datasets, write_datasets
from xgamma.io.fits import open_dataset
from xgamma.modeling.template_file import read_brightness, read_template, write_template
from xgamma.reduction.files import stack_files

CONFIG = """
observations: {store: runs, ids: [1]}
template: {center: 83.63d 22.01d, width: 2 deg, binsz: 0.2 deg, energy: {min: 1 TeV, max: 10 TeV, nbin: 2}}
outputs: [{path: out.nc, overwrite: true}]
"""


def make_files(folder):
    """Write a file of each kind that is read."""
    things = make_things(folder)
    ds, spectrum = things["ds"], things["spectrum"]
    ds.gamma.to_netcdf(folder / "a.nc")
    ds.gamma.to_zarr(folder / "a.zarr")
    ds.gamma.to_fits(folder / "a.fits")
    ds.gamma.to_fits(folder / "a.fits.gz")
    ds.counts.gamma.to_fits(folder / "map.fits")
    spectrum.gamma.to_ogip(folder / "pha.fits")
    for ending in (".ecsv", ".fits"):
        xg.write_flux_points(things["points"], folder / f"points{ending}")
    things["models"].write(folder / "models.yaml")
    things["map"].write(folder / "template.fits")
    things["table"].write(folder / "table.fits")
    axis = xg.axis_from_edges([1.0, 2.0, 3.0], "width", "deg")
    cube = things["map"].map * xr.ones_like(axis, dtype=float)
    write_template(cube.assign_attrs(units="sr-1"), folder / "nd.fits")
    xg.dl3.write_observation(things["obs"], folder / "run.fits")
    xg.write_archive([things["obs"]], folder / "runs.zarr")
    write_flux_maps(things["flux"], folder / "flux.fits", xg.PowerLaw())
    write_datasets([ds], folder / "datasets.yaml", things["models"])
    table = Table({"TIME": [0.0, 1.0], "NORM": [1.0, 2.0]})
    table.meta = {"MJDREFI": 59000, "MJDREFF": 0.0, "TIMEUNIT": "d", "TIMESYS": "tt"}
    table.write(folder / "curve.fits")
    fermi_files.write_isotropic(folder / "isotropic.txt")
    (folder / "fermi").mkdir()
    fermi_files.write_counts(folder / "fermi" / "ccube_00.fits")
    fermi_files.write_exposure(folder / "fermi" / "bexpmap_00.fits")
    fermi_files.write_psf(folder / "fermi" / "psf_00.fits")
    fermi_files.write_drm(folder / "fermi" / "drm_00.fits")
    text = "fileio: {outdir: fermi}\ncomponents:\n- model: {isodiff: [isotropic.txt]}\n"
    (folder / "fermi.yaml").write_text(text)
    table = Table({"PHASE": [0.0, 1.0], "NORM": [1.0, 2.0]})
    table.write(folder / "phases.fits")
    ebl = {
        "PARAMETERS": {"VALUE": np.array([[0.1, 0.2]])},
        "ENERGIES": {"ENERG_LO": [1e8, 1e9, 1e10], "ENERG_HI": [1e9, 1e10, 1e11]},
        "SPECTRA": {"INTPSPEC": np.array([[0.9, 0.5, 0.1], [0.8, 0.3, 0.01]])},
    }
    hdus = [fits.BinTableHDU(Table(columns), name=name) for name, columns in ebl.items()]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(folder / "ebl.fits")
    (folder / "on.reg").write_text("icrs;circle(83.63, 22.01, 0.2)")
    (folder / "run.yaml").write_text(CONFIG)
    return folder


def _said(*arguments):
    """Run a command; what it says on failure, as an error."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        status = main([str(a) for a in arguments])
    if status:
        raise xg.XGammaError(said.getvalue().strip().removeprefix("xgamma: "))


def _beside(path, name):
    return Path(path).parent / f"{name}-of-reader"


def _model(kind, path):
    """Read models that name a file."""
    spectral = [{"type": "PowerLawSpectralModel"}]
    parts = {
        "phase": {"temporal": {"type": "TemplatePhaseCurveTemporalModel"}},
        "light": {"temporal": {"type": "LightCurveTemplateTemporalModel"}},
        "map": {"spatial": {"type": "TemplateSpatialModel"}},
    }[kind]
    for part in parts.values():
        part["filename"] = str(path)
    entry = {"name": "a", "type": "SkyModel", "spectral": spectral[0], **parts}
    return xg.Models.from_yaml(yaml.safe_dump({"components": [entry]}))


def _loaded(data):
    """Read all values."""
    with contextlib.closing(data):
        return data.load()


#: What it reads from, and how.
READERS = {
    "open NetCDF": ("a.nc", lambda p: _loaded(xg.open(p))),
    "open Zarr": ("a.zarr", lambda p: _loaded(xg.open(p))),
    "open FITS": ("a.fits", lambda p: _loaded(xg.open(p))),
    "open packed": ("a.fits.gz", lambda p: _loaded(xg.open(p))),
    "open OGIP": ("pha.fits", lambda p: _loaded(xg.open(p))),
    "read_fits": ("a.fits", xg.read_fits),
    "read_fermipy": ("fermi.yaml", xg.read_fermipy),
    "read_isotropic": ("isotropic.txt", xg.read_isotropic),
    "xr.open_dataset": ("a.fits", lambda p: xr.open_dataset(p, engine="xgamma-fits")),
    "xr.open_datatree": ("run.fits", lambda p: xr.open_datatree(p, engine="gadf")),
    "open_dataset": ("a.fits", open_dataset),
    "read_map": ("map.fits", lambda p: xg.read_map(p).load()),
    "read_ogip": ("pha.fits", xg.read_ogip),
    "read_flux_maps": ("flux.fits", lambda p: read_flux_maps(p, xg.PowerLaw())),
    "read_datasets": ("datasets.yaml", read_datasets),
    "read_events": ("run.fits", read_events),
    "read_flux_points": ("points.ecsv", xg.read_flux_points),
    "read_flux_points FITS": ("points.fits", xg.read_flux_points),
    "open_store": ("runs", lambda p: xg.open_store(p)),
    "open_store index": ("runs/hdu-index.fits.gz", lambda p: xg.open_store(p)),
    "open_store obs_index": (
        "runs/obs-index.fits.gz",
        lambda p: xg.open_store(Path(p).parent, obs_index=p),
    ),
    "open_store hdu_index": (
        "runs/hdu-index.fits.gz",
        lambda p: xg.open_store(Path(p).parent, hdu_index=p),
    ),
    "open_store run": ("run.fits", lambda p: next(iter(xg.open_store(p))).load()),
    "open_archive": ("runs.zarr", open_archive),
    "read_observation": ("run.fits", lambda p: read_observation(p).load()),
    "load_config": ("run.yaml", load_config),
    "reduce_config": ("run.yaml", lambda p: reduce_config(p, progress=False, write=False)),
    "Models.read": ("models.yaml", xg.Models.read),
    "Models.read light curve": ("curve.fits", lambda p: _model("light", p)),
    "Models.read phases": ("phases.fits", lambda p: _model("phase", p)),
    "Models.read map": ("template.fits", lambda p: _model("map", p)),
    "read_light_curve": ("curve.fits", xg.read_light_curve),
    "read_ebl": ("ebl.fits", xg.read_ebl),
    "read_brightness": ("template.fits", read_brightness),
    "read_template": ("template.fits", read_template),
    "TemplateMap.read": ("template.fits", xg.TemplateMap.read),
    "TemplateMapND.read": ("nd.fits", xg.TemplateMapND.read),
    "TemplateSpectrumND.read": ("table.fits", xg.TemplateSpectrumND.read),
    "regions": ("on.reg", lambda p: xg.create_spectrum(p, xg.energy_axis(1, 10, 2))),
    "verify": ("a.fits", xg.verify),
    "verify NetCDF": ("a.nc", xg.verify),
    "verify Zarr": ("a.zarr", xg.verify),
    "convert": ("a.nc", lambda p: xg.convert(p, _beside(p, "c.nc").with_suffix(".fits"), True)),
    "stack_files": ("a.nc", lambda p: stack_files([p], f"{_beside(p, 's')}.nc", True)),
    "xgamma config": ("run.yaml", lambda p: _said("config", "--check", p)),
    "xgamma info": ("a.nc", lambda p: _said("info", p)),
    "xgamma validate": ("a.nc", lambda p: _said("validate", p)),
    "xgamma verify": ("a.nc", lambda p: _said("verify", p)),
    "xgamma plot": ("spectrum.nc", lambda p: _said("plot", p, "--out", f"{_beside(p, 'p')}.png")),
    "xgamma convert": ("a.nc", lambda p: _said("convert", p, f"{_beside(p, 'd')}.nc")),
    "xgamma stack": ("a.nc", lambda p: _said("stack", p, "--out", f"{_beside(p, 't')}.nc")),
    "xgamma reduce": ("run.yaml", lambda p: _said("reduce", p, "--quiet")),
}
#: The functions that each stands for.
READ_BY = {
    "config.loading.load_config": "load_config",
    "config.running.reduce_config": "reduce_config",
    "dl3.archive.open_archive": "open_archive",
    "dl3.assemble.read_observation": "read_observation",
    "dl3.assemble.read_events": "read_events",
    "dl3.convert.convert": "convert",
    "estimators.flux_map_files.read_flux_maps": "read_flux_maps",
    "fitting.datasets_files.read_datasets": "read_datasets",
    "io.fermi_cubes.read_cube": "open FITS",
    "io.fermi_responses.read_gtdrm": "open FITS",
    "io.fermi_responses.read_gtpsf": "open FITS",
    "dl3.opening.open_store": "open_store",
    "io.fits.open_dataset": "open_dataset",
    "io.fits.read_fits": "read_fits",
    "io.fits_axes.band_table": "open FITS",
    "io.healpix.read_healpix": "read_map",
    "dl3.response_maps.read_response_map": "open_store",
    "config.fermipy.read_fermipy": "read_fermipy",
    "modeling.isotropic.read_isotropic": "read_isotropic",
    "io.fits_maps.read_map": "read_map",
    "io.flux_points.read_flux_points": "read_flux_points",
    "io.ogip_read.read_ogip": "read_ogip",
    "io.opening.open": "open NetCDF",
    "io.registry.FormatRecord.open": "open NetCDF",
    "io.verify.verify": "verify",
    "modeling.ebl.read_ebl": "read_ebl",
    "modeling.models.Models.read": "Models.read",
    "modeling.template_file.read_brightness": "read_brightness",
    "modeling.template_file.read_template": "read_template",
    "modeling.template_map.TemplateMap.read": "TemplateMap.read",
    "modeling.template_nd.TemplateMapND.read": "TemplateMapND.read",
    "modeling.template_nd.TemplateSpectrumND.read": "TemplateSpectrumND.read",
    "modeling.temporal.read_light_curve": "read_light_curve",
    "reduction.files.stack_files": "stack_files",
}
