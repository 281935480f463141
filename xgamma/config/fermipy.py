"""Analyses that fermipy prepared: a configuration to datasets, one a component."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.core.arguments import whole
from xgamma.core.bounds import read_text
from xgamma.core.paths import file_path
from xgamma.core.reading import reader
from xgamma.core.safe_yaml import load_yaml
from xgamma.datasets.collection import collect
from xgamma.datasets.responses import with_responses
from xgamma.errors import AxisError, MissingFileError, XGammaError, shown
from xgamma.fitting.attached import with_models
from xgamma.io.opening import open as open_file
from xgamma.model.axes import axis_coords, same_axis
from xgamma.modeling.isotropic import read_isotropic
from xgamma.typing import PathLike

__all__ = ["read_fermipy"]

FILES = {"counts": "ccube", "exposure": "bexpmap", "psf": "psf", "edisp": "drm"}
# What tells scheme="gammapy" of a PSF with energies of its own: fermipy's is brought to those of
# the dispersion by gammapy too.
OWN_ENERGIES = ("interpolated_to", "gammapy_radii")


@reader
def read_fermipy(path: PathLike, edisp_bins: int = 0) -> xr.DataTree:
    """Read the datasets of a fermipy analysis from its configuration.

    Parameters
    ----------
    path : path-like
        The YAML file that ``GTAnalysis`` was given, beside what ``setup`` wrote: counts
        (``ccube_00.fits``), exposure (``bexpmap_00.fits``), PSF (``psf_00.fits``) and
        dispersion (``drm_00.fits``) of each component.
    edisp_bins : int
        Bins of reconstructed energy to leave out at either end. fermipy must have been run with
        ``edisp_bins: 0``; then the ends lack what is reconstructed into them from beyond.

    Returns
    -------
    tree : DataTree
        A dataset for each component (PSF event types, for instance), named by its isotropic model,
        which is attached: ``tree.gamma.fit(models)`` fits all of them at once.

    Raises
    ------
    MissingFileError
        If the configuration or a file of a component is not there.
    AxisError
        If files of a component have energies that differ.
    XGammaError
        If the configuration cannot be understood.

    Examples
    --------
    >>> tree = read_fermipy("config.yaml", edisp_bins=1)  # doctest: +SKIP
    >>> tree.gamma.models.names  # doctest: +SKIP
    ['isotropic_P8R3_SOURCEVETO_V3_PSF0_v1', 'isotropic_P8R3_SOURCEVETO_V3_PSF1_v1']
    """
    place = file_path(path)
    if not place.is_file():
        raise MissingFileError(f"There is no configuration {str(path)!r}: check the path.")
    edisp_bins = whole(edisp_bins, "edisp_bins", 0)
    config = load_yaml(read_text(place), f"'{place}'")
    if not isinstance(config, dict):
        raise XGammaError(f"'{place}' is not a configuration of fermipy: it must hold sections.")
    components = config.get("components")
    if not isinstance(components, list) or not components:
        components = [config]
    datasets = []
    for number, component in enumerate(components):
        if not isinstance(component, dict):
            raise XGammaError(f"Component {number} of '{place}' is {shown(component)}, no section.")
        datasets.append(_component(number, component, config, place, edisp_bins))
    return collect(datasets)


def _component(
    number: int, component: dict[str, Any], config: dict[str, Any], place: Path, edisp_bins: int
) -> xr.Dataset:
    """Read one component, with its isotropic model."""
    outdir = _option("fileio", "outdir", component, config)
    folder = place.parent / (file_path(outdir, "outdir") if outdir else "")
    isotropic = _isotropic(_option("model", "isodiff", component, config), place)
    name = isotropic.stem.removeprefix("iso_") if isotropic else f"component_{number:02d}"
    parts = {}
    for key, stem in FILES.items():
        file = folder / f"{stem}_{number:02d}.fits"
        if not file.exists() and file.with_suffix(".fits.gz").exists():
            file = file.with_suffix(".fits.gz")
        if not file.exists():
            raise MissingFileError(
                f"Component {number} of '{place}' has no file '{file}': run fermipy's setup, or correct outdir."
            )
        parts[key] = open_file(file).load()
    ds = _dataset(parts, place, number).assign_attrs(name=name)
    if edisp_bins:
        if 2 * edisp_bins >= ds.sizes["energy"]:
            raise XGammaError(
                f"edisp_bins={edisp_bins} at either end leaves none of {ds.sizes['energy']} energies."
            )
        ds = ds.isel(energy=slice(edisp_bins, -edisp_bins))
    if isotropic is None:
        return ds
    return with_models(ds, read_isotropic(isotropic, datasets=name))


def _dataset(parts: dict[str, xr.Dataset], place: Path, number: int) -> xr.Dataset:
    counts, edisp = parts["counts"], parts["edisp"]
    if counts.sizes["energy"] != edisp.sizes["energy"] or not _same_energies(counts, edisp):
        raise AxisError(
            f"Component {number} of '{place}' has counts and a dispersion of energies that differ: they are of two "
            "analyses, or edisp_bins of fermipy is not 0."
        )
    # Those of the counts are in single precision, and in keV.
    counts = counts.assign_coords(axis_coords(edisp, "energy"))
    ds = with_responses(counts, **{key: parts[key] for key in ("exposure", "psf", "edisp")})
    for key in OWN_ENERGIES:
        ds["psf"].attrs.pop(key, None)
    return ds


def _same_energies(counts: xr.Dataset, edisp: xr.Dataset) -> bool:
    return same_axis(edisp, counts, "energy")


def _option(section: str, key: str, *configs: dict[str, Any]) -> Any:
    """Return an option of a component, else of the whole configuration."""
    for config in configs:
        found = config.get(section)
        if isinstance(found, dict) and found.get(key):
            return found[key]
    return None


def _isotropic(value: Any, place: Path) -> Path | None:
    """Return the path of the isotropic model of a component."""
    if value is None:
        return None
    files = [value] if isinstance(value, str) else value
    if not isinstance(files, list) or len(files) != 1 or not isinstance(files[0], str):
        raise XGammaError(f"isodiff of '{place}' must name one file, not {shown(value)}.")
    found = file_path(files[0], "isodiff")
    return found if found.is_absolute() else place.parent / found
