"""Energies of the datasets of a collection."""

from __future__ import annotations

import xarray as xr

from xgamma.core.units import conversion
from xgamma.datasets.collection import datasets
from xgamma.datasets.energy_range import energy_range_total
from xgamma.datasets.select import slice_energy
from xgamma.errors import AxisError, XGammaError
from xgamma.model.axes import units_of
from xgamma.model.operation import operation
from xgamma.model.trees import collection_of
from xgamma.typing import EnergyLike

__all__ = ["energy_ranges"]


@operation
def slice_energies(
    tree: xr.DataTree, min: EnergyLike | None = None, max: EnergyLike | None = None
) -> xr.DataTree:
    """Cut every dataset to an energy range, leaving out those without a bin in it.

    Parameters
    ----------
    tree : DataTree
        Collection.
    min, max : Quantity, str or float, optional
        Range, as Quantity or number in the unit of each axis. By default, unbounded.

    Returns
    -------
    tree : DataTree
        New collection; `tree` is not modified.

    Raises
    ------
    XGammaError
        If none is left.

    Examples
    --------
    >>> from xgamma.datasets.collection import collect
    >>> from xgamma.tutorial import example_map
    >>> tree = slice_energies(collect([example_map()]), "1.5 TeV", "6 TeV")
    >>> tree["example"].sizes["energy"]
    2
    """
    kept = {}
    for name, ds in datasets(tree).items():
        try:
            kept[name] = slice_energy(ds, min, max)
        except AxisError:
            continue
    if not kept:
        raise XGammaError(f"No dataset of the collection has a bin between {min} and {max}.")
    return collection_of(kept, tree)


@operation
def energy_ranges(tree: xr.DataTree) -> xr.Dataset:
    """Return the lowest and highest energy used in each dataset.

    Parameters
    ----------
    tree : DataTree
        Collection.

    Returns
    -------
    ranges : Dataset
        ``energy_min`` and ``energy_max`` over ``dataset``, in the unit of the first axis; NaN
        for a dataset of which nothing is used.

    Examples
    --------
    >>> from xgamma.datasets.collection import collect
    >>> from xgamma.tutorial import example_map
    >>> energy_ranges(collect([example_map()])).energy_min.values
    array([1.])
    """
    found = datasets(tree)
    unit = units_of(next(iter(found.values())), "energy") if found else "TeV"
    low, high = [], []
    for ds in found.values():
        factor = conversion(units_of(ds, "energy"), unit)
        first, last = energy_range_total(ds)
        low.append(float(first) * factor)
        high.append(float(last) * factor)
    attrs = {"units": unit}
    return xr.Dataset(
        {"energy_min": ("dataset", low, attrs), "energy_max": ("dataset", high, attrs)},
        coords={"dataset": list(found)},
    )
