"""Damage to NetCDF files and Zarr stores: chunks, variables, attributes and names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from tests.fuzz.mutant import Mutant, damaged_values

__all__ = ["chunk_mutants", "netcdf_mutants"]

ATTRS: tuple[Any, ...] = (None, "nonsense", "", -1, 0, np.nan, 2**40, [1, 2, 3], "kg")


def netcdf_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages by intent of each NetCDF file of a product."""
    for path in sorted(folder.rglob("*.nc")):
        name = str(path.relative_to(folder))
        with netCDF4.Dataset(path) as file:
            for group in _walk(file):
                yield from _group_mutants(name, group)


def _walk(group: Any) -> Iterator[Any]:
    yield group
    for child in group.groups.values():
        yield from _walk(child)


def _group_mutants(name: str, group: Any) -> Iterator[Mutant]:
    at = group.path
    for attr in group.ncattrs():
        for value in ATTRS:
            apply = partial(_set_attr, name=name, group=at, variable=None, attr=attr, value=value)
            yield Mutant("headers", f"{name}{at} {attr}={value!r}", apply, meant=True)
    for key, variable in group.variables.items():
        for attr in variable.ncattrs():
            # Without a scale, another unit of nothing is nothing: those of coordinates are meant.
            for value in ATTRS:
                apply = partial(
                    _set_attr, name=name, group=at, variable=key, attr=attr, value=value
                )
                what = f"{name}{at} {key}.{attr}={value!r} (was {variable.getncattr(attr)!r})"
                yield Mutant(
                    "units" if attr == "units" else "headers",
                    what,
                    apply,
                    attr != "units" or value is None,
                )
        if variable.dtype != str and variable.dtype.kind in "if":
            axis = key.endswith(("_lo", "_hi"))
            for damage, new in damaged_values(np.asarray(variable[...])).items():
                apply = partial(_set_values, name=name, group=at, variable=key, values=new)
                bad = axis or damage in ("NaN", "all NaN", "infinite", "negative")
                yield Mutant(
                    "axes" if axis else "columns", f"{name}{at} {key}: {damage}", apply, not bad
                )
        apply = partial(_rename, name=name, group=at, variable=key)
        yield Mutant("columns", f"{name}{at} {key} renamed", apply, meant=True)


def _set_attr(
    folder: Path, name: str, group: str, variable: str | None, attr: str, value: Any
) -> None:
    with netCDF4.Dataset(folder / name, "a") as file:
        node = file if group == "/" else file[group]
        owner = node if variable is None else node.variables[variable]
        owner.delncattr(attr)
        if value is not None:
            owner.setncattr(attr, value)


def _set_values(folder: Path, name: str, group: str, variable: str, values: np.ndarray) -> None:
    with netCDF4.Dataset(folder / name, "a") as file:
        node = file if group == "/" else file[group]
        node.variables[variable].set_auto_mask(False)
        node.variables[variable][...] = values


def _rename(folder: Path, name: str, group: str, variable: str) -> None:
    with netCDF4.Dataset(folder / name, "a") as file:
        (file if group == "/" else file[group]).renameVariable(variable, "other")


def chunk_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield losses and exchanges of the chunks and arrays of each Zarr store of a product."""
    chunks = [
        p for p in sorted(folder.rglob("*")) if p.is_file() and "c" in p.parts and p.suffix == ""
    ]
    names = [str(p.relative_to(folder)) for p in chunks]
    for name in names:
        yield Mutant("chunks", f"{name} lost", partial(_unlink, name=name))
        yield Mutant("chunks", f"{name} empty", partial(_empty, name=name))
    for one, two in pairwise(names):
        yield Mutant("chunks", f"{one} and {two} exchanged", partial(_swap, one=one, two=two), True)
    for path in sorted(folder.rglob("zarr.json")):
        name = str(path.relative_to(folder))
        yield Mutant("chunks", f"{name} lost", partial(_unlink, name=name), True)
        if path.parent != folder:
            place = str(path.parent.relative_to(folder))
            yield Mutant("chunks", f"{place}/ lost", partial(_rmtree, name=place))


def _unlink(folder: Path, name: str) -> None:
    (folder / name).unlink()


def _empty(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")


def _swap(folder: Path, one: str, two: str) -> None:
    a, b = (folder / one).read_bytes(), (folder / two).read_bytes()
    (folder / one).write_bytes(b)
    (folder / two).write_bytes(a)


def _rmtree(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name)
