"""How each product is opened, read whole and used, and what came out of it by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from astropy import units as u
from astropy.time import Time

import xgamma as xg
from tests.fuzz import making
from tests.fuzz.making import resumed, small_map
from tests.helpers.runs import CRAB, template
from xgamma.config import load_config, reduce_config
from xgamma.dl3 import read_observation
from xgamma.makers.rad_max import rad_max_at
from xgamma.modeling.template_file import read_template
from xgamma.modeling.temporal import read_light_curve
from xgamma.tutorial import example_model

Found = dict[str, Any]


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
        found[f"{'' if axis else 'values of '}{prefix}{name}"] = in_si(variable)
    return found | {f"{prefix}{n}.units": kind_of(v) for n, v in loaded.variables.items()}


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


def used_run(obs: xr.DataTree, center: Any = CRAB, select: Any = None) -> Found:
    """Read a run, cut it in time, fill all that it allows, and tell what came out."""
    for node in obs.children.values():
        node.to_dataset().load()
    start = obs.gamma.tstart
    cut = obs.gamma.select_events(time=(start + 100 * u.s, obs.gamma.tstop - 100 * u.s))
    empty = template("2 deg", "0.5 deg", center, rad=xg.rad_axis("0.5 deg", 10))
    chosen = {} if select is None else {"select": select}
    options = {"offset_max": "2 deg", "progress": False, "scheduler": "threads", "workers": 1}
    ds = xg.reduce(obs, empty, **options, **chosen)
    at = obs.gamma.pointing_altaz
    found = {"groups": sorted(obs.children), "cut": cut["events"].sizes["event"]}
    found |= {"start": start.mjd, "altaz": np.array([at.alt.deg, at.az.deg])}
    found |= {"livetime": obs.gamma.livetime, "ontime": cut.gamma.ontime}
    kept = ("counts", "exposure", "background", "psf", "edisp", "livetime", "gti_start", "obs_id")
    found |= {n: np.asarray(ds[n].values) for n in kept if n in ds}
    if "rad_max" in obs.children:
        found["rad_max"] = rad_max_at(obs, np.array([0.5, 1.0, 5.0]), 0.4)
    found["npred"] = ds.gamma.npred(example_model()).values
    return found


def in_si(variable: xr.Variable) -> np.ndarray:
    """Return values in units that all files share."""
    values, unit = np.asarray(variable.values), variable.attrs.get("units")
    try:
        return values if not unit else np.asarray(u.Quantity(values, unit).si.value)
    except (TypeError, ValueError):
        return values


def kind_of(variable: xr.Variable) -> Any:
    """Return what kind of quantity a variable is; the text of a unit that is not known."""
    unit = variable.attrs.get("units") or ""
    try:
        return unit if not unit else str((1 * u.Unit(unit)).si.unit)
    except (TypeError, ValueError):
        return unit


def use_store(folder: Path) -> Found:
    """Open a store, choose runs of a target, and reduce them."""
    store = xg.open_store(folder)
    found = {f"values of table.{n}": in_si(v) for n, v in store.table.variables.items()}
    near = store.select(cone=("83.63d 22.01d", "3 deg"))
    found["near"] = list(near.obs_ids)
    empty = template("2 deg", "0.5 deg")
    ds = xg.reduce(store, empty, offset_max="2 deg", progress=False, workers=1)
    names = ("counts", "exposure", "background", "livetime", "obs_id")
    return found | {n: ds[n].values for n in names if n in ds}


def use_archive(folder: Path) -> Found:
    """Open an archive, and reduce its runs."""
    return use_store(folder / "runs.zarr") | plain(
        xr.DataTree.from_dict({str(o.name): o for o in xg.open_store(folder / "runs.zarr")})
    )


def use_irfs(folder: Path) -> Found:
    """Read responses without a run."""
    tree = xr.open_datatree(folder / "irfs.fits", engine="gadf")
    return plain(tree)


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


def use_points(name: str) -> Callable[[Path], Found]:
    """Return a function that reads flux points and compares them with a model."""

    def use(folder: Path) -> Found:
        points = xg.read_flux_points(folder / name)
        if "time" in points.dims:
            return plain(points) | {"sum": np.asarray(points["dnde"].sum().values)}
        return plain(points) | {"stat": xg.stat_sum(points, example_model())}

    return use


def use_models(folder: Path) -> Found:
    """Read models, predict a dataset with them, and write them again."""
    models = xg.Models.read(folder / "models.yaml")
    found: Found = {k: (p.value, p.unit) for k, p in models.named_parameters().items()}
    found["again"] = models.to_yaml()
    found["npred"] = small_map().gamma.npred(models).values
    return found


def use_config(folder: Path) -> Found:
    """Load a configuration and run it."""
    load_config(folder / "config.yaml")
    ds = reduce_config(folder / "config.yaml", progress=False)
    return {n: np.asarray(v.values) for n, v in ds.variables.items()}


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


def use_flux_map(folder: Path) -> Found:
    """Open a map of excess, and read it."""
    with xg.open(folder / "excess.nc") as data:
        return plain(data.load())


def use_ebl(folder: Path) -> Found:
    """Read a table of absorption, and absorb."""
    absorption = xg.read_ebl(folder / "ebl.fits", redshift=0.2)
    return {"factor": np.asarray(absorption(np.geomspace(0.05, 50, 9) * u.TeV))}


def use_phase(folder: Path) -> Found:
    """Read the model of a pulsar, and evaluate it."""
    models = _models(folder)
    found: Found = {k: (p.value, p.unit) for k, p in models.named_parameters().items()}
    times = Time(59000 + np.linspace(0, 1, 11) / 86400, format="mjd", scale="tt")
    temporal = models["pulsar"].temporal
    return found | {"norm": None if temporal is None else np.asarray(temporal(times))}


def _models(folder: Path) -> Any:
    """Read models that name files beside them."""
    path = folder / "models.yaml"
    path.write_bytes(path.read_bytes().replace(b"HERE/", f"{folder}/".encode()))
    return xg.Models.read(path)


def use_cube(folder: Path) -> Found:
    """Read a brightness through a model, and predict."""
    found = plain(xg.read_map(folder / "cube.fits")) | plain(read_template(folder / "cube.fits"))
    models = _models(folder)
    return found | {"npred": small_map().gamma.npred(models).values}


def use_covariance(folder: Path) -> Found:
    """Read models with their covariance."""
    models = xg.Models.read(folder / "models.yaml")
    found: Found = {
        k: (p.value, p.error if np.isfinite(p.error) else None)
        for k, p in models.named_parameters().items()
    }
    matrix = np.asarray(models["crab"].spectral.covariance, dtype=float)
    return found | {"covariance": None if np.isnan(matrix).all() else matrix}


def use_resume(folder: Path) -> Found:
    """Go on with partial results."""
    ds = resumed(xg.open_store(making.STORES["resume"]), folder)
    return {n: np.asarray(v.values) for n, v in ds.variables.items()}


def use_run(folder: Path) -> Found:
    """Read a run as data and use it."""
    return used_run(read_observation(folder / "run.fits"))


def use_datasets(folder: Path) -> Found:
    """Read a list of datasets with their models, and use each."""
    tree = xg.read_datasets(folder / "datasets.yaml")
    found: Found = {"names": sorted(tree.children)}
    for key, node in tree.children.items():
        found |= {f"{key}.{k}": v for k, v in used_dataset(node.to_dataset()).items()}
    return found


def use_flux_maps(folder: Path) -> Found:
    """Read maps of flux."""
    return plain(xg.read_flux_maps(folder / "flux.fits"))
