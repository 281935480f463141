"""Put labels and variables together into datasets of the data model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr

from xgamma._version import __version__
from xgamma.core.private_apis import grown
from xgamma.model.frame import frame_coords
from xgamma.model.schema import (
    MODEL_VERSION,
    VARIABLES,
)

__all__ = ["assemble", "labels_alone", "named", "with_data"]


def assemble(
    coords: dict[str, Any],
    data: dict[str, Any],
    wcs: dict[str, Any] | None,
    name: str | None = None,
    attrs: dict[str, Any] | None = None,
    indexes: Mapping[Any, Any] | None = None,
) -> xr.Dataset:
    """Put coordinates, variables and frame together into a dataset of this model.

    Parameters
    ----------
    coords, data : dict of str to Variable
        Coordinates (labels and axes) and data variables.
    wcs : dict, optional
        FITS keywords of the frame; none for a dataset without a sky.
    name : str, optional
        Name. By default, none, so that equal calls give identical datasets.
    attrs : dict, optional
        Further attributes.
    indexes : mapping, optional
        Indexes that some of the coordinates have already.

    Returns
    -------
    ds : Dataset
        With the frame index attached.
    """
    known = dict(indexes or {})
    labels = xr.Coordinates({k: v for k, v in coords.items() if k not in known})
    if known or wcs is not None:
        variables = {k: v for k, v in coords.items() if k in known} | dict(labels.variables)
        # In one step: a coordinate added later would merge and align everything again.
        if wcs is not None:
            frame = frame_coords(wcs, variables.get("x"))
            variables |= frame.variables
            known |= frame.xindexes
        labels = xr.Coordinates(variables, indexes={**known, **labels.xindexes})
    ds = xr.Dataset(data, coords=labels)
    ds.attrs = {
        **({"name": name} if name else {}),
        "xgamma_version": __version__,
        "model_version": MODEL_VERSION,
        **(attrs or {}),
    }
    return ds


def labels_alone(ds: xr.Dataset, keep: Iterable[str] = ()) -> xr.Dataset:
    """Return a dataset without anything that runs gave it.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum, filled, stacked or empty.
    keep : iterable of str
        Variables of the data model that stay.

    Returns
    -------
    template : Dataset
        Without the variables of the data model, and without what lies along ``obs`` or ``gti``,
        coordinates too. Variables of the user's own stay.
    """
    tables = {"obs", "gti"}
    stale = [
        name
        for name, variable in ds.variables.items()
        if tables & set(variable.dims)
        or (name in VARIABLES and name in ds.data_vars and name not in keep)
    ]
    return ds.drop_vars(stale)


def named(ds: xr.Dataset, name: str | None) -> xr.Dataset:
    """Return a dataset under another name, with attributes of its own.

    Parameters
    ----------
    ds : Dataset
        Any; it is left as it is.
    name : str or None
        Its new name; None keeps the old one.

    Returns
    -------
    ds : Dataset
        A new dataset of the same variables.

    Examples
    --------
    >>> import xarray as xr
    >>> named(xr.Dataset(attrs={"name": "old"}), "new").attrs
    {'name': 'new'}
    """
    return ds.assign_attrs({} if name is None else {"name": name})


def with_data(
    ds: xr.Dataset, variables: Mapping[str, xr.Variable], attrs: Mapping[Any, Any] | None = None
) -> xr.Dataset:
    """Return a dataset with data variables added or replaced, as `assign` does, without merging.

    Parameters
    ----------
    ds : Dataset
        Its labels stay as they are.
    variables : mapping of str to Variable
        Data variables. Anything but new values on the dims of the dataset, or on dims without
        labels, is left to `assign`.
    attrs : mapping, optional
        Attributes of the result. By default, those of `ds`.

    Returns
    -------
    ds : Dataset
        New; it shares its arrays with `ds`.
    """
    sizes: dict[Any, int] = {}
    own = dict(ds.variables)
    replaced = own.keys() & variables.keys()
    plain = not any(name in ds.coords for name in replaced)
    if replaced:
        kept = {d for name, v in own.items() if name not in variables for d in v.dims}
        sizes = {d: n for d, n in ds.sizes.items() if d in kept}
    else:
        sizes = dict(ds.sizes)
    for variable in variables.values():
        for dim, size in zip(variable.dims, variable.shape, strict=True):
            plain = plain and sizes.setdefault(dim, size) == size
    plain = plain and not variables.keys() & sizes.keys()
    given = dict(ds.attrs if attrs is None else attrs)
    if plain:
        made: xr.Dataset = grown(ds, variables, sizes, given)
        return made
    made = ds.assign(dict(variables))
    made.attrs = given
    return made
