"""Every product of the library as a small folder, how it is used, and how it is damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from astropy import units as u
from astropy.time import Time

import xgamma as xg
from tests.fuzz.documents import json_mutants, yaml_mutants
from tests.fuzz.fits_files import fits_mutants
from tests.fuzz.groups import chunk_mutants, netcdf_mutants
from tests.fuzz.mutant import Mutant
from tests.helpers.runs import simulated, template
from xgamma.config import load_config, reduce_config
from xgamma.dl3 import read_observation, simulate_store, write_observation
from xgamma.modeling.template_file import read_template
from xgamma.modeling.temporal import read_light_curve
from xgamma.tutorial import example_map, example_model, example_spectrum

__all__ = ["PRODUCTS", "Product"]

Found = dict[str, Any]


@dataclass(frozen=True)
class Product:
    """What is damaged.

    Parameters
    ----------
    make : callable
        ``make(folder)`` writes it into an empty folder.
    use : callable
        ``use(folder)`` opens it, reads it whole, uses it, and returns what came out, by name.
    mutants : callable
        ``mutants(folder)`` yields its damages by intent.
    """

    make: Callable[[Path], None]
    use: Callable[[Path], Found]
    mutants: Callable[[Path], Iterator[Mutant]]


def plain(data: Any, prefix: str = "") -> Found:
    """Return the numbers and texts of a dataset or a tree, by name."""
    if isinstance(data, xr.DataTree):
        found = {}
        for node in data.subtree:
            found |= plain(node.to_dataset(inherit=False), f"{node.path}.")
        return found
    if isinstance(data, xr.DataArray):
        data = data.to_dataset(name=data.name or "value")
    loaded = data.load()
    found = {}
    for name, variable in loaded.variables.items():
        axis = name in loaded.xindexes or str(name).endswith(("_lo", "_hi"))
        found[f"{'' if axis else 'values of '}{prefix}{name}"] = np.asarray(variable.values)
    return found | {f"{prefix}{n}.units": v.attrs.get("units") for n, v in loaded.variables.items()}


def used_dataset(ds: xr.Dataset) -> Found:
    """Sum a dataset up, predict, and compare with its counts."""
    found = plain(ds)
    if "exposure" in ds and "counts" in ds:
        model = example_model()
        found["npred"] = ds.gamma.npred(model).values
        found["stat"] = xg.stat_sum(ds, model)
        found["stack"] = xg.stack(ds, ds)["counts"].values
    found["info"] = {k: v for k, v in ds.gamma.info_dict().items() if k != "name"}
    return found


def used_run(obs: xr.DataTree) -> Found:
    """Read a run, cut it in time, fill all that it allows, and tell what came out."""
    for node in obs.children.values():
        node.to_dataset().load()
    start = obs.gamma.tstart
    cut = obs.gamma.select_events(time=(start + 100 * u.s, obs.gamma.tstop - 100 * u.s))
    empty = template("2 deg", "0.5 deg", rad=xg.rad_axis("0.5 deg", 10))
    ds = xg.reduce(obs, empty, offset_max="2 deg", progress=False, scheduler="threads", workers=1)
    at = obs.gamma.pointing_altaz
    found = {"groups": sorted(obs.children), "cut": cut["events"].sizes["event"]}
    found |= {"start": start.mjd, "altaz": np.array([at.alt.deg, at.az.deg])}
    found |= {"livetime": obs.gamma.livetime, "ontime": cut.gamma.ontime}
    kept = ("counts", "exposure", "background", "psf", "edisp", "livetime", "gti_start", "obs_id")
    found |= {n: np.asarray(ds[n].values) for n in kept if n in ds}
    found["npred"] = ds.gamma.npred(example_model()).values
    return found


def make_run(kind: str) -> Callable[[Path], None]:
    """Write one run with its responses."""

    def make(folder: Path) -> None:
        from tests.helpers.runs import responses

        obs = simulated(responses(kind), events=True, seed=1, n_gti=2)
        write_observation(obs, folder / "run.fits")

    return make


def make_store(folder: Path) -> None:
    """Write a store of two runs with its index files, not compressed."""
    simulate_store(folder, 2, "10 min", compress=False, seed=1)


def use_store(folder: Path) -> Found:
    """Open a store, choose runs of a target, and reduce them."""
    store = xg.open_store(folder)
    found = {f"table.{n}": np.asarray(v.values) for n, v in store.table.variables.items()}
    near = store.select(cone=("83.63d 22.01d", "3 deg"))
    found["near"] = list(near.obs_ids)
    empty = template("2 deg", "0.5 deg")
    ds = xg.reduce(store, empty, offset_max="2 deg", progress=False, workers=1)
    names = ("counts", "exposure", "background", "livetime", "obs_id")
    return found | {n: ds[n].values for n in names if n in ds}


def index_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages of the index files; those of runs are tried with a run."""
    yield from (m for m in fits_mutants(folder) if "index" in m.what)


def make_archive(folder: Path) -> None:
    """Write an archive of two runs in Zarr."""
    simulate_store(folder.with_name("runs-" + folder.name), 2, "10 min", seed=1)
    xg.write_archive(xg.open_store(folder.with_name("runs-" + folder.name)), folder / "runs.zarr")


def use_archive(folder: Path) -> Found:
    """Open an archive, and reduce its runs."""
    return use_store(folder / "runs.zarr") | plain(
        xr.DataTree.from_dict({str(o.name): o for o in xg.open_store(folder / "runs.zarr")})
    )


def zarr_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages of a Zarr store."""
    yield from chunk_mutants(folder)
    yield from json_mutants(folder)


def use_irfs(folder: Path) -> Found:
    """Read responses without a run."""
    tree = xr.open_datatree(folder / "irfs.fits", engine="gadf")
    return plain(tree)


def make_irfs(folder: Path) -> None:
    """Write responses without a run."""
    from astropy.io import fits

    make_run("3d")(folder)
    with fits.open(folder / "run.fits", memmap=False) as hdus:
        kept = [h.copy() for h in hdus if h.name not in ("EVENTS", "GTI", "POINTING")]
        fits.HDUList(kept).writeto(folder / "irfs.fits")
    (folder / "run.fits").unlink()


def small_map() -> xr.Dataset:
    """A dataset of maps, few pixels."""
    return example_map().isel(y=slice(6, 14), x=slice(6, 14))


def writer(name: str, data: Callable[[], Any], method: str) -> Callable[[Path], None]:
    """Return a function that writes data by a method of its accessor."""

    def make(folder: Path) -> None:
        getattr(data().gamma, method)(folder / name)

    return make


def opener(name: str) -> Callable[[Path], Found]:
    """Return a function that opens a dataset or a collection, and uses each."""

    def use(folder: Path) -> Found:
        with xg.open(folder / name) as data:
            if not isinstance(data, xr.DataTree):
                return used_dataset(data.load())
            found = plain(data)
            for key, node in data.children.items():
                found |= {f"{key}.{k}": v for k, v in used_dataset(node.to_dataset()).items()}
            return found

    return use


def collection() -> xr.DataTree:
    """A map and a spectrum."""
    return xr.DataTree.from_dict({"/map": small_map(), "/spectrum": example_spectrum()})


def make_ogip(folder: Path) -> None:
    """Write a spectrum in four files."""
    example_spectrum().gamma.to_ogip(folder / "pha.fits")


def use_points(name: str) -> Callable[[Path], Found]:
    """Return a function that reads flux points and compares them with a model."""

    def use(folder: Path) -> Found:
        points = xg.read_flux_points(folder / name)
        return plain(points) | {"stat": xg.stat_sum(points, example_model())}

    return use


def make_points(name: str) -> Callable[[Path], None]:
    """Return a function that estimates flux points and writes them."""

    def make(folder: Path) -> None:
        ds = example_spectrum()
        model = xg.SkyModel(example_model().spectral, name="crab")
        points = xg.flux_points(ds, "crab", models=model)
        xg.write_flux_points(points, folder / name)

    return make


def make_models(folder: Path) -> None:
    """Write models of several kinds, linked, with priors and a covariance."""
    crab = example_model()
    crab.spectral.index.prior = xg.gaussian_prior(2.6, 0.1)
    disk = xg.SkyModel(
        xg.ExpCutoffPowerLaw() * xg.PowerLawNorm(), xg.Disk(lon=83.6, lat=22.0), name="disk"
    )
    disk.temporal = xg.ExpDecayTemporal()
    table = xg.TemplateSpectrum(
        [1, 3, 10] * u.TeV, [1e-11, 1e-12, 1e-13] * u.Unit("TeV-1 s-1 cm-2")
    )
    models = [crab, disk, xg.SkyModel(table, xg.Gaussian(), name="t"), xg.FoVBackground("example")]
    xg.Models(models).write(folder / "models.yaml")


def use_models(folder: Path) -> Found:
    """Read models, predict a dataset with them, and write them again."""
    models = xg.Models.read(folder / "models.yaml")
    found: Found = {k: (p.value, p.unit) for k, p in models.named_parameters().items()}
    found["again"] = models.to_yaml()
    found["npred"] = small_map().gamma.npred(models).values
    return found


CONFIG = """\
observations: {store: store, cone: {center: 83.63d 22.01d, radius: 3 deg}, time: ["2000-01-01", "2040-01-01"]}
template: {name: crab, center: 83.63d 22.01d, width: 2 deg, binsz: 0.5 deg, energy: {min: 0.5 TeV, max: 20 TeV, nbin: 4},
  energy_true: {min: 0.3 TeV, max: 40 TeV, nbin: 8, per_decade: false}, proj: CAR, frame: icrs, binsz_irf: 0.5 deg}
makers: {offset_max: 2 deg, select: [counts, exposure, background], safe_mask: {methods: [aeff-default, offset-max], offset_max: 2 deg},
  background: {method: fov, exclusion: "icrs;circle(83.63, 22.01, 0.3)"}}
run: {scheduler: threads, workers: 1, errors: raise, stack: true}
outputs: [{path: crab.nc, format: netcdf, overwrite: true}]
"""


def make_config(folder: Path) -> None:
    """Write a configuration, with the store beside it."""
    simulate_store(folder / "store", 1, "5 min", seed=1)
    (folder / "config.yaml").write_text(CONFIG)


def use_config(folder: Path) -> Found:
    """Load a configuration and run it."""
    load_config(folder / "config.yaml")
    ds = reduce_config(folder / "config.yaml", progress=False)
    return {n: np.asarray(v.values) for n, v in ds.variables.items()}


def make_curve(folder: Path) -> None:
    """Write a light curve of a temporal model."""
    from astropy.table import Table

    table = Table({"TIME": np.arange(5.0), "NORM": [1.0, 2.0, 3.0, 2.0, 1.0]})
    table["TIME"].unit = "d"
    table.meta |= {"MJDREFI": 59000, "MJDREFF": 0.5, "TIMEUNIT": "d", "TIMESYS": "TT"}
    table.write(folder / "curve.fits")


def use_curve(folder: Path) -> Found:
    """Read a light curve, and evaluate it."""
    profile = read_light_curve(folder / "curve.fits")
    return {"norm": np.asarray(profile(Time(np.linspace(59001, 59004, 7), format="mjd")))}


def use_template(folder: Path) -> Found:
    """Read a map, as data and as a model."""
    found = plain(xg.read_map(folder / "map.fits")) | plain(read_template(folder / "map.fits"))
    model = xg.TemplateMap(xg.read_map(folder / "map.fits"))
    sky = xg.SkyModel(xg.PowerLaw(), model, name="t")
    return found | {"npred": small_map().gamma.npred(sky).values}


def make_map(folder: Path) -> None:
    """Write one map."""
    ds = small_map()
    image = ds["background"].sum("energy", keep_attrs=True)
    image.gamma.to_fits(folder / "map.fits")


PRODUCTS = {
    "run (DL3)": Product(
        make_run("2d"), lambda f: used_run(read_observation(f / "run.fits")), fits_mutants
    ),
    "run (DL3), BKG_3D": Product(
        make_run("3d"), lambda f: used_run(read_observation(f / "run.fits")), fits_mutants
    ),
    "store with index": Product(make_store, use_store, index_mutants),
    "responses": Product(make_irfs, use_irfs, fits_mutants),
    "archive (Zarr)": Product(make_archive, use_archive, zarr_mutants),
    "maps (FITS)": Product(
        writer("maps.fits", small_map, "to_fits"), opener("maps.fits"), fits_mutants
    ),
    "map (FITS)": Product(make_map, use_template, fits_mutants),
    "spectrum (FITS)": Product(
        writer("s.fits", example_spectrum, "to_fits"), opener("s.fits"), fits_mutants
    ),
    "spectrum (OGIP)": Product(make_ogip, opener("pha.fits"), fits_mutants),
    "maps (NetCDF)": Product(
        writer("maps.nc", small_map, "to_netcdf"), opener("maps.nc"), netcdf_mutants
    ),
    "collection (NetCDF)": Product(
        writer("all.nc", collection, "to_netcdf"), opener("all.nc"), netcdf_mutants
    ),
    "maps (Zarr)": Product(
        writer("maps.zarr", small_map, "to_zarr"), opener("maps.zarr"), zarr_mutants
    ),
    "collection (Zarr)": Product(
        writer("all.zarr", collection, "to_zarr"), opener("all.zarr"), zarr_mutants
    ),
    "flux points (FITS)": Product(
        make_points("points.fits"), use_points("points.fits"), fits_mutants
    ),
    "flux points (ECSV)": Product(
        make_points("points.ecsv"), use_points("points.ecsv"), lambda f: iter(())
    ),
    "light curve": Product(make_curve, use_curve, fits_mutants),
    "models (YAML)": Product(make_models, use_models, yaml_mutants),
    "configuration": Product(make_config, use_config, yaml_mutants),
}
