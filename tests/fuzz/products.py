"""Every product of the library as a small folder, how it is used, and how it is damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.fuzz import making, using
from tests.fuzz.documents import json_mutants, sidecar_mutants, text_mutants, yaml_mutants
from tests.fuzz.fits_tables import fits_mutants, foreign_mutants
from tests.fuzz.groups import chunk_mutants, netcdf_mutants
from tests.fuzz.mutant import Mutant
from tests.fuzz.real import real_products
from xgamma.tutorial import example_spectrum

__all__ = ["PRODUCTS", "Product"]


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
    sealed : bool
        Whether sums tell of any byte that was changed.
    base : str
        The product that this one is without its sums.
    """

    make: Callable[[Path], None]
    use: Callable[[Path], dict[str, Any]]
    mutants: Callable[[Path], Iterator[Mutant]]
    sealed: bool = True
    base: str = ""


def index_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages of the index files; those of runs are tried with a run."""
    yield from (m for m in fits_mutants(folder) if "index" in m.what)


def zarr_mutants(folder: Path, sealed: bool = True) -> Iterator[Mutant]:
    """Yield the damages of a Zarr store."""
    yield from chunk_mutants(folder, sealed)
    yield from json_mutants(folder, sealed)


def map_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages of maps in FITS, and of what goes with them."""
    yield from fits_mutants(folder)
    yield from sidecar_mutants(folder)


def resume_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages of partial results; another key is another run."""
    kept = folder / "kept"
    for one in json_mutants(kept):
        yield replace(one, apply=partial(_within, one=one))


def _within(folder: Path, one: Mutant) -> None:
    one.apply(folder / "kept")


def points(name: str, make: Any, mutants: Any, sealed: bool) -> Product:
    """Return a product of flux points."""
    return Product(make(name), using.use_points(name), mutants, sealed)


RUNS = {
    "run (DL3)": making.make_run("2d"),
    "run (DL3), BKG_3D": making.make_run("3d"),
    "run (DL3), PSF_KING": making.make_kind(making.king),
    "run (DL3), PSF_TABLE": making.make_kind(making.pointlike),
}
MAPS = making.writer("maps.fits", making.small_map, "to_fits")
SPECTRUM = making.writer("s.fits", example_spectrum, "to_fits")
GROUPS = {
    "maps": making.small_map,
    "spectrum": example_spectrum,
    "collection": making.collection,
}

SEALED = {
    **{name: Product(make, using.use_run, fits_mutants) for name, make in RUNS.items()},
    "store with index": Product(making.make_plain_store, using.use_store, index_mutants),
    "responses": Product(making.make_irfs, using.use_irfs, foreign_mutants),
    "archive (Zarr)": Product(making.make_archive, using.use_archive, zarr_mutants),
    "sum of runs (out=)": Product(making.make_out, using.opener("sum.zarr"), zarr_mutants),
    "partial results (resume=)": Product(making.make_resume, using.use_resume, resume_mutants),
    "maps (FITS)": Product(MAPS, using.opener("maps.fits"), map_mutants),
    "map (FITS)": Product(making.make_map, using.use_template, map_mutants),
    "spectrum (FITS)": Product(SPECTRUM, using.opener("s.fits"), map_mutants),
    "spectrum (OGIP)": Product(making.make_ogip, using.opener("pha.fits"), fits_mutants),
    **{
        f"{name} (NetCDF)": Product(
            making.writer(f"{name}.nc", data, "to_netcdf"),
            using.opener(f"{name}.nc"),
            netcdf_mutants,
        )
        for name, data in GROUPS.items()
    },
    **{
        f"{name} (Zarr)": Product(
            making.writer(f"{name}.zarr", data, "to_zarr"),
            using.opener(f"{name}.zarr"),
            zarr_mutants,
        )
        for name, data in GROUPS.items()
    },
    "flux maps (FITS)": Product(making.make_flux_maps, using.use_flux_maps, map_mutants),
    "excess map (NetCDF)": Product(making.make_flux_map, using.use_flux_map, netcdf_mutants),
    "flux points (FITS)": points("points.fits", making.make_points, fits_mutants, True),
    "light curve (FITS)": points("curve.fits", making.make_ecsv_curve, fits_mutants, True),
}
OPEN = {
    "flux points (ECSV)": points("points.ecsv", making.make_points, text_mutants, False),
    "light curve (ECSV)": points("curve.ecsv", making.make_ecsv_curve, text_mutants, False),
    "time profile": Product(making.make_curve, using.use_curve, foreign_mutants, False),
    "phase curve": Product(making.make_phase, using.use_phase, foreign_mutants, False),
    "absorption (EBL)": Product(making.make_ebl, using.use_ebl, foreign_mutants, False),
    "template cube": Product(making.make_template_cube, using.use_cube, map_mutants, False),
    "datasets (YAML)": Product(making.make_datasets, using.use_datasets, yaml_mutants, False),
    "models (YAML)": Product(making.make_models, using.use_models, yaml_mutants, False),
    "covariance": Product(making.make_covariance, using.use_covariance, yaml_mutants, False),
    "configuration": Product(making.make_config, using.use_config, yaml_mutants, False),
}
# Those that damage is not betrayed of by sums, as other programs write them.
BARE = {
    f"{name}, no sums": replace(
        one,
        base=name,
        sealed=False,
        mutants=partial(zarr_mutants, sealed=False) if one.mutants is zarr_mutants else one.mutants,
    )
    for name, one in SEALED.items()
    if not name.startswith("partial")
}
REAL = {
    name: Product(make, use, foreign_mutants, sealed=False)
    for name, (make, use) in real_products().items()
}
PRODUCTS = SEALED | OPEN | BARE | REAL
