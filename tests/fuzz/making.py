"""How each product is made: small, in an empty folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from astropy import units as u

import xgamma as xg
from tests.helpers.runs import responses, simulated, template
from xgamma.dl3 import simulate_store, write_observation
from xgamma.tutorial import example_map, example_model, example_spectrum


def make_run(kind: str) -> Callable[[Path], None]:
    """Write one run with its responses."""

    def make(folder: Path) -> None:
        obs = simulated(responses(kind), events=True, seed=1, n_gti=2)
        write_observation(obs, folder / "run.fits")

    return make


def make_store(folder: Path) -> None:
    """Write a store of two runs with its index files, not compressed."""
    simulate_store(folder, 2, "10 min", compress=False, seed=1)


def make_archive(folder: Path) -> None:
    """Write an archive of two runs in Zarr."""
    simulate_store(folder.with_name("runs-" + folder.name), 2, "10 min", seed=1)
    xg.write_archive(xg.open_store(folder.with_name("runs-" + folder.name)), folder / "runs.zarr")


def make_irfs(folder: Path) -> None:
    """Write responses without a run."""
    from astropy.io import fits

    make_run("3d")(folder)
    with fits.open(folder / "run.fits", memmap=False) as hdus:
        kept = [h.copy() for h in hdus if h.name not in ("EVENTS", "GTI", "POINTING")]
        kept[0].header["NEXTEND"] = len(kept) - 1
        fits.HDUList(kept).writeto(folder / "irfs.fits", checksum=True)
    (folder / "run.fits").unlink()


def small_map() -> xr.Dataset:
    """A dataset of maps, few pixels."""
    return example_map().isel(y=slice(6, 14), x=slice(6, 14))


def writer(name: str, data: Callable[[], Any], method: str) -> Callable[[Path], None]:
    """Return a function that writes data by a method of its accessor."""

    def make(folder: Path) -> None:
        getattr(data().gamma, method)(folder / name)

    return make


def collection() -> xr.DataTree:
    """A map and a spectrum."""
    return xr.DataTree.from_dict({"/map": small_map(), "/spectrum": example_spectrum()})


def make_ogip(folder: Path) -> None:
    """Write a spectrum in four files."""
    example_spectrum().gamma.to_ogip(folder / "pha.fits")


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


def make_curve(folder: Path) -> None:
    """Write a light curve of a temporal model."""
    from astropy.table import Table

    table = Table({"TIME": np.arange(5.0), "NORM": [1.0, 2.0, 3.0, 2.0, 1.0]})
    table["TIME"].unit = "d"
    table.meta |= {"MJDREFI": 59000, "MJDREFF": 0.5, "TIMEUNIT": "d", "TIMESYS": "TT"}
    table.write(folder / "curve.fits")


def make_map(folder: Path) -> None:
    """Write one map."""
    ds = small_map()
    image = ds["background"].sum("energy", keep_attrs=True)
    image.gamma.to_fits(folder / "map.fits")


def king() -> dict[str, xr.Dataset]:
    """Responses with the PSF as King profiles."""
    irfs = dict(responses())
    ones = xr.ones_like(irfs["psf"]["sigma_1"])
    made = {"sigma": ones * 0.05, "gamma": (ones * 2.0).assign_attrs(units="")}
    made["sigma"].attrs["units"] = "deg"
    attrs = {**irfs["psf"].attrs, "HDUCLAS4": "PSF_KING"}
    return irfs | {"psf": xr.Dataset(made, coords=irfs["psf"].coords, attrs=attrs)}


def pointlike() -> dict[str, xr.Dataset]:
    """Responses within a radius, the PSF as a table."""
    irfs = dict(responses())
    psf = irfs["psf"]
    coords = {n: psf[n] for n in psf.coords}
    edges = np.linspace(0, 0.5, 11)
    coords["rad_lo"] = ("rad", edges[:-1], {"units": "deg"})
    coords["rad_hi"] = ("rad", edges[1:], {"units": "deg"})
    coords["rad"] = ("rad", (edges[1:] + edges[:-1]) / 2, {"units": "deg"})
    shape = np.exp(-0.5 * (coords["rad"][1] / 0.1) ** 2)
    sizes = (10, psf.sizes["offset"], psf.sizes["energy_true"])
    values = np.broadcast_to(shape[:, None, None] * 3e4, sizes).copy()
    table = xr.Dataset(
        {"psf": (("rad", "offset", "energy_true"), values, {"units": "sr-1"})},
        coords=coords,
        attrs={**psf.attrs, "HDUCLAS4": "PSF_TABLE"},
    )
    return irfs | {"psf": table}


def make_kind(irfs: Callable[[], dict[str, xr.Dataset]]) -> Callable[[Path], None]:
    """Return a function that writes one run with given responses."""

    def make(folder: Path) -> None:
        obs = simulated(irfs(), events=True, seed=1, n_gti=2)
        write_observation(obs, folder / "run.fits")

    return make


def make_ecsv_curve(name: str) -> Callable[[Path], None]:
    """Return a function that estimates a light curve of three intervals, and writes it."""

    def make(folder: Path) -> None:
        model = xg.SkyModel(example_model().spectral, name="crab")
        one = example_spectrum()
        parts = {
            f"part{k}": one.assign(
                gti_start=one["gti_start"] + 7200 * k,
                gti_stop=one["gti_stop"] + 7200 * k,
                counts=one["counts"] * (1 + k),
            ).assign_attrs(name=f"part{k}")
            for k in range(3)
        }
        curve = xg.light_curve(parts, "crab", models=model)
        xg.write_flux_points(curve, folder / name)

    return make


def make_flux_map(folder: Path) -> None:
    """Write a map of excess and significance."""
    xg.excess_map(small_map(), "0.2 deg").gamma.to_netcdf(folder / "excess.nc")


def make_phase(folder: Path) -> None:
    """Write the curve of a pulsar, and a model that names it."""
    from astropy.table import Table

    table = Table({"PHASE": np.linspace(0, 1, 6), "NORM": [0.5, 1.0, 2.0, 1.0, 0.5, 0.5]})
    table.write(folder / "phase.fits")
    model = xg.SkyModel(xg.PowerLaw(), name="pulsar")
    model.temporal = xg.PhaseCurve(
        np.asarray(table["PHASE"]),
        np.asarray(table["NORM"]),
        filename=str(folder / "phase.fits"),
        f0="2 s-1",
    )
    xg.Models([model]).write(folder / "models.yaml")
    _nameless(folder)


def _nameless(folder: Path) -> None:
    """Name files of the folder without it, since it will be copied."""
    path = folder / "models.yaml"
    path.write_text(path.read_text().replace(f"{folder}/", "HERE/"))


def make_ebl(folder: Path) -> None:
    """Write a table of absorption, as XSPEC has it."""
    from astropy.io import fits

    edges = np.geomspace(1e7, 1e11, 9)
    redshifts = np.array([0.01, 0.1, 0.5])
    depth = redshifts[:, None] * np.geomspace(0.1, 20, 8)
    value = fits.Column("VALUE", "3E", array=redshifts[None].astype("f4"))
    low = fits.Column("ENERG_LO", "E", "keV", array=edges[:-1])
    high = fits.Column("ENERG_HI", "E", "keV", array=edges[1:])
    paramval = fits.Column("PARAMVAL", "E", array=redshifts)
    spectra = fits.Column("INTPSPEC", "8E", array=np.exp(-depth))
    hdus = [
        fits.BinTableHDU.from_columns([value], name="PARAMETERS"),
        fits.BinTableHDU.from_columns([low, high], name="ENERGIES"),
        fits.BinTableHDU.from_columns([paramval, spectra], name="SPECTRA"),
    ]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(folder / "ebl.fits")


def make_template_cube(folder: Path) -> None:
    """Write a brightness against energy, and a model that names it."""
    ds = small_map()
    cube = ds["exposure"].copy(data=np.full(ds["exposure"].shape, 1e-9), deep=True)
    cube.attrs |= {"units": "1 / (TeV s cm2 sr)"}
    cube.rename("brightness").gamma.to_fits(folder / "cube.fits")
    shape = xg.TemplateMap.read(folder / "cube.fits", normalize=False)
    xg.Models([xg.SkyModel(xg.PowerLawNorm(), shape, name="t")]).write(folder / "models.yaml")
    _nameless(folder)


def make_covariance(folder: Path) -> None:
    """Write models with a covariance in a file beside them, as gammapy does."""
    model = xg.SkyModel(xg.PowerLaw(), name="crab")
    text = xg.Models([model]).to_yaml()
    (folder / "models.yaml").write_text(text + "\ncovariance: models_covariance.dat\n")
    names = [f"crab.spectral.{n}" for n in ("index", "amplitude", "reference")]
    rows = [["0.01", "1e-14", "0.0"], ["1e-14", "1e-26", "0.0"], ["0.0", "0.0", "0.0"]]
    lines = ["| Parameters | " + " | ".join(names) + " |"]
    lines += [f"| {n} | " + " | ".join(r) + " |" for n, r in zip(names, rows, strict=True)]
    (folder / "models_covariance.dat").write_text("\n".join(lines) + "\n")


# Partial results know where their runs lie, so these are not copied.
STORES: dict[str, Path] = {}


def make_resume(folder: Path) -> None:
    """Write a store, and the partial results of its first run."""
    STORES["resume"] = folder.with_name("runs-" + folder.name)
    simulate_store(STORES["resume"], 2, "5 min", seed=1)
    store = xg.open_store(STORES["resume"])
    resumed(store.select(obs_id=[store.obs_ids[0]]), folder)


def resumed(store: Any, folder: Path) -> xr.Dataset:
    """Reduce the runs of a store, with what a folder holds of them."""
    ds: xr.Dataset = xg.reduce(
        store, template("2 deg", "0.5 deg"), offset_max="2 deg", progress=False, workers=1,
        resume=folder / "kept", scheduler="threads",
    )  # fmt: skip
    return ds


def make_out(folder: Path) -> None:
    """Write a sum of runs, tile by tile."""
    simulate_store(folder.with_name("runs-" + folder.name), 2, "5 min", seed=1)
    store = xg.open_store(folder.with_name("runs-" + folder.name))
    xg.reduce(
        store, template("2 deg", "0.5 deg"), offset_max="2 deg", progress=False, workers=1,
        out=folder / "sum.zarr", scheduler="threads",
    ).close()  # fmt: skip


def make_plain_store(folder: Path) -> None:
    """Write a store whose index files are not compressed."""
    from astropy.io import fits

    simulate_store(folder, 2, "10 min", compress=False, seed=1)
    for index in folder.glob("*-index.fits.gz"):
        with fits.open(index, memmap=False) as hdus:
            fits.HDUList([h.copy() for h in hdus]).writeto(index.with_suffix(""), checksum=True)
        index.unlink()


def make_datasets(folder: Path) -> None:
    """Write a map and a spectrum with their model, as gammapy lists them."""
    parts = {"map": small_map(), "spectrum": example_spectrum()}
    named = [ds.assign_attrs(name=name) for name, ds in parts.items()]
    xg.write_datasets(named, folder / "datasets.yaml", [example_model()])


def make_flux_maps(folder: Path) -> None:
    """Write maps of flux."""
    maps = xg.ts_map(small_map(), example_model(), kernel_width="0.3 deg")
    xg.write_flux_maps(maps, folder / "flux.fits")
