"""Models on datasets: put on, found again, and the datasets that a fit looks at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import xarray as xr

from xgamma.errors import MissingDataError, XGammaError
from xgamma.model.check import require_dataset
from xgamma.model.operation import DatasetsLike, operation
from xgamma.model.trees import collection_of, datasets_in
from xgamma.modeling.model_base import Model, ModelsLike
from xgamma.modeling.models import Models

__all__ = ["models_of", "with_models"]

# What is returned is of the same kind as what was given.
DataOrTree = TypeVar("DataOrTree", xr.Dataset, xr.DataTree)


def datasets_of(obj: DatasetsLike) -> dict[str, xr.Dataset]:
    """Return the datasets of a dataset, a tree, a list or a mapping, by name.

    Parameters
    ----------
    obj : Dataset, DataTree, iterable or mapping of Dataset
        What to look through; of a tree, however deep, what holds counts or flux points.

    Returns
    -------
    datasets : dict
        Name (``attrs["name"]``, else the key or a number) to dataset.

    Raises
    ------
    MissingDataError
        If there is none.
    """
    found: dict[str, xr.Dataset] = {}
    for key, ds in iterate_datasets(obj):
        name = str(ds.attrs.get("name") or key)
        if name in found:
            raise XGammaError(f"Two datasets are named {name!r}: give each its own attrs['name'].")
        found[name] = ds if ds.attrs.get("name") == name else ds.assign_attrs(name=name)
    if not found:
        raise MissingDataError("None of the given datasets has counts or flux points.")
    return found


def iterate_datasets(
    obj: xr.Dataset | xr.DataTree | Iterable[xr.Dataset],
) -> Iterator[tuple[str, xr.Dataset]]:
    """Yield the datasets and what to call them."""
    if isinstance(obj, xr.Dataset):
        yield "dataset", obj
    elif isinstance(obj, xr.DataTree):
        for name, ds in datasets_in(obj).items():
            if any(n in ds.data_vars for n in ("counts", "exposure", "dnde", "ref_dnde")):
                yield name, ds
    elif isinstance(obj, Mapping):
        for key, item in obj.items():
            yield str(key), require_dataset(item, "data")
    else:
        parts = obj if isinstance(obj, Iterable) and not isinstance(obj, str) else [obj]
        for i, item in enumerate(parts):
            yield f"dataset-{i}", require_dataset(item, "data")


@operation
def with_models(obj: DataOrTree, models: ModelsLike | None) -> DataOrTree:
    """Attach models to a dataset, or to each dataset of a tree, as YAML text in its attributes.

    Parameters
    ----------
    obj : Dataset or DataTree
        Where to put them.
    models : Model, iterable of Model, or None
        Models; None removes them.

    Returns
    -------
    obj : Dataset or DataTree
        A new object; the models survive NetCDF and Zarr.

    Raises
    ------
    XGammaError
        If the models cannot be written as text.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.1 deg", xg.energy_axis(1, 10, 2), name="gc")
    >>> with_models(ds, xg.FoVBackground("gc")).gamma.models.names
    ['gc-bkg']
    """
    text = None if models is None else Models(models).to_yaml()

    def put(ds: xr.Dataset) -> xr.Dataset:
        attrs = {k: v for k, v in ds.attrs.items() if k != "models"}
        made = ds.copy(deep=False)
        made.attrs = attrs if text is None else {**attrs, "models": text}
        return made

    if isinstance(obj, xr.DataTree):
        return collection_of({name: put(ds) for name, ds in datasets_in(obj).items()}, obj)
    return put(obj)


def models_of(obj: DatasetsLike) -> Models:
    """Return the models attached to a dataset, or to all datasets of a tree.

    Parameters
    ----------
    obj : Dataset or DataTree
        Where to look.

    Returns
    -------
    models : Models
        Copies of the models; empty if there are none.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> models_of(ds).names
    ['crab']
    """
    texts = [str(ds.attrs["models"]) for _, ds in iterate_datasets(obj) if "models" in ds.attrs]
    found: dict[str, Model] = {}
    for text in dict.fromkeys(texts):
        for model in Models.from_yaml(text):
            found.setdefault(model.name, model)
    return Models(found.values())


def chosen_models(obj: DatasetsLike, models: ModelsLike | None) -> Models:
    """Return the given models, else those on the dataset."""
    if models is None:
        return models_of(obj)
    return models if isinstance(models, Models) else Models(models)
