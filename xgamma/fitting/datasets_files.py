"""Collections as gammapy keeps them: ``datasets.yaml``, a file for each dataset, and their models."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml

from xgamma.core.atomic import atomic_path, refuse_existing, together
from xgamma.core.bounds import read_text
from xgamma.core.paths import file_path
from xgamma.core.reading import reader
from xgamma.core.safe_yaml import load_yaml
from xgamma.errors import MissingFileError, XGammaError, shown
from xgamma.fitting.attached import chosen_models, datasets_of, with_models
from xgamma.io.fits_write import write_fits
from xgamma.io.flux_points import read_flux_points, write_flux_points
from xgamma.io.opening import open as open_dataset
from xgamma.model.operation import DatasetsLike, operation
from xgamma.model.schema import kind
from xgamma.modeling.model_base import ModelsLike
from xgamma.modeling.models import Models

__all__ = ["read_datasets", "write_datasets"]

POINTS = "flux_points"
TYPES = {
    "MapDataset": "map",
    "MapDatasetOnOff": "map_onoff",
    "SpectrumDataset": "spectrum",
    "SpectrumDatasetOnOff": "spectrum_onoff",
    "FluxPointsDataset": POINTS,
}
NAMES = {what: name for name, what in TYPES.items()}
MASKS = ("mask_fit", "mask_safe")


@reader
def read_datasets(
    path: str | os.PathLike[str],
    models: ModelsLike | str | os.PathLike[str] | None = None,
    **kwargs: Any,
) -> xr.DataTree:
    """Read the datasets of a ``datasets.yaml`` of gammapy, with their models.

    Parameters
    ----------
    path : path-like
        YAML file that lists datasets, each with name, type and file (FITS, or OGIP). Names of files are relative to
        its folder, may hold ``~`` and environment variables, or are whole paths.
    models : Models, iterable of Model or path-like, optional
        Models, or their YAML file (with the covariance beside it), which are attached to all
        datasets; by default, those of the file that ``datasets.yaml`` names as ``models``.
    **kwargs
        Passed to `xgamma.open` for each map and spectrum: ``resample=True``, say.

    Returns
    -------
    tree : DataTree
        A node for each dataset, in order; its name is also ``attrs["name"]``.

    Raises
    ------
    MissingDataError
        If a file is not there.
    XGammaError
        If the list is empty, two datasets have one name, or a dataset is not of the type it says.

    Examples
    --------
    >>> import xgamma as xg
    >>> tree = xg.read_datasets("datasets.yaml", "models.yaml")  # doctest: +SKIP
    """
    place = file_path(path)
    data = load_yaml(read_text(place), f"'{place}'")
    entries = data.get("datasets") if isinstance(data, dict) else None
    if not isinstance(entries, list) or not entries:
        raise XGammaError(f"'{place}' lists no datasets: it needs the list 'datasets'.")
    found: dict[str, xr.DataTree] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not {"name", "filename"} <= set(entry):
            raise XGammaError(f"A dataset of '{place}' has no name or no filename: {shown(entry)}.")
        name = str(entry["name"])
        key = name.replace("/", "_")
        if key in found:
            raise XGammaError(f"'{place}' lists two datasets {name!r}: give each its own name.")
        found[key] = xr.DataTree(_read_one(place, name, entry, kwargs).assign_attrs(name=name))
    tree = xr.DataTree(children=found)
    if models is None and isinstance(data.get("models"), str):
        models = _beside(place, data["models"], "the models")
    if isinstance(models, (str, os.PathLike)):
        models = Models.read(file_path(models, "models"))
    return tree if models is None else with_models(tree, models)


def _read_one(place: Path, name: str, entry: dict[str, Any], kwargs: dict[str, Any]) -> xr.Dataset:
    """Read one dataset, of the type that its entry names."""
    wanted = entry.get("type")
    if wanted is not None and wanted not in TYPES:
        raise XGammaError(
            f"The dataset {name!r} of '{place}' has the type {shown(wanted)}, which is not read here: there are {', '.join(TYPES)}."
        )
    file = _beside(place, entry["filename"], f"the dataset {name!r}")
    if wanted == NAMES[POINTS]:
        return read_flux_points(file)
    ds = open_dataset(file, **kwargs)
    if not isinstance(ds, xr.Dataset):
        raise XGammaError(f"'{file}' holds a collection, not the dataset {name!r} of '{place}'.")
    what = kind(ds)
    # A type with off counts includes one without; the other way off counts would be ignored.
    if wanted is not None and TYPES[wanted] not in (what, f"{what}_onoff"):
        raise XGammaError(
            f"The dataset {name!r} of '{place}' should be a {wanted}, but '{file.name}' contains a {NAMES[what]}: correct its type."
        )
    return ds


def _beside(path: Path, name: object, what: str) -> Path:
    """Return a file that a text names, relative to its folder or as it is."""
    named = file_path(name, "filename")
    for place in (path.parent / named, named):
        if place.exists():
            return place
    raise MissingFileError(f"'{path}' names {what} in {str(name)!r}, which is not there.")


@operation
def write_datasets(
    datasets: DatasetsLike,
    path: str | os.PathLike[str],
    models: ModelsLike | None = None,
    overwrite: bool = False,
) -> None:
    """Write datasets as a ``datasets.yaml`` that gammapy reads, with their models.

    Parameters
    ----------
    datasets : Dataset, DataTree, iterable or mapping of Dataset
        Maps, spectra and flux points. Each goes to a FITS file of its name beside `path`.
    path : path-like
        YAML file.
    models : Models or iterable of Model, optional
        Models; by default, those attached. They go to ``<name>_models.yaml``, which is gammapy's
        ``filename_models``, and their covariance to ``<name>_models_covariance.dat``.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    XGammaError
        If a file exists and `overwrite` is False, or two datasets would go to one file.

    Notes
    -----
    The covariance is that within each component of a model; what a fit knows beyond, between
    components, is in its result. gammapy reads on-off maps with ``Datasets.read(..., lazy=False)``
    only.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     xg.write_datasets(ds, Path(folder) / "datasets.yaml")
    ...     print(*sorted(p.name for p in Path(folder).iterdir()), sep=", ")
    ...     tree = xg.read_datasets(Path(folder) / "datasets.yaml")
    datasets.yaml, datasets_models.yaml, datasets_models_covariance.dat, example.fits
    >>> tree["example"].gamma.models.names
    ['crab']
    """
    place = file_path(path)
    entries: list[dict[str, str]] = []
    jobs: list[tuple[Path, xr.Dataset]] = []
    for name, ds in datasets_of(datasets).items():
        plain = re.sub(r"[^\w.+-]", "_", name)
        entries.append({"name": name, "type": NAMES[kind(ds)], "filename": f"{plain}.fits"})
        jobs.append((place.with_name(f"{plain}.fits"), ds))
    header: dict[str, Any] = {"datasets": entries}
    found = chosen_models(datasets, models)
    file = place.with_name(f"{place.stem}_models.yaml")
    names = [*(job[0] for job in jobs), place]
    if found:
        names += [file, file.with_name(f"{file.stem}_covariance.dat")]
        header["models"] = file.name
    if len(set(names)) < len(names):
        raise XGammaError("Two datasets would go to one file: give them names that differ.")
    for target in names if not overwrite else ():
        refuse_existing(target)
    with together():
        for target, ds in jobs:
            _write_one(ds, target, overwrite)
        if found:
            found.write(file, overwrite, covariance=True)
        # Last, so that a collection that is not complete has none.
        with atomic_path(place, overwrite) as temporary:
            temporary.write_text(yaml.safe_dump(header, sort_keys=False), encoding="utf-8")


def _write_one(ds: xr.Dataset, target: Path, overwrite: bool) -> None:
    if kind(ds) == POINTS:
        # gammapy asks for both masks.
        every = ("energy", np.ones(ds.sizes["energy"], dtype=bool))
        masks = {name: every for name in MASKS if name not in ds}
        write_flux_points(ds.assign(masks), target, overwrite=overwrite)
    else:
        write_fits(ds, target, overwrite=overwrite)
