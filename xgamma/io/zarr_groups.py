"""Open the groups of a Zarr folder; identical metadata are parsed only once.

A collection of a thousand datasets has tens of thousands of arrays, and xarray takes about a
millisecond for each. Most of their descriptions are the same text, and most of their labels the
same bytes. So the first group of each make is opened by xarray, and of the others descriptions
and labels are read as bytes: they take over what was made of the same bytes before. A group with
anything that xarray would decode is left to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from xarray.indexes import PandasIndex

from xgamma.core.lazy_arrays import LazyArray, lazy_data
from xgamma.io.cf import assembled, restore, restored_attrs
from xgamma.io.zarr_broken import read_errors, same_version, version_of
from xgamma.io.zarr_documents import (
    TEXTS,
    Array,
    Documents,
    Group,
    UnusualError,
    read,
    values_of,
    walk,
)
from xgamma.io.zarr_engine import GuardedZarr
from xgamma.io.zarr_seal import require_folder_whole
from xgamma.model.frame_index import FrameIndex
from xgamma.model.stamp import is_stamp, stamp_of

__all__ = ["open_groups"]


def open_groups(place: Path) -> dict[str, xr.Dataset] | None:
    """Open the groups of a Zarr folder lazily, restored as `xgamma.io.cf.restore` does.

    Parameters
    ----------
    place : Path
        Folder.

    Returns
    -------
    nodes : dict of str to Dataset, or None
        By path, parents first. None for a store with a single group, and for one that is damaged
        or has a form that only xarray can judge.
    """
    documents = Documents()
    try:
        groups, described = walk(place, documents)
    except (UnusualError, OSError, ValueError, KeyError, TypeError, RecursionError):
        require_folder_whole(place)
        return None
    require_folder_whole(place, described)
    if len(groups) < 2:
        return None
    try:
        reader = _Reader(place, documents)
        return {path: reader.open(path, group) for path, group in groups.items()}
    except (UnusualError, OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


class _Template(NamedTuple):
    """The first group of its make: what it says, and the dataset made of it."""

    arrays: dict[str, Array]
    variables: dict[str, xr.Variable]
    encoding: dict[Any, Any]
    coords: frozenset[str]
    labels: frozenset[str]
    eager: frozenset[str]


class _Lazy(LazyArray):
    """An array that is opened when it is first read."""

    def __init__(self, place: str, path: str, shape: tuple[int, ...], dtype: Any):
        self.place, self.path, self.shape, self.dtype = place, path, shape, dtype
        self.seen = version_of(place, path)

    outer = True

    def read_part(self, key: tuple[Any, ...]) -> Any:
        import zarr

        basic = all(isinstance(k, (int, np.integer, slice)) for k in key)
        with same_version(self.place, self.path, self.seen):
            array = zarr.open_array(self.place, path=self.path, mode="r")
            with read_errors(array):
                return np.asarray(array[key] if basic else array.oindex[key], dtype=self.dtype)


class _Reader:
    """Makes the datasets of the groups of one store."""

    def __init__(self, place: Path, documents: Documents):
        self.place, self.documents = str(place), documents
        self.templates: dict[Any, _Template | None] = {}
        self.values: dict[Any, np.ndarray] = {}
        self.indexes: dict[Any, xr.Index] = {}

    def open(self, path: str, group: Group) -> xr.Dataset:
        """Return the dataset of a group."""
        arrays = {name: self.documents.array(text) for name, text in group.arrays.items()}
        attrs = self.documents.parse(group.document).get("attributes", {})
        makes = tuple((name, array.make) for name, array in arrays.items())
        make = (makes, attrs.get("coordinates"))
        template = self.templates.get(make)
        ds = None if template is None else self._like(template, path, arrays, attrs)
        if ds is not None:
            return ds
        stored = xr.open_dataset(self.place, group=path, engine=GuardedZarr, consolidated=False)
        ds = restore(stored)
        if path != "/":
            ds.encoding.pop("source", None)
        if make not in self.templates:
            self.templates[make] = _template(arrays, ds)
        return ds

    def _like(
        self, first: _Template, path: str, arrays: dict[str, Array], attrs: dict[str, Any]
    ) -> xr.Dataset | None:
        """Return the dataset of a group of the same make; None if it differs otherwise too."""
        variables: dict[Any, xr.Variable] = {}
        indexes: dict[Any, xr.Index] = {}
        for name, model in first.variables.items():
            array, inner = arrays[name], f"{path}/{name}".lstrip("/")
            own = _patched(model.attrs, first.arrays[name].attrs, array.attrs)
            if own is None or (not array.whole and name in first.eager):
                return None
            if name == "wcs":
                indexes[name] = frame = self._frame(own)
                variables |= frame.create_variables()
                continue
            if name in first.labels:
                indexes[name], variable = self._labels(name, inner, array)
                variable.attrs = own
            elif name in first.eager:
                values = self._values(inner, array)[1]
                # Text is as wide as it is: that of the first group says nothing.
                dtype = values.dtype if array.kind in TEXTS else model.dtype
                variable = xr.Variable(array.dims, values.astype(dtype), own)
            else:
                lazy = lazy_data(_Lazy(self.place, inner, array.shape, model.dtype))
                variable = xr.Variable(array.dims, lazy, own)
            variable.encoding = _encoding(model.encoding, array)
            variables[name] = variable
        kept = {k: v for k, v in attrs.items() if not _is_hidden(k)}
        own = restored_attrs(kept)
        stamp = {}
        if {"wcs", "x"} <= first.coords:
            stamp = stamp_of(variables["wcs"].attrs, variables["x"])
        coords = first.coords.union(map(str, stamp))
        return assembled(variables | stamp, coords, indexes, own, dict(first.encoding))

    def _frame(self, attrs: dict[str, Any]) -> FrameIndex:
        key = repr(attrs)
        if key not in self.indexes:
            self.indexes[key] = FrameIndex(attrs)
        frame = self.indexes[key]
        assert isinstance(frame, FrameIndex)
        return frame

    def _labels(self, name: object, path: str, array: Array) -> tuple[xr.Index, xr.Variable]:
        """Return the index of a dimension, and a variable that shows its labels."""
        key, values = self._values(path, array)
        if (name, key) not in self.indexes:
            self.indexes[name, key] = PandasIndex(values, name)
        return self.indexes[name, key], self.indexes[name, key].create_variables()[name]

    def _values(self, path: str, array: Array) -> tuple[Any, np.ndarray]:
        """Return the values of an array in one chunk, and a key that only its equals have."""
        raw = read("/".join([self.place, path, "c", *("0" for _ in array.shape)]))
        key = (array.make, array.shape, array.chunks, raw)
        if key not in self.values:
            if raw is None or array.packing is None:
                import zarr

                values = np.asarray(zarr.open_array(self.place, path=path, mode="r")[...])
                if array.kind == "string":
                    values = values.astype(object).astype(str)
            else:
                values = values_of(array, raw)
            self.values[key] = values
        return key, self.values[key]


def _template(arrays: dict[str, Array], ds: xr.Dataset) -> _Template | None:
    """Return a template if all of it is plain."""
    variables = {str(name): v for name, v in ds.variables.items() if not is_stamp(name)}
    coords = frozenset(str(name) for name in ds.coords if not is_stamp(name))
    texts = {name for name, array in arrays.items() if array.kind in TEXTS}
    labels = frozenset(map(str, ds.xindexes)) - {"wcs"}
    plain = all(array.plain for array in arrays.values()) and not labels & texts
    plain &= not any("dtype" in arrays[name].attrs for name in labels)
    plain &= all(type(index) in (PandasIndex, FrameIndex) for index in ds.xindexes.values())
    plain &= all(arrays[name].dims == v.dims for name, v in variables.items())
    if not plain:
        return None
    encoding = {key: value for key, value in ds.encoding.items() if key != "source"}
    return _Template(arrays, variables, encoding, coords, labels, coords | texts)


def _is_hidden(attr: str) -> bool:
    """Return whether xarray keeps an attribute of a group to itself."""
    return attr == "coordinates" or attr.lower().startswith("_nc")


def _patched(
    made: dict[Any, Any], first: dict[str, Any], mine: dict[str, Any]
) -> dict[Any, Any] | None:
    """Return attributes as they were made for the first group, with the values of another.

    None if they differ in one that was not taken as it is.
    """
    if first == mine:
        return dict(made)
    changed = {k: v for k, v in mine.items() if first[k] != v}
    if any(key not in made or made[key] != first[key] for key in changed):
        return None
    return {**made, **changed}


def _encoding(first: dict[Any, Any], array: Array) -> dict[Any, Any]:
    encoding = dict(first)
    if "chunks" in encoding:
        encoding["chunks"] = array.chunks
        encoding["preferred_chunks"] = dict(zip(array.dims, array.chunks, strict=True))
    return encoding
